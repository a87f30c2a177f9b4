/*
 * The child between fork and exec.
 *
 * On Linux this is the child of a vfork. It shares the parent's memory, while the other threads of the parent (V8,
 * libuv) go on running. So only system calls are made here. They are raw where the C library's wrapper does more than
 * the call: its set*id functions would signal all threads of the *parent*. Nothing is allocated, no lock is taken, and
 * only this stack, plan->script, plan->detail and the report are written. It never returns.
 *
 * For an overview of the pitfalls see `child_exec` of CPython's _posixsubprocess.c and `__spawni_child` of glibc.
 */
#include "telpty.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>

/* On 32-bit systems the names without 32 are the calls with 16-bit ids. */
#ifdef SYS_setgroups32
#define RAW_SETGROUPS SYS_setgroups32
#define RAW_SETRESGID SYS_setresgid32
#define RAW_SETRESUID SYS_setresuid32
#else
#define RAW_SETGROUPS SYS_setgroups
#define RAW_SETRESGID SYS_setresgid
#define RAW_SETRESUID SYS_setresuid
#endif

static int set_groups(size_t count, const gid_t *groups) { return (int)syscall(RAW_SETGROUPS, count, groups); }
static int set_gid(gid_t gid) { return (int)syscall(RAW_SETRESGID, gid, gid, gid); }
static int set_uid(uid_t uid) { return (int)syscall(RAW_SETRESUID, uid, uid, uid); }

static int set_limit(const struct limit *limit) {
  const uint64_t values[2] = {limit->soft, limit->hard}; /* struct rlimit64 */
  return (int)syscall(SYS_prlimit64, 0, limit->resource, values, NULL);
}

