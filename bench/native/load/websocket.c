/*
 * WebSockets (RFC 6455). With ttyd the first byte of a message says what it is, and '0' is the terminal's data; with
 * telpty's gateway messages carry Telnet.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

void websocket_open(struct conn *c) {
  static const char ttyd[] = "tty", gateway[] = "telnet.mudstandards.org";
  char request[512];
  int length = snprintf(request, sizeof request,
      "GET /ws HTTP/1.1\r\n"
      "Host: 127.0.0.1\r\n"
      "Upgrade: websocket\r\n"
      "Connection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      "Sec-WebSocket-Protocol: %s\r\n"
      "Sec-WebSocket-Version: 13\r\n\r\n", options.protocol == TTYD ? ttyd : gateway);
  conn_put(c, request, (size_t)length);
}

/* A binary message, `kind` first unless it is 0, masked with 0. */
void websocket_send(struct conn *c, char kind, const void *bytes, size_t length) {
  uint8_t *frame = malloc(length + 16);
  size_t total = length + (kind != 0), n = 0;
  frame[n++] = 0x82;
  if (total < 126) {
    frame[n++] = (uint8_t)(0x80 | total);
  } else {
    int octets = total < 65536 ? 2 : 8;
    frame[n++] = octets == 2 ? 0x80 | 126 : 0x80 | 127;
    while (octets-- > 0) frame[n++] = (uint8_t)((uint64_t)total >> (8 * octets));
  }
  memset(frame + n, 0, 4);
  n += 4;
  if (kind != 0) frame[n++] = (uint8_t)kind;
  memcpy(frame + n, bytes, length);
  conn_put(c, frame, n + length);
  free(frame);
}

/* The answer to the request, up to its empty line. */
static size_t handshake(struct conn *c, const uint8_t *p, size_t length) {
  struct websocket_state *w = &c->ws;
  for (size_t i = 0; i < length; i++) {
    memmove(w->http, w->http + 1, 3);
    w->http[3] = (char)p[i];
    if (memcmp(w->http, "\r\n\r\n", 4)) continue;
    static const char hello[] = "{\"AuthToken\":\"\",\"columns\":80,\"rows\":24}";
    w->up = true;
    if (options.protocol == TTYD) websocket_send(c, 0, hello, sizeof hello - 1);
    return i + 1;
  }
  return length;
}

/* One more byte of a frame's head. */
static void head(struct conn *c, uint8_t byte) {
  struct websocket_state *w = &c->ws;
  w->head[w->head_length++] = byte;
  if (w->head_length < 2) return;
  int code = w->head[1] & 127, octets = code == 126 ? 2 : code == 127 ? 8 : 0;
  if (w->head_length < 2 + octets) return;
  uint64_t length = octets ? 0 : (uint64_t)code;
  for (int i = 0; i < octets; i++) length = length << 8 | w->head[2 + i];
  int opcode = w->head[0] & 15;
  w->head_length = 0;
  w->left = length;
  w->skip = opcode > 2;
  w->first = opcode == 1 || opcode == 2;
  if (opcode == 8) c->eof = true;
}

void websocket_receive(struct conn *c, const uint8_t *p, size_t length) {
  struct websocket_state *w = &c->ws;
  if (!w->up) {
    size_t used = handshake(c, p, length);
    p += used;
    length -= used;
  }
  while (length > 0) {
    if (w->left == 0) {
      head(c, *p++);
      length--;
      continue;
    }
    size_t run = length < w->left ? length : (size_t)w->left, skip = 0;
    if (w->first && options.protocol == TTYD) {
      w->skip = *p != '0';
      skip = 1;
    }
    w->first = false;
    if (!w->skip && options.protocol == GATEWAY) telnet_receive(c, p, run);
    if (!w->skip && options.protocol == TTYD) conn_payload(c, p + skip, run - skip);
    p += run;
    length -= run;
    w->left -= run;
  }
}
