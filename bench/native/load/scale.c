/*
 * Thousands of sessions at once: opens them, holds them, and then types on a few of them. The runner looks at the
 * server at each event.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "load.h"

/* After the last of them began, sessions that have not started have this number of seconds. */
#define START_WITHIN 30.0
/* Keys that are typed before those that count, one after the other: compilers at run time want to see something. */
#define WARM_KEYS 500
/* After the last key, echoes that have not arrived have this number of seconds. */
#define ECHO_WITHIN 3.0

/*
 * Opens `count`, never more than `at_once` of them at a time before their start. Returns the seconds until the last one
 * had started.
 */
static double open_window(struct conn *c, int count) {
  double began = now(), end = 0;
  int begun = 0;
  for (;;) {
    int over = conns_started + conns_failed;
    while (begun < count && begun - over < options.at_once) conn_start(&c[begun++]);
    if (over >= count) break;
    if (begun == count && end == 0) end = now() + START_WITHIN;
    if (end != 0 && now() > end) break;
    turn(20);
  }
  return now() - began;
}

struct typist {
  struct conn *conn;
  double due, sent;
  bool waiting;
};

struct echoes {
  double *us;
  int count, room, typed;
};

static void take_echo(struct typist *t, struct echoes *e) {
  if (!t->waiting || !t->conn->hit) return;
  t->waiting = false;
  if (e->count < e->room) e->us[e->count++] = (t->conn->last - t->sent) * 1e6;
}

/* Types the keys that are due and counts the echoes that have arrived; returns the number of outstanding echoes. */
static int type(struct typist *typists, int count, struct echoes *e, bool more) {
  int owed = 0;
  for (int i = 0; i < count; i++) {
    struct typist *t = &typists[i];
    take_echo(t, e);
    if (more && !t->waiting && t->conn->open && now() >= t->due) {
      t->conn->key = (uint8_t)('a' + e->typed % 26);
      t->conn->hit = false;
      t->waiting = true;
      t->sent = now();
      t->due += options.interval_us / 1e6;
      e->typed++;
      conn_type(t->conn, &t->conn->key, 1);
    }
    owed += t->waiting;
  }
  return owed;
}

static void warm_up(struct conn **c, int count) {
  for (int i = 0; i < WARM_KEYS && count > 0; i++) {
    struct conn *one = c[i % count];
    one->key = (uint8_t)('A' + i % 26);
    one->hit = false;
    conn_type(one, &one->key, 1);
    for (double end = now() + ECHO_WITHIN; !one->hit && one->open && now() < end;) turn(20);
  }
}

static double cpu_seconds(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

/* Each of `active` sessions, evenly chosen, types a key every `interval_us`, not all at the same moment. */
static struct echoes type_on_some(struct conn **c, int count) {
  int active = options.active < count ? options.active : count;
  struct typist *typists = calloc((size_t)active, sizeof *typists);
  struct echoes e = {.room = (int)(active * (options.limit * 1e6 / options.interval_us + 2))};
  e.us = malloc(sizeof *e.us * (size_t)e.room);
  double began = now(), end = began + options.limit;
  for (int i = 0; i < active; i++) {
    double share = (double)i / active;
    typists[i] = (struct typist){.conn = c[(int)(share * count)], .due = began + share * options.interval_us / 1e6};
  }
  while (now() < end) {
    type(typists, active, &e, true);
    turn(1);
  }
  for (end += ECHO_WITHIN; type(typists, active, &e, false) > 0 && now() < end;) turn(20);
  free(typists);
  return e;
}

void mode_scale(void) {
  int count = options.conns;
  struct conn *c = conns_new(count);
  double seconds = open_window(c, count);
  int started = conns_started, failed = conns_failed;
  event("open");
  hold(options.hold);

  double *first = malloc(sizeof *first * (size_t)count);
  struct conn **open = malloc(sizeof(struct conn *) * (size_t)count);
  int firsts = 0, kept = 0;
  for (int i = 0; i < count; i++) {
    if (!c[i].started) continue;
    first[firsts++] = (c[i].first - c[i].began) * 1e3;
    if (c[i].open) open[kept++] = &c[i];
  }
  sort(first, firsts);

  warm_up(open, kept);
  bool realtime = go_realtime();
  event("active");
  hold(options.hold);
  double cpu = cpu_seconds();
  struct echoes e = type_on_some(open, kept);
  cpu = cpu_seconds() - cpu;
  event("typed");
  hold(options.hold);
  sort(e.us, e.count);
  printf("{\"started\":%d,\"failed\":%d,\"kept\":%d,\"start_s\":%.3f,\"per_s\":%.1f,\"first_p50_ms\":%.2f,\"first_p99_ms\":%.2f,"
         "\"typed\":%d,\"lost\":%d,\"p50_us\":%.1f,\"p99_us\":%.1f,\"client_cpu_s\":%.3f,\"realtime\":%s,\"complete\":%s}\n",
         started, failed, kept, seconds, started / seconds, quantile(first, firsts, 0.5), quantile(first, firsts, 0.99),
         e.typed, e.typed - e.count, quantile(e.us, e.count, 0.5), quantile(e.us, e.count, 0.99), cpu,
         realtime ? "true" : "false", kept == count && e.count == e.typed ? "true" : "false");
}
