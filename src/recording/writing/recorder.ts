/**
 * The recordings of this process: their queue, and the thread that writes them (`recorder-thread.ts`).
 *
 * Output is copied to a batch, which the thread gets after {@link FLUSH_MS}. Unwritten data is bounded, for
 * each recording and for all. A session whose recording is full has to pause. If the thread then makes no progress for
 * {@link STALL_MS}, full recordings are given up, and their sessions continue.
 *
 * The memory of batches is shared with the thread, and the thread counts the orders that it has obeyed. So this thread
 * sees which batches are written without a message for each, which would wake it up. Only a session that is paused
 * needs a message.
 *
 * Rejected: a stream of `node:fs` for each recording. Four writes that hang would stop all name look-ups and file reads
 * of the process, since they share the four threads of libuv.
 */
import { dirname, join } from 'node:path';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { TelptyError } from '../../errors.ts';
import { loadAddon } from '../../native/load.ts';
import { ownFile, ownPackage } from '../../package.ts';
import type { RecordingFormat, RecordingHeader } from '../recording.ts';
import {
  type BatchMemory,
  BUSY,
  OBEYED,
  PROGRESS,
  STATE_BYTES,
  type Step,
  type ThreadOrder,
  type ThreadReport,
  type ThreadStart,
  WANTS_REPORTS,
} from './recorder-messages.ts';
import type { Retention } from './recording-directory.ts';

/** How long output waits for more before the thread gets it, in milliseconds. */
const FLUSH_MS = 50;
/** A batch of this size is sent at once, in bytes. Everything that the fast path copies at once has room in one. */
const BATCH_BYTES = 2 ** 20;
const FIRST_BATCH_BYTES = 4096;
const LARGEST_SMALL_BATCH = 64 * 1024;
/** How much memory of written batches is kept for the next ones, in batches. New memory costs a fault for each page. */
const SPARE_BATCHES = 3;
/** How much of one recording, and of all, may wait to be written before sessions pause, in bytes. */
const MOST_WAITING = 2 * 2 ** 20;
const MOST_WAITING_IN_ALL = 16 * 2 ** 20;
/** How much more is taken from a session after it was asked to pause: output in transit. */
const AFTER_PAUSE = 2 * 2 ** 20;
/** What a step counts in addition to its data, in bytes: about the memory of its objects. */
const STEP_BYTES = 128;
/** The same of a step with the header. */
const BEGIN_BYTES = 1024;
/** How long the thread may take to start, in milliseconds. */
const START_MS = 10_000;
/** How long the thread may make no progress while a session or the end of the process waits for it, in milliseconds. */
const STALL_MS = 1_000;
/** The same while nothing waits for it but recordings of ended sessions, which need memory. */
const END_MS = 30_000;
/**
 * These limits are counted in intervals, in milliseconds. If the whole process is stopped, or gets no processor, then
 * only one interval has passed, and not the limit.
 */
const TICK_MS = 250;

const TOO_SLOW = { reason: 'the disk is too slow', code: 'ETIMEDOUT' };

/** What a recording calls. */
export interface RecordingUser {
  /** The file exists; it has another name when it is complete. */
  begun(file: string): void;
  /** There is room again, after `false` was returned. */
  room(): void;
  /** All is written, or the recording was given up. */
  ended(end: FileEnd): void;
  /** The process ends: what is known has to be recorded at once. */
  exiting(): void;
}

/** How a file has ended. */
export type FileEnd = Pick<ThreadReport & { type: 'ended' }, 'file' | 'size' | 'problem'>;

/** The facts of a new recording. */
export interface RecordingStart {
  readonly directory: string;
  readonly format: RecordingFormat;
  readonly session: number;
  readonly header: RecordingHeader & { readonly started: Date };
}

/** A recording that is being written. Times are in seconds since its beginning. */
export class LiveRecording {
  readonly id: number;
  readonly user: RecordingUser;
  /** What the thread has not written yet, in bytes. */
  waiting = 0;
  isPaused = false;
  /** Whether its session has ended, and the thread has not written everything yet. */
  isEnding = false;
  readonly #thread: RecorderThread;
  #isOver = false;

