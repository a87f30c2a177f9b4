/** Reads recordings from files, of any format, plain or compressed with gzip. The files are not trusted. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { TelptyError } from '../errors.ts';
import { systemError } from '../native/system-error.ts';
import { checkValue, where } from '../options.ts';
import { AsciicastDecoder } from './asciicast.ts';
import type { Checkpoint, RecordingDecoder, RecordingEvent, RecordingHeader } from './recording.ts';
import { type Reader, type RecordedScreen, recordedScreen, ScreenIndex, type Source } from './screen-index.ts';
import { FRAME_HEADER, TtyrecDecoder } from './ttyrec.ts';

export interface OpenRecordingOptions {
  /** The character set of a ttyrec file, such as `'cp437'` for some NetHack servers. Default: `'utf-8'`. */
  readonly encoding?: string | undefined;
}

/** The first bytes of a gzip file (RFC 1952, section 2.3.1). */
const GZIP = [0x1f, 0x8b] as const;
const OPENING_BRACE = 0x7b;
const PIECE = 64 * 1024;

/** A time in a recording. One before its beginning or after its end is allowed. */
const time = where<number>('a number of seconds', value => typeof value === 'number' && !Number.isNaN(value));

/** The facts about a recording that need all of the file, but no screens. */
export interface RecordingFacts {
  /** The time of the last event, in seconds. */
  readonly duration: number;
  readonly marks: readonly { readonly time: number; readonly label: string }[];
  /** Where the file is broken, if it is. */
  readonly problem: TelptyError | undefined;
}

/**
 * A recording in a file: its header, and its events. Nothing is open between two calls; each iteration reads the file
 * from its beginning.
 */
export class Recording implements AsyncIterable<RecordingEvent>, RecordingHeader {
  readonly file: string;
  readonly columns: number;
  readonly rows: number;
  readonly term: string | undefined;
  readonly started: Date | undefined;
  readonly command: string | undefined;
  readonly title: string | undefined;
  readonly encoding: string | undefined;
  readonly #source: Source;
  #index: ScreenIndex | undefined;

  /** @internal */
  constructor(file: string, header: RecordingHeader, source: Source) {
    this.file = file;
    this.columns = header.columns;
    this.rows = header.rows;
    this.term = header.term;
    this.started = header.started;
    this.command = header.command;
    this.title = header.title;
    this.encoding = header.encoding;
    this.#source = source;
  }

  /**
   * The events in the order of their time.
   *
   * @throws TelptyError `ERR_RUNTIME` at the place where the file is broken, after the events before it.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<RecordingEvent> {
    for await (const batch of this.#source().batches()) yield* batch;
  }

  /** The screens of the recording. They share one index. */
  get screens(): ScreenIndex {
    this.#index ??= new ScreenIndex(this, this.#source);
    return this.#index;
  }

  /** Reads the whole file, at about 100 MB per second. */
  async scan(signal?: AbortSignal): Promise<RecordingFacts> {
    let duration = 0;
    const marks: { time: number; label: string }[] = [];
    let problem: TelptyError | undefined;
    try {
      for await (const batch of this.#source().batches()) {
        signal?.throwIfAborted();
        for (const event of batch) if (event.type === 'mark') marks.push({ time: event.time, label: event.label });
        duration = batch.at(-1)?.time ?? duration;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof TelptyError)) throw error;
      problem = error;
    }
    return { duration, marks, problem };
  }

  /**
   * The screen at a time: after all events up to and including it. Sizes are limited to 2x1 to 1000x400.
   *
   * @param seconds since the beginning; after the end, the last screen.
   * @throws TelptyError `ERR_RUNTIME` if the file is broken before that time; `ERR_INVALID_ARGUMENT` for NaN.
   */
  async screenAt(seconds: number): Promise<RecordedScreen> {
    checkValue('seconds', time, seconds);
    const { screen, rest } = await this.screens.seek(seconds);
    try {
      return recordedScreen(screen);
    } finally {
      screen.dispose();
      await rest.return(undefined);
    }
  }
}

/**
 * Opens a recording: asciicast v2 or v3, or ttyrec, plain or compressed with gzip. The contents decide, not the name.
 *
 * @throws TelptyError `ERR_RUNTIME` if the file cannot be read, or does not begin as a recording.
 *
 * @example
 *   const recording = await openRecording('session.cast');
 *   for await (const event of recording) if (event.type === 'output') process.stdout.write(event.data);
 *   console.log((await recording.screenAt(5)).text);
 */
