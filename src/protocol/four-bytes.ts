/**
 * Processing of four bytes at a time. JavaScript takes about two nanoseconds to test and copy a byte, and not much more
 * for a 32-bit integer. If one byte in a hundred must be changed, changes are too frequent for `indexOf` and block
 * copies. These take 20 to 50 nanoseconds per call. But nearly all of its words can still be copied unchanged.
 *
 * Words are read and written little-endian on every machine, so the lowest bits are the first byte.
 */

const ONES = 0x01010101;
const HIGHS = 0x80808080;

/** A word with `byte` in each of its four bytes. */
export function repeat(byte: number): number {
  return (byte * ONES) | 0;
}

/**
 * Searches a word for a byte; `pattern` is the {@link repeat} of that byte. Returns 0 if the byte is not found;
 * otherwise the lowest set bit is in the first byte that matches. (Higher bits may be set by mistake, because the
 * subtraction borrows.)
 */
export function find(word: number, pattern: number): number {
  const zero = word ^ pattern;
  return (zero - ONES) & ~zero & HIGHS;
}

/** The position, 0 to 3, of the first match. `found` must not be 0; it may be the union of several searches. */
export function first(found: number): number {
  return (31 - Math.clz32(found & -found)) >> 3;
}

/**
 * Copies from `source` at `from` to `target` at `at`, by words. The copy ends before the first byte that matches one of
 * two patterns (see {@link repeat}), or when fewer than 8 bytes remain before `end`. These are not examined. Up to 8
 * bytes after the copied bytes may be written as well, so `target` needs room for them.
 *
 * @returns the number of bytes copied
 */
export function copyPlain(
  source: DataView,
  from: number,
  end: number,
  target: DataView,
  at: number,
  one: number,
  other: number,
): number {
  const start = from;
  for (; from <= end - 8; from += 8, at += 8) {
    const low = source.getInt32(from, true);
    const high = source.getInt32(from + 4, true);
    target.setInt32(at, low, true);
    target.setInt32(at + 4, high, true);
    const inLow = find(low, one) | find(low, other);
    const inHigh = find(high, one) | find(high, other);
    if ((inLow | inHigh) !== 0) return from - start + (inLow === 0 ? 4 + first(inHigh) : first(inLow));
  }
  return from - start;
}
