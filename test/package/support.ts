/**
 * The packed package, installed into an empty project with the Node.js, the package manager and the PATH that a test
 * chooses. `scripts/test.mjs` packs it before the tier starts, and installs it into a project that tests copy.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { plainEnvironment } from '../../scripts/lib/tools.mjs';
import { atExit } from '../support/cleanup.ts';

const execute = promisify(execFile);
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The packed package. */
export const TARBALL = process.env.TELPTY_TARBALL ?? join(ROOT, '.cache', 'package', 'telpty.tgz');

/** A temporary directory with files, removed at the end of the block. */
export class Project implements Disposable {
  readonly directory: string;
  readonly #forget: () => void;

  constructor(files: Readonly<Record<string, string>> = { 'package.json': '{ "private": true }' }) {
    this.directory = mkdtempSync(join(tmpdir(), 'telpty-project-'));
    const remove = () => rmSync(this.directory, { recursive: true, force: true });
    this.#forget = atExit(remove);
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  write(name: string, text: string): void {
    const path = join(this.directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  /** Runs a command in the project; rejects with its output if it does not exit with 0. */
  async run(command: readonly string[], options: RunOptions = {}): Promise<string> {
    return runIn(this.directory, command, options);
  }

  [Symbol.dispose](): void {
    this.#forget();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A project with the package installed: a copy of the one that `scripts/test.mjs` has made. */
export function installedProject(files?: Readonly<Record<string, string>>): Project {
  const made = new Project(files);
  const installed = join(ROOT, '.cache', 'package', 'project', 'node_modules');
  cpSync(installed, join(made.directory, 'node_modules'), { recursive: true, verbatimSymlinks: true });
  return made;
}

export interface RunOptions {
  /** Added to the environment; undefined removes a name. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Like `Project.run`, in any directory. Variables that npm sets for the scripts of the tests themselves are removed.
 */
export async function runIn(
  cwd: string,
  [file, ...args]: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const env = { ...plainEnvironment(), ...options.env };
  const ids = {
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  };
  try {
    const { stdout, stderr } = await execute(file!, args, { cwd, env, encoding: 'utf8', maxBuffer: 1 << 26, ...ids });
    return stdout + stderr;
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string };
    throw new Error(`${[file, ...args].join(' ')}: ${message}\n${stdout}${stderr}`);
  }
}
