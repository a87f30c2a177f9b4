/** The recordings of a directory: a list on the terminal to pick from, or printed. */
import { readdirSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TelptyError } from '../../errors.ts';
import { errorText } from '../../native/system-error.ts';
import { fill, put } from '../../recording/player/frame.ts';
import type { Key } from '../../recording/player/key.ts';
import { clockTime, emptyFrame } from '../../recording/player/player.ts';
import { openRecording } from '../../recording/recording-file.ts';
import { parseName } from '../../recording/writing/recording-directory.ts';
import { escapeText } from '../../shells/output/escape.ts';
import type { Actor, Stage } from './stage.ts';

/** The names that recordings usually have. */
const NAMES = /\.(?:cast|ttyrec)(?:\.gz)?$/i;

/** The longest text of a column, in characters. */
const MOST_TEXT = 200;

/** How often the list is searched again while headers are read, in milliseconds. */
const SEARCH_MS = 100;

export interface ListEntry {
  readonly name: string;
  readonly file: string;
  /** When the recording began, by its name; or else when the file was changed. */
  readonly time: Date;
  /** In bytes. */
  readonly size: number;
  /** The number of the session, by the name. */
  readonly session: number | undefined;
  /** Whether a server writes it, or was killed before its end. */
  readonly isPart: boolean;
}

/** What a recording says about itself, or why it cannot be read. */
interface Details {
  readonly isReadable: boolean;
  /** When it began. */
  readonly started?: Date | undefined;
  readonly program: string;
  /** Undefined until the file has been read. */
  duration: string | undefined;
}

/**
 * The recordings of a directory, the newest first.
 *
 * @throws TelptyError `ERR_RUNTIME` if the directory cannot be read, or has no recordings.
 */
export function listRecordings(directory: string): readonly ListEntry[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    const words = `cannot read ${escapeText(directory)}: ${errorText(error)}`;
    throw new TelptyError('ERR_RUNTIME', words, { file: directory, cause: error });
  }
  const entries: ListEntry[] = [];
  for (const name of names) {
    const known = parseName(name);
    if (known === undefined && !NAMES.test(name)) continue;
    const file = join(directory, name);
    const found = statusOf(file);
    if (!found?.isFile()) continue;
    const { started = found.mtime, session, writer } = known ?? {};
    entries.push({ name, file, time: started, size: found.size, session, isPart: writer !== undefined });
  }
  // Of the same time, the later session first.
  entries.sort((entry, other) => +other.time - +entry.time || (other.session ?? 0) - (entry.session ?? 0));
  if (entries.length > 0) return entries;
  throw new TelptyError('ERR_RUNTIME', `${escapeText(directory)} has no recordings (*.cast, *.ttyrec, also with .gz)`);
}

/** Undefined if the file has been deleted meanwhile, or is a link that leads nowhere. */
function statusOf(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}

/** Reads the beginning of a file. */
async function detailsOf({ file }: ListEntry, encoding: string): Promise<Details> {
  try {
    const { started, command, title, term } = await openRecording(file, { encoding });
    const facts = [command ?? title, term].filter(text => text !== undefined && text !== '');
    const program = facts.map(text => cut(text!)).join('  ');
    return { isReadable: true, started, program, duration: undefined };
  } catch (error) {
    const program = error instanceof Error ? error.message : String(error);
    return { isReadable: false, program, duration: '-' };
  }
}

/** The beginning of a text, in memory of its own: a header may have 16 MiB, and a directory any number of files. */
const cut = (text: string): string => (text.length > MOST_TEXT ? [...text.slice(0, MOST_TEXT)].join('') : text);

/** `1:02`; `1:02+`: it is being written; `1:02?`: it is broken there. */
async function durationOf({ file, isPart }: ListEntry, encoding: string, signal?: AbortSignal): Promise<string> {
  const recording = await openRecording(file, { encoding });
  const { duration, problem } = await recording.scan(signal);
  return `${clockTime(duration)}${problem === undefined ? (isPart ? '+' : '') : '?'}`;
}

const UNITS = ['B', 'K', 'M', 'G', 'T'];

function sizeText(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1024 ** unit;
  return `${unit > 0 && value < 10 ? value.toFixed(1) : Math.round(value)}${UNITS[unit]}`;
}

