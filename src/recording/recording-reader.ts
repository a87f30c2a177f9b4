/**
 * Reads recordings of any format from bytes, wherever these come from: a file, or a server. The bytes are not trusted.
 * It uses nothing of Node.js: the page of the web gateway reads recordings, too.
 */
import { TelptyError } from '../errors.ts';
import { checkValue, where } from '../options.ts';
import { AsciicastDecoder } from './asciicast.ts';
import type { Checkpoint, RecordingDecoder, RecordingEvent, RecordingHeader } from './recording.ts';
import { type Reader, type RecordedScreen, recordedScreen, ScreenIndex, type Source } from './screen-index.ts';
import { FRAME_HEADER, TtyrecDecoder } from './ttyrec.ts';

const OPENING_BRACE = 0x7b;

/** A time in a recording. One before its beginning or after its end is allowed. */
const time = where<number>('a number of seconds', value => typeof value === 'number' && !Number.isNaN(value));

/** The bytes of a recording, without their compression. */
export interface RecordingBytes {
  /** The path of the file, or its name on a server. */
  readonly file: string;
  /** Begins to read at an offset. Throws what is to be reported if it fails. */
  read(offset: number): AsyncIterable<Uint8Array>;
}

/** The most marks that are kept, and the longest label, in characters: a file may consist of them. */
const MOST_MARKS = 10_000;
const MOST_LABEL = 200;

/** The label of a mark, as far as it is shown. */
export const labelOf = ({ label }: { readonly label: string }): string =>
  // A part of a string would keep all of it in memory.
  label.length > MOST_LABEL ? [...label.slice(0, MOST_LABEL)].join('') : label;

/** The facts about a recording that need all of the file, but no screens. */
export interface RecordingFacts {
  /** The time of the last event, in seconds. */
  readonly duration: number;
  /** The first 10,000. */
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
  readonly idleLimit: number | undefined;
  readonly encoding: string | undefined;
  readonly user: string | undefined;
  readonly address: string | undefined;
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
    this.idleLimit = header.idleLimit;
    this.encoding = header.encoding;
    this.user = header.user;
    this.address = header.address;
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

  /** @internal The screens of the recording. They share one index. */
  get screens(): ScreenIndex {
    this.#index ??= new ScreenIndex(this, this.#source);
    return this.#index;
  }

  /** @internal Reads the whole file, at about 100 MB per second. */
  async scan(signal?: AbortSignal): Promise<RecordingFacts> {
    let duration = 0;
    const marks: { time: number; label: string }[] = [];
    let problem: TelptyError | undefined;
    try {
      for await (const batch of this.#source().batches()) {
        signal?.throwIfAborted();
        for (const event of batch)
          if (event.type === 'mark' && marks.length < MOST_MARKS)
            marks.push({ time: event.time, label: labelOf(event) });
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
 * Whether a file begins as JSON. The first byte is not enough: it is also a part of the time of a ttyrec file. There,
 * the microseconds are less than 2^20, so the eighth byte is 0.
 */
export const isText = (start: Uint8Array): boolean =>
  start.length === 0 || (start[0] === OPENING_BRACE && !start.subarray(0, FRAME_HEADER).includes(0));

/** A decoder for a file that begins like this. */
export const decoderFor = (start: Uint8Array): RecordingDecoder =>
  isText(start) ? new AsciicastDecoder() : new TtyrecDecoder();

/**
 * Reads the header of a recording.
 *
 * @param decoder for the beginning of the file.
 * @throws TelptyError `ERR_RUNTIME` if it does not begin as a recording.
 */
export async function recordingFrom(bytes: RecordingBytes, decoder: () => RecordingDecoder): Promise<Recording> {
  const source = (from?: Checkpoint) => new BytesReader(bytes, from?.resume?.decoder() ?? decoder(), from);
  const first = source();
  const batches = first.batches();
  await batches.next();
  await batches.return(undefined);
  return new Recording(bytes.file, first.decoder.header!, source);
}

class BytesReader implements Reader {
  readonly decoder: RecordingDecoder;
  readonly #bytes: RecordingBytes;
  readonly #offset: number;
  /** The number of events that are still to be skipped, and of those before the next batch. */
  #skip: number;
  #events: number;

  constructor(bytes: RecordingBytes, decoder: RecordingDecoder, from: Checkpoint | undefined) {
    this.#bytes = bytes;
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
    for await (const piece of this.#bytes.read(this.#offset)) {
      const events = this.#counted(decoder.push(piece));
      if (events.length > 0 || (decoder.header !== undefined && decoder.problem === undefined)) yield events;
      if (decoder.problem !== undefined) break;
    }
    const last = decoder.problem === undefined ? this.#counted(decoder.end()) : [];
    if (decoder.problem === undefined) {
      yield last;
      return;
    }
    const { file } = this.#bytes;
    const { problem, place } = decoder.problem;
    throw new TelptyError('ERR_RUNTIME', `${baseName(file)}:${place}: ${problem}`, { file });
  }

  #counted(events: RecordingEvent[]): RecordingEvent[] {
    this.#events += events.length;
    if (this.#skip === 0) return events;
    const skipped = Math.min(this.#skip, events.length);
    this.#skip -= skipped;
    return events.slice(skipped);
  }
}

const baseName = (file: string): string => file.slice(file.lastIndexOf('/') + 1);
