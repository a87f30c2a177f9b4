/**
 * The formats of asciinema: a header, and a line of JSON for each event. Version 2 has the time since the beginning,
 * version 3 the time since the event before. Version 1 is one JSON object, with the time since the event before. It is
 * read as a whole, and not written.
 *
 * It uses nothing of Node.js: the page of the web gateway reads recordings, too.
 *
 * Source: https://docs.asciinema.org/manual/asciicast/v3/, v2 and v1.
 */
import {
  type Checkpoint,
  type FormatProblem,
  isSize,
  joined,
  microseconds,
  type RecordingDecoder,
  type RecordingEncoder,
  type RecordingEvent,
  type RecordingHeader,
} from './recording.ts';

export type AsciicastVersion = 2 | 3;

/** The longest line that is read, in bytes. asciinema writes an event for each read of at most 128 KiB. */
export const MAX_LINE = 16 * 2 ** 20;

/**
 * JSON.parse() needs up to 80 bytes for each level of arrays and objects. So in lines that are longer than some
 * characters the levels are counted first.
 */
const MAX_DEPTH = 64;
const SHORT = 64 * 1024;
const [QUOTE, BACKSLASH, ARRAY, ARRAY_END, OBJECT, OBJECT_END] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];

/** The longest time that is read: what a ttyrec file can express, too. */
const MAX_SECONDS = 2 ** 32;

/** The advice for a file in version 1 that is not read. */
const CONVERT = '"asciinema convert" of asciinema 3 makes a newer file of it';

const NOTHING = new Uint8Array();

const LF = 0x0a;

const utf8 = new TextEncoder();
/** A byte order mark is a character of the output. */
const text8 = new TextDecoder('utf-8', { ignoreBOM: true });

export class AsciicastEncoder implements RecordingEncoder {
  readonly #version: AsciicastVersion;
  /** The time of the last event, in microseconds. */
  #last = 0;

  constructor(version: AsciicastVersion) {
    this.#version = version;
  }

