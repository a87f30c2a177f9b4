/** One connection to the gateway: Telnet in the binary messages of a WebSocket. */
import {
  binary,
  Command,
  charset,
  echo,
  newEnviron,
  Option,
  type OptionDefinition,
  suppressGoAhead,
  Telnet,
  type TelnetEvent,
  terminalType,
  timingMark,
  windowSize,
} from '../../../src/protocol/index.ts';

/** The subprotocol whose messages are Telnet: https://mudstandards.org/. */
const TELNET = 'telnet.mudstandards.org';
/** Followed by the token of a login, as the last subprotocol that the page offers. */
const TOKEN = 'telpty.token.';

/** The gateway takes messages of at most 64 KiB. Shorter ones let it look between them. */
const MESSAGE_BYTES = 16 * 1024;
/** While more than this waits in the browser, a large paste is not passed on. */
const WAITING_BYTES = 256 * 1024;
/** How often a large paste looks whether it can go on; the browser has no event for it. */
const LOOK_MS = 20;

/** The terminals that programs may expect, the preferred one first. */
const TERMINALS = ['xterm-256color', 'xterm', 'vt220', 'vt100'];

/** How a connection ended. */
export interface Ending {
  /** The code of the WebSocket, e.g. 1000; 1006 if the network or the server went away. */
  readonly code: number;
  /** One of the gateway's words, or empty. */
  readonly reason: string;
  /** Whether the connection was open at all. */
  readonly wasOpen: boolean;
}

/** Events of a connection. */
export interface LinkEvents {
  opened(): void;
  /** Output of the program; the bytes belong to the receiver. */
  received(bytes: Uint8Array<ArrayBuffer>): void;
  /** Everything received so far is obsolete: the terminal of the program has discarded its output. */
  outdated(): void;
  /** The server requests an answer for when everything received so far is shown. */
  markRequested(answer: () => void): void;
  /** The server may have changed which side echoes. */
  echoChanged(): void;
  closed(ending: Ending): void;
}

/** The size of the terminal, in characters. */
export interface Size {
  readonly cols: number;
  readonly rows: number;
}

/** A connection from its start to its end. */
export class Link {
  readonly #events: LinkEvents;
  readonly #socket: WebSocket;
  readonly #telnet: Telnet;
  readonly #window = windowSize({ report: true });
  readonly #queue: Uint8Array<ArrayBuffer>[] = [];
  #timer: number | undefined;
  #wasOpen = false;

  constructor(url: URL, token: string | undefined, size: Size, events: LinkEvents) {
    this.#events = events;
    const handlers = {
      send: (bytes: Uint8Array) => this.#send(bytes),
      // The view is valid during the call only.
      data: (view: Uint8Array) => events.received(view.slice()),
      event: (event: TelnetEvent) => this.#handleEvent(event),
    };
    this.#telnet = new Telnet(handlers, { options: this.#options(), carriageReturn: 'text' });
    this.resize(size);
    this.#socket = new WebSocket(url, token === undefined ? [TELNET] : [TELNET, TOKEN + token]);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.addEventListener('open', () => {
      this.#wasOpen = true;
      events.opened();
    });
    this.#socket.addEventListener('message', ({ data }) => {
      if (data instanceof ArrayBuffer) this.#telnet.receive(new Uint8Array(data));
    });
    this.#socket.addEventListener('close', ({ code, reason }) => {
      clearTimeout(this.#timer);
      events.closed({ code, reason, wasOpen: this.#wasOpen });
    });
  }

  /**
   * Whether lines are edited and shown here, because the server does not echo, and whether they are shown. A server
   * that only echoes hides a password (MUDs do).
   */
  get lines(): 'shown' | 'hidden' | undefined {
    if (!this.#telnet.isEnabled(Option.ECHO, 'remote')) return 'shown';
    return this.#telnet.isEnabled(Option.SGA, 'remote') ? undefined : 'hidden';
  }

  /** Sends typed input. */
  write(bytes: Uint8Array): void {
    this.#telnet.write(bytes);
    // A Return takes effect at once: the NUL after its CR is not left to the next key.
    this.#telnet.flush();
  }

  /** Sends a Telnet command, e.g. IP. */
  command(code: number): void {
    this.#telnet.command(code);
  }

  resize({ cols, rows }: Size): void {
    this.#telnet.handler(this.#window).report(cols, rows);
  }

  close(): void {
    this.#socket.close(1000);
  }

  #options(): OptionDefinition[] {
    const both = { local: true, remote: true };
    return [
      binary(both),
      echo({ remote: true }),
      suppressGoAhead(both),
      terminalType({ names: TERMINALS }),
      this.#window,
      newEnviron({ offer: environment() }),
      charset({ role: 'client', accept: names => names.find(name => /^utf-?8$/i.test(name)) }),
      timingMark({ onRequest: answer => this.#events.markRequested(answer) }),
    ];
  }

  #handleEvent(event: TelnetEvent): void {
    // In a WebSocket nothing overtakes the mark: everything before it was received.
    if (event.type === 'command' && event.command === Command.DM) this.#events.outdated();
    if (event.type === 'option' && [Option.ECHO, Option.SGA].includes(event.option as never))
      this.#events.echoChanged();
  }

  #send(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += MESSAGE_BYTES)
      this.#queue.push(bytes.slice(at, at + MESSAGE_BYTES) as Uint8Array<ArrayBuffer>);
    if (this.#timer === undefined) this.#flush();
  }

  #flush(): void {
    this.#timer = undefined;
    let message: Uint8Array<ArrayBuffer> | undefined;
    while (this.#socket.readyState === WebSocket.OPEN && this.#socket.bufferedAmount < WAITING_BYTES) {
      message = this.#queue.shift();
      if (message === undefined) return;
      this.#socket.send(message);
    }
    if (this.#queue.length > 0 && this.#socket.readyState <= WebSocket.OPEN)
      this.#timer = window.setTimeout(() => this.#flush(), LOOK_MS);
  }
}

/** The variables that decide how programs show text. */
function environment(): ReadonlyMap<string, string> {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const { language, region } = new Intl.Locale(navigator.language).maximize();
  return new Map([
    ['LANG', `${language}_${region}.UTF-8`],
    ['COLORTERM', 'truecolor'],
    ...(timeZone ? ([['TZ', timeZone]] as const) : []),
  ]);
}
