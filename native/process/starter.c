/*
 * Starts on separate threads, with a time limit: they do not block the loop, and no user can block them forever.
 *
 * vfork suspends the thread that calls it until the program begins, and a start makes about twenty other system calls.
 * The loop could serve others in this quarter of a millisecond. So a start runs on a separate thread. Rejected: libuv's
 * pool, where it would wait for the application's work with files and DNS names.
 *
 * Between setuid() and exec() the child has the user of the program. Any process of that user may stop it, and its
 * program or directory may be in a file system of that user that never answers. So the number of the child is known
 * while its thread sleeps (CLONE_PARENT_SETTID), and the loop checks starts that take long:
 *
 *   SLOW_MS             the thread no longer counts as one of the NORMAL_THREADS; another takes the next start
 *   seen as stopped     SIGCONT; after MOST_STOPS times SIGKILL
 *   START_LIMIT_MS      SIGKILL, and the start fails with ETIMEDOUT
 *   KILL_LIMIT_MS more  the child does not die (it waits for a file system): the start fails, the thread is abandoned
 *
 * SIGCONT is tried first, because a process that stops the child once by accident (`kill -STOP -1`) should not cost a
 * client its program. Rejected: a child without CLONE_VFORK, for which no thread would have to wait. The kernel then
 * treats it as an ordinary user of the server's memory, and kills both if the memory limit of its cgroup is reached.
 *
 * The thread uses only its job and, under the lock, the lists. A program that it started becomes a terminal on the
 * loop's thread. Until then it belongs to the job, and starter_stop() ends it.
 */
#include "telpty.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child of a vfork runs on the stack of the thread, too. */
#define STACK_SIZE (256 * 1024)

/* More than one, so that a program on a slow file system does not delay all others. */
#define NORMAL_THREADS 2
/* Including the threads of slow starts. */
#define MOST_THREADS 64

#define TICK_MS 50
#define SLOW_MS 50
#define MOST_STOPS 3
#define START_LIMIT_MS 5000
#define KILL_LIMIT_MS 1000
/* When a start is stuck: see starter_stuck(). */
#define STUCK_MS 1000
#define STUCK_AFTER_MS 10000
/* How long the end of an environment waits for threads whose children were killed. */
#define STOP_LIMIT_MS 2000
#define STOP_TICK_MS 10

#define MS 1000000ull

struct job {
  struct link link; /* in `waiting`, `running` or `done` */
  struct pty *pty;  /* NULL: of starter_run(), or JavaScript has got its failure */
  napi_ref request; /* keeps the memory that `plan` points into; NULL: the caller keeps it */
  struct plan plan;
  struct spawned result;
  struct birth birth;
  uint64_t since;    /* when its thread took it, by uv_hrtime() */
  uint64_t killed_at; /* 0: not killed */
  unsigned stops;    /* how often it was seen stopped */
  bool slow;         /* its thread is not one of the NORMAL_THREADS */
  bool abandoned;    /* its thread is not waited for any more */
  bool awaited;      /* starter_run() sleeps until it is done or abandoned */
  bool is_done;
};

struct starter {
  struct state *state; /* for the loop's thread only; NULL after its end */
  uv_async_t finished; /* keeps the loop alive while `pending` is not 0 */
  uv_timer_t tick;     /* runs while `pending` is not 0 */
  unsigned pending;    /* jobs whose result JavaScript has not got */

  uv_mutex_t lock; /* of what follows */
  uv_cond_t work, change; /* a job waits; a job is done, or a thread has ended */
  struct link waiting, running, done;
  unsigned queued, idle;           /* jobs in `waiting`; threads that wait for one */
  unsigned threads, slow, abandoned; /* all; those with a slow job; of these, those with an abandoned one */
  unsigned refs; /* the environment, each thread */
  unsigned killed; /* starts that took too long */
  uint64_t stuck_until; /* by uv_hrtime() */
  bool stopped;
  struct low lows[NORMAL_THREADS];
  bool low_taken[NORMAL_THREADS];
};

static struct job *take(struct link *list) {
  struct job *job = ENTRY(list->next, struct job, link);
  list_remove(&job->link);
  return job;
}

static void push_front(struct link *head, struct link *entry) { list_add(head->next, entry); }

static void starter_free(struct starter *t) {
  for (unsigned i = 0; i < NORMAL_THREADS; i++) low_close(&t->lows[i]);
  uv_cond_destroy(&t->change);
  uv_cond_destroy(&t->work);
  uv_mutex_destroy(&t->lock);
  free(t);
}

