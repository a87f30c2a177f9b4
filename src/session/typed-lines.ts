/** Reads lines that a user types: edits and echoes them if the server echoes. */
import type { Duplex } from 'node:stream';
import { decoder, encoder, type StreamDecoder } from '../charset/index.ts';
import { columnsOfText, joinsCluster } from '../charset/width.ts';
import { boolean, check, instance, type OptionTable, readOptions, text, whole } from '../options.ts';
import { Command, type CommandEvent, Option } from '../protocol/index.ts';
import { onAbort } from './conversation/waiting.ts';
import type { EncodingRun } from './encoding-history.ts';
import type { Link } from './link.ts';

const LF = 10;
const CR = 13;
const BACKSPACE = '\b';
/** ^U, as on a terminal. */
const KILL = '\x15';
const ESCAPE = '\x1b';
const DELETE = '\x7f';

/**
 * Characters that no line contains. Controls (C0, DEL, C1) are obeyed by terminals. Embeddings, overrides, isolates and
 * marks of writing direction, separators and annotations reorder or split the rest of the line in which they are
 * displayed. Surrogate halves are not characters.
 */
const UNFIT = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb]/u;

/** How a line is read; see `Session.readLine`. */
export interface ReadLineOptions {
  /** Written first, as a prompt: if EOR is enabled with the client, EOR follows it (RFC 885). */
  readonly prompt?: string | undefined;
  /** The maximum length of the line in characters; further characters are dropped. Default 1,000. */
  readonly maxLength?: number | undefined;
  /** For passwords: typed characters are not shown, neither by this end nor by a client that obeys ECHO. */
  readonly hidden?: boolean | undefined;
  /** Ends the reading, as the end of the session does. */
  readonly signal?: AbortSignal | undefined;
}

export const readLineOptions = {
  prompt: text(),
  maxLength: whole({ default: 1_000 }),
  hidden: boolean({ default: false }),
  signal: instance(AbortSignal, 'an AbortSignal'),
} satisfies OptionTable<ReadLineOptions>;

/** Sessions from which a line is being read. */
const reading = new WeakSet<Link>();
/**
 * Sessions whose last line ended in a CR, if the engine keeps the LF of a CR LF. It does so under BINARY, and on a
 * client, for which the LF is text. An LF right after it belongs to the same line end.
 */
const afterReturn = new WeakSet<Link>();

/** See `Session.readLine`. */
export async function readLine(stream: Duplex, link: Link, options: ReadLineOptions = {}): Promise<string | undefined> {
  const { prompt, maxLength, hidden, signal } = readOptions('readLine', readLineOptions, options);
  check(!reading.has(link), 'another line of this session is being read');
  reading.add(link);
  const { telnet } = link;
  const hides = hidden && !telnet.isEnabled(Option.ECHO, 'local');
  try {
    if (prompt !== undefined) {
      stream.write(encoder(link.encoding).write(prompt), () => {
        if (stream.writable && telnet.isEnabled(Option.EOR, 'local')) telnet.command(Command.EOR);
      });
    }
    if (hides) telnet.request(Option.ECHO, 'local', true);
    const echoes = () => !hidden && telnet.isEnabled(Option.ECHO, 'local');
    return await collect(stream, link, new Line(maxLength), echoes, signal);
  } finally {
    if (hides) {
      if (stream.writable) stream.write('\r\n');
      telnet.request(Option.ECHO, 'local', false);
    }
    reading.delete(link);
  }
}

/** See `Session.readLines`. */
export async function* readLines(
  stream: Duplex,
  link: Link,
  options?: ReadLineOptions,
): AsyncGenerator<string, void, void> {
  const next = () => readLine(stream, link, options);
  for (let line = await next(); line !== undefined; line = await next()) yield line;
}

