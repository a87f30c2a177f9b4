/**
 * Plays a recording: which event is due when, and what the keys change. It does not know a terminal: frames go to a
 * view, and time comes from a clock.
 *
 * Between two events counts the time since the earlier one, so that an idle limit, a pause and another speed only
 * change how fast that time passes.
 */
import { nextTurn } from '../../screen/next-turn.ts';
import { Screen } from '../../screen/screen.ts';
import type { ColourDepth } from '../../screen/style.ts';
import type { RecordingEvent } from '../recording.ts';
import { labelOf, type Recording, type RecordingFacts } from '../recording-reader.ts';
import { RESIZE_COST } from '../screen-index.ts';
import type { Clock } from './clock.ts';
import { emptyRow, type Frame, type FrameSize, fill, follow, frameOf, put, type Viewport } from './frame.ts';
import type { Key } from './key.ts';

/** Where frames are shown. */
export interface View {
  readonly size: FrameSize;
  readonly depth: ColourDepth;
  /** Takes the size of the recorded screen before each frame, if it can. */
  fit?(size: FrameSize): void;
  /** Whether a frame can be shown now. If not, {@link Player.handleRedraw} is called later. */
  readonly isReady: boolean;
  paint(frame: Frame): void;
}

export interface PlayerOptions {
  readonly speed: number;
  /** The longest time between two events, in seconds; 0: no limit. */
  readonly idleLimit: number;
  readonly loops: boolean;
  /**
   * Called at the end, or with the error if the rest cannot be read. The player then pauses, and continues after a
   * jump. Default: it ends.
   */
  readonly onEnd?: ((error: unknown) => void) | undefined;
  /** Whether the last line shows the state for some time after a key. Default: true. */
  readonly hasStatusLine?: boolean | undefined;
  /** Where it begins, in seconds. */
  readonly at: number;
}

/** How it ended: at the end of the recording, or by a key. */
export type Outcome = 'end' | 'quit' | 'interrupt';

/** A time to jump to: in seconds, or as a part of the duration. */
type Target = { readonly seconds: number } | { readonly part: number };

/** What is read ahead. The promises do not reject. */
interface Prepared {
  readonly facts: Promise<void>;
  readonly built: Promise<void>;
}

/** The shortest time between two frames, in milliseconds. */
const FRAME_MS = 25;
/** How long the status line is shown after a key, in milliseconds. */
const STATUS_MS = 2_000;
/** Before a recording begins again, in milliseconds. */
const LOOP_MS = 2_000;
/** Characters of output that are interpreted before keys are handled. */
const SLICE = 32 * 1024;
/** A terminal that is slower than the recording delays it by at most this, in seconds; then it plays slower. */
const MAX_LAG = 1;

const MIN_SPEED = 1 / 16;
const MAX_SPEED = 64;
const JUMP = 10;
const SMALL_JUMP = 5;
/** A mark is passed if the position is less than this after it, so that the previous one can be reached. */
const MARK_TOLERANCE = 1;

const REVERSED = ';7';

export class Player {
  readonly #recording: Recording;
  readonly #view: View;
  readonly #clock: Clock;
  readonly #options: PlayerOptions;
  #screen: Screen;
  #rest: AsyncGenerator<RecordingEvent>;
  /** The next event; undefined if it has not been read. */
  #next: RecordingEvent | undefined;
  /** The time of the last event. */
  #last = 0;
  /** The time since the last event, in seconds of the recording, as of a time of the clock. */
  #elapsed = 0;
  #since: number;
  #speed: number;
  #idleLimit: number;
  #isPaused = false;
  /** Set at the end, with the error if the rest could not be read. */
  #ending: { readonly error: unknown } | undefined;
  #target: Target | undefined;
  #search: AbortController | undefined;
  /** Ends the current wait. */
  #waiting = new AbortController();
  #outcome: Outcome | undefined;
  #lastFrame: Frame | undefined;
  #facts: RecordingFacts | undefined;
  /** Ends the reading ahead. */
  readonly #ahead = new AbortController();
  #prepared: Prepared | undefined;
  #viewport: Viewport = { row: 0, column: 0 };
  #isDirty = true;
  #lastPaint = Number.NEGATIVE_INFINITY;
  #statusUntil = Number.NEGATIVE_INFINITY;
  #mark: string | undefined;
  /** The size of the recording that the status line has announced as larger than the window. */
  #announced = '';

  /** Screens must be loaded. */
  constructor(recording: Recording, view: View, clock: Clock, options: PlayerOptions) {
    this.#recording = recording;
    this.#view = view;
    this.#clock = clock;
    this.#options = options;
    this.#speed = options.speed;
    this.#idleLimit = options.idleLimit;
    this.#since = clock.now();
    this.#screen = new Screen(recording.columns, recording.rows);
    this.#rest = recording[Symbol.asyncIterator]();
    if (options.at > 0) this.#target = { seconds: options.at };
  }

