/*
 * Starts that do not hold up the loop.
 *
 * vfork stops the thread that calls it until the program begins, and a start is some twenty system calls besides: a quarter
 * of a millisecond in which the loop could serve others. So a start can be given to a thread that does nothing else. It is
 * not one of libuv's pool, where it would wait behind whatever an application does with files and names.
 *
 * The thread touches nothing but the jobs it is given. What it has started becomes a terminal on the loop's thread; until
 * then it belongs to the job, and starter_stop() sees to it that none is left behind.
 */
#include "telpty.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* A vfork's child runs on the stack of the thread as well. */
#define STACK_SIZE (256 * 1024)

/* More than one, so that a file system that is slow to give a program does not hold up all others. */
#define THREADS 2

struct job {
  struct link link;
  struct pty *pty;
  napi_ref request; /* keeps the memory that `plan` points into */
  struct plan plan;
  struct spawned result;
};

struct thread {
  struct starter *starter;
  pthread_t id;
  struct low low;
};

struct starter {
  struct state *state;
  uv_async_t finished; /* keeps the loop alive while `pending` is not 0 */
  unsigned pending;    /* jobs that JavaScript has not heard of again */

  struct thread threads[THREADS];
  unsigned created; /* of them */

  pthread_mutex_t lock; /* of what follows */
  pthread_cond_t work;
  struct link waiting, done;
  unsigned queued, idle; /* jobs in `waiting`; threads that wait for one */
  bool stopped;
};

static struct job *take(struct link *list) {
  struct job *job = ENTRY(list->next, struct job, link);
  list_remove(&job->link);
  return job;
}

static void *work(void *data) {
  struct thread *thread = data;
  struct starter *t = thread->starter;
  pthread_mutex_lock(&t->lock);
  for (;;) {
    while (list_empty(&t->waiting) && !t->stopped) {
      t->idle++;
      pthread_cond_wait(&t->work, &t->lock);
      t->idle--;
    }
    if (t->stopped) break;
    struct job *job = take(&t->waiting);
    t->queued--;
    pthread_mutex_unlock(&t->lock);
    spawn(&job->plan, &thread->low, &job->result);
    pthread_mutex_lock(&t->lock);
    list_add(&t->done, &job->link);
    if (!t->stopped) uv_async_send(&t->finished);
  }
  pthread_mutex_unlock(&t->lock);
  return NULL;
}

/* A thread in which no handler of the process ever runs. Returns 0 or an error number. */
static int create_thread(struct starter *t) {
  pthread_attr_t attributes;
  sigset_t all, old;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  pthread_attr_setstacksize(&attributes, STACK_SIZE);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  struct thread *thread = &t->threads[t->created];
  error = pthread_create(&thread->id, &attributes, work, thread);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_attr_destroy(&attributes);
  if (error == 0) t->created++;
  return error;
}

static void job_free(struct starter *t, struct job *job) {
  napi_delete_reference(t->state->env, job->request);
  plan_free(&job->plan);
  free(job);
}

/* Back on the loop: what was started becomes a terminal. One at a time, for JavaScript may end all of this meanwhile. */
static void finished(uv_async_t *handle) {
  struct starter *t = handle->data;
  for (;;) {
    pthread_mutex_lock(&t->lock);
    struct job *job = t->stopped || list_empty(&t->done) ? NULL : take(&t->done);
    pthread_mutex_unlock(&t->lock);
    if (job == NULL) return;
    struct pty *p = job->pty;
    struct spawned result = job->result;
    job_free(t, job);
    if (--t->pending == 0) uv_unref((uv_handle_t *)&t->finished);
    pty_started(p, &result);
  }
}

static void starter_closed(uv_handle_t *handle) {
  struct starter *t = handle->data;
  state_unref(t->state);
  pthread_cond_destroy(&t->work);
  pthread_mutex_destroy(&t->lock);
  free(t);
}

/* At the beginning of the environment, while low descriptors are free. Without it (no memory) nothing can be started elsewhere. */
void starter_begin(struct state *s) {
  struct starter *t = calloc(1, sizeof *t);
  if (t == NULL) return;
  if (uv_async_init(s->loop, &t->finished, finished) != 0) {
    free(t);
    return;
  }
  uv_unref((uv_handle_t *)&t->finished);
  t->finished.data = t;
  t->state = s;
  state_ref(s);
  pthread_mutex_init(&t->lock, NULL);
  pthread_cond_init(&t->work, NULL);
  list_init(&t->waiting);
  list_init(&t->done);
  for (unsigned i = 0; i < THREADS; i++) {
    t->threads[i].starter = t;
    low_open(&t->threads[i].low);
  }
  s->starter = t;
}

/*
 * Starts the program of `plan` for `p` as soon as a thread is free; pty_started() is called from the loop when it runs, or
 * does not. Takes over `plan` and `request`. Returns 0 or an error number, and then takes over nothing.
 */
int starter_add(struct pty *p, const struct plan *plan, napi_ref request) {
  struct starter *t = p->state->starter;
  struct job *job = t == NULL || t->stopped ? NULL : malloc(sizeof *job);
  if (job == NULL) return ENOMEM;
  *job = (struct job){.pty = p, .request = request, .plan = *plan};
  int error = 0;
  pthread_mutex_lock(&t->lock);
  if (t->queued >= t->idle && t->created < THREADS) error = create_thread(t);
  if (t->created > 0) {
    list_add(&t->waiting, &job->link);
    t->queued++;
    pthread_cond_signal(&t->work);
    error = 0;
  }
  pthread_mutex_unlock(&t->lock);
  if (error != 0) {
    free(job);
    return error;
  }
  if (t->pending++ == 0) uv_ref((uv_handle_t *)&t->finished);
  return 0;
}

/* How many starts JavaScript has not heard of again. */
unsigned starter_pending(const struct state *s) { return s->starter == NULL ? 0 : s->starter->pending; }

/*
 * For an environment or a process that ends: begins nothing more, waits for the start that is under way, and leaves neither
 * its program nor its terminal behind. JavaScript hears of none of them.
 */
void starter_stop(struct state *s) {
  struct starter *t = s->starter;
  if (t == NULL || t->stopped) return;
  pthread_mutex_lock(&t->lock);
  t->stopped = true;
  pthread_cond_broadcast(&t->work);
  pthread_mutex_unlock(&t->lock);
  for (unsigned i = 0; i < t->created; i++) pthread_join(t->threads[i].id, NULL);
  /* From here on nobody else is there. */
  while (!list_empty(&t->waiting) || !list_empty(&t->done)) {
    bool begun = list_empty(&t->waiting);
    struct job *job = take(begun ? &t->done : &t->waiting);
    if (begun && job->result.error == 0) spawn_undo(&job->result);
    pty_never(job->pty);
    job_free(t, job);
  }
  t->pending = 0;
}

/* The end of the environment, after starter_stop(). */
void starter_close(struct state *s) {
  struct starter *t = s->starter;
  s->starter = NULL;
  if (t == NULL) return;
  for (unsigned i = 0; i < THREADS; i++) low_close(&t->threads[i].low);
  uv_close((uv_handle_t *)&t->finished, starter_closed);
}