/* The lock is held, and is released. */
static void unlock_and_unref(struct starter *t) {
  bool last = --t->refs == 0;
  uv_mutex_unlock(&t->lock);
  if (last) starter_free(t);
}

/* The child is about to be reaped (`over`), or replaced by another: its number must not be signalled any more. */
void birth_set(struct birth *birth, bool over) {
  uv_mutex_lock(birth->lock);
  if (!over) birth->child = 0;
  birth->over = over;
  uv_mutex_unlock(birth->lock);
}

/* The child of a start, which is not reaped before the lock is released; 0: none. The lock is held. */
static pid_t child_of(const struct job *job) { return job->birth.over ? 0 : job->birth.child; }

static void kill_child(const struct job *job) {
  const pid_t child = child_of(job);
  if (child > 0) kill(child, SIGKILL);
}

static bool is_surplus(const struct starter *t) { return t->threads - t->slow > NORMAL_THREADS; }

/*
 * For one job. A thread does not keep its pair. After a slow start the thread without a pair may be the one that stays.
 * Then all its starts would copy the whole descriptor table.
 */
static struct low *take_low(struct starter *t) {
  for (unsigned i = 0; i < NORMAL_THREADS; i++) {
    if (t->low_taken[i]) continue;
    t->low_taken[i] = true;
    return &t->lows[i];
  }
  return NULL;
}

/* Runs one job. The lock is not held. A child that was killed for taking too long counts as failed, even after exec. */
static void run_job(struct starter *t, struct job *job, struct low *low) {
  job->birth.lock = &t->lock;
  spawn(&job->plan, low, &job->birth, &job->result);
  uv_mutex_lock(&t->lock);
  const bool unwanted = job->killed_at != 0 || job->abandoned;
  /* From here on check_starts() does not signal it. */
  job->birth.over = true;
  if (!unwanted) return;
  uv_mutex_unlock(&t->lock);
  if (job->result.error == 0) spawn_undo(&job->result);
  job->result = (struct spawned){.error = ETIMEDOUT, .step = job->result.error == 0 ? STEP_EXEC : job->result.step};
  uv_mutex_lock(&t->lock);
}

static void *work(void *data) {
  struct starter *t = data;
  uv_mutex_lock(&t->lock);
  for (;;) {
    while (list_empty(&t->waiting) && !t->stopped && !is_surplus(t)) {
      t->idle++;
      uv_cond_wait(&t->work, &t->lock);
      t->idle--;
    }
    if (t->stopped || list_empty(&t->waiting)) break;
    struct job *job = take(&t->waiting);
    t->queued--;
    job->since = uv_hrtime();
    list_add(&t->running, &job->link);
    struct low *low = take_low(t);
    uv_mutex_unlock(&t->lock);
    run_job(t, job, low);
    if (low != NULL) t->low_taken[low - t->lows] = false;
    list_remove(&job->link);
    if (job->slow) t->slow--;
    if (job->abandoned) t->abandoned--;
    if (job->result.error == 0) t->stuck_until = 0;
    job->is_done = true;
    if (!job->awaited) {
      if (job->abandoned && job->request == NULL) {
        /* The environment is gone. */
        plan_free(&job->plan);
        free(job);
      } else {
        list_add(&t->done, &job->link);
        if (!t->stopped) uv_async_send(&t->finished);
      }
    }
    uv_cond_broadcast(&t->change);
  }
  t->threads--;
  uv_cond_broadcast(&t->change);
  unlock_and_unref(t);
  return NULL;
}

/*
 * Creates a thread with all signals blocked but SIGCHLD. The lock is held. Returns 0 or an error number.
 *
 * The kernel sends SIGCHLD to the thread that started the child. It discards the signal at once if no handler is
 * installed and that thread does not block it. Otherwise it wakes another thread, for nothing.
 */
static int create_thread(struct starter *t) {
  pthread_attr_t attributes;
  pthread_t id;
  sigset_t all, old;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  pthread_attr_setstacksize(&attributes, STACK_SIZE);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  sigfillset(&all);
  sigdelset(&all, SIGCHLD);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  error = pthread_create(&id, &attributes, work, t);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_attr_destroy(&attributes);
  if (error == 0) {
    t->threads++;
    t->refs++;
  }
  return error;
}

