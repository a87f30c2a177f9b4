/*
 * Copies of what takes the fast path, for the observers of a session.
 *
 * Taps and recordings are JavaScript, and JavaScript between a key and its echo is what the fast path avoids. So the
 * code that passes bytes to a terminal or a connection also copies them to the tee of the connection: a queue of
 * records in memory, each with its direction and its time. JavaScript takes all of it at once.
 *
 * - `passed` is called TEE_WAIT_MS after the first record, so that an echo, which comes much earlier, does not wait for
 *   it; and at once when the tee is half full. One timer serves all connections of the thread.
 * - Whatever JavaScript itself sends to the connection, or receives from it, comes after the records that wait. So it
 *   takes these first, and an observer sees everything in the order in which it happened.
 *
 * Nothing is dropped here. Bytes for which there is no room do not pass: they go to JavaScript, which takes the records
 * before it handles them. If an observer is too slow, JavaScript decides between waiting and dropping.
 *
 * The memory grows from nothing to TEE_BYTES, and is freed when nothing has passed for FLOOD_WAIT_MS after a flood. An
 * array that is emptied at once needs no wrapping as a ring would, and after keys only the first page of it is in use.
 *
 * Any thread that passes bytes may use a tee. `passing` is locked during the system call that passes them: otherwise an
 * echo could be recorded before its key, by another thread. `lock` protects the records, so JavaScript takes them while
 * such a call runs: to wait for each other, two threads need more CPU time than for copying the bytes.
 */
#include "telpty.h"

#include <stdlib.h>
#include <string.h>

/* Precedes the bytes of a record: their length with the direction, and the us since the first record. */
#define HEADER_BYTES 8

/* The most that waits, headers included: eight full buffers of a flood are taken while eight more pass. */
#define TEE_BYTES (1024 * 1024)

/* With this much JavaScript is called at once. Calls for each buffer of a flood would take more of the CPU. */
#define URGENT_BYTES (TEE_BYTES / 2)

/* How long records wait: not noticeable to a person who watches, and longer than most programs need for an echo. */
#define TEE_WAIT_MS 10

/*
 * The same after at least FLOOD_BYTES were taken at once. A person cannot read them in this time. Without it, a flood
 * that is slowed down by a busy machine or by its client would call JavaScript for each few KB.
 */
#define FLOOD_WAIT_MS 50
#define FLOOD_BYTES (64 * 1024)

/* The size of the first allocation, and how much is kept by a tee that is not in use. */
#define FIRST_BYTES 512
#define KEPT_BYTES (4 * 1024)

#define OUTPUT_BIT (UINT32_C(1) << 31)

/*
 * Bytes in the direction of the last record are added to it until this time after its beginning, in us. A flood passes
 * some KB at a time. In JavaScript each record costs more than all of its bytes. On a screen the time is not visible.
 */
#define MERGE_US 10000

/* Fewer bytes are an echo or an answer, which observers see as it passed. */
#define MERGE_BYTES 1024

struct tee {
  struct conn *conn;
  unsigned directions; /* enum direction; changed only while nothing passes */
  struct link waiting; /* in state->tees.waiting while JavaScript has to be called, or memory may have to be freed */
  uv_mutex_t passing;  /* from tee_begin() to tee_end(); locked before `lock` */
  uv_mutex_t lock;     /* of the rest */
  bool reserved;       /* tee_begin() has made room */
  char *memory;        /* NULL: none */
  size_t capacity, length;
  uint64_t began; /* the time of the first record, by uv_hrtime() */
  size_t last;    /* where the last record begins; its direction, and its time in us since the first one */
  enum direction last_direction;
  uint64_t last_us;
};

/* Numbers in records are little-endian on every machine. */
static void put_number(char *at, uint32_t number) {
  for (int i = 0; i < 4; i++) at[i] = (char)(number >> (8 * i));
}

static bool make_room(struct tee *tee, size_t length) {
  const size_t needed = tee->length + HEADER_BYTES + length;
  if (needed > TEE_BYTES) return false;
  if (needed <= tee->capacity) return true;
  size_t capacity = tee->capacity > 0 ? tee->capacity : FIRST_BYTES;
  while (capacity < needed) capacity *= 2;
  char *memory = realloc(tee->memory, capacity);
  if (memory == NULL) return false;
  tee->memory = memory;
  tee->capacity = capacity;
  return true;
}

