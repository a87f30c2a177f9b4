/**
 * Simulated devices that are operated over Telnet: what they print, what they echo, and in which packets. They are
 * written without src/, from transcripts of real devices, and each has the timing that breaks naive scripts.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const IAC = 255;
const SB = 250;
const SE = 240;
const WILL = 251;
const DONT = 254;
const GA = 249;

export const OPTION = { ECHO: 1, SUPPRESS_GO_AHEAD: 3, TERMINAL_TYPE: 24, END_OF_RECORD: 25, NAWS: 31 } as const;

/** How a device reads a line. */
export interface ReadLineOptions {
  /** The echo of each key; default the key itself. */
  readonly echo?: ((key: string) => string) | 'off' | undefined;
}

/** The connection has ended while a device was reading. */
export class LineClosed extends Error {}

/** The device's end of a connection. */
export class Line {
  readonly socket: Socket;
  /** Keys that have arrived and are unread. */
  #keys = '';
  #command: number[] = [];
  #wasReturn = false;
  #isClosed = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', bytes => this.#received(bytes));
    socket.on('error', () => {});
    socket.on('close', () => this.#closed());
    socket.on('end', () => this.#closed());
  }

  /** Prints a text, in UTF-8. */
  print(text: string): void {
    const bytes = Buffer.from(text);
    const doubled = [...bytes].flatMap(byte => (byte === IAC ? [IAC, IAC] : [byte]));
    if (!this.socket.destroyed) this.socket.write(Buffer.from(doubled));
  }

  /** Sends a Telnet command: WILL ECHO is `251, 1`. */
  command(...bytes: number[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.from([IAC, ...bytes]));
  }

  goAhead(): void {
    this.command(GA);
  }

  /** The device is busy for some milliseconds. Its next output is in another packet. */
  async busy(milliseconds = 5): Promise<void> {
    await delay(milliseconds);
  }

  /** Prints each text in its own packet. */
  async printPieces(...pieces: readonly string[]): Promise<void> {
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) await this.busy();
      this.print(piece);
    }
  }

  /** The next key, without an echo; Return is `\r`. */
  async readKey(): Promise<string> {
    while (this.#keys === '') {
      if (this.#isClosed) throw new LineClosed();
      await new Promise<void>(resolve => {
        this.#wake = resolve;
      });
    }
    const key = this.#keys[0]!;
    this.#keys = this.#keys.slice(1);
    return key;
  }

  /** A line, without its end. */
  async readLine({ echo = key => key }: ReadLineOptions = {}): Promise<string> {
    const show = echo === 'off' ? () => '' : echo;
    for (let line = ''; ; ) {
      const key = await this.readKey();
      if (key === '\r') {
        if (echo !== 'off') this.print('\r\n');
        return line;
      }
      if (key === '\b' || key === '\x7f') {
        if (line !== '') this.print(echo === 'off' ? '' : '\b \b');
        line = line.slice(0, -1);
        continue;
      }
      line += key;
      this.print(show(key));
    }
  }

  close(): void {
    this.socket.end();
  }

  #closed(): void {
    this.#isClosed = true;
    this.#wake();
  }

  /** Removes Telnet commands. CR, CR LF, CR NUL and LF are the Return key. */
  #received(bytes: Buffer): void {
    for (const byte of bytes) {
      if (this.#command.length > 0 || byte === IAC) {
        this.#command.push(byte);
        if (isWhole(this.#command)) this.#command = [];
        continue;
      }
      const wasReturn = this.#wasReturn;
      this.#wasReturn = byte === 13;
      if (wasReturn && (byte === 10 || byte === 0)) continue;
      this.#keys += byte === 10 ? '\r' : String.fromCharCode(byte);
    }
    this.#wake();
  }
}

function isWhole(command: readonly number[]): boolean {
  const [, code = 0] = command;
  if (command.length < 2) return false;
  if (code === SB) return command.length > 3 && command.at(-2) === IAC && command.at(-1) === SE;
  return code >= WILL && code <= DONT ? command.length === 3 : true;
}

/** The behaviour of a device during one connection. It may return or be ended by the end of the connection. */
export type Script = (line: Line) => Promise<void>;

/** A device that listens on loopback: `await using device = await Device.start(ios())`. */
export class Device implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #failure: unknown;

  private constructor(server: Server, script: Script) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', socket => {
      this.#sockets.add(socket);
      const line = new Line(socket);
      script(line).then(
        () => line.close(),
        error => {
          if (!(error instanceof LineClosed)) this.#failure = error;
          socket.destroy();
        },
      );
    });
  }

  static async start(script: Script): Promise<Device> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Device(server, script);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** How a device shows text that does not fit on its screen. */
export interface Pager {
  /** The number of lines per page. */
  readonly rows: number;
  /** The text that is shown below a page. */
  readonly more: (percent: number) => string;
  /** The characters that remove it. */
  readonly erase: string;
}

/** Prints lines page by page. Space shows the next page, Return the next line, `q` and ^C end it. */
export async function page(line: Line, lines: readonly string[], pager: Pager | undefined): Promise<void> {
  let room = pager?.rows ?? Number.POSITIVE_INFINITY;
  for (const [index, text] of lines.entries()) {
    if (room === 0 && pager !== undefined) {
      line.print(pager.more(Math.floor((index / lines.length) * 100)));
      const key = await line.readKey();
      line.print(pager.erase);
      if (key === 'q' || key === '\x03') return;
      room = key === '\r' ? 1 : pager.rows;
    }
    line.print(`${text}\r\n`);
    room--;
  }
}
