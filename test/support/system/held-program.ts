import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { atExit } from '../cleanup.ts';
import { requireTool } from './tools.ts';

/**
 * Holds a write lease on a file (fcntl(2), F_SETLEASE): a process that opens it, also to execute it, sleeps in the
 * kernel until the lease is released, and the holder receives a signal at the open.
 */
const HOLDER = `
import fcntl, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
signal.sigwait([signal.SIGIO])
print("reached", flush=True)
sys.stdin.read()
`;

/** A shell script whose execution waits until the test lets it go on: a start that takes as long as one likes. */
export class HeldProgram implements AsyncDisposable {
  readonly path: string;
  readonly #directory: string;
  readonly #holder: ChildProcess;
  readonly #lines: Interface;
  readonly #forget: () => void;

  private constructor(directory: string, path: string) {
    this.#directory = directory;
    this.path = path;
    this.#holder = spawn(requireTool('python3'), ['-c', HOLDER, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface(this.#holder.stdout!);
    this.#forget = atExit(() => {
      this.#holder.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    });
  }

  static async create(script: string): Promise<HeldProgram> {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-held-'));
    // Programs of another user, too.
    chmodSync(directory, 0o755);
    const path = join(directory, 'held');
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    const program = new HeldProgram(directory, path);
    await program.#says('held');
    return program;
  }

  /** Resolves when a process tries to execute the program. Call it before that can happen. */
  reached(): Promise<void> {
    return this.#says('reached');
  }

  async #says(word: string): Promise<void> {
    const ended = once(this.#holder, 'exit').then(() => ['an end']);
    const [line] = await Promise.race([once(this.#lines, 'line'), ended]);
    if (line !== word) throw new Error(`${word} was expected of the holder of the lease, not ${line}`);
  }

  /** Lets the program begin. */
  async release(): Promise<void> {
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return;
    this.#holder.stdin!.end();
    await once(this.#holder, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
    this.#forget();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
