/* Bulk output, the loop's side: see flood.h. */
#include "flood.h"

#ifdef __linux__
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* How long the loop hands out what was read before it looks at everything else. */
#define DELIVERY_NS (100 * 1000)

/* The thread with all signals blocked: they are the main thread's. */
static int start_thread(struct bulk *b) {
  static const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = 128 * 1024};
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int error = uv_thread_create_ex(&b->thread, &options, lanes_run, b);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return error;
}

static void deliver(uv_async_t *handle);

static void async_closed(uv_handle_t *handle) {
  struct bulk *b = handle->data;
  uv_cond_destroy(&b->stopped_reading);
  uv_mutex_destroy(&b->mutex);
  state_unref(b->state);
  free(b);
}

/* The thread is not there, or not any more. */
static void finish(struct bulk *b) {
  lanes_bury(b);
  close(b->epoll);
  close(b->wake_thread);
  uv_close((uv_handle_t *)&b->wake_loop, async_closed);
}

/*
 * Starts the thread of an environment. Without it (no memory, no threads) everything is read by the loop.
 */
void bulk_start(struct state *s) {
  struct bulk *b = calloc(1, sizeof *b);
  if (b == NULL) return;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  b->state = s;
  b->epoll = epoll_create1(EPOLL_CLOEXEC);
  b->wake_thread = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  list_init(&b->lanes);
  list_init(&b->waiting);
  list_init(&b->graves);
  if (b->epoll < 0 || b->wake_thread < 0 || epoll_ctl(b->epoll, EPOLL_CTL_ADD, b->wake_thread, &event) < 0 ||
      uv_mutex_init(&b->mutex) < 0)
    goto no_mutex;
  if (uv_cond_init(&b->stopped_reading) < 0) goto no_condition;
  if (uv_async_init(s->loop, &b->wake_loop, deliver) < 0) goto no_handle;
  b->wake_loop.data = b;
  /* It does not keep the loop alive: the programs do. */
  uv_unref((uv_handle_t *)&b->wake_loop);
  state_ref(s);
  if (start_thread(b) == 0)
    s->bulk = b;
  else
    finish(b);
  return;

no_handle:
  uv_cond_destroy(&b->stopped_reading);
no_condition:
  uv_mutex_destroy(&b->mutex);
no_mutex:
  if (b->epoll >= 0) close(b->epoll);
  if (b->wake_thread >= 0) close(b->wake_thread);
  free(b);
}

