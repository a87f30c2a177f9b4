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
 * All calls are synchronous. Except for {@link prepareDirectory} they are made by the thread that writes.
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { TelptyError } from '../errors.ts';
import { AsciicastDecoder } from './asciicast.ts';
import type { RecordingDecoder, RecordingEvent, RecordingFormat, RecordingHeader } from './recording.ts';
import { encoderOf, reasonOf } from './recording-writer.ts';
import { TtyrecDecoder } from './ttyrec.ts';

const EXTENSIONS: Readonly<Record<RecordingFormat, string>> = {
  asciicast: 'cast',
  'asciicast-v2': 'cast',
  ttyrec: 'ttyrec',
};

const NAME =
  /^(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\dZ)-session-\d{1,16}(?:-\d{1,4})?\.(cast|ttyrec)(?:\.(\d{1,10})-(\d{1,20})\.part)?$/;

/** The most numbers that are tried for recordings of the same second and session. */
const MOST_NAMES = 1000;

/** Read at once while a file is examined, in bytes. */
const PIECE = 256 * 1024;

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
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw fail(code === 'EEXIST' || code === 'ENOTDIR' ? 'it is not a directory' : reasonOf(error as Error), error);
  }
  const { uid, mode } = lstatFollowed(path);
  const own = process.geteuid?.();
  if (own !== undefined && uid !== own) throw fail('it belongs to another user; name another directory');
  if (own !== undefined && (mode & 0o077) !== 0) {
    throw fail('other users may use it; take that permission away (chmod 700)');
  }
  return path;
}

