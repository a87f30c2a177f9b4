/** Size of each allocation, in bytes. */
const SIZE = 32 * 1024;
/** Pieces up to this size, in bytes, share an allocation. */
const LARGEST_SHARED = 8 * 1024;

/** Memory from which pieces are cut. */
export interface Slab {
  readonly bytes: Uint8Array;
  /** The same memory. */
  readonly view: DataView;
  /** The bytes before this offset have been handed out, and are not written again. */
  used: number;
}

let shared: Slab | undefined;

/**
 * A slab with room for `size` bytes after its used part. The caller must write to it, and cut the piece, before it
 * calls anything else.
 *
 * An allocation for each piece would cost more than filling it. A reused buffer would change under a holder of its
 * earlier content, such as a socket with a pending write. So pieces are cut from an allocation one after the other, and
 * the garbage collector frees the allocation after the last of them. As a result, the first pending piece of a
 * connection may keep 32 KiB alive.
 */
export function slabFor(size: number): Slab {
  if (size > LARGEST_SHARED) return newSlab(size);
  if (shared === undefined || shared.used + size > SIZE) shared = newSlab(SIZE);
  return shared;
}

/** The piece from the end of the used part to `end`. The caller owns it and may pass it on. */
export function cut(slab: Slab, end: number): Uint8Array {
  const piece = slab.bytes.subarray(slab.used, end);
  slab.used = end;
  return piece;
}

/** Size of {@link scratchFor}, in bytes: enough for a large read of a terminal, with every byte doubled. */
const SCRATCH_SIZE = 256 * 1024;
let scratch: Slab | undefined;

/**
 * Memory for a large result whose size is not known, that is copied out by {@link copyOut} at once; `undefined` if the
 * result is small, or may be too large. New memory for the largest possible result would have to be cleared, and the
 * first use of each page of it costs more than a copy.
 */
export function scratchFor(size: number, most: number): Slab | undefined {
  if (size <= LARGEST_SHARED || most > SCRATCH_SIZE) return undefined;
  scratch ??= newSlab(SCRATCH_SIZE);
  return scratch;
}

/** A copy of what was written to the scratch memory. The caller owns it and may pass it on. */
export function copyOut({ bytes }: Slab, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(0, end));
}

function newSlab(size: number): Slab {
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer), used: 0 };
}