/* The lock is held. Returns 0, or the error number if jobs wait and no thread exists for them. */
static int want_thread(struct starter *t) {
  if (t->queued <= t->idle || t->threads - t->slow >= NORMAL_THREADS) return 0;
  int error = t->threads < MOST_THREADS ? create_thread(t) : EAGAIN;
  return t->threads > t->abandoned ? 0 : error;
}

static bool is_stopped(pid_t pid) {
  siginfo_t info = {0};
  return waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

static void give_up(struct starter *t, struct job *job, uint64_t now) {
  if (job->killed_at != 0) return;
  job->killed_at = now;
  t->killed++;
  t->stuck_until = now + STUCK_AFTER_MS * MS;
}

/* Checks the starts that are running. The lock is held. */
static void check_starts(struct starter *t) {
  const uint64_t now = uv_hrtime();
  for (struct link *l = t->running.next; l != &t->running; l = l->next) {
    struct job *job = ENTRY(l, struct job, link);
    const uint64_t age = now - job->since;
    if (job->abandoned) {
      kill_child(job);
      continue;
    }
    if (age >= SLOW_MS * MS && !job->slow) {
      job->slow = true;
      t->slow++;
    }
    if (!job->slow) continue;
    const pid_t child = child_of(job);
    if (job->killed_at == 0 && child > 0 && is_stopped(child)) {
      if (++job->stops <= MOST_STOPS) {
        kill(child, SIGCONT);
      } else {
        plan_set_detail(&job->plan, "stopped");
        give_up(t, job, now);
      }
    }
    if (age >= START_LIMIT_MS * MS) give_up(t, job, now);
    if (job->killed_at != 0) kill_child(job);
    if (job->killed_at != 0 && now - job->killed_at >= KILL_LIMIT_MS * MS) {
      job->abandoned = true;
      t->abandoned++;
    }
  }
  want_thread(t);
}

static void wait_for_change(struct starter *t, unsigned ms) { uv_cond_timedwait(&t->change, &t->lock, ms * MS); }

static void job_free(struct starter *t, struct job *job) {
  if (job->request != NULL) napi_delete_reference(t->state->env, job->request);
  plan_free(&job->plan);
  free(job);
}

/* JavaScript gets the result of one more. */
static void settled(struct starter *t) {
  if (--t->pending > 0) return;
  uv_unref((uv_handle_t *)&t->finished);
  uv_timer_stop(&t->tick);
}

/* On the loop: started programs become terminals. One at a time, because JavaScript may stop the starter meanwhile. */
static void finished(uv_async_t *handle) {
  struct starter *t = handle->data;
  for (;;) {
    uv_mutex_lock(&t->lock);
    struct job *job = t->stopped || list_empty(&t->done) ? NULL : take(&t->done);
    uv_mutex_unlock(&t->lock);
    if (job == NULL) return;
    struct pty *p = job->pty;
    struct spawned result = job->result;
    job_free(t, job);
    if (p == NULL) continue; /* an abandoned one, whose failure JavaScript has got */
    settled(t);
    pty_started(p, &result);
  }
}

/*
 * The terminal of the next job that was abandoned, or that no thread will ever take, and is not reported yet; or NULL.
 */
static struct pty *next_lost(struct starter *t, struct spawned *result) {
  struct pty *p = NULL;
  struct job *unused = NULL;
  uv_mutex_lock(&t->lock);
  if (!t->stopped) {
    for (struct link *l = t->running.next; l != &t->running && p == NULL; l = l->next) {
      struct job *job = ENTRY(l, struct job, link);
      if (!job->abandoned || job->pty == NULL) continue;
      p = job->pty;
      job->pty = NULL;
      *result = (struct spawned){.error = ETIMEDOUT, .step = STEP_EXEC};
    }
    if (p == NULL && t->threads >= MOST_THREADS && t->threads == t->abandoned) {
      for (struct link *l = t->waiting.next; l != &t->waiting && p == NULL; l = l->next) {
        unused = ENTRY(l, struct job, link);
        if (unused->awaited) continue;
        p = unused->pty;
        list_remove(l);
        t->queued--;
        *result = (struct spawned){.error = EBUSY, .step = STEP_FORK};
        break;
      }
      if (p == NULL) unused = NULL;
    }
  }
  uv_mutex_unlock(&t->lock);
  if (unused != NULL) job_free(t, unused);
  return p;
}

static void ticked(uv_timer_t *timer) {
  struct starter *t = timer->data;
  uv_mutex_lock(&t->lock);
  check_starts(t);
  uv_mutex_unlock(&t->lock);
  struct spawned result;
  for (struct pty *p; (p = next_lost(t, &result)) != NULL;) {
    settled(t);
    pty_started(p, &result);
  }
}

static void starter_closed(uv_handle_t *handle) {
  struct starter *t = handle->data;
  state_unref(t->state);
  uv_mutex_lock(&t->lock);
  t->state = NULL;
  unlock_and_unref(t);
}

static void timer_closed(uv_handle_t *handle) {
  struct starter *t = handle->data;
  uv_close((uv_handle_t *)&t->finished, starter_closed);
}

/* A thread may outlive the environment of a worker, which unloads the addon if no other environment uses it. */
static void stay_loaded(void) {
  Dl_info info;
  if (dladdr((void *)stay_loaded, &info) != 0) dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

/*
 * At the beginning of the environment, while low descriptors are free. If it fails (no memory), nothing can be started.
 */
void starter_begin(struct state *s) {
  struct starter *t = calloc(1, sizeof *t);
  if (t == NULL) return;
  if (uv_mutex_init(&t->lock) != 0) goto no_mutex;
  if (uv_cond_init(&t->work) != 0) goto no_work;
  if (uv_cond_init(&t->change) != 0) goto no_change;
  if (uv_async_init(s->loop, &t->finished, finished) != 0) goto no_handle;
  uv_timer_init(s->loop, &t->tick);
  uv_unref((uv_handle_t *)&t->finished);
  uv_unref((uv_handle_t *)&t->tick);
  t->finished.data = t->tick.data = t;
  t->state = s;
  t->refs = 1;
  state_ref(s);
  list_init(&t->waiting);
  list_init(&t->running);
  list_init(&t->done);
  for (unsigned i = 0; i < NORMAL_THREADS; i++) low_open(&t->lows[i]);
  stay_loaded();
  s->starter = t;
  return;

no_handle:
  uv_cond_destroy(&t->change);
no_change:
  uv_cond_destroy(&t->work);
no_work:
  uv_mutex_destroy(&t->lock);
no_mutex:
  free(t);
}

/*
 * Starts the program of `plan` for `p` as soon as a thread is free. Then pty_started() is called from the loop, with
 * success or failure. Takes over `plan` and `request`. Returns 0, or an error number; then the caller keeps both.
 */
int starter_add(struct pty *p, const struct plan *plan, napi_ref request) {
  struct starter *t = p->state->starter;
  struct job *job = t == NULL || t->stopped ? NULL : calloc(1, sizeof *job);
  if (job == NULL) return ENOMEM;
  job->pty = p;
  job->request = request;
  job->plan = *plan;
  uv_mutex_lock(&t->lock);
  list_add(&t->waiting, &job->link);
  t->queued++;
  int error = want_thread(t);
  if (error != 0) {
    list_remove(&job->link);
    t->queued--;
  }
  uv_mutex_unlock(&t->lock);
  if (error != 0) {
    free(job);
    return error;
  }
  /* After the unlock: otherwise the thread wakes only to sleep again, until the lock is free. */
  uv_cond_signal(&t->work);
  if (t->pending++ == 0) {
    uv_ref((uv_handle_t *)&t->finished);
    uv_timer_start(&t->tick, ticked, TICK_MS, TICK_MS);
  }
  return 0;
}

/*
 * Starts the program of `plan` and waits for it within the time limits. Returns whether the caller still owns `plan`:
 * an abandoned start keeps it, and a reference to `request`.
 */
bool starter_run(struct state *s, const struct plan *plan, napi_value request, struct spawned *result) {
  struct starter *t = s->starter;
  struct job *job = t == NULL || t->stopped ? NULL : calloc(1, sizeof *job);
  *result = (struct spawned){.error = ENOMEM, .step = STEP_FORK};
  if (job == NULL) return true;
  job->plan = *plan;
  job->awaited = true;
  uv_mutex_lock(&t->lock);
  push_front(&t->waiting, &job->link);
  t->queued++;
  int error = want_thread(t);
  if (error == 0) {
    uv_cond_signal(&t->work);
    while (!job->is_done && !job->abandoned) {
      wait_for_change(t, TICK_MS);
      if (!job->is_done) check_starts(t);
      if (job->since == 0 && t->threads >= MOST_THREADS && t->threads == t->abandoned) {
        error = EBUSY;
        break;
      }
    }
  }
  if (error != 0) {
    list_remove(&job->link);
    t->queued--;
    result->error = error;
  } else if (job->is_done) {
    *result = job->result;
  } else {
    *result = (struct spawned){.error = ETIMEDOUT, .step = STEP_EXEC};
    napi_create_reference(s->env, request, 1, &job->request);
    job->awaited = false;
    job = NULL;
  }
  uv_mutex_unlock(&t->lock);
  free(job);
  return job != NULL;
}

/* The number of starts whose result JavaScript has not received. */
unsigned starter_pending(const struct state *s) { return s->starter == NULL ? 0 : s->starter->pending; }

/* The number of starts that were killed because they took too long. */
unsigned starter_killed(const struct state *s) { return s->starter == NULL ? 0 : s->starter->killed; }

/*
 * The number of starts that hang, for a second by now or forever. After a start was killed, at least 1 until another
 * succeeds or 10 s have passed.
 */
unsigned starter_stuck(const struct state *s) {
  struct starter *t = s->starter;
  if (t == NULL) return 0;
  const uint64_t now = uv_hrtime();
  unsigned count = 0;
  uv_mutex_lock(&t->lock);
  for (struct link *l = t->running.next; l != &t->running; l = l->next) {
    const struct job *job = ENTRY(l, struct job, link);
    count += job->abandoned || now - job->since >= STUCK_MS * MS;
  }
  if (count == 0 && now < t->stuck_until) count = 1;
  uv_mutex_unlock(&t->lock);
  return count;
}

/* Whether the child with this number belongs to a start that has not ended. For the loop's thread. */
bool starter_has(const struct state *s, pid_t pid) {
  struct starter *t = s->starter;
  if (t == NULL) return false;
  bool found = false;
  uv_mutex_lock(&t->lock);
  for (struct link *l = t->running.next; l != &t->running && !found; l = l->next)
    found = ENTRY(l, struct job, link)->birth.child == pid;
  for (struct link *l = t->done.next; l != &t->done && !found; l = l->next)
    found = ENTRY(l, struct job, link)->result.pid == pid;
  uv_mutex_unlock(&t->lock);
  return found;
}

/*
 * For an environment or a process that ends: begins no more starts, and kills those that are running. No program and no
 * terminal is left. JavaScript does not get their results. A child that does not die in time keeps its thread; if the
 * process ends, both end with it.
 */
void starter_stop(struct state *s) {
  struct starter *t = s->starter;
  if (t == NULL || t->stopped) return;
  uv_mutex_lock(&t->lock);
  t->stopped = true;
  uv_cond_broadcast(&t->work);
  const uint64_t end = uv_hrtime() + STOP_LIMIT_MS * MS;
  while (t->threads > t->abandoned) {
    const bool over = uv_hrtime() >= end;
    for (struct link *l = t->running.next; l != &t->running; l = l->next) {
      struct job *job = ENTRY(l, struct job, link);
      if (job->killed_at == 0) job->killed_at = 1;
      kill_child(job);
      if (!over || job->abandoned) continue;
      job->abandoned = true;
      t->abandoned++;
    }
    if (over) break;
    wait_for_change(t, STOP_TICK_MS);
  }
  for (struct link *l = t->running.next; l != &t->running; l = l->next) {
    struct job *job = ENTRY(l, struct job, link);
    if (job->pty != NULL) pty_never(job->pty);
    if (job->request != NULL) napi_delete_reference(s->env, job->request);
    job->pty = NULL;
    job->request = NULL;
  }
  struct link waiting, done;
  list_init(&waiting);
  list_init(&done);
  while (!list_empty(&t->waiting)) list_add(&waiting, &take(&t->waiting)->link);
  while (!list_empty(&t->done)) list_add(&done, &take(&t->done)->link);
  uv_mutex_unlock(&t->lock);
  while (!list_empty(&waiting) || !list_empty(&done)) {
    bool begun = list_empty(&waiting);
    struct job *job = take(begun ? &done : &waiting);
    if (begun && job->result.error == 0) spawn_undo(&job->result);
    if (job->pty != NULL) pty_never(job->pty);
    job_free(t, job);
  }
  t->pending = 0;
}

/* The end of the environment, after starter_stop(). */
void starter_close(struct state *s) {
  struct starter *t = s->starter;
  s->starter = NULL;
  if (t == NULL) return;
  uv_mutex_lock(&t->lock);
  /* An abandoned thread may use its own; the last thread closes them. */
  for (unsigned i = 0; i < NORMAL_THREADS; i++)
    if (!t->low_taken[i]) low_close(&t->lows[i]);
  uv_mutex_unlock(&t->lock);
  uv_close((uv_handle_t *)&t->tick, timer_closed);
}
