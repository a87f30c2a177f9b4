/*
 * floor [-p] PORT PROGRAM [ARGS...]: the line that every server is measured against, a pump with nothing to it.
 *
 * accept, forkpty and exec, then one epoll loop with big buffers and backpressure both ways. No Telnet at all. With
 * -p the first line of a connection is dropped: a PROXY header. A drain of the terminal goes on to 64 KiB as long as no
 * other session waits: every read of a busy terminal may sleep in the kernel.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 65536
#define ACCEPTS_A_TURN 16

struct session;

/* What an epoll event points to. */
struct end {
  enum { LISTENER, SOCKET, TERMINAL } kind;
  struct session *session;
  int fd;
  int64_t events; /* the events of epoll; -1: not in the set */
};

struct queue {
  char *bytes;
  size_t length, offset;
};

struct session {
  struct end socket, terminal;
  struct queue out, in; /* what the socket, the terminal did not take */
  bool dead;
  bool finished; /* the terminal is closed, `out` is not yet sent */
  bool hungup;   /* the terminal hung up while the socket was full */
  bool in_header; /* the first line is not complete */
  struct session *next_dead;
};

static int epoll;
static char buffer[BATCH];
static struct session *dead;
static bool drops_first_line;

static void watch(struct end *end, uint32_t events) {
  if (end->events == events) return;
  struct epoll_event e = {.events = events, .data.ptr = end};
  epoll_ctl(epoll, end->events < 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, end->fd, &e);
  end->events = events;
}

static void unwatch(struct end *end) {
  epoll_ctl(epoll, EPOLL_CTL_DEL, end->fd, NULL);
  end->events = -1;
}

static void update(struct session *s) {
  watch(&s->socket, (s->in.length ? 0u : EPOLLIN) | (s->out.length ? EPOLLOUT : 0u));
  /* EPOLLHUP cannot be masked: a terminal that hung up stays out of the set until the socket has drained */
  if (s->terminal.fd < 0 || (s->hungup && s->out.length)) return;
  watch(&s->terminal, (s->out.length ? 0u : EPOLLIN) | (s->in.length ? EPOLLOUT : 0u));
}

/* Explicitly out of the set before the close: a child between fork and exec still holds copies of the descriptors. */
static void close_end(struct end *end) {
  if (end->fd < 0) return;
  unwatch(end);
  close(end->fd);
  end->fd = -1;
}

static void drop(struct session *s) {
  if (s->dead) return;
  s->dead = true;
  close_end(&s->socket);
  close_end(&s->terminal);
  free(s->out.bytes);
  free(s->in.bytes);
  s->next_dead = dead; /* other events of this turn may point to it */
  dead = s;
}

static void keep(struct queue *q, const char *bytes, size_t length) {
  char *copy = malloc(length);
  memcpy(copy, bytes, length);
  free(q->bytes);
  *q = (struct queue){copy, length, 0};
}

/* Sends, and keeps what is not taken: until it is gone the terminal is not read. */
static void send_or_keep(struct session *s, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t n = send(s->socket.fd, bytes, length, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      keep(&s->out, bytes, length);
      return;
    }
    if (n < 0) {
      drop(s);
      return;
    }
    bytes += n;
    length -= (size_t)n;
  }
}

static void socket_writable(struct session *s) {
  struct queue q = s->out;
  s->out = (struct queue){0};
  send_or_keep(s, q.bytes + q.offset, q.length);
  free(q.bytes);
  if (s->finished && !s->out.length) drop(s);
}

static bool others_wait(struct session *s) {
  struct epoll_event e[2];
  int n = epoll_wait(epoll, e, 2, 0);
  for (int i = 0; i < n; i++)
    if (e[i].data.ptr != &s->terminal) return true;
  return false;
}

