/**
 * The thread that writes all recordings of a process. Everything here is synchronous: a disk that does not answer stops
 * this thread, and neither the event loop of the sessions nor the threads that Node.js uses for files and names.
 */
import { workerData } from 'node:worker_threads';
import { BUSY, OBEYED, type Step, type ThreadOrder, type ThreadReport, type ThreadStart } from './recorder-messages.ts';
import {
  createPart,
  deleteRecordings,
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

const { progress, port } = workerData as ThreadStart;
const state = new Int32Array(progress);

const report = (message: ThreadReport): void => port.postMessage(message);

/** A directory, and what was written to it since its files were measured. */
class Directory {
  readonly path: string;
  retention: Retention;
  #unmeasured = 0;

  constructor(path: string, retention: Retention) {
    this.path = path;
    this.retention = retention;
    this.#repair();
    this.measure();
    setInterval(() => this.measure(), DELETE_EVERY_MS).unref();
  }

  wrote(bytes: number): void {
    this.#unmeasured += bytes;
    const { maxSize } = this.retention;
    if (maxSize > 0 && this.#unmeasured > maxSize * PART_OF_LIMIT) this.measure();
  }

  #repair(): void {
    try {
      const files = repairRecordings(this.path);
      if (files.length > 0) report({ type: 'repaired', directory: this.path, files });
    } catch {
      // The first recording will report that the directory cannot be used.
    }
  }

  measure(): void {
    this.#unmeasured = 0;
    try {
      const { deleted, excess } = deleteRecordings(this.path, this.retention);
      if (deleted.length > 0) report({ type: 'deleted', directory: this.path, files: deleted });
      if (excess > 0) endLargest(this.path, excess);
    } catch {
      // As above.
    }
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

  /** Ends the recording because there is no more room for it. */
  endForLimit(): void {
    const reason = 'the recordings have reached their size limit';
    this.#writer.endWith(`recording ended: ${reason}`);
    this.#publish({ reason, code: 'EDQUOT' });
  }

  #failed(error: NodeJS.ErrnoException): void {
    this.#publish({ reason: reasonOf(error), code: error.code ?? 'unknown' });
  }

  #publish(problem: { reason: string; code: string } | undefined): void {
    if (this.#isGiven) return;
    this.#isGiven = true;
    files.delete(this.#id);
    let file = this.#file.part;
    let failure = problem;
    try {
      file = publishPart(file);
    } catch (error) {
      failure ??= { reason: reasonOf(error as Error), code: (error as NodeJS.ErrnoException).code ?? 'unknown' };
    }
    report({ type: 'ended', id: this.#id, file, size: this.size, problem: failure });
  }
}

const files = new Map<number, LiveFile>();

/** Ends the largest recordings of this process, until the files are no longer too large when these are deleted. */
function endLargest(directory: string, excess: number): void {
  const own = [...files.values()].filter(file => file.directory === directory).sort((a, b) => b.size - a.size);
  let left = excess;
  for (const file of own) {
    if (left <= 0) return;
    left -= file.size;
    file.endForLimit();
  }
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

function write(steps: readonly Step[], data: Uint8Array): void {
  const touched = new Set<LiveFile>();
  const sizes = new Map<number, number>();
  for (const step of steps) {
    if (step.type === 'begin') begin(step);
    const file = files.get(step.id);
    if ('from' in step) sizes.set(step.id, (sizes.get(step.id) ?? 0) + step.to - step.from);
    if (file === undefined) continue;
    touched.add(file);
    file.step(step, data);
  }
  for (const file of touched) file.flush();
  report({ type: 'written', sizes: [...sizes] });
}

function obey(order: ThreadOrder): void {
  if (order.type === 'batch') {
    write(order.steps, order.data);
    return;
  }
  const known = directories.get(order.directory);
  if (known === undefined) directories.set(order.directory, new Directory(order.directory, order.retention));
  else known.retention = order.retention;
}

port.on('message', (order: ThreadOrder) => {
  Atomics.store(state, BUSY, 1);
  obey(order);
  Atomics.add(state, OBEYED, 1);
  Atomics.notify(state, OBEYED);
  Atomics.store(state, BUSY, 0);
  Atomics.notify(state, BUSY);
});
