/*
 * Calls that a service needs and Node lacks: the addresses of inherited sockets, redirection of standard streams, and
 * notifications to the service manager. The manager receives datagrams at a UNIX socket.
 */
#include "telpty.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/filter.h>
#endif

/*
 * notify(address, message): one datagram; 0, or a negative errno. An address that begins with '@' is an abstract one
 * (Linux: unix(7)), whose first byte is NUL, and which has no NUL at its end.
 */
static napi_value js_notify(napi_env env, napi_callback_info info) {
  napi_value args[2];
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  void *name, *message;
  size_t length, size;
  if (!get_args(env, info, 2, args) || !get_bytes(env, args[0], 1, &name, &length) ||
      !get_bytes(env, args[1], 1, &message, &size))
    return NULL;
  if (length == 0 || length >= sizeof address.sun_path) return js_int(env, -EINVAL);
  memcpy(address.sun_path, name, length);
  socklen_t used = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  if (address.sun_path[0] == '@')
    address.sun_path[0] = '\0';
  else
    used++; /* the NUL */
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (fd < 0) return js_int(env, -errno);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  ssize_t n;
  /* MSG_DONTWAIT: a manager that does not read must not stop the server */
  do n = sendto(fd, message, size, MSG_DONTWAIT, (struct sockaddr *)&address, used);
  while (n < 0 && errno == EINTR);
  int error = n < 0 ? errno : 0;
  close(fd);
  return js_int(env, -error);
}

/*
 * listenerAddress(fd): the address of a listening TCP socket as text. For a UNIX stream socket "unix:" and its path, or
 * "unix:@" and its abstract name; 0 for other descriptors; or a negative errno.
 * Sets FD_CLOEXEC, so that programs do not inherit the socket.
 */
static napi_value js_listener_address(napi_env env, napi_callback_info info) {
  napi_value args[1], result;
  int32_t fd;
  int type = 0, listening = 0;
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
    struct sockaddr_storage room;
  } address;
  char text[sizeof "unix:" + sizeof address.local.sun_path];
  socklen_t length = sizeof type;
  if (!get_args(env, info, 1, args) || napi_get_value_int32(env, args[0], &fd) != napi_ok) return NULL;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0) return js_int(env, -errno);
  length = sizeof listening;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) < 0) return js_int(env, -errno);
  length = sizeof address;
  if (getsockname(fd, &address.any, &length) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) return js_int(env, -errno);
  int family = address.any.sa_family;
  if (type != SOCK_STREAM || !listening || (family != AF_INET && family != AF_INET6 && family != AF_UNIX))
    return js_int(env, 0);
  if (family == AF_UNIX) {
    const size_t path = offsetof(struct sockaddr_un, sun_path);
    const size_t room = length > path ? length - path : 0;
    /* The name of an abstract socket begins with a zero byte, and libuv before 1.46 fills it up with more of them. */
    const char *name = address.local.sun_path;
    const int is_abstract = room > 1 && name[0] == '\0';
    const size_t size = strnlen(name + is_abstract, room - is_abstract);
    memcpy(text, "unix:", 5);
    if (is_abstract) text[5] = '@';
    memcpy(text + 5 + is_abstract, name + is_abstract, size);
    return napi_create_string_utf8(env, text, 5 + is_abstract + size, &result) == napi_ok ? result : NULL;
  }
  const void *number = family == AF_INET ? (const void *)&address.v4.sin_addr : (const void *)&address.v6.sin6_addr;
  if (inet_ntop(family, number, text, sizeof text) == NULL) return js_int(env, -errno);
  return napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &result) == napi_ok ? result : NULL;
}

/*
 * preferListener(fd, index): of the listeners that share a port (SO_REUSEPORT) the one with this index gets all
 * clients. 0, or a negative errno.
 */
static napi_value js_prefer_listener(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t fd;
  uint32_t index;
  if (!get_args(env, info, 2, args) || napi_get_value_int32(env, args[0], &fd) != napi_ok ||
      napi_get_value_uint32(env, args[1], &index) != napi_ok)
    return NULL;
#ifdef SO_ATTACH_REUSEPORT_CBPF
  struct sock_filter always = BPF_STMT(BPF_RET | BPF_K, index);
  struct sock_fprog program = {.len = 1, .filter = &always};
  int result = setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program);
  return js_int(env, result < 0 ? -errno : 0);
#else
  return js_int(env, -ENOPROTOOPT);
#endif
}

/*
 * replaceDescriptor(fd, path): opens the file for reading and writing and makes it `fd`, atomically. 0, or a negative
 * errno.
 */
static napi_value js_replace_descriptor(napi_env env, napi_callback_info info) {
  napi_value args[2];
  char path[256];
  int32_t fd;
  size_t length;
  if (!get_args(env, info, 2, args) || napi_get_value_int32(env, args[0], &fd) != napi_ok ||
      napi_get_value_string_utf8(env, args[1], path, sizeof path, &length) != napi_ok)
    return NULL;
  int other = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (other < 0) return js_int(env, -errno);
  int error = dup2(other, fd) < 0 ? errno : 0;
  close(other);
  return js_int(env, -error);
}

void service_manager_exports(napi_env env, napi_value exports) {
  export_function(env, exports, "notify", js_notify);
  export_function(env, exports, "listenerAddress", js_listener_address);
  export_function(env, exports, "preferListener", js_prefer_listener);
  export_function(env, exports, "replaceDescriptor", js_replace_descriptor);
}