/*
 * Before `length` bytes or fewer pass. If it returns true, tee_end() must follow, in the same thread. If it returns
 * false, the bytes must not pass now. Without a tee, or an observer of the direction, it returns true.
 */
bool tee_begin(struct tee *tee, enum direction direction, size_t length) {
  if (tee == NULL || (tee->directions & direction) == 0) return true;
  uv_mutex_lock(&tee->passing);
  uv_mutex_lock(&tee->lock);
  tee->reserved = make_room(tee, length);
  const bool has_room = tee->reserved;
  uv_mutex_unlock(&tee->lock);
  if (!has_room) uv_mutex_unlock(&tee->passing);
  return has_room;
}

static void deliver_in_time(uv_timer_t *timer);
static void deliver_now(uv_idle_t *idle);

/*
 * Makes the loop call deliver(). The caller has the lock of the list, and is the loop's thread. In a virtual machine,
 * each poll with a timeout may take tens of us to set the timer of the CPU. So a flood does not use the timer.
 */
static void schedule(struct tees *tees, unsigned wait_ms) {
  uv_timer_t *const timer = &tees->timer;
  if (tees->urgent) {
    uv_timer_stop(timer);
    uv_idle_start(&tees->idle, deliver_now);
  } else if (!uv_is_active((uv_handle_t *)timer) || uv_timer_get_due_in(timer) > wait_ms) {
    uv_timer_start(timer, deliver_in_time, wait_ms, 0);
  }
}

static void unschedule(struct tees *tees) {
  uv_timer_stop(&tees->timer);
  uv_idle_stop(&tees->idle);
  tees->urgent = false;
}

/* Another thread has added to the list. */
static void wake_up(uv_async_t *handle) {
  struct tees *tees = &((struct state *)handle->data)->tees;
  uv_mutex_lock(&tees->lock);
  if (!list_empty(&tees->waiting)) schedule(tees, TEE_WAIT_MS);
  uv_mutex_unlock(&tees->lock);
}

/* JavaScript has to be called, or memory freed: soon, or at once if the tee is half full. */
static void notify(struct tee *tee, size_t before) {
  const bool urgent = tee->length >= URGENT_BYTES;
  if (before > 0 && (!urgent || before >= URGENT_BYTES)) return;
  struct tees *tees = &tee->conn->state->tees;
  const uv_thread_t self = uv_thread_self();
  uv_mutex_lock(&tees->lock);
  /* During a flood it waits already, to have its memory freed: see wait_again(). */
  const bool is_scheduled = tee->waiting.next != NULL && (!urgent || tees->urgent);
  list_add(&tees->waiting, &tee->waiting);
  tees->urgent |= urgent;
  if (is_scheduled) {
    /* nothing to do */
  } else if (uv_thread_equal(&self, &tees->thread)) {
    schedule(tees, TEE_WAIT_MS);
  } else {
    uv_async_send(&tees->wake_loop);
  }
  uv_mutex_unlock(&tees->lock);
}

/* Adds a record, or adds to the last one. There is room. */
static void add(struct tee *tee, enum direction direction, const char *bytes, size_t length) {
  const uint64_t now = uv_hrtime();
  if (tee->length == 0) tee->began = now;
  const uint64_t us = (now - tee->began) / 1000;
  if (tee->length == 0 || direction != tee->last_direction || length < MERGE_BYTES || us - tee->last_us >= MERGE_US) {
    tee->last = tee->length;
    tee->last_direction = direction;
    tee->last_us = us;
    put_number(tee->memory + tee->last + 4, us < UINT32_MAX ? (uint32_t)us : UINT32_MAX);
    tee->length += HEADER_BYTES;
  }
  memcpy(tee->memory + tee->length, bytes, length);
  tee->length += length;
  const uint32_t whole = (uint32_t)(tee->length - tee->last - HEADER_BYTES);
  put_number(tee->memory + tee->last, whole | (direction == OUTPUT ? OUTPUT_BIT : 0));
}

