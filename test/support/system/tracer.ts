import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { atExit } from '../cleanup.ts';
import { requireTool } from './tools.ts';

/** The script; see there. */
export const TRACER = fileURLToPath(new URL('tracer.py', import.meta.url));

/**
 * Traces a process (see tracer.py), which then cannot end (`exit`) or cannot be reaped (`reap`) until the tracer ends.
 */
export class Tracer implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #forget: () => void;

  private constructor(process: ChildProcess) {
    this.#process = process;
    this.#forget = atExit(() => process.kill('SIGKILL'));
  }

  static async attach(pid: number, how: 'exit' | 'reap'): Promise<Tracer> {
    const child = spawn(requireTool('python3'), [TRACER, String(pid), how], { stdio: ['pipe', 'pipe', 'inherit'] });
    const tracer = new Tracer(child);
    await once(child.stdout!, 'data');
    return tracer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exit = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await exit;
    }
    this.#forget();
  }
}
