/** CRC-32C (Castagnoli; RFC 3720, appendix B.4). Not the CRC-32 of zlib, which has another polynomial. */

/** The polynomial, its lowest power first. */
const POLYNOMIAL = 0x82f63b78;

/** For few and short texts, so bit by bit: a table would take more room than it saves time. */
export function crc32c(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
  }
  return ~crc >>> 0;
}
