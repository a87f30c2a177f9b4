/* Terminals that flood, the thread's side: see flood.h. */
#include "flood.h"

#ifdef __linux__
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* After this time without output the loop reads the terminal again. */
#define QUIET_MS 5

/* How long a tail of the output waits for the next byte. Output at a prompt does not come here: the loop reads it. */
#define TAIL_MS 1

#define EVENTS 64

void flood_thread_notify(struct flood_reader *reader, struct flood *flood) {
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
    flood_thread_notify(reader, flood);
  }
}

/* Whether the output ends in a CR, whose LF may be the next byte. */
static bool ends_in_return(const struct buffer *fill) {
  return fill->length > 0 && fill->data[fill->length - 1] == '\r';
}

/*
 * If the terminal has dropped its output: drops what was read of it before, see packet_keep(). Not while the thread
 * reads, unless the thread calls it.
 */
static void add_notices(struct flood *flood, unsigned notices) {
  if ((notices & NOTICE_FLUSHED) != 0) {
    flood->fill.length = packet_keep(flood->fill.data, flood->fill.length, flood->unverified);
    /* The loop may be reading it, so it is only marked. */
    flood->stale = flood->ready.length > 0;
  }
  flood->notices |= notices;
}

/* Looks for notices. Not while the thread reads. */
void flood_thread_check(struct flood *flood) {
  if (flood->packet) add_notices(flood, packet_notices(flood->fd));
  flood->unverified = 0;
}

/*
 * Swaps the buffers if the loop has taken the ready one. Not while the thread reads. If there is more to read, a tail
 * stays for the next time: a CR, because its LF may follow, and the NUL of any other CR must go out in the same packet
 * as the CR; or the beginning of a sequence that JavaScript would have to hold back. A full buffer has no room for the
 * LF of a last CR, so the loop reads on there.
 */
void flood_thread_swap_if_free(struct flood *flood) {
  if (flood->fill.length == 0 || flood->ready.length > 0) return;
  if (flood->unverified > 0) flood_thread_check(flood);
  const size_t length = flood->fill.length;
  const bool more = flood->more && !flood->released && !flood->quiet;
  const bool split = !flood->hungup && (more || length == DRAIN_LIMIT);
  const size_t tail = split ? fast_path_tail(flood->fill.data, length) : 0;
  if (tail == length) return;
  struct buffer full = flood->fill;
  flood->fill = flood->ready;
  full.length -= tail;
  memcpy(flood->fill.data, full.data + full.length, tail);
  flood->fill.length = tail;
  flood->ready = full;
}

void flood_thread_hand_over(struct flood_reader *reader, struct flood *flood) {
  flood_thread_swap_if_free(flood);
  if (flood->ready.length > 0 || flood->notices != 0 || flood->quiet || flood->hungup)
    flood_thread_notify(reader, flood);
}

/* The last turn has read to its end: a tail of the output now waits for the next byte. */
static void keep_tail(struct flood_reader *reader, struct flood *flood) {
  if (flood->more || flood->hungup || fast_path_tail(flood->fill.data, flood->fill.length) == 0) {
    flood->tail_since = 0;
    return;
  }
  flood->more = true;
  if (flood->tail_since == 0) flood->tail_since = uv_hrtime();
  reader->has_waiting_tail = true;
}

/* Looks for notices without the mutex. In the thread, while `reading` is set. */
static void verify(struct flood_reader *reader, struct flood *flood) {
  if (!flood->packet || flood->unverified == 0) return;
  uv_mutex_unlock(&reader->mutex);
  const unsigned news = packet_notices(flood->fd);
  uv_mutex_lock(&reader->mutex);
  add_notices(flood, news);
  flood->unverified = 0;
}

