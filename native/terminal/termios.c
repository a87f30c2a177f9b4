/*
 * Terminal modes: the constants of this system by their POSIX names in lower case, and reading and setting all modes at
 * once. The file src/pty/modes.ts decides which modes are set.
 */
#include "telpty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

struct named {
  const char *name;
  uint32_t value;
};

static const struct named iflags[] = {
    {"ignbrk", IGNBRK}, {"brkint", BRKINT}, {"ignpar", IGNPAR}, {"parmrk", PARMRK}, {"inpck", INPCK},
    {"istrip", ISTRIP}, {"inlcr", INLCR},   {"igncr", IGNCR},   {"icrnl", ICRNL},   {"ixon", IXON},
    {"ixany", IXANY},   {"ixoff", IXOFF},
#ifdef IUCLC
    {"iuclc", IUCLC},
#endif
#ifdef IMAXBEL
    {"imaxbel", IMAXBEL},
#endif
#ifdef IUTF8
    {"iutf8", IUTF8},
#endif
    {NULL, 0}};

static const struct named oflags[] = {
    {"opost", OPOST},
#ifdef OLCUC
    {"olcuc", OLCUC},
#endif
#ifdef ONLCR
    {"onlcr", ONLCR},
#endif
#ifdef OCRNL
    {"ocrnl", OCRNL},
#endif
#ifdef ONOCR
    {"onocr", ONOCR},
#endif
#ifdef ONLRET
    {"onlret", ONLRET},
#endif
#ifdef OFILL
    {"ofill", OFILL},
#endif
#ifdef OFDEL
    {"ofdel", OFDEL},
#endif
#if defined OXTABS
    {"xtabs", OXTABS},
#elif defined XTABS
    {"xtabs", XTABS}, /* one of four values of two bits */
#endif
    {NULL, 0}};

static const struct named cflags[] = {
    {"cstopb", CSTOPB}, {"cread", CREAD}, {"parenb", PARENB}, {"parodd", PARODD}, {"hupcl", HUPCL}, {"clocal", CLOCAL},
#ifdef CRTSCTS
    {"crtscts", (uint32_t)CRTSCTS},
#endif
    {NULL, 0}};

static const struct named lflags[] = {
    {"isig", ISIG},     {"icanon", ICANON}, {"echo", ECHO},     {"echoe", ECHOE},
    {"echok", ECHOK},   {"echonl", ECHONL}, {"noflsh", NOFLSH}, {"tostop", TOSTOP}, {"iexten", IEXTEN},
#ifdef ECHOCTL
    {"echoctl", ECHOCTL},
#endif
#ifdef ECHOPRT
    {"echoprt", ECHOPRT},
#endif
#ifdef ECHOKE
    {"echoke", ECHOKE},
#endif
#ifdef FLUSHO
    {"flusho", FLUSHO},
#endif
#ifdef PENDIN
    {"pendin", PENDIN},
#endif
#ifdef EXTPROC
    {"extproc", EXTPROC},
#endif
    {NULL, 0}};

static const struct named characters[] = {
    {"vintr", VINTR}, {"vquit", VQUIT}, {"verase", VERASE}, {"vkill", VKILL},   {"veof", VEOF}, {"veol", VEOL},
    {"vmin", VMIN},   {"vtime", VTIME}, {"vstart", VSTART}, {"vstop", VSTOP}, {"vsusp", VSUSP},
#ifdef VEOL2
    {"veol2", VEOL2},
#endif
#ifdef VSWTC
    {"vswtc", VSWTC},
#endif
#ifdef VDSUSP
    {"vdsusp", VDSUSP},
#endif
#ifdef VREPRINT
    {"vreprint", VREPRINT},
#endif
#ifdef VDISCARD
    {"vdiscard", VDISCARD},
#endif
#ifdef VWERASE
    {"vwerase", VWERASE},
#endif
#ifdef VLNEXT
    {"vlnext", VLNEXT},
#endif
#ifdef VSTATUS
    {"vstatus", VSTATUS},
#endif
    {NULL, 0}};

