/*
 * Terminals that flood, sent by the thread.
 *
 * While the fast path of a connection is open, JavaScript would pass the output on unchanged (socket/fast_path.c). So
 * the thread that has read it sends it, and the loop sleeps. The loop is woken for what needs it or JavaScript: output
 * that is not plain, notices, the end, a connection without room, and a terminal that is quiet again.
 *
 * `sender` says who may send the output of a flood to the connection:
 *
 *   state         event                                          next state
 *   LOOP_SENDS    the fast path is opened                        THREAD_SENDS
 *   THREAD_SENDS  the thread begins to send                      SENDING
 *                 the fast path is closed, or the loop takes
 *                   something that JavaScript has to see         LOOP_SENDS
 *   SENDING       send(2) has returned                           THREAD_SENDS
 *                 send(2) has cut a CR LF                        LOOP_SENDS
 *                 the fast path is closed                        RECALLED
 *   RECALLED      send(2) has returned; the loop goes on         LOOP_SENDS
 *
 * - The thread begins only if nothing waits for the loop: no buffer, no notice, no LF. So the order is kept.
 * - It sends without the mutex and without waiting. The loop, which closes the fast path before it calls JavaScript, or
 *   as soon as JavaScript calls it, waits at most for one such call.
 * - The thread does not use the connection, but its socket and its tee (socket/tee.c), which change only while the fast
 *   path is closed. The loop collects the number of bytes sent, and whether an LF is pending.
 */
#include "flood.h"

#ifdef __linux__
#include <string.h>

/* The fast path is open: from now on the thread may send. */
void flood_send_open(struct flood *flood, const struct conn *conn) {
  if (flood->sender != LOOP_SENDS || flood->lf_pending || flood->pty->in_hand || conn->cut) return;
  flood->socket = conn->fd;
  flood->tee = conn->tee;
  flood->sender = THREAD_SENDS;
}

/* The loop has taken something that the thread must not overtake. The thread is not sending. */
void flood_send_stop(struct flood *flood) {
  if (flood->sender == THREAD_SENDS) flood->sender = LOOP_SENDS;
}

/* The fast path is closed. When this returns, the thread does not send. */
void flood_send_recall(struct flood_reader *reader, struct flood *flood) {
  if (flood->sender == SENDING) flood->sender = RECALLED;
  while (flood->sender == RECALLED) uv_cond_wait(&reader->stopped_reading, &reader->mutex);
  flood->sender = LOOP_SENDS;
}

/* For the loop. */
void flood_send_collect(struct flood *flood, struct conn *conn) {
  conn->shown += flood->sent;
  flood->sent = 0;
  if (flood->lf_pending) {
    conn->cut = true;
    conn->rest = '\n';
  }
  flood->lf_pending = false;
}

/*
 * The end of a turn of the thread: sends all that is plain and verified. Returns whether this is all that can be done
 * now; if not, something has to be handed over.
 */
bool flood_send(struct flood_reader *reader, struct flood *flood) {
  struct buffer *const fill = &flood->fill;
  if (flood->sender != THREAD_SENDS || flood->ready.length > 0 || flood->notices != 0 || flood->paused ||
      fill->length == 0)
    return false;
  bool lf_pending = false;
  flood->sender = SENDING;
  uv_mutex_unlock(&reader->mutex);
  const size_t plain = fast_path_plain(fill->data, fill->length - flood->unverified);
  size_t sent = 0;
  if (plain > 0 && tee_begin(flood->tee, OUTPUT, plain)) {
    sent = fast_path_send(flood->socket, fill->data, plain, &lf_pending);
    tee_end(flood->tee, OUTPUT, fill->data, sent);
  }
  memmove(fill->data, fill->data + sent, fill->length - sent);
  uv_mutex_lock(&reader->mutex);
  const bool is_recalled = flood->sender == RECALLED;
  flood->sender = is_recalled || lf_pending ? LOOP_SENDS : THREAD_SENDS;
  flood->lf_pending = lf_pending;
  flood->sent += sent;
  reader->sent += sent;
  fill->length -= sent;
  if (is_recalled) uv_cond_broadcast(&reader->stopped_reading);
  if (lf_pending) flood_thread_notify(reader, flood);
  return plain > 0 && sent == plain && !flood->hungup;
}

#endif
