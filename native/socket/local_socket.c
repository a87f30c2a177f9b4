/*
 * UNIX sockets: listening on a path, and the user and process at the other end.
 *
 * Node can listen on a path, but not with permissions that hold from the first instant. It does not remove the socket
 * file of a server that was killed, and does not recognize one that is still served.
 *
 * A socket file outlives its server. The only test for a stale one is connect(): ECONNREFUSED. Two servers that start
 * at the same time could both find the file stale, and the second would remove the file of the first. So everything
 * from the test to listen() happens under a lock on PATH.lock. It is a flock(), because the kernel releases it when the
 * process dies. The call of listen() belongs to it, because a socket that is bound and does not listen yet refuses
 * connections like a stale one.
 */
#include "telpty.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCK_SUFFIX ".lock"

struct lock {
  int fd;
  char name[sizeof(((struct sockaddr_un *)0)->sun_path) + sizeof LOCK_SUFFIX];
};

static bool is_same_file(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* 0, or a negative errno: -EWOULDBLOCK while another process has the lock. */
static int lock_path(struct lock *lock, const char *path) {
  struct stat own, current;
  snprintf(lock->name, sizeof lock->name, "%s" LOCK_SUFFIX, path);
  lock->fd = open(lock->name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (lock->fd < 0) return -errno;
  int error = 0;
  if (flock(lock->fd, LOCK_EX | LOCK_NB) < 0 || descriptor_status(lock->fd, &own) < 0)
    error = -errno;
  else if (file_status(AT_FDCWD, lock->name, &current, AT_SYMLINK_NOFOLLOW) < 0 || !is_same_file(&own, &current))
    error = -EWOULDBLOCK; /* the previous owner removed it after we had opened it */
  if (error < 0) close(lock->fd);
  return error;
}

static void unlock_path(const struct lock *lock) {
  struct stat file;
  /* A file of the user with this name is kept: the lock file is always empty. */
  if (descriptor_status(lock->fd, &file) == 0 && S_ISREG(file.st_mode) && file.st_size == 0) unlink(lock->name);
  close(lock->fd);
}

static int open_socket(void) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return -errno;
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) return fd;
  const int error = errno;
  close(fd);
  return -error;
}

/*
 * The mode holds when the file appears: chmod() afterwards would leave a moment in which anyone could connect. The file
 * mode creation mask belongs to the process, so a file that another thread creates in this moment gets it as well.
 */
static int bind_with_mode(int fd, const struct sockaddr_un *address, socklen_t length, mode_t mode) {
  const mode_t before = umask(~mode & 0777);
  const int error = bind(fd, (const struct sockaddr *)address, length) < 0 ? -errno : 0;
  umask(before);
  return error;
}