/* Moves this process to a cgroup by its cgroup.procs; 0 stands for the process that writes. */
static int join_cgroup(const char *procs) {
  int fd = open(procs, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  int result = write(fd, "0", 1) == 1 ? 0 : -1, error = errno;
  close(fd);
  errno = error;
  return result;
}

/*
 * Most kernels group processes by session (autogroup in sched(7)). There only the niceness of the group has an effect
 * on other sessions, and each program here has its own group. Errors are ignored: not every kernel has it, and an
 * unprivileged server may set it ten times per second only. The niceness of the process is set in any case.
 */
static void set_group_nice(int nice) {
  int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  char text[4], *end = text + sizeof text, *p = end;
  for (int rest = nice < 0 ? -nice : nice; p == end || rest > 0; rest /= 10) *--p = (char)('0' + rest % 10);
  if (nice < 0) *--p = '-';
  while (write(fd, p, (size_t)(end - p)) < 0 && errno == EINTR) {
  }
  close(fd);
}

/*
 * A process that possesses a keyring has the rights to its keys, whatever its user, and the server's keyring is
 * inherited through setuid and exec. Kernels without keys and containers refuse the call; there is no keyring to
 * inherit then.
 */
static int leave_keyring(void) {
  enum { JOIN_SESSION_KEYRING = 1 };
  if (syscall(SYS_keyctl, JOIN_SESSION_KEYRING, NULL, 0, 0, 0) >= 0) return 0;
  return errno == ENOSYS || errno == EPERM || errno == EACCES ? 0 : -1;
}

/* The program must not inherit ambient capabilities of the server (to open a low port, for example). */
static int drop_ambient_capabilities(void) {
#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#endif
  int result = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  return result < 0 && errno == EINVAL ? 0 : result; /* before Linux 4.3 there are none */
}

/*
 * A change from root to another user drops all capabilities, except with some securebits (capabilities(7)). If the
 * server is not root but has CAP_SETUID, that would remain, too, and the program could undo the change.
 */
static int drop_capabilities(void) {
  const struct {
    uint32_t version;
    int pid;
  } header = {.version = 0x20080522, .pid = 0}; /* _LINUX_CAPABILITY_VERSION_3 */
  const uint32_t none[6] = {0};                 /* effective, permitted and inheritable, twice 32 of each */
  return (int)syscall(SYS_capset, &header, none);
}

static int set_no_new_privs(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

/*
 * Sets all dispositions to the default. An exec resets caught signals, but not ignored ones (Node ignores SIGPIPE).
 * Also, no handler may run here after signals are unblocked. The raw call also sets the two signals that the C library
 * reserves for itself. A zeroed struct sigaction is SIG_DFL in the layout of every architecture.
 */
static void reset_dispositions(void) {
  enum { SIGNALS = 64 };
  const char by_default[64] = {0};
  for (int number = 1; number <= SIGNALS; number++) syscall(SYS_rt_sigaction, number, by_default, NULL, SIGNALS / 8);
}
#else
static int set_groups(size_t count, const gid_t *groups) { return setgroups((int)count, groups); }
/* as root these set the real, effective and saved ids */
static int set_gid(gid_t gid) { return setgid(gid); }
static int set_uid(uid_t uid) { return setuid(uid); }

static int set_limit(const struct limit *limit) {
  const struct rlimit values = {.rlim_cur = (rlim_t)limit->soft, .rlim_max = (rlim_t)limit->hard};
  return setrlimit(limit->resource, &values);
}

static int join_cgroup(const char *procs) {
  (void)procs;
  errno = ENOSYS;
  return -1;
}

static void set_group_nice(int nice) { (void)nice; }
static int leave_keyring(void) { return 0; }
static int drop_ambient_capabilities(void) { return 0; }
static int drop_capabilities(void) { return 0; }

static int set_no_new_privs(void) {
  errno = ENOSYS;
  return -1;
}

static void reset_dispositions(void) {
  struct sigaction by_default;
  memset(&by_default, 0, sizeof by_default);
  by_default.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; number++) sigaction(number, &by_default, NULL);
}
#endif

/*
 * Marks all descriptors above 2 close-on-exec: the program must not inherit what other code of the server left open.
 * They are not closed, because the pipe, if there is one, must still report a failure of exec.
 */
static void close_others_on_exec(void) {
#ifdef __linux__
#ifndef SYS_close_range
#define SYS_close_range 436 /* except on alpha; from Linux 5.9, this flag from 5.11 */
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif
  if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
#endif
  /* The kernel assigns the lowest free number, so a server's are below this, whatever its limit. */
  struct rlimit limit;
  int end = 65536;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)end) end = (int)limit.rlim_cur;
  for (int fd = 3; fd < end; fd++) {
    int flags = fcntl(fd, F_GETFD);
    if (flags >= 0 && !(flags & FD_CLOEXEC)) fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
  }
}

/*
 * Node.js raises its soft limit of descriptors to the hard limit when it starts; the original value is lost. A program
 * must not inherit that: select() takes no descriptor above 1023, and many programs close all possible descriptors. So
 * it gets the usual limit of 1024, unless the plan sets another.
 */
static int set_usual_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur <= 1024) return 0;
  limit.rlim_cur = 1024;
  return setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * Stops sharing the descriptor table with the parent; the child gets a copy of the descriptors up to `last`. Before
 * this, no descriptor may be opened or closed.
 */
static int leave_table(__attribute__((unused)) int last) {
#ifdef __linux__
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1U << 1)
#endif
  return (int)syscall(SYS_close_range, last + 1, ~0U, CLOSE_RANGE_UNSHARE);
#else
  return 0;
#endif
}

/*
 * The search of execvp(), with paths that were made before the fork. Returns the error to report: EACCES of an existing
 * file takes precedence over a missing file.
 */
static int execute(const struct plan *plan) {
  bool denied = false;
  for (char **path = plan->candidates; *path != NULL; path++) {
    execve(*path, plan->argv, plan->envp);
    if (errno == ENOEXEC) {
      if (is_foreign_program(*path)) return ENOEXEC;
      plan->script[1] = *path;
      execve(plan->script[0], plan->script, plan->envp);
    }
    if (plan->detail != NULL && (plan->detail[0] == '\0' || (errno == EACCES && !denied))) explain(plan, *path);
    switch (errno) {
      case EACCES:
        denied = true;
        break;
      case ENOENT:
      case ENOTDIR:
#ifdef __linux__
      /* of network file systems, as in glibc */
      case ESTALE:
      case ENODEV:
      case ETIMEDOUT:
#endif
        break;
      default:
        return errno;
    }
  }
  return denied ? EACCES : errno;
}

