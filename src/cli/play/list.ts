/** The recordings of a directory: a list on the terminal to pick from, or printed. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TelptyError } from '../../errors.ts';
import { openRecording } from '../../recording/recording-file.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { clockTime, emptyFrame } from './player.ts';
import { fill, put } from './terminal/frame.ts';
import type { Key } from './terminal/keys.ts';
import type { Actor, Stage } from './terminal/stage.ts';

/** The names that recordings usually have. */
const NAMES = /\.(?:cast|ttyrec)(?:\.gz)?$/i;

export interface ListEntry {
  readonly name: string;
  readonly file: string;
  readonly modified: Date;
  /** In bytes. */
  readonly size: number;
}

/** What a recording says about itself, or why it cannot be read. */
interface Details {
  readonly started: Date | undefined;
  readonly duration: string;
  readonly program: string;
}

/**
 * The recordings of a directory, the one that was written last first.
 *
 * @throws TelptyError `ERR_RUNTIME` if the directory cannot be read, or has no recordings.
 */
export async function listRecordings(directory: string): Promise<readonly ListEntry[]> {
  let names: string[];
  try {
    names = (await readdir(directory)).filter(name => NAMES.test(name));
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    throw new TelptyError('ERR_RUNTIME', `cannot read ${escapeText(directory)}: ${code}`, {
      systemCode: code,
      cause: error,
    });
  }
  const entries: ListEntry[] = [];
  for (const name of names) {
    const file = join(directory, name);
    // A file that has been deleted meanwhile is left out.
    const found = await stat(file).catch(() => undefined);
    if (found?.isFile()) entries.push({ name, file, modified: found.mtime, size: found.size });
  }
  if (entries.length > 0) return entries.sort((one, other) => +other.modified - +one.modified);
  throw new TelptyError('ERR_RUNTIME', `${escapeText(directory)} has no recordings (*.cast, *.ttyrec, also with .gz)`);
}

async function detailsOf({ file }: ListEntry, encoding: string): Promise<Details> {
  try {
    const recording = await openRecording(file, { encoding });
    const { duration, problem } = await recording.scan();
    const { started, command, title, term } = recording;
    const program = [command ?? title, term].filter(text => text !== undefined && text !== '').join('  ');
    return { started, duration: `${clockTime(duration)}${problem === undefined ? '' : '?'}`, program };
  } catch (error) {
    return { started: undefined, duration: '-', program: error instanceof Error ? error.message : String(error) };
  }
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

const HEAD = `${'date'.padEnd(16)}  ${'duration'.padStart(8)}  ${'size'.padStart(6)}  program, terminal, file`;

function lineOf(entry: ListEntry, details: Details | undefined): string {
  const date = dateText(details?.started ?? entry.modified);
  const program = escapeText(details?.program ?? '…', 200);
  const columns = [date, (details?.duration ?? '').padStart(8), sizeText(entry.size).padStart(6)];
  return [...columns, ...(program === '' ? [] : [program]), escapeText(entry.name, 200)].join('  ');
}

/** Prints the list, for a script or a pager. */
export async function printList(entries: readonly ListEntry[], encoding: string): Promise<void> {
  process.stdout.write(`${HEAD}\n`);
  for (const entry of entries) process.stdout.write(`${lineOf(entry, await detailsOf(entry, encoding))}\n`);
}

/** The list on the terminal. */
export class List implements Actor {
  readonly #entries: readonly ListEntry[];
  readonly #stage: Stage;
  readonly #encoding: string;
  readonly #details = new Map<ListEntry, Details>();
  #isReading = false;
  #selected = 0;
  #top = 0;
  #message = '';
  #done: (entry: ListEntry | undefined) => void = () => {};

  constructor(entries: readonly ListEntry[], stage: Stage, encoding: string) {
    this.#entries = entries;
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
    return picked;
  }

  handleKey(key: Key): void {
    const page = Math.max(1, this.#stage.size.rows - 3);
    const last = this.#entries.length - 1;
    const character = typeof key === 'object' ? key.character : undefined;
    this.#message = '';
    if (key === 'interrupt' || key === 'quit' || character === 'q') this.#done(undefined);
    else if (key === 'enter' || character === ' ') this.#done(this.#entries[this.#selected]);
    else if (key === 'up' || character === 'k') this.#selected--;
    else if (key === 'down' || character === 'j') this.#selected++;
    else if (key === 'page-up') this.#selected -= page;
    else if (key === 'page-down') this.#selected += page;
    else if (key === 'home' || character === 'g') this.#selected = 0;
    else if (key === 'end' || character === 'G') this.#selected = last;
    this.#selected = Math.max(0, Math.min(this.#selected, last));
    this.handleRedraw();
  }

  handleRedraw(): void {
    if (!this.#stage.isReady || this.#stage.actor !== this) return;
    const frame = emptyFrame(this.#stage.size);
    const { rows } = frame;
    const shown = Math.max(1, rows.length - 2);
    this.#top = Math.max(Math.min(this.#top, this.#selected), this.#selected - shown + 1);
    if (rows.length > 2) put(rows[0]!, 0, HEAD, ';1');
    const first = rows.length > 2 ? 1 : 0;
    for (let index = 0; index < shown && first + index < rows.length; index++) {
      const entry = this.#entries[this.#top + index];
      const row = rows[first + index]!;
      if (entry === undefined) continue;
      const style = this.#top + index === this.#selected ? ';7' : '';
      fill(row, put(row, 0, lineOf(entry, this.#details.get(entry)), style), style);
    }
    const keys = `${this.#selected + 1} of ${this.#entries.length}  up down  Enter plays  q quits`;
    const last = rows.at(-1);
    if (last !== undefined && rows.length > 2) put(last, 0, this.#message || keys, this.#message === '' ? ';2' : ';1');
    this.#stage.paint(frame);
    void this.#read(this.#entries.slice(this.#top, this.#top + shown));
  }

  /** Reads what is shown and not known yet, one after the other. */
  async #read(entries: readonly ListEntry[]): Promise<void> {
    const next = entries.find(entry => !this.#details.has(entry));
    if (next === undefined || this.#isReading) return;
    this.#isReading = true;
    const details = await detailsOf(next, this.#encoding);
    this.#isReading = false;
    this.#details.set(next, details);
    this.handleRedraw();
  }
}