  begin(header: RecordingHeader): Uint8Array {
    const { columns, rows, term, started, command, title, idleLimit, encoding, user, address } = header;
    const timestamp = started === undefined ? undefined : Math.floor(started.getTime() / 1000);
    const facts = { timestamp, idle_time_limit: idleLimit, command, title, encoding };
    // JSON.stringify leaves out what is undefined.
    const env = { TERM: this.#version === 2 ? term : undefined, [USER]: user, [ADDRESS]: address };
    const variables = Object.values(env).some(value => value !== undefined) ? { env } : {};
    return this.#version === 2
      ? line({ version: 2, width: columns, height: rows, ...facts, ...variables })
      : line({ version: 3, term: { cols: columns, rows, type: term }, ...facts, ...variables });
  }

  event(event: RecordingEvent): Uint8Array {
    const code = CODES[event.type];
    if (code === 'x' && this.#version === 2) return NOTHING;
    return line([this.#advance(event.time), code, dataOf(event)]);
  }

  /**
   * Begins an event whose data is encoded by the caller. The text that this returns precedes it, and {@link DATA_END}
   * follows.
   */
  beginData(type: 'output' | 'input', time: number): string {
    return `[${this.#advance(time)},"${CODES[type]}","`;
  }

  /** The number of an event at this time, in seconds. */
  #advance(time: number): number {
    const now = Math.max(this.#last, microseconds(time));
    const passed = this.#version === 2 ? now : now - this.#last;
    this.#last = now;
    return passed / 1e6;
  }
}

/** See {@link AsciicastEncoder.beginData}. */
export const DATA_END = '"]\n';

/** The variables in which the program of a session finds its client. Both versions can contain variables. */
const USER = 'REMOTE_USER';
const ADDRESS = 'TELPTY_REMOTE_ADDRESS';

const CODES = { output: 'o', input: 'i', resize: 'r', mark: 'm', exit: 'x' } as const;

function dataOf(event: RecordingEvent): string {
  switch (event.type) {
    case 'resize':
      return `${event.columns}x${event.rows}`;
    case 'mark':
      return event.label;
    case 'exit':
      return String(event.status);
    default:
      return event.data;
  }
}

/**
 * Characters that JSON does not escape, and that `cat` must not show: DEL and C1, and all that are invisible or reverse
 * the direction of text (\p{Cf}, \p{Zl} and \p{Zp} of Unicode). They are listed, in UTF-16, because a search for
 * properties of Unicode would cost ten times as much as everything else, and most output has none of them.
 * native/recording/json_text.c lists the same characters.
 */
const UNQUOTED =
  /[\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]|\ud804[\udcbd\udccd]|\ud80d[\udc30-\udc3f]|\ud82f[\udca0-\udca3]|\ud834[\udd73-\udd7a]|\udb40[\udc01\udc20-\udc7f]/;
const ALL_UNQUOTED = new RegExp(UNQUOTED, 'g');

/** Where lines are encoded. */
let scratch = new Uint8Array(4096);

/** JSON on one line without control characters: `cat` and `grep` show a recording instead of playing it. */
function line(value: unknown): Uint8Array {
  const json = JSON.stringify(value);
  const text = UNQUOTED.test(json) ? json.replace(ALL_UNQUOTED, quoted) : json;
  // A UTF-16 unit is at most 3 bytes of UTF-8. encode() takes five times as long for text that is not in Latin-1.
  if (scratch.length <= text.length * 3) scratch = new Uint8Array(text.length * 4);
  const length = utf8.encodeInto(text, scratch).written;
  scratch[length] = LF;
  return scratch.slice(0, length + 1);
}

function quoted(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map(unit => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

export class AsciicastDecoder implements RecordingDecoder {
  header: RecordingHeader | undefined;
  problem: FormatProblem | undefined;
  #version: AsciicastVersion | 1 = 3;
  /** What has been read of a file that is, or may be, in version 1. */
  #document: string | undefined;
  /** The beginning of a line whose end has not come. */
  #rest: Uint8Array[] = [];
  #restLength = 0;
  /** The number of bytes before that line, and of lines. */
  #offset = 0;
  #number = 0;
  /** The time of the last event, in microseconds. */
  #last = 0;

  push(piece: Uint8Array): RecordingEvent[] {
    if (this.problem !== undefined) return [];
    const end = piece.lastIndexOf(LF) + 1;
    const events = end === 0 ? [] : this.#lines(this.#take(piece.subarray(0, end)));
    if (this.problem !== undefined) return events;
    // The piece is lent.
    this.#rest.push(piece.slice(end));
    this.#restLength += piece.length - end;
    if (this.#restLength > MAX_LINE) this.#failAtLength(this.#number + 1);
    return events;
  }

  end(): RecordingEvent[] {
    if (this.problem !== undefined) return [];
    const last = this.#take(new Uint8Array());
    if (this.header === undefined && (this.#document !== undefined || mayBeDocument(last))) {
      return this.#whole((this.#document ?? '') + last);
    }
    // A whole event may lack its line feed; one that is cut is left out.
    if (this.header === undefined) this.#line(last);
    const event = this.header === undefined ? undefined : this.#event(parsed(last));
    return event === undefined ? [] : [event];
  }

  checkpoint(): Checkpoint['resume'] {
    if (this.#version === 1) return undefined;
    const [offset, number, last, version, header] = [
      this.#offset,
      this.#number,
      this.#last,
      this.#version,
      this.header,
    ];
    const decoder = () => {
      const copy = new AsciicastDecoder();
      [copy.#offset, copy.#number, copy.#last, copy.#version, copy.header] = [offset, number, last, version, header];
      return copy;
    };
    return { offset, decoder };
  }

  /** The text of the whole lines that end with these bytes. */
  #take(end: Uint8Array): string {
    const bytes = joined([...this.#rest, end]);
    this.#rest = [];
    this.#restLength = 0;
    this.#offset += bytes.length;
    return text8.decode(bytes);
  }

  #lines(text: string): RecordingEvent[] {
    if (this.header === undefined && (this.#document !== undefined || mayBeDocument(text))) {
      this.#document = (this.#document ?? '') + text;
      if (this.#document.length > MAX_LINE) {
        this.#fail(`an asciicast v1 of more than ${MAX_LINE / 2 ** 20} MiB; ${CONVERT}`, 1);
        this.#document = undefined;
      }
      return [];
    }
    const events: RecordingEvent[] = [];
    let from = 0;
    while (from < text.length && this.problem === undefined) {
      const to = text.indexOf('\n', from);
      const event = this.#line(text.slice(from, to));
      if (event !== undefined) events.push(event);
      from = to + 1;
    }
    return events;
  }

  /** A whole line. */
  #line(text: string): RecordingEvent | undefined {
    this.#number++;
    if (this.header === undefined) {
      this.#header(parsed(text));
      return undefined;
    }
    if (text.trim() === '' || text.startsWith('#')) return undefined;
    const value = parsed(text);
    if (!isEvent(value)) {
      this.#fail('not an event [seconds, type, data]');
      return undefined;
    }
    return this.#event(value);
  }

  /** The text of a file in version 1. */
  #whole(text: string): RecordingEvent[] {
    this.#document = undefined;
    this.#number = 1;
    const value = parsed(text);
    if (value === undefined && /^\{\s*"version"\s*:\s*1\b/.test(text)) {
      this.#fail(`an asciicast v1 that is not whole, or not JSON; ${CONVERT}`);
      return [];
    }
    this.#header(isObject(value) && value.version === 1 ? value : undefined);
    if (this.problem !== undefined) return [];
    const { stdout } = value as { stdout?: unknown };
    if (!Array.isArray(stdout)) {
      this.#fail('an asciicast v1 without "stdout", the list of its events');
      return [];
    }
    const events: RecordingEvent[] = [];
    for (const [index, item] of (stdout as unknown[]).entries()) {
      const [seconds, data] = Array.isArray(item) ? (item as readonly unknown[]) : [];
      const event = this.#event([seconds, 'o', data]);
      if (event === undefined) {
        this.#fail(`event ${index + 1} of "stdout" is not [seconds, data]`);
        return events;
      }
      events.push(event);
    }
    return events;
  }

  #header(value: unknown): void {
    const header = isObject(value) ? value : {};
    const { version } = header;
    if (version !== 1 && version !== 2 && version !== 3) {
      this.#fail('not a header with "version": 3, 2 or 1');
      return;
    }
    this.#version = version;
    const inner = isObject(header.term) ? header.term : {};
    const [columns, rows] = version === 3 ? [inner.cols, inner.rows] : [header.width, header.height];
    if (!isSize(columns) || !isSize(rows)) {
      const names = version === 3 ? '"cols" and "rows" of "term"' : '"width" and "height"';
      this.#fail(`${names} must be whole numbers from 1 to 65535`);
      return;
    }
    const env = isObject(header.env) ? header.env : {};
    const term = version === 3 ? inner.type : env.TERM;
    const { timestamp, idle_time_limit: limit } = header;
    this.header = {
      columns,
      rows,
      term: text(term),
      started: typeof timestamp === 'number' ? dateOf(timestamp) : undefined,
      command: text(header.command),
      title: text(header.title),
      idleLimit: typeof limit === 'number' && limit > 0 && limit < MAX_SECONDS ? limit : undefined,
      encoding: text(header.encoding),
      user: text(env[USER]),
      address: text(env[ADDRESS]),
    };
  }

  /** An event, or nothing for a type that has no meaning here. */
  #event(value: unknown): RecordingEvent | undefined {
    if (!isEvent(value)) return undefined;
    const [seconds, code, data] = value;
    const given = microseconds(seconds);
    // Some recorders write times that go back by a little.
    this.#last = Math.max(this.#last, this.#version === 2 ? given : this.#last + given);
    const time = this.#last / 1e6;
    switch (code) {
      case 'o':
        return { time, type: 'output', data };
      case 'i':
        return { time, type: 'input', data };
      case 'm':
        return { time, type: 'mark', label: data };
      case 'x':
        return /^-?\d{1,9}$/.test(data) ? { time, type: 'exit', status: Number(data) } : undefined;
      case 'r': {
        const [, columns, rows] = /^(\d{1,5})x(\d{1,5})$/.exec(data) ?? [];
        const size = { columns: Number(columns), rows: Number(rows) };
        return isSize(size.columns) && isSize(size.rows) ? { time, type: 'resize', ...size } : undefined;
      }
      default:
        return undefined;
    }
  }

  #failAtLength(number: number): void {
    this.#fail(`a line of more than ${MAX_LINE / 2 ** 20} MiB`, number);
  }

  #fail(problem: string, number = this.#number): void {
    this.problem ??= { problem, place: String(number) };
  }
}

/**
 * Whether a text without its end may begin a file in version 1: an object that is not whole in its first line, or one
 * of this version.
 */
function mayBeDocument(text: string): boolean {
  const [first = ''] = text.split('\n', 1);
  if (!/^\{\s*(?:"|$)/.test(first) || /"version"\s*:\s*[23]\b/.test(first.slice(0, 1000))) return false;
  const value = parsed(first);
  return value === undefined || (isObject(value) && value.version === 1);
}

function parsed(json: string): unknown {
  if (json.length > SHORT && !isShallow(json)) return undefined;
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Whether arrays and objects are nested in less than {@link MAX_DEPTH} levels. */
function isShallow(json: string): boolean {
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const unit = json.charCodeAt(at);
    if (unit === QUOTE) {
      at = endOfString(json, at);
      if (at < 0) return true;
    } else if (unit === ARRAY || unit === OBJECT) {
      depth++;
      if (depth === MAX_DEPTH) return false;
    } else if (unit === ARRAY_END || unit === OBJECT_END) depth--;
  }
  return true;
}

/** The quotation mark that ends the string which begins at another; -1 if there is none. */
function endOfString(json: string, begin: number): number {
  for (let end = json.indexOf('"', begin + 1); end >= 0; end = json.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (json.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return -1;
}

/** The time of the line of an event; undefined for any other line. */
export function timeOfEvent(line: string): number | undefined {
  // To parse what is not JSON costs much more.
  const value = line.startsWith('[') && line.endsWith(']') ? parsed(line) : undefined;
  return isEvent(value) ? value[0] : undefined;
}

/** @param seconds since 1970. */
function dateOf(seconds: number): Date | undefined {
  const date = new Date(seconds * 1000);
  return seconds >= 0 && !Number.isNaN(date.getTime()) ? date : undefined;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

function isEvent(value: unknown): value is [number, string, string] {
  if (!Array.isArray(value)) return false;
  const [seconds, code, data] = value as readonly unknown[];
  return (
    typeof seconds === 'number' &&
    Math.abs(seconds) < MAX_SECONDS &&
    typeof code === 'string' &&
    typeof data === 'string'
  );
}
