import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { atExit } from '../cleanup.ts';
import { requireTool } from './tools.ts';

const server = fileURLToPath(new URL('silent-file-system.py', import.meta.url));

/**
 * A file system that answers nothing (see silent-file-system.py): processes that ask it cannot be killed. Needs root.
 */
export class SilentFileSystem implements AsyncDisposable {
  /** Where it is mounted. */
  readonly path: string;
  readonly #server: ChildProcess;
  readonly #lines: Interface;
  readonly #forget: () => void;

  private constructor(path: string) {
    this.path = path;
    this.#server = spawn(requireTool('python3'), [server, this.path], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#lines = createInterface(this.#server.stdout!);
    this.#forget = atExit(() => {
      this.#server.kill('SIGKILL');
      this.#unmount();
    });
  }

  /** @param path an empty directory, which is removed at the end. Default: a new one. */
  static async mount(path = mkdtempSync(join(tmpdir(), 'telpty-silent-'))): Promise<SilentFileSystem> {
    const system = new SilentFileSystem(path);
    await system.#says('mounted');
    return system;
  }

  /** Resolves at the first request. Call it before that can happen. */
  asked(): Promise<void> {
    return this.#says('asked');
  }

  async #says(word: string): Promise<void> {
    for (;;) {
      const ended = once(this.#server, 'exit').then(() => ['an end']);
      const [line] = await Promise.race([once(this.#lines, 'line'), ended]);
      if (line === word) return;
      if (line === 'an end') throw new Error(`${word} was expected of the silent file system, not its end`);
    }
  }

  /** Pending requests fail with an error. */
  async end(): Promise<void> {
    if (this.#server.exitCode !== null || this.#server.signalCode !== null) return;
    this.#server.kill('SIGKILL');
    await once(this.#server, 'exit');
  }

  #unmount(): void {
    spawnSync('umount', ['-l', this.path]);
    try {
      rmdirSync(this.path);
    } catch {
      // It was not mounted, or is gone.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    this.#unmount();
    this.#forget();
  }
}
