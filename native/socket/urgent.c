/*
 * Urgent data on connections, of which a Telnet Synch is made (RFC 854). It arrives in line (SO_OOBINLINE); what makes it
 * urgent is a mark in the stream. The bytes before the mark have lost their worth, and whoever reads them has to know.
 *
 * Three facts of the kernel are used. One recv() never reaches across the mark, so that what it gives is all before it or all
 * behind it, and SIOCATMARK tells which. POLLPRI is reported as long as the mark was not passed: so nobody polls for it any
 * more once it is known. And on Linux it is reported only when the urgent byte itself has come, which may be never: it
 * stands behind what was sent before, and the window is closed while we do not read. The kernel does know by then, and says so to
 * those who ask for the byte out of line (EAGAIN, and not EINVAL): see hidden_mark().
 */
#include "telpty.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#ifdef __linux__
#include <linux/sockios.h>
#endif

/* Whether the next byte to be read is the urgent one. Where nobody can tell, it is: then nothing is dropped. */
static bool at_mark(int fd) {
  int at = 1;
  return ioctl(fd, SIOCATMARK, &at) < 0 || at != 0;
}

/* Whether what is read next stands before a mark that is known. */
bool urgent_before_mark(const struct conn *c) { return c->marked && !at_mark(c->fd); }

/* Not by the event alone: libuv reports one for a connection that is gone, too. */
static bool has_mark(int fd) {
  struct pollfd watched = {.fd = fd, .events = POLLPRI};
  return poll(&watched, 1, 0) == 1 && (watched.revents & POLLPRI) != 0;
}

/*
 * A mark whose byte has not come yet. To ask for it, urgent data has to be out of line for a moment. In that moment the kernel
 * would skip an urgent byte that is the next to be read; so it is not done when there is nothing to read, or we are at
 * the mark: then a new mark, which is always behind what has been received, cannot be the next byte either.
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

/* There may be a mark: tells JavaScript, before it reads on. Where nobody reads, it is told in any case, and only once. */
void urgent_ready(struct conn *c) {
  const bool watched = c->watching;
  c->watching = false;
  if (!c->marked) c->marked = has_mark(c->fd);
  if (!c->marked && !watched) return;
  c->open = false;
  const int32_t marked = c->marked;
  call_owner(c->state, c->owner, ON_URGENT, 1, &marked);
}

/* connFindMark(conn): whether a mark has become known that no event tells of */
static napi_value js_find_mark(napi_env env, napi_callback_info info) {
  napi_value args[1], result;
  struct conn *c;
  if (!get_args(env, info, 1, args) || (c = conn_from_js(env, args[0])) == NULL) return NULL;
  const bool found = c->fd >= 0 && !c->marked && hidden_mark(c->fd);
  c->marked |= found;
  return napi_get_boolean(env, found, &result) == napi_ok ? result : NULL;
}

/* connUndelivered(conn): bytes that the kernel has and the peer has not acknowledged */
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
