/** `indexOf` with the chunk's length for "none"; a run of the same byte costs no call for each. */
export function find(chunk: Uint8Array, byte: number, from: number): number {
  if (chunk[from] === byte) return from;
  const found = chunk.indexOf(byte, from);
  return found < 0 ? chunk.length : found;
}
