/**
 * Frames of WebSockets (RFC 6455, 5), from clients and to them.
 *
 * The boundaries of messages mean nothing here: they carry a stream. So payloads are passed on as they arrive, and no
 * message is collected. Payloads in one piece of the network are passed on together, however many frames it has.
 */

/** Close codes of RFC 6455, 7.4.1. */
export const CloseCode = {
  NORMAL: 1000,
  GOING_AWAY: 1001,
  PROTOCOL_ERROR: 1002,
  UNSUPPORTED_DATA: 1003,
  /** In a close frame without a code. It is not sent. */
  NONE: 1005,
  MESSAGE_TOO_BIG: 1009,
} as const;

/** The longest message from a client, in bytes. */
export const MOST_MESSAGE = 64 * 1024;

const CONTINUATION = 0x0;
const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

const FIN = 0x80;
const RESERVED = 0x70;
const OPCODE = 0x0f;
const MASKED = 0x80;
const LENGTH = 0x7f;
const CONTROL = 0x08;
/** Values of the length that announce a longer one, of 2 and 8 bytes. */
const LENGTH_16 = 126;
const LENGTH_64 = 127;
/** The longest payload of a control frame. */
const MOST_CONTROL = 125;
const MASK_BYTES = 4;

const NOTHING = Buffer.alloc(0);

/** A mistake of the client. */
export interface Violation {
  readonly code: number;
  readonly words: string;
}

/** Reads the frames of one client. */
export class FrameReader {
  readonly #takesText: boolean;
  readonly #header = Buffer.alloc(14);
  #headerLength = 0;
  /** Bytes of the payload that have not arrived yet; `undefined` in a header. */
  #left: number | undefined;
  #opcode = 0;
  #mask = 0;
  /** Whether a message has begun whose last fragment has not arrived. */
  #isFragmented = false;
  /** The length of that message so far. */
  #messageLength = 0;
  /** Created at the first control frame. */
  #control: Buffer | undefined;
  #controlLength = 0;
  /** The payload of the last ping in what was read last. Only the last one needs an answer (RFC 6455, 5.5.3). */
  ping: Buffer | undefined;
  /** Whether there was a pong in what was read last. */
  hasPong = false;
  /** The code of the close frame. Nothing is read after it. */
  closed: number | undefined;
  /** Nothing is read after it. */
  violation: Violation | undefined;

  /** @param takesText whether messages may be text. */
  constructor(takesText: boolean) {
    this.#takesText = takesText;
  }

