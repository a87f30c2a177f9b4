/**
 * The screens of a recording. A screen is the result of all output before it, and output is interpreted at some MB per
 * second. So snapshots are kept during a search, and the next search continues from the last snapshot before its time.
 * The amount of output between two snapshots is bounded, not the time, because output is the cost.
 */
import { Screen } from '../screen/screen.ts';
import { loadScreens } from '../screen/xterm.ts';
import type { RecordingEvent, RecordingHeader } from './recording.ts';

/** Characters of output between two snapshots, at first. */
const SPACING = 256 * 1024;
/** At this number of snapshots every second one is dropped, and the spacing doubles. */
const MAX_SNAPSHOTS = 256;

interface Snapshot {
  /** The number of events before it. */
  readonly events: number;
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

export class ScreenIndex {
  readonly #header: RecordingHeader;
  readonly #batches: () => AsyncGenerator<RecordingEvent[]>;
  #snapshots: Snapshot[] = [];
  #spacing = SPACING;

  constructor(header: RecordingHeader, batches: () => AsyncGenerator<RecordingEvent[]>) {
    this.#header = header;
    this.#batches = batches;
  }

  /** The number of snapshots that are kept. */
  get size(): number {
    return this.#snapshots.length;
  }

  /**
   * @param seconds the screen has all events up to and including this time.
   * @throws TelptyError `ERR_RUNTIME` if the file is broken before that time.
   */
  async seek(seconds: number): Promise<RecordingPosition> {
    await loadScreens();
    const from = this.#snapshots.findLast(({ time }) => time <= seconds);
    const screen = new Screen(from?.columns ?? this.#header.columns, from?.rows ?? this.#header.rows);
    screen.write(from?.sequences ?? '');
    const batches = this.#batches();
    let count = 0;
    let written = 0;
    try {
      for (;;) {
        const { value: batch, done } = await batches.next();
        if (done) return { screen, rest: follow([], batches) };
        for (const [index, event] of batch.entries()) {
          if (event.time > seconds) return { screen, rest: follow(batch.slice(index), batches) };
          count++;
          if (count <= (from?.events ?? 0)) continue;
          apply(screen, event);
          if (event.type !== 'output') continue;
          written += event.data.length;
          if (written < this.#spacing) continue;
          written = 0;
          this.#keep(screen, event.time, count);
        }
      }
    } catch (error) {
      screen.dispose();
      await batches.return(undefined);
      throw error;
    }
  }

  #keep(screen: Screen, time: number, events: number): void {
    const last = this.#snapshots.at(-1);
    if (last !== undefined && last.events >= events) return;
    const { columns, rows } = screen;
    this.#snapshots.push({ events, time, columns, rows, sequences: screen.snapshot() });
    if (this.#snapshots.length < MAX_SNAPSHOTS) return;
    this.#snapshots = this.#snapshots.filter((_, index) => index % 2 === 1);
    this.#spacing *= 2;
  }
}

async function* follow(
  first: readonly RecordingEvent[],
  batches: AsyncGenerator<RecordingEvent[]>,
): AsyncGenerator<RecordingEvent> {
  try {
    yield* first;
    for await (const batch of batches) yield* batch;
  } finally {
    await batches.return(undefined);
  }
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
