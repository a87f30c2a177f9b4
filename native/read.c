/*
 * From the terminal to JavaScript.
 *
 * A read of a master gives at most 4 KiB (the line discipline's buffer), so a drain makes many, straight into the slab, and
 * one call. How long a drain goes on depends on who else there is, since a read of a flooding terminal takes 50 to 100 us (it
 * waits for the kernel's worker to move the next bytes over), and eight floods with long turns would make a keystroke beside
 * them wait for all eight. Terminals that are active together share TURN_NS between them; and while somebody types, one read
 * is a turn for everybody else.
 *
 * (Asking the loop's own epoll set who is ready would be exact, but is not to be had: newer versions of libuv keep
 * edge-triggered descriptors in it, whose events are used up by looking.)
 *
 * The end. A program's death is noticed on its own path (process.c), and may be noticed before its last output is read. So
 * from then on the terminal is read without asking poll, until the kernel says that there is nothing: on Linux a
 * non-blocking read gives EAGAIN only after it has flushed the worker that carries bytes from the slave (n_tty_read calls
 * tty_buffer_flush_work), so after the death EAGAIN means that every byte has been read. For that the slave is held open by
 * us: nothing is ever thrown away by a last close, and EIO does not come in between.
 */
#include "telpty.h"

#include <errno.h>
#include <unistd.h>

/* What one round of the loop may spend on reading, all turns together. */
#define TURN_NS (750 * 1000)

/* Whoever wrote to a terminal so recently is at the keyboard, and waits for an echo. */
#define ATTENTION_NS (200 * 1000 * 1000)

/* What background processes may still print after the program's end before the terminal is closed on them. */
#define AFTERLIFE_LIMIT (1024 * 1024)

static void round_over(uv_check_t *check) {
  struct state *s = check->data;
  s->before = s->active;
  s->active = 0;
  if (s->before == 0) uv_check_stop(check);
}

/* How long the turn of `p` may last, in ns. 0: one read. */
static uint64_t turn_length(struct pty *p, uint64_t now) {
  struct state *s = p->state;
  if (s->typed_at != 0 && s->typist != p && now - s->typed_at < ATTENTION_NS) return 0;
  return TURN_NS / (s->before > s->active ? s->before : s->active);
}

/*
 * One drain and its call. Returns true when the terminal has been read empty or will never give more.
 */
static bool drain(struct pty *p) {
  struct state *s = p->state;
  size_t got = 0;
  bool empty = false;
  if (s->slab_size - s->slab_used < DRAIN_LIMIT) return false; /* the slab's owner did not keep its promise */
  char *room = s->slab_data + s->slab_used;
  if (s->active++ == 0) uv_check_start(&s->round, round_over);
  uint64_t now = uv_hrtime(), end = now + turn_length(p, now);
  while (got < DRAIN_LIMIT) {
    ssize_t n = read(p->master, room + got, DRAIN_LIMIT - got);
    if (n > 0) {
      got += (size_t)n;
      if (uv_hrtime() >= end) break;
    } else if (n == 0 || errno != EINTR) {
      /* 0 is how BSDs say EIO */
      empty = true;
      if (n == 0 || errno != EAGAIN) p->hungup = true;
      break;
    }
  }
  if (got > 0) {
    const int32_t place[2] = {(int32_t)s->slab_used, (int32_t)got};
    s->slab_used += got;
    if (p->reaped) p->afterlife += got;
    call_js(p, ON_READ, 2, place);
  }
  return empty;
}

/* The master is readable. The caller holds a reference and calls pty_poll() afterwards. */
void read_turn(struct pty *p) {
  if (p->master < 0 || p->paused || p->hungup || p->reaped) return;
  drain(p);
}

/* One turn for a terminal whose program has been reaped. */
static void finish_turn(struct pty *p) {
  pty_ref(p);
  bool over = drain(p) || p->hungup || p->afterlife >= AFTERLIFE_LIMIT;
  if (over && p->master >= 0) {
    pty_close_terminal(p);
    call_js(p, ON_END, 0, NULL);
    pty_forget_if_over(p);
  }
  pty_unref(p);
}

/* Every entry of `finishing` gets one turn in each round of the loop. Anything may leave the list during a turn. */
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

/* The program has been reaped: reads on to the end, now or when JavaScript wants more. */
void read_finish(struct pty *p) {
  if (p->master < 0 || p->paused || p->state->closing) return;
  list_add(&p->state->finishing, &p->finish);
  uv_idle_start(&p->state->finisher, finish_turns);
}

static napi_value js_pause(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct pty *p;
  if (!get_args(env, info, 1, args) || (p = pty_from_js(env, args[0])) == NULL) return NULL;
  p->paused = true;
  list_remove(&p->finish);
  pty_poll(p);
  return NULL;
}

static napi_value js_resume(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct pty *p;
  if (!get_args(env, info, 1, args) || (p = pty_from_js(env, args[0])) == NULL) return NULL;
  p->paused = false;
  if (p->reaped) read_finish(p);
  pty_poll(p);
  return NULL;
}

/* useSlab(buffer): output goes there from now on. The memory is borrowed until the next call. */
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
  /* It does not keep the loop alive: the terminals do. */
  uv_check_init(s->loop, &s->round);
  uv_unref((uv_handle_t *)&s->round);
  s->round.data = s;
  state_ref(s);
}

void read_exports(napi_env env, napi_value exports) {
  napi_set_named_property(env, exports, "drainLimit", js_int(env, DRAIN_LIMIT));
  export_function(env, exports, "pause", js_pause);
  export_function(env, exports, "resume", js_resume);
  export_function(env, exports, "useSlab", js_use_slab);
}