  /**
   * Reads the next bytes, which are overwritten: their beginning then has the payloads of messages.
   *
   * @returns the length of these.
   */
  read(bytes: Uint8Array): number {
    this.ping = undefined;
    this.hasPong = false;
    let from = 0;
    let to = 0;
    while (this.closed === undefined && this.violation === undefined) {
      if (this.#left === undefined) {
        from = this.#readHeader(bytes, from);
        if (this.#left === undefined || this.violation !== undefined) break;
      }
      const length = Math.min(this.#left, bytes.length - from);
      if (this.#opcode < CONTROL) {
        this.#unmask(bytes, from, length, bytes, to);
        to += length;
      } else {
        this.#control ??= Buffer.alloc(MOST_CONTROL);
        this.#unmask(bytes, from, length, this.#control, this.#controlLength);
        this.#controlLength += length;
      }
      from += length;
      this.#left -= length;
      if (this.#left > 0) break;
      this.#left = undefined;
      if (this.#opcode >= CONTROL) this.#takeControl();
    }
    return to;
  }

  /** @returns where the header ends, or the bytes do. */
  #readHeader(bytes: Uint8Array, start: number): number {
    let from = start;
    while (from < bytes.length) {
      this.#header[this.#headerLength++] = bytes[from++]!;
      if (this.#headerLength === 2) this.violation = this.#check();
      if (this.violation !== undefined) break;
      if (this.#headerLength < this.#headerSize) continue;
      this.#begin();
      break;
    }
    return from;
  }

  get #headerSize(): number {
    if (this.#headerLength < 2) return 2;
    const length = this.#header[1]! & LENGTH;
    return 2 + (length === LENGTH_64 ? 8 : length === LENGTH_16 ? 2 : 0) + MASK_BYTES;
  }

  /** Checks the first two bytes of a header. */
  #check(): Violation | undefined {
    const [first = 0, second = 0] = this.#header;
    const opcode = first & OPCODE;
    const isControl = opcode >= CONTROL;
    if ((first & RESERVED) !== 0) return invalid('a reserved bit is set');
    if ((second & MASKED) === 0) return invalid('not masked');
    if (isControl ? opcode > PONG : opcode > BINARY) return invalid('unknown opcode');
    if (isControl && ((first & FIN) === 0 || (second & LENGTH) > MOST_CONTROL)) return invalid('long control frame');
    if (!isControl && (opcode === CONTINUATION) !== this.#isFragmented) return invalid('unexpected fragment');
    if (opcode === TEXT && !this.#takesText) {
      return { code: CloseCode.UNSUPPORTED_DATA, words: 'binary messages only' };
    }
    return undefined;
  }

  /** The header is complete. */
  #begin(): void {
    const header = this.#header;
    const short = header[1]! & LENGTH;
    const length =
      short === LENGTH_64 ? Number(header.readBigUInt64BE(2)) : short === LENGTH_16 ? header.readUInt16BE(2) : short;
    this.#mask = header.readUInt32BE(this.#headerSize - MASK_BYTES);
    this.#headerLength = 0;
    this.#opcode = header[0]! & OPCODE;
    this.#left = length;
    if (this.#opcode >= CONTROL) {
      this.#controlLength = 0;
      return;
    }
    this.#messageLength = (this.#opcode === CONTINUATION ? this.#messageLength : 0) + length;
    this.#isFragmented = (header[0]! & FIN) === 0;
    if (this.#messageLength > MOST_MESSAGE) {
      this.violation = { code: CloseCode.MESSAGE_TOO_BIG, words: `message of more than ${MOST_MESSAGE} bytes` };
    }
  }

  #unmask(source: Uint8Array, from: number, length: number, target: Uint8Array, to: number): void {
    let mask = this.#mask;
    for (let index = 0; index < length; index++) {
      target[to + index] = source[from + index]! ^ (mask >>> 24);
      mask = (mask << 8) | (mask >>> 24);
    }
    this.#mask = mask;
  }

  #takeControl(): void {
    const payload = (this.#control ?? NOTHING).subarray(0, this.#controlLength);
    if (this.#opcode === PING) this.ping = Buffer.from(payload);
    else if (this.#opcode === PONG) this.hasPong = true;
    else if (this.#opcode === CLOSE) this.#takeClose(payload);
  }

  #takeClose(payload: Buffer): void {
    const code = payload.length >= 2 ? payload.readUInt16BE(0) : 0;
    if (payload.length === 0) this.closed = CloseCode.NONE;
    else if (isCloseCode(code)) this.closed = code;
    else this.violation = invalid('close code');
  }
}

const invalid = (words: string): Violation => ({ code: CloseCode.PROTOCOL_ERROR, words });

/** Whether a close frame may have this code (RFC 6455, 7.4). */
function isCloseCode(code: number): boolean {
  const isReserved = code === 1004 || code === 1005 || code === 1006;
  return (code >= 1000 && code <= 1014 && !isReserved) || (code >= 3000 && code <= 4999);
}

/** The longest header of a frame to a client. */
const MOST_HEADER = 10;
/** Frames of up to this many bytes are made in memory that all connections share. */
const SCRATCH_BYTES = 128 * 1024 + MOST_HEADER;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/** A frame with a binary message, which consists of these pieces. It is lent: valid until the next call. */
export function binaryFrame(pieces: readonly Uint8Array[]): Buffer {
  return frame(BINARY, pieces);
}

export function pingFrame(): Buffer {
  return frame(PING, []);
}

export function pongFrame(payload: Uint8Array): Buffer {
  return frame(PONG, [payload]);
}

/** @param words at most 123 bytes. */
export function closeFrame(code: number, words: string): Buffer {
  if (code === CloseCode.NONE) return frame(CLOSE, []);
  const payload = Buffer.alloc(2 + Buffer.byteLength(words));
  payload.writeUInt16BE(code, 0);
  payload.write(words, 2);
  return frame(CLOSE, [payload]);
}

function frame(opcode: number, pieces: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const header = length < LENGTH_16 ? 2 : length < 65_536 ? 4 : MOST_HEADER;
  const size = header + length;
  const bytes = size <= SCRATCH_BYTES ? scratch.subarray(0, size) : Buffer.allocUnsafe(size);
  bytes[0] = FIN | opcode;
  if (header === 2) bytes[1] = length;
  else if (header === 4) {
    bytes[1] = LENGTH_16;
    bytes.writeUInt16BE(length, 2);
  } else {
    bytes[1] = LENGTH_64;
    bytes.writeBigUInt64BE(BigInt(length), 2);
  }
  let at = header;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
