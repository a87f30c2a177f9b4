// LINEMODE, option 34, RFC 1184. The server sends DO, the client WILL, never the other way round.
//
//   IAC SB LINEMODE MODE <mask> IAC SE                         a mode, proposed or (with MODE_ACK) acknowledged
//   IAC SB LINEMODE DO FORWARDMASK <mask: 0 to 32> IAC SE      server: forward the input at these characters
//   IAC SB LINEMODE DONT FORWARDMASK IAC SE                    server: do not any more
//   IAC SB LINEMODE WILL | WONT FORWARDMASK IAC SE             client: the answer
//   IAC SB LINEMODE SLC { <function> <modifiers> <octet> } IAC SE
//
// Character n of a FORWARDMASK is bit 7 - n % 8 of octet n / 8: the high bit of the first octet is NUL. A 255 in a mask
// or a triplet is doubled by the framing, as everywhere.

/** How the client processes typed input (RFC 1184, 2.2). */
export interface LinemodeMode {
  /** The client edits, and sends whole lines; otherwise it sends each character. */
  readonly edit: boolean;
  /** The client sends IP, BRK, AYT, ABORT, EOF and SUSP as commands; otherwise as the characters that were typed. */
  readonly trapsig: boolean;
  /** The client expands tabs into spaces. */
  readonly softTab: boolean;
  /** The client echoes control characters unchanged, not as `^A`. */
  readonly litEcho: boolean;
}

export const MODE = 1;
export const FORWARDMASK = 2;
export const SLC = 3;

export const EDIT = 1;
export const TRAPSIG = 2;
export const MODE_ACK = 4;
const SOFT_TAB = 8;
const LIT_ECHO = 16;
/** The bits of a mode; MODE_ACK is a property of the message. */
export const MODE_BITS = EDIT | TRAPSIG | SOFT_TAB | LIT_ECHO;
/** The bits that a client must accept unchanged (RFC 1184, 2.2). */
export const BINDING_BITS = EDIT | TRAPSIG;

const BITS: readonly (readonly [name: keyof LinemodeMode, bit: number])[] = [
  ['edit', EDIT],
  ['trapsig', TRAPSIG],
  ['softTab', SOFT_TAB],
  ['litEcho', LIT_ECHO],
];

/** Maximum number of unanswered requests that are remembered, for a peer that does not answer. */
export const MOST_UNANSWERED = 16;

/** A mode from its bits. */
export function readMode(mask: number): LinemodeMode {
  return Object.fromEntries(BITS.map(([name, bit]) => [name, (mask & bit) !== 0])) as unknown as LinemodeMode;
}

/** The bits of a mode; omitted properties are off. */
export function formatMode(mode: Partial<LinemodeMode>): number {
  return BITS.reduce((mask, [name, bit]) => (mode[name] === true ? mask | bit : mask), 0);
}

/** The names of the properties of a mode. */
export const MODE_NAMES: readonly string[] = BITS.map(([name]) => name);

/** Without BINARY only the characters 0 to 127 are in a FORWARDMASK (RFC 1184, 2.3). */
export const SHORT_MASK = 16;
export const LONG_MASK = 32;

/** A FORWARDMASK of 16 or 32 octets; characters beyond its range are omitted. */
export function formatForwardmask(characters: readonly number[], size: number): Uint8Array {
  const mask = new Uint8Array(size);
  for (const character of characters) {
    if (character < 8 * size) mask[character >> 3]! |= 0x80 >> (character & 7);
  }
  return mask;
}

/** The characters in the first `size` octets of a FORWARDMASK, in ascending order; missing octets count as 0. */
export function readForwardmask(mask: Uint8Array, size: number): number[] {
  const characters: number[] = [];
  for (let character = 0; character < 8 * Math.min(mask.length, size); character++) {
    if ((mask[character >> 3]! & (0x80 >> (character & 7))) !== 0) characters.push(character);
  }
  return characters;
}
