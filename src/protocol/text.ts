import { check } from './check.ts';

/**
 * The part of the Encoding standard that is used here. Every JavaScript runtime has it, but the language itself does
 * not, and this folder is compiled without the types of Node and of the DOM. These declarations are not exported, so
 * that the published declarations do not need those types either.
 */
interface Encoding {
  readonly TextDecoder: new (
    label: string,
    options: { fatal: boolean; ignoreBOM: boolean },
  ) => { decode(bytes: Uint8Array): string };
  readonly TextEncoder: new () => { encode(text: string): Uint8Array };
}

const { TextDecoder, TextEncoder } = globalThis as unknown as Encoding;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Up to this many bytes, a call of the decoder costs more than converting ASCII here. */
const SHORT_BYTES = 64;
const isAscii = (byte: number): boolean => byte < 0x80;

/**
 * Decodes a name or value from the peer: as UTF-8 if it is valid UTF-8, otherwise as ISO 8859-1, in which any bytes are
 * valid.
 */
export function decodeText(bytes: Uint8Array): string {
  if (bytes.length <= SHORT_BYTES && bytes.every(isAscii)) return String.fromCharCode(...bytes);
  try {
    return utf8.decode(bytes);
  } catch {
    return Array.from(bytes, byte => String.fromCharCode(byte)).join('');
  }
}

/** Encodes a name or value of this end as UTF-8. */
export function encodeText(text: string, what: string): Uint8Array {
  check(typeof text === 'string', `${what} must be a string`);
  return encoder.encode(text);
}