function lstatFollowed(path: string) {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return fstatSync(fd);
  } finally {
    closeSync(fd);
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

/** When a process started, in a unit of the system; undefined if that is not known. */
function startTime(pid: number): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    // The name of the program may contain spaces and parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
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

/** A file in the directory with the name of a recording. */
interface Named {
  readonly path: string;
  readonly name: string;
  /** In seconds since 1970. */
  readonly started: number;
  readonly extension: string;
  /** Of a file that is being written: by which process. */
  readonly writer: { readonly pid: number; readonly start: string } | undefined;
}

/** The recordings, oldest first. */
function recordingsIn(directory: string): Named[] {
  const found: Named[] = [];
  for (const name of readdirSync(directory).sort()) {
    const match = NAME.exec(name);
    if (match === null) continue;
    const [, hour, minute, second, extension = '', pid, start = ''] = match;
    const started = Date.parse(`${hour}:${minute}:${second}`) / 1000;
    const writer = pid === undefined ? undefined : { pid: Number(pid), start };
    if (!Number.isNaN(started)) found.push({ path: join(directory, name), name, started, extension, writer });
  }
  return found;
}

/** Opens a regular file of this user, never anything else. */
function openOwn(path: string, flags: number): number | undefined {
  let fd: number;
  try {
    // O_NONBLOCK: a FIFO would wait for its other end.
    fd = openSync(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  const { uid } = fstatSync(fd);
  if (fstatSync(fd).isFile() && uid === (process.geteuid?.() ?? uid)) return fd;
  closeSync(fd);
  return undefined;
}

/** What a file contains, up to its last whole event. */
interface Contents {
  readonly header: RecordingHeader | undefined;
  /** The time of the last event. */
  readonly last: number;
  /** The length of the whole events, in bytes. */
  readonly length: number;
  readonly format: RecordingFormat;
}

/** Reads a file piece by piece. @param most stop after the header. */
function contentsOf(fd: number, extension: string, headerOnly: boolean): Contents {
  const isText = extension === 'cast';
  const decoder: RecordingDecoder = isText ? new AsciicastDecoder() : new TtyrecDecoder();
  const buffer = Buffer.alloc(headerOnly ? 16 * 1024 : PIECE);
  const frames = new FrameCounter();
  let last = 0;
  let length = 0;
  let version: unknown;
  for (let at = 0; ; ) {
    const read = readSync(fd, buffer, 0, buffer.length, at);
    if (read === 0) break;
    const piece = buffer.subarray(0, read);
    if (isText && at === 0) version = /"version":([23])/.exec(piece.toString('latin1', 0, 200))?.[1];
    const lineFeed = piece.lastIndexOf(0x0a);
    if (isText) length = lineFeed < 0 ? length : at + lineFeed + 1;
    else length = frames.push(piece);
    for (const { time } of decoder.push(piece)) last = time;
    at += read;
    if (headerOnly && decoder.header !== undefined) break;
  }
  const format = !isText ? 'ttyrec' : version === '2' ? 'asciicast-v2' : 'asciicast';
  return { header: decoder.header, last, length, format };
}

/** Finds the end of the last whole frame of a ttyrec file. */
class FrameCounter {
  #rest: Buffer = Buffer.alloc(0);
  #end = 0;
  /** What is left of the data of a frame, in bytes. */
  #data = 0;

  /** @returns the offset after the last whole frame */
  push(piece: Buffer): number {
    let rest = Buffer.concat([this.#rest, piece]);
    while (rest.length >= 12) {
      this.#data = rest.readUInt32LE(8);
      if (rest.length < 12 + this.#data) break;
      this.#end += 12 + this.#data;
      rest = rest.subarray(12 + this.#data);
    }
    this.#rest = rest;
    return this.#end;
  }
}

/** Whether a file begins as the recording that its name promises. */
const isOurs = ({ started }: Named, header: RecordingHeader | undefined): boolean =>
  header?.started !== undefined && Math.abs(Math.floor(header.started.getTime() / 1000) - started) <= 1;

/** Repairs the recordings that a process has not finished. @returns their paths */
export function repairRecordings(directory: string): string[] {
  const repaired: string[] = [];
  for (const file of recordingsIn(directory)) {
    const { writer } = file;
    if (writer === undefined || isRunning(writer.pid, writer.start)) continue;
    try {
      const path = repair(file);
      if (path !== undefined) repaired.push(path);
    } catch (error) {
      // Another process repairs it at the same time, or the disk is full: it is left for the next start.
      if (!isSystemError(error)) throw error;
    }
  }
  return repaired;
}

const isSystemError = (error: unknown): boolean => typeof (error as NodeJS.ErrnoException).syscall === 'string';

function repair(file: Named): string | undefined {
  const fd = openOwn(file.path, constants.O_RDWR);
  if (fd === undefined) return undefined;
  try {
    // The process was killed before it wrote anything.
    if (fstatSync(fd).size === 0) {
      unlinkSync(file.path);
      return undefined;
    }
    const { header, last, length, format } = contentsOf(fd, file.extension, false);
    if (!isOurs(file, header)) return undefined;
    // First the name: of two processes that repair, the second does not find the file.
    const path = publishPart(file.path);
    ftruncateSync(fd, length);
    const mark: RecordingEvent = { time: last, type: 'mark', label: 'interrupted' };
    writeSync(fd, markOf(format, header!, mark), 0, undefined, length);
    return path;
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

/**
 * Deletes recordings that are too old, and the oldest ones if all together are too large.
 *
 * @returns the paths of the deleted ones, and by how much the rest is still too large: files that are being written are
 *   not deleted.
 */
export function deleteRecordings(directory: string, { keep, maxSize }: Retention, now = Date.now()) {
  const deleted: string[] = [];
  const finished: { file: Named; size: number; age: number }[] = [];
  let total = 0;
  for (const file of recordingsIn(directory)) {
    const status = lstatSync(file.path, { throwIfNoEntry: false });
    if (status === undefined || !status.isFile()) continue;
    total += status.size;
    if (file.writer === undefined) finished.push({ file, size: status.size, age: now - status.mtimeMs });
  }
  for (const { file, size, age } of finished) {
    const isOld = keep > 0 && age > keep;
    const isTooMuch = maxSize > 0 && total > maxSize;
    if (!(isOld || isTooMuch) || !deleteOwn(file)) continue;
    total -= size;
    deleted.push(file.path);
  }
  return { deleted, excess: maxSize > 0 ? Math.max(total - maxSize, 0) : 0 };
}

function deleteOwn(file: Named): boolean {
  const fd = openOwn(file.path, constants.O_RDONLY);
  if (fd === undefined) return false;
  try {
    if (!isOurs(file, contentsOf(fd, file.extension, true).header)) return false;
    unlinkSync(file.path);
    return true;
  } catch (error) {
    // Another process has deleted it.
    if (!isSystemError(error)) throw error;
    return false;
  } finally {
    closeSync(fd);
  }
}
