/*
 * All processes of a user: whether any exist, and killing them.
 *
 * If a session has its own user id, this finds all its processes, whatever their session, parent or process group.
 * Rejected: listing the processes in /proc and signalling each. A process that forks and exits in a loop is gone before
 * it is signalled, and its child is not in the list yet. With kill(-1), a process of that user signals all at once: a
 * fork cannot escape it.
 *
 * Other processes of the user can signal the one that calls kill(-1), so it may be stopped or killed before it does. It
 * has that identity for a few system calls only; if it does not end in time, it is killed, and another one tries.
 */
#include "telpty.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>

#define KILLER_STACK (16 * 1024)
/* The number of processes that try, and the time limit of each; undisturbed, one takes 0.1 ms. */
#define TRIES 20
#define PATIENCE_MS 50

#ifdef SYS_setresuid32
#define RAW_SETRESUID SYS_setresuid32
#define RAW_GETRESUID SYS_getresuid32
#else
#define RAW_SETRESUID SYS_setresuid
#define RAW_GETRESUID SYS_getresuid
#endif

struct killer {
  uid_t uid;
  volatile int result; /* 0: the signals were sent; EAGAIN: it was disturbed before that; or another errno */
};

/*
 * The child. It shares the memory and the descriptors, so it makes only system calls, as in child.c. It checks its
 * identity before kill(-1), which as root, or with CAP_KILL, would kill all processes of the machine.
 */
static int killer_main(void *data) {
  struct killer *killer = data;
  const uid_t uid = killer->uid;
  const struct {
    uint32_t version;
    int pid;
  } header = {.version = 0x20080522, .pid = 0}; /* _LINUX_CAPABILITY_VERSION_3 */
  const uint32_t none[6] = {0};
  uid_t ids[3] = {0, 0, 0};
  if (uid == 0 || syscall(RAW_SETRESUID, uid, uid, uid) < 0 || syscall(SYS_capset, &header, none) < 0 ||
      syscall(RAW_GETRESUID, &ids[0], &ids[1], &ids[2]) < 0)
    killer->result = errno != 0 ? errno : EINVAL;
  else if (ids[0] != uid || ids[1] != uid || ids[2] != uid)
    killer->result = EPERM;
  else
    killer->result = syscall(SYS_kill, -1, SIGKILL) < 0 && errno != ESRCH ? errno : 0;
  syscall(SYS_exit_group, 0);
  return 0;
}

/*
 * Waits for the child at most PATIENCE_MS. Returns whether it has ended. It sends no SIGCHLD, so only __WALL finds it.
 */
static bool wait_for(pid_t pid) {
  struct timespec pause = {.tv_nsec = 50 * 1000};
  for (long waited = 0; waited < PATIENCE_MS * 1000000L; waited += pause.tv_nsec) {
    if (waitpid(pid, NULL, __WALL | WNOHANG) != 0) return true;
    nanosleep(&pause, NULL);
    if (pause.tv_nsec < 2000000) pause.tv_nsec *= 2;
  }
  return false;
}

/* One try. Returns 0 or an error number; EAGAIN: another process disturbed it. */
static int send_killer(uid_t uid, char *stack) {
  struct killer killer = {.uid = uid, .result = EAGAIN};
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  /*
   * Not CLONE_VFORK, which would wait for the end of the child without a limit. So this thread and the child share
   * errno, and this thread does not use it until the child has ended.
   */
  pid_t pid = clone(killer_main, stack + KILLER_STACK, CLONE_VM | CLONE_FILES, &killer);
  int error = pid < 0 ? errno : 0;
  if (pid > 0 && !wait_for(pid)) {
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return pid < 0 ? error : killer.result;
}

/* Sends SIGKILL to all processes of a user other than root and the server's own. Returns 0 or an error number. */
static int kill_user(uid_t uid) {
  if (uid == 0 || uid == (uid_t)-1 || uid == getuid() || uid == geteuid()) return EINVAL;
  char *stack = NULL;
  if (posix_memalign((void **)&stack, 64, KILLER_STACK) != 0) return ENOMEM;
  int error = EAGAIN;
  for (int i = 0; i < TRIES && error == EAGAIN; i++) error = send_killer(uid, stack);
  free(stack);
  return error;
}
#else
static int kill_user(uid_t uid) {
  (void)uid;
  return ENOSYS;
}
#endif

static bool get_uid(napi_env env, napi_callback_info info, uid_t *uid) {
  napi_value args[1];
  int64_t value;
  if (!get_args(env, info, 1, args) || napi_get_value_int64(env, args[0], &value) != napi_ok) return false;
  *uid = (uid_t)value;
  return value > 0 && value < 0xffffffff;
}

/*
 * isUserBusy(uid): whether the user (by its real id) has a process, zombies included. One system call: if the kernel
 * has no record of the user, it does not search the processes.
 */
static napi_value js_is_user_busy(napi_env env, napi_callback_info info) {
  uid_t uid;
  napi_value result;
  if (!get_uid(env, info, &uid)) return NULL;
  errno = 0;
  getpriority(PRIO_USER, uid);
  return napi_get_boolean(env, errno != ESRCH, &result) == napi_ok ? result : NULL;
}

/* killUserNow(uid): kills all processes of the user, for a server that ends and cannot wait. 0 or a negative errno. */
static napi_value js_kill_user_now(napi_env env, napi_callback_info info) {
  uid_t uid;
  return get_uid(env, info, &uid) ? js_int(env, -kill_user(uid)) : NULL;
}

struct kill_job {
  uid_t uid;
  int error;
  napi_deferred deferred;
  napi_async_work work;
};

static void kill_run(napi_env env, void *data) {
  (void)env;
  struct kill_job *job = data;
  job->error = kill_user(job->uid);
}

static void kill_done(napi_env env, napi_status status, void *data) {
  struct kill_job *job = data;
  if (status == napi_cancelled) job->error = ECANCELED;
  napi_resolve_deferred(env, job->deferred, js_int(env, -job->error));
  napi_delete_async_work(env, job->work);
  free(job);
}

/* killUser(uid): the same on a thread of libuv's pool; a promise of 0 or a negative errno, which never rejects. */
static napi_value js_kill_user(napi_env env, napi_callback_info info) {
  uid_t uid;
  napi_value promise = NULL, name;
  if (!get_uid(env, info, &uid)) return NULL;
  struct kill_job *job = calloc(1, sizeof *job);
  if (job == NULL) return NULL;
  job->uid = uid;
  if (napi_create_promise(env, &job->deferred, &promise) != napi_ok ||
      napi_create_string_utf8(env, "telpty:killUser", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, NULL, name, kill_run, kill_done, job, &job->work) != napi_ok) {
    free(job);
    return NULL;
  }
  napi_queue_async_work(env, job->work);
  return promise;
}

void user_kill_exports(napi_env env, napi_value exports) {
  export_function(env, exports, "isUserBusy", js_is_user_busy);
  export_function(env, exports, "killUser", js_kill_user);
  export_function(env, exports, "killUserNow", js_kill_user_now);
}
