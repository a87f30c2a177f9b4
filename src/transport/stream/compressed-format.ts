/** Detects the format of a compressed stream from its first bytes. */

/**
 * `'zlib'` (RFC 1950), or `'any'`: zlib, gzip (RFC 1952), or deflate without a frame (RFC 1951), detected by the first
 * bytes.
 */
export type CompressedFormat = 'zlib' | 'any';

export interface CompressedHeader {
  /** Length of what precedes the deflate or zlib data, in bytes. */
  readonly length: number;
  /** Whether the data has no frame (raw deflate). */
  readonly isRaw: boolean;
  /** Length of the trailer after the data, in bytes: a checksum and a length. */
  readonly trailer: number;
}

const ZLIB: CompressedHeader = { length: 0, isRaw: false, trailer: 0 };
const RAW: CompressedHeader = { length: 0, isRaw: true, trailer: 0 };
const GZIP_TRAILER = 8;

const DEFLATE = 8;

/**
 * The header of a stream that begins with these bytes; undefined if they are too few to decide. Raw deflate never
 * begins like the others. As a first byte, `x8` would be a stored block with padding that is not zero. 1F is a block
 * type that does not exist.
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

/** Fixed fields, then an extra field preceded by its length, texts that end in NUL, and a checksum of the header. */
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
