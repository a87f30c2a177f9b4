/*
 * Explores the schedules of the flood reader: its thread and the event loop run as two contexts of one process, and
 * take turns wherever they could in reality. Compiled with the real C files of the addon, whose constants are made
 * small, by flood-schedules.test.ts; the system calls, libuv and JavaScript are models.
 *
 * A schedule is a list of choices: who runs next, what the kernel answers, which event the loop handles first. All of
 * them are tried, depth first, with at most PREEMPTIONS switches where the running context could have gone on. After
 * each schedule the bytes that the client has received are checked.
 *
 *   flood-schedules          runs all scenarios; prints a line for each
 */
#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <ucontext.h>

#include "flood.h"

#ifndef PREEMPTIONS
#define PREEMPTIONS 1
#endif

enum { MASTER = 10, SOCKET = 11, WAKE = 12, EPOLL = 13, READ_MOST = 3, DEPTH = 4096 };

/* --- choices --- */

static struct { int taken, of; } path[DEPTH];
static int depth, known;

static int choose(int of) {
  if (of < 2) return 0;
  if (depth == known) {
    assert(known < DEPTH);
    path[known].taken = 0;
    path[known++].of = of;
  }
  assert(path[depth].of == of);
  return path[depth++].taken;
}

static bool next_schedule(void) {
  while (known > 0 && path[known - 1].taken + 1 == path[known - 1].of) known--;
  if (known == 0) return false;
  path[known - 1].taken++;
  return true;
}

/* --- the scenario --- */

/*
 * `output`: what the terminal gives. F: the terminal is flushed; E: it is empty for a moment; H: it hangs up. Output
 * after F is in upper case. `actions` of the loop, each at any time, in order: see act(). `shorts`: how often the
 * kernel may take less than it is given.
 */
struct scenario {
  const char *name, *output, *actions;
  int shorts;
  size_t reads;        /* the longest read; 0: READ_MOST */
};
static const struct scenario *scenario;
static const char *printed;  /* the rest of the output */
static const char *acting;   /* the rest of the actions */
static bool is_noticed;      /* a notice of a flush waits */
static bool packet_mode, master_open, socket_open, is_full, is_finished;
static int shorts, preemptions;
static char received[256];
static size_t received_length;
static char events[4096];

/* A schedule that fails is run again, with a list of its events. */
static bool is_tracing;
static jmp_buf failed;

static void trace(const char *text) {
  if (is_tracing && strlen(events) + strlen(text) + 2 < sizeof events) strcat(strcat(events, text), " ");
}

static _Noreturn void fail(const char *why) {
  if (!is_tracing) _longjmp(failed, 1);
  printf("%s: %s\nevents: %s\nreceived: ", scenario->name, why, events);
  for (size_t i = 0; i < received_length; i++)
    received[i] >= ' ' ? putchar(received[i]) : printf("\\x%02x", (unsigned char)received[i]);
  printf("\n");
  exit(1);
}

/* --- two contexts --- */

enum { LOOP, THREAD };
static struct {
  ucontext_t context;
  bool (*until)(void); /* what it waits for; NULL: nothing */
  bool exists, has_begun;
  jmp_buf place; /* faster than a context, which includes the signal mask */
} sides[2];
static int running;
static char stack[256 * 1024];

static bool can_run(int side) {
  return sides[side].exists && (sides[side].until == NULL || sides[side].until());
}

static void switch_sides(void) {
  const int from = running;
  running = 1 - from;
  if (_setjmp(sides[from].place) != 0) return;
  if (sides[running].has_begun) _longjmp(sides[running].place, 1);
  sides[running].has_begun = true;
  setcontext(&sides[running].context);
}

/* A place where the other side may run. */
static void may_switch(void) {
  if (preemptions < PREEMPTIONS && can_run(1 - running) && choose(2) == 1) {
    preemptions++;
    switch_sides();
  }
}

/* Whether the loop waits for events. */
static bool is_idle;

static void wait_until(bool (*until)(void)) {
  const int me = running;
  while (!until()) {
    sides[me].until = until;
    /* if both wait for events, the schedule has ended, which the loop finds */
    if (!can_run(1 - me) && !(me == THREAD && is_idle)) fail("deadlock");
    switch_sides();
  }
  sides[me].until = NULL;
}

static bool is_locked, is_broadcast;
static bool is_unlocked(void) { return !is_locked; }
static bool is_woken(void) { return is_broadcast && !is_locked; }

