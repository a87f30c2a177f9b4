import { isUtf8 } from 'node:buffer';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setOobInline } from '../../../src/native/sockets.ts';
import { ByteLog } from '../format/byte-log.ts';
import { CMD, OPT, readable } from '../format/telnet-codes.ts';
import { type WireEvent, WireParser } from '../format/telnet-parser.ts';
import { PATIENCE_MS } from '../patience.ts';
import { type ClientScript, naws, subnegotiation, WellBehaved } from './well-behaved.ts';

export { CMD, commandName, hex, OPT, optionName, readable, toHex } from '../format/telnet-codes.ts';
export type { WireEvent } from '../format/telnet-parser.ts';
export type { ClientScript } from './well-behaved.ts';
export { naws, subnegotiation } from './well-behaved.ts';

export interface WireOptions extends ClientScript {
  host?: string;
  /** Where to come from: on Linux all of 127.0.0.0/8 is this machine. */
  localAddress?: string;
  /** Leave the sending half open after the server has closed its own. */
  allowHalfOpen?: boolean;
  /** Urgent data stays where it is among the rest (SO_OOBINLINE). Default: true. */
  oobInline?: boolean;
}

export interface ExpectOptions {
  timeout?: number;
  /** Search all bytes (true) or data without Telnet commands (false). Default: true for bytes, false for text. */
  raw?: boolean;
}

/** What `send` takes: text (UTF-8), bytes, or one byte. */
export type Part = string | Uint8Array | readonly number[] | number;

function bytesOf(part: Part): Uint8Array {
  if (typeof part === 'string') return Buffer.from(part);
  if (typeof part === 'number') return Buffer.of(part);
  return part instanceof Uint8Array ? part : Buffer.from(part);
}

/**
 * The other end of a Telnet connection, for tests: a TCP socket, a log of all that arrived, and a scripted client that
 * answers negotiation (`silent: true` for a peer that answers nothing).
 *
 *     await using wire = await Wire.connect(port, { ttype: ['xterm-256color'], size: [100, 30] });
 *     await wire.expect('$ ');
 *     wire.type('stty size\r');
 *     await wire.expect('30 100');
 */
export class Wire implements AsyncDisposable {
  readonly socket: Socket;
  /** Every byte that arrived. */
  readonly raw = new ByteLog();
  /** The same without Telnet commands, 255 undoubled, CR NUL as CR. */
  readonly data = new ByteLog();
  /** Commands, negotiations and subnegotiations in order. */
  readonly events: WireEvent[] = [];
  /** Bytes handed to the socket. */
  sentBytes = 0;
  /** The server has closed its sending half, or the connection has ended. */
  ended = false;
  closed = false;
  error: (Error & { code?: string }) | undefined;
  readonly #client: WellBehaved;
  readonly #parser: WireParser;
  readonly #waiters = new Set<() => void>();
  readonly #listeners: ((bytes: Uint8Array) => void)[] = [];

  constructor(socket: Socket, script: ClientScript = {}) {
    this.socket = socket;
    this.#client = new WellBehaved(script, bytes => this.send(bytes));
    this.#parser = new WireParser(
      bytes => {
        this.data.append(bytes);
        for (const listener of this.#listeners) listener(bytes);
      },
      event => {
        this.events.push(event);
        this.#client.event(event);
      },
      () => this.#client.theirs.has(OPT.BINARY),
    );
    socket.setNoDelay(true);
    socket.on('data', chunk => {
      this.raw.append(chunk);
      this.#parser.feed(chunk);
      this.#wake();
    });
    socket.on('error', error => {
      this.error = error;
    });
    socket.on('end', () => {
      this.ended = true;
      this.#wake();
    });
    socket.on('close', () => {
      this.ended = true;
      this.closed = true;
      this.#wake();
    });
  }

