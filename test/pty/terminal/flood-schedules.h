/* Included before each C file of the addon by flood-schedules.test.ts: its system calls become those of the model. */
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

ssize_t model_read(int fd, void *bytes, size_t size);
ssize_t model_write(int fd, const void *bytes, size_t size);
ssize_t model_send(int fd, const void *bytes, size_t size, int flags);
int model_shutdown(int fd, int how);
int model_close(int fd);
int model_ioctl(int fd, unsigned long request, int *value);
int model_eventfd(void);
int model_epoll_create(void);
int model_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int model_epoll_wait(int epoll, struct epoll_event *found, int most, int timeout);
int model_setname(void);

#define read model_read
#define write model_write
#define send model_send
#define shutdown model_shutdown
#define close model_close
#define ioctl model_ioctl
#define eventfd(...) model_eventfd()
#define epoll_create1(...) model_epoll_create()
#define epoll_ctl model_epoll_ctl
#define epoll_wait model_epoll_wait
#define pthread_setname_np(...) model_setname()
