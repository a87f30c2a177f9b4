/*
 * Declarations that the files of the addon share.
 *
 * The addon has no policy: src/pty decides which modes a terminal starts with, when a session is hung up and what an
 * error is called. Functions called from JavaScript return a negative errno instead of throwing. They throw only for
 * arguments that the types of src/native/addon.ts exclude.
 *
 * All state belongs to one environment (the main thread, or a worker), and only its thread uses it. Exceptions are what
 * a thread of the addon shares under a lock (flood.h, starter.c), and the children that process.c reaps in the
 * background.
 */
#ifndef TELPTY_H
#define TELPTY_H

#include <node_api.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>
#include <uv.h>

/* The most bytes that one drain passes to JavaScript. src/pty/master.ts keeps more than this free in the slab. */
#define DRAIN_LIMIT (64 * 1024)

/* Longer input at once is a paste, not typed keys. */
#define TYPED_BYTES 64

/*
 * The functions of `AddonCallbacks` in src/native/addon.ts, in the order of setup(), then those of
 * `ConnectionCallbacks`, then that of peekSetup().
 */
enum callback {
  ON_STARTED, ON_READ, ON_NOTICE, ON_WRITTEN, ON_LEFT, ON_EXIT, ON_END, PTY_CALLBACKS,
  ON_INPUT = PTY_CALLBACKS, ON_WRITABLE, ON_URGENT, ON_PASSED, CONN_CALLBACKS,
  ON_PEEKED = CONN_CALLBACKS, CALLBACKS
};

/* The most values that a callback gets besides its owner. */
#define MOST_VALUES 4

struct pty;

/* A doubly linked list through struct pty: an entry is in at most one list of each kind. */
struct link {
  struct link *next, *prev; /* NULL when in no list */
};

/* What delay.c counts. The memory belongs to JavaScript; the references keep it alive. */
struct delays {
  napi_ref references[2];
  size_t bounds;
  const double *bound;
  double *counts; /* NULL: not measured */
};

/* The tees of one environment: see tee.c. */
struct tees {
  uv_mutex_t lock;       /* of the list and `urgent` */
  struct link waiting;   /* those for which JavaScript has to be called */
  bool urgent;           /* for one of them at once */
  uv_timer_t timer;      /* this or `idle` runs while the list has entries */
  uv_idle_t idle;        /* runs while `urgent` */
  uv_async_t wake_loop;  /* for other threads */
  uv_thread_t thread;    /* the loop's */
  unsigned handles;      /* that are not closed yet */
};

/* All state of one environment. */
struct state {
  napi_env env;
  uv_loop_t *loop;
  napi_async_cleanup_hook_handle cleanup;
  napi_ref callbacks[CALLBACKS];

  /* The slab: memory owned by JavaScript, kept alive by the reference. Output is put at `slab_used`. */
  napi_ref slab;
  char *slab_data;
  size_t slab_size, slab_used;

  /* The buffer for received bytes, valid during the call. Owned by JavaScript: see connection.c. */
  napi_ref inbox;
  char *inbox_data;
  size_t inbox_size;

  /* The same for bytes that are seen and not read: see peek.c. */
  napi_ref peek_buffer;
  char *peek_data;
  size_t peek_size;

  struct link acceptors; /* all that are open */
  struct link conns;     /* likewise */
  struct link peeks;     /* likewise */
  struct link ptys;      /* all with an open terminal or a running program */
  struct link finishing; /* the program was reaped, its last output is being read */
  struct link writing;   /* with a write that waits for room */

  struct flood_reader *flood_reader; /* see flood.h; NULL where there is none */
  struct delays delays;
  struct tees tees;

