/*
 * Preloaded into a server. Linux may return EAGAIN once for a master whose next output is in the kernel: after a read
 * that has emptied the full buffer of the line discipline (4095 bytes). That takes a race between its worker and the
 * reader, and is rare. Here it happens after every such read.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FULL 4095
#define DESCRIPTORS 1024

static bool is_full[DESCRIPTORS];

ssize_t read(int fd, void *bytes, size_t size) {
  static ssize_t (*original)(int, void *, size_t);
  int number;
  if (original == NULL) original = (ssize_t(*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
  if (fd < 0 || fd >= DESCRIPTORS || size < FULL || ioctl(fd, TIOCGPTN, &number) < 0) return original(fd, bytes, size);
  if (is_full[fd]) {
    is_full[fd] = false;
    errno = EAGAIN;
    return -1;
  }
  const ssize_t n = original(fd, bytes, size);
  is_full[fd] = n >= FULL;
  return n;
}
