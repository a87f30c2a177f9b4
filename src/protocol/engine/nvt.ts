import { Command } from '../constants.ts';
import { copyPlain, repeat } from '../four-bytes.ts';
import { copyOut, cut, type Slab, scratchFor, slabFor } from './slab.ts';

const { IAC, NOP, SB, SE } = Command;
const NUL = 0;
const LF = 10;
const CR = 13;
const IACS = repeat(IAC);
const CRS = repeat(CR);
const NUL_ALONE = Uint8Array.of(NUL);
const NUL_NOP = Uint8Array.of(NUL, IAC, NOP);

/**
 * Output. Data is sent in the form of the network virtual terminal (RFC 854, "The NVT printer and keyboard"). 255 is
 * doubled, and a CR is followed by LF or NUL. Under BINARY (RFC 856) only the doubling remains.
 *
 * A CR at the end of a write is the difficult case: only the next write shows whether NUL has to follow. Holding the CR
 * back would freeze a progress bar. Sending CR NUL at once would turn a CR LF cut between two writes into CR NUL LF,
 * which a server reads as two keys. So the CR is sent at once, and its NUL stays pending. The next write sends the NUL
 * first, unless that write begins with LF. A command, a negotiation, a subnegotiation or `flush()` sends it first, too,
 * because many receivers forget a CR as soon as an IAC follows.
 *
 * libtelnet's telnet-client prints data with printf("%.*s"). So it loses the bytes after a NUL, up to the end of what
 * it has read or up to the next IAC. Ending the packet after the NUL would not help: the client often reads two packets
 * at once. So NULs for this client are followed by IAC NOP, which ends a piece of data wherever the stream is cut.
 */

/** How data is escaped. `'nvt-separated'`: IAC NOP follows each NUL after a CR; see above. */
export type Escaping = 'nvt' | 'nvt-separated' | 'binary';

/** The bytes that complete a CR without LF. @param separated whether IAC NOP follows the NUL */
export function returnEnd(separated: boolean): Uint8Array {
  return separated ? NUL_NOP : NUL_ALONE;
}

/**
 * `data` in the form in which it is sent without BINARY (RFC 854).
 *
 * @param nulPending whether the output so far ends in a CR whose NUL is still pending
 * @param separated whether IAC NOP follows the NUL of a CR
 * @returns `data` itself, not a copy, if no byte has to change. A CR at its end is left without its NUL.
 */
export function escapeNvt(data: Uint8Array, nulPending: boolean, separated = false): Uint8Array {
  const pays = nulPending && data.length > 0 && data[0] !== LF;
  const first = Math.min(position(data, IAC), bareCarriageReturn(data));
  if (first === data.length && !pays) return data;
  return rewrite(data, first, pays, returnEnd(separated));
}

/**
 * `data` in the form in which it is sent under BINARY (RFC 856): 255 doubled. Returns `data` itself if it has no 255.
 */
export function escapeBinary(data: Uint8Array): Uint8Array {
  const first = position(data, IAC);
  return first === data.length ? data : rewrite(data, first, false, undefined);
}

/** Whether a NUL is pending after `data` was sent without BINARY. An empty write changes nothing. */
export function needsNul(data: Uint8Array, nulPending: boolean): boolean {
  return data.length === 0 ? nulPending : data[data.length - 1] === CR;
}

/** IAC and a command, preceded by the pending NUL of an earlier CR. */
export function frameCommand(code: number, nulPending = false): Uint8Array {
  return nulPending ? Uint8Array.of(NUL, IAC, code) : Uint8Array.of(IAC, code);
}

/** IAC, WILL, WONT, DO or DONT, and the code of an option. A code of 255 is not doubled here. */
export function frameNegotiation(verb: number, option: number, nulPending = false): Uint8Array {
  return nulPending ? Uint8Array.of(NUL, IAC, verb, option) : Uint8Array.of(IAC, verb, option);
}

