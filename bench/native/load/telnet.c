/*
 * A plain client's half of Telnet: it has ECHO, SUPPRESS-GO-AHEAD and BINARY from the server, sends its terminal type
 * and window size, refuses everything else, and answers each request once, but each request for a mark.
 */
#include <string.h>

#include "load.h"

enum { BINARY = 0, ECHO = 1, SUPPRESS_GO_AHEAD = 3, TIMING_MARK = 6, TERMINAL_TYPE = 24, NAWS = 31 };
enum { SE = 240, SB = 250, WILL = 251, WONT = 252, DO = 253, DONT = 254, IAC = 255 };
enum { UNSPOKEN, ON, REFUSED };

static void say(struct conn *c, uint8_t verb, uint8_t option) {
  const uint8_t bytes[] = {IAC, verb, option};
  conn_say(c, bytes, sizeof bytes);
}

static void asked_to(struct conn *c, uint8_t option) {
  struct telnet_state *t = &c->telnet;
  /* a request and not an option (RFC 860): each has an answer */
  if (option == TIMING_MARK) say(c, WILL, option);
  if (option == TIMING_MARK || t->local[option] != UNSPOKEN) return;
  bool agree = option == TERMINAL_TYPE || option == NAWS || option == BINARY || option == SUPPRESS_GO_AHEAD;
  t->local[option] = agree ? ON : REFUSED;
  say(c, agree ? WILL : WONT, option);
  if (option == NAWS) {
    static const uint8_t size[] = {IAC, SB, NAWS, 0, 80, 0, 24, IAC, SE};
    conn_say(c, size, sizeof size);
  }
}

static void offered(struct conn *c, uint8_t option) {
  struct telnet_state *t = &c->telnet;
  if (t->remote[option] != UNSPOKEN) return;
  bool agree = option == ECHO || option == SUPPRESS_GO_AHEAD || option == BINARY;
  t->remote[option] = agree ? ON : REFUSED;
  say(c, agree ? DO : DONT, option);
}

static void negotiated(struct conn *c, uint8_t verb, uint8_t option) {
  struct telnet_state *t = &c->telnet;
  if (verb == DO) {
    asked_to(c, option);
  } else if (verb == WILL) {
    offered(c, option);
  } else if (verb == DONT && t->local[option] == ON) {
    t->local[option] = UNSPOKEN;
    say(c, WONT, option);
  } else if (verb == WONT && t->remote[option] == ON) {
    t->remote[option] = UNSPOKEN;
    say(c, DONT, option);
  }
}

static void subnegotiated(struct conn *c) {
  static const uint8_t type[] = "\xff\xfa\x18\x00xterm-256color\xff\xf0";
  const struct telnet_state *t = &c->telnet;
  if (t->sub_length >= 2 && t->sub[0] == TERMINAL_TYPE && t->sub[1] == 1) conn_say(c, type, sizeof type - 1);
}

static void sub_add(struct telnet_state *t, uint8_t byte) {
  if (t->sub_length < sizeof t->sub) t->sub[t->sub_length++] = byte;
}

/*
 * A run of data; returns where it ends. One with doubled 255 is copied without the doubles, any other goes on as it is.
 */
static const uint8_t *data(struct conn *c, const uint8_t *p, const uint8_t *end) {
  static uint8_t undoubled[1 << 18];
  const uint8_t *iac = memchr(p, IAC, (size_t)(end - p));
  if (iac == NULL || iac + 1 >= end || iac[1] != IAC) {
    const uint8_t *run = iac ? iac : end;
    conn_payload(c, p, (size_t)(run - p));
    if (iac == NULL) return end;
    c->telnet.at = COMMAND;
    return iac + 1;
  }
  size_t n = 0;
  while (p < end) {
    if (*p == IAC && (p + 1 >= end || p[1] != IAC)) break;
    if (*p == IAC) p++;
    undoubled[n++] = *p++;
  }
  conn_payload(c, undoubled, n);
  return p;
}

void telnet_receive(struct conn *c, const uint8_t *bytes, size_t length) {
  static const uint8_t iac = IAC;
  struct telnet_state *t = &c->telnet;
  const uint8_t *p = bytes, *end = bytes + length;
  while (p < end) {
    switch (t->at) {
      case DATA:
        p = data(c, p, end);
        break;
      case COMMAND:
        t->verb = *p++;
        t->at = t->verb >= WILL && t->verb != IAC ? OPTION : t->verb == SB ? SUB : DATA;
        t->sub_length = 0;
        if (t->verb == IAC) conn_payload(c, &iac, 1);
        break;
      case OPTION:
        t->at = DATA;
        negotiated(c, t->verb, *p++);
        break;
      case SUB:
        if (*p == IAC)
          t->at = SUB_IAC;
        else
          sub_add(t, *p);
        p++;
        break;
      case SUB_IAC:
        t->at = *p == SE ? DATA : SUB;
        if (*p == SE)
          subnegotiated(c);
        else
          sub_add(t, *p);
        p++;
        break;
    }
  }
}
