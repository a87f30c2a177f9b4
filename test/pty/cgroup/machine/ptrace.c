/*
 * Preloaded into User Mode Linux. Its kernel passes PTRACE_SETREGSET the part of the processor's extended state that it
 * knows (2,696 bytes). If the processor has AMX, the host requires all of the state and refuses less with EFAULT, at
 * which the machine panics. So the part is copied over the complete state.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

long ptrace(enum __ptrace_request request, ...) {
  va_list list;
  va_start(list, request);
  const int pid = va_arg(list, int);
  void *const address = va_arg(list, void *);
  struct iovec *const part = va_arg(list, void *);
  va_end(list);

  static long (*original)(enum __ptrace_request, ...);
  if (original == NULL) original = (long (*)(enum __ptrace_request, ...))dlsym(RTLD_NEXT, "ptrace");
  if (request != PTRACE_SETREGSET || (long)address != NT_X86_XSTATE) return original(request, pid, address, part);

  _Alignas(64) static char state[1 << 16];
  struct iovec whole = {state, sizeof(state)};
  if (original(PTRACE_GETREGSET, pid, address, &whole) < 0) return -1;
  if (part->iov_len < whole.iov_len) memcpy(state, part->iov_base, part->iov_len);
  else whole = *part;
  return original(request, pid, address, &whole);
}
