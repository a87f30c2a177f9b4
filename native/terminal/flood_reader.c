/* Terminals that flood, the event loop's side: see flood.h. */
#include "flood.h"

#ifdef __linux__
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* How long the loop delivers output before it handles other events. */
#define DELIVERY_NS (100 * 1000)

/* Blocks all signals in the thread: the main thread handles them. */
static int start_thread(struct flood_reader *reader) {
  static const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = 128 * 1024};
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int error = uv_thread_create_ex(&reader->thread, &options, flood_thread_run, reader);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return error;
}

static void deliver(uv_async_t *handle);

static void async_closed(uv_handle_t *handle) {
  struct flood_reader *reader = handle->data;
  uv_cond_destroy(&reader->stopped_reading);
  uv_mutex_destroy(&reader->mutex);
  state_unref(reader->state);
  free(reader);
}

/* The thread was not started, or has ended. */
static void finish(struct flood_reader *reader) {
  flood_thread_free_retired(reader);
  close(reader->epoll);
  close(reader->wake_thread);
  uv_close((uv_handle_t *)&reader->wake_loop, async_closed);
}

/* Starts the thread of an environment. If it cannot be started, the loop reads all terminals. */
void flood_reader_start(struct state *s) {
  struct flood_reader *reader = calloc(1, sizeof *reader);
  if (reader == NULL) return;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  reader->state = s;
  reader->epoll = epoll_create1(EPOLL_CLOEXEC);
  reader->wake_thread = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  list_init(&reader->floods);
  list_init(&reader->waiting);
  list_init(&reader->retired);
  if (reader->epoll < 0 || reader->wake_thread < 0 ||
      epoll_ctl(reader->epoll, EPOLL_CTL_ADD, reader->wake_thread, &event) < 0 || uv_mutex_init(&reader->mutex) < 0)
    goto no_mutex;
  if (uv_cond_init(&reader->stopped_reading) < 0) goto no_condition;
  if (uv_async_init(s->loop, &reader->wake_loop, deliver) < 0) goto no_handle;
  reader->wake_loop.data = reader;
  /* The programs keep the loop alive, not this handle. */
  uv_unref((uv_handle_t *)&reader->wake_loop);
  state_ref(s);
  if (start_thread(reader) == 0)
    s->flood_reader = reader;
  else
    finish(reader);
  return;

no_handle:
  uv_cond_destroy(&reader->stopped_reading);
no_condition:
  uv_mutex_destroy(&reader->mutex);
no_mutex:
  if (reader->epoll >= 0) close(reader->epoll);
  if (reader->wake_thread >= 0) close(reader->wake_thread);
  free(reader);
}

/* The environment ends; its terminals are closed. */
void flood_reader_stop(struct state *s) {
  struct flood_reader *reader = s->flood_reader;
  if (reader == NULL) return;
  s->flood_reader = NULL;
  uv_mutex_lock(&reader->mutex);
  reader->stop = true;
  uv_mutex_unlock(&reader->mutex);
  flood_thread_wake(reader);
  uv_thread_join(&reader->thread);
  finish(reader);
}

/* A buffer of DRAIN_LIMIT bytes, and the one before. */
static bool open_buffer(struct buffer *buffer) {
  char *memory = malloc(1 + DRAIN_LIMIT);
  if (memory == NULL) return false;
  buffer->data = memory + 1;
  return true;
}

static void close_buffer(struct buffer *buffer) {
  if (buffer->data != NULL) free(buffer->data - 1);
  buffer->data = NULL;
}

static void free_flood(struct flood *flood) {
  close_buffer(&flood->fill);
  close_buffer(&flood->ready);
  free(flood);
}

/*
 * The terminal has more output than one turn: from now on the thread reads it. Without memory the loop goes on reading
 * it.
 */
void flood_reader_add(struct pty *p) {
  struct flood_reader *reader = p->state->flood_reader;
  if (reader == NULL) return;
  struct flood *flood = calloc(1, sizeof *flood);
  if (flood == NULL) return;
  flood->pty = p;
  flood->fd = p->master;
  flood->packet = p->packet;
  if (!open_buffer(&flood->fill) || !open_buffer(&flood->ready)) {
    free_flood(flood);
    return;
  }
  flood->last = uv_hrtime();
  p->flood = flood;
  if (p->conn != NULL && p->conn->open) flood_send_open(flood, p->conn);
  /* first out of the loop's poll, so that only the thread reads */
  pty_poll(p);
  uv_mutex_lock(&reader->mutex);
  list_add(&reader->floods, &flood->member);
  flood_thread_poll(reader, flood, true);
  uv_mutex_unlock(&reader->mutex);
}