/* 0: the socket file is stale, or gone. -EADDRINUSE: a server listens on it. -ENOTSOCK: the file is something else. */
static int check_stale(const struct sockaddr_un *address, socklen_t length) {
  struct stat file;
  if (file_status(AT_FDCWD, address->sun_path, &file, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : -errno;
  if (!S_ISSOCK(file.st_mode)) return -ENOTSOCK;
  const int probe = open_socket();
  if (probe < 0) return probe;
  /* connect() would block while the queue of the server is full */
  fcntl(probe, F_SETFL, O_NONBLOCK);
  const int error = connect(probe, (const struct sockaddr *)address, length) < 0 ? errno : 0;
  close(probe);
  if (error == ECONNREFUSED || error == ENOENT) return 0;
  return error == EACCES || error == EPERM ? -error : -EADDRINUSE;
}

static int bind_path(int fd, const struct sockaddr_un *address, socklen_t length, mode_t mode) {
  int error = bind_with_mode(fd, address, length, mode);
  if (error != -EADDRINUSE) return error;
  error = check_stale(address, length);
  if (error < 0) return error;
  if (unlink(address->sun_path) < 0 && errno != ENOENT) return -errno;
  return bind_with_mode(fd, address, length, mode);
}

static int listen_on(int fd, int backlog) { return listen(fd, backlog) < 0 ? -errno : 0; }

static int bind_and_listen(int fd, const struct sockaddr_un *address, socklen_t length, mode_t mode, int backlog) {
  const bool is_abstract = address->sun_path[0] == '\0';
  struct lock lock;
  int error = is_abstract ? 0 : lock_path(&lock, address->sun_path);
  if (error < 0) return error;
  if (is_abstract)
    error = bind(fd, (const struct sockaddr *)address, length) < 0 ? -errno : 0;
  else
    error = bind_path(fd, address, length, mode);
  if (error == 0) error = listen_on(fd, backlog);
  if (!is_abstract) unlock_path(&lock);
  return error;
}

/*
 * listenLocal(path, mode, backlog): the descriptor of a listening UNIX socket, which the caller owns; or a negative
 * errno. It is -EADDRINUSE if a server listens there, -ENOTSOCK if the file is not a socket, -EWOULDBLOCK if another
 * process is about to listen there. `@name` is an abstract address (Linux), which has no file and no mode.
 */
static napi_value js_listen_local(napi_env env, napi_callback_info info) {
  napi_value args[3];
  struct sockaddr_un address;
  size_t size;
  uint32_t mode, backlog;
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  if (!get_args(env, info, 3, args) || napi_get_value_uint32(env, args[1], &mode) != napi_ok ||
      napi_get_value_uint32(env, args[2], &backlog) != napi_ok ||
      napi_get_value_string_utf8(env, args[0], NULL, 0, &size) != napi_ok)
    return NULL;
  if (size >= sizeof address.sun_path) return js_int(env, -ENAMETOOLONG);
  if (napi_get_value_string_utf8(env, args[0], address.sun_path, sizeof address.sun_path, &size) != napi_ok)
    return NULL;
  socklen_t length = sizeof address;
  if (address.sun_path[0] == '@') {
#ifdef __linux__
    address.sun_path[0] = '\0';
    length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
#else
    return js_int(env, -ENOTSUP);
#endif
  }
  const int fd = open_socket();
  if (fd < 0) return js_int(env, fd);
  const int error = bind_and_listen(fd, &address, length, (mode_t)mode, (int)backlog);
  if (error == 0) return js_int(env, fd);
  close(fd);
  return js_int(env, error);
}

bool is_local_socket(int fd) {
  struct sockaddr_storage own;
  socklen_t length = sizeof own;
  return getsockname(fd, (struct sockaddr *)&own, &length) == 0 && own.ss_family == AF_UNIX;
}

/* At the time of the peer's connect(). A process id of 0 is unknown: the peer is in another pid namespace. */
static int peer_credentials(int fd, int64_t *uid, int64_t *pid) {
#ifdef __linux__
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -errno;
  *uid = peer.uid;
  *pid = peer.pid;
#else
  uid_t user;
  gid_t group;
  if (getpeereid(fd, &user, &group) < 0) return -errno;
  *uid = user;
#ifdef LOCAL_PEERPID
  pid_t process = 0;
  socklen_t length = sizeof process;
  if (getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, &process, &length) == 0) *pid = process;
#endif
#endif
  return 0;
}

/* peerCredentials(fd): [uid, pid] of the peer of a UNIX socket; 0 if it is another socket; a negative errno */
static napi_value js_peer_credentials(napi_env env, napi_callback_info info) {
  napi_value args[1], result;
  int32_t fd;
  int64_t uid = 0, pid = 0;
  if (!get_args(env, info, 1, args) || napi_get_value_int32(env, args[0], &fd) != napi_ok) return NULL;
  if (!is_local_socket(fd)) return js_int(env, 0);
  const int error = peer_credentials(fd, &uid, &pid);
  if (error < 0) return js_int(env, error);
  if (napi_create_array_with_length(env, 2, &result) != napi_ok) return NULL;
  napi_set_element(env, result, 0, js_int(env, uid));
  napi_set_element(env, result, 1, js_int(env, pid));
  return result;
}

void local_socket_exports(napi_env env, napi_value exports) {
  export_function(env, exports, "listenLocal", js_listen_local);
  export_function(env, exports, "peerCredentials", js_peer_credentials);
}
