/*
 * Urgent data on connections, which makes a Telnet Synch (RFC 854). It arrives in line (SO_OOBINLINE), with a mark in
 * the stream. The bytes before the mark are stale, and JavaScript must know that when it reads them.
 *
 * Three facts of the kernel are used. One recv() never reaches across the mark, so that its bytes are all before it or
 * all after it, and SIOCATMARK returns which. POLLPRI is reported until the mark was passed, so it is not polled for
 * while a mark is known. On Linux POLLPRI is reported only when the urgent byte itself has arrived, which may never
 * happen. It comes after the bytes sent before, and the window is closed while we do not read. By then the kernel has
 * registered the mark: a recv() of the byte out of line fails with EAGAIN and not with EINVAL, see hidden_mark().
 */
#include "telpty.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#ifdef __linux__
#include <linux/sockios.h>
#endif

/* Whether the next byte to be read is the urgent one. True if the system does not answer: then nothing is dropped. */
static bool at_mark(int fd) {
  int at = 1;
  return ioctl(fd, SIOCATMARK, &at) < 0 || at != 0;
}

/* Whether the next bytes are before a mark that is known. */
bool urgent_before_mark(const struct conn *c) { return c->marked && !at_mark(c->fd); }

/* The event is not enough: libuv also reports it for a connection that is gone. */
static bool has_mark(int fd) {
  struct pollfd watched = {.fd = fd, .events = POLLPRI};
  return poll(&watched, 1, 0) == 1 && (watched.revents & POLLPRI) != 0;
}

/*
 * Whether there is a mark whose byte has not arrived yet. To find it, urgent data must be out of line for a moment.
 * During that time the kernel would skip an urgent byte that is the next to be read. So it is not done when there is
 * nothing to read, or at the mark. Otherwise a new mark, which is always after the received bytes, is not the next
 * byte.
 */
static bool hidden_mark(int fd) {
#ifdef __linux__
  int unread = 0, on = 1, off = 0;
  char byte;
  if (ioctl(fd, FIONREAD, &unread) < 0 || unread == 0 || at_mark(fd)) return false;
  if (setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &off, sizeof off) < 0) return false;
  const ssize_t n = recv(fd, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT);
  const bool found = n == 1 || (n < 0 && errno == EAGAIN);
  setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
  return found;
#else
  (void)fd;
  return false;
#endif
}

/*
 * There may be a mark: calls `urgent` before JavaScript reads on. While it does not read, in any case, and only once.
 */
void urgent_ready(struct conn *c) {
  const bool watched = c->watching;
  c->watching = false;
  if (!c->marked) c->marked = has_mark(c->fd);
  if (!c->marked && !watched) return;
  fast_path_close(c);
  const int32_t marked = c->marked;
  call_owner(c->state, c->owner, ON_URGENT, 1, &marked);
}

/* connFindMark(conn): whether there is a new mark that no event has reported */
static napi_value js_find_mark(napi_env env, napi_callback_info info) {
  napi_value args[1], result;
  struct conn *c;
  if (!get_args(env, info, 1, args) || (c = conn_from_js(env, args[0])) == NULL) return NULL;
  const bool found = c->fd >= 0 && !c->marked && hidden_mark(c->fd);
  c->marked |= found;
  return napi_get_boolean(env, found, &result) == napi_ok ? result : NULL;
}

/* connUndelivered(conn): bytes that the kernel has accepted and the peer has not acknowledged */
static napi_value js_undelivered(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct conn *c;
  int count = 0;
  if (!get_args(env, info, 1, args) || (c = conn_from_js(env, args[0])) == NULL) return NULL;
#if defined(SIOCOUTQ)
  if (c->fd < 0 || ioctl(c->fd, SIOCOUTQ, &count) < 0) count = 0;
#elif defined(SO_NWRITE)
  socklen_t length = sizeof count;
  if (c->fd < 0 || getsockopt(c->fd, SOL_SOCKET, SO_NWRITE, &count, &length) < 0) count = 0;
#endif
  return js_int(env, count);
}

void urgent_exports(napi_env env, napi_value exports) {
  export_function(env, exports, "connFindMark", js_find_mark);
  export_function(env, exports, "connUndelivered", js_undelivered);
}
