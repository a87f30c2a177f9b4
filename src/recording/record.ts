/** Records the sessions of a server, each in a file of its own. */
import { constants } from 'node:os';
import { encoder } from '../charset/index.ts';
import { TelptyError } from '../errors.ts';
import {
  boolean,
  callback,
  type OptionsOf,
  type OptionTable,
  oneOf,
  readOptions,
  required,
  text,
  whole,
} from '../options.ts';
import { machineOf } from '../screen/machines/index.ts';
import type { Link } from '../session/link.ts';
import type { ByteObserver } from '../session/observing/observers.ts';
import type { Session } from '../session/session.ts';
import { DEFAULT_COLUMNS, DEFAULT_ROWS, dimension } from '../session/terminal.ts';
import { Direction, type DirectionBit } from '../transport/stream/passed-bytes.ts';
import { RECORDING_FORMATS, type RecordingFormat, type RecordingHeader } from './recording.ts';
import { type FileEnd, type LiveRecording, type RecorderThread, recorderThread } from './writing/recorder.ts';
import { prepareDirectory } from './writing/recording-directory.ts';

/** Options of {@link record}. */
export interface RecordOptions {
  /**
   * The directory of the files. It is created, for its owner only. An existing one must belong to the user of this
   * process, and other users must have no permission for it.
   */
  readonly directory: string;
  /** The format of the files; default `'asciicast'`, which is version 3. */
  readonly format?: RecordingFormat | undefined;
  /** Whether input is recorded, too. It contains passwords. Default false. */
  readonly input?: boolean | undefined;
  /** The program, for the header of the file. */
  readonly command?: string | undefined;
  /** The age after which a recording is deleted, in milliseconds. 0: never, as when it is left out. */
  readonly keep?: number | undefined;
  /**
   * The size of all recordings in the directory, in bytes; default 10,737,418,240 (10 GiB); 0: no limit. The oldest
   * ones are deleted, and if that is not enough, current ones end.
   */
  readonly maxSize?: number | undefined;
  /** Whether the line is left out that informs users. Default false. */
  readonly quietly?: boolean | undefined;
  /** Called when the file of a session has been created. */
  readonly onStart?: ((session: Session, file: string) => void) | undefined;
  /** Called when a recording is complete, or an error has ended it. */
  readonly onEnd?: ((session: Session, end: RecordingEnd) => void) | undefined;
  /** Called with recordings of earlier processes that were repaired, and with those that were deleted. */
  readonly onTidy?: ((what: 'repaired' | 'deleted', files: readonly string[]) => void) | undefined;
}

/** How a recording has ended. */
export interface RecordingEnd {
  /** Undefined if it could not be created, was deleted by another program, or is not known. */
  readonly file: string | undefined;
  /** Its size in bytes. */
  readonly size: number;
  /** `ERR_RUNTIME` if an error has ended the recording. The session has continued. */
  readonly error: TelptyError | undefined;
}

export const recordOptions = {
  directory: required(text()),
  format: oneOf(RECORDING_FORMATS, { default: 'asciicast' }),
  input: boolean({ default: false }),
  command: text(),
  keep: whole({ default: 0 }),
  maxSize: whole({ default: 10 * 2 ** 30 }),
  quietly: boolean({ default: false }),
  onStart: callback(),
  onEnd: callback(),
  onTidy: callback(),
} satisfies OptionTable<RecordOptions>;

type RecordSettings = OptionsOf<typeof recordOptions>;

/** Terminal types are short. Others are not recorded. */
const TERM = /^[\w.+:@-]{1,64}$/;

/** What is kept of a session without output before its recording begins, in bytes. */
const MAX_EARLY = 4096;

/**
 * Middleware that records each session in a file: `createServer({ shell, use: [record({ directory })] })`. Put it last
 * in the list: then it records only sessions that the others have let pass.
 *
 * A file contains the output in UTF-8, changes of the window's size and the exit status, and input only if that is
 * requested. Only its owner can read it. The files are written by a thread; a disk that is full, or slow, ends the
 * recording and not the session. Everything is written when the process ends; after a crash, all but the last moment.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for invalid options; `ERR_RUNTIME` if the directory cannot be created, or
 *   other users can use it.
 */
export function record(
  options: RecordOptions,
): <T>(shell: (session: Session) => T | Promise<T>) => (session: Session) => Promise<T> {
  const given = readOptions('record', recordOptions, options);
  const settings = { ...given, directory: prepareDirectory(given.directory) };
  const thread = recorderThread();
  const { directory, keep, maxSize } = settings;
  thread.use(directory, { keep, maxSize }, (what, files) => settings.onTidy?.(what, files));
  return shell => async session => {
    const recorder = new SessionRecorder(session, settings, thread);
    try {
      const result = await shell(session);
      recorder.settled(result);
      return result;
    } catch (error) {
      recorder.settled(undefined);
      throw error;
    }
  };
}