int uv_mutex_init(uv_mutex_t *mutex) { return (void)mutex, 0; }
void uv_mutex_destroy(uv_mutex_t *mutex) { (void)mutex; }
void uv_mutex_lock(uv_mutex_t *mutex) {
  (void)mutex;
  may_switch();
  wait_until(is_unlocked);
  is_locked = true;
}
void uv_mutex_unlock(uv_mutex_t *mutex) {
  (void)mutex;
  assert(is_locked);
  is_locked = false;
  may_switch();
}
int uv_cond_init(uv_cond_t *cond) { return (void)cond, 0; }
void uv_cond_destroy(uv_cond_t *cond) { (void)cond; }
void uv_cond_wait(uv_cond_t *cond, uv_mutex_t *mutex) {
  (void)cond, (void)mutex;
  is_locked = is_broadcast = false;
  wait_until(is_woken);
  is_locked = true;
}
void uv_cond_broadcast(uv_cond_t *cond) { (void)cond, is_broadcast = true; }

static uint64_t now;
uint64_t uv_hrtime(void) { return now; }

static void (*thread_main)(void *);
static void *thread_data;
static bool is_thread_over;
static bool thread_over(void) { return is_thread_over; }
static void thread_begin(void) {
  thread_main(thread_data);
  is_thread_over = true;
  sides[THREAD].exists = false;
  switch_sides();
}
int uv_thread_create_ex(uv_thread_t *thread, const uv_thread_options_t *options, void (*entry)(void *), void *data) {
  (void)thread, (void)options;
  thread_main = entry;
  thread_data = data;
  is_thread_over = false;
  getcontext(&sides[THREAD].context);
  sides[THREAD].context.uc_stack.ss_sp = stack;
  sides[THREAD].context.uc_stack.ss_size = sizeof stack;
  sides[THREAD].until = NULL;
  sides[THREAD].exists = true;
  sides[THREAD].has_begun = false;
  makecontext(&sides[THREAD].context, thread_begin, 0);
  return 0;
}
int uv_thread_join(uv_thread_t *thread) { return (void)thread, wait_until(thread_over), 0; }
int model_setname(void) { return 0; }

/* --- the kernel --- */

static void trace_bytes(const char *name, const char *bytes, size_t length) {
  char text[64];
  if (!is_tracing) return;
  snprintf(text, sizeof text, "%s%s:%.*s", running == THREAD ? "thread-" : "", name, (int)length, bytes);
  trace(text);
}

static bool readable(void) { return is_noticed || *printed != '\0'; }

/* The flush that is next has happened or, if the caller may choose, has not. */
static bool flushes(void) {
  if (is_noticed) return true;
  if (*printed != 'F' || choose(2) == 1) return false;
  printed++;
  return is_noticed = true;
}

/* A read of the master. One that begins before a flush may return output from after it. */
static ssize_t read_master(char *bytes, size_t size) {
  if (!master_open) fail("read of a closed terminal");
  may_switch();
  size_t n = 0;
  if (packet_mode) {
    if (flushes()) {
      is_noticed = false;
      bytes[0] = TIOCPKT_FLUSHWRITE;
      trace("notice");
      return 1;
    }
    bytes[n++] = 0;
    if (size == 1) return *printed != '\0' && *printed != 'E' && *printed != 'H' && *printed != 'F' ? 1 : (errno = EAGAIN, -1);
  }
  if (*printed == 'F') {
    printed++;
    is_noticed = packet_mode;
  }
  if (*printed == 'H') return errno = EIO, -1;
  const bool is_late = is_noticed && n > 0;
  const size_t most = scenario->reads > 0 ? scenario->reads : READ_MOST;
  while (n < size && n < most + packet_mode && *printed != '\0' && strchr("EHF", *printed) == NULL) bytes[n++] = *printed++;
  if (n > (size_t)packet_mode) return trace_bytes(is_late ? "late-read" : "read", bytes + packet_mode, n - packet_mode), (ssize_t)n;
  if (*printed == 'E') printed++;
  return errno = EAGAIN, -1;
}

ssize_t model_read(int fd, void *bytes, size_t size) {
  if (fd == MASTER) return read_master(bytes, size);
  assert(fd == WAKE);
  extern int wakes;
  wakes = 0;
  return 8;
}
int wakes;
ssize_t model_write(int fd, const void *bytes, size_t size) {
  (void)bytes;
  assert(fd == WAKE);
  wakes++;
  return (ssize_t)size;
}

