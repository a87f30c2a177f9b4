/*
 * From the terminal to JavaScript.
 *
 * A read of a master gives at most 4 KiB (the line discipline's buffer). So a drain makes many reads, directly into the
 * slab, and then one call. A read of a flooding terminal takes 50 to 100 us, because it waits for the kernel's worker
 * to move the next bytes. So the loop reads a screen or two at once. A terminal that has more output after its turn is
 * read by another thread (flood.h), so that keystrokes of other sessions do not wait.
 *
 * The end. process.c notices the end of a program, perhaps before its last output is read. From then on the terminal is
 * read without poll until the kernel reports that it is empty. On Linux a non-blocking read waits for the worker that
 * carries bytes from the slave before it gives EAGAIN (n_tty_read calls tty_buffer_flush_work). One EAGAIN can still be
 * early. If a read empties the full buffer of the line discipline while the worker is in n_tty_receive_buf_common(),
 * the worker queues itself again. The next read then waits only for the run that ends. The read after that waits for
 * the new run. So after the end of the program, two EAGAINs in a row mean that every byte has been read. For this the
 * server keeps the slave open: no last close discards output, and EIO does not come in between.
 *
 * CR LF. For every LF that a program prints (ONLCR) the line discipline puts both into its buffer of 4095 bytes. The
 * buffer may be full between them. Then EAGAIN comes although LF is in the kernel. The same happens while the program's
 * next write queues the worker. It is marked as queued before it is in the queue, and nothing waits for it in between.
 * It came after one of 40,000 full buffers on a busy machine, nearly always once, seldom twice. The client would get CR
 * NUL LF. So after a CR one more read is made before the CR is passed on. In a flood, where buffers are full, the CR
 * also waits up to a millisecond. A CR that the program prints alone, or in another write than its LF, is sent as CR
 * NUL.
 */
#include "telpty.h"

#include <errno.h>
#include <unistd.h>

/* One turn of the loop reads this much before the terminal goes to the flood reader. */
#define TURN_BYTES (8 * 1024)

/* After the end of the program, background processes may print this much before the terminal is closed. */
#define AFTERLIFE_LIMIT (1024 * 1024)

/* How a turn of reading ends. */
enum turn_end {
  EMPTY,  /* the terminal is empty, or will give no more output */
  FULL,   /* enough for one turn */
  NOTICED /* there was a notice: a program that causes many of them must not occupy the loop */
};

/* Whether the output ends in a CR, whose LF may be the next byte. */
static bool ends_in_return(const char *room, size_t got) {
  return got > 0 && got < DRAIN_LIMIT && room[got - 1] == '\r';
}

/* Reads on after the `*length` bytes that are in `room`. */
static enum turn_end turn(struct pty *p, char *room, size_t *length, unsigned *notices) {
  size_t got = *length, last = got;
  bool was_empty = false, was_noticed = false;
  enum turn_end end = FULL;
  do {
    unsigned news = 0;
    ssize_t n = packet_read(p->master, p->packet, room + got, DRAIN_LIMIT - got, &news);
    if (n > 0) {
      last = (size_t)n;
      got += last;
      was_empty = false;
    } else if (n < 0 && errno != EINTR) {
      if (errno != EAGAIN) p->hungup = true;
      if (p->hungup || was_empty || !(p->reaped || ends_in_return(room, got))) end = EMPTY;
      was_empty = true;
    }
    if (got >= TURN_BYTES && p->packet) news |= packet_notices(p->master);
    if ((news & NOTICE_FLUSHED) != 0) got = packet_keep(room, got, last);
    *notices |= news;
    if (*notices != 0 && (was_noticed || !ends_in_return(room, got))) end = NOTICED;
    was_noticed = *notices != 0;
  } while (end == FULL && (got < TURN_BYTES || ends_in_return(room, got)));
  *length = got;
  return end;
}

static void pass_notices(struct pty *p, unsigned notices) {
  fast_path_close(p->conn);
  const int32_t bits = (int32_t)notices;
  call_js(p, ON_NOTICE, 1, &bits);
}

/*
 * One drain and its calls. The function packet_read() writes the byte before the output, so that byte is in no piece
 * that JavaScript has. Another thread may be reading such a piece.
 */
static enum turn_end drain(struct pty *p) {
  struct state *s = p->state;
  enum turn_end turn_end = NOTICED;
  if (s->slab_size - s->slab_used < 1 + DRAIN_LIMIT) return NOTICED; /* JavaScript did not renew the slab in time */
  const char *slab = s->slab_data;
  const size_t begin = s->slab_used, place = begin + 1;
  char *room = s->slab_data + place;
  unsigned notices = 0;
  size_t shown = 0, got = 0;
  uint64_t key_at = 0;
  if (p->flood != NULL) {
    got = flood_reader_take(p, room, &shown, &notices);
    if (p->flood == NULL && !p->hungup && got > shown && ends_in_return(room, got))
      turn_end = turn(p, room, &got, &notices);
  } else {
    turn_end = turn(p, room, &got, &notices);
    if (p->following && got > 0 && termios_differs(p)) notices |= NOTICE_MODES;
    if (got > 0) key_at = delay_take(p);
    if (got > 0 && notices == 0) shown = fast_path_show(p, room, got);
  }
  if (got == shown && notices == 0) {
    delay_count(s, key_at);
    return turn_end;
  }
  const size_t end = s->slab_used = place + got;
  bool lent = true;
  /* The call for the notices may open the fast path. The thread must not overtake this output. */
  p->in_hand = got > shown;
  if (notices != 0) pass_notices(p, notices);
  p->in_hand = false;
  if (got > shown && p->master >= 0) {
    fast_path_close(p->conn);
    if (p->reaped) p->afterlife += got;
    const int32_t piece[2] = {(int32_t)(place + shown), (int32_t)(got - shown)};
    lent = call_js(p, ON_READ, 2, piece);
  }
  /* The next drain uses the memory of output that was only lent: it is in the CPU's cache. */
  if (lent && s->slab_data == slab && s->slab_used == end) s->slab_used = begin;
  delay_count(s, key_at);
  return turn_end;
}