  uv_idle_t finisher; /* runs while `finishing` has entries */
  uv_timer_t retry;   /* runs while `writing` has entries; see write.c */
  struct starter *starter; /* NULL if there was no memory for it; see starter.c */
  uv_timer_t reaper;   /* runs while `unreaped` or `abandoned` has entries; see process.c */
  struct link unreaped; /* the program has ended and cannot be reaped yet */
  struct link abandoned; /* programs that no terminal waits for any more */
  uint64_t close_at;   /* by uv_hrtime(): until then the end of the environment waits for programs */
  uv_signal_t sigchld; /* runs while a program is watched without a pidfd */
  unsigned watched_by_signal;

  bool use_pidfd;
  bool closing;    /* the environment ends: JavaScript is not called any more */
  unsigned refs;   /* the environment, open handles of the loop, entries of `ptys` */
};

/* A write of which the terminal has not taken all. */
struct pending_write {
  char *memory; /* a copy; NULL when nothing is pending */
  const char *data;
  size_t length;
  unsigned wait, waited; /* ticks of the retry timer */
};

/* A pseudo-terminal with its program. Freed when neither JavaScript nor a handle of the loop points to it. */
struct pty {
  struct state *state;
  unsigned refs;
  napi_ref owner; /* the Pty object; strong while `ptys` has this entry, then NULL */
  struct link all, finish, write;

  int master, slave; /* -1 when closed */
  uv_poll_t master_poll;
  int polled;       /* the events that master_poll waits for */
  bool paused;      /* JavaScript wants no output */
  bool packet;      /* the master is in packet mode: see packet.c */
  bool in_hand;     /* the loop has taken output that it has not passed on */
  bool following;   /* a notice is made when the flags differ from those that getModes() returned last */
  tcflag_t seen[3]; /* c_iflag, c_oflag, c_lflag */
  bool hungup;      /* the master reports EIO: no output will follow */
  size_t afterlife; /* bytes read since the program was reaped */
  struct flood *flood; /* not NULL while the flood reader reads the master: see flood.h */
  struct pending_write pending;
  struct conn *conn; /* to which it is joined, or NULL: see fast_path.c */
  uint64_t key_at;   /* the time of the key that waits for an answer; 0: none; see delay.c */

  pid_t pid;
  int pidfd; /* -1: watched by SIGCHLD, or reaped */
  uv_poll_t pidfd_poll;
  bool reaped;
  bool reap_deferred; /* a program that has ended stays a zombie until JavaScript calls reap() */
  bool left; /* it has ended, and the `left` callback was called */
  struct link unreaped;    /* while it has ended and its tracer has not waited for it */
  unsigned unreaped_ticks; /* of the timer, since then */
};

/*
 * How JavaScript would escape output: see fast_path.c. The numbers are those of connOpenFastPath in
 * src/native/addon.ts.
 */
enum escaping { ESCAPING_UNKNOWN, ESCAPING_NVT, ESCAPING_BINARY };

/* A TCP connection. Freed when neither JavaScript nor the loop points to it. In `state->conns` while it is open. */
struct conn {
  struct state *state;
  unsigned refs;
  napi_ref owner; /* the object that callbacks are called with; strong while it is open */
  struct link all;
  int fd; /* -1 when closed */
  uv_poll_t poll;
  int polled;   /* the events that `poll` waits for */
  bool reading; /* JavaScript wants input */
  bool watching; /* it wants no input, but `urgent` when there is urgent data; see urgent.c */
  bool marked;   /* there is urgent data that was not read yet */
  bool waiting; /* `writable` is to be called when there is room */

  /* see fast_path.c */
  struct pty *pty;   /* to which it is joined, or NULL */
  bool open;         /* only while it is joined; false is set by fast_path_close() alone */
  enum escaping escaping; /* while it is open */
  bool cut;          /* `rest`, the second byte of a pair that was cut, comes before everything else */
  char rest;
  bool finish;       /* FIN is sent after that byte */
  uint64_t typed, shown; /* bytes that passed */
  uint64_t typed_at;     /* by uv_hrtime(); 0: never */
  struct tee *tee;       /* copies what passes, for observers; or NULL: see tee.c */
};

