/*
 * How long keys wait for an answer: from the write to a terminal until its next output has been passed on.
 *
 * The addon counts, because most keys and their echoes do not reach JavaScript (fast_path.c), and only after
 * measureDelays() was called. Keys of the fast path have their time already; the answer costs one more read of the
 * clock. The arrays belong to JavaScript, which reads them at any time.
 *
 * The time of a key is read before the write. The write wakes the program, and on a busy machine the scheduler may run
 * it, and others, before write(2) returns to us. A time read afterwards was up to the program's whole answer too late.
 *
 * The first key without output after it is measured. If it has waited for LOST_NS when the next key is typed, it had no
 * answer (a password has none). Then the next key is measured instead. A terminal that floods prints without being
 * asked, so keys of a terminal that the thread of flood_thread.c reads are not measured.
 */
#include "telpty.h"

#define LOST_NS 1000000000u

/* The time for delay_key(), before the write of a key; 0 where keys are not measured. */
uint64_t delay_before(const struct pty *p) { return p->state->delays.counts == NULL ? 0 : uv_hrtime(); }

/* A key has been written. `now`: by uv_hrtime(), before the write; or 0. */
void delay_key(struct pty *p, uint64_t now) {
  if (now == 0 || p->state->delays.counts == NULL || p->flood != NULL) return;
  if (p->key_at == 0 || now - p->key_at > LOST_NS) p->key_at = now;
}

/* There is output. Returns which key it answers, for delay_count(). */
uint64_t delay_take(struct pty *p) {
  const uint64_t key_at = p->key_at;
  p->key_at = 0;
  return key_at;
}

/* The output has been passed on. */
void delay_count(struct state *s, uint64_t key_at) {
  const struct delays *d = &s->delays;
  if (key_at == 0 || d->counts == NULL) return;
  const double seconds = (double)(uv_hrtime() - key_at) / 1e9;
  size_t i = 0;
  while (i < d->bounds && seconds > d->bound[i]) i++;
  d->counts[i]++;
  d->counts[d->bounds + 1] += seconds;
}

/*
 * measureDelays(bounds, counts): from now on the delays are counted. `counts` has a number for each of `bounds` (the
 * most seconds that count there, ascending), one for longer delays, and the sum in seconds. Both are kept.
 */
static napi_value js_measure(napi_env env, napi_callback_info info) {
  struct state *s = state_of(env);
  napi_value args[2];
  void *bound, *counts;
  size_t bounds, length;
  if (!get_args(env, info, 2, args) || !get_bytes(env, args[0], 8, &bound, &bounds) ||
      !get_bytes(env, args[1], 8, &counts, &length))
    return NULL;
  napi_ref references[2] = {NULL, NULL};
  if (length != bounds + 2 || napi_create_reference(env, args[0], 1, &references[0]) != napi_ok ||
      napi_create_reference(env, args[1], 1, &references[1]) != napi_ok) {
    if (references[0] != NULL) napi_delete_reference(env, references[0]);
    napi_throw_error(env, NULL, "telpty addon: measureDelays() needs two more counts than bounds");
    return NULL;
  }
  delay_state_close(s);
  s->delays = (struct delays){
      .references = {references[0], references[1]}, .bounds = bounds, .bound = bound, .counts = counts};
  return NULL;
}

void delay_state_close(struct state *s) {
  for (int i = 0; i < 2; i++)
    if (s->delays.references[i] != NULL) napi_delete_reference(s->env, s->delays.references[i]);
  s->delays = (struct delays){.counts = NULL};
}

void delay_exports(napi_env env, napi_value exports) { export_function(env, exports, "measureDelays", js_measure); }
