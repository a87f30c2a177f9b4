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
/* Of the tee, whose constants the test makes the same. */
#define TEE_BYTES 48
#define TEE_KEPT 12

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
 * kernel may take less than it is given. With ESCAPING_UNKNOWN the output is not escaped.
 */
struct scenario {
  const char *name, *output, *actions;
  int shorts;
  size_t reads;        /* the longest read; 0: READ_MOST */
  int preemptions;     /* at least; for what needs more than PREEMPTIONS */
  int32_t escaping;    /* enum escaping */
};
static const struct scenario *scenario;
static const char *printed;  /* the rest of the output */
static const char *acting;   /* the rest of the actions */
static bool is_noticed;      /* a notice of a flush waits */
static bool packet_mode, master_open, socket_open, is_full, is_finished;
static int shorts, preemptions; /* that are left */
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
  if (preemptions > 0 && can_run(1 - running) && choose(2) == 1) {
    preemptions--;
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

/* Mutexes: those of the flood reader, of a tee (two) and of the list of tees. */
enum { MUTEXES = 4 };
static struct lock {
  const uv_mutex_t *mutex;
  int holder;
} locks[MUTEXES];
static const uv_mutex_t *wanted[2];
static bool is_broadcast;

static struct lock *find_lock(const uv_mutex_t *mutex) {
  for (size_t i = 0; i < MUTEXES; i++)
    if (locks[i].mutex == mutex) return &locks[i];
  return NULL;
}
static bool has_lock(int side) {
  for (size_t i = 0; i < MUTEXES; i++)
    if (locks[i].mutex != NULL && locks[i].holder == side) return true;
  return false;
}
static bool is_free_for_loop(void) { return find_lock(wanted[LOOP]) == NULL; }
static bool is_free_for_thread(void) { return find_lock(wanted[THREAD]) == NULL; }
static bool is_woken(void) { return is_broadcast && is_free_for_loop(); }
static void take_lock(const uv_mutex_t *mutex) { *find_lock(NULL) = (struct lock){mutex, running}; }
static void drop_lock(const uv_mutex_t *mutex) {
  struct lock *const lock = find_lock(mutex);
  assert(lock != NULL && lock->holder == running);
  lock->mutex = NULL;
}

int uv_mutex_init(uv_mutex_t *mutex) { return (void)mutex, 0; }
void uv_mutex_destroy(uv_mutex_t *mutex) {
  if (find_lock(mutex) != NULL) fail("a locked mutex is destroyed");
}
void uv_mutex_lock(uv_mutex_t *mutex) {
  may_switch();
  wanted[running] = mutex;
  wait_until(running == LOOP ? is_free_for_loop : is_free_for_thread);
  take_lock(mutex);
}
void uv_mutex_unlock(uv_mutex_t *mutex) {
  drop_lock(mutex);
  may_switch();
}
int uv_cond_init(uv_cond_t *cond) { return (void)cond, 0; }
void uv_cond_destroy(uv_cond_t *cond) { (void)cond; }
void uv_cond_wait(uv_cond_t *cond, uv_mutex_t *mutex) {
  (void)cond;
  assert(running == LOOP);
  drop_lock(mutex);
  is_broadcast = false;
  wanted[LOOP] = mutex;
  wait_until(is_woken);
  take_lock(mutex);
}
void uv_cond_broadcast(uv_cond_t *cond) { (void)cond, is_broadcast = true; }

static uint64_t now;
uint64_t uv_hrtime(void) { return now; }

static struct state state;

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
  if (fd == MASTER) return trace_bytes("typed", bytes, size), (ssize_t)size;
  assert(fd == WAKE);
  wakes++;
  return (ssize_t)size;
}

