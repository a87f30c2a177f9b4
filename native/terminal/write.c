/*
 * From JavaScript to the terminal.
 *
 * One direct write(2): a keystroke is at the terminal when the call returns. The rest that does not fit is copied and
 * waits until poll reports room. Rejected: libuv's tty stream, which makes the descriptor blocking, so that a program
 * that stops reading would stop the server.
 *
 * Why there is a timer besides poll: Linux wakes a writer when the program reads (n_tty_check_unthrottle). The writer
 * then asks for room (pty_write_room), which counts the buffers between the two ends. A worker frees these a little
 * later and wakes no writer, so the wakeup may come too early. On Linux 6.18 this was not seen (nothing stalled without
 * the timer), but on another kernel a paste could stop indefinitely. The timer checks only terminals with unwritten
 * input, at growing intervals.
 */
#include "telpty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define RETRY_MS 50
#define LONGEST_WAIT 20 /* ticks: one write per second for a program that never reads */

static void look_again(uv_timer_t *timer);

static void start_retry(struct state *s) {
  if (!uv_is_active((uv_handle_t *)&s->retry)) uv_timer_start(&s->retry, look_again, RETRY_MS, RETRY_MS);
}

/* Forgets the rest of a write. The caller calls pty_poll() afterwards. */
static void forget_rest(struct pty *p) {
  free(p->pending.memory);
  p->pending.memory = NULL;
  list_remove(&p->write);
  /* at once, because a timer keeps the loop alive */
  if (list_empty(&p->state->writing)) uv_timer_stop(&p->state->retry);
}

/* Forgets the rest of a write, if there is one. */
void write_drop(struct pty *p) {
  if (p->pending.memory == NULL) return;
  forget_rest(p);
  pty_poll(p);
}

/*
 * There may be room: writes as much of the rest as fits. When all of it is written, or can never be, `written` is
 * called once. The caller holds a reference, and calls pty_poll() afterwards, not before: during a paste, `written`
 * begins the next write, so the wanted events stay the same, and each change of them is two system calls. Returns
 * whether anything was written.
 */
static bool write_rest(struct pty *p) {
  struct pending_write *w = &p->pending;
  if (w->memory == NULL) return false;
  ssize_t n;
  do n = write(p->master, w->data, w->length);
  while (n < 0 && errno == EINTR);
  if (n <= 0 && (n == 0 || errno == EAGAIN)) return false;
  if (n > 0 && (size_t)n < w->length) {
    w->data += n;
    w->length -= (size_t)n;
    return true;
  }
  forget_rest(p);
  call_js(p, ON_WRITTEN, 0, NULL);
  return true;
}

void write_ready(struct pty *p) { write_rest(p); }

static void look_again(uv_timer_t *timer) {
  struct state *s = timer->data;
  struct link round;
  list_init(&round);
  while (!list_empty(&s->writing)) {
    struct link *l = s->writing.next;
    list_remove(l);
    list_add(&round, l);
  }
  while (!list_empty(&round)) {
    struct link *l = round.next;
    struct pty *p = ENTRY(l, struct pty, write);
    list_remove(l);
    list_add(&s->writing, l);
    if (++p->pending.waited < p->pending.wait) continue;
    p->pending.waited = 0;
    pty_ref(p);
    if (write_rest(p))
      p->pending.wait = 1;
    else if (p->pending.wait < LONGEST_WAIT)
      p->pending.wait *= 2;
    pty_poll(p);
    pty_unref(p);
  }
  /* a write that completed may have found the list empty for the moment */
  if (!list_empty(&s->writing)) start_retry(s);
}

/*
 * write(pty, bytes): how many bytes the terminal took, or a negative errno. If fewer than given, a copy of the rest is
 * kept, and `written` is called when all of it is written. Until then another write fails with EBUSY.
 */
static napi_value js_write(napi_env env, napi_callback_info info) {
  napi_value args[2];
  struct pty *p;
  void *data;
  size_t length;
  if (!get_args(env, info, 2, args) || (p = pty_from_js(env, args[0])) == NULL ||
      !get_bytes(env, args[1], 1, &data, &length))
    return NULL;
  if (p->master < 0 || p->reaped) return js_int(env, -EIO);
  fast_path_close(p->conn);
  if (p->pending.memory != NULL) return js_int(env, -EBUSY);
  if (length == 0) return js_int(env, 0);
  const uint64_t typed_at = length <= TYPED_BYTES ? delay_before(p) : 0;
  ssize_t n;
  do n = write(p->master, data, length);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno != EAGAIN) return js_int(env, -errno);
  if (n < 0) n = 0;
  if (n > 0) delay_key(p, typed_at);
  if ((size_t)n < length) {
    struct pending_write *w = &p->pending;
    w->length = length - (size_t)n;
    w->memory = malloc(w->length);
    if (w->memory == NULL) return js_int(env, -ENOMEM);
    w->data = memcpy(w->memory, (const char *)data + n, w->length);
    w->wait = 1;
    w->waited = 0;
    list_add(&p->state->writing, &p->write);
    start_retry(p->state);
    pty_poll(p);
  }
  return js_int(env, n);
}

/*
 * flushInput(pty): drops the rest of a write and the input that the program has not read, in both queues of the kernel.
 */
static napi_value js_flush_input(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct pty *p;
  if (!get_args(env, info, 1, args) || (p = pty_from_js(env, args[0])) == NULL) return NULL;
  if (p->master < 0) return js_int(env, -EIO);
  fast_path_close(p->conn);
  write_drop(p);
  /* first the queue from the master to the terminal, then the terminal's own */
  tcflush(p->master, TCOFLUSH);
  return js_int(env, tcflush(p->slave, TCIFLUSH) < 0 ? -errno : 0);
}

/* flushOutput(pty): makes the terminal drop its unread output, as its interrupt key does */
static napi_value js_flush_output(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct pty *p;
  if (!get_args(env, info, 1, args) || (p = pty_from_js(env, args[0])) == NULL) return NULL;
  if (p->master < 0) return js_int(env, -EIO);
  return js_int(env, tcflush(p->slave, TCOFLUSH) < 0 ? -errno : 0);
}

/* unwritten(pty): the bytes of a write that the terminal has not taken yet */
static napi_value js_unwritten(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct pty *p;
  if (!get_args(env, info, 1, args) || (p = pty_from_js(env, args[0])) == NULL) return NULL;
  return js_int(env, p->pending.memory == NULL ? 0 : (int64_t)p->pending.length);
}

void write_state_init(struct state *s) {
  uv_timer_init(s->loop, &s->retry);
  s->retry.data = s;
  state_ref(s);
}

void write_exports(napi_env env, napi_value exports) {
  export_function(env, exports, "write", js_write);
  export_function(env, exports, "flushInput", js_flush_input);
  export_function(env, exports, "flushOutput", js_flush_output);
  export_function(env, exports, "unwritten", js_unwritten);
}