static struct pty terminal;
static bool is_thread_sending;
ssize_t model_send(int fd, const void *bytes, size_t size, int flags) {
  (void)flags;
  assert(fd == SOCKET);
  if (is_thread_sending) fail("two sends at once");
  if (running == THREAD && terminal.paused) fail("output is sent while it is paused");
  is_thread_sending = running == THREAD;
  may_switch();
  if (running == THREAD) is_thread_sending = false;
  if (!socket_open || is_finished) fail("send to a connection that is closed or finished");
  size_t n = size;
  /* the client may have read since */
  if (is_full && choose(2) == 0) return trace(running == THREAD ? "thread-no-room" : "no-room"), errno = EAGAIN, -1;
  is_full = false;
  if (shorts > 0) {
    /* all, nothing, or any part */
    const int answer = choose((int)size + 1);
    if (answer > 0) {
      shorts--;
      is_full = true;
      n = (size_t)answer - 1;
    }
  }
  if (n == 0) return errno = EAGAIN, -1;
  assert(received_length + n < sizeof received);
  memcpy(received + received_length, bytes, n);
  received_length += n;
  trace_bytes("send", bytes, n);
  return (ssize_t)n;
}
int model_shutdown(int fd, int how) {
  (void)how;
  assert(fd == SOCKET);
  is_finished = true;
  return 0;
}
int model_close(int fd) {
  if (is_thread_sending) fail("a descriptor is closed during a send");
  if (fd == SOCKET) socket_open = false;
  if (fd == MASTER) master_open = false;
  return 0;
}
int model_ioctl(int fd, unsigned long request, int *value) {
  assert(fd == MASTER && request == TIOCPKT);
  packet_mode = *value;
  is_noticed = false;
  return 0;
}
int model_eventfd(void) { return WAKE; }
int model_epoll_create(void) { return EPOLL; }

/* The moments at which the terminal is empty. */
static size_t count_gaps(void) {
  size_t gaps = 0;
  for (const char *at = scenario->output; *at != '\0'; at++) gaps += *at == 'E';
  return gaps;
}

static struct flood *polled;
int model_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event) {
  (void)epoll;
  if (fd == MASTER) polled = operation == EPOLL_CTL_ADD ? event->data.ptr : NULL;
  return 0;
}

static bool is_time_allowed;
static int timeout_ms, timeouts;
static bool loop_has_events(void);
static bool has_thread_events(void) {
  return wakes > 0 || (polled != NULL && readable()) ||
         (timeout_ms > 0 && (is_time_allowed || (is_idle && !loop_has_events())));
}
int model_epoll_wait(int epoll, struct epoll_event *found, int most, int timeout) {
  (void)epoll, (void)most;
  may_switch();
  timeout_ms = timeout;
  if (timeout != 0) wait_until(has_thread_events);
  int n = 0;
  if (wakes > 0) found[n++].data.ptr = NULL;
  if (polled != NULL && readable()) found[n++].data.ptr = polled;
  if (n == 0 && timeout > 0) {
    const bool is_plain = strpbrk(scenario->output, "\033F\377") == NULL && *scenario->actions == '\0';
    if (is_plain && received_length < strlen(scenario->output) - count_gaps()) fail("output waits for time to pass");
    is_time_allowed = false;
    now += (uint64_t)timeout * 1000001;
    trace("time");
    if (timeouts++ > 100) fail("the thread does not rest");
  }
  return n;
}

/* --- libuv, Node-API, the rest of the addon --- */

static void (*async_callback)(uv_async_t *);
static uv_async_t *async_handle;
static bool is_async;
int uv_async_init(uv_loop_t *loop, uv_async_t *handle, uv_async_cb callback) {
  (void)loop;
  async_handle = handle;
  async_callback = callback;
  return 0;
}
int uv_async_send(uv_async_t *handle) { return (void)handle, is_async = true, 0; }
void uv_unref(uv_handle_t *handle) { (void)handle; }
void uv_close(uv_handle_t *handle, uv_close_cb callback) {
  if (handle == (uv_handle_t *)async_handle) callback(handle);
}
static uv_idle_cb idle_callback;
int uv_idle_init(uv_loop_t *loop, uv_idle_t *handle) { return (void)loop, (void)handle, 0; }
int uv_idle_start(uv_idle_t *handle, uv_idle_cb callback) { return (void)handle, idle_callback = callback, 0; }
int uv_idle_stop(uv_idle_t *handle) { return (void)handle, idle_callback = NULL, 0; }
static uv_poll_cb poll_callback;
static int poll_events;
int uv_poll_start(uv_poll_t *handle, int wanted, uv_poll_cb callback) {
  return (void)handle, poll_events = wanted, poll_callback = callback, 0;
}
int uv_poll_stop(uv_poll_t *handle) { return (void)handle, poll_events = 0, 0; }

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

