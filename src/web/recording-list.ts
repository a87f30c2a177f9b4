/**
 * Reads the directory of the recordings of a server, for those who may operate it: lists, and pieces of files. It never
 * opens anything but a complete recording that telpty wrote; see `src/recording/writing/recording-directory.ts`.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecordingHeader } from '../recording/recording.ts';
import { decoderFor } from '../recording/recording-reader.ts';
import { isOurs, isOwn, parseName, SAFE_FLAGS } from '../recording/writing/recording-directory.ts';

/** A recording in a list. */
export interface ListedRecording {
  /** The name of the file, without its directory. */
  readonly name: string;
  readonly started: Date;
  /** In seconds, from the time of the last change of the file. */
  readonly duration: number;
  /** In bytes. */
  readonly size: number;
  /** The number of the session. */
  readonly session: number;
  readonly command: string | undefined;
  readonly user: string | undefined;
  readonly address: string | undefined;
}

export interface ListOptions {
  /** The name of the recording before the first one of the list. Default: the list begins with the newest. */
  readonly before?: string | undefined;
  /** Only recordings that contain this text in their facts, whatever its case. */
  readonly search?: string | undefined;
}

export interface RecordingList {
  /** The newest first. */
  readonly recordings: readonly ListedRecording[];
  /** Where the list goes on: `before` of the next one. Undefined at its end. */
  readonly next: string | undefined;
}

/** The most recordings of a list, and the most that are opened for it. */
const MOST_LISTED = 100;
const MOST_EXAMINED = 1_000;
/** Files that are open at once. */
const MOST_OPEN = 8;
/** Read at once for a header, in bytes, and the longest header. A command line can be long. */
const HEADER_PIECE = 16 * 1024;
const MOST_HEADER = 1024 * 1024;

/** Lists the recordings of a directory. */
export async function listRecordings(directory: string, options: ListOptions = {}): Promise<RecordingList> {
  const { before, search = '' } = options;
  const names = (await readdir(directory))
    .filter(name => (before === undefined || name < before) && isListed(name))
    .sort()
    .reverse();
  const recordings: ListedRecording[] = [];
  let at = 0;
  while (at < Math.min(names.length, MOST_EXAMINED) && recordings.length < MOST_LISTED) {
    const examined = names.slice(at, at + Math.min(MOST_OPEN, MOST_LISTED - recordings.length));
    at += examined.length;
    const found = await Promise.all(examined.map(name => examine(directory, name)));
    for (const recording of found)
      if (recording !== undefined && matches(recording, search)) recordings.push(recording);
  }
  return { recordings, next: at < names.length ? names[at - 1] : undefined };
}

/** Whether a name is that of a complete recording. */
function isListed(name: string): boolean {
  const parts = parseName(name);
  return parts !== undefined && parts.writer === undefined;
}

function matches({ name, command, user, address }: ListedRecording, search: string): boolean {
  if (search === '') return true;
  const facts = [name, command, user, address].join('\n').toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every(word => facts.includes(word));
}

async function examine(directory: string, name: string): Promise<ListedRecording | undefined> {
  const opened = await openListed(directory, name);
  if (opened === undefined) return undefined;
  const { handle, header, size, changed } = opened;
  await handle.close();
  const { command, user, address, started = new Date(0) } = header;
  const duration = Math.max(0, (changed - started.getTime()) / 1000);
  return { name, started, duration, size, session: parseName(name)!.session, command, user, address };
}

/**
 * Reads a piece of a recording.
 *
 * @returns the piece, empty after the end, and the size of the file; undefined if there is no recording of this name.
 */
export async function readRecording(
  directory: string,
  name: string,
  from: number,
  length: number,
): Promise<{ readonly bytes: Buffer; readonly size: number } | undefined> {
  const opened = await openListed(directory, name);
  if (opened === undefined) return undefined;
  const { handle, size } = opened;
  try {
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - from)));
    return { bytes: buffer.subarray(0, await readAll(handle, buffer, from)), size };
  } finally {
    await handle.close();
  }
}

/** An open recording. */
interface Opened {
  readonly handle: FileHandle;
  readonly header: RecordingHeader;
  readonly size: number;
  /** When it was changed, in milliseconds since 1970. */
  readonly changed: number;
}

async function openListed(directory: string, name: string): Promise<Opened | undefined> {
  if (!isListed(name)) return undefined;
  let handle: FileHandle;
  try {
    handle = await open(join(directory, name), constants.O_RDONLY | SAFE_FLAGS);
  } catch {
    // It has been deleted, or is a link.
    return undefined;
  }
  let header: RecordingHeader | undefined;
  try {
    const status = await handle.stat();
    if (isOwn(status)) header = await headerOf(handle);
    if (header !== undefined && isOurs(parseName(name)!, header)) {
      return { handle, header, size: status.size, changed: status.mtimeMs };
    }
  } catch {
    // It cannot be read.
  }
  await handle.close();
  return undefined;
}

async function headerOf(handle: FileHandle): Promise<RecordingHeader | undefined> {
  const buffer = Buffer.allocUnsafe(HEADER_PIECE);
  let decoder: ReturnType<typeof decoderFor> | undefined;
  for (let at = 0; at < MOST_HEADER; at += HEADER_PIECE) {
    const piece = buffer.subarray(0, await readAll(handle, buffer, at));
    decoder ??= decoderFor(piece);
    decoder.push(piece);
    if (decoder.header !== undefined || decoder.problem !== undefined) break;
    if (piece.length < HEADER_PIECE) {
      decoder.end();
      break;
    }
  }
  return decoder?.header;
}

/** Fills a buffer, unless the file ends before. @returns the number of bytes */
async function readAll(handle: FileHandle, buffer: Buffer, from: number): Promise<number> {
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, from + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}
