/*
 * Connections that are accepted without a socket of Node.
 *
 * Node makes a net.Socket of each connection: a stream, a handle, and seven system calls. connection.c needs only the
 * descriptor. So a connection is accepted here, unless something must inspect it before its session begins. Node keeps
 * the listening socket; its watcher is taken out of the loop's epoll set (listener.c), and a copy of the descriptor is
 * polled here.
 *
 * Linux only: there, accepted sockets inherit the options of the listening socket, which other systems do not promise,
 * and Node's watcher can be stopped.
 */
#include "telpty.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __linux__

/* In `state->acceptors` while it is open. Freed when neither JavaScript nor the loop points to it. */
struct acceptor {
  struct state *state;
  unsigned refs;
  napi_ref callback; /* strong while it is open */
  struct link all;
  int fd; /* a copy; -1 when closed */
  uv_poll_t poll;
};

/* The values of libuv for keep-alive. */
#define KEEPALIVE_INTERVAL_S 1
#define KEEPALIVE_PROBES 10

/* "fe80:…%" and the name of an interface */
#define ADDRESS_SIZE (INET6_ADDRSTRLEN + IF_NAMESIZE)

static void acceptor_unref(struct acceptor *a) {
  if (--a->refs == 0) free(a);
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  acceptor_unref(data);
}

static struct acceptor *acceptor_from_js(napi_env env, napi_value value) {
  void *data;
  if (napi_get_value_external(env, value, &data) == napi_ok) return data;
  napi_throw_type_error(env, NULL, "telpty addon: not an acceptor");
  return NULL;
}

static void poll_closed(uv_handle_t *handle) {
  struct acceptor *a = handle->data;
  state_unref(a->state);
  acceptor_unref(a);
}

static void acceptor_close(struct acceptor *a) {
  if (a->fd < 0) return;
  uv_close((uv_handle_t *)&a->poll, poll_closed);
  close(a->fd);
  a->fd = -1;
  list_remove(&a->all);
  napi_delete_reference(a->state->env, a->callback);
  a->callback = NULL;
}

/* The address in the form of net.Socket.remoteAddress; empty for a UNIX socket. Returns the port. */
static int describe(const struct sockaddr_storage *peer, char *text) {
  text[0] = '\0';
  if (peer->ss_family == AF_INET) {
    const struct sockaddr_in *ip4 = (const void *)peer;
    uv_inet_ntop(AF_INET, &ip4->sin_addr, text, ADDRESS_SIZE);
    return ntohs(ip4->sin_port);
  }
  if (peer->ss_family != AF_INET6) return 0;
  const struct sockaddr_in6 *ip6 = (const void *)peer;
  uv_inet_ntop(AF_INET6, &ip6->sin6_addr, text, ADDRESS_SIZE);
  if (IN6_IS_ADDR_LINKLOCAL(&ip6->sin6_addr) && ip6->sin6_scope_id > 0) {
    const size_t length = strlen(text);
    size_t room = ADDRESS_SIZE - length - 1;
    text[length] = '%';
    if (uv_if_indextoiid(ip6->sin6_scope_id, text + length + 1, &room) < 0) text[length] = '\0';
  }
  return ntohs(ip6->sin6_port);
}

/* callback(fd, address, port), or callback(error) with a negative errno */
static void call_accepted(struct acceptor *a, int fd, const struct sockaddr_storage *peer) {
  struct state *s = a->state;
  napi_env env = s->env;
  napi_handle_scope scope;
  napi_value function, global, args[3], error;
  char address[ADDRESS_SIZE];
  size_t count = 1;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  bool ready = napi_get_reference_value(env, a->callback, &function) == napi_ok &&
               napi_get_global(env, &global) == napi_ok && napi_create_int32(env, fd, &args[0]) == napi_ok;
  if (fd >= 0) {
    const int port = describe(peer, address);
    ready = ready && napi_create_string_latin1(env, address, NAPI_AUTO_LENGTH, &args[1]) == napi_ok &&
            napi_create_int32(env, port, &args[2]) == napi_ok;
    count = 3;
  }
  if (!ready && fd >= 0) close(fd);
  if (ready && napi_make_callback(env, NULL, global, function, count, args, NULL) == napi_pending_exception &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok)
    napi_fatal_exception(env, error);
  napi_close_handle_scope(env, scope);
}