/* The steps of a start, in order; their names are in spawn.c. */
enum step {
  STEP_OPEN, STEP_WINSIZE, STEP_TERMIOS, STEP_FORK, STEP_CGROUP, STEP_SETSID, STEP_CTTY, STEP_RLIMIT, STEP_NICE,
  STEP_KEYRING, STEP_SETGROUPS, STEP_SETGID, STEP_SETUID, STEP_CAPABILITIES, STEP_NO_NEW_PRIVS, STEP_CHDIR, STEP_EXEC,
  STEP_UNSHARE, /* never reported: the start falls back, see start_and_wait() */
  STEPS
};

struct limit {
  int resource;
  uint64_t soft, hard;
};

/* Everything about a start, complete before the fork: the child of a vfork must not allocate. */
struct plan {
  char **candidates; /* paths to try, NULL at the end */
  char **argv;       /* NULL at the end */
  char **script;     /* "/bin/sh", an entry for the path, argv[1]…: for ENOEXEC */
  char **envp;       /* NULL at the end */
  const char *cwd;   /* or NULL */
  const char *cgroup; /* cgroup.procs of the program's cgroup, or NULL */
  unsigned short cols, rows;
  const uint32_t *words; /* c_iflag, c_oflag, c_cflag, c_lflag, speed */
  const int16_t *cc;     /* NCCS entries; -1: the system's default */
  bool identity;     /* whether uid, gid and groups are to be set */
  uid_t uid;
  gid_t gid;
  gid_t *groups;
  size_t ngroups;
  struct limit *limits;
  size_t nlimits;
  int umask;         /* -1: the server's */
  bool renice;       /* whether `nice` is to be set */
  int nice;
  bool no_new_privs;
  char *detail; /* details of an error as text, DETAIL_SIZE bytes; or NULL */
};

#define DETAIL_SIZE 512

/*
 * The child of a start, for the loop, which watches it while the starter's thread sleeps in vfork. It is set before the
 * child runs. The child is not reaped before `over` was set under the lock.
 */
struct birth {
  uv_mutex_t *lock;
  volatile pid_t child; /* 0: none yet */
  bool over;
};

/*
 * A low descriptor number, reserved for the terminal of a program that is being started, and the descriptor that
 * occupies it at other times. It keeps the program's descriptor table small, whatever the size of ours: see
 * start_and_wait().
 */
struct low {
  int number, cover; /* -1: none */
};

/* The result of a start. */
struct spawned {
  int master, slave;
  pid_t pid;
  int error; /* 0, or the errno of `step`; then the rest is not set */
  enum step step;
};

/* The failure of the child. `error` is 0 if there was none. */
struct failure {
  enum step step;
  int error;
};

/* How the child reports a failure: after vfork in the shared memory, after fork through a pipe. */
struct report {
  volatile struct failure failure;
  int pipe;     /* -1: none */
  char *detail; /* plan->detail, sent through the pipe after the failure; or NULL */
};

/* addon.c */
struct state *state_of(napi_env env);
void state_ref(struct state *s);
void state_unref(struct state *s);
bool call_owner(struct state *s, napi_ref owner, enum callback which, size_t argc, const int32_t *argv);
bool call_js(struct pty *p, enum callback which, size_t argc, const int32_t *argv);
napi_value js_int(napi_env env, int64_t value);
bool get_args(napi_env env, napi_callback_info info, size_t count, napi_value *args);
bool get_bytes(napi_env env, napi_value value, size_t element, void **data, size_t *length);

/* The arguments of a function that writes: bytes, and the memory from index `at` of `out` on. */
struct target {
  void *bytes;
  char *out;
  size_t length, room;
  uint32_t at;
};
bool get_target(napi_env env, napi_callback_info info, struct target *target);
void export_function(napi_env env, napi_value exports, const char *name, napi_callback function);

void list_init(struct link *head);
void list_add(struct link *head, struct link *entry);
void list_remove(struct link *entry);
bool list_empty(const struct link *head);
#define ENTRY(link_, type, member) ((type *)((char *)(link_) - offsetof(type, member)))

