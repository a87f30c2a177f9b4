/*
 * datagen ascii|ansi|bin BYTES FILE: the data files, the same on every machine (xorshift with a fixed seed).
 *
 *   ascii  lines of 20 to 119 printable characters
 *   ansi   short runs of colours, box drawing, CJK and emoji in UTF-8
 *   bin    random bytes, one in eight of them 255
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed = 88172645463325252u;

static uint64_t random64(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

static size_t random_bytes(char *out) {
  uint64_t r = random64();
  for (int i = 0; i < 7; i++) {
    unsigned char byte = (unsigned char)(r >> (8 * i));
    if ((byte & 3) == 0 && (r >> (56 + i) & 1)) byte = 255;
    out[i] = (char)byte;
  }
  return 7;
}

static size_t ascii_line(char *out) {
  size_t length = 20 + random64() % 100;
  for (size_t i = 0; i < length; i++) {
    uint64_t r = random64();
    out[i] = (char)(r % 6 == 0 ? ' ' : 33 + (r >> 8) % 94);
  }
  out[length] = '\n';
  return length + 1;
}

static size_t ansi_line(char *out) {
  static const char *const words[] = {"─", "│", "█", "中", "文", "한", "😀", "é", "λ", "ok", "src/main.c", " ", " ", "error:", "42"};
  char *p = out;
  int runs = 4 + (int)(random64() % 12);
  while (runs-- > 0) {
    uint64_t r = random64();
    if (r & 1)
      p += sprintf(p, "\x1b[38;5;%dm", (int)(r >> 8 & 255));
    else
      p += sprintf(p, "\x1b[1;%dm", 31 + (int)((r >> 8) % 7));
    for (int n = 1 + (int)((r >> 20) % 8); n > 0; n--) p += sprintf(p, "%s", words[random64() % 15]);
    p += sprintf(p, "\x1b[0m");
  }
  *p++ = '\n';
  return (size_t)(p - out);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  size_t (*next)(char *) = !strcmp(argv[1], "bin") ? random_bytes : !strcmp(argv[1], "ansi") ? ansi_line : ascii_line;
  size_t size = strtoull(argv[2], NULL, 10), n = 0;
  char *data = malloc(size + 4096);
  FILE *file = fopen(argv[3], "wb");
  if (data == NULL || file == NULL) {
    perror(argv[3]);
    return 1;
  }
  while (n < size) n += next(data + n);
  /* whole lines, and never more than was asked for */
  if (n > size) n = size;
  if (next != random_bytes)
    while (n > 0 && data[n - 1] != '\n') n--;
  return fwrite(data, 1, n, file) == n && fclose(file) == 0 ? 0 : 1;
}
