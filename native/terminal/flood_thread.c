/* Bulk output, the thread's side: see flood.h. */
#include "flood.h"

#ifdef __linux__
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* After so long without output a terminal is the loop's again. */
#define QUIET_MS 5

/* A CR behind which nothing came waits so long for its LF. A keystroke at a prompt does not come here. */
#define RETURN_MS 1

#define EVENTS 64

static void notify(struct bulk *b, struct lane *lane) {
  bool first = list_empty(&b->waiting);
  list_add(&b->waiting, &lane->waiting);
  if (first) uv_async_send(&b->wake_loop);
}

void lanes_wake(struct bulk *b) {
  const uint64_t one = 1;
  (void)!write(b->wake_thread, &one, sizeof one);
}

void lane_poll(struct bulk *b, struct lane *lane, bool on) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = lane};
  if (lane->polled == on) return;
  if (!on) {
    epoll_ctl(b->epoll, EPOLL_CTL_DEL, lane->fd, &event);
    lane->polled = false;
    b->polled--;
  } else if (epoll_ctl(b->epoll, EPOLL_CTL_ADD, lane->fd, &event) == 0) {
    lane->polled = true;
    /* so that it begins to look for lanes that are quiet */
    if (b->polled++ == 0) lanes_wake(b);
  } else {
    /* The system's limit of watches: back to the loop with it. */
    lane->quiet = true;
    notify(b, lane);
  }
}

/* Whether what was read ends in a CR, whose LF may be the next byte. */
static bool ends_in_return(const struct buffer *fill) { return fill->length > 0 && fill->data[fill->length - 1] == '\r'; }

/*
 * What was read becomes what is ready, if the loop has taken what was. Not while the thread reads. A CR at the end stays for the
 * next time if there is more to read, for that may be its LF; the NUL of any other CR is to go out in one packet with it. The
 * loop reads on behind a last one, for which a full buffer has no room.
 */
void lane_swap_if_free(struct lane *lane) {
  size_t length = lane->fill.length;
  if (length == 0 || lane->ready.length > 0) return;
  const bool more = lane->more && !lane->left && !lane->quiet;
  const bool split = ends_in_return(&lane->fill) && !lane->hungup && (more || length == DRAIN_LIMIT);
  if (split && length == 1) return;
  struct buffer full = lane->fill;
  lane->fill = lane->ready;
  if (split) {
    full.length--;
    lane->fill.data[0] = '\r';
    lane->fill.length = 1;
  }
  lane->ready = full;
}

/* The terminal has dropped its output: so is dropped what was read of it before; see packet_keep(). Not while the thread reads. */
void lane_flushed(struct lane *lane, size_t last) {
  lane->fill.length = packet_keep(lane->fill.data, lane->fill.length, last);
  /* It is the loop's. */
  lane->stale = lane->ready.length > 0;
}

void lane_hand_over(struct bulk *b, struct lane *lane) {
  lane_swap_if_free(lane);
  if (lane->ready.length > 0 || lane->notices != 0 || lane->quiet || lane->hungup) notify(b, lane);
}

static void add_notices(struct lane *lane, unsigned notices, size_t last) {
  if ((notices & NOTICE_FLUSHED) != 0) lane_flushed(lane, last);
  lane->notices |= notices;
}

