/*
 * A terminal with its program: its lifecycle, and everything except reading and writing.
 *
 * A struct pty is in `state->ptys` from its start until its terminal is closed and its program reaped. During that time
 * its owner in JavaScript is not garbage collected, and the polls on the master and on the program keep the loop alive.
 * Afterwards it stays allocated, without descriptors, until the JavaScript object is collected.
 */
#include "telpty.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void pty_ref(struct pty *p) { p->refs++; }

void pty_unref(struct pty *p) {
  if (--p->refs == 0) free(p);
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  pty_unref(data);
}

/* The struct of the external that spawn() returned; throws and returns NULL for other values. */
struct pty *pty_from_js(napi_env env, napi_value value) {
  void *data;
  if (napi_get_value_external(env, value, &data) == napi_ok) return data;
  napi_throw_type_error(env, NULL, "telpty addon: not a pseudo-terminal");
  return NULL;
}

static void master_closed(uv_handle_t *handle) {
  struct pty *p = handle->data;
  state_unref(p->state);
  pty_unref(p);
}

static void master_ready(uv_poll_t *handle, int status, int events) {
  struct pty *p = handle->data;
  pty_ref(p);
  if (status < 0) {
    /* libuv has stopped the poll */
    p->polled = 0;
    p->hungup = true;
    write_drop(p);
    call_js(p, ON_WRITTEN, 0, NULL);
  } else {
    if ((events & UV_WRITABLE) != 0) write_ready(p);
    if ((events & UV_PRIORITIZED) != 0 && p->paused) read_notices(p);
    if ((events & UV_READABLE) != 0) read_turn(p);
  }
  pty_poll(p);
  pty_unref(p);
}

/*
 * Polls for the events that are wanted now. If none is wanted, the poll is stopped: a hangup cannot be masked and would
 * wake the loop without end. (While we keep the slave open, only a program that calls vhangup() can cause one.)
 */
void pty_poll(struct pty *p) {
  if (p->master < 0) return;
  int wanted = 0;
  if (!p->paused && !p->hungup && !p->reaped && p->flood == NULL) wanted |= UV_READABLE;
  /* While output is paused, notices of a flush would otherwise not be seen. */
  if (p->paused && p->packet && !p->hungup && !p->reaped) wanted |= UV_PRIORITIZED;
  if (p->pending.memory != NULL) wanted |= UV_WRITABLE;
  if (wanted == p->polled) return;
  p->polled = wanted;
  if (wanted == 0)
    uv_poll_stop(&p->master_poll);
  else
    (void)uv_poll_start(&p->master_poll, wanted, master_ready); /* see conn_poll() */
}

/* Closes both ends; the kernel then sends SIGHUP to the processes of the terminal. Does nothing the second time. */
void pty_close_terminal(struct pty *p) {
  if (p->master < 0) return;
  flood_reader_remove(p);
  if (p->conn != NULL) fast_path_part(p->conn);
  write_drop(p);
  list_remove(&p->finish);
  uv_close((uv_handle_t *)&p->master_poll, master_closed);
  close(p->slave);
  close(p->master);
  p->master = p->slave = -1;
}

/* Releases the owner and the loop after the terminal is closed and the program reaped. */
void pty_forget_if_over(struct pty *p) {
  if (p->master >= 0 || !p->reaped || p->all.next == NULL) return;
  list_remove(&p->all);
  if (p->owner != NULL) napi_delete_reference(p->state->env, p->owner);
  p->owner = NULL;
  process_state_close(p->state);
  state_unref(p->state);
  pty_unref(p);
}

/* A terminal whose program was not started yet. NULL without memory. */
static struct pty *pty_new(struct state *s) {
  struct pty *p = calloc(1, sizeof *p);
  if (p == NULL) return NULL;
  p->state = s;
  p->refs = 2; /* the external, the start */
  p->master = p->slave = p->pidfd = -1;
  p->reaped = true;
  return p;
}

/* Takes over the result of spawn(). If the loop cannot poll it, started->error is set and nothing is left running. */
static void adopt(struct pty *p, struct spawned *started) {
  struct state *s = p->state;
  int error = uv_poll_init(s->loop, &p->master_poll, started->master);
  if (error < 0) {
    spawn_undo(started);
    started->error = -error;
    started->step = STEP_OPEN;
    return;
  }
  p->refs += 2; /* membership of s->ptys, the poll */
  p->master = started->master;
  p->slave = started->slave;
  p->pid = started->pid;
  p->reaped = false;
  p->master_poll.data = p;
  state_ref(s);
  state_ref(s);
  list_add(&s->ptys, &p->all);
  process_watch(p);
  pty_poll(p);
}

/* The start failed: drops its reference and the owner. */
void pty_never(struct pty *p) {
  if (p->owner != NULL) napi_delete_reference(p->state->env, p->owner);
  p->owner = NULL;
  pty_unref(p);
}

