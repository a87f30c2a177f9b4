/**
 * `indexOf` that returns the length of the chunk if the byte is not found. A run of the same byte costs no call per
 * byte.
 */
export function find(chunk: Uint8Array, byte: number, from: number): number {
  if (chunk[from] === byte) return from;
  const found = chunk.indexOf(byte, from);
  return found < 0 ? chunk.length : found;
}