/** Reads until the line or the input ends. */
function collect(
  stream: Duplex,
  link: Link,
  line: Line,
  echoes: () => boolean,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  return new Promise(resolve => {
    let unsubscribe = () => {};
    const settle = (text: string | undefined): void => {
      stream.off('readable', look).off('end', end).off('close', end).off('hangup', hangup).off('command', erase);
      unsubscribe();
      resolve(text);
    };
    const end = (): void => settle(line.isEmpty ? undefined : line.text);
    const hangup = (): void => settle(undefined);
    const look = (): void => {
      for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read() as Buffer | null) {
        if (afterReturn.delete(link) && chunk[0] === LF) chunk = chunk.subarray(1);
        const length = takeRuns(line, link.encodingRuns(chunk));
        if (echoes() && stream.writable) stream.write(encoder(link.encoding).write(line.echo()));
        if (length === undefined) continue;
        const keepsLf = link.isClient || link.telnet.isEnabled(Option.BINARY, 'remote');
        if (chunk[length] === CR && keepsLf) afterReturn.add(link);
        if (length + 1 < chunk.length) link.putBack(chunk.subarray(length + 1));
        settle(line.text);
        return;
      }
    };
    // Erase character and erase line as Telnet commands (RFC 854), in their order among the keys.
    const erase = ({ command }: CommandEvent): void => {
      if (command === Command.EC) link.insertInput(Buffer.from(DELETE));
      if (command === Command.EL) link.insertInput(Buffer.from(KILL));
    };
    const isOver = (stream.readableEnded || stream.destroyed) && link.inputLength === 0;
    if (isOver || link.ending.reason !== undefined || signal?.aborted) {
      resolve(undefined);
      return;
    }
    stream.on('readable', look).on('end', end).on('close', end).on('hangup', hangup).on('command', erase);
    unsubscribe = onAbort(signal, hangup);
    look();
    // Text that arrived before the session was closed is the last line.
    if (stream.readableEnded || stream.destroyed) end();
  });
}

/**
 * Passes the parts of a chunk to a line, each in its character set. Returns where in the chunk the line ends, if it
 * does.
 */
function takeRuns(line: Line, runs: readonly EncodingRun[]): number | undefined {
  let before = 0;
  for (const { bytes, encoding } of runs) {
    const at = line.take(bytes, encoding);
    if (at !== undefined) return before + at;
    before += bytes.length;
  }
  return undefined;
}

/** The position of the next character in an escape sequence, which is dropped (ECMA-48, 5.4). */
type Escape = 'none' | 'begun' | 'control';

/** A line that is being typed. */
class Line {
  readonly #maxLength: number;
  #decoder: StreamDecoder | undefined;
  #encoding = '';
  /** Grapheme clusters: what a user sees as one character, and one press of the erase key erases. */
  readonly #clusters: string[] = [];
  /** The length in characters. */
  #length = 0;
  #echo = '';
  #escape: Escape = 'none';

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  get text(): string {
    return this.#clusters.join('');
  }

  get isEmpty(): boolean {
    return this.#clusters.length === 0;
  }

  /** Takes bytes up to the end of the line. Returns the position of that end if the bytes contain it. */
  take(bytes: Buffer, encoding: string): number | undefined {
    // The set may be negotiated after the prompt was sent. An incomplete character at the change is invalid.
    if (this.#decoder === undefined || this.#encoding !== encoding) {
      for (const character of this.#decoder?.end() ?? '') this.#type(character);
      this.#decoder = decoder(encoding);
    }
    this.#encoding = encoding;
    // No character set that terminals use has CR or LF within another character.
    const at = bytes.findIndex(byte => byte === CR || byte === LF);
    const text = this.#decoder.write(at < 0 ? bytes : bytes.subarray(0, at));
    // So is an incomplete character at the end of the line.
    for (const character of at < 0 ? text : text + this.#decoder.end()) this.#type(character);
    if (at < 0) return undefined;
    this.#echo += '\r\n';
    return at;
  }

  /** The echo of what was typed since the last call. */
  echo(): string {
    const echo = this.#echo;
    this.#echo = '';
    return echo;
  }

  #type(character: string): void {
    if (this.#isEscaped(character)) return;
    if (character === BACKSPACE || character === DELETE) this.#erase();
    else if (character === KILL) while (!this.isEmpty) this.#erase();
    else if (!UNFIT.test(character) && this.#length < this.#maxLength) this.#append(character);
  }

  #append(character: string): void {
    const last = this.#clusters.at(-1);
    if (last !== undefined && joinsCluster(last, character))
      this.#clusters[this.#clusters.length - 1] = last + character;
    else this.#clusters.push(character);
    this.#length++;
    this.#echo += character;
  }

  #erase(): void {
    const cluster = this.#clusters.pop();
    if (cluster === undefined) return;
    this.#length -= [...cluster].length;
    const columns = columnsOfText(cluster);
    this.#echo += '\b'.repeat(columns) + ' '.repeat(columns) + '\b'.repeat(columns);
  }

  /** Whether the character belongs to an escape sequence, such as that of a cursor key. */
  #isEscaped(character: string): boolean {
    if (character === ESCAPE) this.#escape = 'begun';
    else if (this.#escape === 'begun') this.#escape = character === '[' || character === 'O' ? 'control' : 'none';
    else if (this.#escape === 'control') this.#escape = /[@-~]/.test(character) ? 'none' : 'control';
    else return false;
    return true;
  }
}