struct bytes { const void *data; size_t length; };
static const napi_value *arguments;
static int64_t answer;
bool get_args(napi_env env, napi_callback_info info, size_t count, napi_value *args) {
  (void)env, (void)info;
  memcpy(args, arguments, count * sizeof *args);
  return true;
}
bool get_bytes(napi_env env, napi_value value, size_t element, void **data, size_t *length) {
  (void)env, (void)element;
  const struct bytes *bytes = (const struct bytes *)value;
  *data = (void *)bytes->data;
  *length = bytes->length;
  return true;
}
napi_value js_int(napi_env env, int64_t value) { return (void)env, answer = value, NULL; }
napi_status napi_get_value_external(napi_env env, napi_value value, void **data) {
  return (void)env, *data = value, napi_ok;
}
napi_status napi_get_value_bool(napi_env env, napi_value value, bool *result) {
  return (void)env, *result = *(bool *)value, napi_ok;
}
napi_status napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value) {
  return (void)env, (void)object, (void)name, (void)value, napi_ok;
}
napi_status napi_create_object(napi_env env, napi_value *result) { return (void)env, *result = NULL, napi_ok; }
napi_status napi_delete_reference(napi_env env, napi_ref ref) { return (void)env, (void)ref, napi_ok; }
struct pty *pty_from_js(napi_env env, napi_value value) { return (void)env, (struct pty *)value; }

static struct { const char *name; napi_callback function; } functions[64];
static size_t function_count;
void export_function(napi_env env, napi_value exports, const char *name, napi_callback function) {
  (void)env, (void)exports;
  assert(function_count < 64);
  functions[function_count].name = name;
  functions[function_count++].function = function;
}
static int64_t call(const char *name, void *first, const void *second) {
  const napi_value given[2] = {(napi_value)first, (napi_value)second};
  arguments = given;
  answer = 0;
  for (size_t i = 0; i < function_count; i++)
    if (strcmp(functions[i].name, name) == 0) return functions[i].function(NULL, NULL), answer;
  fail(name);
}

void state_ref(struct state *s) { s->refs++; }
void state_unref(struct state *s) { s->refs--; }
void pty_ref(struct pty *p) { p->refs++; }
void pty_unref(struct pty *p) { p->refs--; }
void pty_poll(struct pty *p) { (void)p; }
void pty_forget_if_over(struct pty *p) { (void)p; }
void pty_close_terminal(struct pty *p) {
  if (p->master < 0) return;
  flood_reader_remove(p);
  if (p->conn != NULL) fast_path_part(p->conn);
  list_remove(&p->finish);
  model_close(p->master);
  p->master = -1;
}
void delay_key(struct pty *p, uint64_t at) { (void)p, (void)at; }
bool tee_begin(struct tee *tee, enum direction direction, size_t length) {
  (void)tee, (void)direction, (void)length;
  return true;
}
void tee_end(struct tee *tee, enum direction direction, const char *bytes, size_t length) {
  (void)tee, (void)direction, (void)bytes, (void)length;
}
void tee_close(struct tee *tee) { (void)tee; }
void tee_free(struct tee *tee) { (void)tee; }
uint64_t delay_take(struct pty *p) { return (void)p, 0; }
void delay_count(struct state *s, uint64_t at) { (void)s, (void)at; }
bool termios_differs(const struct pty *p) { return (void)p, false; }
bool is_local_socket(int fd) { return (void)fd, false; }
bool urgent_before_mark(const struct conn *c) { return (void)c, false; }
void urgent_ready(struct conn *c) { (void)c; }

/* --- JavaScript --- */

static struct state state;
static struct pty terminal;
static struct conn connection;
static char slab[4096];
static char queue[256]; /* what the kernel has not taken */
static size_t queued;
static char last_sent;
static bool is_paused, is_destroyed, is_over, is_parted, is_ending;

