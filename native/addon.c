/*
 * The entry point of the addon: the state of an environment, its end, and helpers for the other files.
 */
#include "telpty.h"

#include <signal.h>
#include <stdlib.h>

void list_init(struct link *head) { head->next = head->prev = head; }

void list_add(struct link *head, struct link *entry) {
  if (entry->next != NULL) return;
  entry->prev = head->prev;
  entry->next = head;
  head->prev->next = entry;
  head->prev = entry;
}

void list_remove(struct link *entry) {
  if (entry->next == NULL) return;
  entry->prev->next = entry->next;
  entry->next->prev = entry->prev;
  entry->next = entry->prev = NULL;
}

bool list_empty(const struct link *head) { return head->next == head; }

struct state *state_of(napi_env env) {
  void *data = NULL;
  napi_get_instance_data(env, &data);
  return data;
}

void state_ref(struct state *s) { s->refs++; }

/* Dropping the last reference completes the end of the environment, which waits for it. */
void state_unref(struct state *s) {
  if (--s->refs > 0) return;
  napi_remove_async_cleanup_hook(s->cleanup);
  free(s);
}

/*
 * Calls JavaScript from the loop: callback(owner, ...argv). An exception is uncaught, as in any callback of Node.
 * Returns whether the callback returned true. `argc` is at most MOST_VALUES.
 */
bool call_owner(struct state *s, napi_ref owner, enum callback which, size_t argc, const int32_t *argv) {
  if (s->closing || owner == NULL) return false;
  napi_env env = s->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return false;
  napi_value function, args[1 + MOST_VALUES], global, error, answer = NULL;
  bool yes = false;
  bool ready = napi_get_reference_value(env, s->callbacks[which], &function) == napi_ok &&
               napi_get_reference_value(env, owner, &args[0]) == napi_ok && napi_get_global(env, &global) == napi_ok;
  for (size_t i = 0; ready && i < argc; i++) ready = napi_create_int32(env, argv[i], &args[i + 1]) == napi_ok;
  /* not napi_call_function(): this one also runs the ticks and promise jobs that the callback queued */
  if (ready && napi_make_callback(env, NULL, global, function, argc + 1, args, &answer) == napi_pending_exception &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok)
    napi_fatal_exception(env, error);
  if (answer != NULL) napi_get_value_bool(env, answer, &yes);
  napi_close_handle_scope(env, scope);
  return yes;
}

/*
 * `p` may be closed and its program reaped when this returns, but it is still allocated if the caller holds a
 * reference.
 */
bool call_js(struct pty *p, enum callback which, size_t argc, const int32_t *argv) {
  return call_owner(p->state, p->owner, which, argc, argv);
}

napi_value js_int(napi_env env, int64_t value) {
  napi_value result = NULL;
  napi_create_int64(env, value, &result);
  return result;
}

/* Reads exactly `count` arguments; with fewer it throws and returns false. */
bool get_args(napi_env env, napi_callback_info info, size_t count, napi_value *args) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, args, NULL, NULL) == napi_ok && given >= count) return true;
  napi_throw_type_error(env, NULL, "telpty addon: too few arguments");
  return false;
}

/*
 * Points at the memory of a typed array whose elements have `element` bytes (Buffers: 1); `length` counts elements. The
 * memory belongs to JavaScript. For other values it throws and returns false.
 */
bool get_bytes(napi_env env, napi_value value, size_t element, void **data, size_t *length) {
  static const size_t sizes[] = {
      [napi_int8_array] = 1,   [napi_uint8_array] = 1,  [napi_uint8_clamped_array] = 1, [napi_int16_array] = 2,
      [napi_uint16_array] = 2, [napi_int32_array] = 4,  [napi_uint32_array] = 4,        [napi_float32_array] = 4,
      [napi_float64_array] = 8};
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, value, &type, length, data, NULL, NULL) == napi_ok &&
      (size_t)type < sizeof sizes / sizeof *sizes && sizes[type] == element)
    return true;
  napi_throw_type_error(env, NULL, "telpty addon: unexpected type of typed array");
  return false;
}