static void terminal_readable(struct session *s) {
  size_t got = 0;
  bool gone = false;
  while (got < BATCH) {
    ssize_t n = read(s->terminal.fd, buffer + got, BATCH - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      gone = n == 0 || errno != EAGAIN;
      break;
    }
    got += (size_t)n;
    if (others_wait(s)) break;
  }
  send_or_keep(s, buffer, got);
  if (s->dead || !gone) return;
  if (s->out.length == 0) {
    drop(s);
  } else {
    s->finished = true;
    close_end(&s->terminal);
  }
}

static void terminal_writable(struct session *s) {
  struct queue *q = &s->in;
  ssize_t n = write(s->terminal.fd, q->bytes + q->offset, q->length);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  size_t taken = n < 0 ? q->length : (size_t)n;
  q->offset += taken;
  q->length -= taken;
}

static void socket_readable(struct session *s) {
  ssize_t n = recv(s->socket.fd, buffer, sizeof buffer, 0);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
    drop(s);
    return;
  }
  if (n < 0 || s->terminal.fd < 0) return;
  const char *bytes = buffer;
  if (s->in_header) {
    const char *lf = memchr(buffer, '\n', (size_t)n);
    if (lf == NULL) return;
    s->in_header = false;
    n -= lf + 1 - buffer;
    bytes = lf + 1;
    if (n == 0) return;
  }
  ssize_t taken = write(s->terminal.fd, bytes, (size_t)n);
  if (taken < 0) taken = 0;
  if (taken < n) keep(&s->in, bytes + taken, (size_t)(n - taken));
}

static void start(int fd, char **program) {
  int on = 1, master;
  struct winsize size = {24, 80, 0, 0};
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  pid_t pid = forkpty(&master, NULL, NULL, &size);
  if (pid == 0) {
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    execvp(program[0], program);
    _exit(127);
  }
  if (pid < 0) {
    close(fd);
    return;
  }
  fcntl(master, F_SETFL, O_NONBLOCK);
  fcntl(master, F_SETFD, FD_CLOEXEC);
  struct session *s = calloc(1, sizeof *s);
  s->socket = (struct end){SOCKET, s, fd, -1};
  s->terminal = (struct end){TERMINAL, s, master, -1};
  s->in_header = drops_first_line;
  update(s);
}

static void accept_some(int listener, char **program) {
  for (int i = 0; i < ACCEPTS_A_TURN; i++) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    start(fd, program);
  }
}

static void session_event(struct end *end, uint32_t events) {
  struct session *s = end->session;
  const uint32_t over = EPOLLHUP | EPOLLERR;
  if (end->kind == SOCKET) {
    if (events & EPOLLOUT && s->out.length) socket_writable(s);
    if (!s->dead && (events & over || (events & EPOLLIN && !s->in.length))) socket_readable(s);
  } else {
    if (events & EPOLLOUT && s->in.length) terminal_writable(s);
    if (events & (EPOLLIN | over) && !s->out.length) {
      terminal_readable(s);
    } else if (events & EPOLLHUP) {
      s->hungup = true;
      unwatch(end);
    }
  }
  if (!s->dead) update(s);
}

static int listen_on(int port) {
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096)) {
    perror("floor");
    exit(1);
  }
  return fd;
}

int main(int argc, char **argv) {
  for (int option; (option = getopt(argc, argv, "+p")) != -1;) {
    if (option != 'p') return 2;
    drops_first_line = true;
  }
  argc -= optind;
  argv += optind;
  if (argc < 2) return 2;
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_IGN); /* programs are reaped by the kernel */
  epoll = epoll_create1(EPOLL_CLOEXEC);
  struct end listener = {LISTENER, NULL, listen_on(atoi(argv[0])), -1};
  watch(&listener, EPOLLIN);
  for (;;) {
    struct epoll_event events[256];
    int n = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; i++) {
      struct end *end = events[i].data.ptr;
      if (end->kind == LISTENER)
        accept_some(end->fd, argv + 1);
      else if (!end->session->dead)
        session_event(end, events[i].events);
    }
    while (dead != NULL) {
      struct session *s = dead;
      dead = s->next_dead;
      free(s);
    }
  }
}