/* The end of a start that starter_add() began. */
void pty_started(struct pty *p, struct spawned *started) {
  if (started->error == 0) adopt(p, started);
  const int32_t result[2] = {started->error == 0 ? p->pid : -started->error, (int32_t)started->step};
  call_js(p, ON_STARTED, 2, result);
  if (started->error == 0)
    pty_unref(p);
  else
    pty_never(p);
}

/*
 * spawn(owner, request) and start(owner, request): an external, or undefined with request.result filled in; see
 * SpawnRequest in src/native/addon.ts. The second returns at once; a thread of the starter starts the program.
 */
static napi_value begin(napi_env env, napi_callback_info info, bool elsewhere) {
  struct state *s = state_of(env);
  struct plan plan;
  struct spawned started = {.error = ENOMEM, .step = STEP_FORK};
  napi_value args[2], value, external = NULL;
  napi_ref request = NULL;
  void *data;
  size_t length;
  if (!get_args(env, info, 2, args) || napi_get_named_property(env, args[1], "result", &value) != napi_ok ||
      !get_bytes(env, value, 4, &data, &length) || length < 2)
    return NULL;
  int32_t *result = data;
  if (!plan_from_js(env, args[1], &plan)) {
    plan_free(&plan);
    return NULL;
  }
  struct pty *p = pty_new(s);
  if (p != NULL && elsewhere) {
    napi_create_reference(env, args[1], 1, &request);
    started.error = starter_add(p, &plan, request);
    if (started.error != 0) napi_delete_reference(env, request);
  } else if (p != NULL) {
    if (!starter_run(s, &plan, args[1], &started)) memset(&plan, 0, sizeof plan);
    if (started.error == 0) adopt(p, &started);
  }
  if (!elsewhere || started.error != 0) plan_free(&plan);
  if (started.error != 0) {
    free(p);
    result[0] = started.error;
    result[1] = (int32_t)started.step;
    return NULL;
  }
  /* From here on only memory allocation can fail, and then V8 aborts the process. */
  napi_create_reference(env, args[0], 1, &p->owner);
  napi_create_external(env, p, finalize, NULL, &external);
  result[0] = p->pid;
  if (!elsewhere) pty_unref(p);
  return external;
}

static napi_value js_spawn(napi_env env, napi_callback_info info) { return begin(env, info, false); }

static napi_value js_start(napi_env env, napi_callback_info info) { return begin(env, info, true); }

/*
 * As if the signal's key were typed, but at once. TIOCSIG makes the kernel find the group, without a race. It takes
 * three signals only. For the others the group is given by its number and must be in our session. After all its
 * processes have ended, the group's number stays the terminal's foreground group, and another session may have it by
 * now. Returns 0 or a negative errno.
 */
int pty_signal_foreground(struct pty *p, int signal) {
  if (p->master < 0 || p->reaped) return -ESRCH;
#ifdef __linux__
  if ((signal == SIGINT || signal == SIGQUIT || signal == SIGTSTP) && ioctl(p->master, TIOCSIG, signal) == 0) return 0;
#endif
  pid_t group = tcgetpgrp(p->master);
  if (group <= 1 || getsid(group) != p->pid) return -ESRCH;
  return kill(-group, signal) < 0 ? -errno : 0;
}

static napi_value js_signal_foreground(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t signal;
  struct pty *p;
  if (!get_args(env, info, 2, args) || (p = pty_from_js(env, args[0])) == NULL ||
      napi_get_value_int32(env, args[1], &signal) != napi_ok)
    return NULL;
  return js_int(env, pty_signal_foreground(p, signal));
}

static napi_value js_resize(napi_env env, napi_callback_info info) {
  napi_value args[3];
  uint32_t cols, rows;
  struct pty *p;
  if (!get_args(env, info, 3, args) || (p = pty_from_js(env, args[0])) == NULL ||
      napi_get_value_uint32(env, args[1], &cols) != napi_ok || napi_get_value_uint32(env, args[2], &rows) != napi_ok)
    return NULL;
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
  if (p->master < 0) return js_int(env, -EIO);
  return js_int(env, ioctl(p->master, TIOCSWINSZ, &size) < 0 ? -errno : 0);
}

static napi_value js_close(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct pty *p;
  if (!get_args(env, info, 1, args) || (p = pty_from_js(env, args[0])) == NULL) return NULL;
  pty_close_terminal(p);
  pty_forget_if_over(p);
  return NULL;
}

void pty_exports(napi_env env, napi_value exports) {
  napi_value steps, name;
  if (napi_create_array_with_length(env, STEPS, &steps) == napi_ok) {
    for (uint32_t i = 0; i < STEPS; i++)
      if (napi_create_string_utf8(env, step_names[i], NAPI_AUTO_LENGTH, &name) == napi_ok)
        napi_set_element(env, steps, i, name);
    napi_set_named_property(env, exports, "steps", steps);
  }
  export_function(env, exports, "spawn", js_spawn);
  export_function(env, exports, "start", js_start);
  export_function(env, exports, "resize", js_resize);
  export_function(env, exports, "signalForeground", js_signal_foreground);
  export_function(env, exports, "close", js_close);
}
