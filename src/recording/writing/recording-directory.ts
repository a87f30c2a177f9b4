/**
 * The directory of the recordings of a server: names, files that are being written, repair after a crash, and deletion.
 *
 * A recording is named after its time and session: `2026-12-01T20-15-03Z-session-17.cast`. While it is written, the
 * name has the process at its end: `….cast.1234-56789.part`, its id and its start time, since ids are used again. So
 * several processes can share a directory, on one machine. A `.part` of a process that does not run is repaired: cut
 * after its last whole event, marked as interrupted, and renamed.
 *
 * Files are only repaired or deleted if they are named and begin as a recording does: the time in the name is that in
 * the file. Links, FIFOs and files of other users are left alone.
 *
 * All calls are synchronous. Except for {@link prepareDirectory} they are made by the thread that writes. There may be
 * any number of files, of any size, so repair and deletion are generators, which pause after each file or piece.
 * Operators of a server read the files by `src/web/recording-list.ts`.
 */
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  futimesSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { TelptyError } from '../../errors.ts';
import { AsciicastDecoder, MAX_LINE, timeOfEvent } from '../asciicast.ts';
import type { RecordingDecoder, RecordingEvent, RecordingFormat, RecordingHeader } from '../recording.ts';
import { FRAME_HEADER, MICROSECONDS, TtyrecDecoder } from '../ttyrec.ts';
import { encoderOf, reasonOf } from './recording-writer.ts';

const EXTENSIONS: Readonly<Record<RecordingFormat, string>> = {
  asciicast: 'cast',
  'asciicast-v2': 'cast',
  ttyrec: 'ttyrec',
};

const NAME =
  /^(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\dZ)-session-(\d{1,15})(?:-\d{1,4})?\.(cast|ttyrec)(?:\.(\d{1,10})-(\d{1,20})\.part)?$/;

const LF = 0x0a;

/** The most numbers that are tried for recordings of the same second and session. */
const MOST_NAMES = 1000;

/** Read at once while a file is examined, in bytes. */
const PIECE = 256 * 1024;
/** The part at the end of a file in which its last event is looked for first, in bytes. */
const TAIL = 2 ** 20;

/**
 * Creates the directory, readable by its owner only, or checks an existing one.
 *
 * @returns its absolute path.
 * @throws TelptyError `ERR_RUNTIME` if it cannot be used, or if other users can use it.
 */
export function prepareDirectory(directory: string): string {
  const path = resolve(directory);
  const fail = (why: string, cause?: unknown) =>
    new TelptyError('ERR_RUNTIME', `cannot record to ${JSON.stringify(directory)}: ${why}`, { file: path, cause });
  try {
    makeDirectory(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw fail(code === 'ENOTDIR' ? 'it is not a directory' : reasonOf(error as Error), error);
  }
  const { uid, mode } = statSync(path);
  const own = process.geteuid?.();
  if (own !== undefined && uid !== own) throw fail('it belongs to another user; name another directory');
  if (own !== undefined && (mode & 0o077) !== 0) {
    throw fail('other users may use it; take that permission away (chmod 700)');
  }
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw fail(reasonOf(error as Error), error);
  }
  return path;
}

/**
 * Creates a directory and its parents, unless it exists. Rejected: `recursive` of mkdirSync(). It never returns where
 * mkdir(2) fails with ENOENT although the parent exists, as in /proc, and reports ENOENT on a read-only file system.
 */
function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(path);
  if (parent !== path) makeDirectory(parent);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process has created it meanwhile, or it is not a directory.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    const { code } = error as NodeJS.ErrnoException;
    throw code === 'EEXIST' ? Object.assign(new Error(path, { cause: error }), { code: 'ENOTDIR' }) : error;
  }
}

/** A new file that is being written. */
export interface PartFile {
  readonly fd: number;
  /** Its present path. */
  readonly part: string;
}

/** `2026-12-01T20-15-03Z` */
const stampOf = (time: Date): string => `${time.toISOString().slice(0, 19).replaceAll(':', '-')}Z`;