static struct pty terminal;
static bool is_thread_sending;
ssize_t model_send(int fd, const void *bytes, size_t size, int flags) {
  (void)flags;
  assert(fd == SOCKET);
  if (size == 0) fail("a send of nothing");
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

/* The handles: each wants to be called once, or as long as it runs. */
enum { FLOOD_ASYNC, FINISHER, TEE_ASYNC, TEE_TIMER, TEE_IDLE, HANDLES };
static struct {
  void *handle;
  void (*callback)(void *);
  bool is_on;
} handles[HANDLES];
static int handle_of(const void *handle) {
  for (int i = 0; i < HANDLES; i++)
    if (handles[i].handle == handle) return i;
  fail("unknown handle");
}
int uv_async_init(uv_loop_t *loop, uv_async_t *handle, uv_async_cb callback) {
  (void)loop;
  /* that of the flood reader, whose structure is allocated */
  if (handle != &state.tees.wake_loop) handles[FLOOD_ASYNC].handle = handle;
  handles[handle_of(handle)].callback = (void (*)(void *))callback;
  return 0;
}
int uv_async_send(uv_async_t *handle) { return handles[handle_of(handle)].is_on = true, 0; }
void uv_unref(uv_handle_t *handle) { (void)handle; }
void uv_close(uv_handle_t *handle, uv_close_cb callback) {
  if (handle == handles[FLOOD_ASYNC].handle) callback(handle);
}
int uv_idle_init(uv_loop_t *loop, uv_idle_t *handle) { return (void)loop, (void)handle, 0; }
int uv_idle_start(uv_idle_t *handle, uv_idle_cb callback) {
  const int i = handle_of(handle);
  handles[i].callback = (void (*)(void *))callback;
  handles[i].is_on = true;
  return 0;
}
int uv_idle_stop(uv_idle_t *handle) { return handles[handle_of(handle)].is_on = false, 0; }
int uv_timer_init(uv_loop_t *loop, uv_timer_t *handle) { return (void)loop, (void)handle, 0; }
static uint64_t timer_timeout;
int uv_timer_start(uv_timer_t *handle, uv_timer_cb callback, uint64_t timeout, uint64_t repeat) {
  (void)repeat;
  const int i = handle_of(handle);
  timer_timeout = timeout;
  if (state.tees.urgent) fail("a tee that is half full waits for the timer");
  handles[i].callback = (void (*)(void *))callback;
  handles[i].is_on = true;
  return 0;
}
int uv_timer_stop(uv_timer_t *handle) { return handles[handle_of(handle)].is_on = false, 0; }
/* No time passes. */
uint64_t uv_timer_get_due_in(const uv_timer_t *handle) { return (void)handle, timer_timeout; }
int uv_is_active(const uv_handle_t *handle) { return handles[handle_of(handle)].is_on; }
uv_thread_t uv_thread_self(void) { return (uv_thread_t)running; }
int uv_thread_equal(const uv_thread_t *one, const uv_thread_t *other) { return *one == *other; }
static void call_handle(int i) {
  if (i != FINISHER && i != TEE_IDLE) handles[i].is_on = false;
  handles[i].callback(handles[i].handle);
}
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
napi_status napi_get_value_uint32(napi_env env, napi_value value, uint32_t *result) {
  return (void)env, *result = *(const uint32_t *)value, napi_ok;
}
napi_status napi_get_value_int32(napi_env env, napi_value value, int32_t *result) {
  return (void)env, *result = *(const int32_t *)value, napi_ok;
}
napi_status napi_get_boolean(napi_env env, bool value, napi_value *result) {
  return (void)env, answer = value, *result = NULL, napi_ok;
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
static double age;
static int64_t call(const char *name, void *first, const void *second) {
  const struct bytes age_bytes = {&age, 1};
  const bool opens = strcmp(name, "connOpenFastPath") == 0;
  const void *const third = opens ? (const void *)&scenario->escaping : &age_bytes;
  const napi_value given[3] = {(napi_value)first, (napi_value)second, (napi_value)third};
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
uint64_t delay_take(struct pty *p) { return (void)p, 0; }
void delay_count(struct state *s, uint64_t at) { (void)s, (void)at; }
bool termios_differs(const struct pty *p) { return (void)p, false; }
bool is_local_socket(int fd) { return (void)fd, false; }
bool urgent_before_mark(const struct conn *c) { return (void)c, false; }
void urgent_ready(struct conn *c) { (void)c; }

/* --- JavaScript --- */

static struct pty terminal;
static struct conn connection;
static char slab[4096];
static char queue[256]; /* what the kernel has not taken */
static size_t queued;
static char last_sent;
static size_t sent_by_js;
static bool is_paused, is_destroyed, is_over, is_parted, is_ending, is_nul_pending;

/* An observer: the output from `observed_from` on, up to `observed_to` if it was removed. */
static bool is_observed;
static uint32_t observed_directions;
static char observed[256];
static size_t observed_length, observed_from, observed_to, observed_keys, typed_keys;

/* Escapes output as JavaScript does: the NUL of a CR at its end stays pending. */
static size_t escape_all(const char *bytes, size_t length, char *room) {
  size_t size = 0;
  if (is_nul_pending && bytes[0] != '\n') room[size++] = '\0';
  is_nul_pending = scenario->escaping == ESCAPING_NVT && bytes[length - 1] == '\r';
  for (size_t i = 0; i < length; i++) {
    room[size++] = bytes[i];
    if (scenario->escaping == ESCAPING_UNKNOWN) continue;
    if (bytes[i] == '\377') room[size++] = '\377';
    if (scenario->escaping == ESCAPING_NVT && bytes[i] == '\r' && i + 1 < length && bytes[i + 1] != '\n')
      room[size++] = '\0';
  }
  return size;
}

/* What the client makes of the bytes, without '!' and 'S'. Fails if a pair is cut, unless at the end of a `part`. */
static size_t decode(const char *bytes, size_t length, bool part, char *room) {
  size_t size = 0;
  for (size_t i = 0; i < length; i++) {
    if (bytes[i] != '!' && bytes[i] != 'S') room[size++] = bytes[i];
    const bool is_doubled = bytes[i] == '\377' && scenario->escaping != ESCAPING_UNKNOWN;
    if (!is_doubled && (bytes[i] != '\r' || scenario->escaping == ESCAPING_BINARY)) continue;
    const bool is_last = i + 1 == length;
    if (is_last && part) break;
    if (is_doubled && (is_last || bytes[i + 1] != '\377')) fail("a doubled byte is cut");
    const bool is_bare = !is_doubled && !is_last && bytes[i + 1] == '\0' && scenario->escaping == ESCAPING_NVT;
    if (!is_doubled && !is_bare && (is_last || bytes[i + 1] != '\n')) fail("a CR LF is cut");
    if (is_doubled || is_bare) i++;
    if (is_bare && i + 1 < length && bytes[i + 1] == '\n') fail("CR NUL LF");
  }
  return size;
}

/* How much output of the program was accepted for the client. */
static size_t accepted(void) {
  char all[sizeof received + sizeof queue + 1], room[sizeof all];
  size_t length = received_length;
  memcpy(all, received, length);
  if (connection.cut) all[length++] = connection.rest;
  memcpy(all + length, queue, queued);
  return decode(all, length + queued, true, room);
}

static void observe(const char *bytes, size_t length) {
  assert(observed_length + length < sizeof observed);
  memcpy(observed + observed_length, bytes, length);
  observed_length += length;
}

/* The bytes that were taken from the tee, in all schedules of a scenario. */
static uint64_t copied;

/* As Delivery.flush(), and without `closes` as when the addon has called. Returns whether there was something. */
static bool js_take(bool closes) {
  const bool off = false;
  if (!is_observed) return false;
  if (closes && !is_destroyed) call("connOpenFastPath", &connection, &off);
  static unsigned char memory[TEE_BYTES];
  const int64_t length = call("connTakeTee", &connection, &(struct bytes){memory, sizeof memory});
  for (int64_t at = 0; at < length;) {
    const size_t record = memory[at];
    if (memory[at + 3] >> 7 != 0)
      observe((const char *)memory + at + 8, record);
    else
      observed_keys += record;
    copied += record;
    at += 8 + (int64_t)record;
  }
  return length > 0;
}

static void js_observe(uint32_t directions) {
  js_take(true);
  if (call("connTee", &connection, &directions) != 1) fail("connTee failed");
  if (directions != 0) observed_from = accepted();
  else observed_to = accepted();
  is_observed = directions != 0;
  observed_directions = directions;
}

/* As Connection.send(). */
static void js_send(const char *bytes, size_t length) {
  size_t taken = 0;
  if (is_destroyed) return;
  js_take(true);
  if (queued == 0) {
    const int64_t n = call("connSend", &connection, &(struct bytes){bytes, length});
    if (n < 0) fail("connSend failed");
    taken = (size_t)n;
    sent_by_js += taken;
    if (taken > 0) last_sent = bytes[taken - 1];
  }
  memcpy(queue + queued, bytes + taken, length - taken);
  queued += length - taken;
}

/* A command, or nothing more: the NUL comes first. */
static void js_send_after_nul(const char *bytes, size_t length) {
  if (is_nul_pending) js_send("", 1);
  is_nul_pending = false;
  if (length > 0) js_send(bytes, length);
}

/* The end of a turn. */
static void js_settle(void) {
  const bool on = true;
  if (!is_destroyed && !is_ending && queued == 0 && !is_parted && !is_nul_pending)
    call("connOpenFastPath", &connection, &on);
}

static void js_output(const char *bytes, size_t length) {
  trace("js-output");
  js_take(true);
  if (is_observed && !is_destroyed) observe(bytes, length);
  char escaped[64];
  assert(2 * length < sizeof escaped);
  js_send(escaped, escape_all(bytes, length, escaped));
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
  if (has_lock(LOOP)) fail("JavaScript is called with a lock");
  if (which == ON_PASSED) {
    /* the fast path stays open */
    js_take(false);
    js_settle();
    return true;
  }
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
    case '!': js_send_after_nul("!", 1), js_settle(); break; /* a command is answered */
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
    case 'T': js_observe(INPUT | OUTPUT), js_settle(); break;
    case 'V': js_observe(OUTPUT), js_settle(); break;
    case 'U': js_observe(0), js_settle(); break;
    case 'y': /* a key, if the fast path is open */
      if (socket_open) typed_keys += (observed_directions & INPUT) * fast_path_type(&connection, "y", 1);
      break;
    case 't': /* time passes, if the thread waits */
      if (sides[THREAD].until == has_thread_events && timeout_ms > 0) is_time_allowed = true, wait_until(time_passed);
      break;
    default: fail("unknown action");
  }
}

/* After the handles. */
enum event { WRITABLE = HANDLES, READABLE, ACTION, EVENTS };
static int loop_events(int *found) {
  int n = 0;
  for (int i = 0; i < HANDLES; i++)
    if (handles[i].is_on) found[n++] = i;
  if (socket_open && (poll_events & UV_WRITABLE) != 0) found[n++] = WRITABLE;
  if (terminal.flood == NULL && !terminal.paused && !terminal.hungup && !terminal.reaped && terminal.master >= 0 &&
      readable())
    found[n++] = READABLE;
  if (*acting != '\0') found[n++] = ACTION;
  return n;
}
static bool loop_has_events(void) {
  int found[EVENTS];
  return loop_events(found) > 0;
}

static void run_loop(void) {
  for (;;) {
    int found[EVENTS];
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
    const int event = found[choose(n)];
    switch (event) {
      case WRITABLE: is_full = false, poll_callback(&connection.poll, 0, poll_events); break;
      case READABLE: read_turn(&terminal); break;
      case ACTION: act(*acting++); break;
      default: call_handle(event);
    }
  }
}

/* --- the check --- */

/*
 * What the client has received: R = X S Y, where X is a beginning of the output before the flush, S the Synch, and Y
 * the output after the flush, perhaps with an end of the output before it. Without a flush R is all of the output. No
 * pair is cut.
 */
static void check(void) {
  char output[256] = "", got[256] = "", got_before[256];
  const char *synch = NULL;
  for (const char *at = scenario->output; *at != '\0'; at++)
    if (strchr("EHF", *at) == NULL) strncat(output, at, 1);
  const char *const flush = strchr(scenario->output, 'F');
  size_t before = 0;
  for (const char *at = scenario->output; flush != NULL && at < flush; at++) before += strchr("EH", *at) == NULL;
  const bool ends = strpbrk(scenario->actions, "ck") != NULL;
  const char *const mark = memchr(received, 'S', received_length);
  decode(received, received_length, is_destroyed, got);
  if (mark != NULL) synch = got + decode(received, (size_t)(mark - received), true, got_before);
  const size_t length = strlen(got), all = strlen(output);
  if (observed_keys != typed_keys) fail("keys are missing in the tee");
  if (flush == NULL && strpbrk(scenario->actions, "TV") != NULL) {
    const size_t until = observed_to < length ? observed_to : length;
    const size_t count = until > observed_from ? until - observed_from : 0;
    if (observed_length < count || memcmp(observed, got + observed_from, count) != 0 || (!ends && observed_length != count))
      fail("observers have seen something else than the client");
  }
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
  depth = wakes = timeouts = 0;
  preemptions = scenario->preemptions > PREEMPTIONS ? scenario->preemptions : PREEMPTIONS;
  is_thread_sending = false;
  is_noticed = is_full = is_finished = is_broadcast = is_idle = is_time_allowed = is_observed = false;
  observed_directions = 0;
  memset(locks, 0, sizeof locks);
  for (int i = 0; i < HANDLES; i++) handles[i].is_on = false;
  observed_length = observed_from = observed_keys = typed_keys = 0;
  observed_to = SIZE_MAX;
  is_paused = is_destroyed = is_over = is_parted = is_ending = is_nul_pending = false;
  packet_mode = master_open = socket_open = true;
  received_length = queued = sent_by_js = 0;
  last_sent = 0;
  now = 1000000000;
  polled = NULL;
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
  handles[FINISHER].handle = &state.finisher;
  handles[TEE_ASYNC].handle = &state.tees.wake_loop;
  handles[TEE_TIMER].handle = &state.tees.timer;
  handles[TEE_IDLE].handle = &state.tees.idle;
  tee_state_init(&state);
  flood_reader_start(&state);
  call("connJoin", &connection, &terminal);
  js_settle();
  flood_reader_add(&terminal);
}

static uint64_t sent_by_thread, sent_by_loop;

static void run(void) {
  begin();
  run_loop();
  if (is_observed && !is_destroyed && js_take(true)) fail("copies wait, and nothing calls JavaScript");
  if (!is_destroyed && tee_memory(connection.tee) > TEE_KEPT) fail("the memory for copies is not freed");
  /* the session ends, unless it was closed */
  if (strpbrk(scenario->actions, "c") == NULL) {
    is_ending = true;
    js_send_after_nul(NULL, 0);
    if (queued == 0) call("connFinish", &connection, NULL);
    run_loop();
  }
  js_take(true);
  check();
  sent_by_thread += flood_reader_sent(&state);
  sent_by_loop += received_length;
  double counts[3];
  call("connFastPathCounts", &connection, &(struct bytes){counts, 3});
  if (strpbrk(scenario->actions, "cd") == NULL && (size_t)counts[1] + sent_by_js != received_length) fail("miscounted");
  pty_close_terminal(&terminal);
  if (!is_destroyed && terminal.flood == NULL && connection.pty != NULL) fail("still joined");
  flood_reader_stop(&state);
  if (is_observed) call("connTee", &connection, &(uint32_t){0});
}

static const struct scenario scenarios[] = {
    {"plain output", "abc\r\ndefgh\r\nijklmn", "", 1},
    {"plain output, twice no room", "abc\r\nde", "", 2},
    {"reads that fill the buffer", "abc\r\ndefghijkl\r\nm", "", 1, 8},
    {"reads that fill the buffer, and an answer", "abcdefghijklmnopqrs", "!", 1, 8},
    {"two CR LFs without room", "a\r\nb\r\nc\r\nd", "", 2, 0, 2},
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
    {"flush, and a turn before the notice is passed", "abEFGIJ", "", 0, 0, 2},
    {"flush, and output in hand", "abFGIJKL", "", 0, 0, 2},
    {"a CR LF without room, sent by the loop", "a\r\nEb\r\nEc\r\n", "oO", 1},
    {"a recall, and the next turn of the thread", "abcdefgh", "!", 0, 0, 2},
    {"copies", "abc\r\ndefghijk", "T", 1},
    {"copies, and an answer", "ab\r\ncdef", "T!", 1},
    {"copies of keys", "abcdefghi", "Tyy", 0},
    {"copies without room", "abEcdEefEghEijEkl", "T", 0},
    {"copies of output only", "abcdef", "Vyy", 0},
    {"copies for a while", "abcd\r\nef", "TU", 1},
    {"copies, and close", "abc\r\ndefghij", "Tc", 0},
    {"copies, and close of the terminal", "abcdefgh", "Tk", 1},
    {"copies, and a pause", "abcdefghi", "Tpr", 0},
    {"copies of doubled bytes", "abcdef\377ghi", "T", 1},
    {"copies, and the end of the program", "abc\r\ndefghij", "Tx", 0},
    {"escapes", "abcdefghij\rk\377\377l\r\nmnop", "", 2, 0, 0, ESCAPING_NVT},
    {"escapes under BINARY", "abcdefghij\rk\377\377l\r\nmnop", "", 2, 0, 0, ESCAPING_BINARY},
    {"escapes, and an answer", "abcdefg\rhi\377j", "!", 1, 0, 0, ESCAPING_NVT},
    {"escapes, and an observer", "abcdE\377\377\377Eefg", "oO", 1, 0, 0, ESCAPING_BINARY},
    {"escapes, a pause", "abcdefg\377h\rij", "pr", 1, 0, 0, ESCAPING_NVT},
    {"escapes, and close", "abcdefghi\rj\377kl", "c", 1, 0, 0, ESCAPING_NVT},
    {"escapes, and the end of the program", "abcdefgh\377\377i\rj", "x", 1, 0, 0, ESCAPING_NVT},
    {"escapes beside CR LF", "abcdefgh\377a\r\nb\377c\r\nd", "", 1, 8, 0, ESCAPING_NVT},
    {"escapes, and a CR at the end", "abcdefEe\nE\r", "t", 1, 0, 0, ESCAPING_NVT},
    {"copies of escapes", "abcdefgh\377i\rj", "T", 1, 0, 0, ESCAPING_NVT},
    {"time", "abcE\r\ndefEghi", "tt", 1},
};

int main(int argc, char **argv) {
  fast_path_exports(NULL, NULL);
  conn_exports(NULL, NULL);
  read_exports(NULL, NULL);
  packet_exports(NULL, NULL);
  tee_exports(NULL, NULL);
  uint64_t all = 0;
  for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
    scenario = &scenarios[i];
    if (argc > 1 && strcmp(argv[1], scenario->name) != 0) continue;
    uint64_t schedules = 0;
    sent_by_thread = sent_by_loop = copied = 0;
    known = 0;
    if (_setjmp(failed) != 0) is_tracing = true;
    do {
      run();
      schedules++;
    } while (next_schedule());
    all += schedules;
    if (strchr(scenario->actions, 'T') != NULL && copied == 0) printf("%s: nothing was copied\n", scenario->name), exit(1);
    printf("%s: %llu schedules, %llu%% sent by the thread\n", scenario->name, (unsigned long long)schedules,
           (unsigned long long)(sent_by_loop > 0 ? 100 * sent_by_thread / sent_by_loop : 0));
    fflush(stdout);
  }
  printf("%llu schedules\n", (unsigned long long)all);
  return 0;
}
