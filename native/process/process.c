/*
 * The end of programs, and signals to processes.
 *
 * Where the system has pidfds (Linux 5.3), each program is watched by one in the loop's poll. Elsewhere one SIGCHLD
 * watcher serves all of them. waitpid() is called only for children of this addon, never for those of Node's
 * child_process.
 */
#include "telpty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
/* from Linux 5.1 on new calls have one number on all architectures (but alpha) */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
/* A pidfd is always close-on-exec. */
static int pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
static int pidfd_signal(int fd, int signal) { return (int)syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0); }
#else
static int pidfd_open(pid_t pid) {
  (void)pid;
  errno = ENOSYS;
  return -1;
}
static int pidfd_signal(int fd, int signal) {
  (void)fd;
  (void)signal;
  errno = ENOSYS;
  return -1;
}
#endif

#define REAP_TICK_MS 100
/* How long a program that has ended waits for its tracer to reap it. */
#define TRACER_LIMIT_TICKS 20
/* How long the end of an environment waits for programs that were killed. */
#define CLOSE_LIMIT_MS 2000
/* How long a failed start waits for the end of its child. */
#define REAP_LIMIT_MS 200
#define MS 1000000ull

static void reaper_ticked(uv_timer_t *timer);

/* Fields of /proc/PID/stat. */
struct stat_line {
  char state;
  long threads;
  int exit_code;
  double cpu_ms; /* of its own threads; without its children, which getrusage() and wait4() would include */
};

/* Returns whether the process exists and /proc can be read. */
static bool read_stat(pid_t pid, struct stat_line *line) {
  char path[32], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length <= 0) return false;
  text[length] = '\0';
  /* Field 3 follows the name in parentheses. */
  char *at = strrchr(text, ')');
  if (at == NULL || at[1] != ' ') return false;
  *line = (struct stat_line){.state = at[2]};
  at++;
  for (int field = 3; at != NULL; field++, at = strchr(at + 1, ' ')) {
    if (field == 14 || field == 15) line->cpu_ms += (double)strtol(at, NULL, 10) * 1000 / (double)sysconf(_SC_CLK_TCK);
    if (field == 20) line->threads = strtol(at, NULL, 10);
    if (field == 52) line->exit_code = (int)strtol(at, NULL, 10);
  }
  return true;
}

static void pidfd_closed(uv_handle_t *handle) {
  struct pty *p = handle->data;
  state_unref(p->state);
  pty_unref(p);
}

static void unwatch(struct pty *p) {
  struct state *s = p->state;
  if (p->pidfd >= 0) {
    uv_close((uv_handle_t *)&p->pidfd_poll, pidfd_closed);
    close(p->pidfd);
    p->pidfd = -1;
  } else if (--s->watched_by_signal == 0) {
    uv_signal_stop(&s->sigchld);
    process_state_close(s);
  }
}

/*
 * The program has ended, so this is no longer the controlling terminal of its session. Until it is closed, any process
 * of the program's user could open it and make it its controlling terminal. So the server becomes its owner again, if
 * it has the permission.
 */
static void take_back(struct pty *p) {
  if (p->slave >= 0) (void)!fchown(p->slave, geteuid(), (gid_t)-1);
}

/*
 * Programs that no terminal waits for any more. A program that was killed may not die. It waits in the kernel for a
 * file system that does not answer, or another process of its user traces it (PTRACE_O_TRACEEXIT). One that has ended
 * cannot be reaped before its tracer has waited for it; its pidfd is readable all that time. Such a program keeps
 * neither its session nor the loop: an unreferenced timer reaps it when that is possible. Until then its number is not
 * reused.
 */
struct abandoned {
  struct link link;
  pid_t pid;
};

/* Reaps those that have ended. */
static void reap_abandoned(struct link *list) {
  for (struct link *l = list->next, *next; l != list; l = next) {
    next = l->next;
    struct abandoned *child = ENTRY(l, struct abandoned, link);
    const pid_t pid = waitpid(child->pid, NULL, WNOHANG);
    if (pid == 0 || (pid < 0 && errno == EINTR)) continue;
    list_remove(l);
    free(child);
  }
}

