/*
 * Output in UTF-8 as the text of a JSON string, for recordings.
 *
 * JavaScript would decode the bytes to a string, quote it, look for more to quote and encode it again. That takes
 * several times the CPU time of this, and leaves garbage of several times the size of the output.
 *
 * The result is what JSON.stringify() makes of the decoded bytes, with more characters quoted: those that `cat` must
 * not show. They are the same as in src/recording/asciicast.ts, which a test verifies for each character. Invalid bytes
 * become U+FFFD, as often as the decoder of the WHATWG encoding standard says: once for each byte that cannot begin a
 * character, and for each beginning of a character that cannot go on.
 */
#include "telpty.h"

#include <string.h>

/* Every x86-64 processor has SSE2. The sanitizers' builds are of both versions. */
#if defined(__SSE2__) && !defined(TELPTY_NO_SIMD)
#define HAS_SSE2
#include <emmintrin.h>
#endif

/* One byte becomes at most \u001b. */
#define MOST_PER_BYTE 6

/* How many bytes are examined at once. A number has a bit for each. */
#define BLOCK 64

/* How many bytes are examined one by one after a character that is not copied as it is: more of its kind may follow. */
#define SLOW_BYTES 32

static bool is_plain(uint8_t byte) { return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\'; }

static char *put_unit(char *out, unsigned unit) {
  static const char digits[] = "0123456789abcdef";
  *out++ = '\\';
  *out++ = 'u';
  for (int shift = 12; shift >= 0; shift -= 4) *out++ = digits[(unit >> shift) & 15];
  return out;
}

/* A character that is quoted with its number: two for one beyond U+FFFF, as in UTF-16. */
static char *put_quoted(char *out, uint32_t character) {
  if (character < 0x10000) return put_unit(out, character);
  out = put_unit(out, 0xd800 + ((character - 0x10000) >> 10));
  return put_unit(out, 0xdc00 + (character & 0x3ff));
}

/* ASCII that is quoted. Eight bytes are copied and not as many as are used: that needs no branch. */
static struct { char text[8]; uint8_t length; } quoted[128];

static void make_quoted(void) {
  static const char letters[128] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',   ['\f'] = 'f',
                                    ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
  for (unsigned byte = 0; byte < 128; byte++) {
    char *const text = quoted[byte].text;
    if (letters[byte] == 0) {
      quoted[byte].length = (uint8_t)(put_unit(text, byte) - text);
    } else {
      text[0] = '\\';
      text[1] = letters[byte];
      quoted[byte].length = 2;
    }
  }
}

static char *put_invalid(char *out) {
  memcpy(out, "\xef\xbf\xbd", 3);
  return out + 3;
}

/* Invisible characters, and those that reverse the direction of text. */
static const struct { uint32_t first, last; } UNSEEN[] = {
    {0x80, 0x9f}, {0xad, 0xad}, {0x600, 0x605}, {0x61c, 0x61c}, {0x6dd, 0x6dd}, {0x70f, 0x70f}, {0x890, 0x891},
    {0x8e2, 0x8e2}, {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x2064}, {0x2066, 0x206f},
    {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f},
    {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0001, 0xe0001}, {0xe0020, 0xe007f}};

static bool is_unseen(uint32_t character) {
  /* nearly all characters of real text: Latin to Cyrillic, boxes to Hangul, emoji; combined without branches */
  if ((character - 0xae < 0x600 - 0xae) | (character - 0x2070 < 0xfeff - 0x2070) |
      (character - 0x1d17b < 0xe0001 - 0x1d17b))
    return false;
  for (size_t i = 0; i < sizeof UNSEEN / sizeof *UNSEEN && character >= UNSEEN[i].first; i++)
    if (character <= UNSEEN[i].last) return true;
  return false;
}

/* The character that begins with a byte from 80 on, or what is left of one. `*at` moves to what follows. */
static char *put_character(char *out, const uint8_t **at, const uint8_t *end) {
  const uint8_t *const begin = *at;
  const uint8_t lead = *begin;
  /* the range of the second byte excludes encodings that are too long, surrogates, and what is beyond U+10FFFF */
  uint8_t low = 0x80, high = 0xbf;
  unsigned length;
  *at = begin + 1;
  if (lead < 0xc2 || lead > 0xf4) return put_invalid(out);
  if (lead < 0xe0) {
    length = 2;
  } else if (lead < 0xf0) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  }
  uint32_t character = lead & (0x7fu >> length);
  for (unsigned i = 1; i < length; i++) {
    if (begin + i == end || begin[i] < low || begin[i] > high) return put_invalid(out);
    character = character << 6 | (begin[i] & 0x3f);
    *at = begin + i + 1;
    low = 0x80;
    high = 0xbf;
  }
  if (is_unseen(character)) return put_quoted(out, character);
  memcpy(out, begin, length);
  return out + length;
}

