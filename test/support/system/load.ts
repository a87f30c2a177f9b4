/** Clients that come without a pause: each connects, reads until the server has closed, and makes room for the next. */
import { connect } from 'node:net';

/** How one visit went. */
export interface Visit {
  /** All that the server sent; undefined where that ended in an error. */
  readonly heard: string;
  readonly error: string | undefined;
}

/** A constant number of clients at a time, until {@link Load.stop}. */
export class Load {
  readonly visits: Visit[] = [];
  readonly #port: number;
  readonly #host: string;
  readonly #clients: Promise<void>[];
  readonly #underway = new Set<Promise<Visit>>();
  #stopping = false;
  #waiters: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(port: number, clients: number, host = '127.0.0.1') {
    this.#port = port;
    this.#host = host;
    this.#clients = Array.from({ length: clients }, () => this.#come());
  }

  /** Waits until this number of further clients have connected and left. */
  more(count: number): Promise<void> {
    return new Promise(resolve => this.#waiters.push({ count: this.visits.length + count, resolve }));
  }

  /** Waits until all present clients have left. */
  async renewed(): Promise<void> {
    await Promise.all(this.#underway);
  }

  /** No more come; those who are there leave in their own time. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#clients);
  }

  async #come(): Promise<void> {
    while (!this.#stopping) {
      const begun = visit(this.#port, this.#host);
      this.#underway.add(begun);
      this.visits.push(await begun);
      this.#underway.delete(begun);
      this.#waiters = this.#waiters.filter(({ count, resolve }) => {
        if (this.visits.length < count) return true;
        resolve();
        return false;
      });
    }
  }
}

function visit(port: number, host: string): Promise<Visit> {
  return new Promise(resolve => {
    const socket = connect(port, host);
    let heard = '';
    let error: string | undefined;
    socket.on('data', bytes => {
      heard += bytes.toString('latin1');
    });
    socket.on('error', ({ message }) => {
      error = message;
    });
    socket.on('close', () => resolve({ heard, error }));
  });
}