export async function openRecording(file: string, options: OpenRecordingOptions = {}): Promise<Recording> {
  const { isCompressed, isText } = await kindOf(file);
  const source = (from?: Checkpoint) => {
    const decoder = from?.resume?.decoder() ?? (isText ? new AsciicastDecoder() : new TtyrecDecoder(options.encoding));
    return new FileReader(file, isCompressed, decoder, from);
  };
  const first = source();
  const batches = first.batches();
  await batches.next();
  await batches.return(undefined);
  return new Recording(file, first.decoder.header!, source);
}

class FileReader implements Reader {
  readonly decoder: RecordingDecoder;
  readonly #file: string;
  readonly #isCompressed: boolean;
  readonly #offset: number;
  /** The number of events that are still to be skipped, and of those before the next batch. */
  #skip: number;
  #events: number;

  constructor(file: string, isCompressed: boolean, decoder: RecordingDecoder, from: Checkpoint | undefined) {
    this.#file = file;
    this.#isCompressed = isCompressed;
    this.decoder = decoder;
    this.#offset = from?.resume?.offset ?? 0;
    this.#skip = from === undefined || from.resume !== undefined ? 0 : from.events;
    this.#events = (from?.events ?? 0) - this.#skip;
  }

  checkpoint(): Checkpoint {
    return { events: this.#events, resume: this.decoder.checkpoint() };
  }

  /** Yields what each piece of the file contains; the first time when the header has been read. */
  async *batches(): AsyncGenerator<RecordingEvent[]> {
    const { decoder } = this;
    const stream = readStream(this.#file, this.#isCompressed, this.#offset);
    try {
      for await (const piece of stream) {
        const events = this.#counted(decoder.push(piece as Uint8Array));
        if (events.length > 0 || (decoder.header !== undefined && decoder.problem === undefined)) yield events;
        if (decoder.problem !== undefined) break;
      }
      const last = decoder.problem === undefined ? this.#counted(decoder.end()) : [];
      if (decoder.problem === undefined) yield last;
    } catch (error) {
      throw unreadable(this.#file, error);
    } finally {
      stream.destroy();
    }
    if (decoder.problem === undefined) return;
    const { problem, place } = decoder.problem;
    throw new TelptyError('ERR_RUNTIME', `${basename(this.#file)}:${place}: ${problem}`, { file: this.#file });
  }

  #counted(events: RecordingEvent[]): RecordingEvent[] {
    this.#events += events.length;
    if (this.#skip === 0) return events;
    const skipped = Math.min(this.#skip, events.length);
    this.#skip -= skipped;
    return events.slice(skipped);
  }
}

/** @param offset bytes to leave out, of the contents if they are compressed. */
function readStream(file: string, isCompressed: boolean, offset = 0): Readable {
  const stream = createReadStream(file, { highWaterMark: PIECE, start: isCompressed ? 0 : offset });
  if (!isCompressed) return stream;
  // Errors arrive in the loop that reads the stream.
  const contents = pipeline(stream, createGunzip({ chunkSize: PIECE }), () => {});
  return offset === 0 ? contents : Readable.from(withoutFirst(contents, offset));
}

async function* withoutFirst(pieces: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const piece of pieces) {
    if (left < piece.length) yield left === 0 ? piece : piece.subarray(left);
    left = Math.max(0, left - piece.length);
  }
}

/**
 * Whether a file begins as JSON. The first byte is not enough: it is also a part of the time of a ttyrec file. There,
 * the microseconds are less than 2^20, so the eighth byte is 0.
 */
const isText = (start: Uint8Array): boolean =>
  start.length === 0 || (start[0] === OPENING_BRACE && !start.subarray(0, FRAME_HEADER).includes(0));

async function kindOf(file: string): Promise<{ isCompressed: boolean; isText: boolean }> {
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(FRAME_HEADER), 0, FRAME_HEADER, 0);
      const isCompressed = bytesRead >= 2 && buffer[0] === GZIP[0] && buffer[1] === GZIP[1];
      if (!isCompressed) return { isCompressed, isText: isText(buffer.subarray(0, bytesRead)) };
    } finally {
      await handle.close();
    }
    const stream = readStream(file, true);
    for await (const piece of stream) return { isCompressed: true, isText: isText(piece as Uint8Array) };
    return { isCompressed: true, isText: true };
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): TelptyError {
  const { code = 'unknown', errno, message } = error as NodeJS.ErrnoException;
  const isCorrupt = code.startsWith('Z_');
  const reason = isCorrupt
    ? `damaged gzip data (${message})`
    : errno === undefined
      ? message
      : systemError(-errno).text;
  return new TelptyError('ERR_RUNTIME', `cannot read ${file}: ${reason}`, { file, systemCode: code, cause: error });
}
