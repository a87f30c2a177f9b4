/**
 * Writes a recording to an open file, synchronously: in `telpty connect --record`, where nothing may be lost however
 * the process ends, and in the thread that writes the recordings of a server.
 */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { decoder } from '../../charset/index.ts';
import { TelptyError } from '../../errors.ts';
import type { Addon } from '../../native/addon.ts';
import { loadAddon } from '../../native/load.ts';
import { systemError } from '../../native/system-error.ts';
import { AsciicastEncoder, DATA_END } from '../asciicast.ts';
import type { RecordingEncoder, RecordingEvent, RecordingFormat, RecordingHeader } from '../recording.ts';
import { TtyrecEncoder } from '../ttyrec.ts';
import { DirectionDecoder, unfinished } from './direction-decoder.ts';
import { outputDecoder } from './output-decoder.ts';

/** How much is given up at most to make room for the last mark on a full disk, in bytes. */
const SPARE = 128 * 1024;
/** A file system frees whole blocks, usually of this size, in bytes. */
const BLOCK = 4096;

/** Creates an encoder of a format. */
export function encoderOf(format: RecordingFormat): RecordingEncoder {
  return format === 'ttyrec' ? new TtyrecEncoder() : new AsciicastEncoder(format === 'asciicast-v2' ? 2 : 3);
}

/** Output in UTF-8 is encoded in pieces of this size, each an event, in bytes. */
const PIECE = 64 * 1024;
/** The most that a byte becomes, and the most of an event besides, in bytes. */
const MOST_PER_BYTE = 6;
const BESIDES = 256;
/** Where events are collected, in bytes: more is written at once. */
const COLLECTED = PIECE * MOST_PER_BYTE + 256 * 1024;

/**
 * Memory that no recording uses. It is kept, because new memory can cost more than everything else: in some virtual
 * machines the first use of each page takes 20 us.
 */
let spare: Buffer | undefined;

/**
 * A recording that is being written. Events are collected; {@link flush} writes them. Times are in seconds since the
 * beginning.
 */
export class RecordingWriter {
  readonly #encoder: RecordingEncoder;
  readonly #failed: (error: NodeJS.ErrnoException) => void;
  readonly #decoders = { output: new DirectionDecoder(outputDecoder), input: new DirectionDecoder(decoder) };
  /** Encodes UTF-8; undefined if the format, or the system, has no such encoder. */
  readonly #quick: { readonly encoder: AsciicastEncoder; readonly jsonText: Addon['jsonText'] } | undefined;
  /** What is collected, and where each event in it ends. */
  #memory: Buffer | undefined;
  #used = 0;
  #ends: number[] = [];
  /** Undefined after the end. */
  #fd: number | undefined;
  #size = 0;
  /**
   * Places between two events that a failed recording can be cut back to, about a block apart. The last one is the end
   * of the file.
   */
  #places: number[] = [];
  #last = 0;

  /**
   * @param fd a descriptor of an empty file, which is closed at the end.
   * @param failed is called at most once, when no more can be written; the recording ends there.
   */
  constructor(
    fd: number,
    format: RecordingFormat,
    header: RecordingHeader,
    failed: (error: NodeJS.ErrnoException) => void,
  ) {
    this.#fd = fd;
    this.#failed = failed;
    this.#encoder = encoderOf(format);
    const native = loadAddon();
    if (this.#encoder instanceof AsciicastEncoder && native !== undefined) {
      this.#quick = { encoder: this.#encoder, jsonText: native.jsonText };
    }
    this.#collect(this.#encoder.begin(header));
  }

  /** How much has been written, in bytes. */
  get size(): number {
    return this.#size;
  }

  get isOpen(): boolean {
    return this.#fd !== undefined;
  }

  /** @param bytes lent, in the character set `encoding`; a character may be split between two calls. */
  data(type: 'output' | 'input', bytes: Uint8Array, encoding: string, time: number): void {
    const direction = this.#decoders[type];
    const cut = direction.change(encoding);
    if (this.#quick !== undefined && direction.isUtf8) {
      if (cut !== '') this.event({ time, type, data: cut });
      for (let from = 0; from < bytes.length; from += PIECE) this.#utf8(type, bytes.subarray(from, from + PIECE), time);
    } else {
      const data = cut + direction.write(bytes);
      if (data !== '') this.event({ time, type, data });
    }
  }

  /** Records UTF-8 without decoding it. The decoder gets only characters that are split. */
  #utf8(type: 'output' | 'input', bytes: Uint8Array, time: number): void {
    if (this.#fd === undefined) return;
    const { encoder, jsonText } = this.#quick!;
    const direction = this.#decoders[type];
    const { text, length } = direction.endWaiting(bytes);
    const rest = bytes.subarray(length);
    const whole = rest.subarray(0, rest.length - unfinished(rest));
    const last = direction.wait(rest.subarray(whole.length));
    if (text === '' && whole.length === 0 && last === '') return;
    this.#last = time;
    const memory = this.#room(whole.length * MOST_PER_BYTE + BESIDES);
    if (memory === undefined) return;
    let at = this.#used;
    at += memory.write(encoder.beginData(type, time), at, 'latin1');
    if (text !== '') at = jsonText(Buffer.from(text), memory, at);
    at = jsonText(whole, memory, at);
    if (last !== '') at = jsonText(Buffer.from(last), memory, at);
    at += memory.write(DATA_END, at, 'latin1');
    this.#used = at;
    this.#ends.push(at);
  }