/* request.c */
bool plan_from_js(napi_env env, napi_value request, struct plan *plan);
void plan_free(struct plan *plan);
void plan_set_detail(const struct plan *plan, const char *text);

/* spawn.c, child.c */
extern const char *const step_names[STEPS];
void low_open(struct low *low);
void low_close(struct low *low);
void spawn(const struct plan *plan, struct low *low, struct birth *birth, struct spawned *result);
void spawn_undo(const struct spawned *started);
bool is_foreign_program(const char *path);
void explain(const struct plan *plan, const char *path);
struct stat;
int file_status(int directory, const char *path, struct stat *file, int flags);
int descriptor_status(int fd, struct stat *file);
_Noreturn void child_main(const struct plan *plan, int slave, int last, struct report *report);

/* starter.c */
void starter_begin(struct state *s);
int starter_add(struct pty *p, const struct plan *plan, napi_ref request);
bool starter_run(struct state *s, const struct plan *plan, napi_value request, struct spawned *result);
void birth_set(struct birth *birth, bool over);
unsigned starter_pending(const struct state *s);
unsigned starter_killed(const struct state *s);
unsigned starter_stuck(const struct state *s);
bool starter_has(const struct state *s, pid_t pid);
void starter_stop(struct state *s);
void starter_close(struct state *s);

/* pty.c */
void pty_started(struct pty *p, struct spawned *started);
void pty_never(struct pty *p);
void pty_ref(struct pty *p);
void pty_unref(struct pty *p);
void pty_close_terminal(struct pty *p);
void pty_forget_if_over(struct pty *p);
void pty_poll(struct pty *p);
struct pty *pty_from_js(napi_env env, napi_value value);
void pty_exports(napi_env env, napi_value exports);
int pty_signal_foreground(struct pty *p, int signal);

/* packet.c */
/* The notice that the terminal has dropped its output; 0 without packet mode. */
extern const unsigned NOTICE_FLUSHED;
/* The notice that the modes were set. */
extern const unsigned NOTICE_MODES;
ssize_t packet_read(int master, bool packet, char *at, size_t size, unsigned *notices);
unsigned packet_notices(int master);
size_t packet_keep(char *bytes, size_t length, size_t last);
void packet_exports(napi_env env, napi_value exports);

/* flood_reader.c */
#ifdef __linux__
void flood_reader_add(struct pty *p);
void flood_reader_release(struct pty *p);
void flood_reader_remove(struct pty *p);
void flood_reader_pause(struct pty *p, bool paused);
void flood_reader_open_path(struct pty *p, bool open);
void flood_reader_count(struct pty *p);
uint64_t flood_reader_sent(const struct state *s);
size_t flood_reader_take(struct pty *p, char *room, size_t *shown, unsigned *notices);
unsigned flood_reader_notices(struct pty *p);
int flood_reader_set_packet_mode(struct pty *p, bool on);
void flood_reader_start(struct state *s);
void flood_reader_stop(struct state *s);
#else
static inline void flood_reader_add(struct pty *p) { (void)p; }
static inline void flood_reader_release(struct pty *p) { (void)p; }
static inline void flood_reader_remove(struct pty *p) { (void)p; }
static inline void flood_reader_pause(struct pty *p, bool paused) { (void)p, (void)paused; }
static inline void flood_reader_open_path(struct pty *p, bool open) { (void)p, (void)open; }
static inline void flood_reader_count(struct pty *p) { (void)p; }
static inline uint64_t flood_reader_sent(const struct state *s) { return (void)s, 0; }
static inline size_t flood_reader_take(struct pty *p, char *room, size_t *shown, unsigned *notices) {
  return (void)p, (void)room, (void)shown, (void)notices, 0;
}
static inline unsigned flood_reader_notices(struct pty *p) { return (void)p, 0; }
static inline int flood_reader_set_packet_mode(struct pty *p, bool on) { return (void)p, (void)on, ENOTTY; }
static inline void flood_reader_start(struct state *s) { (void)s; }
static inline void flood_reader_stop(struct state *s) { (void)s; }
#endif

