/* Terminals that flood, the thread's side: see flood.h. */
#include "flood.h"

#ifdef __linux__
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* After this time without output the loop reads the terminal again. */
#define QUIET_MS 5

/* How long a CR at the end of the output waits for its LF. Output at a prompt does not come here: the loop reads it. */
#define RETURN_MS 1

#define EVENTS 64

static void notify(struct flood_reader *reader, struct flood *flood) {
  bool first = list_empty(&reader->waiting);
  list_add(&reader->waiting, &flood->waiting);
  if (first) uv_async_send(&reader->wake_loop);
}

void flood_thread_wake(struct flood_reader *reader) {
  const uint64_t one = 1;
  (void)!write(reader->wake_thread, &one, sizeof one);
}

void flood_thread_poll(struct flood_reader *reader, struct flood *flood, bool on) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = flood};
  if (flood->polled == on) return;
  if (!on) {
    epoll_ctl(reader->epoll, EPOLL_CTL_DEL, flood->fd, &event);
    flood->polled = false;
    reader->polled--;
  } else if (epoll_ctl(reader->epoll, EPOLL_CTL_ADD, flood->fd, &event) == 0) {
    flood->polled = true;
    /* so that the thread begins to look for quiet floods */
    if (reader->polled++ == 0) flood_thread_wake(reader);
  } else {
    /* The system's limit of watches (max_user_watches) is reached: the loop has to read it. */
    flood->quiet = true;
    notify(reader, flood);
  }
}

/* Whether the output ends in a CR, whose LF may be the next byte. */
static bool ends_in_return(const struct buffer *fill) {
  return fill->length > 0 && fill->data[fill->length - 1] == '\r';
}

/*
 * Swaps the buffers if the loop has taken the ready one. Not while the thread reads. If there is more to read, a CR at
 * the end stays for the next time, because its LF may follow; the NUL of any other CR must go out in the same packet as
 * the CR. A full buffer has no room for the LF of a last CR, so the loop reads on there.
 */
void flood_thread_swap_if_free(struct flood *flood) {
  size_t length = flood->fill.length;
  if (length == 0 || flood->ready.length > 0) return;
  const bool more = flood->more && !flood->released && !flood->quiet;
  const bool split = ends_in_return(&flood->fill) && !flood->hungup && (more || length == DRAIN_LIMIT);
  if (split && length == 1) return;
  struct buffer full = flood->fill;
  flood->fill = flood->ready;
  if (split) {
    full.length--;
    flood->fill.data[0] = '\r';
    flood->fill.length = 1;
  }
  flood->ready = full;
}

/*
 * The terminal has dropped its output: drops what was read of it before, see packet_keep(). Not while the thread reads.
 */
void flood_thread_flushed(struct flood *flood, size_t last) {
  flood->fill.length = packet_keep(flood->fill.data, flood->fill.length, last);
  /* The loop may be reading it, so it is only marked. */
  flood->stale = flood->ready.length > 0;
}

void flood_thread_hand_over(struct flood_reader *reader, struct flood *flood) {
  flood_thread_swap_if_free(flood);
  if (flood->ready.length > 0 || flood->notices != 0 || flood->quiet || flood->hungup) notify(reader, flood);
}

static void add_notices(struct flood *flood, unsigned notices, size_t last) {
  if ((notices & NOTICE_FLUSHED) != 0) flood_thread_flushed(flood, last);
  flood->notices |= notices;
}

