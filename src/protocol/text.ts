import { check } from './check.ts';

/**
 * The part of the Encoding standard that is used here. Every JavaScript runtime has it, the language itself does not, and
 * this room is compiled without the types of Node and of the DOM. Nothing of this is exported, so that the published
 * declarations need none of them either.
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

/** Up to this many bytes a call of the decoder costs more than ASCII takes here. */
const SHORT_BYTES = 64;
const isAscii = (byte: number): boolean => byte < 0x80;

/** What a peer sent as a name or value: UTF-8 if it is valid UTF-8, otherwise ISO 8859-1, which any bytes are. */
export function decodeText(bytes: Uint8Array): string {
  if (bytes.length <= SHORT_BYTES && bytes.every(isAscii)) return String.fromCharCode(...bytes);
  try {
    return utf8.decode(bytes);
  } catch {
    return Array.from(bytes, byte => String.fromCharCode(byte)).join('');
  }
}

/** A name or value of our own, as UTF-8. */
export function encodeText(text: string, what: string): Uint8Array {
  check(typeof text === 'string', `${what} must be a string`);
  return encoder.encode(text);
}
