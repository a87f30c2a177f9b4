/*
 * Output in UTF-8 as the text of a JSON string, for recordings, and the copy of output to the memory of a batch.
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

/* One byte becomes at most \u001b. */
#define MOST_PER_BYTE 6

#define REPEATED(byte) (UINT64_C(0x0101010101010101) * (byte))

/*
 * Which of eight bytes are not copied as they are: all but 20 to 7E without the quotation mark and the backslash. The
 * lowest bit that is set belongs to the first of them; higher bits may be set in vain. So a special byte costs one
 * wrong prediction of the processor, and not one for each byte before it.
 */
static uint64_t specials(uint64_t word) {
  const uint64_t quotation = word ^ REPEATED('"'), backslash = word ^ REPEATED('\\'), del = word ^ REPEATED(0x7f);
  const uint64_t below_space = (word - REPEATED(0x20)) & ~word;
  const uint64_t equal = ((quotation - REPEATED(1)) & ~quotation) | ((backslash - REPEATED(1)) & ~backslash) |
                         ((del - REPEATED(1)) & ~del);
  return (word | below_space | equal) & REPEATED(0x80);
}

/* The first byte is the lowest one. */
static uint64_t load_word(const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

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

/*
 * The same if at least four bytes follow, and eight have room: the length of a character causes no branch. Terminals
 * get text in which lengths change with every character, so that the processor would predict them wrongly.
 */
static inline char *put_special_quickly(char *out, const uint8_t **at, const uint8_t *end) {
  /* of characters by the upper four bits of the first byte, from C0 on: the length, and the bits that show it */
  static const struct { uint32_t mask, bits; uint8_t length, shift; } forms[4] = {
      {0xe0c00000, 0xc0800000, 2, 16}, {0xe0c00000, 0xc0800000, 2, 16},
      {0xf0c0c000, 0xe0808000, 3, 8}, {0xf8c0c0c0, 0xf0808080, 4, 0}};
  const uint8_t lead = **at;
  if (lead < 0x80) {
    memcpy(out, quoted[lead].text, 8);
    ++*at;
    return out + quoted[lead].length;
  }
  const uint8_t *const byte = *at;
  const uint32_t word = (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 | (uint32_t)byte[2] << 8 | byte[3];
  if (lead < 0xc2) return put_character(out, at, end);
  const unsigned form = (lead >> 4) - 12u;
  const uint32_t bits = word >> forms[form].shift;
  const uint32_t character =
      ((bits & 0x3f) | (bits & 0x3f00) >> 2 | (bits & 0x3f0000) >> 4 | (bits & 0x7000000) >> 6) &
      ((UINT32_C(1) << (forms[form].length * 5 + 1)) - 1);
  /* excludes encodings that are too long */
  static const uint32_t least[4] = {0x80, 0x80, 0x800, 0x10000};
  const bool is_valid = ((word & forms[form].mask) == forms[form].bits) & (character >= least[form]) &
                        (character <= 0x10ffff) & (character - 0xd800 >= 0x800);
  if (!is_valid || is_unseen(character)) return put_character(out, at, end);
  memcpy(out, byte, 4);
  *at += forms[form].length;
  return out + forms[form].length;
}

/* `out` has room for MOST_PER_BYTE times the length. Returns the end of the text. */
static char *put_text(char *out, const uint8_t *bytes, size_t length) {
  const uint8_t *at = bytes, *const end = bytes + length;
  while (end - at >= 8) {
    const uint64_t found = specials(load_word(at));
    memcpy(out, at, 8);
    const int plain = found == 0 ? 8 : __builtin_ctzll(found) / 8;
    at += plain;
    out += plain;
    if (found == 0) continue;
    /* they often come in a row */
    while (end - at >= 8 && !is_plain(*at)) out = put_special_quickly(out, &at, end);
  }
  while (at < end) {
    if (is_plain(*at))
      *out++ = (char)*at++;
    else
      out = put_special(out, &at, end);
  }
  return out;
}

/* The arguments of the functions below: bytes, and the memory from index `at` of `out` on. */
struct target {
  void *bytes;
  char *out;
  size_t length, room;
  uint32_t at;
};

static bool get_target(napi_env env, napi_callback_info info, struct target *target) {
  napi_value args[3];
  void *out;
  if (!get_args(env, info, 3, args) || !get_bytes(env, args[0], 1, &target->bytes, &target->length) ||
      !get_bytes(env, args[1], 1, &out, &target->room) || napi_get_value_uint32(env, args[2], &target->at) != napi_ok)
    return false;
  const size_t before = target->at < target->room ? target->at : target->room;
  target->out = (char *)out + before;
  target->room -= before;
  return true;
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

/*
 * copyBytes(bytes, out, at): copies them to index `at` of `out`, and throws a RangeError if there is no room. In
 * JavaScript, a copy to shared memory is made word by word, as if another thread read it meanwhile.
 */
static napi_value js_copy_bytes(napi_env env, napi_callback_info info) {
  struct target target;
  if (!get_target(env, info, &target)) return NULL;
  if (target.length > target.room)
    napi_throw_range_error(env, NULL, "telpty addon: no room for the bytes");
  else if (target.length > 0)
    memcpy(target.out, target.bytes, target.length);
  return NULL;
}

void json_text_exports(napi_env env, napi_value exports) {
  static uv_once_t once = UV_ONCE_INIT;
  uv_once(&once, make_quoted);
  export_function(env, exports, "jsonText", js_json_text);
  export_function(env, exports, "copyBytes", js_copy_bytes);
}
