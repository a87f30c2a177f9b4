/*
 * The fast path: a key and its echo without JavaScript.
 *
 * A server that sleeps between two keys runs cold code for each. A key that takes 15 us while keys come in a row takes
 * 150 us when one comes every few milliseconds; nearly all of that is cache misses in JavaScript and its callers. In C
 * the same path is about ten functions long. So between two calls of JavaScript a few plain bytes pass here, if
 * JavaScript has opened the fast path (src/session/fast-path.ts lists what blocks it).
 *
 * JavaScript opens the fast path again at the end of each turn. Whatever it does next, and every call of it, closes the
 * fast path (fast_path_close). So it needs to know the state at the end of its turn only. A thread can pass a flood
 * (terminal/flood_send.c): then output may also pass during a turn of JavaScript, until its first such call.
 * The bytes that passed are counted, and copied for observers (tee.c).
 *
 * Output that only has to be escaped (RFC 854, RFC 856) also passes: the loop escapes it here as src/protocol/engine/
 * nvt.ts does. The thread sends only what needs no escape: beside a flood of random data, reading and escaping use two
 * CPUs. Escapes are pairs of bytes, and so is CR LF. Nothing may come between the two: if the kernel takes the first
 * byte of a pair alone, the second is the connection's `rest`, which it sends before everything else.
 */
#include "telpty.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum { NUL = 0, BS = 8, LF = 10, CR = 13, ESC = 27, DEL = 127, IAC = 255 };

/*
 * No part of a Telnet command or of an end of line, and no erase key, from which the session learns the client's erase
 * character.
 */
static bool plain_input(const unsigned char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++)
    switch (bytes[i]) {
      case NUL: case BS: case LF: case CR: case DEL: case IAC:
        return false;
    }
  return true;
}

/* Begins a synchronized update (DEC mode 2026): JavaScript holds the frame back until it is complete. */
static const char FRAME[] = "\033[?2026h";
enum { FRAME_LENGTH = sizeof FRAME - 1 };

/* Whether the sequence that begins a frame is in `bytes`. */
static bool opens_frame(const char *bytes, size_t length) {
  const char *const end = bytes + length;
  for (const char *at = bytes; (at = memchr(at, FRAME[2], (size_t)(end - at))) != NULL; at++)
    if (at - bytes >= 2 && at[-1] == FRAME[1] && at[-2] == FRAME[0]) {
      if (end - at >= FRAME_LENGTH - 2 && memcmp(at, FRAME + 2, FRAME_LENGTH - 2) == 0) return true;
    }
  return false;
}

/*
 * How many bytes at the end of the output can only be judged when the next byte is known: a CR, whose LF may follow, or
 * the beginning of a frame's sequence.
 */
size_t fast_path_tail(const char *bytes, size_t length) {
  if (length == 0) return 0;
  if (bytes[length - 1] == CR) return 1;
  for (size_t tail = length < FRAME_LENGTH - 1 ? length : FRAME_LENGTH - 1; tail > 0; tail--)
    if (bytes[length - tail] == FRAME[0] && memcmp(bytes + length - tail, FRAME, tail) == 0) return tail;
  return 0;
}

/* Whether a CR is followed by another byte than LF, or is the last byte. */
static bool has_bare_cr(const char *bytes, size_t length) {
  const char *const end = bytes + length;
  for (const char *at = bytes; (at = memchr(at, CR, (size_t)(end - at))) != NULL; at++)
    if (at + 1 == end || at[1] != LF) return true;
  return false;
}

/* The length of the output without its tail, if it has nothing to escape and nothing to hold back; else 0. */
size_t fast_path_plain(const char *bytes, size_t length) {
  const size_t plain = length - fast_path_tail(bytes, length);
  return memchr(bytes, IAC, plain) == NULL && !has_bare_cr(bytes, plain) && !opens_frame(bytes, plain) ? plain : 0;
}

/*
 * Sends plain output and returns how many bytes. If the kernel takes a CR and has no room for its LF, the LF counts as
 * sent, and `lf_pending` is set: the connection then sends it before everything else. Otherwise a flush or a command
 * could separate the two. Any thread.
 */
