/*
 * tiny: what h-echo does (raw terminal, STX, every byte comes back), in as little memory as a process can have.
 *
 * For thousands of sessions at once: linked statically and without a C library it has a page of code, a page of stack
 * and nothing else, so that what is measured is the server and the kernel. It knows how two kinds of processor make
 * system calls; the runner takes h-echo on others.
 */
#include <asm/termbits.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#if defined __x86_64__
static long call(long number, long a, long b, long c) {
  __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return number;
}
#elif defined __aarch64__
static long call(long number, long a, long b, long c) {
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
}
#else
#error "unknown processor"
#endif

static void make_raw(void) {
  struct termios t;
  if (call(SYS_ioctl, 0, TCGETS, (long)&t)) return;
  t.c_iflag = 0;
  t.c_oflag = 0;
  t.c_lflag = 0;
  t.c_cc[VMIN] = 1;
  t.c_cc[VTIME] = 0;
  call(SYS_ioctl, 0, TCSETS, (long)&t);
}

void _start(void) {
  char bytes[256];
  make_raw();
  call(SYS_write, 1, (long)"\2", 1);
  for (;;) {
    long n = call(SYS_read, 0, (long)bytes, sizeof bytes);
    if (n == -4) continue; /* EINTR */
    if (n <= 0 || call(SYS_write, 1, (long)bytes, n) != n) break;
  }
  call(SYS_exit_group, 0, 0, 0);
}