/* The timer runs while it has work, and keeps the loop alive while a terminal waits for it. */
static void update_reaper(struct state *s) {
  if (uv_is_closing((uv_handle_t *)&s->reaper)) return;
  const bool is_needed = !list_empty(&s->unreaped) || (s->closing && !list_empty(&s->ptys));
  if (!is_needed && list_empty(&s->abandoned))
    uv_timer_stop(&s->reaper);
  else if (!uv_is_active((uv_handle_t *)&s->reaper))
    uv_timer_start(&s->reaper, reaper_ticked, REAP_TICK_MS, REAP_TICK_MS);
  if (is_needed)
    uv_ref((uv_handle_t *)&s->reaper);
  else
    uv_unref((uv_handle_t *)&s->reaper);
}

/*
 * Whether waitpid() would not block: the program has ended and its tracer, if any, has waited for it, or it is not our
 * child. `end` is how it ended, without a pid if that is unknown.
 */
static bool can_be_reaped(pid_t pid, siginfo_t *end) {
  *end = (siginfo_t){0};
  return waitid(P_PID, (id_t)pid, end, WEXITED | WNOHANG | WNOWAIT) < 0 || end->si_pid != 0;
}

/*
 * The CPU time of a program that SIGKILL has ended, in milliseconds, or -1: for limits that the kernel enforces by this
 * signal. It must not be reaped yet.
 */
static int32_t cpu_time_of_killed(pid_t pid, const siginfo_t *end) {
  struct stat_line line;
  if (end->si_pid != pid || end->si_code != CLD_KILLED || end->si_status != SIGKILL || !read_stat(pid, &line)) return -1;
  return line.cpu_ms < INT32_MAX ? (int32_t)line.cpu_ms : INT32_MAX;
}

/*
 * The program has ended for JavaScript. `status` is that of waitpid(), or -1 if another part of the process has reaped
 * it, so that the cause of its end is unknown. `cpu_ms` is the result of cpu_time_of_killed(). The caller holds a
 * reference.
 */
static void ended(struct pty *p, int status, int32_t cpu_ms, bool is_abandoned) {
  p->reaped = true;
  list_remove(&p->unreaped);
  take_back(p);
  unwatch(p);
  const bool is_known = status != -1;
  const int32_t how[4] = {is_known && WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                          is_known && WIFSIGNALED(status) ? WTERMSIG(status) : 0, is_abandoned, cpu_ms};
  write_drop(p);
  call_js(p, ON_EXIT, 4, how);
  pty_poll(p);
  read_finish(p);
  pty_forget_if_over(p);
}

/* The status of a zombie as waitpid() would have it, or that of one that is being killed. */
static int status_without_reaping(pid_t pid) {
  struct stat_line line;
  return read_stat(pid, &line) && line.state == 'Z' ? line.exit_code : SIGKILL;
}

/* Ends the wait for a program. Without memory it stays a zombie when it dies. The caller holds a reference. */
static void abandon(struct pty *p) {
  struct state *s = p->state;
  struct abandoned *child = calloc(1, sizeof *child);
  const int status = status_without_reaping(p->pid);
  if (child != NULL) {
    child->pid = p->pid;
    list_add(&s->abandoned, &child->link);
  }
  ended(p, status, -1, true);
  update_reaper(s);
}

/* Reaps the program if it has ended, and calls `exit`. `end` is of can_be_reaped(). The caller holds a reference. */
static void reap(struct pty *p, const siginfo_t *end) {
  int status;
  pid_t pid;
  const int32_t cpu_ms = cpu_time_of_killed(p->pid, end);
  do pid = waitpid(p->pid, &status, WNOHANG);
  while (pid < 0 && errno == EINTR);
  if (pid != 0)
    ended(p, pid > 0 ? status : -1, cpu_ms, false);
  else if (p->left)
    abandon(p);
}

/* The program has ended, and its reaping is deferred. The caller holds a reference. */
static void leave(struct pty *p) {
  if (p->left) return;
  p->left = true;
  list_remove(&p->unreaped);
  take_back(p);
  if (p->pidfd >= 0) uv_poll_stop(&p->pidfd_poll);
  call_js(p, ON_LEFT, 0, NULL);
}

/* The program seems to have ended. The caller holds a reference. */
static void notice(struct pty *p) {
  siginfo_t end;
  if (can_be_reaped(p->pid, &end)) {
    if (p->reap_deferred)
      leave(p);
    else
      reap(p, &end);
  } else if (p->pidfd >= 0 && !p->left) {
    /* It has ended, and its tracer has not waited for it. The poll would report it without end. */
    uv_poll_stop(&p->pidfd_poll);
    p->unreaped_ticks = 0;
    list_add(&p->state->unreaped, &p->unreaped);
    update_reaper(p->state);
  }
}

