/*
 * leash PROGRAM [ARGS...]: runs a program that is killed when its parent dies, for whatever reason.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) return 1; /* it died before the call */
  execvp(argv[1], argv + 1);
  perror(argv[1]);
  return 127;
}
