/** What a compressed stream is, from how it begins. */

/** `'zlib'` (RFC 1950), or whatever it shows to be: that, gzip (RFC 1952), or deflate without a frame (RFC 1951). */
export type CompressedFormat = 'zlib' | 'any';

export interface CompressedHeader {
  /** Of what stands before the part that zlib is to read, in bytes. */
  readonly length: number;
  /** Whether that part is without a frame. */
  readonly isRaw: boolean;
  /** Of what stands behind it, in bytes: a sum and a length. */
  readonly trailer: number;
}

const ZLIB: CompressedHeader = { length: 0, isRaw: false, trailer: 0 };
const RAW: CompressedHeader = { length: 0, isRaw: true, trailer: 0 };
const GZIP_TRAILER = 8;

const DEFLATE = 8;

/**
 * Finds out what begins with these bytes; undefined: they are too few to tell. Bare deflate never begins as the others do: as a
 * first byte, `x8` would be a stored block with padding that is not zero, and 1F is a kind of block that does not exist.
 */
export function headerOf(bytes: Uint8Array, format: CompressedFormat): CompressedHeader | undefined {
  if (format === 'zlib') return ZLIB;
  const [first, second] = bytes;
  if (first === undefined) return undefined;
  if ((first & 0x0f) === DEFLATE) {
    if (second === undefined) return undefined;
    return ((first << 8) | second) % 31 === 0 ? ZLIB : RAW;
  }
  if (first !== 0x1f) return RAW;
  if (second === undefined) return undefined;
  return second === 0x8b ? gzipHeader(bytes) : RAW;
}

const FLAGS = { HEADER_SUM: 2, EXTRA: 4, NAME: 8, COMMENT: 16 } as const;

/** Fixed fields, then an extra field with its length in front, texts that end in NUL, and a sum of the header. */
function gzipHeader(bytes: Uint8Array): CompressedHeader | undefined {
  const flags = bytes[3] ?? 0;
  let length = 10;
  if (flags & FLAGS.EXTRA) {
    if (bytes.length < length + 2) return undefined;
    length += 2 + bytes[length]! + 256 * bytes[length + 1]!;
  }
  for (const text of [FLAGS.NAME, FLAGS.COMMENT]) {
    if (!(flags & text)) continue;
    const end = bytes.indexOf(0, length);
    if (end < 0) return undefined;
    length = end + 1;
  }
  if (flags & FLAGS.HEADER_SUM) length += 2;
  return bytes.length < length ? undefined : { length, isRaw: true, trailer: GZIP_TRAILER };
}