const baseOf = (started: Date, session: number, index: number): string =>
  `${stampOf(started)}-session-${session}${index === 1 ? '' : `-${index}`}`;

/** Creates the file of a recording. It never opens an existing one. @throws the error of open(2) */
export function createPart(directory: string, format: RecordingFormat, started: Date, session: number): PartFile {
  const suffix = `${EXTENSIONS[format]}.${process.pid}-${startTime(process.pid) ?? 0}.part`;
  for (let index = 1; ; index++) {
    const part = join(directory, `${baseOf(started, session, index)}.${suffix}`);
    try {
      return { fd: openSync(part, 'wx', 0o600), part };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || index === MOST_NAMES) throw error;
    }
  }
}

/** Removes a file in which nothing was written. */
export function discardPart(part: string): undefined {
  unlinkSync(part);
}

/** The name that a file which is being written will have, without the directory. */
export const finalName = (part: string): string => basename(part).replace(/\.\d+-\d+\.part$/, '');

/** Gives a complete recording its name. An existing file is never replaced. @returns the path */
export function publishPart(part: string): string {
  const [, base, extension] = /^(.*)\.(cast|ttyrec)\.\d+-\d+\.part$/.exec(part)!;
  const numbered = /(-session-\d+)-(\d+)$/.exec(base!);
  const plain = numbered === null ? base! : base!.slice(0, -numbered[2]!.length - 1);
  for (let index = Number(numbered?.[2] ?? 1); ; index++) {
    const path = `${index === 1 ? plain : `${plain}-${index}`}.${extension}`;
    try {
      moveTo(part, path);
      return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || index >= MOST_NAMES) throw error;
    }
  }
}

/** Renames, unless the new name exists: rename(2) would replace that file. */
function moveTo(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOENT') throw error;
    // The file system has no hard links.
    if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) throw Object.assign(new Error(to), { code: 'EEXIST' });
    renameSync(from, to);
    return;
  }
  unlinkSync(from);
}

/** When a process started, in a unit of the system; undefined if it has ended, or that is not known. */
function startTime(pid: number): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    // The name of the program may contain spaces and parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended, and only its parent does not know that yet.
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** Whether the process that writes a file still runs. */
function isRunning(pid: number, start: string): boolean {
  const now = startTime(pid);
  if (now !== undefined) return now === start;
  if (process.platform === 'linux') return false;
  // Without start times, a recording of an earlier process with this id looks like one of this process.
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** What the name of a recording says. */
export interface RecordingName {
  readonly started: Date;
  readonly session: number;
  readonly extension: string;
  /** Of a file that is being written: by which process. */
  readonly writer: { readonly pid: number; readonly start: string } | undefined;
}

/** The parts of a name that a server gives; undefined for any other name. */
export function parseName(name: string): RecordingName | undefined {
  const [, hour, minute, second, session, extension = '', pid, start = ''] = NAME.exec(name) ?? [];
  const started = new Date(`${hour}:${minute}:${second}`);
  if (hour === undefined || Number.isNaN(started.getTime())) return undefined;
  const writer = pid === undefined ? undefined : { pid: Number(pid), start };
  return { started, session: Number(session), extension, writer };
}

/** A file in the directory with the name of a recording. */
interface Named extends RecordingName {
  readonly path: string;
}

/** The recordings, oldest first. */
function recordingsIn(directory: string): Named[] {
  const found: Named[] = [];
  for (const name of readdirSync(directory).sort()) {
    const parts = parseName(name);
    if (parts !== undefined) found.push({ path: join(directory, name), ...parts });
  }
  return found;
}

/** Links are not followed, and a FIFO does not wait for its other end. */
export const SAFE_FLAGS = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Whether a file is a regular file of this user. */
export const isOwn = (status: Stats): boolean => status.isFile() && status.uid === (process.geteuid?.() ?? status.uid);

/** Opens a regular file of this user, never anything else. */
function openOwn(path: string, flags: number): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, flags | SAFE_FLAGS);
  } catch {
    return undefined;
  }
  if (isOwn(fstatSync(fd))) return fd;
  closeSync(fd);
  return undefined;
}