static _Noreturn void fail(struct report *report, enum step step, int error) {
  const struct failure failure = {.step = step, .error = error};
  report->failure = failure;
  /*
   * It is smaller than PIPE_BUF, so the write is atomic. If it fails, the parent sees a program that exited with 127.
   */
  while (report->pipe >= 0 && write(report->pipe, &failure, sizeof failure) < 0 && errno == EINTR) {
  }
  if (report->pipe >= 0 && report->detail != NULL && write(report->pipe, report->detail, DETAIL_SIZE) < 0) _exit(127);
  _exit(127);
}

static void check(int result, struct report *report, enum step step) {
  if (result < 0) fail(report, step, errno);
}

/*
 * Programs open their terminal by name (tmux, gpg, mesg), so its owner must be the user, as after a login. The owner is
 * set after the terminal became our controlling terminal. Before, any process of that user could open it and make it
 * its controlling terminal. If the server has no permission, or the id does not exist here, the change of identity
 * fails as well. Otherwise the server stays the owner.
 */
static int give_terminal(const struct plan *plan, int slave) {
  if (!plan->identity || plan->uid == geteuid() || fchown(slave, plan->uid, (gid_t)-1) == 0) return 0;
  return errno == EPERM || errno == EINVAL ? 0 : -1;
}

/*
 * Executes the program of `plan` on the terminal `slave`, or sets the step that failed in `report` and exits.
 * Descriptors are above 2. All signals must be blocked. If `last` is not -1, the descriptor table is shared with the
 * parent.
 *
 * The order matters. The cgroup comes first, so that it accounts for all that follows. Limits and niceness come before
 * the identity, because raising them needs privileges. Groups come before gid, and gid before uid, because each loses
 * the right to set the one before. Then the remaining privileges are dropped. The directory comes last, so that it is
 * entered as the user.
 *
 * A change of the user makes the memory, which the child shares with the server until exec, undumpable. So the kernel
 * keeps processes of that user from tracing the child. The server stays undumpable, because resetting it would remove
 * that protection from a start on another thread.
 */
_Noreturn void child_main(const struct plan *plan, int slave, int last, struct report *report) {
  if (last >= 0) check(leave_table(last), report, STEP_UNSHARE);
  if (plan->cgroup != NULL) check(join_cgroup(plan->cgroup), report, STEP_CGROUP);
  check(setsid(), report, STEP_SETSID);
  check(ioctl(slave, TIOCSCTTY, 0), report, STEP_CTTY);
  check(give_terminal(plan, slave), report, STEP_CTTY);
  for (int fd = 0; fd <= 2; fd++) check(dup2(slave, fd), report, STEP_CTTY);
  close_others_on_exec();

  check(set_usual_descriptors(), report, STEP_RLIMIT);
  for (size_t i = 0; i < plan->nlimits; i++) check(set_limit(&plan->limits[i]), report, STEP_RLIMIT);
  if (plan->renice) {
    check(setpriority(PRIO_PROCESS, 0, plan->nice), report, STEP_NICE);
    set_group_nice(plan->nice);
  }
  if (plan->umask >= 0) umask((mode_t)plan->umask);
  check(drop_ambient_capabilities(), report, STEP_CAPABILITIES);
  if (plan->identity) {
    check(leave_keyring(), report, STEP_KEYRING);
    check(set_groups(plan->ngroups, plan->groups), report, STEP_SETGROUPS);
    check(set_gid(plan->gid), report, STEP_SETGID);
    check(set_uid(plan->uid), report, STEP_SETUID);
    if (plan->uid != 0) check(drop_capabilities(), report, STEP_CAPABILITIES);
  }
  if (plan->no_new_privs) check(set_no_new_privs(), report, STEP_NO_NEW_PRIVS);
  if (plan->cwd != NULL) check(chdir(plan->cwd), report, STEP_CHDIR);

  reset_dispositions();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  fail(report, STEP_EXEC, execute(plan));
}