/* One turn of the thread: reads to the end of the buffer, or of the output. */
static void flood_turn(struct flood_reader *reader, struct flood *flood) {
  if (flood->released || !flood->polled) return;
  if (flood->paused || flood->fill.length == DRAIN_LIMIT) {
    flood_thread_poll(reader, flood, false);
    return;
  }
  ssize_t n;
  size_t last = 0;
  /*
   * The last read gave nothing after a CR, so one more is made; see "CR LF" in read.c. If it gives nothing either, the
   * CR waits.
   */
  bool again = false;
  const bool packet = flood->packet;
  flood->reading = true;
  do {
    unsigned news = 0;
    uv_mutex_unlock(&reader->mutex);
    n = packet_read(flood->fd, packet, flood->fill.data + flood->fill.length, DRAIN_LIMIT - flood->fill.length, &news);
    int error = errno;
    uv_mutex_lock(&reader->mutex);
    if (n > 0) {
      last = (size_t)n;
      flood->fill.length += last;
      flood->quiet = false;
    } else if (n < 0 && error != EAGAIN && error != EINTR) {
      flood->hungup = true;
    }
    add_notices(flood, news, last);
    again = n <= 0 && !again && !flood->hungup && ends_in_return(&flood->fill);
  } while (again || (n > 0 && flood->fill.length < DRAIN_LIMIT &&
                     (reader->recalled == 0 || ends_in_return(&flood->fill))));
  flood->more = n > 0;
  if (flood->more || flood->hungup || !ends_in_return(&flood->fill)) {
    flood->cr_since = 0;
  } else {
    flood->more = true;
    if (flood->cr_since == 0) flood->cr_since = uv_hrtime();
    reader->has_waiting_cr = true;
  }
  if (n > 0 && packet) {
    uv_mutex_unlock(&reader->mutex);
    const unsigned news = packet_notices(flood->fd);
    uv_mutex_lock(&reader->mutex);
    add_notices(flood, news, last);
  }
  flood->reading = false;
  flood->last = uv_hrtime();
  if (flood->hungup) flood_thread_poll(reader, flood, false);
  flood_thread_hand_over(reader, flood);
  if (reader->recalled > 0) uv_cond_broadcast(&reader->stopped_reading);
}

/* Hands over each CR that has waited for RETURN_MS. */
static void release_returns(struct flood_reader *reader) {
  const uint64_t now = uv_hrtime();
  reader->has_waiting_cr = false;
  for (struct link *l = reader->floods.next; l != &reader->floods; l = l->next) {
    struct flood *flood = ENTRY(l, struct flood, member);
    if (flood->cr_since == 0) continue;
    if (now - flood->cr_since < RETURN_MS * 1000000ull) {
      reader->has_waiting_cr = true;
      continue;
    }
    flood->cr_since = 0;
    flood->more = false;
    flood_thread_hand_over(reader, flood);
  }
}

/* Gives terminals without output for QUIET_MS back to the loop. */
static void end_quiet_floods(struct flood_reader *reader) {
  uint64_t now = uv_hrtime();
  for (struct link *l = reader->floods.next; l != &reader->floods; l = l->next) {
    struct flood *flood = ENTRY(l, struct flood, member);
    if (!flood->polled || flood->quiet || now - flood->last < QUIET_MS * 1000000ull) continue;
    if (flood->paused) {
      /* The thread was late, so there may be more output; but it is paused. */
      flood_thread_poll(reader, flood, false);
      continue;
    }
    flood->quiet = true;
    notify(reader, flood);
  }
}

void flood_thread_free_retired(struct flood_reader *reader) {
  while (!list_empty(&reader->retired)) {
    struct flood *flood = ENTRY(reader->retired.next, struct flood, member);
    list_remove(&flood->member);
    free(flood);
  }
}

void flood_thread_run(void *data) {
  struct flood_reader *reader = data;
  struct epoll_event events[EVENTS];
  uint64_t looked = 0, woken;
  pthread_setname_np(pthread_self(), "telpty-flood");
  uv_mutex_lock(&reader->mutex);
  while (!reader->stop) {
    flood_thread_free_retired(reader);
    int timeout = reader->has_waiting_cr ? RETURN_MS : reader->polled == 0 ? -1 : QUIET_MS;
    uv_mutex_unlock(&reader->mutex);
    int n = epoll_wait(reader->epoll, events, EVENTS, timeout);
    uv_mutex_lock(&reader->mutex);
    for (int i = 0; i < n && !reader->stop; i++) {
      if (events[i].data.ptr != NULL)
        flood_turn(reader, events[i].data.ptr);
      else
        (void)!read(reader->wake_thread, &woken, sizeof woken);
    }
    if (reader->has_waiting_cr) release_returns(reader);
    if (n == 0 || uv_hrtime() - looked > QUIET_MS * 1000000ull) {
      end_quiet_floods(reader);
      looked = uv_hrtime();
    }
  }
  uv_mutex_unlock(&reader->mutex);
}

#endif