/* The end of a turn: sends the output, or hands it over. */
static void pass_on(struct flood_reader *reader, struct flood *flood) {
  /* One read can fill the buffer. Then there is no room for the read that would verify it. */
  if (flood->unverified == DRAIN_LIMIT) verify(reader, flood);
  const bool is_sent = flood_send(reader, flood);
  if (!is_sent) verify(reader, flood);
  flood->reading = false;
  flood->last = uv_hrtime();
  if (flood->hungup) flood_thread_poll(reader, flood, false);
  if (!is_sent) flood_thread_hand_over(reader, flood);
  if (reader->recalled > 0) uv_cond_broadcast(&reader->stopped_reading);
}

/* One turn of the thread: reads to the end of the buffer, or of the output. */
static void flood_turn(struct flood_reader *reader, struct flood *flood) {
  flood->again = 0;
  if (flood->released || !flood->polled) return;
  if (flood->paused || flood->fill.length == DRAIN_LIMIT) {
    flood_thread_poll(reader, flood, false);
    return;
  }
  ssize_t n;
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
      flood->unverified = (size_t)n;
      flood->fill.length += (size_t)n;
      flood->quiet = false;
    } else if (n < 0 && error != EAGAIN && error != EINTR) {
      flood->hungup = true;
    }
    add_notices(flood, news);
    again = n <= 0 && !again && !flood->hungup && ends_in_return(&flood->fill);
  } while (again || (n > 0 && flood->fill.length < DRAIN_LIMIT &&
                     (reader->recalled == 0 || ends_in_return(&flood->fill))));
  flood->more = n > 0;
  if (!flood->more || !packet) flood->unverified = 0;
  const bool more = flood->more;
  keep_tail(reader, flood);
  pass_on(reader, flood);
  if (more && flood->fill.length > 0) {
    flood->again = reader->round;
    reader->has_again = true;
  }
}

/*
 * Turns for floods whose last turn, in an earlier round, has kept output. If the program has printed nothing since,
 * epoll has no event for them.
 */
static void turn_again(struct flood_reader *reader) {
  reader->has_again = false;
  struct link *l = reader->floods.next;
  while (l != &reader->floods && !reader->stop) {
    struct flood *flood = ENTRY(l, struct flood, member);
    l = l->next;
    if (flood->again == 0) continue;
    if (flood->again == reader->round) {
      reader->has_again = true;
      continue;
    }
    flood_turn(reader, flood);
    /* during the turn any flood may have left the list */
    l = reader->floods.next;
  }
}

/* Hands over each tail that has waited for TAIL_MS. */
static void release_tails(struct flood_reader *reader) {
  const uint64_t now = uv_hrtime();
  reader->has_waiting_tail = false;
  for (struct link *l = reader->floods.next; l != &reader->floods; l = l->next) {
    struct flood *flood = ENTRY(l, struct flood, member);
    if (flood->tail_since == 0) continue;
    if (now - flood->tail_since < TAIL_MS * 1000000ull) {
      reader->has_waiting_tail = true;
      continue;
    }
    flood->tail_since = 0;
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
    flood_thread_notify(reader, flood);
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
    const bool must_look = reader->has_again;
    const int timeout =
        must_look ? 0 : reader->has_waiting_tail ? TAIL_MS : reader->polled == 0 ? -1 : QUIET_MS;
    reader->round++;
    uv_mutex_unlock(&reader->mutex);
    int n = epoll_wait(reader->epoll, events, EVENTS, timeout);
    uv_mutex_lock(&reader->mutex);
    for (int i = 0; i < n && !reader->stop; i++) {
      if (events[i].data.ptr != NULL)
        flood_turn(reader, events[i].data.ptr);
      else
        (void)!read(reader->wake_thread, &woken, sizeof woken);
    }
    if (must_look) turn_again(reader);
    if (reader->has_waiting_tail) release_tails(reader);
    if (n == 0 || uv_hrtime() - looked > QUIET_MS * 1000000ull) {
      end_quiet_floods(reader);
      looked = uv_hrtime();
    }
  }
  uv_mutex_unlock(&reader->mutex);
}

#endif