static void reaper_ticked(uv_timer_t *timer) {
  struct state *s = timer->data;
  reap_abandoned(&s->abandoned);
  /* A turn may remove any entry from the list. */
  struct link round;
  list_init(&round);
  while (!list_empty(&s->unreaped)) {
    struct link *l = s->unreaped.next;
    list_remove(l);
    list_add(&round, l);
  }
  while (!list_empty(&round)) {
    struct pty *p = ENTRY(round.next, struct pty, unreaped);
    list_remove(&p->unreaped);
    pty_ref(p);
    const bool is_late = ++p->unreaped_ticks >= TRACER_LIMIT_TICKS;
    siginfo_t end;
    const bool is_reapable = can_be_reaped(p->pid, &end);
    if (!is_late && !is_reapable)
      list_add(&s->unreaped, &p->unreaped);
    else if (p->reap_deferred)
      leave(p);
    else if (is_reapable)
      reap(p, &end);
    else
      abandon(p);
    pty_unref(p);
  }
  if (s->closing && uv_hrtime() >= s->close_at) {
    for (struct link *l = s->ptys.next, *next; l != &s->ptys; l = next) {
      next = l->next;
      struct pty *p = ENTRY(l, struct pty, all);
      pty_ref(p);
      if (!p->reaped) abandon(p);
      pty_unref(p);
    }
  }
  update_reaper(s);
}

static void pidfd_ready(uv_poll_t *handle, int status, int events) {
  (void)status;
  (void)events;
  struct pty *p = handle->data;
  pty_ref(p);
  notice(p);
  pty_unref(p);
}

static void some_child_ended(uv_signal_t *handle, int number) {
  (void)number;
  struct state *s = handle->data;
  /* A callback may change the list anywhere, so the search starts again after each program that ended. */
  for (struct link *l = s->ptys.next; l != &s->ptys;) {
    struct pty *p = ENTRY(l, struct pty, all);
    bool before = p->reaped || p->left;
    pty_ref(p);
    if (!before && p->pidfd < 0) notice(p);
    bool changed = before != (p->reaped || p->left);
    struct link *next = l->next;
    pty_unref(p);
    l = changed ? s->ptys.next : next;
  }
}

/* Watches a program that was just started, and which may already have ended. Always succeeds. */
void process_watch(struct pty *p) {
  struct state *s = p->state;
  p->pidfd = s->use_pidfd ? pidfd_open(p->pid) : -1;
  if (p->pidfd >= 0) {
    if (uv_poll_init(s->loop, &p->pidfd_poll, p->pidfd) == 0) {
      p->pidfd_poll.data = p;
      pty_ref(p);
      state_ref(s);
      if (uv_poll_start(&p->pidfd_poll, UV_READABLE, pidfd_ready) == 0) return;
      uv_close((uv_handle_t *)&p->pidfd_poll, pidfd_closed);
    }
    close(p->pidfd);
    p->pidfd = -1;
  }
  /* fails only for invalid signal numbers */
  if (s->watched_by_signal++ == 0) (void)uv_signal_start(&s->sigchld, some_child_ended, SIGCHLD);
  /* The program may have ended before the watcher was started. */
  raise(SIGCHLD);
}

/*
 * Children that no environment waits for: those of an environment that has ended, and those of starts that failed. One
 * thread of the process reaps them; without it there would be zombies where the process goes on.
 */
static struct {
  pthread_mutex_t lock; /* of the rest */
  struct link list;
  bool is_running;
} background = {.lock = PTHREAD_MUTEX_INITIALIZER, .list = {&background.list, &background.list}};

static void *background_run(void *data) {
  (void)data;
  pthread_mutex_lock(&background.lock);
  while (!list_empty(&background.list)) {
    pthread_mutex_unlock(&background.lock);
    usleep(REAP_TICK_MS * 1000);
    pthread_mutex_lock(&background.lock);
    reap_abandoned(&background.list);
  }
  background.is_running = false;
  pthread_mutex_unlock(&background.lock);
  return NULL;
}

