/*
 * The parent's side of a start. The child's side is child.c. Neither depends on Node.
 */
#include "telpty.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const step_names[STEPS] = {"open",    "winsize", "termios",      "fork",       "cgroup", "setsid",
                                       "ctty",    "rlimit",  "nice",         "keyring",    "setgroups", "setgid",
                                       "setuid",  "capabilities", "no_new_privs", "chdir", "exec",   "unshare"};

#ifndef __linux__
static int set_flags(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -1;
  return fcntl(fd, F_SETFD, FD_CLOEXEC);
}
#endif

/*
 * Opens the master of a new pseudo-terminal: close-on-exec, non-blocking, not a controlling terminal. Returns the
 * descriptor, or -1 and errno. On systems where posix_openpt() takes the flags (POSIX.1-2024, Linux), it gets them, so
 * that a child of another thread cannot inherit it.
 */
static int open_master(void) {
#ifdef __linux__
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
#else
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master >= 0 && set_flags(master) < 0) {
    int error = errno;
    close(master);
    errno = error;
    return -1;
  }
#endif
  return master;
}

/*
 * Opens the slave of `master`. TIOCGPTPEER needs no name, which in another mount namespace could be another terminal.
 */
static int open_slave(int master) {
#ifdef TIOCGPTPEER
  int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave >= 0 || (errno != EINVAL && errno != ENOTTY)) return slave;
#endif
  char name[128];
  int error = ptsname_r(master, name, sizeof name);
  if (error != 0) {
    if (error > 0) errno = error; /* glibc and musl return it, macOS sets it */
    return -1;
  }
  return open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

/*
 * Moves a descriptor above 0, 1 and 2, where the child puts the terminal. Needed only in a server that has closed its
 * own.
 */
static int above_stdio(int fd) {
  if (fd < 0 || fd > 2) return fd;
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3), error = errno;
  close(fd);
  errno = error;
  return moved;
}

#ifdef __linux__
/* The stack of the child, in our frame. The child makes little more than system calls. */
#define CHILD_STACK (32 * 1024)

struct child {
  const struct plan *plan;
  int slave, last;
  struct report *report;
};

static int run_child(void *data) {
  const struct child *child = data;
  child_main(child->plan, child->slave, child->last, child->report);
}

/*
 * As vfork(), on another stack: this thread sleeps until the child executes or exits, and no memory is copied, whatever
 * the size of the heap. With `last` the descriptor table is not copied either: the child shares it until child_main()
 * stops sharing.
 */
static pid_t fork_child(const struct plan *plan, int slave, int last, struct birth *birth, struct report *report) {
  char stack[CHILD_STACK] __attribute__((aligned(64)));
  /* Touches the pages now: with a small RLIMIT_STACK our stack could not grow any more while the child uses it. */
  for (size_t i = 0; i < sizeof stack; i += 1024) ((volatile char *)stack)[i] = 0;
  struct child child = {.plan = plan, .slave = slave, .last = last, .report = report};
  const int flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | (last >= 0 ? CLONE_FILES : 0) | SIGCHLD;
  return clone(run_child, stack + sizeof stack, flags, &child, &birth->child);
}
#else
static pid_t fork_child(const struct plan *plan, int slave, int last, struct birth *birth, struct report *report) {
  pid_t pid = fork();
  if (pid == 0) child_main(plan, slave, last, report);
  if (pid > 0) birth->child = pid;
  return pid;
}
#endif

/*
 * Starts the child with all signals blocked: no handler of the parent may run in the child, which shares its memory.
 */
static pid_t start_child(const struct plan *plan, int slave, int last, struct birth *birth, struct report *report) {
  sigset_t all, old;
  int cancel;
  sigfillset(&all);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pid_t pid = fork_child(plan, slave, last, birth, report);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_setcancelstate(cancel, &cancel);
  errno = error;
  return pid;
}

static int open_pipe(int ends[2]) {
  if (pipe(ends) < 0) return -1;
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  ends[0] = above_stdio(ends[0]);
  ends[1] = above_stdio(ends[1]);
  return ends[0] < 0 || ends[1] < 0 ? -1 : 0;
}

/*
 * Starts a child that shares no memory, and waits until it has executed the program or has reported a failure. An exec
 * closes its end of the pipe.
 */
static pid_t start_with_pipe(const struct plan *plan, int slave, struct birth *birth, struct report *report) {
  int ends[2] = {-1, -1}, error;
  pid_t pid = -1;
  if (open_pipe(ends) == 0) {
    report->pipe = ends[1];
    pid = start_child(plan, slave, -1, birth, report);
  }
  error = errno;
  if (ends[1] >= 0) close(ends[1]);
  if (pid > 0) {
    struct failure failure;
    ssize_t n;
    do n = read(ends[0], &failure, sizeof failure);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof failure) report->failure = failure;
    if (n == (ssize_t)sizeof failure && report->detail != NULL)
      while (read(ends[0], report->detail, DETAIL_SIZE) < 0 && errno == EINTR) {
      }
  }
  if (ends[0] >= 0) close(ends[0]);
  errno = error;
  return pid;
}