size_t fast_path_send(int fd, const char *bytes, size_t length, bool *lf_pending) {
  ssize_t n;
  do n = send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n <= 0) return 0;
  if ((size_t)n == length || bytes[n - 1] != CR) return (size_t)n;
  *lf_pending = true;
  return (size_t)n + 1;
}

/* Sends the rest of a pair that was cut. While the socket has no room, the connection is polled for it. */
void fast_path_send_rest(struct conn *c) {
  ssize_t n;
  if (c == NULL || !c->cut) return;
  do n = send(c->fd, &c->rest, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  /* after an error nothing can be sent any more */
  c->cut = n < 0 && errno == EAGAIN;
  if (c->cut)
    conn_poll(c);
  else if (c->open)
    flood_reader_open_path(c->pty, true);
}

/*
 * The only function that closes the fast path, before JavaScript is called or when it has called. After that no thread
 * uses the connection.
 */
void fast_path_close(struct conn *c) {
  if (c == NULL || !c->open) return;
  c->open = false;
  flood_reader_open_path(c->pty, false);
  fast_path_send_rest(c);
}

void fast_path_part(struct conn *c) {
  struct pty *p = c->pty;
  if (p == NULL) return;
  fast_path_close(c);
  c->pty = NULL;
  p->conn = NULL;
  pty_unref(p);
}

/* Writes received bytes to the terminal. Returns how many. */
size_t fast_path_type(struct conn *c, const char *bytes, size_t length) {
  struct pty *p = c->pty;
  if (!c->open || length > TYPED_BYTES || p->master < 0 || p->reaped || p->pending.memory != NULL ||
      !plain_input((const unsigned char *)bytes, length))
    return 0;
  if (!tee_begin(c->tee, INPUT, length)) return 0;
  const uint64_t now = uv_hrtime(); /* before the write: see delay.c */
  ssize_t n = write(p->master, bytes, length);
  tee_end(c->tee, INPUT, bytes, n > 0 ? (size_t)n : 0);
  if (n <= 0) return 0;
  c->typed += (size_t)n;
  c->typed_at = now;
  delay_key(p, c->typed_at);
  return (size_t)n;
}

/* The position of a byte, or `end`. */
static const char *find(const char *from, const char *end, int byte) {
  const char *at = memchr(from, byte, (size_t)(end - from));
  return at != NULL ? at : end;
}

/*
 * Escapes the output that fits into `room`, without cutting a pair. Returns the length of the result, and in `*taken`
 * that of the output. Under ESCAPING_NVT the output does not end in a CR.
 */
static size_t escape(enum escaping escaping, const char *bytes, size_t length, char *room, size_t size, size_t *taken) {
  const char *from = bytes, *const end = bytes + length;
  char *to = room, *const limit = room + size;
  const char *iac = find(from, end, IAC), *cr = escaping == ESCAPING_NVT ? find(from, end, CR) : end;
  for (;;) {
    const char *const first = iac < cr ? iac : cr;
    size_t plain = (size_t)(first - from);
    if (plain > (size_t)(limit - to)) plain = (size_t)(limit - to);
    memcpy(to, from, plain);
    from += plain;
    to += plain;
    if (from == end || from != first || limit - to < 2) break;
    *to++ = *from++;
    if (first == iac) {
      *to++ = (char)IAC;
      iac = find(from, end, IAC);
    } else {
      *to++ = *from == LF ? *from++ : NUL;
      cr = find(from, end, CR);
    }
  }
  *taken = (size_t)(from - bytes);
  return (size_t)(to - room);
}

/* The room for escaped output, on the stack: enough for a large send(2), and it stays in the CPU's cache. */
#define ESCAPED_BYTES (32 * 1024)

/* Escapes and sends. Returns how many bytes of the output. */
static size_t send_escaped(struct conn *c, const char *bytes, size_t length) {
  char room[ESCAPED_BYTES];
  size_t shown = 0;
  while (shown < length) {
    size_t taken;
    const size_t size = escape(c->escaping, bytes + shown, length - shown, room, sizeof room, &taken);
    ssize_t n;
    do n = send(c->fd, room, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n <= 0) break;
    if ((size_t)n < size && escape(c->escaping, bytes + shown, length - shown, room, (size_t)n, &taken) < (size_t)n) {
      /* The last byte that was sent is the first of a pair. */
      const char *const pair = bytes + shown + taken;
      c->cut = true;
      c->rest = *pair != CR ? (char)IAC : pair[1] == LF ? LF : NUL;
      taken += c->rest == LF ? 2 : 1;
    }
    shown += taken;
    c->shown += (size_t)n + c->cut;
    if ((size_t)n < size) break;
  }
  return shown;
}

/* Sends output, from one echo to 64 KiB of a flood. Returns how many bytes of it. */
size_t fast_path_show(struct pty *p, const char *bytes, size_t length) {
  struct conn *c = p->conn;
  if (c == NULL || !c->open || p->reaped || c->waiting || c->cut) return 0;
  const bool plain = fast_path_plain(bytes, length) == length;
  if (!plain && (c->escaping == ESCAPING_UNKNOWN || fast_path_tail(bytes, length) > 0 || opens_frame(bytes, length)))
    return 0;
  if (!tee_begin(c->tee, OUTPUT, length)) return 0;
  size_t shown;
  if (plain) {
    shown = fast_path_send(c->fd, bytes, length, &c->cut);
    c->rest = LF;
    c->shown += shown;
  } else {
    shown = send_escaped(c, bytes, length);
  }
  tee_end(c->tee, OUTPUT, bytes, shown);
  fast_path_send_rest(c);
  return shown;
}

/* connJoin(conn, pty): the two can have a fast path until either is closed or joined to another */
static napi_value js_join(napi_env env, napi_callback_info info) {
  napi_value args[2];
  struct conn *c;
  struct pty *p;
  if (!get_args(env, info, 2, args) || (c = conn_from_js(env, args[0])) == NULL ||
      (p = pty_from_js(env, args[1])) == NULL)
    return NULL;
  fast_path_part(c);
  if (p->conn != NULL || c->fd < 0 || p->master < 0) return NULL;
  pty_ref(p);
  c->pty = p;
  p->conn = c;
  return NULL;
}

static napi_value js_part(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct conn *c;
  if (!get_args(env, info, 1, args) || (c = conn_from_js(env, args[0])) == NULL) return NULL;
  fast_path_part(c);
  return NULL;
}

/* connOpenFastPath(conn, on, escaping) */
static napi_value js_open_fast_path(napi_env env, napi_callback_info info) {
  napi_value args[3];
  struct conn *c;
  bool on;
  int32_t escaping;
  if (!get_args(env, info, 3, args) || (c = conn_from_js(env, args[0])) == NULL ||
      napi_get_value_bool(env, args[1], &on) != napi_ok || napi_get_value_int32(env, args[2], &escaping) != napi_ok)
    return NULL;
  if (!on) {
    fast_path_close(c);
  } else if (c->pty != NULL) {
    c->open = true;
    c->escaping = (enum escaping)escaping;
    flood_reader_open_path(c->pty, true);
  }
  return NULL;
}

/*
 * connFastPathCounts(conn, result): bytes that took the fast path in and out, and the ms since the last of them came in
 */
static napi_value js_fast_path_counts(napi_env env, napi_callback_info info) {
  napi_value args[2];
  struct conn *c;
  void *data;
  size_t length;
  if (!get_args(env, info, 2, args) || (c = conn_from_js(env, args[0])) == NULL ||
      !get_bytes(env, args[1], 8, &data, &length) || length < 3)
    return NULL;
  if (c->pty != NULL) flood_reader_count(c->pty);
  double *result = data;
  result[0] = (double)c->typed;
  result[1] = (double)c->shown;
  result[2] = (double)(uv_hrtime() - c->typed_at) / 1e6;
  return NULL;
}

void fast_path_exports(napi_env env, napi_value exports) {
  export_function(env, exports, "connJoin", js_join);
  export_function(env, exports, "connPart", js_part);
  export_function(env, exports, "connOpenFastPath", js_open_fast_path);
  export_function(env, exports, "connFastPathCounts", js_fast_path_counts);
}