/* The arguments (bytes, out, at). For other values it throws and returns false. */
bool get_target(napi_env env, napi_callback_info info, struct target *target) {
  napi_value args[3];
  void *out;
  if (!get_args(env, info, 3, args) || !get_bytes(env, args[0], 1, &target->bytes, &target->length) ||
      !get_bytes(env, args[1], 1, &out, &target->room) || napi_get_value_uint32(env, args[2], &target->at) != napi_ok)
    return false;
  const size_t before = target->at < target->room ? target->at : target->room;
  target->out = (char *)out + before;
  target->room -= before;
  return true;
}

void export_function(napi_env env, napi_value exports, const char *name, napi_callback function) {
  napi_value value;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, function, NULL, &value) == napi_ok)
    napi_set_named_property(env, exports, name, value);
}

/* setup({ started, read, notice, written, left, exit, end }) */
static napi_value setup(napi_env env, napi_callback_info info) {
  static const char *const names[PTY_CALLBACKS] = {"started", "read", "notice", "written", "left", "exit", "end"};
  struct state *s = state_of(env);
  napi_value object, function;
  if (!get_args(env, info, 1, &object)) return NULL;
  for (int i = 0; i < PTY_CALLBACKS; i++) {
    if (s->callbacks[i] != NULL || napi_get_named_property(env, object, names[i], &function) != napi_ok ||
        napi_create_reference(env, function, 1, &s->callbacks[i]) != napi_ok) {
      napi_throw_error(env, NULL, "telpty addon: setup() failed, or was called twice");
      return NULL;
    }
  }
  /* Not earlier: loading the addon must not start threads. */
  flood_reader_start(s);
  starter_begin(s);
  return NULL;
}

/* counts(): the objects of this environment, for metrics and tests */
static napi_value counts(napi_env env, napi_callback_info info) {
  (void)info;
  struct state *s = state_of(env);
  int terminals = 0, children = 0, floods = 0, connections = 0, tees = 0, peeks = 0;
  int64_t unwritten = 0, tee_bytes = 0;
  for (struct link *l = s->ptys.next; l != &s->ptys; l = l->next) {
    struct pty *p = ENTRY(l, struct pty, all);
    terminals += p->master >= 0;
    children += !p->reaped;
    floods += p->flood != NULL;
    unwritten += p->pending.memory == NULL ? 0 : (int64_t)p->pending.length;
  }
  for (struct link *l = s->conns.next; l != &s->conns; l = l->next) {
    struct tee *tee = ENTRY(l, struct conn, all)->tee;
    connections++;
    tees += tee != NULL;
    tee_bytes += (int64_t)tee_memory(tee);
  }
  for (struct link *l = s->peeks.next; l != &s->peeks; l = l->next) peeks++;
  napi_value result;
  if (napi_create_object(env, &result) != napi_ok) return NULL;
  napi_set_named_property(env, result, "terminals", js_int(env, terminals));
  napi_set_named_property(env, result, "children", js_int(env, children));
  napi_set_named_property(env, result, "floods", js_int(env, floods));
  napi_set_named_property(env, result, "connections", js_int(env, connections));
  napi_set_named_property(env, result, "tees", js_int(env, tees));
  napi_set_named_property(env, result, "teeMemory", js_int(env, tee_bytes));
  napi_set_named_property(env, result, "peeks", js_int(env, peeks));
  napi_set_named_property(env, result, "starting", js_int(env, starter_pending(s)));
  napi_set_named_property(env, result, "abandoned", js_int(env, process_abandoned(s)));
  napi_set_named_property(env, result, "sentByThread", js_int(env, (int64_t)flood_reader_sent(s)));
  napi_set_named_property(env, result, "unwritten", js_int(env, unwritten));
  return result;
}

/* starts(): how many starts took too long and were killed, and how many hang */
static napi_value starts(napi_env env, napi_callback_info info) {
  (void)info;
  struct state *s = state_of(env);
  napi_value result;
  if (napi_create_object(env, &result) != napi_ok) return NULL;
  napi_set_named_property(env, result, "killed", js_int(env, starter_killed(s)));
  napi_set_named_property(env, result, "stuck", js_int(env, starter_stuck(s)));
  return result;
}

