/*
 * load MODE --port N [options]: see load.h for the modes, main() for the options.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

struct options options = {
    .protocol = TELNET,
    .limit = 30,
    .conns = 100,
    .total = 300,
    .at_once = 8,
    .keys = 300,
    .interval_us = 3000,
    .bytes = 16 << 20,
    .silence = 3,
    .hold = 10,
    .read_on = 1,
};

double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void event(const char *name) {
  printf("{\"event\":\"%s\"}\n", name);
  fflush(stdout);
}

void hold(double seconds) {
  char line[64];
  struct pollfd p = {0, POLLIN, 0};
  if (poll(&p, 1, (int)(seconds * 1000)) > 0 && read(0, line, sizeof line) == 0) exit(0); /* the runner is gone */
}

void fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  printf("{\"error\":\"");
  vprintf(format, args);
  printf("\"}\n");
  va_end(args);
  exit(1);
}

bool go_realtime(void) {
  struct sched_param priority = {.sched_priority = 1};
  return sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

void sort(double *values, int count) { qsort(values, (size_t)count, sizeof *values, compare); }

double quantile(const double *sorted, int count, double share) {
  return count == 0 ? -1 : sorted[(int)(share * (count - 1) + 0.5)];
}

static enum protocol protocol(const char *name) {
  return !strcmp(name, "raw") ? RAW : !strcmp(name, "ttyd") ? TTYD : !strcmp(name, "gateway") ? GATEWAY : TELNET;
}

static void option(const char *name, const char *value) {
  struct options *o = &options;
  if (!strcmp(name, "--port")) o->port = atoi(value);
  else if (!strcmp(name, "--protocol")) o->protocol = protocol(value);
  else if (!strcmp(name, "--proxy-header")) o->proxy_header = atoi(value) != 0;
  else if (!strcmp(name, "--limit")) o->limit = atof(value);
  else if (!strcmp(name, "--conns")) o->conns = atoi(value);
  else if (!strcmp(name, "--warm")) o->warm = atoi(value);
  else if (!strcmp(name, "--total")) o->total = atoi(value);
  else if (!strcmp(name, "--at-once")) o->at_once = atoi(value);
  else if (!strcmp(name, "--active")) o->active = atoi(value);
  else if (!strcmp(name, "--records")) o->records = atoi(value) != 0;
  else if (!strcmp(name, "--keys")) o->keys = atoi(value);
  else if (!strcmp(name, "--interval-us")) o->interval_us = atoi(value);
  else if (!strcmp(name, "--floods")) o->floods = atoi(value);
  else if (!strcmp(name, "--expect")) o->expect = value;
  else if (!strcmp(name, "--onlcr")) o->onlcr = atoi(value) != 0;
  else if (!strcmp(name, "--bytes")) o->bytes = strtoull(value, NULL, 10);
  else if (!strcmp(name, "--silence")) o->silence = atof(value);
  else if (!strcmp(name, "--hold")) o->hold = atof(value);
  else if (!strcmp(name, "--read-on")) o->read_on = atof(value);
  else fail("unknown option %s", name);
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*run)(void);
  } modes[] = {{"throughput", mode_throughput}, {"paste", mode_paste},     {"slow", mode_slow},
               {"latency", mode_latency},       {"connect", mode_connect}, {"idle", mode_idle},
               {"scale", mode_scale}};
  if (argc < 2 || argc % 2 != 0) fail("usage: load MODE [--option value]...");
  for (int i = 2; i < argc; i += 2) option(argv[i], argv[i + 1]);
  if (options.port <= 0) fail("no port");
  signal(SIGPIPE, SIG_IGN);
  poll_init();
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    if (strcmp(modes[i].name, argv[1])) continue;
    modes[i].run();
    return 0;
  }
  fail("unknown mode %s", argv[1]);
}