/** The beginning of a file. */
interface Beginning {
  readonly header: RecordingHeader | undefined;
  readonly format: RecordingFormat;
}

function beginningOf(fd: number, extension: string): Beginning {
  const isText = extension === 'cast';
  const decoder: RecordingDecoder = isText ? new AsciicastDecoder() : new TtyrecDecoder();
  const buffer = Buffer.alloc(16 * 1024);
  let version: string | undefined;
  for (let at = 0; decoder.header === undefined && decoder.problem === undefined; ) {
    const piece = buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, at));
    if (piece.length === 0) break;
    if (at === 0) version = /"version":([23])/.exec(piece.toString('latin1', 0, 200))?.[1];
    decoder.push(piece);
    at += piece.length;
  }
  const format = !isText ? 'ttyrec' : version === '2' ? 'asciicast-v2' : 'asciicast';
  return { header: decoder.header, format };
}

/** Where the last whole event of a file ends, and its time if that is needed for a mark. */
interface Whole {
  readonly length: number;
  readonly last: number;
}

/**
 * The end of the last whole event of an asciicast file. It is looked for from the end, because a file may have many
 * gigabytes. After a loss of power, the last lines may be anything.
 */
function* wholeLines(fd: number): Generator<void, Whole> {
  const { size } = fstatSync(fd);
  const from = Math.max(0, size - TAIL);
  const tail = Buffer.alloc(size - from);
  readSync(fd, tail, 0, tail.length, from);
  for (let end = tail.lastIndexOf(LF); end > 0; ) {
    const start = tail.lastIndexOf(LF, end - 1);
    if (start < 0) break;
    const last = timeOfEvent(tail.toString('utf8', start + 1, end));
    if (last !== undefined) return { length: from + end + 1, last };
    end = start;
  }
  return yield* wholeLinesFromStart(fd);
}

function* wholeLinesFromStart(fd: number): Generator<void, Whole> {
  const buffer = Buffer.alloc(PIECE);
  let rest: Buffer = Buffer.alloc(0);
  let [length, last] = [0, 0];
  for (let at = 0; rest.length <= MAX_LINE; yield) {
    const piece = buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, at));
    if (piece.length === 0) break;
    at += piece.length;
    rest = Buffer.concat([rest, piece]);
    for (let end = rest.indexOf(LF); end >= 0; end = rest.indexOf(LF)) {
      const time = timeOfEvent(rest.toString('utf8', 0, end));
      // The first line is the header.
      if (time === undefined && length > 0) return { length, last };
      last = time ?? last;
      length += end + 1;
      rest = rest.subarray(end + 1);
    }
  }
  return { length, last };
}

/** The end of the last whole frame of a ttyrec file. Only the headers of the frames are looked at. */
function* wholeFrames(fd: number): Generator<void, Whole> {
  const { size } = fstatSync(fd);
  const buffer = Buffer.alloc(PIECE);
  let length = 0;
  for (;;) {
    const piece = buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, length));
    let at = 0;
    while (at + FRAME_HEADER <= piece.length) {
      const end = at + FRAME_HEADER + piece.readUInt32LE(at + 8);
      if (piece.readUInt32LE(at + 4) >= MICROSECONDS || length + end > size) return { length: length + at, last: 0 };
      at = end;
    }
    if (piece.length < FRAME_HEADER) return { length, last: 0 };
    length += at;
    yield;
  }
}

/** Whether a file begins as the recording that its name promises. */
export const isOurs = ({ started }: RecordingName, header: RecordingHeader | undefined): boolean =>
  header?.started !== undefined && Math.abs(header.started.getTime() - started.getTime()) < 2000;

/** Repairs the recordings that a process has not finished. @returns their paths */
export function* repairRecordings(directory: string): Generator<void, string[]> {
  const repaired: string[] = [];
  for (const file of recordingsIn(directory)) {
    const { writer } = file;
    if (writer === undefined || isRunning(writer.pid, writer.start)) continue;
    try {
      const path = yield* repair(file);
      if (path !== undefined) repaired.push(path);
    } catch (error) {
      // Another process repairs it at the same time, or the disk is full: it is left for the next start.
      if (!isSystemError(error)) throw error;
    }
    yield;
  }
  return repaired;
}