  /**
   * Plays to the end, or until a key ends it.
   *
   * @throws TelptyError at the place where the file is broken.
   */
  async run(): Promise<Outcome> {
    this.#prepared = this.#prepare();
    try {
      while (this.#outcome === undefined) await this.#step(this.#prepared.facts);
      if (this.#outcome === 'end') this.#lastFrame = this.#wholeFrame();
      return this.#outcome;
    } catch (error) {
      this.#lastFrame = this.#wholeFrame();
      throw error;
    } finally {
      this.#ahead.abort();
      this.#screen.dispose();
      await this.#rest.return(undefined);
      await this.#prepared.built;
    }
  }

  /** The last screen, after the end of the recording or at the place where it is broken. */
  get lastFrame(): Frame | undefined {
    return this.#lastFrame;
  }

  handleKey(key: Key): void {
    if (key === 'interrupt' || key === 'quit') this.#finish(key);
    else if (key === 'left' || key === 'right') this.#jumpBy(key === 'left' ? -SMALL_JUMP : SMALL_JUMP);
    else if (key === 'home') this.#jump({ seconds: 0 });
    else if (key === 'end') this.#jump({ part: 1 });
    else if (typeof key === 'object') this.#character(key.character);
  }

  handleRedraw(): void {
    this.#isDirty = true;
    this.#wake();
  }

  /** In seconds; undefined until the file has been read once. */
  get duration(): number | undefined {
    return this.#facts?.duration;
  }

  get speed(): number {
    return this.#speed;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether the end has been reached, or the place where the rest cannot be read. */
  get hasEnded(): boolean {
    return this.#ending !== undefined;
  }

  /** Whether the screen of a jump is being searched for. */
  get isSeeking(): boolean {
    return this.#target !== undefined;
  }

  /** The label of the last mark. */
  get mark(): string | undefined {
    return this.#mark;
  }

  /** Jumps to a time, in seconds. */
  seek(seconds: number): void {
    this.#jump({ seconds });
  }

  /** The longest time between two events, in seconds; 0: no limit. */
  set idleLimit(seconds: number) {
    this.#idleLimit = seconds;
    this.#wake();
  }

  get position(): number {
    if (this.#target !== undefined && 'seconds' in this.#target) return this.#target.seconds;
    const gap = this.#next === undefined ? 0 : this.#next.time - this.#last;
    return this.#last + Math.min(this.#passed(), gap);
  }

  #character(character: string): void {
    if (character === 'q') this.#finish('quit');
    else if (character === ' ') this.#togglePause();
    else if (character === '.') this.#stepOnce();
    else if (character === '+' || character === '=') this.#setSpeed(this.#speed * 2);
    else if (character === '-') this.#setSpeed(this.#speed / 2);
    else if (character === '[') this.#jumpToMark(-1);
    else if (character === ']') this.#jumpToMark(1);
    else if (character >= '0' && character <= '9') this.#jump({ part: Number(character) / 10 });
    else return;
    this.#showStatus();
  }

  #finish(outcome: Outcome): void {
    this.#outcome = outcome;
    this.#search?.abort();
    this.#wake();
  }

  #togglePause(): void {
    const ending = this.#ending;
    // From the beginning, or another attempt to read on.
    if (ending?.error !== undefined) {
      this.#prepared = this.#prepare();
      this.#jump({ seconds: this.position });
    } else if (ending !== undefined) this.#jump({ seconds: 0 });
    this.#pause(!this.#isPaused);
  }

  #pause(isPaused: boolean): void {
    this.#settle();
    this.#isPaused = isPaused;
  }

