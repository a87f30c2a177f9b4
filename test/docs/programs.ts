import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { compilerPath } from '../../scripts/lib/compiler.mjs';
import { atExit } from '../support/cleanup.ts';
import { assertGone, descendantsOf } from '../support/leaks.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Loaded before a program; sends the port of its server to the test. It imports telpty from its own location. */
export const HOOK = fileURLToPath(new URL('hook.mjs', import.meta.url));

/** The port in the programs of a document. */
export const PORT = '6023';

/** A program in a document: a block of TypeScript. Programs that are run have a name, as in "ts run name". */
export interface Program {
  readonly name: string | undefined;
  readonly code: string;
}

/** The programs of a document, in order. */
export function programsOf(markdown: string): Program[] {
  const blocks = markdown.matchAll(/^```ts(?: run (\S+))?\n(.*?)^```$/gms);
  return [...blocks].map(([, name, code = '']) => ({ name, code }));
}

const TSCONFIG = {
  compilerOptions: {
    ...{
      target: 'ES2023',
      lib: ['ES2023'],
      module: 'NodeNext',
      moduleResolution: 'NodeNext',
      moduleDetection: 'force',
    },
    ...{ strict: true, noUncheckedIndexedAccess: true, skipLibCheck: true },
    ...{ types: ['node'], typeRoots: [join(root, 'node_modules/@types')], rootDir: '.', outDir: 'out' },
  },
};

/**
 * A directory outside the repository that has `telpty` installed, with the compiled programs. Fails if they do not
 * compile.
 */
export class Workspace implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'telpty-docs-'));
  readonly #forget = atExit(() => rmSync(this.#directory, { recursive: true, force: true }));

  constructor(programs: readonly Program[]) {
    const directory = this.#directory;
    mkdirSync(join(directory, 'node_modules'));
    symlinkSync(root, join(directory, 'node_modules/telpty'));
    symlinkSync(join(root, 'node_modules/@xterm'), join(directory, 'node_modules/@xterm'));
    writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(TSCONFIG));
    for (const [index, { name, code }] of programs.entries()) {
      writeFileSync(join(directory, `${name ?? `block-${index + 1}`}.ts`), code);
    }
    const { status, stdout } = spawnSync(process.execPath, [compilerPath(), '-p', directory], { encoding: 'utf8' });
    assert.equal(status, 0, stdout);
  }

  /**
   * Starts a program on a free port, or, for a program that connects, with the given port.
   *
   * @param edit changes the program first, for example a number in it.
   */
  start(name: string, port = 0, edit = (code: string): string => code): Running {
    const code = readFileSync(join(this.#directory, 'out', `${name}.js`), 'utf8');
    const file = join(this.#directory, `${name}.js`);
    writeFileSync(file, edit(code.replaceAll(PORT, String(port))));
    return startProgram(file, HOOK);
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
    this.#forget();
  }
}

/** Starts a compiled program in its own directory, with HOOK or a copy of it. */
export function startProgram(file: string, hook: string, env: Readonly<Record<string, string>> = {}): Running {
  // With this variable, a program that uses node:test would report in a binary format to the test runner of this test.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const child = spawn(process.execPath, ['--import', pathToFileURL(hook).href, file], {
    cwd: dirname(file),
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  return new Running(child);
}

/** A running program; `await using` stops it and its child processes. */
export class Running implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #over: Promise<unknown[]>;
  readonly #forget: () => void;
  readonly #listening: Promise<unknown[]>;
  stdout = '';
  stderr = '';

  constructor(child: ChildProcess) {
    this.#process = child;
    this.#over = once(child, 'close');
    this.#listening = once(child, 'message');
    this.#listening.catch(() => {});
    this.#forget = atExit(() => child.kill('SIGKILL'));
    child.stdout!.setEncoding('utf8').on('data', text => {
      this.stdout += text;
    });
    child.stderr!.setEncoding('utf8').on('data', text => {
      this.stderr += text;
    });
  }

  /** The port on which it listens. */
  async port(): Promise<number> {
    const failed = this.#over.then(([code]) => {
      throw new Error(`it ended with ${code}: ${this.stderr}`);
    });
    failed.catch(() => {});
    const [port] = await Promise.race([this.#listening, failed]);
    return port as number;
  }

  /** Waits until it ends successfully. Returns its output. */
  async output(): Promise<string> {
    const [code] = await this.#over;
    assert.equal(code, 0, this.stderr);
    assert.equal(this.stderr, '');
    return this.stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const programs = descendantsOf(this.#process.pid!).map(({ pid }) => pid);
    this.#process.kill('SIGTERM');
    await this.#over;
    this.#forget();
    await assertGone(programs);
    assert.equal(this.stderr, '');
  }
}
