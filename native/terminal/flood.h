/*
 * Bulk output, read by a thread of its own.
 *
 * A read of a terminal that is being flooded takes 50 to 100 us, nearly all of it asleep: the kernel first waits for its
 * worker to carry the next 4 KiB over (n_tty_read, tty_buffer_flush_work). A loop that sleeps there for eight floods is late
 * for the keystroke beside them. So a terminal that still has output after its turn (read.c) becomes a lane of this thread,
 * which does the sleeping, while the loop has to do with full buffers only; and it goes back to the loop when it is quiet,
 * for an echo is quickest without a second thread.
 *
 * A lane has two buffers: `fill` is the thread's, `ready` waits for the loop. When the thread has read the terminal empty,
 * or `fill` full, and `ready` is free, it swaps them and wakes the loop. A lane with both full is not read: so what a
 * terminal can have read ahead is bounded, and the program behind it blocks.
 *
 * Everything here that both threads touch is under `mutex`, but for the bytes: those of `fill` while the thread reads, and
 * those of `ready` once it has a length. The thread never allocates, calls no JavaScript, and reads no descriptor after
 * bulk_leave() has returned.
 *
 * Linux only: elsewhere output is read in turns of the loop, and that is all.
 */
#ifndef TELPTY_BULK_H
#define TELPTY_BULK_H

#include "telpty.h"

#ifdef __linux__

struct buffer {
  char *data; /* the byte before it is master_read()'s */
  size_t length;
};

struct lane {
  struct pty *pty; /* the loop's; the thread does not look at it */
  int fd;
  struct link member; /* of bulk->lanes, while the thread may read it */
  struct link waiting; /* of bulk->waiting, while the loop has something to do for it */
  struct buffer fill, ready;
  uint64_t last;   /* when it last gave something, by uv_hrtime() */
  uint64_t held;   /* since when the CR at the end of `fill` waits for its LF, by uv_hrtime(); 0: it does not */
  unsigned notices; /* that the loop has not been told of */
  bool packet;     /* the terminal is in packet mode */
  bool stale;      /* what is ready was printed before a flush */
  bool polled;     /* in the thread's epoll set */
  bool more;       /* the last turn did not read it empty */
  bool reading;    /* the thread is in read(2) for it, without the mutex */
  bool paused;     /* JavaScript wants no output */
  bool quiet;      /* it has given nothing for QUIET_MS */
  bool hungup;     /* it will never give anything again */
  bool left;       /* taken away from the thread */
};

struct bulk {
  struct state *state;
  uv_thread_t thread;
  uv_mutex_t mutex;
  uv_cond_t stopped_reading;
  uv_async_t wake_loop;
  int epoll, wake_thread;
  bool stop;
  bool holds;          /* a lane may hold a CR */
  unsigned polled;     /* lanes in the epoll set: without any the thread sleeps until it is woken */
  unsigned recalled;   /* the loop waits for so many lanes: a turn ends after the read that it is in */
  struct link lanes;   /* all that the thread may read */
  struct link waiting; /* with something for the loop */
  struct link graves;  /* left lanes that events of the thread's present round may still point to */
};

/* flood_thread.c: what the thread does. With the mutex, but for the first two. */
void lanes_run(void *bulk);
void lanes_wake(struct bulk *b);
void lanes_bury(struct bulk *b);
void lane_poll(struct bulk *b, struct lane *lane, bool on);
void lane_swap_if_free(struct lane *lane);
void lane_flushed(struct lane *lane, size_t last);
void lane_hand_over(struct bulk *b, struct lane *lane);

#endif
#endif