  #setSpeed(speed: number): void {
    this.#settle();
    this.#speed = Math.max(MIN_SPEED, Math.min(MAX_SPEED, speed));
  }

  /** Whether the next event is to be applied although the player is paused. */
  #isStepping = false;

  #stepOnce(): void {
    this.#pause(true);
    this.#isStepping = true;
  }

  #jumpBy(seconds: number): void {
    this.#jump({ seconds: Math.max(0, this.position + seconds) });
  }

  #jumpToMark(direction: -1 | 1): void {
    const { position } = this;
    const marks = this.#facts?.marks ?? [];
    const mark =
      direction > 0
        ? marks.find(({ time }) => time > position)
        : marks.findLast(({ time }) => time < position - MARK_TOLERANCE);
    if (mark === undefined) this.#jumpBy(direction * JUMP);
    else {
      this.#mark = mark.label;
      this.#jump({ seconds: mark.time });
    }
  }

  #jump(target: Target): void {
    this.#target = target;
    this.#ending = undefined;
    this.#search?.abort();
    this.#showStatus();
  }

  #showStatus(): void {
    this.#statusUntil = this.#clock.now() + STATUS_MS;
    this.handleRedraw();
  }

  #wake(): void {
    this.#waiting.abort();
  }

  async #wait(ms: number): Promise<void> {
    // A key before this wait ends it at once.
    if (!this.#waiting.signal.aborted) await this.#clock.wait(ms, this.#waiting.signal);
    this.#waiting = new AbortController();
  }

  /** Reads the file ahead: its facts, then the screens. */
  #prepare(): Prepared {
    const { signal } = this.#ahead;
    const facts = this.#recording
      .scan(signal)
      .then(found => {
        this.#facts = found;
        this.handleRedraw();
      })
      .catch(() => {});
    // Errors are reported by the iteration that plays.
    const built = facts.then(() => this.#recording.screens.build(signal)).catch(() => {});
    return { facts, built };
  }

  /** Does what is due, or waits for it. */
  async #step(facts: Promise<void>): Promise<void> {
    if (this.#target !== undefined) {
      await this.#seek(this.#target, facts);
      return;
    }
    this.#paintIfDue();
    const now = this.#clock.now();
    const untilFrame = this.#isDirty && this.#view.isReady ? Math.max(0, FRAME_MS - (now - this.#lastPaint)) : Infinity;
    const untilStatus = this.#statusUntil > now ? this.#statusUntil - now : Infinity;
    if (this.#isPaused && !this.#isStepping) {
      await this.#wait(Math.min(untilFrame, untilStatus));
      return;
    }
    try {
      this.#next ??= await this.#read();
    } catch (error) {
      if (this.#options.onEnd === undefined) throw error;
      this.#stay(error);
      return;
    }
    if (this.#target !== undefined || this.#outcome !== undefined) return;
    if (this.#next === undefined) {
      await this.#end();
      return;
    }
    const due = this.#isStepping ? 0 : this.#gap(this.#next) - this.#passed();
    if (due <= 0) await this.#apply(this.#next);
    else await this.#wait(Math.min((due * 1000) / this.#speed, untilFrame, untilStatus));
  }

  async #read(): Promise<RecordingEvent | undefined> {
    for (;;) {
      const { value, done } = await this.#rest.next();
      if (done) return undefined;
      if (value.type !== 'input' && value.type !== 'exit') return value;
    }
  }

  async #end(): Promise<void> {
    this.#isStepping = false;
    this.#settle();
    if (this.#options.onEnd !== undefined) {
      this.#stay(undefined);
      return;
    }
    if (this.#isPaused) return;
    if (!this.#options.loops) {
      this.#outcome = 'end';
      return;
    }
    const until = this.#clock.now() + LOOP_MS;
    while (this.#clock.now() < until && this.#target === undefined && this.#outcome === undefined && !this.#isPaused) {
      await this.#wait(Math.max(0, Math.min(until - this.#clock.now(), FRAME_MS)));
      this.#paintIfDue();
    }
    if (!this.#isPaused) this.#target ??= { seconds: 0 };
  }

  #stay(error: unknown): void {
    this.#isStepping = false;
    this.#pause(true);
    this.#ending = { error };
    this.#isDirty = true;
    this.#options.onEnd?.(error);
  }

  /** The time from the last event to this one, in seconds. */
  #gap({ time }: RecordingEvent): number {
    const gap = time - this.#last;
    return this.#idleLimit > 0 ? Math.min(gap, this.#idleLimit) : gap;
  }

  #passed(): number {
    return this.#elapsed + (this.#isPaused ? 0 : ((this.#clock.now() - this.#since) / 1000) * this.#speed);
  }

  #settle(): void {
    this.#elapsed = this.#passed();
    this.#since = this.#clock.now();
  }

  #written = 0;

  async #apply(event: RecordingEvent): Promise<void> {
    this.#settle();
    this.#elapsed = this.#isStepping ? 0 : Math.min(this.#elapsed - this.#gap(event), MAX_LAG * this.#speed);
    this.#last = event.time;
    this.#next = undefined;
    if (event.type === 'resize') {
      this.#screen.resize(event.columns, event.rows);
      await this.#breathe(RESIZE_COST);
    } else if (event.type === 'mark') {
      this.#mark = labelOf(event);
      this.#isStepping = false;
    } else if (event.type === 'output') {
      for (let from = 0; from < event.data.length && this.#outcome === undefined; from += SLICE) {
        const piece = event.data.slice(from, from + SLICE);
        this.#screen.write(piece);
        await this.#breathe(piece.length);
      }
    }
    if (event.type === 'output') this.#isStepping = false;
    this.#isDirty = true;
  }

  /** Handles keys and draws after each slice of output. */
  async #breathe(written: number): Promise<void> {
    this.#written += written;
    if (this.#written < SLICE) return;
    this.#written = 0;
    this.#isDirty = true;
    await nextTurn();
    this.#paintIfDue();
  }

  async #seek(target: Target, facts: Promise<void>): Promise<void> {
    const search = new AbortController();
    const { signal } = search;
    this.#search = search;
    this.#paint();
    try {
      // A part of a duration that is not known yet.
      if ('part' in target) await untilAborted(facts, signal);
      const duration = this.#facts?.duration ?? Number.POSITIVE_INFINITY;
      const wanted = 'seconds' in target ? target.seconds : target.part * (this.#facts?.duration ?? 0);
      const seconds = Math.min(wanted, duration);
      const { screen, rest } = await this.#recording.screens.seek(seconds, { signal, isLenient: true });
      this.#screen.dispose();
      await this.#rest.return(undefined);
      this.#screen = screen;
      this.#rest = rest;
      this.#next = undefined;
      this.#last = Number.isFinite(seconds) ? seconds : 0;
      this.#elapsed = 0;
      this.#since = this.#clock.now();
      this.#isStepping = false;
      this.#isDirty = true;
      if (this.#target === target) this.#target = undefined;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#search = undefined;
    }
  }

  // Drawing.

  #paintIfDue(): void {
    const now = this.#clock.now();
    if (this.#hadStatus && this.#statusUntil <= now && !this.#isPaused) this.#isDirty = true;
    if (this.#isDirty && this.#view.isReady && now - this.#lastPaint >= FRAME_MS) this.#paint();
  }

  #paint(): void {
    const screen = this.#screen;
    this.#view.fit?.({ columns: screen.columns, rows: screen.rows });
    const { size, depth } = this.#view;
    this.#viewport = follow(screen, size, this.#viewport);
    this.#announceSize(size);
    const frame = frameOf(screen, size, this.#viewport, depth);
    const last = frame.rows.at(-1);
    const { hasStatusLine = true } = this.#options;
    this.#hadStatus =
      hasStatusLine && (this.#isPaused || this.#target !== undefined || this.#statusUntil > this.#clock.now());
    if (this.#hadStatus && last !== undefined) {
      const column = put(last, 0, this.#status(size), REVERSED);
      fill(last, column, REVERSED);
    }
    this.#view.paint(this.#hadStatus ? { ...frame, cursor: undefined } : frame);
    this.#isDirty = false;
    this.#lastPaint = this.#clock.now();
  }

  #hadStatus = false;

  #wholeFrame(): Frame {
    const { columns, rows } = this.#screen;
    const size = { columns: Math.min(columns, this.#view.size.columns), rows };
    return frameOf(this.#screen, size, { row: 0, column: this.#viewport.column }, this.#view.depth);
  }

  #announceSize({ columns, rows }: FrameSize): void {
    const screen = this.#screen;
    const isLarger = screen.columns > columns || screen.rows > rows;
    const name = isLarger ? `${screen.columns}x${screen.rows} in ${columns}x${rows}` : '';
    if (isLarger && name !== this.#announced) this.#statusUntil = this.#clock.now() + STATUS_MS;
    this.#announced = name;
  }

  #status({ columns }: FrameSize): string {
    const state = this.#target !== undefined ? 'seeking' : this.#isPaused ? 'paused' : 'playing';
    const whole = this.#facts === undefined ? '' : ` / ${clockTime(this.#facts.duration)}`;
    const parts = [` ${state}  ${clockTime(this.position)}${whole}`];
    if (this.#speed !== 1) parts.push(`${Number(this.#speed.toPrecision(3))}x`);
    if (this.#announced !== '') parts.push(`${this.#announced}, follows the cursor`);
    if (this.#mark !== undefined && this.#mark !== '') parts.push(`[${this.#mark}]`);
    const text = parts.join('  ');
    const keys = 'space pause  . step  +/- speed  [/] mark  q quit ';
    // The keys are at the right edge if there is room for them.
    return text.length + keys.length + 2 > columns ? text : text.padEnd(columns - keys.length) + keys;
  }
}

export const emptyFrame = ({ columns, rows }: FrameSize): Frame => ({
  columns,
  rows: Array.from({ length: rows }, () => emptyRow(columns)),
  cursor: undefined,
});

/** `1:02:03`, `02:03`. */
export function clockTime(seconds: number): string {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}

/** Rejects when the signal is aborted. The promise itself is not affected. */
async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
