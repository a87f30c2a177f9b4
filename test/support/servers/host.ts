import { after } from 'node:test';
import {
  createServer,
  type ListenOptions,
  type PtyShellOptions,
  ptyShell,
  type Server,
  type ServerOptions,
  type SessionOutcome,
} from '../../../src/index.ts';
import { preparePty } from '../../../src/pty/index.ts';
import { Wire, type WireOptions } from '../clients/test-client.ts';
import { assertNoLeaks, holdings } from '../leaks.ts';
import { NEGOTIATION_MS, PATIENCE_MS } from '../patience.ts';

// Whatever a file's tests did: at its end no program, no zombie, no terminal and no socket of theirs is left.
// Resources shared by all terminals exist from the first terminal until the end of the process.
preparePty();
const before = holdings(process.pid);
after(() => assertNoLeaks(process.pid, before));

/**
 * A server in the test's own process, for what the command line does not show: `await using host = await
 * Host.start(…)`. At the end of the block it shuts down.
 */
export class Host implements AsyncDisposable {
  readonly server: Server;
  readonly port: number;
  /** How the sessions ended, in the order in which they did. */
  readonly outcomes: SessionOutcome[] = [];
  readonly #waiters = new Set<() => void>();

  private constructor(server: Server, port: number) {
    this.server = server;
    this.port = port;
    server.on('session-end', (_session, outcome) => {
      this.outcomes.push(outcome);
      for (const waiter of [...this.#waiters]) waiter();
    });
  }

  static async start(options: ServerOptions, listening: ListenOptions = {}): Promise<Host> {
    const server = createServer(options);
    const { port } = await server.listen({ port: 0, ...listening });
    return new Host(server, port);
  }

  connect(options?: WireOptions): Promise<Wire> {
    return Wire.connect(this.port, options);
  }

  /** The outcome of the `count`th session to end. */
  outcome(count = 1, timeout = PATIENCE_MS): Promise<SessionOutcome> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(look);
        reject(new Error(`no end of session ${count} in ${timeout} ms`));
      }, timeout);
      const look = (): void => {
        const outcome = this.outcomes[count - 1];
        if (outcome === undefined) return;
        clearTimeout(timer);
        this.#waiters.delete(look);
        resolve(outcome);
      };
      this.#waiters.add(look);
      look();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server.shutdown({ timeout: 5_000 });
  }
}

/** A scripted client that behaves like a user at an xterm. */
export const XTERM: WireOptions = { ttype: ['XTERM-256COLOR'], size: [100, 30], charset: 'UTF-8', environ: {} };

/** A host whose sessions run `sh -c script` (and further arguments as `$1` …). */
export function hostScript(
  script: string,
  options: PtyShellOptions = {},
  server: Partial<ServerOptions> = {},
): Promise<Host> {
  const shell = ptyShell('/bin/sh', ['-c', script], { negotiationTimeout: NEGOTIATION_MS, ...options });
  return Host.start({ ...server, shell });
}