/* `length` bytes have passed. */
void tee_end(struct tee *tee, enum direction direction, const char *bytes, size_t length) {
  if (tee == NULL || (tee->directions & direction) == 0) return;
  uv_mutex_lock(&tee->lock);
  const size_t before = tee->length;
  if (length > 0) add(tee, direction, bytes, length);
  tee->reserved = false;
  /* Also if nothing has passed, and tee_begin() has allocated memory that is to be freed. */
  if (length > 0 || tee->capacity > KEPT_BYTES) notify(tee, before);
  uv_mutex_unlock(&tee->lock);
  uv_mutex_unlock(&tee->passing);
}

static struct tee *next_waiting(struct tees *tees, struct link *list) {
  struct tee *tee = NULL;
  uv_mutex_lock(&tees->lock);
  if (!list_empty(list)) {
    tee = ENTRY(list->next, struct tee, waiting);
    list_remove(&tee->waiting);
  }
  uv_mutex_unlock(&tees->lock);
  return tee;
}

/*
 * Whether nothing waits. Then the memory is freed: it would stay until the next key. If bytes are passing, tee_end()
 * will see to it.
 */
static bool free_if_empty(struct tee *tee) {
  uv_mutex_lock(&tee->lock);
  const bool is_empty = tee->length == 0;
  if (is_empty && !tee->reserved) {
    free(tee->memory);
    tee->memory = NULL;
    tee->capacity = 0;
  }
  uv_mutex_unlock(&tee->lock);
  return is_empty;
}

/* Calls JavaScript once for each tee that waits; for those that begin to wait meanwhile, the next time. */
static void deliver(struct state *s) {
  struct tees *tees = &s->tees;
  struct link round;
  list_init(&round);
  uv_mutex_lock(&tees->lock);
  unschedule(tees);
  while (!list_empty(&tees->waiting)) {
    struct link *first = tees->waiting.next;
    list_remove(first);
    list_add(&round, first);
  }
  uv_mutex_unlock(&tees->lock);
  for (struct tee *tee; (tee = next_waiting(tees, &round)) != NULL;)
    if (!free_if_empty(tee)) call_owner(s, tee->conn->owner, ON_PASSED, 0, NULL);
}

static void deliver_in_time(uv_timer_t *timer) { deliver(timer->data); }

static void deliver_now(uv_idle_t *idle) { deliver(idle->data); }

static void remove_waiting(struct tee *tee) {
  struct tees *tees = &tee->conn->state->tees;
  uv_mutex_lock(&tees->lock);
  list_remove(&tee->waiting);
  if (list_empty(&tees->waiting)) unschedule(tees);
  uv_mutex_unlock(&tees->lock);
}

/* Looks at the tee again after this time. */
static void wait_again(struct tee *tee, unsigned wait_ms) {
  struct tees *tees = &tee->conn->state->tees;
  uv_mutex_lock(&tees->lock);
  list_add(&tees->waiting, &tee->waiting);
  schedule(tees, wait_ms);
  uv_mutex_unlock(&tees->lock);
}

/* The connection is closed: nothing more passes. Records that wait can still be taken. */
void tee_close(struct tee *tee) {
  if (tee != NULL) remove_waiting(tee);
}

/* The memory for copies, in bytes. */
size_t tee_memory(struct tee *tee) {
  if (tee == NULL) return 0;
  uv_mutex_lock(&tee->lock);
  const size_t capacity = tee->capacity;
  uv_mutex_unlock(&tee->lock);
  return capacity;
}

void tee_free(struct tee *tee) {
  if (tee == NULL) return;
  uv_mutex_destroy(&tee->lock);
  uv_mutex_destroy(&tee->passing);
  free(tee->memory);
  free(tee);
}

static struct tee *tee_new(struct conn *c) {
  struct tee *tee = calloc(1, sizeof *tee);
  if (tee == NULL) return NULL;
  if (uv_mutex_init(&tee->passing) < 0) {
    free(tee);
    return NULL;
  }
  if (uv_mutex_init(&tee->lock) < 0) {
    uv_mutex_destroy(&tee->passing);
    free(tee);
    return NULL;
  }
  tee->conn = c;
  return tee;
}