/* As Connection.send(). */
static void js_send(const char *bytes, size_t length) {
  size_t taken = 0;
  if (is_destroyed) return;
  if (queued == 0) {
    const int64_t n = call("connSend", &connection, &(struct bytes){bytes, length});
    if (n < 0) fail("connSend failed");
    taken = (size_t)n;
    if (taken > 0) last_sent = bytes[taken - 1];
  }
  memcpy(queue + queued, bytes + taken, length - taken);
  queued += length - taken;
}

/* The end of a turn. */
static void js_settle(void) {
  const bool on = true;
  if (!is_destroyed && !is_ending && queued == 0 && !is_parted) call("connOpenFastPath", &connection, &on);
}

static void js_output(const char *bytes, size_t length) {
  trace("js-output");
  js_send(bytes, length);
  if (queued > 0 && !is_paused && terminal.master >= 0) {
    is_paused = true;
    call("pauseOutput", &terminal, NULL);
  }
}

/* As StaleOutput.skip(): S is the Synch, and overtakes what is queued. */
static void js_flushed(void) {
  const bool half = queued > 0 && last_sent == '\r' && queue[0] == '\n';
  queued = half;
  js_send("S", 1);
}

static void js_writable(void) {
  trace("js-writable");
  const size_t length = queued;
  if (length > 0) {
    queued = 0;
    js_send(queue, length);
    if (queued > 0) return;
  }
  if (is_ending) {
    call("connFinish", &connection, NULL);
  } else if (is_paused) {
    is_paused = false;
    if (terminal.master >= 0) call("resumeOutput", &terminal, NULL);
  }
}

bool call_owner(struct state *s, napi_ref owner, enum callback which, size_t argc, const int32_t *argv) {
  (void)owner, (void)argc;
  if (is_locked) fail("JavaScript is called with the lock");
  if (is_thread_sending) fail("JavaScript is called during a send of the thread");
  if (connection.open) fail("JavaScript is called while the fast path is open");
  if (terminal.flood != NULL && terminal.flood->sender != LOOP_SENDS) fail("the thread sends beside JavaScript");
  switch (which) {
    case ON_READ: js_output(s->slab_data + argv[0], (size_t)argv[1]); break;
    case ON_NOTICE: js_flushed(); break;
    case ON_WRITABLE: js_writable(); break;
    case ON_END: is_over = true; break;
    default: fail("unexpected call");
  }
  js_settle();
  return true;
}
bool call_js(struct pty *p, enum callback which, size_t argc, const int32_t *argv) {
  return call_owner(p->state, p->owner, which, argc, argv);
}

/* --- the loop --- */

static bool time_passed(void) { return !is_time_allowed; }

static void act(char action) {
  const bool on = true, off = false;
  const char text[] = {action, '\0'};
  trace(text);
  switch (action) {
    case '!': js_send("!", 1), js_settle(); break; /* a command is answered */
    case 'c': is_destroyed = true, queued = 0, call("connClose", &connection, NULL); break;
    case 'p': is_paused = true, call("pauseOutput", &terminal, NULL), js_settle(); break;
    case 'r': if (queued == 0) is_paused = false, call("resumeOutput", &terminal, NULL), js_settle(); break;
    case 'm': call("setPacketMode", &terminal, &off), js_settle(); break;
    case 'M': call("setPacketMode", &terminal, &on), js_settle(); break;
    case 'n': read_notices(&terminal); break;
    case 'o': call("connOpenFastPath", &connection, &off); break; /* an observer */
    case 'O': js_settle(); break;
    case 'x': terminal.reaped = true, read_finish(&terminal); break; /* the program has ended */
    case 'k': pty_close_terminal(&terminal); break;
    case 'd': is_parted = true, call("connPart", &connection, NULL); break;
    case 'j': is_parted = false, call("connJoin", &connection, &terminal), js_settle(); break;
    case 't': /* time passes, if the thread waits */
      if (sides[THREAD].until == has_thread_events && timeout_ms > 0) is_time_allowed = true, wait_until(time_passed);
      break;
    default: fail("unknown action");
  }
}

