/**
 * The thread that writes all recordings of a process. Everything here is synchronous: a disk that does not answer stops
 * this thread, and neither the event loop of the sessions nor the threads that Node.js uses for files and names.
 */
import { fstatSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import {
  BUSY,
  OBEYED,
  PROGRESS,
  type Step,
  type ThreadOrder,
  type ThreadReport,
  type ThreadStart,
  WANTS_REPORTS,
} from './recorder-messages.ts';
import {
  createPart,
  deleteRecordings,
  discardPart,
  type PartFile,
  publishPart,
  type Retention,
  repairRecordings,
} from './recording-directory.ts';
import { RecordingWriter, reasonOf } from './recording-writer.ts';

/** How often old recordings are looked for, in milliseconds. */
const DELETE_EVERY_MS = 10 * 60_000;
/** After how much of the size limit the recordings are measured again. */
const PART_OF_LIMIT = 1 / 64;

/** How long the files of a directory are handled before orders are, in milliseconds. */
const TURN_MS = 20;

const { state: memory, port } = workerData as ThreadStart;
const state = new Int32Array(memory);

const report = (message: ThreadReport): void => port.postMessage(message);

/** Works, and lets the sessions see it. */
function work(action: () => void): void {
  Atomics.store(state, BUSY, 1);
  try {
    action();
  } finally {
    Atomics.add(state, PROGRESS, 1);
    Atomics.store(state, BUSY, 0);
    Atomics.notify(state, BUSY);
  }
}

/**
 * A directory, and what was written to it since its files were measured. There may be any number of files of any size,
 * so they are repaired and deleted in turns, between orders.
 */
class Directory {
  readonly path: string;
  retention: Retention;
  #unmeasured = 0;
  /** What is being done with the files, and what comes then. */
  #tasks: Generator<void>[] = [];
  #isMeasuring = false;

  constructor(path: string, retention: Retention) {
    this.path = path;
    this.retention = retention;
    this.#add(this.#repair());
    this.measure();
    setInterval(() => this.measure(), DELETE_EVERY_MS).unref();
  }

  wrote(bytes: number): void {
    this.#unmeasured += bytes;
    const { maxSize } = this.retention;
    if (maxSize > 0 && this.#unmeasured > maxSize * PART_OF_LIMIT) this.measure();
  }

  measure(): void {
    if (this.#isMeasuring) return;
    this.#isMeasuring = true;
    this.#unmeasured = 0;
    this.#add(this.#delete());
  }

  *#repair(): Generator<void> {
    const files = yield* repairRecordings(this.path);
    if (files.length > 0) report({ type: 'repaired', directory: this.path, files });
  }

  *#delete(): Generator<void> {
    try {
      for (const file of [...files.values()]) if (file.directory === this.path) file.endIfDeleted();
      const { deleted, excess } = yield* deleteRecordings(this.path, this.retention);
      if (deleted.length > 0) report({ type: 'deleted', directory: this.path, files: deleted });
      // Those can now be deleted.
      if (excess > 0 && endLargest(this.path, excess)) this.#add(this.#delete());
    } finally {
      this.#isMeasuring = false;
    }
  }

  #add(task: Generator<void>): void {
    this.#tasks.push(task);
    if (this.#tasks.length === 1) setImmediate(() => work(() => this.#turn()));
  }

  #turn(): void {
    const end = performance.now() + TURN_MS;
    for (let [task] = this.#tasks; task !== undefined && performance.now() < end; [task] = this.#tasks) {
      if (!isDone(task)) Atomics.add(state, PROGRESS, 1);
      else this.#tasks.shift();
    }
    if (this.#tasks.length > 0) setImmediate(() => work(() => this.#turn()));
  }
}

/** Does the next step of a task. If the directory cannot be used, the next recording will report that. */
function isDone(task: Generator<void>): boolean {
  try {
    return task.next().done === true;
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).syscall !== 'string') throw error;
    return true;
  }
}

const directories = new Map<string, Directory>();

/** A recording of this process. */
class LiveFile {
  readonly directory: string;
  readonly #id: number;
  readonly #file: PartFile;
  readonly #writer: RecordingWriter;
  #isGiven = false;

  constructor({ id, directory, format, session, header }: Step & { type: 'begin' }) {
    this.directory = directory;
    this.#id = id;
    this.#file = createPart(directory, format, header.started, session);
    this.#writer = new RecordingWriter(this.#file.fd, format, header, error => this.#failed(error));
  }

  get part(): string {
    return this.#file.part;
  }