/* Waits until the thread is not in a read of the flood. The mutex is locked. */
static void recall(struct flood_reader *reader, struct flood *flood) {
  reader->recalled++;
  while (flood->reading) uv_cond_wait(&reader->stopped_reading, &reader->mutex);
  reader->recalled--;
}

/* The thread does not read the terminal any more; its output stays in the flood. The mutex is locked. */
static void release_flood(struct flood_reader *reader, struct flood *flood) {
  flood->released = true;
  flood_thread_poll(reader, flood, false);
  recall(reader, flood);
  if (flood->pty->conn != NULL) flood_send_collect(flood, flood->pty->conn);
  list_remove(&flood->member);
  list_remove(&flood->waiting);
}

/* Ends the flood and drops its output. The mutex is locked. */
static void remove_flood(struct flood_reader *reader, struct pty *p) {
  struct flood *flood = p->flood;
  release_flood(reader, flood);
  p->flood = NULL;
  close_buffer(&flood->fill);
  close_buffer(&flood->ready);
  list_add(&reader->retired, &flood->member);
}

/* The thread does not read the terminal any more. Its output can still be taken. */
void flood_reader_release(struct pty *p) {
  if (p->flood == NULL) return;
  struct flood_reader *reader = p->state->flood_reader;
  uv_mutex_lock(&reader->mutex);
  release_flood(reader, p->flood);
  uv_mutex_unlock(&reader->mutex);
  fast_path_send_rest(p->conn);
}

/* The same, and drops the output. */
void flood_reader_remove(struct pty *p) {
  if (p->flood == NULL) return;
  struct flood_reader *reader = p->state->flood_reader;
  uv_mutex_lock(&reader->mutex);
  remove_flood(reader, p);
  uv_mutex_unlock(&reader->mutex);
  fast_path_send_rest(p->conn);
}

/* The fast path of the terminal is open, or closed: then the thread does not send when this returns. */
void flood_reader_open_path(struct pty *p, bool open) {
  struct flood *flood = p->flood;
  if (flood == NULL) return;
  struct flood_reader *reader = p->state->flood_reader;
  uv_mutex_lock(&reader->mutex);
  if (open) {
    flood_send_open(flood, p->conn);
  } else {
    flood_send_recall(reader, flood);
    flood_send_collect(flood, p->conn);
  }
  uv_mutex_unlock(&reader->mutex);
}

/* Adds what the thread has sent to the counts of the connection. */
void flood_reader_count(struct pty *p) {
  if (p->flood == NULL) return;
  struct flood_reader *reader = p->state->flood_reader;
  uv_mutex_lock(&reader->mutex);
  p->conn->shown += p->flood->sent;
  p->flood->sent = 0;
  uv_mutex_unlock(&reader->mutex);
}

/* The bytes that the thread has sent, for counts(). */
uint64_t flood_reader_sent(const struct state *s) {
  struct flood_reader *reader = s->flood_reader;
  if (reader == NULL) return 0;
  uv_mutex_lock(&reader->mutex);
  const uint64_t sent = reader->sent;
  uv_mutex_unlock(&reader->mutex);
  return sent;
}

/* A buffer is free, or JavaScript wants output again. The mutex is locked. */
static void go_on(struct flood_reader *reader, struct flood *flood) {
  if (!flood->reading) flood_thread_hand_over(reader, flood);
  if (!flood->paused && !flood->hungup && flood->fill.length < DRAIN_LIMIT) flood_thread_poll(reader, flood, true);
}

/* `paused`: JavaScript wants no output. */
void flood_reader_pause(struct pty *p, bool paused) {
  if (p->flood == NULL) return;
  struct flood_reader *reader = p->state->flood_reader;
  struct flood *flood = p->flood;
  uv_mutex_lock(&reader->mutex);
  flood->paused = paused;
  if (!paused && !flood->released) go_on(reader, flood);
  uv_mutex_unlock(&reader->mutex);
}

/* The notices that were not passed to the loop yet. The mutex is locked. */
static unsigned take_notices(struct flood *flood) {
  const unsigned notices = flood->notices;
  if (notices != 0) flood_send_stop(flood);
  flood->notices = 0;
  if (flood->stale) flood->ready.length = 0;
  flood->stale = false;
  return notices;
}

