/**
 * Verifies passwords in a thread of its own. A check takes 100 ms of computation by design, and on the event loop all
 * sessions would wait for it. The thread starts with the first login, and ends some seconds after the last one.
 */
import { Worker } from 'node:worker_threads';
import { requireOwn } from '../../package.ts';

/** How long the thread lives without work, in milliseconds. */
const IDLE_MS = 5_000;

/**
 * The code of the thread. It is text and not a file, so that a bundle has it as well; the path of the package is
 * resolved here, because a thread of text would resolve it from the working directory.
 */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const { compareSync } = require(workerData);
parentPort.on('message', ({ password, hash }) => parentPort.postMessage(compareSync(password, hash)));
`;

interface Check {
  readonly password: string;
  readonly hash: string;
  readonly resolve: (matches: boolean) => void;
  readonly reject: (error: Error) => void;
}

/** Verifies passwords, one at a time. */
export class PasswordVerifier {
  readonly #waiting: Check[] = [];
  #thread: Worker | undefined;
  #current: Check | undefined;
  #idle: NodeJS.Timeout | undefined;

  /** @returns whether the password is that of the hash. Rejects if the thread fails. */
  verify(password: string, hash: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ password, hash, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    if (this.#current !== undefined) return;
    const check = this.#waiting.shift();
    if (check === undefined) {
      this.#idle = setTimeout(() => this.close(), IDLE_MS).unref();
      return;
    }
    clearTimeout(this.#idle);
    this.#current = check;
    const { password, hash } = check;
    this.#thread ??= this.#start();
    this.#thread.postMessage({ password, hash });
  }

  #start(): Worker {
    const thread = new Worker(THREAD, {
      eval: true,
      workerData: requireOwn.resolve('bcryptjs'),
      env: {},
      execArgv: [],
    });
    thread.unref();
    // The results of a thread that close() has ended may still arrive, and are those of other checks.
    thread.on('message', (matches: boolean) => {
      if (this.#thread === thread) this.#settle(check => check.resolve(matches));
    });
    thread.on('error', error => {
      if (this.#thread !== thread) return;
      this.#thread = undefined;
      this.#settle(check => check.reject(error));
    });
    return thread;
  }

  #settle(settle: (check: Check) => void): void {
    const check = this.#current;
    this.#current = undefined;
    if (check !== undefined) settle(check);
    this.#next();
  }

  /** Ends the thread. */
  close(): void {
    clearTimeout(this.#idle);
    void this.#thread?.terminate();
    this.#thread = undefined;
    const closed = new Error('the gateway was closed');
    for (const check of [...(this.#current ? [this.#current] : []), ...this.#waiting.splice(0)]) check.reject(closed);
    this.#current = undefined;
  }
}