/* Whether the thread has been created. The lock is held. */
static bool background_start(void) {
  pthread_attr_t attributes;
  pthread_t id;
  sigset_t all, old;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  const bool is_created = pthread_create(&id, &attributes, background_run, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_attr_destroy(&attributes);
  return is_created;
}

/* Takes over `child`. If no thread can be created, the next one reaps it. */
static void reap_in_background(struct abandoned *child) {
  pthread_mutex_lock(&background.lock);
  list_add(&background.list, &child->link);
  if (!background.is_running) background.is_running = background_start();
  pthread_mutex_unlock(&background.lock);
}

static bool is_in_background(pid_t pid) {
  bool found = false;
  pthread_mutex_lock(&background.lock);
  for (struct link *l = background.list.next; l != &background.list && !found; l = l->next)
    found = ENTRY(l, struct abandoned, link)->pid == pid;
  pthread_mutex_unlock(&background.lock);
  return found;
}

/*
 * Reaps a child that has exited or was sent SIGKILL. If a process of its user traces it, it cannot be reaped before the
 * tracer has waited for it. Or it waits in the kernel for a file system. So after REAP_LIMIT_MS a background thread
 * takes it over.
 */
void process_reap_killed(pid_t pid) {
  const uint64_t end = uv_hrtime() + REAP_LIMIT_MS * MS;
  pid_t reaped;
  useconds_t pause = 50;
  for (; (reaped = waitpid(pid, NULL, WNOHANG)) == 0 || (reaped < 0 && errno == EINTR); pause *= 2) {
    if (uv_hrtime() >= end) {
      struct abandoned *child = calloc(1, sizeof *child);
      if (child == NULL) return; /* it stays a zombie */
      child->pid = pid;
      reap_in_background(child);
      return;
    }
    usleep(pause < 5000 ? pause : 5000);
  }
}

/* Ends what deferReap() began: the program is reaped, now if it has ended, else when it does. */
void process_release(struct pty *p) {
  if (!p->reap_deferred) return;
  p->reap_deferred = false;
  if (!p->left) return;
  pty_ref(p);
  siginfo_t end;
  (void)can_be_reaped(p->pid, &end);
  reap(p, &end);
  pty_unref(p);
}

static napi_value js_defer_reap(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct pty *p;
  if (get_args(env, info, 1, args) && (p = pty_from_js(env, args[0])) != NULL) p->reap_deferred = true;
  return NULL;
}

static napi_value js_reap(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct pty *p;
  if (get_args(env, info, 1, args) && (p = pty_from_js(env, args[0])) != NULL) process_release(p);
  return NULL;
}

/* abandon(pty): the program was killed and does not die; `exit` is called at once. */
static napi_value js_abandon(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct pty *p;
  if (!get_args(env, info, 1, args) || (p = pty_from_js(env, args[0])) == NULL || p->reaped) return NULL;
  pty_ref(p);
  abandon(p);
  pty_unref(p);
  return NULL;
}

/* kill(pty, signal): signals the program only. Its number is not reused until it is reaped, so there is no race. */
static napi_value js_kill(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t signal;
  struct pty *p;
  if (!get_args(env, info, 2, args) || (p = pty_from_js(env, args[0])) == NULL ||
      napi_get_value_int32(env, args[1], &signal) != napi_ok)
    return NULL;
  if (p->reaped) return js_int(env, -ESRCH);
  return js_int(env, kill(p->pid, signal) < 0 ? -errno : 0);
}

/*
 * signalGroups(pty, signal): signals the program's group and the terminal's foreground group, each once. The number of
 * the first is not reused before the program is reaped. Of the second only the number is known; it is in our session if
 * its leader is. If the leader is gone, the number is returned: the members must then be checked one by one.
 */
static napi_value js_signal_groups(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t signal;
  struct pty *p;
  if (!get_args(env, info, 2, args) || (p = pty_from_js(env, args[0])) == NULL ||
      napi_get_value_int32(env, args[1], &signal) != napi_ok)
    return NULL;
  if (p->reaped) return js_int(env, -ESRCH);
  kill(-p->pid, signal);
  pid_t group = p->master >= 0 ? tcgetpgrp(p->master) : -1;
  if (group <= 1 || group == p->pid) return js_int(env, 0);
  pid_t session = getsid(group);
  if (session == p->pid) kill(-group, signal);
  return js_int(env, session < 0 ? group : 0);
}

/*
 * killAll(): sends SIGKILL to every program and its foreground group, including programs that are being started, for a
 * process that ends and cannot wait. No program is started after it.
 */
static napi_value js_kill_all(napi_env env, napi_callback_info info) {
  (void)info;
  struct state *s = state_of(env);
  starter_stop(s);
  for (struct link *l = s->ptys.next; l != &s->ptys; l = l->next) {
    struct pty *p = ENTRY(l, struct pty, all);
    if (p->reaped) continue;
    pty_signal_foreground(p, SIGKILL);
    kill(-p->pid, SIGKILL);
  }
  return NULL;
}

/* sessionsOf(pids): in place, process id to session id; 0 for a process that is gone */
static napi_value js_sessions_of(napi_env env, napi_callback_info info) {
  napi_value args[1];
  void *data;
  size_t length;
  if (!get_args(env, info, 1, args) || !get_bytes(env, args[0], 4, &data, &length)) return NULL;
  int32_t *pids = data;
  for (size_t i = 0; i < length; i++) {
    pid_t session = pids[i] > 0 ? getsid(pids[i]) : -1;
    pids[i] = session < 0 ? 0 : session;
  }
  return NULL;
}

/*
 * Whether a process exists and is not a zombie: a zombie cannot be killed any more, and its parent must reap it, not
 * the server. The state is that of the first thread; others may go on without it. Without /proc, whether the number is
 * in use.
 */
static bool is_living(pid_t pid) {
  struct stat_line line;
  errno = 0;
  if (!read_stat(pid, &line)) return errno != 0 && errno != ENOENT && errno != ESRCH && kill(pid, 0) == 0;
  return line.state != 'X' && (line.state != 'Z' || line.threads > 1);
}

struct living_job {
  int32_t *pids;
  size_t length;
  napi_ref reference; /* keeps the memory of `pids` */
  napi_deferred deferred;
  napi_async_work work;
};

static void living_run(napi_env env, void *data) {
  (void)env;
  struct living_job *job = data;
  for (size_t i = 0; i < job->length; i++)
    if (!is_living(job->pids[i])) job->pids[i] = 0;
}

static void living_done(napi_env env, napi_status status, void *data) {
  (void)status;
  struct living_job *job = data;
  napi_value pids;
  if (napi_get_reference_value(env, job->reference, &pids) == napi_ok) napi_resolve_deferred(env, job->deferred, pids);
  napi_delete_reference(env, job->reference);
  napi_delete_async_work(env, job->work);
  free(job);
}

/*
 * keepLiving(pids): in place, 0 for a process that is gone or a zombie; a promise of `pids`. On a thread of libuv's
 * pool: reading a file of /proc takes 20 microseconds, and milliseconds while the process is freeing much memory.
 */
static napi_value js_keep_living(napi_env env, napi_callback_info info) {
  napi_value args[1], promise = NULL, name;
  void *data;
  size_t length;
  if (!get_args(env, info, 1, args) || !get_bytes(env, args[0], 4, &data, &length)) return NULL;
  struct living_job *job = calloc(1, sizeof *job);
  if (job == NULL) return NULL;
  job->pids = data;
  job->length = length;
  if (napi_create_reference(env, args[0], 1, &job->reference) != napi_ok ||
      napi_create_promise(env, &job->deferred, &promise) != napi_ok ||
      napi_create_string_utf8(env, "telpty:keepLiving", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, NULL, name, living_run, living_done, job, &job->work) != napi_ok) {
    if (job->reference != NULL) napi_delete_reference(env, job->reference);
    free(job);
    return NULL;
  }
  napi_queue_async_work(env, job->work);
  return promise;
}

/*
 * signalMember(session, group, pid, signal). The pidfd is opened before the membership is checked. If the process is a
 * member, the descriptor refers to it, or to a process that has ended since. A signal to the latter has no effect. The
 * caller makes sure that the number `session` was not reused.
 */
static napi_value js_signal_member(napi_env env, napi_callback_info info) {
  napi_value args[4];
  int32_t v[4];
  if (!get_args(env, info, 4, args)) return NULL;
  for (int i = 0; i < 4; i++)
    if (napi_get_value_int32(env, args[i], &v[i]) != napi_ok) return NULL;
  const pid_t session = v[0], group = v[1], pid = v[2];
  if (pid <= 1 || session <= 1) return js_int(env, -ESRCH);
  int fd = pidfd_open(pid);
  if (fd < 0 && errno == ESRCH) return js_int(env, -ESRCH);
  int result = -ESRCH;
  if (getsid(pid) == session && (group == 0 || getpgid(pid) == group))
    result = (fd >= 0 ? pidfd_signal(fd, v[3]) : kill(pid, v[3])) < 0 ? -errno : 0;
  if (fd >= 0) close(fd);
  return js_int(env, result);
}

struct search {
  pid_t pid;
  bool found;
};

static void compare_process(uv_handle_t *handle, void *data) {
  struct search *search = data;
  if (handle->type == UV_PROCESS && uv_process_get_pid((uv_process_t *)handle) == search->pid) search->found = true;
}

/* Whether a session, a start, or Node's child_process waits for this child. */
static bool is_awaited(const struct state *s, pid_t pid) {
  for (struct link *l = s->ptys.next; l != &s->ptys; l = l->next)
    if (ENTRY(l, struct pty, all)->pid == pid && !ENTRY(l, struct pty, all)->reaped) return true;
  for (struct link *l = s->abandoned.next; l != &s->abandoned; l = l->next)
    if (ENTRY(l, struct abandoned, link)->pid == pid) return true;
  if (starter_has(s, pid) || is_in_background(pid)) return true;
  struct search search = {.pid = pid};
  uv_walk(s->loop, compare_process, &search);
  return search.found;
}

/* reapOrphans(pids): reaps the children that have ended and that nothing in this thread waits for. Returns how many. */
static napi_value js_reap_orphans(napi_env env, napi_callback_info info) {
  napi_value args[1];
  void *data;
  size_t length;
  if (!get_args(env, info, 1, args) || !get_bytes(env, args[0], 4, &data, &length)) return NULL;
  const int32_t *pids = data;
  int count = 0;
  for (size_t i = 0; i < length; i++) {
    siginfo_t end = {0};
    if (pids[i] <= 1) continue;
    if (waitid(P_PID, (id_t)pids[i], &end, WEXITED | WNOHANG | WNOWAIT) < 0 || end.si_pid == 0) continue;
    if (!is_awaited(state_of(env), pids[i])) count += waitpid(pids[i], NULL, WNOHANG) == pids[i];
  }
  return js_int(env, count);
}

static napi_value js_use_pidfd(napi_env env, napi_callback_info info) {
  napi_value args[1];
  if (get_args(env, info, 1, args)) napi_get_value_bool(env, args[0], &state_of(env)->use_pidfd);
  return NULL;
}

static void handle_closed(uv_handle_t *handle) { state_unref(handle->data); }

/* Returns 0, or a negative error of libuv, and then nothing is left to close. */
int process_state_init(struct state *s) {
  const int error = uv_signal_init(s->loop, &s->sigchld);
  if (error < 0) return error;
  list_init(&s->unreaped);
  list_init(&s->abandoned);
  uv_timer_init(s->loop, &s->reaper);
  uv_unref((uv_handle_t *)&s->reaper);
  s->sigchld.data = s->reaper.data = s;
  state_ref(s);
  state_ref(s);
  return 0;
}

/* The number of programs that no terminal waits for any more and that are not reaped yet. */
unsigned process_abandoned(const struct state *s) {
  unsigned count = 0;
  for (struct link *l = s->abandoned.next; l != &s->abandoned; l = l->next) count++;
  return count;
}

static void leave_to_thread(struct state *s) {
  for (struct link *l; (l = s->abandoned.next) != &s->abandoned;) {
    list_remove(l);
    reap_in_background(ENTRY(l, struct abandoned, link));
  }
}

/* The environment ends and has killed its programs: they have CLOSE_LIMIT_MS to end. */
void process_state_end(struct state *s) {
  s->close_at = uv_hrtime() + CLOSE_LIMIT_MS * MS;
  update_reaper(s);
  process_state_close(s);
}

/* At the end of the environment the watchers are closed after the last program. */
void process_state_close(struct state *s) {
  if (!s->closing) return;
  if (s->watched_by_signal == 0 && !uv_is_closing((uv_handle_t *)&s->sigchld))
    uv_close((uv_handle_t *)&s->sigchld, handle_closed);
  if (list_empty(&s->ptys) && !uv_is_closing((uv_handle_t *)&s->reaper)) {
    leave_to_thread(s);
    uv_close((uv_handle_t *)&s->reaper, handle_closed);
  }
}

void process_exports(napi_env env, napi_value exports) {
  export_function(env, exports, "deferReap", js_defer_reap);
  export_function(env, exports, "reap", js_reap);
  export_function(env, exports, "abandon", js_abandon);
  export_function(env, exports, "kill", js_kill);
  export_function(env, exports, "signalGroups", js_signal_groups);
  export_function(env, exports, "sessionsOf", js_sessions_of);
  export_function(env, exports, "keepLiving", js_keep_living);
  export_function(env, exports, "signalMember", js_signal_member);
  export_function(env, exports, "killAll", js_kill_all);
  export_function(env, exports, "reapOrphans", js_reap_orphans);
  export_function(env, exports, "usePidfd", js_use_pidfd);
}
