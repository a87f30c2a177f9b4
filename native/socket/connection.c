/*
 * TCP connections, read and written directly.
 *
 * Node's sockets are streams. For one key and its echo they allocate 64 KiB to read into and a write request, and call
 * dozens of functions. On a busy server this does not matter. On a server that sleeps between two keys it takes most of
 * the time, because the code has left the CPU's caches. Here there is one recv() and one call, one call and one send(),
 * and no memory except one buffer for all connections of the thread. Received bytes are lent to JavaScript during the
 * call.
 *
 * The connection is accepted by acceptor.c, or by Node. In the second case its descriptor is duplicated, and each side
 * closes its own.
 */
#include "telpty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS; Node ignores SIGPIPE anyway */
#endif

static void conn_unref(struct conn *c) {
  if (--c->refs > 0) return;
  tee_free(c->tee);
  free(c);
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  conn_unref(data);
}

/* The struct of the external that connOpen() returned; throws and returns NULL for other values. */
struct conn *conn_from_js(napi_env env, napi_value value) {
  void *data;
  if (napi_get_value_external(env, value, &data) == napi_ok) return data;
  napi_throw_type_error(env, NULL, "telpty addon: not a connection");
  return NULL;
}

static void poll_closed(uv_handle_t *handle) {
  struct conn *c = handle->data;
  state_unref(c->state);
  conn_unref(c);
}

static void conn_close(struct conn *c) {
  if (c->fd < 0) return;
  fast_path_part(c);
  fast_path_send_rest(c);
  tee_close(c->tee);
  uv_close((uv_handle_t *)&c->poll, poll_closed);
  close(c->fd);
  c->fd = -1;
  list_remove(&c->all);
  napi_delete_reference(c->state->env, c->owner);
  c->owner = NULL;
}

/* One recv() per turn: a connection with more input is read again after the others had their turn. */
static void receive(struct conn *c) {
  struct state *s = c->state;
  const bool stale = urgent_before_mark(c);
  ssize_t n;
  do n = recv(c->fd, s->inbox_data, s->inbox_size, 0);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno == EAGAIN) return;
  if (n > 0) {
    /* the mark was passed; the next one is a new one */
    if (!stale) c->marked = false;
    const size_t typed = stale ? 0 : fast_path_type(c, s->inbox_data, (size_t)n);
    n -= (ssize_t)typed;
    if (n == 0) return;
    if (typed > 0) memmove(s->inbox_data, s->inbox_data + typed, (size_t)n);
  } else {
    c->reading = false;
    /* a reset can still arrive, when our output reaches a client that has closed both directions */
    c->watching = n == 0;
  }
  fast_path_close(c);
  const int32_t result[2] = {n < 0 ? -errno : (int32_t)n, stale};
  call_owner(s, c->owner, ON_INPUT, stale ? 2 : 1, result);
}

/* Sends FIN, after the rest of a pair. Returns 0 or an error number. */
static int finish(struct conn *c) {
  fast_path_send_rest(c);
  c->finish = c->cut;
  return !c->finish && shutdown(c->fd, SHUT_WR) < 0 ? errno : 0;
}

static void conn_ready(uv_poll_t *handle, int status, int events);

/* The events that this connection waits for. */
static int interests(const struct conn *c) {
  const bool urgent = (c->reading || c->watching) && !c->marked;
  return (c->reading ? UV_READABLE : 0) | (urgent ? UV_PRIORITIZED : 0) | (c->waiting || c->cut ? UV_WRITABLE : 0);
}

/*
 * uv_poll_start() fails only if another handle of the loop watches the same descriptor. Here, in peek.c and in pty.c
 * the descriptor is a copy, or a terminal, that nothing else watches.
 */
void conn_poll(struct conn *c) {
  if (c->fd < 0) return;
  const int wanted = interests(c);
  if (wanted == c->polled) return;
  c->polled = wanted;
  if (wanted == 0)
    uv_poll_stop(&c->poll);
  else
    (void)uv_poll_start(&c->poll, wanted, conn_ready);
}

static void conn_ready(uv_poll_t *handle, int status, int events) {
  struct conn *c = handle->data;
  c->refs++;
  if (status < 0) {
    /* an error of the socket: libuv has stopped the poll, and the next system call returns the error */
    c->polled = 0;
    events = interests(c);
  }
  if ((events & UV_WRITABLE) != 0) {
    fast_path_send_rest(c);
    if (!c->cut && c->finish) finish(c);
  }
  if ((events & UV_WRITABLE) != 0 && !c->cut && c->waiting) {
    c->waiting = false;
    fast_path_close(c);
    call_owner(c->state, c->owner, ON_WRITABLE, 0, NULL);
  }
  if ((events & UV_PRIORITIZED) != 0 && c->fd >= 0) urgent_ready(c);
  if ((events & UV_READABLE) != 0 && c->reading && c->fd >= 0) receive(c);
  conn_poll(c);
  conn_unref(c);
}

/*
 * connOpen(owner, fd, copied): an external, or a negative errno. Unless `copied`, the result owns `fd`, or it is
 * closed.
 */