/* One turn of the thread: to the end of the buffer, or of the output. */
static void lane_turn(struct bulk *b, struct lane *lane) {
  if (lane->left || !lane->polled) return;
  if (lane->paused || lane->fill.length == DRAIN_LIMIT) {
    lane_poll(b, lane, false);
    return;
  }
  ssize_t n;
  size_t last = 0;
  /* The last read gave nothing behind a CR, and one more is made; see "CR LF" in read.c. If that gives nothing, the CR waits. */
  bool again = false;
  const bool packet = lane->packet;
  lane->reading = true;
  do {
    unsigned news = 0;
    uv_mutex_unlock(&b->mutex);
    n = master_read(lane->fd, packet, lane->fill.data + lane->fill.length, DRAIN_LIMIT - lane->fill.length, &news);
    int error = errno;
    uv_mutex_lock(&b->mutex);
    if (n > 0) {
      last = (size_t)n;
      lane->fill.length += last;
      lane->quiet = false;
    } else if (n < 0 && error != EAGAIN && error != EINTR) {
      lane->hungup = true;
    }
    add_notices(lane, news, last);
    again = n <= 0 && !again && !lane->hungup && ends_in_return(&lane->fill);
  } while (again || (n > 0 && lane->fill.length < DRAIN_LIMIT && (b->recalled == 0 || ends_in_return(&lane->fill))));
  lane->more = n > 0;
  if (lane->more || lane->hungup || !ends_in_return(&lane->fill)) {
    lane->held = 0;
  } else {
    lane->more = true;
    if (lane->held == 0) lane->held = uv_hrtime();
    b->holds = true;
  }
  if (n > 0 && packet) {
    uv_mutex_unlock(&b->mutex);
    const unsigned news = master_notices(lane->fd);
    uv_mutex_lock(&b->mutex);
    add_notices(lane, news, last);
  }
  lane->reading = false;
  lane->last = uv_hrtime();
  if (lane->hungup) lane_poll(b, lane, false);
  lane_hand_over(b, lane);
  if (b->recalled > 0) uv_cond_broadcast(&b->stopped_reading);
}

/* Hands over each CR that has waited for RETURN_MS. */
static void release_returns(struct bulk *b) {
  const uint64_t now = uv_hrtime();
  b->holds = false;
  for (struct link *l = b->lanes.next; l != &b->lanes; l = l->next) {
    struct lane *lane = ENTRY(l, struct lane, member);
    if (lane->held == 0) continue;
    if (now - lane->held < RETURN_MS * 1000000ull) {
      b->holds = true;
      continue;
    }
    lane->held = 0;
    lane->more = false;
    lane_hand_over(b, lane);
  }
}

static void retire_quiet(struct bulk *b) {
  uint64_t now = uv_hrtime();
  for (struct link *l = b->lanes.next; l != &b->lanes; l = l->next) {
    struct lane *lane = ENTRY(l, struct lane, member);
    if (!lane->polled || lane->quiet || now - lane->last < QUIET_MS * 1000000ull) continue;
    if (lane->paused) {
      /* It may well have more: the thread was late, and nobody asks. */
      lane_poll(b, lane, false);
      continue;
    }
    lane->quiet = true;
    notify(b, lane);
  }
}

void lanes_bury(struct bulk *b) {
  while (!list_empty(&b->graves)) {
    struct lane *lane = ENTRY(b->graves.next, struct lane, member);
    list_remove(&lane->member);
    free(lane);
  }
}

void lanes_run(void *data) {
  struct bulk *b = data;
  struct epoll_event events[EVENTS];
  uint64_t looked = 0, woken;
  pthread_setname_np(pthread_self(), "telpty-bulk");
  uv_mutex_lock(&b->mutex);
  while (!b->stop) {
    lanes_bury(b);
    int timeout = b->holds ? RETURN_MS : b->polled == 0 ? -1 : QUIET_MS;
    uv_mutex_unlock(&b->mutex);
    int n = epoll_wait(b->epoll, events, EVENTS, timeout);
    uv_mutex_lock(&b->mutex);
    for (int i = 0; i < n && !b->stop; i++) {
      if (events[i].data.ptr != NULL)
        lane_turn(b, events[i].data.ptr);
      else
        (void)!read(b->wake_thread, &woken, sizeof woken);
    }
    if (b->holds) release_returns(b);
    if (n == 0 || uv_hrtime() - looked > QUIET_MS * 1000000ull) {
      retire_quiet(b);
      looked = uv_hrtime();
    }
  }
  uv_mutex_unlock(&b->mutex);
}

#endif
