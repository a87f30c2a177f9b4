/* Modes that move bytes. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "load.h"

/* How long after the last byte more is waited for, where the server does not close. */
#define QUIET 1.0

/* How much of the file has come. Outside BINARY, what a Telnet server sends for CR is CR NUL or CR LF. */
static uint64_t arrived(const struct conn *c) {
  bool telnet = options.protocol == TELNET || options.protocol == GATEWAY;
  bool plain = !telnet || c->telnet.remote[0] == 1;
  return plain ? c->sum.length : c->decoded.length;
}

/* The program prints a file: how fast does it come, and is it the file? */
void mode_throughput(void) {
  struct sum expected = sum_of_file(options.expect, options.onlcr);
  struct conn *c = conns_new(1);
  double end = now() + options.limit;
  bool told = false;
  conn_start(c);
  while (!c->eof && now() < end) {
    turn(50);
    bool all = arrived(c) >= expected.length;
    if (all && !told) event("arrived");
    told = told || all;
    if (all && now() - c->last > QUIET) break;
  }
  if (!told) event("arrived");
  double seconds = c->last - c->first;
  printf("{\"mb_s\":%.3f,\"bytes\":%llu,\"wire_percent\":%.3f,\"missing\":%lld,\"intact\":%s,\"decoded_intact\":%s,\"complete\":%s,\"eof\":%s}\n",
         seconds > 0 ? (double)c->sum.length / 1e6 / seconds : 0, (unsigned long long)c->sum.length,
         c->sum.length > 0 ? ((double)c->wire / (double)c->sum.length - 1) * 100 : -1,
         (long long)expected.length - (long long)arrived(c), sum_equal(c->sum, expected) ? "true" : "false",
         sum_equal(c->decoded, expected) ? "true" : "false", arrived(c) >= expected.length ? "true" : "false",
         c->eof ? "true" : "false");
}

/* A large paste to a program that echoes. */
void mode_paste(void) {
  uint8_t *text = malloc(options.bytes);
  if (text == NULL) fail("out of memory");
  uint32_t seed = 12345;
  for (uint64_t i = 0; i < options.bytes; i++) {
    seed = seed * 1664525u + 1013904223u;
    text[i] = (uint8_t)(i % 64 == 63 ? '\t' : 33 + (seed >> 24) % 93);
  }
  struct sum expected = EMPTY_SUM;
  sum_add(&expected, text, options.bytes);

  struct conn *c = conns_new(1);
  conn_start(c);
  if (!conns_await(c, 1, 10)) fail("the session did not start");
  double began = now(), end = began + options.limit, moved = began;
  uint64_t sent = 0, progress = 0;
  while (c->open && c->sum.length < options.bytes && now() < end && now() - moved < options.silence) {
    if (sent < options.bytes && c->out_length < 65536) {
      size_t n = options.bytes - sent < 65536 ? (size_t)(options.bytes - sent) : 65536;
      conn_type(c, text + sent, n);
      sent += n;
    }
    turn(sent < options.bytes && c->out_length < 65536 ? 0 : 50);
    uint64_t total = sent - c->out_length + c->sum.length;
    if (total != progress) moved = now();
    progress = total;
  }
  double seconds = c->last - began;
  printf("{\"mb_s\":%.3f,\"returned\":%llu,\"lost\":%lld,\"intact\":%s,\"complete\":%s}\n",
         c->sum.length > 0 && seconds > 0 ? (double)c->sum.length / 1e6 / seconds : 0,
         (unsigned long long)c->sum.length, (long long)options.bytes - (long long)c->sum.length,
         sum_equal(c->sum, expected) ? "true" : "false", c->sum.length >= options.bytes ? "true" : "false");
}

/* A client that does not read while its program floods, and later reads on: are all bytes still there? */
void mode_slow(void) {
  struct conn *c = conns_new(1);
  verify_records = true;
  conn_start(c);
  if (!conns_await(c, 1, 10)) fail("the session did not start");
  event("stalled");
  hold(options.hold);
  double began = now(), end = began + options.read_on;
  uint64_t before = c->sum.length;
  while (now() < end && c->open) turn(50);
  printf("{\"mb_s_after\":%.2f,\"read_after\":%llu,\"right\":%s,\"closed\":%s}\n",
         (double)(c->sum.length - before) / 1e6 / (now() - began), (unsigned long long)(c->sum.length - before),
         c->wrong ? "false" : "true", c->eof ? "true" : "false");
}