/* On these errors the connection stays in the kernel's queue, and the poll would report it without end. */
static bool is_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* One connection per turn of the loop, as in libuv, so that existing connections are served in between. */
static void acceptor_ready(uv_poll_t *handle, int status, int events) {
  struct acceptor *a = handle->data;
  struct sockaddr_storage peer;
  socklen_t length = sizeof peer;
  int fd;
  (void)events;
  if (a->state->closing) return;
  if (status < 0) { /* libuv has stopped the poll */
    call_accepted(a, status, NULL);
    return;
  }
  do fd = accept4(a->fd, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
  while (fd < 0 && errno == EINTR);
  /* Other errors concern one connection: it is gone (ECONNABORTED), or another process has accepted it (EAGAIN). */
  if (fd >= 0 || is_shortage(errno)) call_accepted(a, fd >= 0 ? fd : -errno, &peer);
}

static int set_number(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

/* Sets what Node sets on each socket that it accepts: no Nagle delay, and keep-alive after `seconds`. */
static int prepare(int fd, int seconds) {
  int error = set_number(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (error == 0) error = set_number(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  if (error == 0) error = set_number(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  if (error == 0) error = set_number(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
  if (error == 0) error = set_number(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
  return error;
}

/*
 * acceptOpen(callback, fd, keepAlive): an external, or a negative errno. `keepAlive` is in seconds; 0: not a TCP
 * socket.
 */
static napi_value js_open(napi_env env, napi_callback_info info) {
  struct state *s = state_of(env);
  napi_value args[3], external;
  int32_t fd, seconds;
  if (!get_args(env, info, 3, args) || napi_get_value_int32(env, args[1], &fd) != napi_ok ||
      napi_get_value_int32(env, args[2], &seconds) != napi_ok)
    return NULL;
  int error = seconds > 0 ? prepare(fd, seconds) : 0;
  if (error < 0) return js_int(env, error);
  struct acceptor *a = calloc(1, sizeof *a);
  if (a == NULL) return js_int(env, -ENOMEM);
  a->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  error = a->fd < 0 ? -errno : uv_poll_init_socket(s->loop, &a->poll, a->fd);
  if (error < 0) {
    if (a->fd >= 0) close(a->fd);
    free(a);
    return js_int(env, error);
  }
  /* Node's handle decides whether the loop stays alive. */
  uv_unref((uv_handle_t *)&a->poll);
  a->state = s;
  a->refs = 2; /* the poll, the external */
  a->poll.data = a;
  state_ref(s);
  list_add(&s->acceptors, &a->all);
  napi_create_reference(env, args[0], 1, &a->callback);
  napi_create_external(env, a, finalize, NULL, &external);
  (void)uv_poll_start(&a->poll, UV_READABLE, acceptor_ready); /* see conn_poll() */
  return external;
}

/* acceptPause(acceptor, paused): while it is paused, connections wait in the kernel's queue */
static napi_value js_pause(napi_env env, napi_callback_info info) {
  napi_value args[2];
  struct acceptor *a;
  bool paused;
  if (!get_args(env, info, 2, args) || (a = acceptor_from_js(env, args[0])) == NULL ||
      napi_get_value_bool(env, args[1], &paused) != napi_ok || a->fd < 0)
    return NULL;
  if (paused)
    uv_poll_stop(&a->poll);
  else
    (void)uv_poll_start(&a->poll, UV_READABLE, acceptor_ready);
  return NULL;
}

/* acceptClose(acceptor): the callback is not called any more. The caller closes the listening socket. */
static napi_value js_close(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct acceptor *a;
  if (!get_args(env, info, 1, args) || (a = acceptor_from_js(env, args[0])) == NULL) return NULL;
  acceptor_close(a);
  return NULL;
}

/* The environment ends. */
void acceptor_state_close(struct state *s) {
  while (!list_empty(&s->acceptors)) acceptor_close(ENTRY(s->acceptors.next, struct acceptor, all));
}
#else
static napi_value js_open(napi_env env, napi_callback_info info) {
  (void)info;
  return js_int(env, -ENOTSUP);
}

static napi_value js_pause(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  return NULL;
}

#define js_close js_pause

void acceptor_state_close(struct state *s) { (void)s; }
#endif

void acceptor_exports(napi_env env, napi_value exports) {
  export_function(env, exports, "acceptOpen", js_open);
  export_function(env, exports, "acceptPause", js_pause);
  export_function(env, exports, "acceptClose", js_close);
}
