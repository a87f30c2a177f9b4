/* CRC-32C: with the instruction where there is one, else by a table. */
#include <stdio.h>
#include <string.h>

#include "load.h"

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc_fast(uint32_t crc, const uint8_t *p, size_t n) {
  uint64_t wide = crc;
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = (uint32_t)wide;
  while (n-- > 0) crc = _mm_crc32_u8(crc, *p++);
  return crc;
}
#endif

static uint32_t crc_table(uint32_t crc, const uint8_t *p, size_t n) {
  static uint32_t table[256];
  if (table[1] == 0) {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t k = i;
      for (int bit = 0; bit < 8; bit++) k = k & 1 ? (k >> 1) ^ 0x82f63b78u : k >> 1;
      table[i] = k;
    }
  }
  while (n-- > 0) crc = table[(crc ^ *p++) & 255] ^ (crc >> 8);
  return crc;
}

void sum_add(struct sum *sum, const uint8_t *bytes, size_t length) {
  sum->length += length;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) {
    sum->crc = crc_fast(sum->crc, bytes, length);
    return;
  }
#endif
  sum->crc = crc_table(sum->crc, bytes, length);
}

bool sum_equal(struct sum a, struct sum b) { return a.length == b.length && a.crc == b.crc; }

struct sum sum_of_file(const char *path, bool onlcr) {
  static uint8_t in[1 << 16], out[2 << 16];
  struct sum sum = EMPTY_SUM;
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail("cannot open %s", path);
  size_t n;
  while ((n = fread(in, 1, sizeof in, file)) > 0) {
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
      if (onlcr && in[i] == '\n') out[k++] = '\r';
      out[k++] = in[i];
    }
    sum_add(&sum, out, k);
  }
  fclose(file);
  return sum;
}
