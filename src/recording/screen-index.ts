/**
 * The screens of a recording. A screen is the result of all output before it, and output is interpreted at some MB per
 * second. So snapshots are kept during a search, and the next search continues from the last snapshot before its time,
 * also in the file. The amount of output between two snapshots is bounded, not the time, because output is the cost.
 *
 * A player calls {@link ScreenIndex.build}, which takes snapshots ahead of a search. It works in pieces of some
 * milliseconds, and the event loop handles keys between them. Rejected: a thread of its own. Worker threads would need
 * a file of their own in bundles, and twice the memory for xterm.js.
 */
import { nextTurn } from '../screen/next-turn.ts';
import { Screen } from '../screen/screen.ts';
import { loadScreens } from '../screen/xterm.ts';
import type { Checkpoint, RecordingEvent, RecordingHeader } from './recording.ts';

/** Characters of output between two snapshots, at first. */
const SPACING = 256 * 1024;
/** At this number of snapshots every second one is dropped, and the spacing doubles. */
const MAX_SNAPSHOTS = 256;

/** Characters of output that are interpreted before other events are handled, and those that a new size counts as. */
const SLICE = 128 * 1024;
export const RESIZE_COST = 8 * 1024;

/** Reads the events of a file once. */
export interface Reader {
  batches(): AsyncGenerator<RecordingEvent[]>;
  /** The position after the last batch. */
  checkpoint(): Checkpoint;
}

/** Begins to read a file, at its beginning or at a checkpoint. */
export type Source = (from?: Checkpoint) => Reader;

interface Snapshot {
  readonly checkpoint: Checkpoint;
  readonly time: number;
  readonly columns: number;
  readonly rows: number;
  /** Draws the screen. */
  readonly sequences: string;
}

/** A screen of a recording, as text. */
export interface RecordedScreen {
  readonly columns: number;
  readonly rows: number;
  /** From 0. */
  readonly cursor: { readonly row: number; readonly column: number };
  /** The title that the program has set. */
  readonly title: string;
  /** The lines, without the blanks at their ends. */
  readonly lines: readonly string[];
  /** The lines, joined by line feeds, without empty lines at the end. */
  readonly text: string;
}

/** A screen in the middle of a recording, and the events after it. */
export interface RecordingPosition {
  /** To be disposed of by the caller. */
  readonly screen: Screen;
  /** To be read to its end, or ended with `return()`. */
  readonly rest: AsyncGenerator<RecordingEvent>;
}

export interface SeekOptions {
  /** Ends the search; it then rejects with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
  /**
   * If the file is broken before that time: whether the search gives the last screen before that place, and `rest`
   * throws. Default: the search throws.
   */
  readonly isLenient?: boolean | undefined;
}

export class ScreenIndex {
  readonly #header: RecordingHeader;
  readonly #source: Source;
  #snapshots: Snapshot[] = [];
  #spacing = SPACING;
  /** How far {@link build} has read, in seconds; undefined unless it runs. */
  #builtUntil: number | undefined;
  #waiting: { readonly seconds: number; readonly proceed: () => void }[] = [];

  constructor(header: RecordingHeader, source: Source) {
    this.#header = header;
    this.#source = source;
  }

  /** The number of snapshots that are kept. */
  get size(): number {
    return this.#snapshots.length;
  }

  /** Takes snapshots of the whole recording, up to its end or to the place where it is broken. */
  async build(signal?: AbortSignal): Promise<void> {
    this.#builtUntil ??= Number.NEGATIVE_INFINITY;
    try {
      const onProgress = async (seconds: number) => {
        this.#builtUntil = seconds;
        this.#proceed(seconds);
        await nextTurn();
      };
      const { screen, rest } = await this.#search(Number.POSITIVE_INFINITY, { signal, isLenient: true }, onProgress);
      screen.dispose();
      await rest.return(undefined);
    } finally {
      this.#builtUntil = undefined;
      this.#proceed(Number.POSITIVE_INFINITY);
    }
  }

