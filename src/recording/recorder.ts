/**
 * The recordings of this process: their queue, and the thread that writes them (`recorder-thread.ts`).
 *
 * Output is copied to a batch, which the thread gets after {@link FLUSH_MS}. The data that it has not written yet is
 * bounded, for each recording and for all. A session whose recording is full has to pause. If the thread then makes no
 * progress for {@link STALL_MS}, full recordings are given up, and their sessions continue.
 *
 * Rejected: a stream of `node:fs` for each recording. Four writes that hang would stop all name look-ups and file reads
 * of the process, since they share the four threads of libuv.
 */
import { join } from 'node:path';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { TelptyError } from '../errors.ts';
import { ownPackage } from '../package.ts';
import { BUSY, OBEYED, type Step, type ThreadOrder, type ThreadReport, type ThreadStart } from './recorder-messages.ts';
import type { RecordingFormat, RecordingHeader } from './recording.ts';
import type { Retention } from './recording-directory.ts';

/** How long output waits for more before the thread gets it, in milliseconds. */
const FLUSH_MS = 50;
/** A batch of this size is sent at once, in bytes. */
const BATCH_BYTES = 256 * 1024;
const FIRST_BATCH_BYTES = 4096;
/** How much of one recording, and of all, may wait to be written before sessions pause, in bytes. */
const MOST_WAITING = 2 ** 20;
const MOST_WAITING_IN_ALL = 16 * 2 ** 20;
/** How much more is taken from a session after it was asked to pause: output in transit. */
const AFTER_PAUSE = 2 ** 20;
/** What a step counts in addition to its data, in bytes: about the memory of its object. */
const STEP_BYTES = 128;
/** How long the thread may take to start when the process ends, in milliseconds. */
const START_MS = 5_000;
/** How long a full queue may make no progress, in milliseconds. */
const STALL_MS = 1_000;

const TOO_SLOW = 'the disk is too slow';

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
  /** Bytes that the thread has not written yet. */
  waiting = 0;
  isPaused = false;
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
    const { waiting } = this;
    if (this.isPaused && waiting + bytes.length > MOST_WAITING + AFTER_PAUSE) {
      this.giveUp(TOO_SLOW);
      return true;
    }
    this.#thread.data(this, type, bytes, encoding, time);
    return !this.isPaused;
  }

  resize(columns: number, rows: number, time: number): void {
    this.#step({ type: 'resize', id: this.id, time, columns, rows });
  }

  exit(status: number, time: number): void {
    this.#step({ type: 'exit', id: this.id, time, status });
  }

  /** The recording is complete. */
  end(): void {
    this.#step({ type: 'end', id: this.id });
    this.#isOver = true;
  }

  /** Ends the recording with a mark. The session continues. */
  giveUp(reason: string): void {
    this.#step({ type: 'end', id: this.id, reason });
    this.#thread.forget(this, { file: undefined, size: 0, problem: { reason, code: 'ETIMEDOUT' } });
  }

  /** Nothing more is recorded. */
  over(): void {
    this.#isOver = true;
    if (this.isPaused) this.user.room();
    this.isPaused = false;
  }

  #step(step: Step): void {
    if (!this.#isOver) this.#thread.step(step);
  }
}