static void state_handle_closed(uv_handle_t *handle) { state_unref(handle->data); }

/*
 * The environment ends, perhaps while programs still run (a worker was terminated). Their terminals are closed, and the
 * programs are killed, because nothing would reap them later. The hook is asynchronous, so Node runs the loop until the
 * last handle is closed and the last program is reaped.
 */
static void cleanup(napi_async_cleanup_hook_handle handle, void *data) {
  (void)handle;
  struct state *s = data;
  s->closing = true;
  starter_stop(s);
  starter_close(s);
  for (struct link *l = s->ptys.next, *next; l != &s->ptys; l = next) {
    next = l->next;
    struct pty *p = ENTRY(l, struct pty, all);
    pty_ref(p);
    if (!p->reaped) {
      pty_signal_foreground(p, SIGKILL);
      kill(-p->pid, SIGKILL);
      process_release(p);
    }
    pty_close_terminal(p);
    pty_forget_if_over(p);
    if (p->owner != NULL) napi_delete_reference(s->env, p->owner);
    p->owner = NULL;
    pty_unref(p);
  }
  flood_reader_stop(s);
  acceptor_state_close(s);
  conn_state_close(s);
  tee_state_close(s);
  delay_state_close(s);
  peek_state_close(s);
  for (int i = 0; i < CALLBACKS; i++)
    if (s->callbacks[i] != NULL) napi_delete_reference(s->env, s->callbacks[i]);
  if (s->slab != NULL) napi_delete_reference(s->env, s->slab);
  s->slab = NULL;
  s->slab_data = NULL;
  uv_close((uv_handle_t *)&s->finisher, state_handle_closed);
  uv_close((uv_handle_t *)&s->retry, state_handle_closed);
  /* closes the watchers when the last program is reaped */
  process_state_end(s);
  state_unref(s); /* the environment's own reference */
}

NAPI_MODULE_INIT() {
  struct state *s = calloc(1, sizeof *s);
  if (s == NULL) return NULL;
  s->env = env;
  s->refs = 1;
  s->use_pidfd = true;
  list_init(&s->acceptors);
  list_init(&s->conns);
  list_init(&s->peeks);
  list_init(&s->ptys);
  list_init(&s->finishing);
  list_init(&s->writing);
  if (napi_get_uv_event_loop(env, &s->loop) != napi_ok || napi_set_instance_data(env, s, NULL, NULL) != napi_ok ||
      napi_add_async_cleanup_hook(env, cleanup, s, &s->cleanup) != napi_ok) {
    free(s);
    return NULL;
  }
  const int error = process_state_init(s);
  if (error < 0) {
    napi_remove_async_cleanup_hook(s->cleanup);
    napi_set_instance_data(env, NULL, NULL, NULL);
    free(s);
    napi_throw_error(env, uv_err_name(error), uv_strerror(error));
    return NULL;
  }
  read_state_init(s);
  write_state_init(s);

  export_function(env, exports, "setup", setup);
  export_function(env, exports, "counts", counts);
  export_function(env, exports, "starts", starts);
  pty_exports(env, exports);
  read_exports(env, exports);
  packet_exports(env, exports);
  conn_exports(env, exports);
  acceptor_exports(env, exports);
  peek_exports(env, exports);
  urgent_exports(env, exports);
  fast_path_exports(env, exports);
  tee_exports(env, exports);
  delay_exports(env, exports);
  write_exports(env, exports);
  termios_exports(env, exports);
  process_exports(env, exports);
  user_exports(env, exports);
  user_kill_exports(env, exports);
  socket_exports(env, exports);
  local_socket_exports(env, exports);
  service_manager_exports(env, exports);
  listener_exports(env, exports);
  nonblocking_write_exports(env, exports);
  owner_exports(env, exports);
  json_text_exports(env, exports);
  batch_memory_exports(env, exports);
  return exports;
}