/* Line speeds in bits per second; POSIX has those up to 38400. */
static const struct named speeds[] = {
    {"50", B50}, {"75", B75}, {"110", B110}, {"134", B134}, {"150", B150}, {"200", B200}, {"300", B300},
    {"600", B600}, {"1200", B1200}, {"1800", B1800}, {"2400", B2400}, {"4800", B4800}, {"9600", B9600},
    {"19200", B19200}, {"38400", B38400},
#ifdef B7200
    {"7200", B7200},
#endif
#ifdef B14400
    {"14400", B14400},
#endif
#ifdef B28800
    {"28800", B28800},
#endif
#ifdef B57600
    {"57600", B57600},
#endif
#ifdef B76800
    {"76800", B76800},
#endif
#ifdef B115200
    {"115200", B115200},
#endif
#ifdef B230400
    {"230400", B230400},
#endif
#ifdef B460800
    {"460800", B460800},
#endif
#ifdef B500000
    {"500000", B500000},
#endif
#ifdef B576000
    {"576000", B576000},
#endif
#ifdef B921600
    {"921600", B921600},
#endif
#ifdef B1000000
    {"1000000", B1000000},
#endif
#ifdef B1152000
    {"1152000", B1152000},
#endif
#ifdef B1500000
    {"1500000", B1500000},
#endif
#ifdef B2000000
    {"2000000", B2000000},
#endif
#ifdef B2500000
    {"2500000", B2500000},
#endif
#ifdef B3000000
    {"3000000", B3000000},
#endif
#ifdef B3500000
    {"3500000", B3500000},
#endif
#ifdef B4000000
    {"4000000", B4000000},
#endif
    {NULL, 0}};

static const struct named resources[] = {
    {"core", RLIMIT_CORE},     {"cpu", RLIMIT_CPU},     {"data", RLIMIT_DATA},
    {"fsize", RLIMIT_FSIZE},   {"nofile", RLIMIT_NOFILE}, {"stack", RLIMIT_STACK},
#ifdef RLIMIT_AS
    {"as", RLIMIT_AS},
#endif
#ifdef RLIMIT_NPROC
    {"nproc", RLIMIT_NPROC},
#endif
#ifdef RLIMIT_MEMLOCK
    {"memlock", RLIMIT_MEMLOCK},
#endif
    {NULL, 0}};

/* Sets flags, speed and those control characters that are not negative. */
void termios_apply(struct termios *t, const uint32_t *words, const int16_t *cc) {
  t->c_iflag = (tcflag_t)words[0];
  t->c_oflag = (tcflag_t)words[1];
  t->c_cflag = (tcflag_t)words[2];
  t->c_lflag = (tcflag_t)words[3];
  for (int i = 0; i < NCCS; i++)
    if (cc[i] >= 0) t->c_cc[i] = (cc_t)cc[i];
  /* after the flags: on Linux the speed is a part of c_cflag */
  cfsetispeed(t, (speed_t)words[4]);
  cfsetospeed(t, (speed_t)words[4]);
}

static bool get_mode_arrays(napi_env env, napi_value first, napi_value second, uint32_t **words, int16_t **cc) {
  void *data;
  size_t length;
  if (!get_bytes(env, first, 4, &data, &length) || length < 5) return false;
  *words = data;
  if (!get_bytes(env, second, 2, &data, &length) || length < NCCS) return false;
  *cc = data;
  return true;
}

static bool arguments(napi_env env, napi_callback_info info, struct pty **p, uint32_t **words, int16_t **cc) {
  napi_value args[3];
  return get_args(env, info, 3, args) && (*p = pty_from_js(env, args[0])) != NULL &&
         get_mode_arrays(env, args[1], args[2], words, cc);
}

/*
 * The descriptor for reading and setting modes. On Linux the master works for its slave, also after a program called
 * vhangup(), as login programs do. That call makes our descriptor of the slave useless. Not every system accepts the
 * master.
 */
static int modes_fd(const struct pty *p) {
#ifdef __linux__
  return p->master;
#else
  return p->slave;
#endif
}

static void remember(struct pty *p, const struct termios *t) {
  p->seen[0] = t->c_iflag;
  p->seen[1] = t->c_oflag;
  p->seen[2] = t->c_lflag;
}

/* Whether the flags differ from those that getModes() returned last. */
bool termios_differs(const struct pty *p) {
  struct termios t;
  return tcgetattr(modes_fd(p), &t) == 0 &&
         (t.c_iflag != p->seen[0] || t.c_oflag != p->seen[1] || t.c_lflag != p->seen[2]);
}

/*
 * followModes(pty, on): whether a notice is made, at output, if the flags differ from those that getModes() returned
 * last
 */