/* read.c */
void read_turn(struct pty *p);
void read_flood(struct pty *p);
void read_notices(struct pty *p);
void read_finish(struct pty *p);
void read_state_init(struct state *s);
void read_exports(napi_env env, napi_value exports);

/* write.c */
void write_ready(struct pty *p);
void write_drop(struct pty *p);
void write_state_init(struct state *s);
void write_exports(napi_env env, napi_value exports);

/* fast_path.c */
size_t fast_path_tail(const char *bytes, size_t length);
size_t fast_path_plain(const char *bytes, size_t length);
size_t fast_path_send(int fd, const char *bytes, size_t length, bool *lf_pending);
void fast_path_send_rest(struct conn *c);
void fast_path_close(struct conn *c);
void fast_path_part(struct conn *c);
size_t fast_path_type(struct conn *c, const char *bytes, size_t length);
size_t fast_path_show(struct pty *p, const char *bytes, size_t length);
void fast_path_exports(napi_env env, napi_value exports);

/* tee.c */
/* The values are those of `Direction` in src/transport/stream/passed-bytes.ts. */
enum direction { INPUT = 1, OUTPUT = 2 };
struct tee;
bool tee_begin(struct tee *tee, enum direction direction, size_t length);
void tee_end(struct tee *tee, enum direction direction, const char *bytes, size_t length);
void tee_close(struct tee *tee);
size_t tee_memory(struct tee *tee);
void tee_free(struct tee *tee);
int tee_state_init(struct state *s);
void tee_state_close(struct state *s);
void tee_exports(napi_env env, napi_value exports);

/* delay.c */
uint64_t delay_before(const struct pty *p);
void delay_key(struct pty *p, uint64_t now);
uint64_t delay_take(struct pty *p);
void delay_count(struct state *s, uint64_t key_at);
void delay_state_close(struct state *s);
void delay_exports(napi_env env, napi_value exports);

/* connection.c */
struct conn *conn_from_js(napi_env env, napi_value value);
void conn_poll(struct conn *c);
void conn_state_close(struct state *s);
void conn_exports(napi_env env, napi_value exports);

/* acceptor.c */
void acceptor_state_close(struct state *s);
void acceptor_exports(napi_env env, napi_value exports);

/* peek.c */
void peek_state_close(struct state *s);
void peek_exports(napi_env env, napi_value exports);

/* urgent.c */
bool urgent_before_mark(const struct conn *c);
void urgent_ready(struct conn *c);
void urgent_exports(napi_env env, napi_value exports);

/* termios.c */
void termios_apply(struct termios *t, const uint32_t *words, const int16_t *cc);
bool termios_differs(const struct pty *p);
void termios_exports(napi_env env, napi_value exports);

/* process.c */
void process_watch(struct pty *p);
void process_reap_killed(pid_t pid);
void process_release(struct pty *p);
unsigned process_abandoned(const struct state *s);
void process_state_end(struct state *s);
void process_state_close(struct state *s);
int process_state_init(struct state *s);
void process_exports(napi_env env, napi_value exports);

/* user.c, user_kill.c, socket.c, service_manager.c, listener.c, nonblocking_write.c, owner.c */
void user_exports(napi_env env, napi_value exports);
void user_kill_exports(napi_env env, napi_value exports);
void socket_exports(napi_env env, napi_value exports);
void service_manager_exports(napi_env env, napi_value exports);
void listener_exports(napi_env env, napi_value exports);
void nonblocking_write_exports(napi_env env, napi_value exports);
void owner_exports(napi_env env, napi_value exports);

/* --- local_socket.c --- */

/* Whether it is a UNIX socket. */
bool is_local_socket(int fd);
void local_socket_exports(napi_env env, napi_value exports);

/* json_text.c, batch_memory.c */
void json_text_exports(napi_env env, napi_value exports);
void batch_memory_exports(napi_env env, napi_value exports);

#endif
