/*
 * For a server that runs out of descriptors: their limit, and a call that stops accepting without closing the listening
 * socket. New connections then wait in the kernel's queue. Node has no such call. If libuv has no descriptor for a
 * connection, it closes a spare one, accepts all waiting connections and closes them at once, without an event.
 */
#include "telpty.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#ifdef __linux__
#include <sys/epoll.h>
#endif

/*
 * unwatchListener(fd, unwatched): takes the listening socket `fd`, which libuv watches, out of the loop's epoll set, or
 * puts it back as libuv registered it. 0, or a negative errno.
 *
 * This does not affect libuv: it registers a socket once, by its number and level-triggered, and changes nothing while
 * the same events are wanted. It removes the socket before it closes it, whether it is registered or not.
 */
static napi_value js_unwatch(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t fd;
  bool unwatched;
  if (!get_args(env, info, 2, args) || napi_get_value_int32(env, args[0], &fd) != napi_ok ||
      napi_get_value_bool(env, args[1], &unwatched) != napi_ok)
    return NULL;
#ifdef __linux__
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  event.events = EPOLLIN;
  event.data.fd = fd;
  const int set = uv_backend_fd(state_of(env)->loop);
  return js_int(env, epoll_ctl(set, unwatched ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0);
#else
  return js_int(env, -ENOTSUP);
#endif
}

/* descriptorLimit(): the limit of open descriptors of the process; Infinity without a limit */
static napi_value js_descriptor_limit(napi_env env, napi_callback_info info) {
  (void)info;
  struct rlimit limit;
  napi_value result;
  const bool known = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return napi_create_double(env, known ? (double)limit.rlim_cur : 1.0 / 0.0, &result) == napi_ok ? result : NULL;
}

void listener_exports(napi_env env, napi_value exports) {
  export_function(env, exports, "unwatchListener", js_unwatch);
  export_function(env, exports, "descriptorLimit", js_descriptor_limit);
}
