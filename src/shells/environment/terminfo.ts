/**
 * Which terminals the host knows: the names in its terminfo directories.
 *
 * A client's name is never made into a path. The directories are listed, and names are looked up in the lists. So a
 * client that sends a different name each time causes no disk access, and the size of the lists does not depend on
 * clients. Listing is asynchronous. One of the directories is in the home directory of the user that programs run as.
 * It may be on a file system that does not respond.
 *
 * ncurses has two layouts of a directory: `x/xterm` by the first letter; `78/xterm` by its code in hexadecimal (macOS).
 * The latter is for file systems that ignore case. Its third format, one hashed file (`terminfo.db`, `terminfo.cdb` of
 * NetBSD), cannot be listed.
 */
import type { Dirent } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { terminalNameRefusal } from './terminal-names.ts';

/** The directories that current C libraries and ncurses builds search: see `infocmp -D`. */
const USUAL_DIRECTORIES = ['/etc/terminfo', '/lib/terminfo', '/usr/share/terminfo', '/usr/lib/terminfo'];
/** Linux distributions do not search these, even if they exist. */
const OTHER_DIRECTORIES = ['/usr/local/share/terminfo', '/usr/share/lib/terminfo', '/usr/share/misc/terminfo'];
const SYSTEM_DIRECTORIES =
  process.platform === 'linux' ? USUAL_DIRECTORIES : [...USUAL_DIRECTORIES, ...OTHER_DIRECTORIES];

/** A list that is older than this, in milliseconds, is renewed by the next lookup. */
const FRESH_MS = 60_000;
/**
 * Limit of names that are kept for one directory. ncurses comes with 2,800; the user's own directory could have any
 * number.
 */
const MAX_NAMES = 10_000;
/** Limit of entries that are read from a directory. */
const MAX_ENTRIES = 4 * MAX_NAMES;
/** Limit of directories that are read from TERMINFO_DIRS. */
const MAX_DIRECTORIES = 16;
/** Limit of lists that are cached for later sessions. */
const MAX_LISTS = 64;

/** The names in one directory. */
class TerminfoDirectory {
  readonly #path: string;
  #names: ReadonlySet<string> = new Set();
  /** Whether a directory or a hashed file exists. */
  #exists: 'directory' | 'hashed' | undefined;
  #listedAt = Number.NEGATIVE_INFINITY;
  #listing: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#listing = this.#list();
  }

  get isListed(): boolean {
    return this.#listedAt >= 0;
  }

  get exists(): 'directory' | 'hashed' | undefined {
    return this.#exists;
  }

  /** Resolves when the directory was listed. */
  async listed(): Promise<void> {
    if (!this.isListed) await this.#listing;
  }

  has(name: string): boolean {
    if (this.isListed && performance.now() - this.#listedAt > FRESH_MS) this.#listing ??= this.#list();
    return this.#names.has(name);
  }

  async #list(): Promise<void> {
    const names = await namesIn(this.#path);
    this.#exists = names !== undefined ? 'directory' : (await isHashed(this.#path)) ? 'hashed' : undefined;
    this.#names = names ?? new Set();
    this.#listedAt = performance.now();
    this.#listing = undefined;
  }
}

/** By path, the most recently used last. */
const directories = new Map<string, TerminfoDirectory>();

function directoryAt(path: string): TerminfoDirectory {
  const directory = directories.get(path) ?? new TerminfoDirectory(path);
  directories.delete(path);
  directories.set(path, directory);
  const [oldest] = directories.keys();
  if (directories.size > MAX_LISTS && oldest !== undefined) directories.delete(oldest);
  return directory;
}

/** The variables of a program's environment that terminfo depends on. */
export interface TerminfoEnvironment {
  readonly TERMINFO?: string | undefined;
  readonly TERMINFO_DIRS?: string | undefined;
  readonly HOME?: string | undefined;
}

/** The terminals that a program with this environment knows. Listing starts in the constructor. */
export class Terminfo {
  readonly #directories: readonly TerminfoDirectory[];

  /** @param cwd the working directory of the program, for relative paths. */
  constructor(env: TerminfoEnvironment, cwd: string) {
    this.#directories = searchPath(env, cwd).map(directoryAt);
  }

  /** Whether all directories were listed. */
  get isListed(): boolean {
    return this.#directories.every(directory => directory.isListed);
  }

  /** Resolves when all directories were listed, or after `limit` milliseconds. */
  async listed(limit: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise(resolve => {
      timer = setTimeout(resolve, limit);
    });
    await Promise.race([late, Promise.all(this.#directories.map(directory => directory.listed()))]);
    clearTimeout(timer);
  }

  /**
   * Whether there is an entry of this name. `undefined` if that is unknown: the directories were not listed yet, none
   * exists, or there is a hashed file.
   */
  has(name: string): boolean | undefined {
    let exists = false;
    let isReadable = true;
    let isKnown = false;
    for (const directory of this.#directories) {
      isKnown = directory.has(name) || isKnown;
      exists ||= directory.exists === 'directory';
      isReadable &&= directory.isListed && directory.exists !== 'hashed';
    }
    return isKnown || (exists && isReadable ? false : undefined);
  }
}

/** The directories that ncurses searches, in its order, each once. */
function searchPath({ TERMINFO, TERMINFO_DIRS = '', HOME }: TerminfoEnvironment, cwd: string): string[] {
  const listed = TERMINFO_DIRS.split(':').filter(path => path !== '');
  const paths = [
    // The other forms contain one entry, as `hex:` or `b64:`.
    ...(TERMINFO && !/^(?:hex|b64):/.test(TERMINFO) ? [TERMINFO] : []),
    ...(HOME ? [join(HOME, '.terminfo')] : []),
    ...listed.slice(0, MAX_DIRECTORIES),
    ...SYSTEM_DIRECTORIES,
  ];
  return [...new Set(paths.map(path => resolve(cwd, path)))];
}

/** The names in a directory of either layout; `undefined` if there is no directory. */
async function namesIn(path: string): Promise<ReadonlySet<string> | undefined> {
  const letters = await entriesIn(path);
  if (letters === undefined) return undefined;
  const names = new Set<string>();
  let left = MAX_ENTRIES;
  for (const { name: letter } of letters) {
    if (!/^(?:[A-Za-z0-9]|[0-9a-f]{2})$/.test(letter)) continue;
    const entries = (await entriesIn(join(path, letter), left)) ?? [];
    left -= entries.length;
    for (const entry of entries) {
      const { name } = entry;
      const isInPlace = letter === name[0] || letter === name.charCodeAt(0).toString(16);
      if (!isInPlace || terminalNameRefusal(name) !== undefined || names.size >= MAX_NAMES) continue;
      if (entry.isFile() || (!entry.isDirectory() && (await isFile(join(path, letter, name))))) names.add(name);
    }
  }
  return names;
}

/** The entries of a directory, at most `limit`; `undefined` if there is no readable directory. */
async function entriesIn(path: string, limit = 256): Promise<Dirent[] | undefined> {
  const entries: Dirent[] = [];
  try {
    for await (const entry of await opendir(path, { bufferSize: 128 })) {
      if (entries.length >= limit) break;
      entries.push(entry);
    }
  } catch {
    return undefined;
  }
  return entries;
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isFile(),
    () => false,
  );
}

/** Whether ncurses would find its hashed format there: the file itself, or the path with an extension. */
async function isHashed(path: string): Promise<boolean> {
  for (const ending of ['', '.db', '.cdb']) if (await isFile(path + ending)) return true;
  return false;
}