  event(event: RecordingEvent): void {
    if (this.#fd === undefined) return;
    this.#last = event.time;
    this.#collect(this.#encoder.event(event));
  }

  #collect(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const memory = this.#room(bytes.length);
    if (memory === undefined) return;
    memory.set(bytes, this.#used);
    this.#used += bytes.length;
    this.#ends.push(this.#used);
  }

  /**
   * Memory with room for more after what was collected, which is written if there is not enough. Undefined if that has
   * failed.
   */
  #room(length: number): Buffer | undefined {
    if (this.#memory !== undefined && this.#used + length > this.#memory.length) this.flush();
    if (this.#fd === undefined) return undefined;
    if (this.#memory === undefined) {
      if (length <= COLLECTED) {
        this.#memory = spare ?? Buffer.allocUnsafeSlow(COLLECTED);
        spare = undefined;
      } else this.#memory = Buffer.allocUnsafeSlow(length);
    }
    return this.#memory;
  }

  /** Writes what was collected. */
  flush(): void {
    if (this.#fd === undefined || this.#memory === undefined) return;
    const bytes = this.#memory.subarray(0, this.#used);
    let written = 0;
    let problem: NodeJS.ErrnoException | undefined;
    try {
      while (written < bytes.length) written += writeSync(this.#fd, bytes, written);
    } catch (error) {
      problem = error as NodeJS.ErrnoException;
    }
    let from = 0;
    for (const end of this.#ends) {
      // On a full disk, the events before its end are kept.
      if (end > written) break;
      this.#place(end - from);
      from = end;
    }
    if (problem !== undefined) this.#fail(problem);
    this.#release();
  }

  #release(): void {
    if (this.#memory?.length === COLLECTED) spare = this.#memory;
    this.#memory = undefined;
    this.#used = 0;
    this.#ends = [];
  }

  /** Ends the recording. Nothing is written after it. */
  end(): void {
    for (const type of ['output', 'input'] as const) {
      const data = this.#decoders[type].end();
      if (data !== '') this.event({ time: this.#last, type, data });
    }
    this.flush();
    this.#close();
  }

  /** Ends the recording with a mark that says why. */
  endWith(label: string): void {
    this.event({ time: this.#last, type: 'mark', label });
    this.end();
  }

  #place(length: number): void {
    const places = this.#places;
    this.#size += length;
    if (places.length > 1 && places.at(-1)! - places.at(-2)! < BLOCK) places.pop();
    places.push(this.#size);
    // Only the last ones are needed, and the first that is far enough from the end.
    while (places.length > 2 && this.#size - places[1]! >= SPARE) places.shift();
  }

  /** Cuts the file after a whole event, and marks its end; on a full disk it is cut back until the mark has room. */
  #fail(error: NodeJS.ErrnoException): void {
    const mark = this.#encoder.event({ time: this.#last, type: 'mark', label: `recording ended: ${reasonOf(error)}` });
    const fd = this.#fd!;
    for (const place of this.#places.toReversed()) {
      try {
        ftruncateSync(fd, place);
        this.#size = place;
        // The offset of the descriptor is still that before the cut.
        writeAll(fd, mark, place);
        this.#size += mark.length;
        break;
      } catch {
        // Less than the mark may have been written.
        try {
          ftruncateSync(fd, place);
        } catch {
          break;
        }
      }
    }
    this.#close();
    this.#failed(error);
  }

  #close(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    this.#release();
    try {
      closeSync(fd);
    } catch (error) {
      // A network file system may report here what it could not write.
      this.#failed(error as NodeJS.ErrnoException);
    }
  }
}

/**
 * Creates a recording in a new file that only its owner can read.
 *
 * @param failed is called at most once, when no more can be written.
 * @throws TelptyError `ERR_RUNTIME` if the file exists, or cannot be created
 */
export function createRecording(
  file: string,
  format: RecordingFormat,
  header: RecordingHeader,
  failed: (error: NodeJS.ErrnoException) => void,
): RecordingWriter {
  let fd: number;
  try {
    fd = openSync(file, 'wx', 0o600);
  } catch (error) {
    const { code: systemCode = 'unknown' } = error as NodeJS.ErrnoException;
    const message = `cannot record to ${file}: ${reasonOf(error as Error)}`;
    throw new TelptyError('ERR_RUNTIME', message, { file, systemCode, cause: error });
  }
  const writer = new RecordingWriter(fd, format, header, failed);
  writer.flush();
  return writer;
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, undefined, position + at);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file is too large',
  EIO: 'the disk has an input/output error',
  EACCES: 'no permission',
  EROFS: 'the file system is read-only',
  ENOENT: 'the directory does not exist',
  EEXIST: 'it exists; name another file, or remove it',
  EMFILE: 'too many open files',
};

/** The text for an error of a system call. */
export function reasonOf({ code = '', errno, message }: NodeJS.ErrnoException): string {
  return REASONS[code] ?? (errno === undefined ? message : systemError(-errno).text);
}