/* The notices of a terminal whose output is paused. Drops the output that they make stale. */
unsigned flood_reader_notices(struct pty *p) {
  struct flood_reader *reader = p->state->flood_reader;
  struct flood *flood = p->flood;
  uv_mutex_lock(&reader->mutex);
  /* It is paused: after this the thread reads nothing. */
  recall(reader, flood);
  flood_thread_check(flood);
  const unsigned all = take_notices(flood);
  uv_mutex_unlock(&reader->mutex);
  return all;
}

/* Switches packet mode while the thread is not in a read. Returns 0 or an error number. */
int flood_reader_set_packet_mode(struct pty *p, bool on) {
  struct flood_reader *reader = p->state->flood_reader;
  int value = on;
  uv_mutex_lock(&reader->mutex);
  recall(reader, p->flood);
  /* while notices can be read */
  if (p->flood->unverified > 0) flood_thread_check(p->flood);
  const int error = ioctl(p->master, TIOCPKT, &value) < 0 ? errno : 0;
  if (error == 0) p->packet = p->flood->packet = on;
  uv_mutex_unlock(&reader->mutex);
  return error;
}

/*
 * Takes output and returns its length. The first `shown` bytes went the fast path; the rest is copied to the same
 * offset of `room`, which has DRAIN_LIMIT bytes. Until the caller clears p->in_hand, the thread sends nothing if there
 * are such bytes or notices. Notices come before the output that is taken. When the flood is empty,
 * and quiet or released, the loop reads the terminal again and p->flood is NULL. If the output ends in a CR, this
 * happens at once, because the loop has to read its LF.
 */
size_t flood_reader_take(struct pty *p, char *room, size_t *shown, unsigned *notices) {
  struct flood_reader *reader = p->state->flood_reader;
  struct flood *flood = p->flood;
  uv_mutex_lock(&reader->mutex);
  /* More than once: when the LF is sent, the thread may send again, and cut the next CR LF. */
  while (flood->lf_pending) {
    flood_send_collect(flood, p->conn);
    uv_mutex_unlock(&reader->mutex);
    fast_path_send_rest(p->conn);
    uv_mutex_lock(&reader->mutex);
  }
  if (!flood->reading && flood->unverified > 0) flood_thread_check(flood);
  *notices = take_notices(flood);
  if (!flood->reading) flood_thread_swap_if_free(flood);
  size_t length = flood->ready.length;
  if (length == 0 && !flood->reading && (flood->quiet || flood->hungup || flood->released)) {
    p->hungup |= flood->hungup;
    remove_flood(reader, p);
  }
  if (length > 0) {
    uv_mutex_unlock(&reader->mutex);
    /* the thread does not use it until its length is 0 */
    if (*notices == 0) *shown = fast_path_show(p, flood->ready.data, length);
    memcpy(room + *shown, flood->ready.data + *shown, length - *shown);
    const bool ends_in_return = flood->ready.data[length - 1] == '\r';
    uv_mutex_lock(&reader->mutex);
    flood->ready.length = 0;
    if (*shown < length || p->conn->cut) flood_send_stop(flood);
    flood->stale = false; /* too late: the notice comes with the next output */
    if (ends_in_return && !flood->reading && flood->fill.length == 0 && flood->notices == 0 && !flood->hungup &&
        (flood->quiet || flood->released))
      remove_flood(reader, p);
    else if (!flood->released)
      go_on(reader, flood);
  }
  p->in_hand = length > *shown || *notices != 0;
  uv_mutex_unlock(&reader->mutex);
  fast_path_send_rest(p->conn);
  return length;
}

/*
 * Floods have output. Each gets one delivery in its turn. After DELIVERY_NS the loop handles other events before it
 * goes on.
 */
static void deliver(uv_async_t *handle) {
  struct flood_reader *reader = handle->data;
  uint64_t end = uv_hrtime() + DELIVERY_NS;
  for (;;) {
    struct pty *p = NULL;
    uv_mutex_lock(&reader->mutex);
    if (!list_empty(&reader->waiting)) {
      struct link *first = reader->waiting.next;
      list_remove(first);
      p = ENTRY(first, struct flood, waiting)->pty;
    }
    uv_mutex_unlock(&reader->mutex);
    if (p == NULL) return;
    read_flood(p);
    if (uv_hrtime() >= end) break;
  }
  uv_async_send(&reader->wake_loop);
}

#endif
