/** Opens recordings in files, of any format, plain or compressed with gzip. */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { decoder } from '../charset/index.ts';
import { TelptyError } from '../errors.ts';
import { errorText } from '../native/system-error.ts';
import { AsciicastDecoder } from './asciicast.ts';
import { isText, type Recording, recordingFrom } from './recording-reader.ts';
import { FRAME_HEADER, TtyrecDecoder } from './ttyrec.ts';

/** Options of `openRecording()`. */
export interface OpenRecordingOptions {
  /** The character set of a ttyrec file, such as `'cp437'` for some NetHack servers. Default: `'utf-8'`. */
  readonly encoding?: string | undefined;
}

/** The first bytes of a gzip file (RFC 1952, section 2.3.1). */
const GZIP = [0x1f, 0x8b] as const;

/**
 * Formats that are not read: the first bytes in hexadecimal, the name, and the program that decompresses them. Fewer
 * bytes could be the time of a ttyrec file.
 */
const COMPRESSED = [
  [/^425a683[1-9]314159265359/, 'bzip2', 'bunzip2'],
  [/^fd377a585a0000/, 'xz', 'unxz'],
  [/^28b52ffd/, 'zstd', 'unzstd'],
] as const;

const PIECE = 64 * 1024;

/**
 * Opens a recording: asciicast v1 to v3, or ttyrec, plain or compressed with gzip. The contents decide, not the name.
 *
 * @throws TelptyError `ERR_RUNTIME` if the file cannot be read, or does not begin as a recording.
 *
 * @example
 *   const recording = await openRecording('session.cast');
 *   for await (const event of recording) if (event.type === 'output') process.stdout.write(event.data);
 *   console.log((await recording.screenAt(5)).text);
 */
export async function openRecording(file: string, options: OpenRecordingOptions = {}): Promise<Recording> {
  const { isCompressed, isText } = await kindOf(file);
  const { encoding = 'utf-8' } = options;
  const bytes = { file, read: (offset: number) => bytesOf(file, isCompressed, offset) };
  return recordingFrom(bytes, () => (isText ? new AsciicastDecoder() : new TtyrecDecoder(decoder(encoding))));
}

async function* bytesOf(file: string, isCompressed: boolean, offset: number): AsyncGenerator<Uint8Array> {
  const stream = readStream(file, isCompressed, offset);
  try {
    yield* stream as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw unreadable(file, error);
  } finally {
    stream.destroy();
  }
}

/** @param offset bytes to leave out, of the contents if they are compressed. */
function readStream(file: string, isCompressed: boolean, offset = 0): Readable {
  const stream = createReadStream(file, { highWaterMark: PIECE, start: isCompressed ? 0 : offset });
  if (!isCompressed) return stream;
  // Errors arrive in the loop that reads the stream.
  const contents = pipeline(stream, createGunzip({ chunkSize: PIECE }), () => {});
  return offset === 0 ? contents : Readable.from(withoutFirst(contents, offset));
}

async function* withoutFirst(pieces: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const piece of pieces) {
    if (left < piece.length) yield left === 0 ? piece : piece.subarray(left);
    left = Math.max(0, left - piece.length);
  }
}

async function kindOf(file: string): Promise<{ isCompressed: boolean; isText: boolean }> {
  try {
    // To open a pipe could wait indefinitely, and it can be read only once.
    const status = await stat(file);
    if (!status.isFile() && !status.isDirectory())
      throw new Error('it is not a regular file; write it to a file first');
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(FRAME_HEADER), 0, FRAME_HEADER, 0);
      const isCompressed = bytesRead >= 2 && buffer[0] === GZIP[0] && buffer[1] === GZIP[1];
      const start = buffer.subarray(0, bytesRead);
      refuseCompressed(start);
      if (!isCompressed) return { isCompressed, isText: isText(start) };
    } finally {
      await handle.close();
    }
    const stream = readStream(file, true);
    for await (const piece of stream) return { isCompressed: true, isText: isText(piece as Uint8Array) };
    return { isCompressed: true, isText: true };
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** @throws Error if the file is compressed in another format than gzip. */
function refuseCompressed(start: Buffer): void {
  const hex = start.toString('hex');
  const found = COMPRESSED.find(([magic]) => magic.test(hex));
  if (found === undefined) return;
  const [, format, program] = found;
  throw new Error(`it is compressed with ${format}; decompress it with ${program} first`);
}

function unreadable(file: string, error: unknown): TelptyError {
  const { code = 'unknown', message } = error as NodeJS.ErrnoException;
  const reason = code.startsWith('Z_') ? `damaged gzip data (${message})` : errorText(error);
  return new TelptyError('ERR_RUNTIME', `cannot read ${file}: ${reason}`, { file, systemCode: code, cause: error });
}
