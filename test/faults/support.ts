import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { atExit } from '../support/cleanup.ts';
import { Wire, type WireOptions } from '../support/clients/test-client.ts';
import { untilTrue } from '../support/leaks.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { type StartOptions, startServer, type TestServer } from '../support/servers/server.ts';

export const XTERM: WireOptions = { ttype: ['xterm'], size: [80, 24] };

/**
 * The program of every session: it executes its first line, so that sessions of one server can differ. The terminal is
 * raw and does not echo.
 */
export const OBEY = [
  '/bin/sh',
  '-c',
  'stty raw -echo icrnl icanon; echo ready; read -r what; stty raw -echo; eval "$what"',
];

/** Starts a server whose sessions run the command they receive: see {@link told}. */
export const startObedient = (args: readonly string[] = [], options: StartOptions = {}): Promise<TestServer> =>
  startServer(args, { program: OBEY, ...options });

/** Opens a session and runs `command` in it. */
export async function told(
  server: { port: number },
  command: string,
  options: WireOptions = {},
  patience?: number,
): Promise<Wire> {
  const wire = await Wire.connect(server.port, { ...XTERM, ...options });
  try {
    await wire.expect('ready', patience);
    wire.type(`echo told; ${command}\r`);
    await wire.expect('told\n', patience);
  } catch (error) {
    await wire.close();
    throw error;
  }
  return wire;
}

/** Bytes in transit; less than a terminal buffers without a reader. */
const WINDOW = 2_048;

/**
 * Another client that is active when the fault occurs: its input is echoed, and it checks every byte. It must lose
 * nothing and must not be disconnected.
 */
export class Bystander implements AsyncDisposable {
  readonly wire: Wire;
  #block = 0;
  #sent = 0;
  #checked = 0;
  #expected: Buffer = Buffer.alloc(0);
  #over = false;
  #failure: Error | undefined;

  private constructor(wire: Wire) {
    this.wire = wire;
    const start = wire.data.length;
    // Called before waiting callers resume.
    wire.onData(() => this.#check(start));
    this.#send();
  }

  static async start(server: { port: number }): Promise<Bystander> {
    return new Bystander(await told(server, 'exec cat'));
  }

  /** Bytes echoed so far. */
  get echoed(): number {
    return this.#checked;
  }

  /** Waits until this many more bytes are echoed, which shows that the server serves others. */
  async progress(bytes = 4 * WINDOW, timeout = PATIENCE_MS): Promise<void> {
    const goal = this.#checked + bytes;
    await this.wire.until(() => this.#checked >= goal || this.#failure !== undefined, timeout);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Stops sending, waits for the bytes in transit, and closes. */
  async leave(): Promise<void> {
    await this.progress();
    await this.pause();
    assert.equal(this.wire.error, undefined);
    await this.wire.close();
  }

  /** Pauses sending, and waits for the bytes in transit. */
  async pause(): Promise<void> {
    this.#over = true;
    await this.wire.until(() => this.#checked === this.#sent || this.#failure !== undefined);
    if (this.#failure !== undefined) throw this.#failure;
  }

  resume(): void {
    this.#over = false;
    this.#send();
  }

  /** After a failure in the test body, so that the first failure is the reported one. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.wire.close();
  }

  /** Sends more, although nothing has been echoed. */
  sendMore(): void {
    this.#sendBelow(WINDOW + 1);
  }

  #send(): void {
    this.#sendBelow(WINDOW);
  }

  #sendBelow(window: number): void {
    while (!this.#over && this.#sent - this.#checked < window) {
      // All values except CR and LF: in Telnet the meaning of a CR depends on the byte after it.
      const block = createHash('sha512')
        .update(`${this.#block++}`)
        .digest()
        .map(byte => (byte === 10 ? 11 : byte));
      this.#expected = Buffer.concat([this.#expected.subarray(-2 * WINDOW), block]);
      this.#sent += block.length;
      this.wire.type(block);
    }
  }

  #check(start: number): void {
    const back = this.wire.data.bytes.subarray(start);
    const first = this.#sent - this.#expected.length;
    const wanted = this.#expected.subarray(this.#checked - first, back.length - first);
    if (!back.subarray(this.#checked).equals(wanted)) {
      const got = back.subarray(this.#checked, this.#checked + 200).toString('latin1');
      this.#failure ??= new Error(`the bystander received a wrong byte at ${this.#checked}: ${JSON.stringify(got)}`);
    }
    this.#checked = back.length;
    this.#send();
  }
}

/**
 * Measures the CPU time of a process as a share of that of a process that only spins in the same period: a loaded
 * machine gives less to both.
 */
export async function shareOfSpinning(pid: number): Promise<number> {
  const spinning = spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' });
  const forget = atExit(() => spinning.kill('SIGKILL'));
  try {
    await once(spinning, 'spawn');
    const spun = () => cpuSeconds(spinning.pid!);
    const [before, begun] = [cpuSeconds(pid), spun()];
    await untilTrue(() => spun() - begun >= 0.5, 240_000);
    return (cpuSeconds(pid) - before) / (spun() - begun);
  } finally {
    spinning.kill('SIGKILL');
    forget();
  }
}

/** CPU time that a process has used since its start, in seconds. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Fields 14 and 15 of proc(5), in ticks of 10 ms.
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
