#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../records.h"
#include "load.h"

#define STX 2
#define BLOCK (1024 * RECORD_BYTES)

static int epoll;
static uint8_t buffer[1 << 18];
bool verify_records;
int conns_started, conns_failed;

void poll_init(void) { epoll = epoll_create1(EPOLL_CLOEXEC); }

struct conn *conns_new(int count) { return calloc((size_t)(count > 0 ? count : 1), sizeof(struct conn)); }

/* ---- what goes out ---- */

static void watch(struct conn *c) {
  c->wants_write = c->out_length > 0;
  struct epoll_event e = {.events = EPOLLIN | (c->wants_write ? EPOLLOUT : 0u), .data.ptr = c};
  epoll_ctl(epoll, c->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &e);
  c->registered = true;
}

static void flush(struct conn *c) {
  while (c->out_length > 0) {
    ssize_t n = send(c->fd, c->out + c->out_offset, c->out_length, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == ENOTCONN)) break;
    if (n < 0) {
      c->error = errno;
      n = (ssize_t)c->out_length;
    }
    c->out_offset += (size_t)n;
    c->out_length -= (size_t)n;
  }
  if (c->out_length == 0) c->out_offset = 0;
  if (c->registered && c->wants_write != (c->out_length > 0)) watch(c);
}

void conn_put(struct conn *c, const void *bytes, size_t length) {
  if (!c->open) return;
  if (c->out_offset + c->out_length + length > c->out_room) {
    memmove(c->out, c->out + c->out_offset, c->out_length);
    c->out_offset = 0;
  }
  if (c->out_length + length > c->out_room) {
    c->out_room = (c->out_length + length) * 2 + 256;
    c->out = realloc(c->out, c->out_room);
    if (c->out == NULL) fail("out of memory");
  }
  memcpy(c->out + c->out_offset + c->out_length, bytes, length);
  c->out_length += length;
  flush(c);
}

void conn_say(struct conn *c, const void *bytes, size_t length) {
  if (options.protocol == GATEWAY)
    websocket_send(c, 0, bytes, length);
  else
    conn_put(c, bytes, length);
}

void conn_type(struct conn *c, const void *bytes, size_t length) {
  if (options.protocol == TTYD)
    websocket_send(c, '0', bytes, length);
  else
    conn_say(c, bytes, length);
}

/* ---- the connection ---- */

void conn_start(struct conn *c) {
  char *out = c->out;
  size_t room = c->out_room;
  *c = (struct conn){.out = out, .out_room = room, .sum = EMPTY_SUM, .decoded = EMPTY_SUM, .open = true};
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) fail("socket: %s", strerror(errno));
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)options.port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  c->began = now();
  if (connect(c->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) {
    c->error = errno;
    c->eof = true;
    conn_close(c);
    return;
  }
  watch(c);
  static const char proxy_header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 50000 23\r\n";
  if (options.proxy_header) conn_put(c, proxy_header, sizeof proxy_header - 1);
  if (options.protocol == TTYD || options.protocol == GATEWAY) websocket_open(c);
}

void conn_close(struct conn *c) {
  if (!c->open) return;
  if (!c->started) conns_failed++;
  close(c->fd);
  c->open = c->registered = false;
}

void conn_read(struct conn *c, int reads) {
  while (reads-- > 0 && c->open) {
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      if (n < 0) c->error = errno;
      c->eof = true;
      conn_close(c);
      return;
    }
    uint64_t before = c->sum.length;
    c->wire += (uint64_t)n;
    if (options.protocol == TELNET)
      telnet_receive(c, buffer, (size_t)n);
    else if (options.protocol == TTYD || options.protocol == GATEWAY)
      websocket_receive(c, buffer, (size_t)n);
    else
      conn_payload(c, buffer, (size_t)n);
    if (c->sum.length != before) c->last = now();
    if (c->eof) conn_close(c);
    if ((size_t)n < sizeof buffer) return;
  }
}

void turn(int milliseconds) {
  struct epoll_event events[512];
  int n = epoll_wait(epoll, events, 512, milliseconds);
  for (int i = 0; i < n; i++) {
    struct conn *c = events[i].data.ptr;
    if (c->open && events[i].events & EPOLLOUT) flush(c);
    if (c->open && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) conn_read(c, 4);
  }
}

int conns_await(struct conn *c, int count, double seconds) {
  double end = now() + seconds;
  for (;;) {
    int started = 0, ended = 0;
    for (int i = 0; i < count; i++) {
      started += c[i].started;
      ended += c[i].eof && !c[i].started;
    }
    if (started + ended >= count || now() > end) return started;
    turn(20);
  }
}

/* ---- the payload ---- */

/* NUL is not a part of records; some servers send CR NUL. */
static const uint8_t *without_nul(const uint8_t *bytes, size_t *length) {
  static uint8_t rest[sizeof buffer];
  if (memchr(bytes, 0, *length) == NULL) return bytes;
  size_t n = 0;
  for (size_t i = 0; i < *length; i++)
    if (bytes[i] != 0) rest[n++] = bytes[i];
  *length = n;
  return rest;
}

/* Compares with the records that should be at this place. */
static void verify(struct conn *c, const uint8_t *bytes, size_t length) {
  static char expected[BLOCK];
  static uint64_t of = UINT64_MAX;
  bytes = without_nul(bytes, &length);
  while (length > 0) {
    uint64_t block = c->not_nul / BLOCK;
    size_t offset = c->not_nul % BLOCK, n = BLOCK - offset < length ? BLOCK - offset : length;
    if (of != block) records(expected, block * (BLOCK / RECORD_BYTES), BLOCK / RECORD_BYTES, 1);
    of = block;
    if (!c->wrong && memcmp(expected + offset, bytes, n)) c->wrong = true;
    bytes += n;
    length -= n;
    c->not_nul += n;
  }
}

/* CR NUL is CR, also when the two come apart. */
static void add_decoded(struct conn *c, const uint8_t *p, size_t length) {
  const uint8_t *end = p + length;
  while (p < end) {
    if (c->after_cr && *p == 0) p++;
    c->after_cr = false;
    const uint8_t *cr = memchr(p, '\r', (size_t)(end - p));
    const uint8_t *run = cr ? cr + 1 : end;
    sum_add(&c->decoded, p, (size_t)(run - p));
    c->after_cr = cr != NULL;
    p = run;
  }
}

void conn_payload(struct conn *c, const uint8_t *bytes, size_t length) {
  if (!c->started) {
    const uint8_t *stx = memchr(bytes, STX, length);
    if (stx == NULL) return;
    c->started = true;
    conns_started++;
    c->first = now();
    length -= (size_t)(stx + 1 - bytes);
    bytes = stx + 1;
  }
  if (length == 0) return;
  if (c->key != 0 && memchr(bytes, c->key, length)) c->hit = true;
  if (verify_records) verify(c, bytes, length);
  sum_add(&c->sum, bytes, length);
  if (options.expect != NULL) add_decoded(c, bytes, length);
}
