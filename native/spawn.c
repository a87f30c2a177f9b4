/*
 * The parent's side of a start. The child's side is child.c; both know nothing of Node.
 */
#include "telpty.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const step_names[STEPS] = {"open",      "winsize", "termios", "fork",  "setsid", "ctty", "rlimit",
                                       "setgroups", "setgid",  "setuid",  "chdir", "exec"};

#ifndef __linux__
static int set_flags(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -1;
  return fcntl(fd, F_SETFD, FD_CLOEXEC);
}
#endif

/*
 * Opens the master of a new pseudo-terminal: close-on-exec, non-blocking, nobody's controlling terminal. Returns the
 * descriptor, or -1 and errno. The flags are given to the call where it takes them (POSIX.1-2024, Linux), so that a child
 * of another thread cannot inherit it.
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

/* Opens the slave of `master`. TIOCGPTPEER does it without a name, which in another mount namespace may be another's. */
static int open_slave(int master) {
#ifdef TIOCGPTPEER
  int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave >= 0 || (errno != EINVAL && errno != ENOTTY)) return slave;
#endif
#if defined(__linux__) || defined(__APPLE__)
  char name[128];
  int error = ptsname_r(master, name, sizeof name);
  if (error != 0) {
    if (error > 0) errno = error; /* glibc and musl return it, macOS sets it */
    return -1;
  }
#else
  const char *name = ptsname(master);
  if (name == NULL) return -1;
#endif
  return open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

/*
 * Moves a descriptor out of the way of 0, 1 and 2, where the child will put the terminal. It is there only in a server that
 * has closed its own.
 */
static int above_stdio(int fd) {
  if (fd < 0 || fd > 2) return fd;
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3), error = errno;
  close(fd);
  errno = error;
  return moved;
}

/*
 * Touches the stack below us. The child of a vfork runs on it, and with a small RLIMIT_STACK the kernel would not let it
 * grow any more.
 */
static __attribute__((noinline)) void touch_stack(void) {
  volatile char below[32 * 1024];
  for (size_t i = 0; i < sizeof below; i += 1024) below[i] = 0;
}

/*
 * Starts the child with all signals blocked: no handler of the parent may run in it, least of all in memory that a vfork
 * lets it share. This function does not return while the child uses its frame, and the child never returns into it.
 */
static __attribute__((noinline)) pid_t start_child(const struct plan *plan, int slave, struct report *report) {
  sigset_t all, old;
  int cancel;
  sigfillset(&all);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
  touch_stack();
  pthread_sigmask(SIG_SETMASK, &all, &old);
#ifdef __linux__
  pid_t pid = vfork(); /* this thread sleeps until the child executes or exits; nothing is copied, whatever the heap */
#else
  pid_t pid = fork();
#endif
  if (pid == 0) child_main(plan, slave, report);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_setcancelstate(cancel, &cancel);
  errno = error;
  return pid;
}

#ifdef __linux__
/* Starts the child and waits until it is the program, or has told `report` why not. */
static pid_t start_and_wait(const struct plan *plan, int slave, struct report *report) {
  return start_child(plan, slave, report);
}
#else
static int open_pipe(int ends[2]) {
  if (pipe(ends) < 0) return -1;
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  ends[0] = above_stdio(ends[0]);
  ends[1] = above_stdio(ends[1]);
  return ends[0] < 0 || ends[1] < 0 ? -1 : 0;
}

/* The same where nothing is shared: the child's end of the pipe closes by itself when the program begins. */
static pid_t start_and_wait(const struct plan *plan, int slave, struct report *report) {
  int ends[2] = {-1, -1}, error;
  pid_t pid = -1;
  if (open_pipe(ends) == 0) {
    report->pipe = ends[1];
    pid = start_child(plan, slave, report);
  }
  error = errno;
  if (ends[1] >= 0) close(ends[1]);
  if (pid > 0) {
    struct failure failure;
    ssize_t n;
    do n = read(ends[0], &failure, sizeof failure);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof failure) report->failure = failure;
  }
  if (ends[0] >= 0) close(ends[0]);
  errno = error;
  return pid;
}
#endif

static int prepare_slave(const struct plan *plan, int slave, enum step *step) {
  /* The program may open its terminal by name (tmux, gpg, mesg), so it must be the user's, as after a login. */
  *step = STEP_OPEN;
  if (plan->identity && plan->uid != geteuid() && fchown(slave, plan->uid, (gid_t)-1) < 0) {
    /* Without the right to give it away there is none to change identity either: let that step say so. */
    if (errno != EPERM) return -1;
  }
  *step = STEP_WINSIZE;
  struct winsize size = {.ws_row = plan->rows, .ws_col = plan->cols};
  if (ioctl(slave, TIOCSWINSZ, &size) < 0) return -1;
  *step = STEP_TERMIOS;
  struct termios modes;
  if (tcgetattr(slave, &modes) < 0) return -1;
  termios_apply(&modes, plan->words, plan->cc);
  return tcsetattr(slave, TCSANOW, &modes);
}

/*
 * Starts the program of `plan` on a new pseudo-terminal and fills `result`. When result->error is set, nothing is left: no
 * descriptor, no process.
 */
void spawn(const struct plan *plan, struct spawned *result) {
  int master = -1, slave = -1;
  struct report report = {.pipe = -1};
  *result = (struct spawned){.master = -1, .slave = -1, .step = STEP_OPEN};

  if ((master = above_stdio(open_master())) < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
      (slave = above_stdio(open_slave(master))) < 0)
    goto failed;
  if (prepare_slave(plan, slave, &result->step) < 0) goto failed;

  result->step = STEP_FORK;
  result->pid = start_and_wait(plan, slave, &report);
  if (result->pid < 0) goto failed;
  if (report.failure.error != 0) {
    process_reap_now(result->pid);
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

/* After a failure late in a start: the program runs, but nobody will ever know. */
void spawn_undo(const struct spawned *started) {
  kill(-started->pid, SIGKILL); /* it leads a group from before it is the program */
  process_reap_now(started->pid);
  close(started->slave);
  close(started->master);
}
