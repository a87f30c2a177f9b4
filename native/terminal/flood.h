/*
 * Terminals that flood, read by a thread of their own.
 *
 * A read of a terminal that is flooded takes 50 to 100 us, nearly all of it asleep: the kernel first waits for its
 * worker, which moves the next 4 KiB over (n_tty_read, tty_buffer_flush_work). If the event loop slept there for eight
 * floods, keystrokes of other sessions would wait. So a terminal that still has output after its turn (read.c) becomes
 * a flood, which this thread reads. The loop then handles full buffers only. When the terminal is quiet, the loop reads
 * it again: without a second thread an echo is faster.
 *
 * A flood has two buffers. The thread fills `fill`; `ready` waits for the loop. When the thread has read the terminal
 * empty, or `fill` is full, and `ready` is free, the thread swaps them and wakes the loop. A flood whose buffers are
 * both full is not read. So the amount that is read ahead is bounded, and the program blocks.
 *
 * While the fast path is open, the thread also sends the output to the connection, and the loop sleeps: see
 * flood_send.c.
 *
 * Notices of packet mode. A read reports the notices from before its beginning, and a flush drops the output that was
 * printed before it. So the output of a read may be passed on after the next read, whatever that one returns. The
 * output of the last read of a turn is `unverified`: the thread keeps it until its next turn, or looks for notices
 * before it hands the buffer over, or if that read has filled the buffer.
 *
 * `mutex` protects everything that both threads use, except the bytes: those of `fill` while the thread reads, and
 * those of `ready` once it has a length. The thread allocates only for a tee. It does not call JavaScript, and does not
 * read a descriptor after flood_reader_release() has returned.
 *
 * Linux only. On other systems the loop reads all output, in turns.
 */
#ifndef TELPTY_FLOOD_H
#define TELPTY_FLOOD_H

#include "telpty.h"

#ifdef __linux__

struct buffer {
  char *data; /* packet_read() uses the byte before it */
  size_t length;
};

/* Who sends the output of a flood to the connection: see flood_send.c. */
enum sender { LOOP_SENDS, THREAD_SENDS, SENDING, RECALLED };

/* A terminal that the thread reads. */
struct flood {
  struct pty *pty; /* for the loop only; the thread does not use it */
  int fd;
  struct link member; /* of floods, while the thread may read it */
  struct link waiting; /* of waiting, while the loop has something to do for it */
  struct buffer fill, ready;
  uint64_t last;   /* time of its last output, by uv_hrtime() */
  uint64_t tail_since; /* since when a tail of `fill` waits for the next byte, by uv_hrtime(); 0: none waits */
  size_t unverified; /* bytes at the end of `fill`: those of a read after which nothing has looked for notices */
  uint64_t again;  /* the round in which a turn kept output although there may be no event for it; 0: none */
  enum sender sender;
  int socket;      /* of the connection, unless the loop sends */
  struct tee *tee; /* the same; NULL: there are no observers */
  uint64_t sent;   /* bytes that the thread has sent and the loop has not counted */
  bool lf_pending;    /* the thread has sent a CR whose LF had no room: see fast_path_send() */
  unsigned notices; /* not yet passed to the loop */
  bool packet;     /* the terminal is in packet mode */
  bool stale;      /* what is ready was printed before a flush */
  bool polled;     /* in the thread's epoll set */
  bool more;       /* the last turn did not read it empty */
  bool reading;    /* the thread is in read(2) for it, without the mutex */
  bool paused;     /* JavaScript wants no output */
  bool quiet;      /* no output for QUIET_MS */
  bool hungup;     /* no output will follow */
  bool released;   /* the thread must not read it any more */
};

/* The thread of one environment, and its floods. */
struct flood_reader {
  struct state *state;
  uv_thread_t thread;
  uv_mutex_t mutex;
  uv_cond_t stopped_reading;
  uv_async_t wake_loop;
  int epoll, wake_thread;
  bool stop;
  bool has_waiting_tail; /* in a flood a tail may wait for the next byte */
  uint64_t round;      /* of the thread, from 1 */
  bool has_again;      /* a flood may have `again` set */
  uint64_t sent;       /* bytes that the thread has sent, for counts() */
  unsigned polled;     /* floods in the epoll set: without any the thread sleeps until it is woken */
  unsigned recalled;   /* floods that the loop waits for: a turn ends after its present read */
  struct link floods;   /* all that the thread may read */
  struct link waiting; /* with something for the loop */
  struct link retired;  /* removed floods that events of the thread's present round may still point to */
};

/* flood_thread.c: what the thread does. The mutex is locked, except for the first two. */
void flood_thread_run(void *reader);
void flood_thread_wake(struct flood_reader *reader);
void flood_thread_free_retired(struct flood_reader *reader);
void flood_thread_poll(struct flood_reader *reader, struct flood *flood, bool on);
void flood_thread_swap_if_free(struct flood *flood);
void flood_thread_check(struct flood *flood);
void flood_thread_notify(struct flood_reader *reader, struct flood *flood);
void flood_thread_hand_over(struct flood_reader *reader, struct flood *flood);

/* flood_send.c. The mutex is locked. */
bool flood_send(struct flood_reader *reader, struct flood *flood);
void flood_send_open(struct flood *flood, const struct conn *conn);
void flood_send_stop(struct flood *flood);
void flood_send_recall(struct flood_reader *reader, struct flood *flood);
void flood_send_collect(struct flood *flood, struct conn *conn);

#endif
#endif