static napi_value js_follow_modes(napi_env env, napi_callback_info info) {
  napi_value args[2];
  struct pty *p;
  bool on;
  if (!get_args(env, info, 2, args) || (p = pty_from_js(env, args[0])) == NULL ||
      napi_get_value_bool(env, args[1], &on) != napi_ok)
    return NULL;
  p->following = on;
  return NULL;
}

/*
 * setExtproc(pty, on): sets EXTPROC, the one flag that belongs to the server and not to the program. With tcsetattr()
 * all flags are set, to the values that were read before. Only BSD has a call for this flag alone (TIOCEXT). So the
 * time between reading and setting is kept as short as possible, and nothing is set if the flag is right already. 0, or
 * a negative errno.
 */
static napi_value js_set_extproc(napi_env env, napi_callback_info info) {
  napi_value args[2];
  struct pty *p;
  bool on;
  if (!get_args(env, info, 2, args) || (p = pty_from_js(env, args[0])) == NULL ||
      napi_get_value_bool(env, args[1], &on) != napi_ok)
    return NULL;
#ifdef EXTPROC
  struct termios t;
  const int fd = modes_fd(p);
  if (fd < 0) return js_int(env, -EIO);
  if (tcgetattr(fd, &t) < 0) return js_int(env, -errno);
  if (((t.c_lflag & EXTPROC) != 0) == on) return js_int(env, 0);
  /* earlier input may still be queued in the kernel, and must be processed with the old flag: see inputWaiting */
  struct pollfd slave = {.fd = p->slave, .events = POLLIN};
  if (p->slave >= 0) poll(&slave, 1, 0);
  if (tcgetattr(fd, &t) < 0) return js_int(env, -errno);
  t.c_lflag = on ? t.c_lflag | EXTPROC : t.c_lflag & ~EXTPROC;
  return js_int(env, tcsetattr(fd, TCSANOW, &t) < 0 ? -errno : 0);
#else
  return js_int(env, -ENOTTY);
#endif
}

/*
 * inputWaiting(pty): how many bytes of input the program has not read. Polling the slave makes Linux move queued input
 * to the terminal first (n_tty_poll); without that the number would not include it.
 */
static napi_value js_input_waiting(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct pty *p;
  int count = 0;
  if (!get_args(env, info, 1, args) || (p = pty_from_js(env, args[0])) == NULL) return NULL;
  struct pollfd slave = {.fd = p->slave, .events = POLLIN};
  if (p->slave < 0 || poll(&slave, 1, 0) < 0 || ioctl(p->slave, FIONREAD, &count) < 0) count = 0;
  return js_int(env, count);
}

/*
 * Restarts output that was stopped. Returns 1 if the program may have been blocked in a write, else 0, or a negative
 * errno. It may have been if output was stopped or not read, or if a write waited already (n_tty_poll checks all
 * three).
 *
 * On Linux TCOON undoes only a TCOOFF, not a ^S (n_tty_ioctl_helper, tco_stopped): so the output is stopped that way
 * first.
 */
