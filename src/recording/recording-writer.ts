/**
 * Writes a recording to an open file, synchronously: in `telpty connect --record`, where nothing may be lost however
 * the process ends, and in the thread that writes the recordings of a server.
 */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { decoder, type StreamDecoder } from '../charset/index.ts';
import { TelptyError } from '../errors.ts';
import { systemError } from '../native/system-error.ts';
import { AsciicastEncoder } from './asciicast.ts';
import { outputDecoder } from './output-decoder.ts';
import type { RecordingEncoder, RecordingEvent, RecordingFormat, RecordingHeader } from './recording.ts';
import { TtyrecEncoder } from './ttyrec.ts';

/** How much is given up at most to make room for the last mark on a full disk, in bytes. */
const SPARE = 128 * 1024;
/** A file system frees whole blocks, usually of this size, in bytes. */
const BLOCK = 4096;

/** Creates an encoder of a format. */
export function encoderOf(format: RecordingFormat): RecordingEncoder {
  return format === 'ttyrec' ? new TtyrecEncoder() : new AsciicastEncoder(format === 'asciicast-v2' ? 2 : 3);
}

/** Decodes one direction of a session, whose character set may change. */
class DirectionDecoder {
  readonly #create: (encoding: string) => StreamDecoder;
  #encoding: string | undefined;
  #decoder: StreamDecoder | undefined;

  constructor(create: (encoding: string) => StreamDecoder) {
    this.#create = create;
  }

  write(bytes: Uint8Array, encoding: string): string {
    let text = '';
    if (this.#encoding !== encoding) {
      // A character that is cut by the change is recorded as invalid.
      text = this.end();
      this.#encoding = encoding;
      this.#decoder = this.#create(encoding);
    }
    return text + this.#decoder!.write(bytes);
  }

  end(): string {
    return this.#decoder?.end() ?? '';
  }
}

/**
 * A recording that is being written. Events are collected; {@link flush} writes them. Times are in seconds since the
 * beginning.
 */
export class RecordingWriter {
  readonly #encoder: RecordingEncoder;
  readonly #failed: (error: NodeJS.ErrnoException) => void;
  readonly #decoders = { output: new DirectionDecoder(outputDecoder), input: new DirectionDecoder(decoder) };
  #pieces: Uint8Array[] = [];
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
    this.#pieces.push(this.#encoder.begin(header));
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
    const data = this.#decoders[type].write(bytes, encoding);
    if (data !== '') this.event({ time, type, data });
  }

  event(event: RecordingEvent): void {
    if (this.#fd === undefined) return;
    this.#last = event.time;
    const bytes = this.#encoder.event(event);
    if (bytes.length > 0) this.#pieces.push(bytes);
  }

  /** Writes what was collected. */
  flush(): void {
    if (this.#fd === undefined || this.#pieces.length === 0) return;
    const pieces = this.#pieces;
    this.#pieces = [];
    try {
      writeAll(this.#fd, pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
      for (const { length } of pieces) this.#place(length);
    } catch (error) {
      this.#fail(error as NodeJS.ErrnoException);
    }
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
    this.#pieces = [];
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

function writeAll(fd: number, bytes: Uint8Array, position?: number): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(fd, bytes, at, undefined, position === undefined ? undefined : position + at);
  }
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
