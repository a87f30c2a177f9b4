/** Each allocation, in bytes. */
const SIZE = 32 * 1024;
/** Up to this size, in bytes, a piece shares an allocation with others. */
const LARGEST_SHARED = 8 * 1024;

/** Memory for pieces of bytes. */
export interface Slab {
  readonly bytes: Uint8Array;
  /** The same memory. */
  readonly view: DataView;
  /** What lies before this has been given away, and is not written again. */
  used: number;
}

let shared: Slab | undefined;

/**
 * A slab with room for `size` bytes behind what is used of it, for the caller to write to before it does anything else.
 *
 * An allocation for each piece would cost more than to fill it, and a buffer that is used again would change under
 * whoever still holds what was in it, such as a socket that waits. So pieces are cut from an allocation one after the
 * other; the collector frees it after the last of them. The first piece of a connection to wait may thereby keep 32 KiB.
 */
export function slabFor(size: number): Slab {
  if (size > LARGEST_SHARED) return newSlab(size);
  if (shared === undefined || shared.used + size > SIZE) shared = newSlab(SIZE);
  return shared;
}

/** The piece from what was used so far to `end`. It is the caller's, to keep or to pass on. */
export function cut(slab: Slab, end: number): Uint8Array {
  const piece = slab.bytes.subarray(slab.used, end);
  slab.used = end;
  return piece;
}

function newSlab(size: number): Slab {
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer), used: 0 };
}