static int restart_output(int slave) {
  struct pollfd writable = {.fd = slave, .events = POLLOUT};
  if (poll(&writable, 1, 0) < 0) return -errno;
  if ((writable.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) return -EIO;
  if (tcflow(slave, TCOOFF) < 0 || tcflow(slave, TCOON) < 0) return -errno;
  return (writable.revents & POLLOUT) == 0;
}

/*
 * restartOutput(pty): after vhangup(), which login calls, our descriptor of the slave is useless, so another one is
 * opened.
 */
static napi_value js_restart_output(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct pty *p;
  if (!get_args(env, info, 1, args) || (p = pty_from_js(env, args[0])) == NULL) return NULL;
  if (p->master < 0) return js_int(env, -EIO);
  int result = restart_output(p->slave);
#ifdef TIOCGPTPEER
  const int slave = result < 0 ? ioctl(p->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
  if (slave >= 0) {
    result = restart_output(slave);
    close(slave);
  }
#endif
  return js_int(env, result);
}

/* `p` may be NULL; otherwise it keeps the flags for termios_differs(). */
static napi_value get_modes(napi_env env, struct pty *p, int fd, uint32_t *words, int16_t *cc) {
  struct termios t;
  if (tcgetattr(fd, &t) < 0) return js_int(env, -errno);
  words[0] = (uint32_t)t.c_iflag;
  words[1] = (uint32_t)t.c_oflag;
  words[2] = (uint32_t)t.c_cflag;
  words[3] = (uint32_t)t.c_lflag;
  words[4] = (uint32_t)cfgetospeed(&t);
  if (p != NULL) remember(p, &t);
  for (int i = 0; i < NCCS; i++) cc[i] = t.c_cc[i];
  return js_int(env, 0);
}

static napi_value set_modes(napi_env env, int fd, const uint32_t *words, const int16_t *cc) {
  struct termios t;
  if (tcgetattr(fd, &t) < 0) return js_int(env, -errno);
  termios_apply(&t, words, cc);
  return js_int(env, tcsetattr(fd, TCSANOW, &t) < 0 ? -errno : 0);
}

/* getModes(pty, words, cc) */
static napi_value js_get_modes(napi_env env, napi_callback_info info) {
  struct pty *p;
  uint32_t *words;
  int16_t *cc;
  if (!arguments(env, info, &p, &words, &cc)) return NULL;
  int fd = modes_fd(p);
  return fd < 0 ? js_int(env, -EIO) : get_modes(env, p, fd, words, cc);
}

static napi_value js_set_modes(napi_env env, napi_callback_info info) {
  struct pty *p;
  uint32_t *words;
  int16_t *cc;
  if (!arguments(env, info, &p, &words, &cc)) return NULL;
  int fd = modes_fd(p);
  return fd < 0 ? js_int(env, -EIO) : set_modes(env, fd, words, cc);
}

static bool fd_arguments(napi_env env, napi_callback_info info, int32_t *fd, uint32_t **words, int16_t **cc) {
  napi_value args[3];
  return get_args(env, info, 3, args) && napi_get_value_int32(env, args[0], fd) == napi_ok &&
         get_mode_arrays(env, args[1], args[2], words, cc);
}

/* getTtyModes(fd, words, cc): the modes of the terminal of a descriptor */
static napi_value js_get_tty_modes(napi_env env, napi_callback_info info) {
  int32_t fd;
  uint32_t *words;
  int16_t *cc;
  return fd_arguments(env, info, &fd, &words, &cc) ? get_modes(env, NULL, fd, words, cc) : NULL;
}

/* Not with TCSADRAIN: it would block while the user has stopped output by ^S. */
static napi_value js_set_tty_modes(napi_env env, napi_callback_info info) {
  int32_t fd;
  uint32_t *words;
  int16_t *cc;
  return fd_arguments(env, info, &fd, &words, &cc) ? set_modes(env, fd, words, cc) : NULL;
}

static void set_number(napi_env env, napi_value object, const char *name, uint32_t value) {
  napi_set_named_property(env, object, name, js_int(env, value));
}

static void set_table(napi_env env, napi_value object, const char *name, const struct named *table) {
  napi_value values;
  if (napi_create_object(env, &values) != napi_ok) return;
  for (; table->name != NULL; table++) set_number(env, values, table->name, table->value);
  napi_set_named_property(env, object, name, values);
}

void termios_exports(napi_env env, napi_value exports) {
  static const uint32_t sizes[4] = {CS5, CS6, CS7, CS8};
  napi_value termios, cs;
  if (napi_create_object(env, &termios) != napi_ok || napi_create_array_with_length(env, 4, &cs) != napi_ok) return;
  set_table(env, termios, "iflag", iflags);
  set_table(env, termios, "oflag", oflags);
  set_table(env, termios, "cflag", cflags);
  set_table(env, termios, "lflag", lflags);
  set_table(env, termios, "cc", characters);
  set_number(env, termios, "nccs", NCCS);
  set_number(env, termios, "vdisable", _POSIX_VDISABLE);
  set_table(env, termios, "speeds", speeds);
  set_number(env, termios, "csize", CSIZE);
  for (uint32_t i = 0; i < 4; i++) napi_set_element(env, cs, i, js_int(env, sizes[i]));
  napi_set_named_property(env, termios, "cs", cs);
  napi_set_named_property(env, exports, "termios", termios);
  set_table(env, exports, "rlimits", resources);
  export_function(env, exports, "getModes", js_get_modes);
  export_function(env, exports, "setModes", js_set_modes);
  export_function(env, exports, "getTtyModes", js_get_tty_modes);
  export_function(env, exports, "setTtyModes", js_set_tty_modes);
  export_function(env, exports, "followModes", js_follow_modes);
  export_function(env, exports, "setExtproc", js_set_extproc);
  export_function(env, exports, "inputWaiting", js_input_waiting);
  export_function(env, exports, "restartOutput", js_restart_output);
}