/** `2026-12-01 20:15`, in local time. */
function dateText(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

const HEAD = `${'date'.padEnd(16)}  ${'duration'.padStart(8)}  ${'size'.padStart(5)}  session  program, terminal, file`;

function lineOf(entry: ListEntry, details: Details | undefined): string {
  const date = dateText(details?.started ?? entry.time);
  const program = escapeText(details?.program ?? '…', MOST_TEXT);
  const columns = [date, (details?.duration ?? '').padStart(8), sizeText(entry.size).padStart(5)];
  const session = String(entry.session ?? '').padStart(7);
  return [...columns, session, ...(program === '' ? [] : [program]), escapeText(entry.name, MOST_TEXT)].join('  ');
}

/** Prints the list, for a script or a pager. */
export async function printList(entries: readonly ListEntry[], encoding: string): Promise<void> {
  process.stdout.write(`${HEAD}\n`);
  for (const entry of entries) {
    const details = await detailsOf(entry, encoding);
    if (details.isReadable) details.duration = await durationOf(entry, encoding).catch(() => '-');
    process.stdout.write(`${lineOf(entry, details)}\n`);
  }
}

/**
 * The list on the terminal. It reads the files of the lines that it shows: the headers, then the whole files for their
 * durations. A search also needs the headers of all others.
 */
export class List implements Actor {
  readonly #all: readonly ListEntry[];
  readonly #stage: Stage;
  readonly #encoding: string;
  readonly #details = new Map<ListEntry, Details>();
  /** The entries that match the search. */
  #entries: readonly ListEntry[];
  /** In lower case. */
  #search = '';
  #isTyping = false;
  #isReading = false;
  #scan: { readonly entry: ListEntry; readonly stop: AbortController } | undefined;
  #selected: ListEntry | undefined;
  #top = 0;
  #message = '';
  #done: (entry: ListEntry | undefined) => void = () => {};

  constructor(entries: readonly ListEntry[], stage: Stage, encoding: string) {
    this.#all = entries;
    this.#entries = entries;
    this.#selected = entries[0];
    this.#stage = stage;
    this.#encoding = encoding;
  }

  /** Lets the user pick. Resolves with the entry, or with nothing if the user ends the list. */
  async pick(message: string): Promise<ListEntry | undefined> {
    this.#message = message;
    const picked = new Promise<ListEntry | undefined>(resolve => {
      this.#done = resolve;
    });
    this.#stage.actor = this;
    this.handleRedraw();
    const entry = await picked;
    this.#scan?.stop.abort();
    return entry;
  }

  handleKey(key: Key): void {
    this.#message = '';
    if (key === 'interrupt' || key === 'quit') this.#done(undefined);
    else if (!this.#isTyping || !this.#type(key)) this.#command(key);
    this.handleRedraw();
  }

  /** Handles a key of the text to search for. @returns whether it is one. */
  #type(key: Key): boolean {
    if (typeof key === 'object') this.#find(this.#search + key.character.toLowerCase());
    else if (key === 'backspace') this.#find(this.#search.slice(0, -1));
    else if (key === 'enter') this.#isTyping = false;
    else return false;
    return true;
  }

  #command(key: Key): void {
    const page = Math.max(1, this.#stage.size.rows - 3);
    const character = typeof key === 'object' ? key.character : undefined;
    if (character === 'q') this.#done(undefined);
    else if (character === '/') {
      this.#isTyping = true;
      this.#find('');
    } else if (key === 'enter' || character === ' ') {
      if (this.#selected !== undefined) this.#done(this.#selected);
    } else if (key === 'up' || character === 'k') this.#move(-1);
    else if (key === 'down' || character === 'j') this.#move(1);
    else if (key === 'page-up') this.#move(-page);
    else if (key === 'page-down') this.#move(page);
    else if (key === 'home' || character === 'g') this.#move(Number.NEGATIVE_INFINITY);
    else if (key === 'end' || character === 'G') this.#move(Number.POSITIVE_INFINITY);
  }

  #move(by: number): void {
    const index = this.#selected === undefined ? 0 : this.#entries.indexOf(this.#selected);
    this.#selected = this.#entries[Math.max(0, Math.min(index + by, this.#entries.length - 1))];
  }

  /** Shows the entries with this text, in lower case. */
  #find(search: string): void {
    this.#search = search;
    const isFound = (entry: ListEntry) => lineOf(entry, this.#details.get(entry)).toLowerCase().includes(search);
    this.#entries = search === '' ? this.#all : this.#all.filter(isFound);
    if (this.#selected === undefined || !this.#entries.includes(this.#selected)) this.#selected = this.#entries[0];
  }

  get #shown(): number {
    return Math.max(1, this.#stage.size.rows - 2);
  }

  get #visible(): readonly ListEntry[] {
    return this.#entries.slice(this.#top, this.#top + this.#shown);
  }

  get #isActive(): boolean {
    return this.#stage.actor === this;
  }

  handleRedraw(): void {
    if (!this.#stage.isReady || !this.#isActive) return;
    const frame = emptyFrame(this.#stage.size);
    const { rows } = frame;
    const index = Math.max(0, this.#selected === undefined ? 0 : this.#entries.indexOf(this.#selected));
    const last = Math.max(0, this.#entries.length - this.#shown);
    this.#top = Math.min(Math.max(Math.min(this.#top, index), index - this.#shown + 1), last);
    const isHigh = rows.length > 2;
    if (isHigh) put(rows[0]!, 0, HEAD, ';1');
    for (const [at, entry] of this.#visible.entries()) {
      const row = rows[at + (isHigh ? 1 : 0)];
      if (row === undefined) break;
      const style = entry === this.#selected ? ';7' : '';
      fill(row, put(row, 0, lineOf(entry, this.#details.get(entry)), style), style);
    }
    if (isHigh) put(rows.at(-1)!, 0, this.#status(index), this.#message === '' && !this.#isTyping ? ';2' : ';1');
    this.#stage.paint(frame);
    void this.#read();
  }

  #status(index: number): string {
    if (this.#message !== '') return this.#message;
    if (this.#isTyping) return `/${this.#search}`;
    const place = this.#entries.length === 0 ? 'none' : `${index + 1} of ${this.#entries.length}`;
    const found = this.#search === '' ? '' : ` with ${this.#search}`;
    return `${place}${found}  up down  Enter plays  / searches  q quits`;
  }

  /** Reads what is missing, one after the other. */
  async #read(): Promise<void> {
    const scanned = this.#scan?.entry;
    if (scanned !== undefined && !this.#visible.includes(scanned)) this.#scan?.stop.abort();
    if (this.#isReading) return;
    this.#isReading = true;
    let searched = performance.now();
    let unread = 0;
    let isFound = true;
    const find = () => {
      [searched, isFound] = [performance.now(), true];
      this.#find(this.#search);
      this.handleRedraw();
    };
    while (this.#isActive) {
      let next = this.#visible.find(entry => !this.#details.has(entry));
      const isVisible = next !== undefined;
      if (next === undefined && this.#search !== '') {
        while (unread < this.#all.length && this.#details.has(this.#all[unread]!)) unread++;
        next = this.#all[unread];
      }
      if (next !== undefined) {
        this.#details.set(next, await detailsOf(next, this.#encoding));
        isFound = false;
        if (this.#search !== '' && performance.now() - searched > SEARCH_MS) find();
        else if (isVisible) this.handleRedraw();
        continue;
      }
      if (this.#search !== '' && !isFound) {
        find();
        continue;
      }
      const entry = this.#visible.find(one => this.#details.get(one)?.duration === undefined);
      if (entry === undefined) break;
      await this.#measure(entry, this.#details.get(entry)!);
      this.handleRedraw();
    }
    this.#isReading = false;
  }

  async #measure(entry: ListEntry, details: Details): Promise<void> {
    const stop = new AbortController();
    this.#scan = { entry, stop };
    try {
      details.duration = await durationOf(entry, this.#encoding, stop.signal);
    } catch (error) {
      if (stop.signal.aborted) await nextTurn();
      // It has been deleted meanwhile.
      else if (error instanceof TelptyError) details.duration = '-';
      else throw error;
    } finally {
      this.#scan = undefined;
    }
  }
}