  constructor(thread: RecorderThread, id: number, user: RecordingUser) {
    this.#thread = thread;
    this.id = id;
    this.user = user;
  }

  /**
   * Records data.
   *
   * @param bytes lent.
   * @returns false if the session has to pause until `room()` is called.
   */
  data(type: 'output' | 'input', bytes: Uint8Array, encoding: string, time: number): boolean {
    if (this.#isOver) return true;
    if (this.isPaused && this.waiting + bytes.length > MOST_WAITING + AFTER_PAUSE) {
      this.giveUp();
      return true;
    }
    this.#thread.data(this, type, bytes, encoding, time);
    return !this.isPaused;
  }

  /** @returns as {@link data}. */
  resize(columns: number, rows: number, time: number): boolean {
    this.#step({ type: 'resize', id: this.id, time, columns, rows });
    return !this.isPaused;
  }

  exit(status: number, time: number): void {
    this.#step({ type: 'exit', id: this.id, time, status });
  }

  /** The recording is complete when the thread has written what waits. */
  end(): void {
    if (this.#isOver) return;
    this.#step({ type: 'end', id: this.id });
    this.#isOver = true;
    this.isEnding = true;
    this.#thread.ending();
    this.#thread.watch();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Ends the recording with a mark, because the disk is too slow. The session continues. */
  giveUp(): void {
    this.#step({ type: 'end', id: this.id, reason: TOO_SLOW.reason });
    this.#thread.forget(this, { file: undefined, size: 0, problem: TOO_SLOW });
  }

  /** Nothing more is recorded. */
  over(): void {
    this.#isOver = true;
    if (this.isPaused) this.user.room();
    this.isPaused = false;
  }

  #step(step: Step): void {
    if (!this.#isOver) this.#thread.step(this, step, STEP_BYTES);
  }
}

/** A directory, and who gets the names of its files that were repaired or deleted. */
interface DirectoryUse {
  readonly retention: Retention;
  readonly report: (type: 'repaired' | 'deleted', files: readonly string[]) => void;
}

/** A batch that the thread has got: the number of its order, what each recording has in it, and its memory. */
interface SentBatch {
  readonly order: number;
  readonly sizes: ReadonlyMap<number, number>;
  readonly data: BatchMemory | undefined;
}

/** What all recordings of this process have in common. */
export class RecorderThread {
  readonly #recordings = new Map<number, LiveRecording>();
  readonly #directories = new Map<string, DirectoryUse>();
  #thread: RunningThread | undefined;
  #lastId = 0;
  #steps: Step[] = [];
  #data: BatchMemory | undefined;
  #used = 0;
  #batchBytes = FIRST_BATCH_BYTES;
  readonly #spare: BatchMemory[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** When the last batch was sent, by `performance.now()`. */
  #flushed = 0;
  /** What each recording has in this batch, in bytes. */
  #sizes = new Map<number, number>();
  /** Batches that were sent and are not written yet, the oldest first. */
  #unwritten: SentBatch[] = [];
  /** Bytes that wait to be written, of all recordings. */
  #waiting = 0;
  /** Recordings whose sessions have ended. */
  #endings = 0;
  #stall: NodeJS.Timeout | undefined;
  /** How long there has been no progress, in milliseconds. */
  #stalled = 0;

  constructor() {
    process.on('exit', this.#finish);
  }

  /** Prepares a directory. @param report is called with files that were repaired or deleted. */
  use(directory: string, retention: Retention, report: DirectoryUse['report']): void {
    const isRunning = this.#thread !== undefined;
    this.#directories.set(directory, { retention, report });
    const thread = this.#running();
    if (isRunning) thread.send({ type: 'directory', directory, retention });
  }

  begin(start: RecordingStart, user: RecordingUser): LiveRecording {
    this.#lastId++;
    const recording = new LiveRecording(this, this.#lastId, user);
    this.#recordings.set(recording.id, recording);
    counts.active++;
    if (this.#waiting >= MOST_WAITING_IN_ALL) this.forget(recording, { file: undefined, size: 0, problem: TOO_SLOW });
    else this.step(recording, { type: 'begin', id: recording.id, ...start }, BEGIN_BYTES);
    return recording;
  }

  /** Adds a step to the batch. @param size of the step and its data, in bytes. */
  step(recording: LiveRecording, step: Step, size: number): void {
    this.#steps.push(step);
    this.#sizes.set(recording.id, (this.#sizes.get(recording.id) ?? 0) + size);
    recording.waiting += size;
    this.#waiting += size;
    this.#collectWritten();
    if (recording.waiting >= MOST_WAITING || this.#waiting >= MOST_WAITING_IN_ALL) {
      recording.isPaused = true;
      this.#running().wantReports(true);
      this.#flush();
      this.watch();
    } else this.#timer ??= setTimeout(this.#inTime, FLUSH_MS).unref();
  }

  readonly #inTime = (): void => {
    this.#timer = undefined;
    // All steps that wait are newer than the last batch. In a flood this saves a small batch for each time.
    const left = this.#flushed + FLUSH_MS - performance.now();
    if (left > 1 && this.#steps.length > 0) this.#timer = setTimeout(this.#inTime, left).unref();
    else this.#flush();
  };

  /** Adds data to the batch. */
  data(recording: LiveRecording, type: 'output' | 'input', bytes: Uint8Array, encoding: string, time: number): void {
    if (this.#data !== undefined && this.#used + bytes.length > this.#data.length) this.#flush();
    this.#data ??= this.#memory(Math.max(this.#batchBytes, bytes.length));
    const native = loadAddon();
    if (native === undefined) this.#data.set(bytes, this.#used);
    else native.copyBytes(bytes, this.#data, this.#used);
    const from = this.#used;
    this.#used += bytes.length;
    const step: Step = { type, id: recording.id, time, from, to: this.#used, encoding };
    this.step(recording, step, bytes.length + STEP_BYTES);
  }

  #memory(length: number): BatchMemory {
    // Memory of other sizes could not be used again.
    const whole = length > LARGEST_SMALL_BATCH ? Math.max(length, BATCH_BYTES) : length;
    const spare = whole === BATCH_BYTES ? this.#spare.pop() : undefined;
    return spare ?? new Uint8Array(new SharedArrayBuffer(whole));
  }

  /** Sends the batch. The timer goes on: floods fill many batches in its time, and the next one may be small. */
  #flush(): void {
    if (this.#steps.length === 0) return;
    const steps = this.#steps;
    const sizes = this.#sizes;
    const data = this.#data;
    // A flood gets large batches, and a key a small one.
    const length = data?.length ?? 0;
    this.#batchBytes = this.#used * 2 > length ? Math.min(length * 4, BATCH_BYTES) : FIRST_BATCH_BYTES;
    this.#steps = [];
    this.#sizes = new Map();
    this.#data = undefined;
    this.#used = 0;
    this.#flushed = performance.now();
    const order = this.#running().send({ type: 'batch', steps, data });
    this.#unwritten.push({ order, sizes, data });
  }

  /** The thread; it is started if it has not been, or has failed. */
  #running(): RunningThread {
    if (this.#thread !== undefined) return this.#thread;
    const thread = new RunningThread(
      message => this.#reported(message),
      error => this.#failed(thread, error),
    );
    this.#thread = thread;
    for (const [directory, { retention }] of this.#directories)
      thread.send({ type: 'directory', directory, retention });
    return thread;
  }

  #reported(message: ThreadReport): void {
    switch (message.type) {
      case 'begun':
        this.#recordings.get(message.id)?.user.begun(message.file);
        return;
      case 'written':
        this.#collectWritten();
        this.#resume();
        return;
      case 'ended': {
        const recording = this.#recordings.get(message.id);
        // One that was given up has been reported; its size is known only now.
        if (recording === undefined) counts.bytes += message.size;
        else this.forget(recording, message);
        return;
      }
      default:
        this.#directories.get(message.directory)?.report(message.type, message.files);
    }
  }

  /** A session has ended. Its recording keeps the process alive until it is written, for {@link END_MS} at most. */
  ending(): void {
    this.#endings++;
    this.#thread?.hold(true);
  }

  /** A recording has ended. */
  forget(recording: LiveRecording, { file, size, problem }: FileEnd): void {
    this.#recordings.delete(recording.id);
    if (recording.isEnding) {
      this.#endings--;
      if (this.#endings === 0) this.#thread?.hold(false);
    }
    recording.over();
    counts.active--;
    counts.bytes += size;
    if (problem !== undefined) counts.failed++;
    recording.user.ended({ file, size, problem });
  }

  /** Frees the memory of batches that the thread has written, and the room that they have taken. */
  #collectWritten(): void {
    const unwritten = this.#unwritten;
    let [oldest] = unwritten;
    if (oldest === undefined) return;
    const { obeyed } = this.#thread!;
    for (; oldest !== undefined && oldest.order <= obeyed; [oldest] = unwritten) {
      unwritten.shift();
      for (const [id, bytes] of oldest.sizes) {
        this.#waiting -= bytes;
        const recording = this.#recordings.get(id);
        if (recording !== undefined) recording.waiting -= bytes;
      }
      if (oldest.data?.length === BATCH_BYTES && this.#spare.length < SPARE_BATCHES) this.#spare.push(oldest.data);
    }
  }

  /** Resumes sessions whose recordings have room again. */
  #resume(): void {
    if (this.#waiting > MOST_WAITING_IN_ALL / 2) return;
    let isAnyPaused = false;
    for (const recording of this.#recordings.values()) {
      if (!recording.isPaused) continue;
      if (recording.waiting > MOST_WAITING / 2) {
        isAnyPaused = true;
        continue;
      }
      recording.isPaused = false;
      recording.user.room();
      isAnyPaused ||= recording.isPaused;
    }
    if (!isAnyPaused) this.#thread?.wantReports(false);
  }

  /** Gives up recordings that wait for the thread, if it makes no progress. */
  watch(): void {
    const thread = this.#thread;
    if (this.#stall !== undefined || thread === undefined) return;
    const { progress } = thread;
    this.#stall = setTimeout(() => {
      this.#stall = undefined;
      this.#stalled = thread.progress === progress ? this.#stalled + TICK_MS : 0;
      let isWaiting = false;
      for (const recording of this.#recordings.values()) {
        if (!(recording.isPaused || recording.isOver)) continue;
        const limit = !recording.isPaused ? END_MS : progress === 0 ? START_MS : STALL_MS;
        if (this.#stalled >= limit) recording.giveUp();
        else isWaiting = true;
      }
      if (isWaiting) this.watch();
      else this.#stalled = 0;
    }, TICK_MS).unref();
  }

  /** The thread has crashed: all recordings end, and the next one starts another thread. */
  #failed(thread: RunningThread, error: Error): void {
    if (this.#thread !== thread) return;
    this.#thread = undefined;
    void thread.close();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#steps = [];
    this.#data = undefined;
    this.#used = 0;
    this.#sizes = new Map();
    this.#unwritten = [];
    this.#waiting = 0;
    const problem = { reason: `the thread that writes has failed: ${error.message}`, code: 'unknown' };
    for (const recording of this.#recordings.values()) this.forget(recording, { file: undefined, size: 0, problem });
  }

  /**
   * The process ends: waits until everything is written, as long as there is progress. Node.js would then wait for the
   * end of the thread without a limit, which never comes if the disk does not answer. In this case the process ends as
   * it would by SIGTERM.
   */
  readonly #finish = (): void => {
    for (const recording of this.#recordings.values()) recording.user.exiting();
    this.#flush();
    if (this.#thread?.finish() !== false) return;
    process.removeAllListeners('SIGTERM');
    process.kill(process.pid, 'SIGTERM');
  };

  /** Ends the thread when all is written. */
  async end(): Promise<void> {
    this.#finish();
    process.off('exit', this.#finish);
    await this.#thread?.close();
  }
}

/** A thread, and the port to it. */
class RunningThread {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #state = new Int32Array(new SharedArrayBuffer(STATE_BYTES));
  readonly #reported: (message: ThreadReport) => void;
  /** Orders that were sent. */
  #sent = 0;
  /** The number of the last one with data. */
  #lastBatch = 0;

  constructor(reported: (message: ThreadReport) => void, failed: (error: Error) => void) {
    this.#reported = reported;
    const { port1, port2 } = new MessageChannel();
    const start: ThreadStart = { state: this.#state.buffer as SharedArrayBuffer, port: port2 };
    this.#worker = new Worker(threadFile(), {
      name: 'telpty-recorder',
      workerData: start,
      transferList: [port2],
      // Its events are at most as long as a batch.
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    this.#worker.on('error', failed);
    this.#worker.unref();
    // Not the worker's own port: at the end of the process, only this kind can be read without the event loop.
    this.#port = port1;
    port1.on('message', reported);
    port1.unref();
  }

  /** A number that changes while the thread makes progress. */
  get progress(): number {
    return Atomics.load(this.#state, PROGRESS);
  }

  /** Whether the event loop waits for reports. */
  hold(isHeld: boolean): void {
    if (isHeld) this.#port.ref();
    else this.#port.unref();
  }

  /** How many orders the thread has obeyed. */
  get obeyed(): number {
    return Atomics.load(this.#state, OBEYED);
  }

  /** Whether the thread is to report each batch that it has written. */
  wantReports(isWanted: boolean): void {
    Atomics.store(this.#state, WANTS_REPORTS, isWanted ? 1 : 0);
  }

  /** @returns the number of the order. */
  send(order: ThreadOrder): number {
    this.#sent++;
    if (order.type === 'batch') this.#lastBatch = this.#sent;
    this.#port.postMessage(order);
    return this.#sent;
  }

  /** Blocks until all batches are written. @returns false if the disk does not answer. */
  finish(): boolean {
    const state = this.#state;
    let { progress } = this;
    let stalled = 0;
    for (;;) {
      const { obeyed } = this;
      if (obeyed >= this.#lastBatch) break;
      if (Atomics.wait(state, OBEYED, obeyed, TICK_MS) === 'timed-out') stalled += TICK_MS;
      if (this.progress !== progress) {
        ({ progress } = this);
        stalled = 0;
      } else if (stalled >= (progress === 0 ? START_MS : STALL_MS)) break;
    }
    for (let next = this.#receive(); next !== undefined; next = this.#receive()) this.#reported(next);
    // Not set if the thread has just been started: that can be ended.
    for (stalled = 0; stalled < STALL_MS; stalled += TICK_MS)
      if (Atomics.wait(state, BUSY, 1, TICK_MS) !== 'timed-out') return true;
    return false;
  }

  async close(): Promise<void> {
    this.#port.close();
    await this.#worker.terminate();
  }

  #receive(): ThreadReport | undefined {
    return receiveMessageOnPort(this.#port)?.message as ThreadReport | undefined;
  }
}

/** Numbers about the recordings of this process. */
const counts = { active: 0, bytes: 0, failed: 0 };

/** How many recordings are being written, the size of the others in bytes, and how many an error has ended. */
export function recordingCounts(): { readonly active: number; readonly bytes: number; readonly failed: number } {
  return { ...counts };
}

let thread: RecorderThread | undefined;

/** The thread of this process, which is started by the first call. @throws TelptyError `ERR_RUNTIME` */
export function recorderThread(): RecorderThread {
  thread ??= new RecorderThread();
  return thread;
}

/** Ends the thread of this process, for tests. */
export async function endRecorderThread(): Promise<void> {
  await thread?.end();
  thread = undefined;
}

/** `.ts` in the source tree. A bundle finds the file in the installed package. */
function threadFile(): string {
  if (ownFile.endsWith('.ts')) return join(dirname(ownFile), 'recording', 'writing', 'recorder-thread.ts');
  const root = ownPackage()?.root;
  if (root !== undefined) return join(root, 'dist', 'recording', 'writing', 'recorder-thread.js');
  throw new TelptyError(
    'ERR_RUNTIME',
    'recordings need the package telpty, which is not installed next to this bundle',
  );
}