const isSystemError = (error: unknown): boolean => typeof (error as NodeJS.ErrnoException).syscall === 'string';

function* repair(file: Named): Generator<void, string | undefined> {
  const fd = openOwn(file.path, constants.O_RDWR);
  if (fd === undefined) return undefined;
  try {
    // The process was killed before it wrote anything.
    const { size, atime, mtime } = fstatSync(fd);
    if (size === 0) return discardPart(file.path);
    const { header, format } = beginningOf(fd, file.extension);
    if (!isOurs(file, header)) return undefined;
    const { length, last } = yield* format === 'ttyrec' ? wholeFrames(fd) : wholeLines(fd);
    // Two processes that repair it at the same time write the same.
    ftruncateSync(fd, length);
    writeSync(fd, markOf(format, header!, { time: last, type: 'mark', label: 'interrupted' }), 0, undefined, length);
    // Its time stays that of its end, from which its age and its duration are counted.
    futimesSync(fd, atime, mtime);
    return publishPart(file.path);
  } finally {
    closeSync(fd);
  }
}

/** A mark as the next event after one of the same time. */
function markOf(format: RecordingFormat, header: RecordingHeader, mark: RecordingEvent): Uint8Array {
  const encoder = encoderOf(format);
  encoder.begin(header);
  // Version 3 has the time since the event before.
  encoder.event({ time: mark.time, type: 'output', data: '' });
  return encoder.event(mark);
}

/** Limits of the files in a directory; 0: no limit. */
export interface Retention {
  /** The age after which a recording is deleted, in milliseconds. */
  readonly keep: number;
  /** The size of all recordings, in bytes. */
  readonly maxSize: number;
}

/** The result of {@link deleteRecordings}. */
export interface Deletion {
  readonly deleted: string[];
  /** In bytes. */
  readonly excess: number;
}

/**
 * Deletes recordings that are too old, and the oldest ones if all together are too large.
 *
 * @returns the paths of the deleted ones, and by how much the rest is still too large: files that are being written are
 *   not deleted.
 */
export function* deleteRecordings(
  directory: string,
  { keep, maxSize }: Retention,
  now = Date.now(),
): Generator<void, Deletion> {
  const deleted: string[] = [];
  const found: { file: Named; size: number; age: number }[] = [];
  let total = 0;
  for (const file of recordingsIn(directory)) {
    yield;
    const status = lstatSync(file.path, { throwIfNoEntry: false });
    if (status === undefined || !status.isFile()) continue;
    total += status.size;
    found.push({ file, size: status.size, age: now - status.mtimeMs });
  }
  // Other files with the name of a recording do not count: recordings would be deleted to make room for them. They are
  // rare, so files are only opened if all together are too large.
  for (const { file, size } of maxSize > 0 ? found.toSorted((a, b) => b.size - a.size) : []) {
    if (total <= maxSize) break;
    if (!ifOurs(file)) total -= size;
    yield;
  }
  for (const { file, size, age } of found) {
    if (file.writer !== undefined) continue;
    const isOld = keep > 0 && age > keep;
    const isTooMuch = maxSize > 0 && total > maxSize;
    if (!(isOld || isTooMuch) || !ifOurs(file, () => unlinkSync(file.path))) continue;
    total -= size;
    deleted.push(file.path);
    yield;
  }
  return { deleted, excess: maxSize > 0 ? Math.max(total - maxSize, 0) : 0 };
}

/** Whether a file is a recording of this user. If it is, calls `action`, and returns false if that fails. */
function ifOurs(file: Named, action?: () => void): boolean {
  const fd = openOwn(file.path, constants.O_RDONLY);
  if (fd === undefined) return false;
  try {
    if (!isOurs(file, beginningOf(fd, file.extension).header)) return false;
    action?.();
    return true;
  } catch (error) {
    // Another process has deleted it.
    if (!isSystemError(error)) throw error;
    return false;
  } finally {
    closeSync(fd);
  }
}