static napi_value js_open(napi_env env, napi_callback_info info) {
  struct state *s = state_of(env);
  napi_value args[3], external;
  int32_t fd;
  bool copied;
  if (!get_args(env, info, 3, args) || napi_get_value_int32(env, args[1], &fd) != napi_ok ||
      napi_get_value_bool(env, args[2], &copied) != napi_ok)
    return NULL;
  struct conn *c = calloc(1, sizeof *c);
  if (c == NULL) {
    if (!copied) close(fd);
    return js_int(env, -ENOMEM);
  }
  c->fd = copied ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : fd;
  int error = c->fd < 0 ? -errno : uv_poll_init_socket(s->loop, &c->poll, c->fd);
  if (error < 0) {
    if (c->fd >= 0) close(c->fd);
    free(c);
    return js_int(env, error);
  }
  c->state = s;
  c->refs = 2; /* the poll, the external */
  c->poll.data = c;
  state_ref(s);
  list_add(&s->conns, &c->all);
  /* From here on only memory allocation can fail, and then V8 aborts the process. */
  napi_create_reference(env, args[0], 1, &c->owner);
  napi_create_external(env, c, finalize, NULL, &external);
  return external;
}

/* connRead(conn, on): whether `input` is called; while it is not, `urgent` is called once */
static napi_value js_read(napi_env env, napi_callback_info info) {
  napi_value args[2];
  struct conn *c;
  bool on;
  if (!get_args(env, info, 2, args) || (c = conn_from_js(env, args[0])) == NULL ||
      napi_get_value_bool(env, args[1], &on) != napi_ok)
    return NULL;
  c->reading = on;
  c->watching = !on;
  conn_poll(c);
  return NULL;
}

static napi_value send_bytes(napi_env env, napi_callback_info info, int flags) {
  napi_value args[2];
  struct conn *c;
  void *data;
  size_t length;
  if (!get_args(env, info, 2, args) || (c = conn_from_js(env, args[0])) == NULL ||
      !get_bytes(env, args[1], 1, &data, &length))
    return NULL;
  if (c->fd < 0) return js_int(env, -EPIPE);
  fast_path_close(c);
  /* On a UNIX socket MSG_OOB does not mark a position in the stream. */
  if (flags != 0 && is_local_socket(c->fd)) flags = 0;
  fast_path_send_rest(c);
  ssize_t n = 0;
  if (!c->cut) {
    do n = send(c->fd, data, length, MSG_NOSIGNAL | flags);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN) return js_int(env, -errno);
    if (n < 0) n = 0;
  }
  if ((size_t)n < length) {
    c->waiting = true;
    conn_poll(c);
  }
  return js_int(env, n);
}

/*
 * connSend(conn, bytes): how many bytes the kernel took, or a negative errno. If fewer than given, `writable` follows.
 */
static napi_value js_send(napi_env env, napi_callback_info info) { return send_bytes(env, info, 0); }

/* connSendUrgent(conn, bytes): the same, with the mark at the last of them; on a UNIX socket without one */
static napi_value js_send_urgent(napi_env env, napi_callback_info info) { return send_bytes(env, info, MSG_OOB); }

/* connFinish(conn): sends FIN */
static napi_value js_finish(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct conn *c;
  if (!get_args(env, info, 1, args) || (c = conn_from_js(env, args[0])) == NULL) return NULL;
  if (c->fd < 0) return js_int(env, 0);
  fast_path_close(c);
  return js_int(env, -finish(c));
}

static napi_value js_close(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct conn *c;
  if (!get_args(env, info, 1, args) || (c = conn_from_js(env, args[0])) == NULL) return NULL;
  conn_close(c);
  return NULL;
}

/* connDescriptor(conn): -1 when closed */
static napi_value js_descriptor(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct conn *c;
  if (!get_args(env, info, 1, args) || (c = conn_from_js(env, args[0])) == NULL) return NULL;
  return js_int(env, c->fd);
}

/*
 * connSetup({ input, writable, urgent, passed }, inbox): once a thread; input is put into `inbox`, from its beginning.
 */
static napi_value js_setup(napi_env env, napi_callback_info info) {
  struct state *s = state_of(env);
  static const char *const names[] = {"input", "writable", "urgent", "passed"};
  napi_value args[2], function;
  void *data;
  if (!get_args(env, info, 2, args) || !get_bytes(env, args[1], 1, &data, &s->inbox_size)) return NULL;
  bool ready = s->inbox == NULL;
  for (int i = 0; ready && i < CONN_CALLBACKS - ON_INPUT; i++)
    ready = napi_get_named_property(env, args[0], names[i], &function) == napi_ok &&
            napi_create_reference(env, function, 1, &s->callbacks[ON_INPUT + i]) == napi_ok;
  if (!ready || tee_state_init(s) < 0 || napi_create_reference(env, args[1], 1, &s->inbox) != napi_ok) {
    napi_throw_error(env, NULL, "telpty addon: connSetup() failed, or was called twice");
    return NULL;
  }
  s->inbox_data = data;
  return NULL;
}

/* The environment ends. */
void conn_state_close(struct state *s) {
  while (!list_empty(&s->conns)) conn_close(ENTRY(s->conns.next, struct conn, all));
  if (s->inbox != NULL) napi_delete_reference(s->env, s->inbox);
  s->inbox = NULL;
}

void conn_exports(napi_env env, napi_value exports) {
  export_function(env, exports, "connSetup", js_setup);
  export_function(env, exports, "connOpen", js_open);
  export_function(env, exports, "connRead", js_read);
  export_function(env, exports, "connSend", js_send);
  export_function(env, exports, "connSendUrgent", js_send_urgent);
  export_function(env, exports, "connFinish", js_finish);
  export_function(env, exports, "connClose", js_close);
  export_function(env, exports, "connDescriptor", js_descriptor);
}
