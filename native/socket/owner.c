/*
 * The user of the other end of a connection, if that end is on this machine. It is the owner of the socket that has our
 * address as its remote one. The kernel is asked for exactly these addresses and ports (sock_diag(7)): one lookup in
 * its hash table, no list.
 *
 * Not trusted: a socket without an inode. After its process has closed it, a connection stays in the kernel while it
 * has something to send. Its row (FIN_WAIT, TIME_WAIT) has user 0. Nor is a row for other addresses: without a matching
 * connection the kernel looks for a listener with that address, of any user.
 */
#include "telpty.h"

#include <errno.h>

#ifdef __linux__

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One end. Mapped addresses (::ffff:192.0.2.1) are converted to IPv4, because such connections are IPv4 ones. */
struct end {
  int family;
  uint16_t port; /* in network order */
  uint32_t address[4];
};

static bool end_of(const struct sockaddr_storage *from, struct end *end) {
  memset(end, 0, sizeof *end);
  end->family = from->ss_family;
  if (from->ss_family == AF_INET) {
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)from;
    end->port = ipv4->sin_port;
    end->address[0] = ipv4->sin_addr.s_addr;
    return true;
  }
  if (from->ss_family != AF_INET6) return false;
  const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)from;
  end->port = ipv6->sin6_port;
  if (IN6_IS_ADDR_V4MAPPED(&ipv6->sin6_addr)) {
    end->family = AF_INET;
    memcpy(end->address, ipv6->sin6_addr.s6_addr + 12, 4);
  } else memcpy(end->address, &ipv6->sin6_addr, 16);
  return true;
}

/* 0, or a negative errno: -ENOTCONN for a connection that was reset. */
static int ends_of(int fd, struct end *ours, struct end *theirs) {
  struct sockaddr_storage local, remote;
  socklen_t size = sizeof local;
  if (getsockname(fd, (struct sockaddr *)&local, &size) < 0) return -errno;
  size = sizeof remote;
  if (getpeername(fd, (struct sockaddr *)&remote, &size) < 0) return -errno;
  return end_of(&local, ours) && end_of(&remote, theirs) && ours->family == theirs->family ? 0 : -EAFNOSUPPORT;
}

/* Whether a row is of the socket with these two ends. An IPv6 socket may have the IPv4 ones, as mapped addresses. */
static bool is_row_of(const struct inet_diag_msg *row, const struct end *source, const struct end *destination) {
  const struct inet_diag_sockid *id = &row->id;
  if (id->idiag_sport != source->port || id->idiag_dport != destination->port) return false;
  if (row->idiag_family == source->family) {
    const size_t size = source->family == AF_INET ? 4 : 16;
    return memcmp(id->idiag_src, source->address, size) == 0 && memcmp(id->idiag_dst, destination->address, size) == 0;
  }
  return row->idiag_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)id->idiag_src) &&
         IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)id->idiag_dst) && id->idiag_src[3] == source->address[0] &&
         id->idiag_dst[3] == destination->address[0];
}

/*
 * The user id of the process that has the socket with these two ends. On failure a negative errno: -ENOENT if there is
 * none, or none that a process has.
 */
static int64_t look_up(int netlink, const struct end *source, const struct end *destination) {
  struct {
    struct nlmsghdr header;
    struct inet_diag_req_v2 body;
  } request;
  memset(&request, 0, sizeof request);
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.body.sdiag_family = (uint8_t)source->family;
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = ~0u;
  request.body.id.idiag_sport = source->port;
  request.body.id.idiag_dport = destination->port;
  memcpy(request.body.id.idiag_src, source->address, sizeof source->address);
  memcpy(request.body.id.idiag_dst, destination->address, sizeof destination->address);
  request.body.id.idiag_cookie[0] = request.body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  if (sendto(netlink, &request, sizeof request, MSG_DONTWAIT, (struct sockaddr *)&kernel, sizeof kernel) < 0)
    return -errno;

  /* The kernel has answered before sendto() returns. */
  union {
    struct nlmsghdr header;
    char bytes[1024];
  } answer;
  struct sockaddr_nl sender = {0};
  socklen_t size = sizeof sender;
  const ssize_t length = recvfrom(netlink, &answer, sizeof answer, MSG_DONTWAIT, (struct sockaddr *)&sender, &size);
  if (length < 0) return -errno;
  if (sender.nl_pid != 0 || !NLMSG_OK(&answer.header, (size_t)length)) return -EPROTO;
  const void *data = NLMSG_DATA(&answer.header);
  if (answer.header.nlmsg_type == NLMSG_ERROR) {
    const int error = ((const struct nlmsgerr *)data)->error;
    return error < 0 ? error : -EPROTO;
  }
  if (answer.header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
      answer.header.nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
    return -EPROTO;
  const struct inet_diag_msg *row = data;
  if (!is_row_of(row, source, destination) || row->idiag_inode == 0) return -ENOENT;
  return row->idiag_uid;
}

static int64_t peer_user(int fd) {
  struct end ours, theirs;
  int64_t error = ends_of(fd, &ours, &theirs);
  if (error < 0) return error;
  const int netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (netlink < 0) return -errno;
  int64_t user = look_up(netlink, &theirs, &ours);
  /* A kernel without the module answers like one that finds nothing; but then it does not find our own end either. */
  if (user == -ENOENT && look_up(netlink, &ours, &theirs) < 0) user = -ENOTSUP;
  close(netlink);
  /* After a reset another process could have connected from the same port, and the answer would be about that one. */
  error = ends_of(fd, &ours, &theirs);
  return error < 0 ? error : user;
}

#else

static int64_t peer_user(int fd) {
  (void)fd;
  return -ENOTSUP;
}

#endif

/*
 * peerUser(fd): the user id of the process at the other end of a TCP connection, if that end is on this machine. On
 * failure a negative errno: -ENOENT if there is none, or no process has it any more; -ENOTCONN if the connection was
 * reset. Others, such as -ENOTSUP, if the kernel does not answer.
 */
static napi_value js_peer_user(napi_env env, napi_callback_info info) {
  napi_value args[1];
  int32_t fd;
  if (!get_args(env, info, 1, args) || napi_get_value_int32(env, args[0], &fd) != napi_ok) return NULL;
  return js_int(env, peer_user(fd));
}

void owner_exports(napi_env env, napi_value exports) { export_function(env, exports, "peerUser", js_peer_user); }