/** IAC SB option payload IAC SE (RFC 855), 255 doubled in option and payload. */
export function frameSubnegotiation(option: number, payload: Uint8Array, nulPending = false): Uint8Array {
  const head = [...(nulPending ? [NUL] : []), IAC, SB, ...(option === IAC ? [IAC, IAC] : [option])];
  const body = escapeBinary(payload);
  const frame = new Uint8Array(head.length + body.length + 2);
  frame.set(head);
  frame.set(body, head.length);
  frame.set([IAC, SE], head.length + body.length);
  return frame;
}

function position(data: Uint8Array, byte: number): number {
  const found = data.indexOf(byte);
  return found < 0 ? data.length : found;
}

/** Position of the first CR that is followed by a byte other than LF. A CR at the very end does not count. */
function bareCarriageReturn(data: Uint8Array): number {
  const last = data.length - 1;
  for (let at = data.indexOf(CR); at >= 0 && at < last; at = data.indexOf(CR, at + 1)) {
    if (data[at + 1] !== LF) return at;
  }
  return data.length;
}

/**
 * The escaped form, in newly allocated memory that is not written again. The bytes before `first` need no escape.
 *
 * @param end the bytes that complete a CR without LF; `undefined` under BINARY
 */
function rewrite(data: Uint8Array, first: number, pays: boolean, end: Uint8Array | undefined): Uint8Array {
  const most = data.length * (end?.length ?? 1);
  const scratch = scratchFor(data.length, sizeFor(data.length, most));
  if (scratch !== undefined) return copyOut(scratch, escapeInto(scratch, data, first, pays, end, most)!);
  // Random data has one escape in 128 bytes. Room to double every byte would be cleared, and counted as memory, for
  // nothing.
  return escaped(data, first, pays, end, data.length >> 4) ?? escaped(data, first, pays, end, most)!;
}

/** A store may write up to this many bytes beyond the end of the copied bytes. */
const OVERHANG = 8;

const sizeFor = (length: number, room: number): number => length + NUL_NOP.length + room + OVERHANG;

/** @returns `undefined` if the escapes need more than `room` bytes */
function escaped(
  data: Uint8Array,
  first: number,
  pays: boolean,
  end: Uint8Array | undefined,
  room: number,
): Uint8Array | undefined {
  const slab = slabFor(sizeFor(data.length, room));
  const at = escapeInto(slab, data, first, pays, end, room);
  return at === undefined ? undefined : cut(slab, at);
}

/** @returns where the escaped form ends in the slab; `undefined` if the escapes need more than `room` bytes */
function escapeInto(
  { bytes, view, used }: Slab,
  data: Uint8Array,
  first: number,
  pays: boolean,
  end: Uint8Array | undefined,
  room: number,
): number | undefined {
  const { length } = data;
  const source = new DataView(data.buffer, data.byteOffset, length);
  const carriageReturns = end === undefined ? IACS : CRS;
  let left = room;
  let at = used;
  if (pays) for (const byte of end!) bytes[at++] = byte;
  if (first > 0) bytes.set(data.subarray(0, first), at);
  at += first;
  let from = first;
  while (from < length) {
    const plain = copyPlain(source, from, length, view, at, IACS, carriageReturns);
    from += plain;
    at += plain;
    if (from >= length) break;
    // One byte and its escaped form. After a 255, the whole run of 255.
    const byte = data[from++]!;
    bytes[at++] = byte;
    if (byte === IAC) {
      bytes[at++] = IAC;
      for (; left > 0 && from < length && data[from] === IAC; from++, at += 2, left--) {
        bytes[at] = IAC;
        bytes[at + 1] = IAC;
      }
    } else if (end !== undefined && byte === CR && from < length && data[from] !== LF) {
      bytes[at++] = NUL;
      if (end === NUL_NOP) {
        bytes[at++] = IAC;
        bytes[at++] = NOP;
        left -= 2;
      }
    } else {
      continue;
    }
    if (--left < 0) return undefined;
  }
  return at;
}