  /**
   * @param seconds the screen has all events up to and including this time.
   * @throws TelptyError `ERR_RUNTIME` if the file is broken before that time.
   */
  async seek(seconds: number, options: SeekOptions = {}): Promise<RecordingPosition> {
    // Two searches through the same output would take twice the time.
    if (this.#builtUntil !== undefined && this.#builtUntil < seconds) await this.#built(seconds, options.signal);
    return this.#search(seconds, options);
  }

  #built(seconds: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => reject(signal?.reason);
      if (signal?.aborted) {
        stop();
        return;
      }
      signal?.addEventListener('abort', stop, { once: true });
      const proceed = () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      };
      this.#waiting.push({ seconds, proceed });
    });
  }

  #proceed(until: number): void {
    const ready = this.#waiting.filter(({ seconds }) => seconds < until || until === Number.POSITIVE_INFINITY);
    this.#waiting = this.#waiting.filter(waiting => !ready.includes(waiting));
    for (const { proceed } of ready) proceed();
  }

  async #search(
    seconds: number,
    { signal, isLenient = false }: SeekOptions,
    onProgress?: (seconds: number) => Promise<void>,
  ): Promise<RecordingPosition> {
    await loadScreens();
    const from = this.#snapshots.findLast(({ time }) => time <= seconds);
    const screen = new Screen(from?.columns ?? this.#header.columns, from?.rows ?? this.#header.rows);
    screen.write(from?.sequences ?? '');
    const reader = this.#source(from?.checkpoint);
    const batches = reader.batches();
    let written = 0;
    try {
      for (;;) {
        signal?.throwIfAborted();
        const { value: batch, done } = await batches.next();
        if (done) return { screen, rest: follow([], batches) };
        const end = batch.findIndex(event => event.time > seconds);
        written += await applyAll(screen, end < 0 ? batch : batch.slice(0, end), signal);
        if (end >= 0) return { screen, rest: follow(batch.slice(end), batches) };
        const last = batch.at(-1)?.time;
        if (last === undefined) continue;
        if (written >= this.#spacing && screen.isIdle) {
          written = 0;
          this.#keep(screen, last, reader.checkpoint());
        }
        await onProgress?.(last);
      }
    } catch (error) {
      await batches.return(undefined);
      if (isLenient && !signal?.aborted) return { screen, rest: follow([], batches, { error }) };
      screen.dispose();
      throw error;
    }
  }

  #keep(screen: Screen, time: number, checkpoint: Checkpoint): void {
    const last = this.#snapshots.at(-1);
    if (last !== undefined && last.checkpoint.events >= checkpoint.events) return;
    const { columns, rows } = screen;
    this.#snapshots.push({ checkpoint, time, columns, rows, sequences: screen.snapshot() });
    if (this.#snapshots.length < MAX_SNAPSHOTS) return;
    this.#snapshots = this.#snapshots.filter((_, index) => index % 2 === 1);
    this.#spacing *= 2;
  }
}

/** @param failure why nothing follows the first events. */
async function* follow(
  first: readonly RecordingEvent[],
  batches: AsyncGenerator<RecordingEvent[]>,
  failure?: { readonly error: unknown },
): AsyncGenerator<RecordingEvent> {
  try {
    yield* first;
    if (failure !== undefined) throw failure.error;
    for await (const batch of batches) yield* batch;
  } finally {
    await batches.return(undefined);
  }
}

/**
 * Applies events to a screen. Between two parts, other events of the process are handled: one line of a file may have
 * 16 MiB of output, or a batch some thousand sizes.
 *
 * @returns the number of characters of output.
 */
async function applyAll(
  screen: Screen,
  events: readonly RecordingEvent[],
  signal: AbortSignal | undefined,
): Promise<number> {
  let output = '';
  let written = 0;
  let cost = 0;
  const breathe = async () => {
    if (cost < SLICE) return;
    cost = 0;
    await nextTurn();
    signal?.throwIfAborted();
  };
  const write = async () => {
    for (let from = 0; from < output.length; from += SLICE) {
      const slice = output.slice(from, from + SLICE);
      screen.write(slice);
      cost += slice.length;
      await breathe();
    }
    written += output.length;
    output = '';
  };
  for (const event of events) {
    // One large write costs less than many small ones.
    if (event.type === 'output') output += event.data;
    else if (event.type === 'resize') {
      await write();
      apply(screen, event);
      cost += RESIZE_COST;
      await breathe();
    }
  }
  await write();
  return written;
}

/** Applies an event to a screen. */
export function apply(screen: Screen, event: RecordingEvent): void {
  if (event.type === 'output') screen.write(event.data);
  else if (event.type === 'resize') screen.resize(event.columns, event.rows);
}

export function recordedScreen(screen: Screen): RecordedScreen {
  const { columns, rows, cursor, title } = screen;
  const lines = Array.from({ length: rows }, (_, row) => screen.line(row)?.translateToString(true, 0, columns) ?? '');
  return { columns, rows, cursor, title, lines, text: lines.join('\n').trimEnd() };
}
