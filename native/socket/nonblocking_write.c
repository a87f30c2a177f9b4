/*
 * A write that never blocks, to a descriptor that other processes may share. Its flags are shared as well, so they are
 * not changed. For logs: a pipe whose reader stops must not stop the server.
 */
#include "telpty.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS; Node ignores SIGPIPE anyway */
#endif

/* A pipe that poll(2) calls writable takes this much at once. */
#ifndef PIPE_BUF
#define PIPE_BUF 512
#endif

static ssize_t write_some(int fd, const char *data, size_t length) {
  ssize_t n = send(fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n >= 0 || errno != ENOTSOCK) return n;
  struct pollfd wanted = {.fd = fd, .events = POLLOUT};
  if (poll(&wanted, 1, 0) == 0) {
    errno = EAGAIN;
    return -1;
  }
  return write(fd, data, length < PIPE_BUF ? length : PIPE_BUF);
}

/* writeNonblocking(fd, bytes): how many bytes were written, or a negative errno if none was */
static napi_value js_write_nonblocking(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t fd;
  void *data;
  size_t length, done = 0;
  if (!get_args(env, info, 2, args) || napi_get_value_int32(env, args[0], &fd) != napi_ok ||
      !get_bytes(env, args[1], 1, &data, &length))
    return NULL;
  while (done < length) {
    const ssize_t n = write_some(fd, (const char *)data + done, length - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && done == 0) return js_int(env, -errno);
    if (n <= 0) break;
    done += (size_t)n;
  }
  return js_int(env, (int64_t)done);
}

void nonblocking_write_exports(napi_env env, napi_value exports) {
  export_function(env, exports, "writeNonblocking", js_write_nonblocking);
}