  get size(): number {
    return this.#writer.size;
  }

  step(step: Step, data: Uint8Array): void {
    if (!this.#writer.isOpen) return;
    switch (step.type) {
      case 'output':
      case 'input':
        this.#writer.data(step.type, data.subarray(step.from, step.to), step.encoding, step.time);
        return;
      case 'resize':
      case 'exit':
        this.#writer.event(step);
        return;
      case 'end':
        if (step.reason === undefined) this.#writer.end();
        else this.#writer.endWith(`recording ended: ${step.reason}`);
        this.#publish(undefined);
        return;
      default:
    }
  }

  flush(): void {
    const before = this.size;
    this.#writer.flush();
    directories.get(this.directory)?.wrote(this.size - before);
  }

  /** Ends the recording, because the recordings have reached their size limit. */
  endForLimit(): void {
    const reason = 'the recordings have reached their size limit';
    this.#writer.endWith(`recording ended: ${reason}`);
    this.#publish({ reason, code: 'EDQUOT' });
  }

  /** Ends the recording if its file is no longer there. Without this, it would fill the disk, invisibly. */
  endIfDeleted(): void {
    if (this.#writer.isOpen && fstatSync(this.#file.fd).nlink === 0) {
      this.#writer.end();
      this.#publish(undefined);
    }
  }

  #failed(error: NodeJS.ErrnoException): void {
    this.#publish({ reason: reasonOf(error), code: error.code ?? 'unknown' });
  }

  #publish(problem: { reason: string; code: string } | undefined): void {
    if (this.#isGiven) return;
    this.#isGiven = true;
    files.delete(this.#id);
    const { part } = this.#file;
    let file: string | null = part;
    let failure = problem;
    try {
      // On a full disk there may be no room for the header.
      if (this.size > 0) file = publishPart(part);
      else {
        discardPart(part);
        file = null;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        file = null;
        failure ??= { reason: 'its file was deleted or moved', code: 'ENOENT' };
      }
      failure ??= { reason: reasonOf(error as Error), code: (error as NodeJS.ErrnoException).code ?? 'unknown' };
    }
    report({ type: 'ended', id: this.#id, file, size: this.size, problem: failure });
  }
}

const files = new Map<number, LiveFile>();

/**
 * Ends the largest recordings of this process, until the files are no longer too large when these are deleted.
 *
 * @returns whether there was one.
 */
function endLargest(directory: string, excess: number): boolean {
  const own = [...files.values()].filter(file => file.directory === directory).sort((a, b) => b.size - a.size);
  let left = excess;
  for (const file of own) {
    if (left <= 0) break;
    left -= file.size;
    file.endForLimit();
  }
  return own.length > 0;
}

function begin(step: Step & { type: 'begin' }): void {
  try {
    const file = new LiveFile(step);
    files.set(step.id, file);
    report({ type: 'begun', id: step.id, file: file.part });
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    report({
      type: 'ended',
      id: step.id,
      file: undefined,
      size: 0,
      problem: { reason: reasonOf(error as Error), code },
    });
  }
}

const NO_DATA = new Uint8Array(0);

function write(steps: readonly Step[], data: Uint8Array): void {
  // One recording after the other, so that they can use the same memory.
  const parts = new Map<number, Step[]>();
  for (const step of steps) {
    const part = parts.get(step.id);
    if (part === undefined) parts.set(step.id, [step]);
    else part.push(step);
  }
  for (const [id, part] of parts) {
    const [first] = part;
    if (first?.type === 'begin') begin(first);
    const file = files.get(id);
    if (file === undefined) continue;
    for (const step of part) {
      file.step(step, data);
      // Also if nothing is written yet: on a busy machine, a conversion may take as long as a disk that hangs.
      Atomics.add(state, PROGRESS, 1);
    }
    file.flush();
    Atomics.add(state, PROGRESS, 1);
  }
}

function obey(order: ThreadOrder): void {
  if (order.type === 'batch') {
    write(order.steps, order.data ?? NO_DATA);
    return;
  }
  const known = directories.get(order.directory);
  if (known === undefined) directories.set(order.directory, new Directory(order.directory, order.retention));
  else known.retention = order.retention;
}

port.on('message', (order: ThreadOrder) => {
  work(() => obey(order));
  Atomics.add(state, OBEYED, 1);
  Atomics.notify(state, OBEYED);
  if (order.type === 'batch' && Atomics.load(state, WANTS_REPORTS) === 1) report({ type: 'written' });
});
