/*
 * The load client: what its parts share.
 *
 *   main.c       the command line
 *   conn.c       connections: the socket, what waits to be sent, the payload and its checks
 *   telnet.c     a plain Telnet client's half of the protocol
 *   websocket.c  WebSockets: ttyd's protocol, and Telnet in the messages of telpty's gateway
 *   checksum.c   CRC-32C
 *   flow.c       modes: throughput, paste, slow
 *   latency.c    mode: latency
 *   sessions.c   modes: connect, idle
 *   scale.c      mode: scale
 *
 * One thread, epoll, 127.0.0.1 only. On standard output come JSON objects, one per line: events while it runs
 * ({"event":"..."}), and one result.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum protocol { TELNET, RAW, TTYD, GATEWAY };

/* The command line. */
struct options {
  int port;
  enum protocol protocol;
  bool proxy_header;  /* a PROXY header goes before everything */
  double limit;       /* seconds after which a mode gives up */
  int conns, warm;    /* idle: so many connections, after so many that do not count */
  int total, at_once; /* connect; scale */
  int active;         /* scale: number of connections that type */
  bool records;       /* connect: the program prints records: count their bytes, and compare */
  int keys, interval_us, floods; /* scale: interval_us is that of one connection */
  const char *expect; /* throughput: the file that should arrive */
  bool onlcr;         /* throughput: with CR put before every LF */
  uint64_t bytes;     /* paste */
  double silence;     /* paste: give up when nothing moves for this number of seconds */
  double hold;        /* slow, idle, scale: number of seconds, or until a line on standard input */
  double read_on;     /* slow: seconds to read after the hold */
};
extern struct options options;

/* The length and CRC-32C of a stream of bytes. */
struct sum {
  uint64_t length;
  uint32_t crc;
};
#define EMPTY_SUM ((struct sum){0, ~0u})
void sum_add(struct sum *sum, const uint8_t *bytes, size_t length);
bool sum_equal(struct sum a, struct sum b);
/* Of a file, with CR before every LF if `onlcr`. */
struct sum sum_of_file(const char *path, bool onlcr);

struct telnet_state {
  enum { DATA, COMMAND, OPTION, SUB, SUB_IAC } at;
  uint8_t verb, sub[512];
  size_t sub_length;
  uint8_t local[256], remote[256]; /* 0: never spoken of, 1: on, 2: refused */
};

struct websocket_state {
  bool up;
  char http[4];
  uint8_t head[16];
  int head_length;
  uint64_t left; /* of the frame */
  bool skip, first;
};

struct conn {
  int fd;
  bool open, eof, registered, wants_write;
  int error; /* errno */
  char *out; /* what the socket did not take */
  size_t out_length, out_offset, out_room;

  struct telnet_state telnet;
  struct websocket_state ws;

  bool started;          /* the program's STX has come; what follows is payload */
  struct sum sum;        /* of the payload */
  struct sum decoded;    /* the same with CR NUL decoded as CR (RFC 854) */
  bool after_cr;
  uint64_t not_nul;      /* bytes of payload other than NUL */
  uint64_t wire;         /* bytes received, with everything around the payload */
  bool wrong;            /* the payload is not the records it should be (if `verify_records`) */
  uint8_t key;           /* the byte that is waited for, */
  bool hit;              /* and whether it came */
  double began, first, last; /* when: connect() was called, STX came, the last payload came */
  bool over;             /* for the modes' own use */
};

extern bool verify_records;

/* For all connections: waits for events, at most this number of milliseconds, and handles them. */
void turn(int milliseconds);
void poll_init(void);
struct conn *conns_new(int count);
void conn_start(struct conn *c);
void conn_close(struct conn *c);
/* How many have started, and how many have ended without: of thousands, too many to ask each. */
extern int conns_started, conns_failed;
/* Reads available data, with at most `reads` times. */
void conn_read(struct conn *c, int reads);
/* Sends, and keeps what the socket does not take. */
void conn_put(struct conn *c, const void *bytes, size_t length);
/* The same for what Telnet sends. */
void conn_say(struct conn *c, const void *bytes, size_t length);
/* The same for what a user types. */
void conn_type(struct conn *c, const void *bytes, size_t length);
/* Waits until all have started or ended; returns how many started. */
int conns_await(struct conn *c, int count, double seconds);

/* The payload, from the protocols. */
void conn_payload(struct conn *c, const uint8_t *bytes, size_t length);
void telnet_receive(struct conn *c, const uint8_t *bytes, size_t length);
void websocket_receive(struct conn *c, const uint8_t *bytes, size_t length);
void websocket_open(struct conn *c);
void websocket_send(struct conn *c, char kind, const void *bytes, size_t length);

void mode_throughput(void);
void mode_paste(void);
void mode_slow(void);
void mode_latency(void);
void mode_connect(void);
void mode_idle(void);
void mode_scale(void);

double now(void);
/* Prints an event for the runner. */
void event(const char *name);
/* Waits this number of seconds, or for a line on standard input. */
void hold(double seconds);
/* Prints {"error": ...} and exits. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Real-time priority for this process from now on, if it may have it. */
bool go_realtime(void);
/* Sorts, and returns the value below which a share of them lies; -1 without values. */
void sort(double *values, int count);
double quantile(const double *sorted, int count, double share);

#endif
