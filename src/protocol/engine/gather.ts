import { Command } from '../constants.ts';
import { copyPlain, repeat } from '../four-bytes.ts';
import { cut, slabFor } from './slab.ts';

const { IAC } = Command;
const NUL = 0;
const LF = 10;
const CR = 13;
const IACS = repeat(IAC);
const CRS = repeat(CR);
/** Maximum number of input bytes for one piece of data: as many as a session takes in one call. */
const LONGEST = 8 * 1024 - 8;

/** The bytes that are removed from the data after a CR; see parser.ts. Under BINARY no byte is removed. */
export type Swallowed = 'nothing' | 'NUL' | 'NUL and LF';

/** Data that was gathered into one piece. */
export interface Gathered {
  /** Memory that is not written again. */
  readonly data: Uint8Array;
  /** Offset in the chunk of the first byte that was not used. */
  readonly end: number;
}

/**
 * Undoes IAC IAC and line endings from `start` on and writes the result as one piece of data. The byte at `start` must
 * not be the second half of a pair. The piece ends at a command, at the end of the chunk, or at the maximum length of a
 * piece. If the chunk ends after an IAC, that IAC is not used; if it ends after a CR, the CR is data.
 */
export function gather(chunk: Uint8Array, start: number, swallowed: Swallowed): Gathered {
  const end = Math.min(chunk.length, start + LONGEST);
  const slab = slabFor(end - start + 8);
  const { bytes, view } = slab;
  const source = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  const lineFeed = swallowed === 'NUL and LF' ? LF : NUL;
  const carriageReturns = swallowed === 'nothing' ? IACS : CRS;
  let from = start;
  let at = slab.used;
  while (from < end) {
    const plain = copyPlain(source, from, end, view, at, IACS, carriageReturns);
    from += plain;
    at += plain;
    if (from >= end) break;
    // One byte and its second half. After an IAC, the whole run of pairs.
    const byte = chunk[from]!;
    if (byte === IAC) {
      const pairs = from;
      while (from < end && chunk[from] === IAC && chunk[from + 1] === IAC) {
        bytes[at++] = IAC;
        from += 2;
      }
      if (from === pairs) break;
      continue;
    }
    bytes[at++] = byte;
    from++;
    if (byte !== CR || swallowed === 'nothing') continue;
    const next = chunk[from];
    if (next === NUL || next === lineFeed) from++;
  }
  return { data: cut(slab, at), end: from };
}
