/* The flood's records: 64 bytes each on the wire (62 and CR LF), numbered, so that a reader can check every byte. */
#ifndef RECORDS_H
#define RECORDS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define RECORD_BYTES 64

/* Writes `count` records from number `first` on; a line ends in CR LF or, for a terminal that adds the CR, in LF. */
static inline size_t records(char *out, uint64_t first, int count, int with_cr) {
  char *p = out;
  for (int i = 0; i < count; i++) {
    uint64_t v = first + (uint64_t)i;
    for (int digit = 15; digit >= 0; digit--) {
      p[digit] = (char)('0' + v % 10);
      v /= 10;
    }
    memcpy(p + 16, " the quick brown fox jumps over the lazy dog --", 46);
    p += 62;
    if (with_cr) *p++ = '\r';
    *p++ = '\n';
  }
  return (size_t)(p - out);
}

#endif