/** What all recordings of this process have in common. */
export class RecorderThread {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #progress = new Int32Array(new SharedArrayBuffer(8));
  readonly #recordings = new Map<number, LiveRecording>();
  readonly #directoryUsers = new Map<string, (type: 'repaired' | 'deleted', files: readonly string[]) => void>();
  /** Orders that were sent. */
  #sent = 0;
  /** The number of the last one with data. */
  #lastBatch = 0;
  #lastId = 0;
  #steps: Step[] = [];
  #data: Buffer<ArrayBuffer> | undefined;
  #used = 0;
  #batchBytes = FIRST_BATCH_BYTES;
  #timer: NodeJS.Timeout | undefined;
  /** Bytes that wait to be written, of all recordings. */
  #waiting = 0;
  #stall: NodeJS.Timeout | undefined;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    const start: ThreadStart = { progress: this.#progress.buffer as SharedArrayBuffer, port: port2 };
    this.#worker = new Worker(threadFile(), {
      name: 'telpty-recorder',
      workerData: start,
      transferList: [port2],
      // Its events are at most as long as a batch.
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    this.#worker.on('error', error => this.#failed(error));
    this.#worker.unref();
    // Not the worker's own port: at the end of the process, only this kind can be read without the event loop.
    this.#port = port1;
    port1.on('message', (message: ThreadReport) => this.#reported(message));
    port1.unref();
    process.on('exit', this.#finish);
  }

  /** Prepares a directory. @param report is called with files that were repaired or deleted. */
  use(
    directory: string,
    retention: Retention,
    report: (type: 'repaired' | 'deleted', files: readonly string[]) => void,
  ): void {
    this.#directoryUsers.set(directory, report);
    this.#send({ type: 'directory', directory, retention });
  }

  begin(start: RecordingStart, user: RecordingUser): LiveRecording {
    this.#lastId++;
    const recording = new LiveRecording(this, this.#lastId, user);
    this.#recordings.set(recording.id, recording);
    counts.active++;
    this.step({ type: 'begin', id: recording.id, ...start });
    return recording;
  }

  /** Adds a step to the batch. */
  step(step: Step): void {
    this.#steps.push(step);
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS).unref();
  }

  /** Adds data to the batch. */
  data(recording: LiveRecording, type: 'output' | 'input', bytes: Uint8Array, encoding: string, time: number): void {
    if (this.#data !== undefined && this.#used + bytes.length > this.#data.length) this.#flush();
    this.#data ??= Buffer.allocUnsafeSlow(Math.max(this.#batchBytes, bytes.length));
    this.#data.set(bytes, this.#used);
    const from = this.#used;
    this.#used += bytes.length;
    recording.waiting += bytes.length;
    this.#waiting += bytes.length;
    this.step({ type, id: recording.id, time, from, to: this.#used, encoding });
    if (recording.waiting < MOST_WAITING && this.#waiting + this.#steps.length * STEP_BYTES < MOST_WAITING_IN_ALL)
      return;
    recording.isPaused = true;
    this.#flush();
    this.#watch();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#steps.length === 0) return;
    const data = this.#data ?? Buffer.allocUnsafeSlow(0);
    // A flood gets large batches, and a key a small one.
    this.#batchBytes = this.#used * 2 > data.length ? Math.min(data.length * 4, BATCH_BYTES) : FIRST_BATCH_BYTES;
    const steps = this.#steps;
    this.#steps = [];
    this.#data = undefined;
    this.#used = 0;
    this.#send({ type: 'batch', steps, data: new Uint8Array(data.buffer) }, [data.buffer]);
  }

  #send(order: ThreadOrder, transfer: ArrayBuffer[] = []): void {
    this.#sent++;
    if (order.type === 'batch') this.#lastBatch = this.#sent;
    this.#port.postMessage(order, transfer);
  }

  #reported(message: ThreadReport): void {
    switch (message.type) {
      case 'begun':
        this.#recordings.get(message.id)?.user.begun(message.file);
        return;
      case 'written':
        this.#written(message.sizes);
        return;
      case 'ended': {
        const recording = this.#recordings.get(message.id);
        // One that was given up has been reported; its size is known only now.
        if (recording === undefined) counts.bytes += message.size;
        else this.forget(recording, message);
        return;
      }
      default:
        this.#directoryUsers.get(message.directory)?.(message.type, message.files);
    }
  }

  /** A recording has ended. */
  forget(recording: LiveRecording, { file, size, problem }: FileEnd): void {
    this.#recordings.delete(recording.id);
    recording.over();
    counts.active--;
    counts.bytes += size;
    if (problem !== undefined) counts.failed++;
    recording.user.ended({ file, size, problem });
  }

  #written(sizes: readonly (readonly [id: number, bytes: number])[]): void {
    for (const [id, bytes] of sizes) {
      this.#waiting -= bytes;
      const recording = this.#recordings.get(id);
      if (recording !== undefined) recording.waiting -= bytes;
    }
    if (this.#waiting > MOST_WAITING_IN_ALL / 2) return;
    for (const recording of this.#recordings.values()) {
      if (!recording.isPaused || recording.waiting > MOST_WAITING / 2) continue;
      recording.isPaused = false;
      recording.user.room();
    }
  }

  /** Gives up full recordings if the thread makes no progress. */
  #watch(): void {
    if (this.#stall !== undefined) return;
    const obeyed = Atomics.load(this.#progress, OBEYED);
    this.#stall = setTimeout(() => {
      this.#stall = undefined;
      const full = [...this.#recordings.values()].filter(recording => recording.isPaused);
      if (full.length === 0) return;
      if (Atomics.load(this.#progress, OBEYED) === obeyed) for (const recording of full) recording.giveUp(TOO_SLOW);
      else this.#watch();
    }, STALL_MS).unref();
  }

  /** The thread has crashed: all recordings end. */
  #failed(error: Error): void {
    thread = undefined;
    for (const recording of this.#recordings.values()) {
      const problem = { reason: `the thread that writes has failed: ${error.message}`, code: 'unknown' };
      this.forget(recording, { file: undefined, size: 0, problem });
    }
  }

  /**
   * The process ends: waits until everything is written, as long as there is progress. Node.js would then wait for the
   * end of the thread without a limit, which never comes if the disk does not answer. In this case the process ends as
   * it would by SIGTERM.
   */
  readonly #finish = (): void => {
    for (const recording of this.#recordings.values()) recording.user.exiting();
    this.#flush();
    for (;;) {
      const obeyed = Atomics.load(this.#progress, OBEYED);
      if (obeyed >= this.#lastBatch) break;
      const timeout = obeyed === 0 ? START_MS : STALL_MS;
      if (Atomics.wait(this.#progress, OBEYED, obeyed, timeout) === 'timed-out') break;
    }
    for (let next = this.#receive(); next !== undefined; next = this.#receive()) this.#reported(next);
    // Not set if the thread has just been started: that can be ended.
    if (Atomics.wait(this.#progress, BUSY, 1, STALL_MS) !== 'timed-out') return;
    process.removeAllListeners('SIGTERM');
    process.kill(process.pid, 'SIGTERM');
  };

  /** Ends the thread when all is written. */
  async end(): Promise<void> {
    this.#finish();
    process.off('exit', this.#finish);
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
function threadFile(): URL | string {
  if (import.meta.url?.endsWith('.ts')) return new URL('./recorder-thread.ts', import.meta.url);
  const root = ownPackage()?.root;
  if (root !== undefined) return join(root, 'dist', 'recording', 'recorder-thread.js');
  throw new TelptyError(
    'ERR_RUNTIME',
    'recordings need the package telpty, which is not installed next to this bundle',
  );
}
