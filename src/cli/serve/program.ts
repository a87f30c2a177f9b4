/**
 * Finds the program to serve once, at the start, so that a misspelt name is an error at once and not in each session.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { TelptyError } from '../../errors.ts';
import { defaultPath } from '../../shells/environment/environment.ts';
import { escapeText } from '../../shells/output/escape.ts';

/** A program ready to be started for each session. */
export interface ServedProgram {
  /** Absolute. */
  readonly file: string;
  readonly args: readonly string[];
  readonly argv0: string;
  /** Its name in the log. */
  readonly name: string;
}

/** The places to search for a program. */
export interface SearchOptions {
  /** The server's own PATH. */
  readonly path?: string | undefined;
  /** The server's working directory: a relative name with a slash is relative to it, not to `--cwd`. */
  readonly cwd?: string;
}

/**
 * Finds a program as a shell does: a name with a slash is a path, any other name is searched in PATH, first the
 * server's own and then the default PATH of programs.
 *
 * @throws TelptyError `ERR_RUNTIME`.
 */
export function findProgram(name: string, args: readonly string[], options: SearchOptions = {}): ServedProgram {
  const label = escapeText(name);
  if (name.includes('/')) {
    const file = resolve(options.cwd ?? '', name);
    const problem = whyNotExecutable(file);
    if (problem === undefined) return { file, args, argv0: name, name };
    if (problem === 'ENOENT') throw notFound(label, file);
    throw new TelptyError('ERR_RUNTIME', `cannot run the program '${label}': ${problem}`, { file });
  }
  const directories = [...(options.path ?? '').split(':'), ...defaultPath(process.geteuid?.() ?? 1).split(':')];
  // Relative directories are skipped: the result would depend on where the server was started.
  for (const directory of directories.filter(isAbsolute)) {
    const file = join(directory, name);
    if (whyNotExecutable(file) === undefined) return { file, args, argv0: name, name };
  }
  throw notFound(label, name);
}

/** The login shell of a user; its `argv[0]` begins with `-`, which makes it a login shell. */
export function loginShell(shell: string | null): ServedProgram {
  const found = findProgram(shell || '/bin/sh', []);
  const name = found.file.slice(found.file.lastIndexOf('/') + 1);
  return { ...found, argv0: `-${name}`, name };
}

function notFound(label: string, file: string): TelptyError {
  return new TelptyError('ERR_RUNTIME', `cannot find the program '${label}'`, { file, systemCode: 'ENOENT' });
}

/** Explanations of errors of stat(2) and access(2) about the program. */
const PROBLEMS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied; make it executable (chmod +x)',
  ELOOP: 'its symbolic links form a loop',
  ENAMETOOLONG: 'the name is too long',
  EIO: 'the file system has an input/output error',
};

function whyNotExecutable(file: string): string | undefined {
  try {
    if (!statSync(file).isFile()) return 'it is not a file';
    accessSync(file, constants.X_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'ENOENT';
    return PROBLEMS[code ?? ''] ?? `stat(2) fails with ${code}`;
  }
}