#ifdef __linux__
/*
 * Starts the child and waits until it has executed the program, or has set a failure in `report`.
 *
 * A child has a copy of its parent's descriptor table, as large as the table ever was. If a server has thousands of
 * descriptors, that is most of the work of a start. It is also most of the memory that the kernel keeps for the
 * program. So the terminal gets a low number during the start, if there is one. The child shares the table until it
 * copies the part up to that number.
 */
static pid_t start_and_wait(const struct plan *plan, int slave, struct low *low, struct birth *birth,
                            struct report *report) {
  /*
   * qemu-user refuses CLONE_FILES, and makes a vfork without it a fork: no memory is shared, and the parent does not
   * wait for the child.
   */
  static atomic_bool is_emulated;
  if (low != NULL && !is_emulated && low->number >= 0 && dup3(slave, low->number, O_CLOEXEC) >= 0) {
    pid_t pid = start_child(plan, low->number, low->number, birth, report);
    int error = errno;
    dup3(low->cover, low->number, O_CLOEXEC);
    errno = error;
    if (pid < 0 && error == EINVAL) is_emulated = true;
    else if (pid < 0 || report->failure.step != STEP_UNSHARE) return pid;
    else {
      /* An old kernel, or a seccomp filter that refuses close_range(). */
      birth_set(birth, true);
      process_reap_killed(pid);
      birth_set(birth, false);
      low_close(low);
      report->failure = (struct failure){.error = 0};
    }
  }
  if (is_emulated) return start_with_pipe(plan, slave, birth, report);
  return start_child(plan, slave, -1, birth, report);
}
#else
static pid_t start_and_wait(const struct plan *plan, int slave, struct low *low, struct birth *birth,
                            struct report *report) {
  (void)low;
  return start_with_pipe(plan, slave, birth, report);
}
#endif

static int prepare_slave(const struct plan *plan, int slave, enum step *step) {
  /*
   * For the owner only: the group tty (write, wall) may print on it only if the program allows that (mesg y). The owner
   * is the server here, and the program's user from child_main() on. Errors are ignored: a devpts mounted with uid=
   * sets the mode itself.
   */
  (void)fchmod(slave, S_IRUSR | S_IWUSR);
  *step = STEP_WINSIZE;
  struct winsize size = {.ws_row = plan->rows, .ws_col = plan->cols};
  if (ioctl(slave, TIOCSWINSZ, &size) < 0) return -1;
  *step = STEP_TERMIOS;
  struct termios modes;
  if (tcgetattr(slave, &modes) < 0) return -1;
  termios_apply(&modes, plan->words, plan->cc);
  return tcsetattr(slave, TCSANOW, &modes);
}

/* Takes two of the lowest free descriptors. Starts work without them, where there are none. */
void low_open(struct low *low) {
  *low = (struct low){.number = -1, .cover = -1};
#ifdef __linux__
  low->number = above_stdio(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (low->number >= 0) low->cover = fcntl(low->number, F_DUPFD_CLOEXEC, 3);
  if (low->cover < 0) low_close(low);
#endif
}

void low_close(struct low *low) {
  if (low->number >= 0) close(low->number);
  if (low->cover >= 0) close(low->cover);
  *low = (struct low){.number = -1, .cover = -1};
}

/*
 * Starts the program of `plan` on a new pseudo-terminal and fills `result`. If result->error is set, no descriptor and
 * no process is left. `low` may be NULL; no other thread may use it meanwhile. `birth` has the child's number while it
 * may be signalled.
 */
void spawn(const struct plan *plan, struct low *low, struct birth *birth, struct spawned *result) {
  int master = -1, slave = -1;
  struct report report = {.pipe = -1, .detail = plan->detail};
  *result = (struct spawned){.master = -1, .slave = -1, .step = STEP_OPEN};

  if ((master = above_stdio(open_master())) < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
      (slave = above_stdio(open_slave(master))) < 0)
    goto failed;
  if (prepare_slave(plan, slave, &result->step) < 0) goto failed;

  result->step = STEP_FORK;
  result->pid = start_and_wait(plan, slave, low, birth, &report);
  if (result->pid < 0) goto failed;
  if (report.failure.error != 0) {
    birth_set(birth, true);
    process_reap_killed(result->pid);
    result->step = report.failure.step;
    errno = report.failure.error;
    goto failed;
  }
  result->master = master;
  result->slave = slave;
  result->error = 0;
  return;

failed:
  result->error = errno != 0 ? errno : EIO;
  if (slave >= 0) close(slave);
  if (master >= 0) close(master);
}

/* Ends a program that was started and is not wanted. */
void spawn_undo(const struct spawned *started) {
  kill(-started->pid, SIGKILL); /* it leads its group since before exec */
  process_reap_killed(started->pid);
  close(started->slave);
  close(started->master);
}
