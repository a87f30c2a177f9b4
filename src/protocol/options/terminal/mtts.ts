import { check } from '../../check.ts';

// MTTS, the third answer of a MUD client to TTYPE SEND, https://tintin.mudhalla.net/protocols/mtts/.
//
//   IAC SB TTYPE IS "MTTS " <bits, decimal> IAC SE

/** The capabilities of a client, by the bits of MTTS. */
export const MTTS_BITS = {
  ANSI: 1,
  VT100: 2,
  'UTF-8': 4,
  '256 COLORS': 8,
  'MOUSE TRACKING': 16,
  'OSC COLOR PALETTE': 32,
  'SCREEN READER': 64,
  PROXY: 128,
  TRUECOLOR: 256,
  MNES: 512,
  MSLP: 1024,
  SSL: 2048,
} as const;

/** The name of one bit, in the spelling of MTTS. */
export type MttsName = keyof typeof MTTS_BITS;

const NAMES = Object.keys(MTTS_BITS) as MttsName[];

/**
 * The names of the bits that are set; bits without a name are omitted. For the `mtts` of a `terminal-type` event.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` if `bits` is not an integer from 0 to 2,147,483,647
 */
export function decodeMtts(bits: number): MttsName[] {
  check(
    Number.isInteger(bits) && bits >= 0 && bits <= 0x7fff_ffff,
    'MTTS bits must be a whole number from 0 to 2147483647',
  );
  return NAMES.filter(name => (bits & MTTS_BITS[name]) !== 0);
}

/**
 * The bits with these names. The terminal type is then `MTTS ${encodeMtts(names)}`.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for an unknown name
 */
export function encodeMtts(names: Iterable<MttsName>): number {
  let bits = 0;
  for (const name of names) {
    check(Object.hasOwn(MTTS_BITS, name), 'unknown MTTS name');
    bits |= MTTS_BITS[name];
  }
  return bits;
}
