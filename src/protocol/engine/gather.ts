import { Command } from '../constants.ts';
import { copyPlain, repeat } from '../four-bytes.ts';
import { cut, slabFor } from './slab.ts';

const { IAC } = Command;
const NUL = 0;
const LF = 10;
const CR = 13;
const IACS = repeat(IAC);
const CRS = repeat(CR);
/** Of the input, in bytes: what a session takes at once. */
const LONGEST = 8 * 1024 - 8;

/** What is taken out of data behind a CR; see parser.ts. Under BINARY it is nothing. */
export type Swallowed = 'nothing' | 'NUL' | 'NUL and LF';

/** Data that was gathered. */
export interface Gathered {
  /** Memory that is not written again. */
  readonly data: Uint8Array;
  /** How far the chunk is used. */
  readonly end: number;
}

/**
 * Undoes IAC IAC and the ends of lines from `start` on, where a piece of data stands that is not the second half of
 * anything: into one run, up to a command, the end of the chunk, or the longest that a run may be. An IAC with nothing
 * behind it is left where it is; a CR with nothing behind it is data.
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
    // One byte, and what belongs to it; after an IAC all that follow.
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
