/*
 * How long keys wait for an answer: from the write to a terminal to the moment when its next output has been passed on.
 *
 * Counted here, since most keys and their echoes never come to JavaScript (fast_path.c), and only where somebody wants to know.
 * A key that passes by the fast path has its time already; the answer takes one more look at the clock. The counts are memory of
 * JavaScript's, which reads them when it likes.
 *
 * What is measured is the first key that nothing has been printed for. One that has waited for LOST_NS when the next is
 * typed had no answer (a password has none); the next is measured in its place. A terminal that floods prints without being
 * asked, so keys typed at one that the thread of flood_reader.c reads are not measured at all.
 */
#include "telpty.h"

#define LOST_NS 1000000000u

/* A key has been typed. `now`: by uv_hrtime(); 0: nobody has looked yet. */
void delay_key(struct pty *p, uint64_t now) {
  if (p->state->delays.counts == NULL || p->lane != NULL) return;
  if (now == 0) now = uv_hrtime();
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
 * measureDelays(bounds, counts): from now on the delays are counted: `counts` has a number for each of `bounds` (the most
 * seconds that count there, ascending), one for what is longer, and the sum in seconds. Both are kept.
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
  s->delays = (struct delays){.references = {references[0], references[1]}, .bounds = bounds, .bound = bound, .counts = counts};
  return NULL;
}

void delay_state_close(struct state *s) {
  for (int i = 0; i < 2; i++)
    if (s->delays.references[i] != NULL) napi_delete_reference(s->env, s->delays.references[i]);
  s->delays = (struct delays){.counts = NULL};
}

void delay_exports(napi_env env, napi_value exports) { export_function(env, exports, "measureDelays", js_measure); }
