/**
 * ttyrec, the format of dgamelaunch and of most NetHack servers: for each piece of output 12 bytes (seconds and
 * microseconds of the time of day, and the length; 32 bits each, little-endian), then the bytes.
 *
 * It has no header. Like termrec, telpty writes the size as `CSI 8 ; rows ; columns t`, which a terminal emulator may
 * obey and other players pass on. Without it the size is 80x24, the size of the terminals of these servers.
 *
 * It uses nothing of Node.js: the page of the web gateway reads recordings, too.
 *
 * Source: the documentation of ttyrec, https://0xcc.net/ttyrec/
 */
import type { StreamDecoder } from '../charset/stream-decoder.ts';
import {
  type FormatProblem,
  isSize,
  joined,
  microseconds,
  type RecordingDecoder,
  type RecordingEncoder,
  type RecordingEvent,
  type RecordingHeader,
} from './recording.ts';

/** The length of the header of a frame, in bytes. */
export const FRAME_HEADER = 12;
export const MICROSECONDS = 1_000_000;
/** The longest frame that is read. ttyrec writes at most 1 KiB, others at most some 100 KiB. */
const MAX_FRAME = 16 * 2 ** 20;
const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;
const NOTHING = new Uint8Array();

const utf8 = new TextEncoder();

export class TtyrecEncoder implements RecordingEncoder {
  /** The time of day of the beginning, in microseconds. */
  #began = 0;

  begin({ columns, rows, started = new Date() }: RecordingHeader): Uint8Array {
    this.#began = started.getTime() * 1000;
    return this.#frame(0, sizeSequence(columns, rows));
  }

  event(event: RecordingEvent): Uint8Array {
    if (event.type === 'output') return this.#frame(event.time, event.data);
    if (event.type === 'resize') return this.#frame(event.time, sizeSequence(event.columns, event.rows));
    return NOTHING;
  }

  #frame(seconds: number, text: string): Uint8Array {
    const time = this.#began + microseconds(seconds);
    const bytes = utf8.encode(text);
    const frame = new Uint8Array(FRAME_HEADER + bytes.length);
    const header = new DataView(frame.buffer);
    header.setUint32(0, Math.floor(time / MICROSECONDS) % 2 ** 32, true);
    header.setUint32(4, time % MICROSECONDS, true);
    header.setUint32(8, bytes.length, true);
    frame.set(bytes, FRAME_HEADER);
    return frame;
  }
}

const sizeSequence = (columns: number, rows: number): string => `\x1b[8;${rows};${columns}t`;

export class TtyrecDecoder implements RecordingDecoder {
  header: RecordingHeader | undefined;
  problem: FormatProblem | undefined;
  readonly #decoder: StreamDecoder;
  /** The beginning of a frame, and its length as far as it is known. It is put together when it is whole. */
  #rest: Uint8Array[] = [];
  #restLength = 0;
  #needed = FRAME_HEADER;
  #offset = 0;
  /** The times of day of the first and of the last frame, in microseconds. */
  #began: number | undefined;
  #last = 0;

  /** @param decoder of the bytes, which have another character set on some NetHack servers. Default: UTF-8. */
  constructor(decoder: StreamDecoder = utf8Decoder()) {
    this.#decoder = decoder;
  }

  push(piece: Uint8Array): RecordingEvent[] {
    if (this.problem !== undefined) return [];
    // The piece is lent.
    if (this.#restLength + piece.length < this.#needed) {
      this.#keep(piece.slice(), this.#needed);
      return [];
    }
    const bytes = joined([...this.#rest, piece]);
    this.#forget();
    const numbers = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const events: RecordingEvent[] = [];
    let at = 0;
    let needed = FRAME_HEADER;
    while (bytes.length - at >= FRAME_HEADER) {
      const length = numbers.getUint32(at + 8, true);
      const fraction = numbers.getUint32(at + 4, true);
      if (fraction >= MICROSECONDS || length > MAX_FRAME) {
        this.#fail(this.#offset + at);
        return events;
      }
      needed = FRAME_HEADER + length;
      if (bytes.length - at < needed) break;
      const frame = bytes.subarray(at + FRAME_HEADER, at + needed);
      this.#frame(numbers.getUint32(at, true) * MICROSECONDS + fraction, frame, events);
      at += needed;
      needed = FRAME_HEADER;
    }
    this.#offset += at;
    this.#keep(bytes.slice(at), needed);
    return events;
  }

  end(): RecordingEvent[] {
    this.#forget();
    if (this.header === undefined) this.#fail(0);
    const data = this.#decoder.end();
    return data === '' ? [] : [{ time: this.#seconds, type: 'output', data }];
  }

  /** A decoder of characters cannot be copied, and skipping frames is fast. */
  checkpoint(): undefined {
    return undefined;
  }

  #keep(piece: Uint8Array, needed: number): void {
    this.#rest.push(piece);
    this.#restLength += piece.length;
    this.#needed = needed;
  }

  #forget(): void {
    this.#rest = [];
    this.#restLength = 0;
    this.#needed = FRAME_HEADER;
  }

  #fail(offset: number): void {
    // Any file that is not JSON is read as ttyrec.
    const problem = this.header === undefined ? 'not a recording in asciicast or ttyrec' : 'not a frame of ttyrec';
    this.problem ??= { problem, place: `byte ${offset}` };
  }

  #frame(time: number, bytes: Uint8Array, events: RecordingEvent[]): void {
    this.#began ??= time;
    // The clock of the recorder may have been set back.
    this.#last = Math.max(this.#last, time);
    const data = this.#decoder.write(bytes);
    const size = sizeIn(data);
    this.header ??= {
      columns: size?.columns ?? DEFAULT_COLUMNS,
      rows: size?.rows ?? DEFAULT_ROWS,
      started: new Date(this.#began / 1000),
    };
    if (size !== undefined) events.push({ time: this.#seconds, type: 'resize', ...size });
    if (data !== '') events.push({ time: this.#seconds, type: 'output', data });
  }

  get #seconds(): number {
    return (this.#last - (this.#began ?? 0)) / MICROSECONDS;
  }
}

function utf8Decoder(): StreamDecoder {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  return { write: bytes => decoder.decode(bytes, { stream: true }), end: () => decoder.decode() };
}

/** The last size that the output sets. A sequence that is cut between two frames is not seen. */
function sizeIn(text: string): { columns: number; rows: number } | undefined {
  const [, rows, columns] = [...text.matchAll(/\x1b\[8;(\d{1,5});(\d{1,5})t/g)].at(-1) ?? [];
  const size = { columns: Number(columns), rows: Number(rows) };
  return isSize(size.columns) && isSize(size.rows) ? size : undefined;
}
