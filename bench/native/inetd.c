/*
 * inetd PORT PROGRAM [ARGS...]: accepts on loopback and starts a program for each connection with the socket as its
 * descriptors 0, 1 and 2. For servers that leave the listening to inetd.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  signal(SIGCHLD, SIG_IGN); /* children are reaped by the kernel */
  int on = 1;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)atoi(argv[1])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
    perror("inetd");
    return 1;
  }
  for (;;) {
    int fd = accept4(listener, NULL, NULL, 0);
    if (fd < 0) continue;
    if (fork() == 0) {
      signal(SIGCHLD, SIG_DFL);
      for (int i = 0; i < 3; i++) dup2(fd, i);
      if (fd > 2) close(fd);
      execv(argv[2], argv + 2);
      _exit(127);
    }
    close(fd);
  }
}