/* The environment ends; its terminals are closed. */
void bulk_stop(struct state *s) {
  struct bulk *b = s->bulk;
  if (b == NULL) return;
  s->bulk = NULL;
  uv_mutex_lock(&b->mutex);
  b->stop = true;
  uv_mutex_unlock(&b->mutex);
  lanes_wake(b);
  uv_thread_join(&b->thread);
  finish(b);
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

static void free_lane(struct lane *lane) {
  close_buffer(&lane->fill);
  close_buffer(&lane->ready);
  free(lane);
}

/* The terminal has more output than one turn: from now on the thread reads it. Stays the loop's if that cannot be had. */
void bulk_enter(struct pty *p) {
  struct bulk *b = p->state->bulk;
  if (b == NULL) return;
  struct lane *lane = calloc(1, sizeof *lane);
  if (lane == NULL) return;
  lane->pty = p;
  lane->fd = p->master;
  lane->packet = p->packet;
  if (!open_buffer(&lane->fill) || !open_buffer(&lane->ready)) {
    free_lane(lane);
    return;
  }
  lane->last = uv_hrtime();
  p->lane = lane;
  /* first out of the loop's poll: nobody else reads from now on */
  pty_poll(p);
  uv_mutex_lock(&b->mutex);
  list_add(&b->lanes, &lane->member);
  lane_poll(b, lane, true);
  uv_mutex_unlock(&b->mutex);
}

/* Waits until the thread is not in a read for the lane. With the mutex. */
static void recall(struct bulk *b, struct lane *lane) {
  b->recalled++;
  while (lane->reading) uv_cond_wait(&b->stopped_reading, &b->mutex);
  b->recalled--;
}

/* Takes the terminal away from the thread; what that has read stays with the lane. With the mutex. */
static void leave(struct bulk *b, struct lane *lane) {
  if (lane->left) return;
  lane->left = true;
  lane_poll(b, lane, false);
  recall(b, lane);
  list_remove(&lane->member);
  list_remove(&lane->waiting);
}

/* The lane ends, with what is in it. */
static void dismiss(struct bulk *b, struct pty *p) {
  struct lane *lane = p->lane;
  leave(b, lane);
  p->lane = NULL;
  close_buffer(&lane->fill);
  close_buffer(&lane->ready);
  list_add(&b->graves, &lane->member);
}

/* The thread reads the terminal no more. What it has read is still to be taken. */
void bulk_leave(struct pty *p) {
  if (p->lane == NULL) return;
  struct bulk *b = p->state->bulk;
  uv_mutex_lock(&b->mutex);
  leave(b, p->lane);
  uv_mutex_unlock(&b->mutex);
}

/* The same, and what it has read is dropped. */
void bulk_dismiss(struct pty *p) {
  if (p->lane == NULL) return;
  struct bulk *b = p->state->bulk;
  uv_mutex_lock(&b->mutex);
  dismiss(b, p);
  uv_mutex_unlock(&b->mutex);
}

/* There is room, or somebody to read again. */
static void go_on(struct bulk *b, struct lane *lane) {
  if (!lane->reading) lane_hand_over(b, lane);
  if (!lane->paused && !lane->hungup && lane->fill.length < DRAIN_LIMIT) lane_poll(b, lane, true);
}

/* Whether JavaScript wants no output. */
void bulk_pause(struct pty *p, bool paused) {
  if (p->lane == NULL) return;
  struct bulk *b = p->state->bulk;
  struct lane *lane = p->lane;
  uv_mutex_lock(&b->mutex);
  lane->paused = paused;
  if (!paused && !lane->left) go_on(b, lane);
  uv_mutex_unlock(&b->mutex);
}

/* The notices that the loop was not told of. With the mutex. */
static unsigned take_notices(struct lane *lane) {
  const unsigned notices = lane->notices;
  lane->notices = 0;
  if (lane->stale) lane->ready.length = 0;
  lane->stale = false;
  return notices;
}

/* The notices of a terminal whose output JavaScript does not want. What they say to be stale is dropped. */
unsigned bulk_notices(struct pty *p) {
  struct bulk *b = p->state->bulk;
  struct lane *lane = p->lane;
  uv_mutex_lock(&b->mutex);
  /* It is paused: after this the thread reads nothing. */
  recall(b, lane);
  const unsigned notices = master_notices(lane->fd);
  if ((notices & NOTICE_FLUSHED) != 0) lane_flushed(lane, 0);
  lane->notices |= notices;
  const unsigned all = take_notices(lane);
  uv_mutex_unlock(&b->mutex);
  return all;
}

/* Switches packet mode, which the thread must not find half done. Returns 0 or an error number. */
int bulk_set_packet(struct pty *p, bool on) {
  struct bulk *b = p->state->bulk;
  int value = on;
  uv_mutex_lock(&b->mutex);
  recall(b, p->lane);
  const int error = ioctl(p->master, TIOCPKT, &value) < 0 ? errno : 0;
  if (error == 0) p->packet = p->lane->packet = on;
  uv_mutex_unlock(&b->mutex);
  return error;
}

/*
 * Takes what was read, and returns how much that is. What cannot take the fast path is moved to its place in `room`, which has
 * DRAIN_LIMIT bytes: all but the first `shown`. Notices stand before what is taken. When the lane has nothing more to
 * give, and is quiet or has left, the terminal is the loop's again: p->lane is NULL then; at once if what is taken ends in a
 * CR, for the loop has to look for its LF.
 */
size_t bulk_take(struct pty *p, char *room, size_t *shown, unsigned *notices) {
  struct bulk *b = p->state->bulk;
  struct lane *lane = p->lane;
  uv_mutex_lock(&b->mutex);
  *notices = take_notices(lane);
  if (!lane->reading) lane_swap_if_free(lane);
  size_t length = lane->ready.length;
  if (length == 0 && !lane->reading && (lane->quiet || lane->hungup || lane->left)) {
    p->hungup |= lane->hungup;
    dismiss(b, p);
  }
  if (length > 0) {
    uv_mutex_unlock(&b->mutex);
    /* nobody else touches it until its length is 0 */
    if (*notices == 0) *shown = fast_path_show(p, lane->ready.data, length);
    memcpy(room + *shown, lane->ready.data + *shown, length - *shown);
    const bool ends_in_return = lane->ready.data[length - 1] == '\r';
    uv_mutex_lock(&b->mutex);
    lane->ready.length = 0;
    lane->stale = false; /* too late; the notice comes next */
    if (ends_in_return && !lane->reading && lane->fill.length == 0 && lane->notices == 0 && !lane->hungup &&
        (lane->quiet || lane->left))
      dismiss(b, p);
    else if (!lane->left)
      go_on(b, lane);
  }
  uv_mutex_unlock(&b->mutex);
  return length;
}

/*
 * Something was read. Every lane gets one delivery in its turn, and after DELIVERY_NS the loop looks at everything else
 * before it goes on.
 */
static void deliver(uv_async_t *handle) {
  struct bulk *b = handle->data;
  uint64_t end = uv_hrtime() + DELIVERY_NS;
  for (;;) {
    struct pty *p = NULL;
    uv_mutex_lock(&b->mutex);
    if (!list_empty(&b->waiting)) {
      struct link *first = b->waiting.next;
      list_remove(first);
      p = ENTRY(first, struct lane, waiting)->pty;
    }
    uv_mutex_unlock(&b->mutex);
    if (p == NULL) return;
    read_lane(p);
    if (uv_hrtime() >= end) break;
  }
  uv_async_send(&b->wake_loop);
}

#endif
