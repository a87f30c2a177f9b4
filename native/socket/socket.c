/*
 * Calls on TCP sockets that Node lacks: urgent data, which makes a Telnet Synch; and listening of several processes on
 * one port. Also whether a socket that is not read at the moment is still connected.
 */
#include "telpty.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef POLLRDHUP
#define POLLRDHUP 0 /* not on Linux or FreeBSD: a FIN is seen when the bytes before it have been read */
#endif

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS; Node ignores SIGPIPE anyway */
#endif

static bool get_fd(napi_env env, napi_callback_info info, size_t count, napi_value *args, int32_t *fd) {
  return get_args(env, info, count, args) && napi_get_value_int32(env, args[0], fd) == napi_ok;
}

static napi_value js_set_oob_inline(napi_env env, napi_callback_info info) {
  napi_value args[1];
  int32_t fd;
  int on = 1;
  if (!get_fd(env, info, 1, args, &fd)) return NULL;
  return js_int(env, setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on) < 0 ? -errno : 0);
}

/*
 * limitUnsent(fd, bytes): limits the unsent bytes that the kernel accepts (TCP_NOTSENT_LOWAT). 0, or a negative errno.
 */
static napi_value js_limit_unsent(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t fd;
  uint32_t bytes;
  if (!get_fd(env, info, 2, args, &fd) || napi_get_value_uint32(env, args[1], &bytes) != napi_ok) return NULL;
  const int limit = (int)bytes;
  return js_int(env, setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &limit, sizeof limit) < 0 ? -errno : 0);
}

static napi_value js_is_oob_inline(napi_env env, napi_callback_info info) {
  napi_value args[1], result;
  int32_t fd;
  int on = 0;
  socklen_t length = sizeof on;
  if (!get_fd(env, info, 1, args, &fd)) return NULL;
  bool set = getsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, &length) == 0 && on != 0;
  return napi_get_boolean(env, set, &result) == napi_ok ? result : NULL;
}

/* sendUrgent(fd, bytes): the number of bytes taken, or a negative errno; the last byte given is the urgent one */
static napi_value js_send_urgent(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t fd;
  void *data;
  size_t length;
  if (!get_fd(env, info, 2, args, &fd) || !get_bytes(env, args[1], 1, &data, &length)) return NULL;
  ssize_t n;
  do n = send(fd, data, length, MSG_OOB | MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  return js_int(env, n < 0 ? -errno : n);
}

/*
 * peerState(fd): 0 connected; 1 the peer has closed its sending half, perhaps after unread input; 2 the connection was
 * reset, or both its directions are closed
 */
static napi_value js_peer_state(napi_env env, napi_callback_info info) {
  napi_value args[1];
  int32_t fd;
  if (!get_fd(env, info, 1, args, &fd)) return NULL;
  struct pollfd watched = {.fd = fd, .events = POLLRDHUP};
  if (poll(&watched, 1, 0) != 1) return js_int(env, 0);
  return js_int(env, (watched.revents & (POLLERR | POLLHUP)) != 0 ? 2 : (watched.revents & POLLRDHUP) != 0 ? 1 : 0);
}

/*
 * A bound socket, or a negative errno. Binds as libuv does (an IPv6 socket takes both families), and with SO_REUSEPORT.
 */
static int bind_shared(const struct sockaddr *address, socklen_t length) {
  const int on = 1, off = 0;
  const int fd = socket(address->sa_family, SOCK_STREAM, 0);
  if (fd < 0) return -errno;
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
      (address->sa_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0) &&
      bind(fd, address, length) == 0)
    return fd;
  const int error = errno;
  close(fd);
  return -error;
}

/*
 * bindShared(address, port): the descriptor of a TCP socket bound with SO_REUSEPORT, so that other sockets bound in
 * this way share the port. A negative errno on failure. The caller owns it. It does not listen yet.
 */
static napi_value js_bind_shared(napi_env env, napi_callback_info info) {
  napi_value args[2];
  char text[64];
  size_t length;
  uint32_t port;
  if (!get_args(env, info, 2, args) ||
      napi_get_value_string_utf8(env, args[0], text, sizeof text, &length) != napi_ok ||
      napi_get_value_uint32(env, args[1], &port) != napi_ok)
    return NULL;
  /* not inet_pton(), which does not take the zone of fe80::1%eth0 */
  struct sockaddr_in ipv4;
  struct sockaddr_in6 ipv6;
  if (uv_ip4_addr(text, (int)port, &ipv4) == 0) return js_int(env, bind_shared((struct sockaddr *)&ipv4, sizeof ipv4));
  if (uv_ip6_addr(text, (int)port, &ipv6) == 0) return js_int(env, bind_shared((struct sockaddr *)&ipv6, sizeof ipv6));
  return js_int(env, -EINVAL);
}

void socket_exports(napi_env env, napi_value exports) {
  export_function(env, exports, "setOobInline", js_set_oob_inline);
  export_function(env, exports, "limitUnsent", js_limit_unsent);
  export_function(env, exports, "isOobInline", js_is_oob_inline);
  export_function(env, exports, "sendUrgent", js_send_urgent);
  export_function(env, exports, "peerState", js_peer_state);
  export_function(env, exports, "bindShared", js_bind_shared);
}
