/*
 * Packet mode (TIOCPKT): what the terminal itself has to tell, among its output.
 *
 * Every read of a master in packet mode begins with one byte more: 0, and output follows; or the bits of what has
 * happened to the terminal since the last read, and nothing follows. Such notices overtake up to 4 KiB of output that
 * the kernel holds on our side of the terminal; nobody can tell what of that was printed before.
 *
 * The byte is read to the place before the output's, which is put back as it was. So consecutive reads still make one
 * piece of output, and nothing is copied. (readv() would do it too, but before Linux 5.11 that is two reads, and two
 * such bytes.)
 */
#include "telpty.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const unsigned NOTICE_FLUSHED = TIOCPKT_FLUSHWRITE;
const unsigned NOTICE_MODES = TIOCPKT_IOCTL;

/*
 * Reads output to `at`, before which there must be one byte that nobody else looks at. Returns how much there was, 0 if
 * there was only a notice, or -1 and errno; EIO where the system says the end by 0. Adds to `notices`.
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

/* The notices of a master in packet mode, without its output: there is no room for any in a read of one byte. */
unsigned packet_notices(int master) {
  unsigned char bits;
  return read(master, &bits, 1) == 1 ? bits : 0;
}

/*
 * After a flush: drops what was printed before it of the `length` bytes at `bytes`, of which the last read gave `last`,
 * and returns how much is left. A read looks for notices at its beginning, and then perhaps waits for output: so the
 * one before the notice may have what was printed after the flush, but those before that may not. Whoever passes on
 * what he has read must have looked for notices after the last read, or he would not know what to keep when the next
 * one comes.
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
