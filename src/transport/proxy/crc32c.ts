/** CRC-32C (Castagnoli; RFC 3720, appendix B.4). Not the CRC-32 of zlib, which has another polynomial. */

/** The polynomial, with the lowest power first. */
const POLYNOMIAL = 0x82f63b78;

/** Computed bit by bit, because the inputs are few and short: a table would take more space than it saves time. */
export function crc32c(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
  }
  return ~crc >>> 0;
}
