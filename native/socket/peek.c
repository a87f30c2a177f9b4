/*
 * Looks at the first bytes of a connection without reading them.
 *
 * The first bytes of a connection (TLS, a PROXY header) can decide which part reads it: this addon, Node's TLS, or
 * another process. So the bytes stay in the kernel (MSG_PEEK), except those that are taken with peekTake(), and the
 * socket is passed on unchanged.
 *
 * A socket whose bytes are not read is readable all the time. SO_RCVLOWAT makes the kernel report only when there is
 * more; it reports the end of the input, and errors, in any case. If it reports and there are no more bytes, the input
 * has ended, or urgent data begins here, which recv() does not pass. Then no more will be seen.
 */
#include "telpty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* In `state->peeks` while it is open. Freed when neither JavaScript nor the loop points to it. */
struct peek {
  struct state *state;
  unsigned refs;
  napi_ref owner; /* strong while it is open */
  struct link all;
  int fd; /* a copy; -1 when closed */
  uv_poll_t poll;
  bool raised; /* SO_RCVLOWAT was changed */
};

static void peek_unref(struct peek *p) {
  if (--p->refs == 0) free(p);
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  peek_unref(data);
}

static struct peek *peek_from_js(napi_env env, napi_value value) {
  void *data;
  if (napi_get_value_external(env, value, &data) == napi_ok) return data;
  napi_throw_type_error(env, NULL, "telpty addon: not a peek");
  return NULL;
}

static void poll_closed(uv_handle_t *handle) {
  struct peek *p = handle->data;
  state_unref(p->state);
  peek_unref(p);
}

static int set_low_mark(int fd, int bytes) {
  return setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes) < 0 ? -errno : 0;
}

static void peek_close(struct peek *p) {
  if (p->fd < 0) return;
  if (p->raised) set_low_mark(p->fd, 1);
  uv_close((uv_handle_t *)&p->poll, poll_closed);
  close(p->fd);
  p->fd = -1;
  list_remove(&p->all);
  napi_delete_reference(p->state->env, p->owner);
  p->owner = NULL;
}

static ssize_t receive(struct peek *p, size_t length, int flags) {
  ssize_t n;
  do n = recv(p->fd, p->state->peek_data, length, MSG_DONTWAIT | flags);
  while (n < 0 && errno == EINTR);
  return n < 0 ? -errno : n;
}

static void peek_ready(uv_poll_t *handle, int status, int events) {
  struct peek *p = handle->data;
  (void)events;
  ssize_t n = receive(p, p->state->peek_size, MSG_PEEK);
  if (n == -EAGAIN) {
    if (status == 0) return;
    n = status; /* libuv has stopped the poll */
  }
  uv_poll_stop(&p->poll);
  const int32_t result = (int32_t)n;
  call_owner(p->state, p->owner, ON_PEEKED, 1, &result);
}

/* peekSetup(peeked, buffer): once per thread. The bytes that are seen are put into `buffer`, from its beginning. */
static napi_value js_setup(napi_env env, napi_callback_info info) {
  struct state *s = state_of(env);
  napi_value args[2];
  void *data;
  if (!get_args(env, info, 2, args) || !get_bytes(env, args[1], 1, &data, &s->peek_size)) return NULL;
  if (s->peek_buffer != NULL || napi_create_reference(env, args[0], 1, &s->callbacks[ON_PEEKED]) != napi_ok ||
      napi_create_reference(env, args[1], 1, &s->peek_buffer) != napi_ok) {
    napi_throw_error(env, NULL, "telpty addon: peekSetup() failed, or was called twice");
    return NULL;
  }
  s->peek_data = data;
  return NULL;
}

/* peekOpen(owner, fd): an external, or a negative errno. `peeked` is called once, when there are bytes to see. */
static napi_value js_open(napi_env env, napi_callback_info info) {
  struct state *s = state_of(env);
  napi_value args[2], external;
  int32_t fd;
  if (!get_args(env, info, 2, args) || napi_get_value_int32(env, args[1], &fd) != napi_ok) return NULL;
  struct peek *p = calloc(1, sizeof *p);
  if (p == NULL) return js_int(env, -ENOMEM);
  p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  int error = p->fd < 0 ? -errno : uv_poll_init_socket(s->loop, &p->poll, p->fd);
  if (error < 0) {
    if (p->fd >= 0) close(p->fd);
    free(p);
    return js_int(env, error);
  }
  p->state = s;
  p->refs = 2; /* the poll, the external */
  p->poll.data = p;
  state_ref(s);
  list_add(&s->peeks, &p->all);
  napi_create_reference(env, args[0], 1, &p->owner);
  napi_create_external(env, p, finalize, NULL, &external);
  (void)uv_poll_start(&p->poll, UV_READABLE, peek_ready); /* see conn_poll() */
  return external;
}

/* peekMore(peek, seen): `peeked` is called once more, when there are more than `seen` bytes, or never will be */
static napi_value js_more(napi_env env, napi_callback_info info) {
  napi_value args[2];
  struct peek *p;
  int32_t seen;
  if (!get_args(env, info, 2, args) || (p = peek_from_js(env, args[0])) == NULL ||
      napi_get_value_int32(env, args[1], &seen) != napi_ok)
    return NULL;
  if (p->fd < 0) return js_int(env, -EBADF);
  const int error = set_low_mark(p->fd, seen + 1);
  if (error < 0) return js_int(env, error);
  p->raised = true;
  return js_int(env, uv_poll_start(&p->poll, UV_READABLE, peek_ready));
}

/* peekTake(peek, count): reads bytes that were seen, at most the size of the buffer; how many, or a negative errno */
static napi_value js_take(napi_env env, napi_callback_info info) {
  napi_value args[2];
  struct peek *p;
  uint32_t count;
  if (!get_args(env, info, 2, args) || (p = peek_from_js(env, args[0])) == NULL ||
      napi_get_value_uint32(env, args[1], &count) != napi_ok)
    return NULL;
  if (p->fd < 0) return js_int(env, -EBADF);
  return js_int(env, receive(p, count < p->state->peek_size ? count : p->state->peek_size, 0));
}

/* peekClose(peek): the callback is not called any more; the options of the socket are restored */
static napi_value js_close(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct peek *p;
  if (!get_args(env, info, 1, args) || (p = peek_from_js(env, args[0])) == NULL) return NULL;
  peek_close(p);
  return NULL;
}

/* The environment ends. */
void peek_state_close(struct state *s) {
  while (!list_empty(&s->peeks)) peek_close(ENTRY(s->peeks.next, struct peek, all));
  if (s->peek_buffer != NULL) napi_delete_reference(s->env, s->peek_buffer);
  s->peek_buffer = NULL;
}

void peek_exports(napi_env env, napi_value exports) {
  export_function(env, exports, "peekSetup", js_setup);
  export_function(env, exports, "peekOpen", js_open);
  export_function(env, exports, "peekMore", js_more);
  export_function(env, exports, "peekTake", js_take);
  export_function(env, exports, "peekClose", js_close);
}