/*
 * connTee(conn, directions): what is copied from now on; with 0 nothing, and copies that wait are dropped. Returns
 * false if there is no memory for it.
 */
static napi_value js_tee(napi_env env, napi_callback_info info) {
  napi_value args[2], result = NULL;
  struct conn *c;
  uint32_t directions;
  if (!get_args(env, info, 2, args) || (c = conn_from_js(env, args[0])) == NULL ||
      napi_get_value_uint32(env, args[1], &directions) != napi_ok)
    return NULL;
  fast_path_close(c);
  if (directions == 0 && c->tee != NULL) {
    remove_waiting(c->tee);
    tee_free(c->tee);
    c->tee = NULL;
  } else if (directions != 0) {
    if (c->tee == NULL) c->tee = tee_new(c);
    if (c->tee != NULL) c->tee->directions = directions;
  }
  napi_get_boolean(env, directions == 0 || c->tee != NULL, &result);
  return result;
}

/*
 * connTakeTee(conn, memory, age): moves what waits into `memory`, which has TEE_BYTES, and returns its length; `age` is
 * set to the ms since the first record.
 */
static napi_value js_take_tee(napi_env env, napi_callback_info info) {
  napi_value args[3];
  struct conn *c;
  void *memory, *age;
  size_t room, ages;
  if (!get_args(env, info, 3, args) || (c = conn_from_js(env, args[0])) == NULL ||
      !get_bytes(env, args[1], 1, &memory, &room) || !get_bytes(env, args[2], 8, &age, &ages))
    return NULL;
  struct tee *tee = c->tee;
  if (tee == NULL || room < TEE_BYTES || ages < 1) return js_int(env, 0);
  uv_mutex_lock(&tee->lock);
  const size_t length = tee->length;
  if (length > 0) {
    memcpy(memory, tee->memory, length);
    *(double *)age = (double)(uv_hrtime() - tee->began) / 1e6;
    tee->length = 0;
    remove_waiting(tee);
    if (tee->capacity > KEPT_BYTES && c->fd >= 0) wait_again(tee, length < FLOOD_BYTES ? TEE_WAIT_MS : FLOOD_WAIT_MS);
  }
  uv_mutex_unlock(&tee->lock);
  return js_int(env, (int64_t)length);
}

static void handle_closed(uv_handle_t *handle) {
  struct state *s = handle->data;
  if (--s->tees.handles == 0) uv_mutex_destroy(&s->tees.lock);
  state_unref(s);
}

/* The environment ends. */
void tee_state_close(struct state *s) {
  if (s->tees.handles == 0) return;
  uv_close((uv_handle_t *)&s->tees.timer, handle_closed);
  uv_close((uv_handle_t *)&s->tees.idle, handle_closed);
  uv_close((uv_handle_t *)&s->tees.wake_loop, handle_closed);
}

/* Once a thread, from connSetup(). Returns 0, or a negative error number. */
int tee_state_init(struct state *s) {
  struct tees *tees = &s->tees;
  list_init(&tees->waiting);
  tees->thread = uv_thread_self();
  int error = uv_mutex_init(&tees->lock);
  if (error < 0) return error;
  error = uv_async_init(s->loop, &tees->wake_loop, wake_up);
  if (error < 0) {
    uv_mutex_destroy(&tees->lock);
    return error;
  }
  uv_timer_init(s->loop, &tees->timer);
  uv_idle_init(s->loop, &tees->idle);
  tees->wake_loop.data = tees->timer.data = tees->idle.data = s;
  tees->handles = 3;
  for (unsigned i = 0; i < tees->handles; i++) state_ref(s);
  /* The connections keep the loop alive, not these. */
  uv_unref((uv_handle_t *)&tees->wake_loop);
  uv_unref((uv_handle_t *)&tees->timer);
  uv_unref((uv_handle_t *)&tees->idle);
  return 0;
}

void tee_exports(napi_env env, napi_value exports) {
  napi_set_named_property(env, exports, "teeBytes", js_int(env, TEE_BYTES));
  export_function(env, exports, "connTee", js_tee);
  export_function(env, exports, "connTakeTee", js_take_tee);
}