enum event { ASYNC, FINISH, WRITABLE, READABLE, ACTION };
static int loop_events(enum event *found) {
  int n = 0;
  if (is_async) found[n++] = ASYNC;
  if (idle_callback != NULL) found[n++] = FINISH;
  if (socket_open && (poll_events & UV_WRITABLE) != 0) found[n++] = WRITABLE;
  if (terminal.flood == NULL && !terminal.paused && !terminal.hungup && !terminal.reaped && terminal.master >= 0 &&
      readable())
    found[n++] = READABLE;
  if (*acting != '\0') found[n++] = ACTION;
  return n;
}
static bool loop_has_events(void) {
  enum event found[5];
  return loop_events(found) > 0;
}

static void run_loop(void) {
  for (;;) {
    enum event found[5];
    is_idle = true;
    while (!loop_has_events()) {
      if (!can_run(THREAD)) {
        is_idle = false;
        return;
      }
      sides[LOOP].until = loop_has_events;
      switch_sides();
      sides[LOOP].until = NULL;
    }
    is_idle = false;
    /* between two events the thread may run as long as it can */
    if (can_run(THREAD) && choose(2) == 1) switch_sides();
    const int n = loop_events(found);
    if (n == 0) continue;
    switch (found[choose(n)]) {
      case ASYNC: is_async = false, async_callback(async_handle); break;
      case FINISH: idle_callback(&state.finisher); break;
      case WRITABLE: is_full = false, poll_callback(&connection.poll, 0, poll_events); break;
      case READABLE: read_turn(&terminal); break;
      case ACTION: act(*acting++); break;
    }
  }
}

/* --- the check --- */

/*
 * What the client has received: R = X S Y, where X is a beginning of the output before the flush, S the Synch, and Y
 * the output after the flush, perhaps with an end of the output before it. Without a flush R is all of the output. No
 * CR is without its LF.
 */
static void check(void) {
  char output[256] = "", got[256] = "";
  const char *synch = NULL;
  for (const char *at = scenario->output; *at != '\0'; at++)
    if (strchr("EHF", *at) == NULL) strncat(output, at, 1);
  const char *const flush = strchr(scenario->output, 'F');
  size_t before = 0;
  for (const char *at = scenario->output; flush != NULL && at < flush; at++) before += strchr("EH", *at) == NULL;
  const bool ends = strpbrk(scenario->actions, "ck") != NULL;
  for (size_t i = 0; i < received_length; i++) {
    const char byte = received[i];
    if (byte == '\r' && (i + 1 == received_length ? !is_destroyed : received[i + 1] != '\n')) fail("a CR LF is cut");
    if (byte == 'S') synch = got + strlen(got);
    if (byte != '!' && byte != 'S') strncat(got, &byte, 1);
  }
  const size_t length = strlen(got), all = strlen(output);
  if (!ends && queued > 0) fail("output remains queued");
  if (!ends && is_ending && !is_finished) fail("no FIN");
  if (flush == NULL || (synch == NULL && ends)) {
    if (strncmp(got, output, length) != 0 || (!ends && length != all)) fail("the output differs");
    return;
  }
  if (synch == NULL) synch = got; /* packet mode was off */
  const size_t first = (size_t)(synch - got), second = length - first, after = all - before;
  if (first > before || strncmp(got, output, first) != 0) fail("the output before the Synch differs");
  if (ends) return;
  if (second < after || second - after > before - first ||
      strcmp(synch, output + all - second) != 0)
    fail("the output after the Synch differs");
}

static void begin(void) {
  printed = scenario->output;
  acting = scenario->actions;
  shorts = scenario->shorts;
  depth = preemptions = wakes = timeouts = 0;
  is_thread_sending = false;
  is_noticed = is_full = is_finished = is_locked = is_broadcast = is_async = is_idle = is_time_allowed = false;
  is_paused = is_destroyed = is_over = is_parted = is_ending = false;
  packet_mode = master_open = socket_open = true;
  received_length = queued = 0;
  last_sent = 0;
  now = 1000000000;
  polled = NULL;
  idle_callback = NULL;
  poll_events = 0;
  events[0] = '\0';
  memset(&state, 0, sizeof state);
  memset(&terminal, 0, sizeof terminal);
  memset(&connection, 0, sizeof connection);
  state.slab_data = slab;
  state.slab_size = sizeof slab;
  list_init(&state.finishing);
  list_init(&state.conns);
  state.finisher.data = &state;
  terminal.state = connection.state = &state;
  terminal.refs = connection.refs = 100;
  terminal.master = MASTER;
  terminal.packet = true;
  connection.fd = SOCKET;
  connection.poll.data = &connection;
  running = LOOP;
  sides[LOOP].exists = sides[LOOP].has_begun = true;
  sides[LOOP].until = NULL;
  flood_reader_start(&state);
  call("connJoin", &connection, &terminal);
  js_settle();
  flood_reader_add(&terminal);
}

