/*
 * Packet mode (TIOCPKT): events of the terminal itself, in the stream of its output.
 *
 * Each read of a master in packet mode begins with a status byte. If it is 0, output follows. Otherwise it has the bits
 * of the events since the last read (notices), and nothing follows. Notices overtake up to 4 KiB of output that the
 * kernel holds on our side of the terminal. It is unknown which part of that was printed before the event.
 *
 * The status byte is read to the byte before the output, which is restored afterwards. So consecutive reads still make
 * one piece of output, and nothing is copied. Rejected: readv(), which before Linux 5.11 makes two reads, each with a
 * status byte.
 */
#include "telpty.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const unsigned NOTICE_FLUSHED = TIOCPKT_FLUSHWRITE;
const unsigned NOTICE_MODES = TIOCPKT_IOCTL;

/*
 * Reads output to `at`. The byte before `at` must exist, and no other thread may use it. Returns the length, 0 for a
 * notice, or -1 and errno; EIO at the end of the output, where read(2) returns 0 on some systems. Adds to `notices`.
 */
ssize_t packet_read(int master, bool packet, char *at, size_t size, unsigned *notices) {
  ssize_t n;
  if (packet) {
    const char kept = at[-1];
    n = read(master, at - 1, size + 1);
    if (n > 0) *notices |= (unsigned char)at[-1];
    at[-1] = kept;
    if (n > 0) return n - 1;
  } else {
    n = read(master, at, size);
  }
  if (n != 0) return n;
  errno = EIO;
  return -1;
}

/* The notices of a master in packet mode, without its output: a read of one byte has no room for output. */
unsigned packet_notices(int master) {
  unsigned char bits;
  return read(master, &bits, 1) == 1 ? bits : 0;
}

/*
 * After a flush, drops the output printed before it from the `length` bytes at `bytes`, of which the last read gave
 * `last`, and returns the length of the rest. A read checks for notices at its beginning and may then wait for output.
 * So the last read before the notice may contain output printed after the flush; earlier reads cannot. Callers must
 * check for notices after their last read before they pass the output on, because the next notice applies to that read.
 */
size_t packet_keep(char *bytes, size_t length, size_t last) {
  memmove(bytes, bytes + length - last, last);
  return last;
}

/* setPacketMode(pty, on): 0, or a negative errno */
static napi_value js_set_packet_mode(napi_env env, napi_callback_info info) {
  napi_value args[2];
  struct pty *p;
  bool on;
  if (!get_args(env, info, 2, args) || (p = pty_from_js(env, args[0])) == NULL ||
      napi_get_value_bool(env, args[1], &on) != napi_ok)
    return NULL;
  if (p->master < 0) return js_int(env, -EIO);
  if (p->flood != NULL) {
    const int error = flood_reader_set_packet_mode(p, on);
    if (error != 0) return js_int(env, -error);
  } else {
    int value = on;
    if (ioctl(p->master, TIOCPKT, &value) < 0) return js_int(env, -errno);
    p->packet = on;
  }
  pty_poll(p);
  return js_int(env, 0);
}

static void set_bit(napi_env env, napi_value object, const char *name, unsigned bit) {
  napi_set_named_property(env, object, name, js_int(env, bit));
}

void packet_exports(napi_env env, napi_value exports) {
  napi_value notices;
  if (napi_create_object(env, &notices) != napi_ok) return;
  set_bit(env, notices, "flushed", NOTICE_FLUSHED);
  set_bit(env, notices, "flow", TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
  set_bit(env, notices, "stopped", TIOCPKT_STOP);
  set_bit(env, notices, "modes", NOTICE_MODES);
  napi_set_named_property(env, exports, "notices", notices);
  export_function(env, exports, "setPacketMode", js_set_packet_mode);
}