  static connect(port: number, options: WireOptions = {}): Promise<Wire> {
    const { host = '127.0.0.1', localAddress, allowHalfOpen = false, oobInline = true, ...script } = options;
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, allowHalfOpen, ...(localAddress ? { localAddress } : {}) });
      const wire = new Wire(socket, script);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        // As clients of Telnet do, so that the DM of a Synch stays in its place.
        if (oobInline) setOobInline((socket as unknown as { _handle: { fd: number } })._handle.fd);
        resolve(wire);
      });
    });
  }

  /** By a UNIX socket. */
  static async connectTo(path: string, script: ClientScript = {}): Promise<Wire> {
    const socket = connect({ path });
    const wire = new Wire(socket, script);
    await once(socket, 'connect');
    return wire;
  }

  /** Sends bytes as they are; several parts leave in one write. */
  send(...parts: Part[]): void {
    const bytes = Buffer.concat(parts.map(bytesOf));
    this.sentBytes += bytes.length;
    if (this.socket.writable) this.socket.write(bytes);
  }

  /** As `send`, resolved when the kernel has taken the bytes. */
  sent(...parts: Part[]): Promise<void> {
    const bytes = Buffer.concat(parts.map(bytesOf));
    this.sentBytes += bytes.length;
    return new Promise((resolve, reject) => this.socket.write(bytes, error => (error ? reject(error) : resolve())));
  }

  /** Keys as a client sends them: 255 doubled, a CR as CR NUL unless we send BINARY. */
  type(text: Part): void {
    const bytes = bytesOf(text);
    const out = Buffer.allocUnsafe(bytes.length * 2);
    const binary = this.#client.ours.has(OPT.BINARY);
    let length = 0;
    bytes.forEach((byte, at) => {
      out[length++] = byte;
      if (byte === CMD.IAC) out[length++] = CMD.IAC;
      if (byte === 13 && bytes[at + 1] !== 10 && !binary) out[length++] = 0;
    });
    this.send(out.subarray(0, length));
  }

  /** `IAC code`. */
  command(code: number): void {
    this.send([CMD.IAC, code]);
  }

  /** `IAC WILL|WONT|DO|DONT option` as bytes; `propose` keeps the books. */
  negotiate(command: number, option: number): void {
    this.send([CMD.IAC, command, option]);
  }

  /** Proposes an option to the peer: WILL for our side, DO for theirs, or nothing where it is in force. */
  propose(command: 'WILL' | 'DO', option: number): void {
    this.#client.propose(CMD[command], option);
  }

  subnegotiate(option: number, payload: Uint8Array | readonly number[]): void {
    this.send(subnegotiation(option, payload));
  }

  /** Sends a new window size. */
  resize(cols: number, rows: number): void {
    this.#client.size = [cols, rows];
    this.send(naws(cols, rows));
  }

  /** Urgent data is not here: Node cannot send MSG_OOB. This is the in-band half of a Synch. */
  dataMark(): void {
    this.command(CMD.DM);
  }

  /** Options in force as this side sees them. */
  isEnabled(option: number, side: 'ours' | 'theirs'): boolean {
    return this.#client[side].has(option);
  }

  /** Calls `listener` with every piece of data, what has arrived already first. */
  onData(listener: (bytes: Uint8Array) => void): void {
    if (this.data.length > 0) listener(Buffer.from(this.data.bytes));
    this.#listeners.push(listener);
  }

  /** All data so far as text. */
  text(): string {
    return this.data.bytes.toString('utf8');
  }

  /**
   * Waits until `pattern` arrives after what earlier calls matched, and moves past it. Text and regular expressions
   * look at data (UTF-8), bytes at everything. Fails at the time limit, or at once when the connection ends without it.
   */
  async expect(pattern: string | RegExp | Uint8Array, options: ExpectOptions | number = {}): Promise<string> {
    const { timeout = PATIENCE_MS, raw = pattern instanceof Uint8Array } =
      typeof options === 'number' ? { timeout: options } : options;
    const log = raw ? this.raw : this.data;
    let found: string | undefined;
    const search = matcher(log, pattern);
    const ok = await this.#settled(() => {
      found = search();
      return found !== undefined || this.ended;
    }, timeout);
    if (found !== undefined) return found;
    const what = pattern instanceof Uint8Array ? readable(pattern) : String(pattern);
    throw new Error(
      `${ok ? 'the connection ended' : `${timeout} ms passed`} without ${what}; unmatched: ${tail(log.rest)}${this.error ? ` (${this.error.message})` : ''}`,
    );
  }

  /** Waits for an event from the peer for which `test` holds (also one in the past). */
  async expectEvent(test: (event: WireEvent) => boolean, timeout: number = PATIENCE_MS): Promise<WireEvent> {
    await this.until(() => this.events.some(test), timeout);
    return this.events.find(test)!;
  }

  /** Waits until `IAC command option` was received. */
  async expectNegotiation(command: number, option: number, timeout: number = PATIENCE_MS): Promise<void> {
    await this.expectEvent(e => e.type === 'negotiate' && e.command === command && e.option === option, timeout);
  }

  /** Waits for any condition on this object; looked at whenever something arrives. */
  async until(condition: () => boolean, timeout: number = PATIENCE_MS): Promise<void> {
    let holds = false;
    const ok = await this.#settled(() => {
      holds = condition();
      return holds || this.closed;
    }, timeout);
    if (holds) return;
    throw new Error(
      `${ok ? 'the connection closed' : `${timeout} ms passed`} before ${condition}; last data: ${tail(this.data.bytes)}`,
    );
  }

  /** Waits until `count` bytes of data have arrived in all. */
  untilData(count: number, timeout: number = PATIENCE_MS): Promise<void> {
    return this.until(() => this.data.length >= count, timeout);
  }

  /** Waits for the end of what the server sends (FIN, or a reset: see `error`). */
  untilEnd(timeout: number = PATIENCE_MS): Promise<void> {
    return this.until(() => this.ended, timeout);
  }

  /** Waits until both halves are closed. */
  untilClose(timeout: number = PATIENCE_MS): Promise<void> {
    return this.until(() => this.closed, timeout);
  }

  /** Closes our sending half only: a FIN, and we go on reading. */
  halfClose(): void {
    this.socket.end();
  }

  /** A RST: what a crashed client's machine sends. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Reads nothing until `resume`: the server's send buffer fills. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Closes, and waits until it is done. */
  async close(): Promise<void> {
    this.socket.destroy();
    await this.untilClose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  /** True as soon as `check` holds, false at the time limit. */
  #settled(check: () => boolean, timeout: number): Promise<boolean> {
    if (check()) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      const finish = (result: boolean): void => {
        this.#waiters.delete(waiter);
        clearTimeout(timer);
        resolve(result);
      };
      const waiter = (): void => {
        try {
          if (check()) finish(true);
        } catch (error) {
          finish(false);
          reject(error);
        }
      };
      const timer = setTimeout(finish, timeout, false);
      this.#waiters.add(waiter);
    });
  }
}

/** A search that, on a hit, moves the log's cursor past it and gives the matched text. */
function matcher(log: ByteLog, pattern: string | RegExp | Uint8Array): () => string | undefined {
  if (pattern instanceof RegExp) {
    const once = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
    return () => {
      // Latin-1 keeps offsets right when the bytes are not (yet) whole UTF-8.
      const encoding = isUtf8(log.rest) ? 'utf8' : 'latin1';
      const text = log.rest.toString(encoding);
      const match = once.exec(text);
      if (!match) return undefined;
      log.cursor += Buffer.byteLength(text.slice(0, match.index + match[0].length), encoding);
      return match[0];
    };
  }
  const needle = Buffer.from(pattern);
  let from = log.cursor;
  return () => {
    const at = log.bytes.indexOf(needle, from);
    if (at < 0) {
      from = Math.max(log.cursor, log.length - needle.length + 1);
      return undefined;
    }
    log.cursor = at + needle.length;
    return needle.toString('utf8');
  };
}

function tail(bytes: Buffer): string {
  return JSON.stringify(readable(bytes.subarray(-600)));
}
