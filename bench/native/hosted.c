/*
 * The programs that a server under test runs on the terminal. Which one is chosen by the name it is called by (the
 * runner makes symbolic links), because some servers can only start a path without arguments.
 *
 *   h-cat-NAME     a cooked terminal (OPOST, ONLCR), STX, then ../data/NAME in writes of 128 KiB, as cat does
 *   h-catraw-NAME  the same on a raw terminal: the bytes must arrive as they are
 *   h-echo         raw, STX, then every byte comes back
 *   h-tiny         the same, where there is no tiny.c
 *   h-flood        cooked, STX, then records without end
 *   h-multi        raw, STX, then the first byte read decides: 'F' floods, anything else echoes what follows
 *   h-hello        raw, STX "hello" CR LF, and exits at once
 *   h-tail         raw, STX, 256 KiB of records, and exits at once
 *   h-page-NAME    for pages in a browser. Keys come back. F writes ../data/NAME, Y lines "y" until ^C; then the title
 *                  of the terminal becomes "F done" or "Y done"
 *
 * STX (0x02) marks where the payload begins: banners and the like before it do not count. h-cat stays alive for 300 ms
 * after its last write, so that the server's CPU time can be read while all of its processes exist.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "records.h"

#define CHUNK (128 * 1024)
#define RECORDS_A_WRITE 1024
#define TAIL_WRITES 4

static char buffer[CHUNK];

static bool put(const void *bytes, size_t length) {
  const char *p = bytes;
  while (length > 0) {
    ssize_t n = write(1, p, length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    p += n;
    length -= (size_t)n;
  }
  return true;
}

static void make_cooked(void) {
  struct termios t;
  if (tcgetattr(1, &t)) return;
  t.c_oflag |= OPOST | ONLCR;
  t.c_oflag &= ~(tcflag_t)(OCRNL | ONOCR | ONLRET | OLCUC | OFILL | TABDLY);
  t.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
  tcsetattr(1, TCSANOW, &t);
}

static void make_raw(void) {
  struct termios t;
  if (tcgetattr(0, &t)) return;
  cfmakeraw(&t);
  t.c_cc[VMIN] = 1;
  t.c_cc[VTIME] = 0;
  tcsetattr(0, TCSANOW, &t);
}

static int open_data(const char *name) {
  char path[4096];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path - 300);
  if (n < 0) return -1;
  path[n] = 0;
  snprintf(strrchr(path, '/'), 300, "/../data/%s", name);
  int fd = open(path, O_RDONLY);
  if (fd < 0) dprintf(1, "hosted: cannot open %s\r\n", path);
  return fd;
}

static bool copy(int fd) {
  ssize_t n;
  while ((n = read(fd, buffer, CHUNK)) > 0)
    if (!put(buffer, (size_t)n)) return false;
  return true;
}

static int cat(const char *name, bool raw) {
  int fd = open_data(name);
  if (fd < 0) return 1;
  if (raw)
    make_raw();
  else
    make_cooked();
  put("\2", 1);
  if (!copy(fd)) return 1;
  nanosleep(&(struct timespec){.tv_nsec = 300 * 1000 * 1000}, NULL);
  return 0;
}

static int echo(void) {
  for (;;) {
    ssize_t n = read(0, buffer, 65536);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || !put(buffer, (size_t)n)) return 0;
  }
}

static int flood(void) {
  for (uint64_t first = 0;; first += RECORDS_A_WRITE)
    if (!put(buffer, records(buffer, first, RECORDS_A_WRITE, 0))) return 0;
}

static volatile sig_atomic_t interrupted;

static void interrupt(int signal) {
  (void)signal;
  interrupted = 1;
}

static int page(const char *name) {
  static const char lines[] = "y\ny\ny\ny\ny\ny\ny\ny\ny\ny\ny\ny\ny\ny\ny\ny\n";
  int fd = open_data(name);
  if (fd < 0) return 1;
  sigaction(SIGINT, &(struct sigaction){.sa_handler = interrupt}, NULL);
  struct termios t;
  tcgetattr(0, &t);
  t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
  t.c_oflag |= OPOST | ONLCR;
  tcsetattr(0, TCSANOW, &t);
  put("\033]2;ready\a", 10);
  for (char key = 0;;) {
    ssize_t n = read(0, &key, 1);
    if (n != 1) {
      if (n == 0 || errno != EINTR) return 0;
    } else if (key == 'F') {
      if (lseek(fd, 0, SEEK_SET) < 0 || !copy(fd) || !put("\033]2;F done\a", 11)) return 1;
    } else if (key == 'Y') {
      for (interrupted = 0; !interrupted;)
        if (write(1, lines, sizeof lines - 1) < 0 && errno != EINTR) return 0;
      if (!put("\033]2;Y done\a", 11)) return 1;
    } else if (!put(&key, 1)) {
      return 0;
    }
  }
}

int main(int argc, char **argv) {
  (void)argc;
  const char *name = strrchr(argv[0], '/');
  name = name ? name + 1 : argv[0];
  if (*name == '-') name++; /* a login shell, to some servers */

  if (!strncmp(name, "h-cat-", 6)) return cat(name + 6, false);
  if (!strncmp(name, "h-catraw-", 9)) return cat(name + 9, true);
  if (!strncmp(name, "h-page-", 7)) return page(name + 7);
  if (!strcmp(name, "h-flood")) {
    make_cooked();
    put("\2", 1);
    return flood();
  }
  make_raw();
  if (!strcmp(name, "h-hello")) return put("\2hello\r\n", 8) ? 0 : 1;
  put("\2", 1);
  if (!strcmp(name, "h-echo") || !strcmp(name, "h-tiny")) return echo();
  if (!strcmp(name, "h-multi")) {
    char choice = 0;
    if (read(0, &choice, 1) != 1) return 0;
    if (choice != 'F') return echo();
    make_cooked();
    return flood();
  }
  if (!strcmp(name, "h-tail")) {
    for (int i = 0; i < TAIL_WRITES; i++)
      if (!put(buffer, records(buffer, (uint64_t)i * RECORDS_A_WRITE, RECORDS_A_WRITE, 1))) return 1;
    return 0;
  }
  dprintf(1, "hosted: unknown program %s\r\n", name);
  return 2;
}
