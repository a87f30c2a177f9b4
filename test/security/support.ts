/**
 * Shared by the tests of this directory: a real `telpty serve` under attack, and the conditions that must hold after
 * it. Attacks are written in the notation of test/vectors/README.txt, in hexadecimal and "text": `FF FA 27 00 00 "USER"
 * 01 "x" FF F0`.
 */
import assert from 'node:assert/strict';
import { readFileSync, readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { octets } from '../protocol/support/notation.ts';
import { Wire, type WireOptions } from '../support/clients/test-client.ts';
import { openFds, residentBytes, untilReading, untilTrue } from '../support/leaks.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { type StartOptions, startServer, type TestServer } from '../support/servers/server.ts';

/** Converts an attack from the notation to bytes. */
export const bytes = (notation: string): Buffer => Buffer.from(octets(notation));

/** IAC WONT TTYPE, IAC WONT NAWS: nothing is left to wait for, so the program starts immediately. */
export const START_NOW = bytes('FF FC 18  FF FC 1F');

/** The program of each client: it repeats each line, and starts without a delay. */
export const PROGRAM = ['/bin/cat'];

/** One line of the log. */
export interface LogRecord {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A session's program, read from /proc. */
export interface Program {
  readonly pid: number;
  readonly environ: Readonly<Record<string, string>>;
  readonly argv: readonly string[];
  readonly fds: readonly number[];
  readonly cwd: string;
}

const WARN = 40;

/** The actions of an ordinary client, up to the end of its program. */
export type Ordinary = (wire: Wire, target: Target) => unknown;

/** With `cat`: types a line, reads it twice (the echo, and the output of `cat`), and types the EOF character. */
async function typesLine(wire: Wire, target: Target): Promise<void> {
  // Input before the program runs would be echoed by the kernel at another time.
  await target.program(wire);
  wire.type('still here\r');
  await wire.expect('still here\r\nstill here\r\n');
  wire.type('\x04');
}

/** Descriptor of a socket, for system calls that Node does not offer. */
export const descriptorOf = (socket: Socket): number => (socket as unknown as { _handle: { fd: number } })._handle.fd;

/**
 * A server under attack. At the end of its block it must serve an ordinary client as before, and hold no more
 * resources than at the start. Its log must have no warning and no error. It must exit with 0 and release its port.
 */
export class Target implements AsyncDisposable {
  readonly server: TestServer;
  /** Whether the C library has the locale does not depend on the attacker. */
  readonly #expected: RegExp[] = [/^no locale in \S+ is installed/];

  /** The port of a client, and the length of the log when it connected. */
  readonly #clients = new WeakMap<Wire, { readonly port: number | undefined; readonly from: number }>();

  readonly #ordinary: Ordinary;
  readonly #exit: number;

  private constructor(server: TestServer, ordinary: Ordinary, exit: number) {
    this.server = server;
    this.#ordinary = ordinary;
    this.#exit = exit;
  }

  /**
   * Starts a server; `ordinary` is the dialogue of an ordinary client, `exit` the exit code of its program after that.
   */
  static async start(
    args: readonly string[] = [],
    options: StartOptions & { readonly ordinary?: Ordinary; readonly exit?: number } = {},
  ): Promise<Target> {
    const { ordinary = typesLine, exit = 0, ...others } = options;
    // The tests may run as root; a warning about that is not due to an attacker.
    const confirmed = ['--allow-root-program', ...args];
    return new Target(await startServer(confirmed, { program: PROGRAM, ...others }), ordinary, exit);
  }

  /** Allows warnings and errors whose message matches. */
  expectLog(message: RegExp): void {
    this.#expected.push(message);
  }

  /** The log so far. Fails unless every line is one complete record. */
  get log(): LogRecord[] {
    const lines = this.server.stderr.slice(0, this.server.stderr.lastIndexOf('\n') + 1).split('\n');
    lines.pop();
    return lines.map(line => JSON.parse(line) as LogRecord);
  }

  /** Connects a client that sends only what the test sends. */
  async connect(options: WireOptions = { silent: true }): Promise<Wire> {
    const { length } = this.server.stderr;
    const wire = await Wire.connect(this.server.port, options);
    this.#clients.set(wire, { port: wire.socket.localPort, from: length });
    return wire;
  }

  /**
   * Waits for a matching log line of a client's session. Ports are reused soon, so older lines belong to other clients.
   */
  async logOf(wire: Wire, pattern: RegExp): Promise<RegExpExecArray> {
    const { port, from } = this.#clients.get(wire)!;
    const line = new RegExp(`"remote":"127\\.0\\.0\\.1:${port}".*${pattern.source}`);
    let found: RegExpExecArray | null = null;
    await untilTrue(
      () => {
        found = line.exec(this.server.stderr.slice(from));
        return found !== null;
      },
      PATIENCE_MS,
      () => `no ${line} in the log:\n${this.server.stderr.slice(from).slice(-2_000)}`,
    );
    return found!;
  }

  /** Connects and sends an attack, as one packet or in pieces of `size` bytes. */
  async attack(attack: Uint8Array, size = attack.length): Promise<Wire> {
    const wire = await this.connect();
    for (let at = 0; at < attack.length; at += size) await wire.sent(attack.subarray(at, at + size));
    return wire;
  }

  /** Waits until the program of a client has started. Returns its process id. */
  async started(wire: Wire): Promise<number> {
    return Number((await this.logOf(wire, /"program":"[^"]*","pid":(\d+)/))[1]);
  }

  /** Returns the program of a client, once it reads its terminal. For a program that does not read, use `started`. */
  async program(wire: Wire): Promise<Program> {
    const pid = await this.started(wire);
    await untilReading(pid);
    const text = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8');
    const variables = text('environ').split('\0').slice(0, -1);
    return {
      pid,
      environ: Object.fromEntries(
        variables.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      ),
      argv: text('cmdline').split('\0').slice(0, -1),
      fds: [...openFds(pid).keys()].sort((a, b) => a - b),
      cwd: readlinkSync(`/proc/${pid}/cwd`),
    };
  }

  /** Sends an attack, returns the attacker's program and closes the connection. */
  async programAfter(attack: Uint8Array, size?: number): Promise<Program> {
    await using wire = await this.attack(attack, size);
    return await this.program(wire);
  }

  /** Returns the largest growth of the server's resident memory during `attack`, in bytes. */
  async growth(attack: () => Promise<unknown>): Promise<number> {
    const before = residentBytes(this.server.pid);
    let most = before;
    const look = () => {
      most = Math.max(most, residentBytes(this.server.pid));
    };
    const clock = setInterval(look, 10);
    try {
      await attack();
    } finally {
      clearInterval(clock);
    }
    look();
    return most - before;
  }

  /** Fails unless a connected client, whatever it has sent before, gets an answer to AYT. */
  async answers(wire: Wire): Promise<void> {
    const { length } = wire.raw;
    wire.send(bytes('FF F6'));
    await wire.until(() => wire.raw.bytes.subarray(length).includes('[telpty: yes]'));
  }

  /** Fails unless an ordinary client gets its program and the expected output. */
  async servesStill(): Promise<void> {
    await using wire = await this.connect({ ttype: ['xterm'], size: [80, 24], environ: { LANG: 'C' } });
    await this.#ordinary(wire, this);
    await wire.untilEnd();
    await this.logOf(wire, new RegExp(`"exit":${this.#exit}[,}]`));
  }

  /** Fails for a log line that is not a record, and for an unexpected warning. */
  assertCleanLog(): void {
    const complaints = this.log.filter(
      ({ level, msg }) => level >= WARN && !this.#expected.some(pattern => pattern.test(msg)),
    );
    assert.deepEqual(complaints, []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.servesStill();
      await this.server.assertNoLeaks();
      this.assertCleanLog();
    } finally {
      await this.server.stop();
    }
  }
}
