import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { atExit } from '../cleanup.ts';
import { assertNoLeaks, assertPortFree, type Holdings, holdings } from '../leaks.ts';
import { PATIENCE_MS } from '../patience.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** The executable under test; TELPTY_CLI names another, e.g. that of an installed package. */
export const CLI = process.env.TELPTY_CLI ?? `${ROOT}dist/cli/main.js`;

export interface StartOptions {
  /** PROGRAM and its arguments, after `--`. */
  program?: readonly string[];
  /** Added to the environment of the server; undefined takes a name out. */
  env?: Readonly<Record<string, string | undefined>>;
  cwd?: string;
  /** The most file descriptors that it may have, as by `ulimit -n`. */
  descriptors?: number;
  /** A command that executes what follows it, e.g. in a namespace of its own. */
  wrapper?: readonly string[];
  /** Descriptors of listening sockets to hand to it, as a service manager does. Its port is not closed when it ends. */
  sockets?: readonly number[];
  /** How long until it must be listening. */
  timeout?: number;
}

/** Starts `telpty serve --port 0 …args -- …program` and resolves when it says that it is listening. */
export async function startServer(args: readonly string[], options: StartOptions = {}): Promise<TestServer> {
  const server = new TestServer(args, options);
  try {
    await server.ready(options.timeout ?? PATIENCE_MS);
  } catch (error) {
    // Otherwise the file of the test would not end before it.
    server.process.kill('SIGKILL');
    throw error;
  }
  return server;
}

/**
 * A running `telpty serve`. `await using server = await startServer(…)` stops it at the end of the block and fails the
 * test when it leaks a child or a descriptor, does not exit with 0, or leaves its port open.
 */
export class TestServer implements AsyncDisposable {
  readonly process: ChildProcess;
  /** All of standard output and of standard error so far. */
  stdout = '';
  stderr = '';
  /** 0 where it listens on a UNIX socket alone. */
  port = 0;
  url = '';
  /** What the server held when it began to listen. */
  baseline: Holdings | undefined;
  /** Resolves when the process has ended and its output is complete. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #over = false;
  readonly #afterwards: (() => void)[] = [];
  #stopping: Promise<void> | undefined;
  readonly #watchers = new Set<() => void>();

  constructor(args: readonly string[], options: StartOptions) {
    if (!existsSync(CLI)) throw new Error(`${CLI} is missing: npm run compile`);
    const program = options.program === undefined ? [] : ['--', ...options.program];
    const env = { ...process.env, ...options.env };
    const limit =
      options.descriptors === undefined ? [] : ['sh', '-c', `ulimit -n ${options.descriptors}; exec "$@"`, 'sh'];
    const { wrapper = [], sockets = [] } = options;
    // LISTEN_PID is known only in the process itself.
    const handed = sockets.length > 0 ? ['sh', '-c', `LISTEN_PID=$$ LISTEN_FDS=${sockets.length} exec "$@"`, 'sh'] : [];
    const command = [process.execPath, CLI, 'serve', '--port', '0', ...args, ...program];
    const words = [...wrapper, ...limit, ...handed, ...command];
    this.process = spawn(words[0]!, words.slice(1), {
      cwd: options.cwd ?? ROOT,
      env,
      stdio: ['ignore', 'pipe', 'pipe', ...sockets],
    });
    this.process.once(
      'close',
      atExit(() => this.process.kill('SIGKILL')),
    );
    this.process.stdout!.setEncoding('utf8').on('data', text => {
      this.stdout += text;
      this.#wake();
    });
    this.process.stderr!.setEncoding('utf8').on('data', text => {
      this.stderr += text;
      this.#wake();
    });
    this.exited = new Promise((resolve, reject) => {
      this.process.once('error', reject);
      this.process.once('close', (code, signal) => {
        this.#over = true;
        this.#wake();
        resolve({ code, signal });
      });
    });
    this.exited.catch(() => {});
  }

  get pid(): number {
    return this.process.pid!;
  }

  /** Waits for the one line that says where it listens. */
  async ready(timeout: number): Promise<void> {
    await this.#until(
      () => /^listening (?:telnets?:\/\/|unix:)\S+\n/m.test(this.stdout),
      timeout,
      'no "listening" line',
    );
    const line = /^listening (telnets?:\/\/(\S+):(\d+)|unix:\S+)\n/m.exec(this.stdout);
    assert.ok(line, `cannot read the port from ${JSON.stringify(this.stdout)}`);
    this.url = line[1]!;
    this.port = Number(line[3] ?? 0);
    this.baseline = holdings(this.pid);
  }

  /** Waits until standard error matches (also in the past). */
  async waitForLog(pattern: RegExp, timeout = PATIENCE_MS): Promise<RegExpExecArray> {
    const once = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
    await this.#until(() => once.test(this.stderr), timeout, `no ${pattern} in the log`);
    return once.exec(this.stderr)!;
  }

  /** Fails unless the server is back to what it held when it began to listen; call it when all clients are gone. */
  async assertNoLeaks(timeout?: number): Promise<void> {
    assert.ok(this.baseline);
    await assertNoLeaks(this.pid, this.baseline, timeout);
  }

  /** Runs `clean` after `stop`, whether that succeeded or not; the last one first. */
  onStopped(clean: () => void): void {
    this.#afterwards.push(clean);
  }

  /** SIGTERM; the exit status must be 0 and the port free. Safe to call twice. */
  stop(timeout = PATIENCE_MS): Promise<void> {
    this.#stopping ??= this.#stop(timeout).finally(() => {
      for (const clean of this.#afterwards.reverse()) clean();
    });
    return this.#stopping;
  }

  async #stop(timeout: number): Promise<void> {
    if (!this.#over) this.process.kill('SIGTERM');
    try {
      await this.#until(() => this.#over, timeout, 'no exit after SIGTERM');
    } catch (error) {
      this.process.kill('SIGKILL');
      throw error;
    }
    assert.deepEqual(await this.exited, { code: 0, signal: null }, `telpty's log:\n${this.stderr}`);
    if (this.port > 0) await assertPortFree(this.port);
  }

  /** Leaks first, then `stop`. A server that the test itself has stopped is left alone. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stopping) return this.#stopping;
    try {
      if (!this.#over) await this.assertNoLeaks();
    } finally {
      await this.stop();
    }
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  #until(condition: () => boolean, timeout: number, complaint: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (condition()) finish(resolve);
        else if (this.#over) finish(() => reject(this.#failure(`${complaint}; it ended`)));
      };
      const finish = (then: () => void): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        then();
      };
      const timer = setTimeout(() => finish(() => reject(this.#failure(`${complaint} in ${timeout} ms`))), timeout);
      this.#watchers.add(look);
      look();
    });
  }

  #failure(text: string): Error {
    return new Error(`telpty: ${text}\nstdout: ${this.stdout}\nstderr: ${this.stderr}`);
  }
}
