/* Modes that open sessions. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "load.h"

/* A session that takes longer than this is given up. */
#define HUNG_AFTER 10.0

struct tally {
  int begun, ok, empty, hung;
  uint64_t bytes, fewest;
  int wrong;
  double *first_ms;
};

/* Counts a session that has ended. Returns false before that. */
static bool count(struct conn *c, struct tally *t) {
  bool hung = !c->eof && now() - c->began > HUNG_AFTER;
  if (!c->eof && !hung) return false;
  if (hung) {
    t->hung++;
  } else if (!c->started) {
    t->empty++;
  } else {
    t->first_ms[t->ok++] = (c->first - c->began) * 1e3;
    t->bytes += c->not_nul;
    t->wrong += c->wrong;
    if (c->not_nul < t->fewest) t->fewest = c->not_nul;
  }
  conn_close(c);
  return true;
}

/* `total` sessions of a program that prints and exits, `at_once` at a time. */
void mode_connect(void) {
  if (options.at_once > options.total) options.at_once = options.total;
  struct conn *c = conns_new(options.at_once);
  struct tally t = {.fewest = UINT64_MAX, .first_ms = malloc(sizeof(double) * (size_t)options.total)};
  verify_records = options.records;
  double began = now(), end = began + options.limit;
  for (; t.begun < options.at_once; t.begun++) conn_start(&c[t.begun]);
  int over = 0;
  while (over < options.total && now() < end) {
    turn(50);
    for (int i = 0; i < options.at_once; i++) {
      if (c[i].over || !count(&c[i], &t)) continue;
      over++;
      if (t.begun < options.total) {
        conn_start(&c[i]);
        t.begun++;
      } else {
        c[i].over = true;
      }
    }
  }
  double seconds = now() - began;
  sort(t.first_ms, t.ok);
  printf("{\"per_s\":%.2f,\"first_p50_ms\":%.3f,\"first_p99_ms\":%.3f,\"ok\":%d,\"empty\":%d,\"unfinished\":%d,\"bytes_avg\":%.1f,\"bytes_min\":%llu,\"wrong\":%d,\"complete\":%s}\n",
         t.ok / seconds, quantile(t.first_ms, t.ok, 0.5), quantile(t.first_ms, t.ok, 0.99), t.ok, t.empty,
         options.total - t.ok - t.empty, t.ok ? (double)t.bytes / t.ok : 0,
         (unsigned long long)(t.ok ? t.fewest : 0), t.wrong, over == options.total ? "true" : "false");
}

/* Opens some at a time, as a server's accept queue would rather have it. Returns how many started. */
static int open_all(struct conn *c, int count) {
  int started = 0;
  for (int i = 0; i < count; i++) {
    conn_start(&c[i]);
    if (i % 16 == 15 || i == count - 1) started = conns_await(c, i + 1, 10);
  }
  return started;
}

/* `warm` sessions that do nothing, then `conns` more. The runner looks at the server's memory at each event. */
void mode_idle(void) {
  struct conn *c = conns_new(options.warm + options.conns);
  if (open_all(c, options.warm) < options.warm) fail("not all sessions started");
  event("warm");
  hold(options.hold);
  double began = now();
  int started = open_all(c + options.warm, options.conns);
  double seconds = now() - began;
  event("holding");
  hold(options.hold);
  int total = options.warm + options.conns, echoed = 0;
  for (int i = 0; i < total; i++) {
    c[i].key = 'x';
    if (c[i].open) conn_type(&c[i], "x", 1);
  }
  for (double end = now() + 5; now() < end && echoed < total;) {
    turn(20);
    echoed = 0;
    for (int i = 0; i < total; i++) echoed += c[i].hit;
  }
  printf("{\"started\":%d,\"echoed\":%d,\"open_per_s\":%.1f,\"complete\":%s}\n", started, echoed,
         seconds > 0 ? started / seconds : 0, echoed == total ? "true" : "false");
}