static uint64_t sent_by_thread, sent_by_loop;

static void run(void) {
  begin();
  run_loop();
  /* the session ends, unless it was closed */
  if (strpbrk(scenario->actions, "c") == NULL) {
    is_ending = true;
    if (queued == 0) call("connFinish", &connection, NULL);
    run_loop();
  }
  check();
  sent_by_thread += flood_reader_sent(&state);
  sent_by_loop += received_length;
  if (connection.shown > 255) fail("miscounted");
  pty_close_terminal(&terminal);
  if (!is_destroyed && terminal.flood == NULL && connection.pty != NULL) fail("still joined");
  flood_reader_stop(&state);
}

static const struct scenario scenarios[] = {
    {"plain output", "abc\r\ndefgh\r\nijklmn", "", 1},
    {"plain output, twice no room", "abc\r\nde", "", 2},
    {"reads that fill the buffer", "abc\r\ndefghijklmnop\r\nqr", "", 2, 8},
    {"reads that fill the buffer, and an answer", "abcdefghijklmnopqrs", "!", 1, 8},
    {"pauses of the program", "abcdEefg\r\nEhi", "", 1},
    {"a CR at the end of each read", "ab\r\ncd\r\n\r\nE\r\nf\r\n", "", 1},
    {"a CR that waits", "ab\rE\nEcd", "t", 1},
    {"sequences", "ab\033Ec\033[?2026hx\033[?2026ly", "t", 0},
    {"doubled bytes", "abc\377de\377\377fghijkl", "", 1},
    {"close", "abc\r\ndefghijk", "c", 1},
    {"close of the terminal", "abc\r\ndefghijk", "k", 1},
    {"pause, resume", "abc\r\ndefghijkl", "pr", 1},
    {"a key's answer", "abc\r\ndefghijk", "!", 1},
    {"two answers", "ab\r\nEc\r\ndefgh", "!!", 1},
    {"the fast path, opened again", "ab\r\nEcdefg", "OO!", 1},
    {"an observer", "ab\r\nEcdefg", "oO", 1},
    {"hangup", "abc\r\ndefgh\r\nH", "!", 1},
    {"end of the program", "abc\r\ndefgh\r\nij", "x", 1},
    {"end while paused", "abc\r\ndefghij", "pxr", 1},
    {"another program", "abc\r\ndefghijk", "dj", 1},
    {"packet mode off", "abc\r\ndefghijk", "m", 1},
    {"packet mode off and on", "abc\r\ndefghij", "mM", 1},
    {"flush", "abc\r\ndeFGIJ\r\nKL", "", 1},
    {"flush, and an answer", "ab\r\ncdFG\r\nIJKL", "!", 1},
    {"flush while paused", "abcd\r\nFGIJ", "pnr", 1},
    {"flush, and an end", "ab\r\ncdFG\r\nIJ", "x", 1},
    {"a CR LF without room, sent by the loop", "a\r\nEb\r\nEc\r\n", "oO", 1},
    {"time", "abcE\r\ndefEghi", "tt", 1},
};

int main(int argc, char **argv) {
  fast_path_exports(NULL, NULL);
  conn_exports(NULL, NULL);
  read_exports(NULL, NULL);
  packet_exports(NULL, NULL);
  uint64_t all = 0;
  for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
    scenario = &scenarios[i];
    if (argc > 1 && strcmp(argv[1], scenario->name) != 0) continue;
    uint64_t schedules = 0;
    sent_by_thread = sent_by_loop = 0;
    known = 0;
    if (_setjmp(failed) != 0) is_tracing = true;
    do {
      run();
      schedules++;
    } while (next_schedule());
    all += schedules;
    printf("%s: %llu schedules, %llu%% sent by the thread\n", scenario->name, (unsigned long long)schedules,
           (unsigned long long)(sent_by_loop > 0 ? 100 * sent_by_thread / sent_by_loop : 0));
    fflush(stdout);
  }
  printf("%llu schedules\n", (unsigned long long)all);
  return 0;
}