static char *put_special(char *out, const uint8_t **at, const uint8_t *end) {
  if (**at >= 0x80) return put_character(out, at, end);
  const uint8_t byte = *(*at)++;
  memcpy(out, quoted[byte].text, quoted[byte].length);
  return out + quoted[byte].length;
}

/* Bytes of a block: the lowest bit is that of the first byte. */
struct found { uint64_t quoted, beyond_ascii; };

#ifdef HAS_SSE2
static inline struct found find(const uint8_t *block) {
  struct found found = {0, 0};
  for (int i = 0; i < BLOCK; i += 16) {
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(block + i));
    /* The comparison is signed: bytes from 80 on are less than a space, and are taken out. */
    const __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));
    const __m128i others = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                                     _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))),
                                        _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)));
    found.quoted |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_or_si128(low, others)) << i;
    found.beyond_ascii |= (uint64_t)(unsigned)_mm_movemask_epi8(bytes) << i;
  }
  found.quoted &= ~found.beyond_ascii;
  return found;
}
#else
#define REPEATED(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The first byte is the lowest one. */
static uint64_t load_word(const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

/* The highest bits of eight bytes. */
static inline uint64_t bits_of(uint64_t word) {
  return ((word & REPEATED(0x80)) >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

/* 80 for each of eight bytes that is not `byte`. */
static inline uint64_t others(uint64_t word, uint8_t byte) {
  const uint64_t difference = word ^ REPEATED(byte);
  return ((difference & REPEATED(0x7f)) + REPEATED(0x7f)) | difference;
}

static inline struct found find(const uint8_t *block) {
  struct found found = {0, 0};
  for (int i = 0; i < BLOCK; i += 8) {
    const uint64_t word = load_word(block + i);
    const uint64_t from_space = ((word & REPEATED(0x7f)) + REPEATED(0x60)) | word;
    const uint64_t plain = from_space & others(word, 0x7f) & others(word, '"') & others(word, '\\');
    found.quoted |= bits_of(~plain) << i;
    found.beyond_ascii |= bits_of(word) << i;
  }
  return found;
}
#endif

/*
 * The length of a character that is copied as it is, which begins with a byte from 80 on; 0 for any other. Four bytes
 * can be read.
 */
static inline unsigned seen_length(const uint8_t *at) {
  /* by the upper four bits of the first byte, from 8 on: the length, and the bits that show it */
  static const struct { uint32_t mask, bits, least; uint8_t length, shift; } forms[8] = {
      {0, 1, 0, 0, 0}, {0, 1, 0, 0, 0}, {0, 1, 0, 0, 0}, {0, 1, 0, 0, 0},
      {0xe0c00000, 0xc0800000, 0x80, 2, 16}, {0xe0c00000, 0xc0800000, 0x80, 2, 16},
      {0xf0c0c000, 0xe0808000, 0x800, 3, 8}, {0xf8c0c0c0, 0xf0808080, 0x10000, 4, 0}};
  const uint32_t word = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
  const unsigned form = (word >> 28) - 8u;
  const uint32_t bits = word >> forms[form].shift;
  const uint32_t character =
      ((bits & 0x3f) | (bits & 0x3f00) >> 2 | (bits & 0x3f0000) >> 4 | (bits & 0x7000000) >> 6) &
      ((UINT32_C(1) << (forms[form].length * 5 + 1)) - 1);
  /* excludes encodings that are too long, and surrogates */
  const bool is_valid = ((word & forms[form].mask) == forms[form].bits) & (character >= forms[form].least) &
                        (character <= 0x10ffff) & (character - 0xd800 >= 0x800);
  return is_valid && !is_unseen(character) ? forms[form].length : 0;
}

/* Copies `length` bytes, BLOCK at most. More are read and written, so that nearly all lengths take the same branch. */
static inline char *put_plain(char *out, const uint8_t *bytes, unsigned length) {
  memcpy(out, bytes, 16);
  if (length > 16) memcpy(out + 16, bytes + 16, BLOCK - 16);
  return out + length;
}

/* The bytes of a block before `limit`. As many bytes follow it as a block has, and twice that have room. */
static inline char *put_block(char *out, const uint8_t *block, uint64_t quotes, unsigned limit) {
  unsigned from = 0;
  for (; quotes != 0; quotes &= quotes - 1) {
    const unsigned to = (unsigned)__builtin_ctzll(quotes);
    out = put_plain(out, block + from, to - from);
    memcpy(out, quoted[block[to]].text, 8);
    out += quoted[block[to]].length;
    from = to + 1;
  }
  return put_plain(out, block + from, limit - from);
}

/* One character after the other, until `*at` is at `stop` or after it. */
static char *put_slowly(char *out, const uint8_t **at, const uint8_t *stop, const uint8_t *end) {
  while (*at < stop) {
    if (is_plain(**at))
      *out++ = (char)*(*at)++;
    else
      out = put_special(out, at, end);
  }
  return out;
}

/*
 * `out` has room for MOST_PER_BYTE times the length. Returns the end of the text.
 *
 * In output for terminals, the lengths of text and of characters change all the time, and the processor would predict
 * each of them wrongly. So the bytes of a block that need attention are found without a branch, as bits.
 */
static char *put_text(char *out, const uint8_t *bytes, size_t length) {
  const uint8_t *at = bytes, *const end = bytes + length;
  unsigned checked = 0; /* bytes of the next block that belong to a character of this one */
  while (end - at >= BLOCK + BLOCK) {
    const struct found found = find(at);
    unsigned limit = BLOCK;
    uint64_t characters = found.beyond_ascii & ~UINT64_C(0) << checked;
    checked = 0;
    while (characters != 0) {
      const unsigned place = (unsigned)__builtin_ctzll(characters);
      const unsigned size = seen_length(at + place);
      if (size == 0) {
        limit = place;
        break;
      }
      if (place + size >= BLOCK) {
        checked = place + size - BLOCK;
        break;
      }
      characters &= ~UINT64_C(0) << (place + size);
    }
    if (limit == BLOCK) {
      out = put_block(out, at, found.quoted, BLOCK);
      at += BLOCK;
    } else {
      out = put_block(out, at, found.quoted & ((UINT64_C(1) << limit) - 1), limit);
      at += limit;
      out = put_slowly(out, &at, end - at > SLOW_BYTES ? at + SLOW_BYTES : end, end);
    }
  }
  for (; checked > 0; checked--) *out++ = (char)*at++;
  return put_slowly(out, &at, end, end);
}

/*
 * jsonText(bytes, out, at): writes the text into `out` from index `at` on, and returns the index after it; -1 if `out`
 * has less room than the longest text of that many bytes.
 */
static napi_value js_json_text(napi_env env, napi_callback_info info) {
  struct target target;
  if (!get_target(env, info, &target)) return NULL;
  if (target.length > target.room / MOST_PER_BYTE) return js_int(env, -1);
  return js_int(env, put_text(target.out, target.bytes, target.length) - target.out + target.at);
}

void json_text_exports(napi_env env, napi_value exports) {
  static uv_once_t once = UV_ONCE_INIT;
  uv_once(&once, make_quoted);
  export_function(env, exports, "jsonText", js_json_text);
}
