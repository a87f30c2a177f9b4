/*
 * From a key to its echo, alone or beside sessions that flood. The floods are read by another process, and the client
 * asks for a real-time priority, so that its own queues are not what is measured.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define LOST_AFTER 3.0 /* seconds without an echo */

/* Results of the thread that reads the floods. */
struct shared {
  volatile uint64_t bytes;
  volatile int flooding;
};

static void pause_us(long us) {
  nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

/* In a process of its own, until it is killed. */
static _Noreturn void read_floods(struct shared *shared) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  poll_init();
  struct conn *c = conns_new(options.floods);
  for (int i = 0; i < options.floods; i++) conn_start(&c[i]);
  for (;;) {
    turn(100);
    uint64_t bytes = 0;
    int flooding = 0;
    for (int i = 0; i < options.floods; i++) {
      if (c[i].started && !c[i].over) {
        c[i].over = true;
        conn_type(&c[i], "F", 1);
      }
      bytes += c[i].sum.length;
      flooding += c[i].sum.length > 0;
    }
    shared->bytes = bytes;
    shared->flooding = flooding;
  }
}

static pid_t start_floods(struct shared *shared) {
  pid_t pid = fork();
  if (pid == 0) read_floods(shared);
  double end = now() + 10 + options.floods / 20; /* the first ones flood while the last ones start */
  while (now() < end && shared->flooding < options.floods) pause_us(5000);
  if (shared->flooding < options.floods) {
    kill(pid, SIGKILL);
    fail("only %d of %d floods started", shared->flooding, options.floods);
  }
  pause_us(300 * 1000);
  return pid;
}

/* Types one key; returns the time to its echo in microseconds, or -1. */
static double key(struct conn *c, uint8_t key) {
  c->key = key;
  c->hit = false;
  double began = now(), end = began + LOST_AFTER;
  conn_type(c, &key, 1);
  while (!c->hit && !c->eof && now() < end) {
    struct pollfd p = {c->fd, POLLIN, 0};
    if (poll(&p, 1, (int)((end - now()) * 1000) + 1) > 0) conn_read(c, 1);
  }
  return c->hit ? (now() - began) * 1e6 : -1;
}

void mode_latency(void) {
  struct conn *c = conns_new(1);
  struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  conn_start(c);
  if (!conns_await(c, 1, 10)) fail("the session did not start");
  conn_type(c, "E", 1); /* h-multi's choice */
  pid_t floods = options.floods > 0 ? start_floods(shared) : 0;

  bool realtime = go_realtime();
  double *us = malloc(sizeof *us * (size_t)options.keys);
  int answered = 0, lost = 0;
  uint64_t before = shared->bytes;
  double began = now(), end = began + options.limit;
  for (int i = 0; i < options.keys && now() < end && !c->eof; i++) {
    pause_us(options.interval_us);
    double taken = key(c, (uint8_t)('a' + i % 26));
    if (taken < 0)
      lost++;
    else
      us[answered++] = taken;
  }
  double seconds = now() - began;
  uint64_t flooded = shared->bytes - before;
  if (floods) {
    kill(floods, SIGKILL);
    waitpid(floods, NULL, 0);
  }
  sort(us, answered);
  printf("{\"answered\":%d,\"lost\":%d,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,\"flood_mb_s\":%.2f,\"realtime\":%s,\"still\":%s,\"complete\":%s}\n",
         answered, lost, quantile(us, answered, 0.5), quantile(us, answered, 0.99), quantile(us, answered, 1),
         (double)flooded / 1e6 / seconds, realtime ? "true" : "false", options.floods > 0 && flooded == 0 ? "true" : "false",
         answered == options.keys ? "true" : "false");
}