/* The master is readable. The caller holds a reference and calls pty_poll() afterwards. */
void read_turn(struct pty *p) {
  if (p->master < 0 || p->paused || p->hungup || p->reaped || p->flood != NULL) return;
  const enum turn_end end = drain(p);
  /* The calls may have closed or paused the terminal. */
  if (end == FULL && p->master >= 0 && !p->paused && !p->reaped) flood_reader_add(p);
}

/* There may be notices while output is paused. The caller holds a reference. */
void read_notices(struct pty *p) {
  if (p->master < 0 || !p->packet || p->hungup) return;
  const unsigned notices = p->flood != NULL ? flood_reader_notices(p) : packet_notices(p->master);
  if (notices != 0) pass_notices(p, notices);
}

/* The flood reader has output, or does not read the terminal any more. */
void read_flood(struct pty *p) {
  if (p->flood == NULL) return;
  pty_ref(p);
  if (p->paused)
    read_notices(p);
  else
    drain(p);
  pty_poll(p);
  pty_unref(p);
}

/* One turn for a terminal whose program has been reaped. */
static void finish_turn(struct pty *p) {
  pty_ref(p);
  bool over = drain(p) == EMPTY || p->hungup || p->afterlife >= AFTERLIFE_LIMIT;
  if (over && p->master >= 0) {
    pty_close_terminal(p);
    call_js(p, ON_END, 0, NULL);
    pty_forget_if_over(p);
  }
  pty_unref(p);
}

/* Every entry of `finishing` gets one turn in each round of the loop. A turn may remove any entry from the list. */
static void finish_turns(uv_idle_t *handle) {
  struct state *s = handle->data;
  struct link round;
  list_init(&round);
  while (!list_empty(&s->finishing)) {
    struct link *l = s->finishing.next;
    list_remove(l);
    list_add(&round, l);
  }
  while (!list_empty(&round)) {
    struct link *l = round.next;
    list_remove(l);
    list_add(&s->finishing, l);
    finish_turn(ENTRY(l, struct pty, finish));
  }
  if (list_empty(&s->finishing)) uv_idle_stop(handle);
}

/* The program has been reaped: reads on to the end, now or when output is resumed. */
void read_finish(struct pty *p) {
  flood_reader_release(p);
  if (p->master < 0 || p->paused || p->state->closing) return;
  list_add(&p->state->finishing, &p->finish);
  uv_idle_start(&p->state->finisher, finish_turns);
}

static napi_value js_pause_output(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct pty *p;
  if (!get_args(env, info, 1, args) || (p = pty_from_js(env, args[0])) == NULL) return NULL;
  fast_path_close(p->conn);
  p->paused = true;
  flood_reader_pause(p, true);
  list_remove(&p->finish);
  pty_poll(p);
  return NULL;
}

static napi_value js_resume_output(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct pty *p;
  if (!get_args(env, info, 1, args) || (p = pty_from_js(env, args[0])) == NULL) return NULL;
  p->paused = false;
  flood_reader_pause(p, false);
  if (p->reaped) read_finish(p);
  pty_poll(p);
  return NULL;
}

/* useSlab(buffer): output goes there from now on. The memory is used until the next call. */
static napi_value js_use_slab(napi_env env, napi_callback_info info) {
  struct state *s = state_of(env);
  napi_value args[1];
  void *data;
  size_t length;
  napi_ref reference;
  if (!get_args(env, info, 1, args) || !get_bytes(env, args[0], 1, &data, &length) ||
      napi_create_reference(env, args[0], 1, &reference) != napi_ok)
    return NULL;
  if (s->slab != NULL) napi_delete_reference(env, s->slab);
  s->slab = reference;
  s->slab_data = data;
  s->slab_size = length;
  s->slab_used = 0;
  return NULL;
}

void read_state_init(struct state *s) {
  uv_idle_init(s->loop, &s->finisher);
  s->finisher.data = s;
  state_ref(s);
}

void read_exports(napi_env env, napi_value exports) {
  napi_set_named_property(env, exports, "drainLimit", js_int(env, DRAIN_LIMIT));
  export_function(env, exports, "pauseOutput", js_pause_output);
  export_function(env, exports, "resumeOutput", js_resume_output);
  export_function(env, exports, "useSlab", js_use_slab);
}