/** Something that happened before the recording has begun. */
type Early = { readonly type: 'output' | 'input'; readonly bytes: Uint8Array; readonly encoding: string };

/**
 * Records one session. The file is created when the program starts, or at the first output: then the size and the
 * terminal's type are known, and a client that leaves before leaves no file.
 */
class SessionRecorder {
  readonly #session: Session;
  readonly #settings: RecordSettings;
  readonly #thread: RecorderThread;
  readonly #source: SessionSource;
  #isOver = false;
  #recording: LiveRecording | undefined;
  #early: Early[] | undefined = [];
  #earlyBytes = 0;
  /** The part of the output that is not the shell's, in bytes. */
  #notice = 0;
  /** When the recording began, as `Session.age`. */
  #began = 0;
  /** The character set of the last event. */
  #encoding = '';
  /** The last size that was recorded. */
  #size = { columns: DEFAULT_COLUMNS, rows: DEFAULT_ROWS };
  #isSettled = false;
  #hasEnded = false;
  #file: string | undefined;
  #exit: { readonly status: number; readonly time: number } | undefined;

  constructor(session: Session, settings: RecordSettings, thread: RecorderThread) {
    this.#session = session;
    this.#settings = settings;
    this.#thread = thread;
    this.#source = new SessionSource(session, settings.input, {
      data: (type, bytes, encoding, time) => this.#data(type, bytes, encoding, time),
      resized: (columns, rows, time) => this.#resized(columns, rows, time),
      ended: () => this.#over(),
    });
    session.once('started', () => this.#begin());
    if (!settings.quietly) this.#notify();
  }

  /** The shell has settled. Its last output may not have been observed yet. */
  settled(result: unknown): void {
    this.#isSettled = true;
    const status = exitStatus(result);
    if (status !== undefined) this.#exit = { status, time: this.#session.age };
    if (this.#hasEnded) this.#end();
  }

  #notify(): void {
    const what = this.#settings.input
      ? 'this session and everything you type are recorded'
      : 'this session is recorded';
    const bytes = encoder(this.#session.encoding).write(`telpty: ${what}\r\n`);
    this.#notice = bytes.length;
    this.#session.write(bytes);
  }

  #data(type: 'output' | 'input', bytes: Uint8Array, encoding: string, time: number): void {
    if (this.#recording !== undefined) {
      if (encoding !== this.#encoding) this.#follow(encoding, time);
      if (!this.#recording.data(type, bytes, encoding, this.#seconds(time))) this.#source.pause();
      return;
    }
    if (this.#early === undefined) return;
    this.#early.push({ type, bytes: Buffer.from(bytes), encoding });
    this.#earlyBytes += bytes.length;
    if (type === 'output') this.#notice -= bytes.length;
    if (this.#notice < 0 || this.#earlyBytes > MAX_EARLY) this.#begin();
  }

  /** The client has changed to another character set, perhaps that of a home computer with a screen of its own. */
  #follow(encoding: string, time: number): void {
    this.#encoding = encoding;
    const { columns, rows } = this.#session.terminal;
    this.#resized(columns, rows, time);
  }

  #resized(reportedColumns: number | undefined, reportedRows: number | undefined, time: number): void {
    if (this.#recording === undefined) return;
    const { columns, rows } = this.#sizeFor(reportedColumns, reportedRows);
    if (this.#size.columns === columns && this.#size.rows === rows) return;
    this.#size = { columns, rows };
    if (!this.#recording.resize(columns, rows, this.#seconds(time))) this.#source.pause();
  }

  /** The size of the program's terminal. Output for a home computer is recorded as its whole screen. */
  #sizeFor(columns: number | undefined, rows: number | undefined): { columns: number; rows: number } {
    const machine = machineOf(this.#encoding);
    if (machine !== undefined) return { columns: machine.columns, rows: machine.rows };
    return { columns: dimension(columns, this.#size.columns), rows: dimension(rows, this.#size.rows) };
  }

  #seconds(time: number): number {
    return Math.max(time - this.#began, 0) / 1000;
  }

  #begin(): void {
    const early = this.#early;
    if (early === undefined) return;
    this.#early = undefined;
    const session = this.#session;
    const { directory, format, command } = this.#settings;
    const encoding = session.link.observedEncoding;
    const { type, columns, rows } = session.terminal;
    this.#began = session.age;
    this.#encoding = encoding;
    this.#size = this.#sizeFor(columns, rows);
    const header = {
      ...this.#size,
      term: type !== undefined && TERM.test(type) ? type.toLowerCase() : undefined,
      started: new Date(),
      command,
      encoding,
      ...clientOf(session),
    };
    this.#recording = this.#thread.begin(
      { directory, format, session: session.id, header },
      {
        begun: file => {
          this.#file = file;
          this.#settings.onStart?.(session, file);
        },
        room: () => this.#source.resume(),
        ended: end => this.#written(end),
        exiting: () => {
          this.#source.drain();
          this.#end();
        },
      },
    );
    for (const { type, bytes, encoding } of early) this.#recording.data(type, bytes, encoding, 0);
  }

  /** The session has ended: nothing more is recorded but the exit status of a program that has not ended yet. */
  #over(): void {
    this.#hasEnded = true;
    if (this.#isSettled) this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#early = undefined;
    if (this.#exit !== undefined) this.#recording?.exit(this.#exit.status, this.#seconds(this.#exit.time));
    this.#recording?.end();
  }

  #written({ file: known = this.#file, size, problem }: FileEnd): void {
    this.#source.stop();
    const file = known ?? undefined;
    const error = problem && errorOf(problem, file ?? this.#settings.directory);
    this.#settings.onEnd?.(this.#session, { file, size, error });
  }
}

/** The client of a session, for the header. */
function clientOf({ peer }: Session): Pick<RecordingHeader, 'user' | 'address'> {
  return peer?.kind === 'ip' ? { user: peer.user, address: peer.address } : {};
}

function errorOf({ reason, code }: { reason: string; code: string }, file: string): TelptyError {
  return new TelptyError('ERR_RUNTIME', `the recording ends here: ${reason}`, { file, systemCode: code });
}

/** The exit status of a program. For a signal it is that of shells: 128 and the number of the signal. */
function exitStatus(result: unknown): number | undefined {
  if (typeof result !== 'object' || result === null) return undefined;
  const { code, signal } = result as { code?: unknown; signal?: unknown };
  if (typeof code === 'number') return code;
  if (typeof signal !== 'string') return undefined;
  return 128 + ((constants.signals as Readonly<Record<string, number>>)[signal] ?? 0);
}

/** What {@link SessionSource} calls. Times are those of `Session.age`. */
interface SourceUser {
  /** @param bytes lent. */
  data(type: 'output' | 'input', bytes: Uint8Array, encoding: string, time: number): void;
  resized(columns: number, rows: number, time: number): void;
  ended(): void;
}

/**
 * Observes a session, until it has ended. It can be paused: then the session waits, and nothing is lost.
 *
 * Not with `Session.observe()`: its stream would copy the bytes and wait with them, as the queue of the recording does.
 */
class SessionSource implements ByteObserver {
  readonly directions: number;
  readonly #link: Link;
  readonly #user: SourceUser;
  /** When the session began, by `performance.now()`. */
  readonly #began: number;
  readonly #remove: () => void;
  #isPaused = false;
  /** The last size while it is paused: a client may send any number of sizes. */
  #size: { readonly columns: number; readonly rows: number; readonly time: number } | undefined;

  constructor({ link, age }: Session, input: boolean, user: SourceUser) {
    this.directions = input ? Direction.INPUT | Direction.OUTPUT : Direction.OUTPUT;
    this.#link = link;
    this.#user = user;
    this.#began = performance.now() - age;
    this.#remove = link.watch(this);
  }

  passed(direction: DirectionBit, bytes: Uint8Array, now: number, encoding = this.#link.observedEncoding): void {
    this.#showSize();
    this.#user.data(direction === Direction.INPUT ? 'input' : 'output', bytes, encoding, now - this.#began);
  }

  resized(columns: number, rows: number, now: number): void {
    this.#size = { columns, rows, time: now - this.#began };
    if (!this.#isPaused) this.#showSize();
  }

  ended(): void {
    this.#showSize();
    this.#user.ended();
  }

  #showSize(): void {
    const size = this.#size;
    if (size === undefined) return;
    this.#size = undefined;
    this.#user.resized(size.columns, size.rows, size.time);
  }

  /** Reads all that has passed until now. */
  drain(): void {
    this.#link.flushObservers();
    this.#showSize();
  }

  pause(): void {
    this.#isPaused = true;
    this.#link.hold(this, true);
  }

  resume(): void {
    this.#isPaused = false;
    this.#showSize();
    if (!this.#isPaused) this.#link.hold(this, false);
  }

  /** Nothing more is observed. */
  stop(): void {
    this.#remove();
  }
}
