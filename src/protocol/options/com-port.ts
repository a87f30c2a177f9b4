import { TelptyError } from '../../errors.ts';
import { check, checkOctet } from '../check.ts';
import { Option } from '../constants.ts';
import type { WarningCode } from '../events.ts';
import { decodeText, encodeText } from '../text.ts';
import { type Consent, defineOption, type OptionContext, type OptionDefinition, type OptionHandler } from './option.ts';

// COM-PORT-OPTION, option 44, RFC 2217.
//
//   IAC SB COM-PORT-OPTION <command> <value> IAC SE       from the client, command 0 to 12
//   IAC SB COM-PORT-OPTION <command + 100> <value> IAC SE from the access server
//
//   SIGNATURE             <text>     none: a request
//   SET-BAUDRATE          <32 bits>  in network byte order; 0: a request
//   FLOWCONTROL-SUSPEND, FLOWCONTROL-RESUME
//   all others            <8 bits>   the tables below: the index of each name is its number on the wire
//
// A 255 in them is doubled by the framing, as everywhere. The client sends WILL, the access server DO. The numbers of
// the messages show which end sent them, so it does not matter here on which side the option is enabled. For example,
// pySerial enables both. The server answers each SET of the client with the value that is now in force, even if it is
// not the requested one. FLOWCONTROL has no answer (section 5): an answer from the server would suspend the client. It
// suspends commands as well as data. That is left to the application: the engine does not hold anything back.

/** Sections 2 to 5. A client sends the index in this list; an access server sends the index plus 100. */
export const COM_PORT_COMMANDS = [
  'SIGNATURE',
  'SET-BAUDRATE',
  'SET-DATASIZE',
  'SET-PARITY',
  'SET-STOPSIZE',
  'SET-CONTROL',
  'NOTIFY-LINESTATE',
  'NOTIFY-MODEMSTATE',
  'FLOWCONTROL-SUSPEND',
  'FLOWCONTROL-RESUME',
  'SET-LINESTATE-MASK',
  'SET-MODEMSTATE-MASK',
  'PURGE-DATA',
] as const satisfies readonly ComPortCommand[];

/**
 * Section 2. In this table and the next two, `undefined` is the request for the value in use, or a number without a
 * name.
 */
export const DATA_SIZES = [undefined, undefined, undefined, undefined, undefined, 5, 6, 7, 8] as const;

/** Section 2. */
export const PARITIES = [undefined, 'NONE', 'ODD', 'EVEN', 'MARK', 'SPACE'] as const;

/** Section 2, in bits. */
export const STOP_SIZES = [undefined, 1, 2, 1.5] as const;

/** Section 3. FLOW is the flow control of the port's output, or of both directions if INBOUND-FLOW is not set. */
export const CONTROLS = [
  'FLOW-REQUEST',
  'FLOW-NONE',
  'FLOW-XON-XOFF',
  'FLOW-HARDWARE',
  'BREAK-REQUEST',
  'BREAK-ON',
  'BREAK-OFF',
  'DTR-REQUEST',
  'DTR-ON',
  'DTR-OFF',
  'RTS-REQUEST',
  'RTS-ON',
  'RTS-OFF',
  'INBOUND-FLOW-REQUEST',
  'INBOUND-FLOW-NONE',
  'INBOUND-FLOW-XON-XOFF',
  'INBOUND-FLOW-HARDWARE',
  'FLOW-DCD',
  'INBOUND-FLOW-DTR',
  'FLOW-DSR',
] as const;

/**
 * Section 3. RECEIVE: data that the access server has read from the port. TRANSMIT: data that it still has to write to
 * it.
 */
export const PURGES = [undefined, 'RECEIVE', 'TRANSMIT', 'BOTH'] as const;

/** The bits of NOTIFY-LINESTATE and SET-LINESTATE-MASK (RFC 2217, sections 3 and 4). The mask is 0 until it is set. */
export const LineState = {
  DATA_READY: 1,
  OVERRUN_ERROR: 2,
  PARITY_ERROR: 4,
  FRAMING_ERROR: 8,
  BREAK_DETECT: 16,
  TRANSFER_HOLDING_REGISTER_EMPTY: 32,
  TRANSFER_SHIFT_REGISTER_EMPTY: 64,
  TIME_OUT_ERROR: 128,
} as const;

/**
 * The bits of NOTIFY-MODEMSTATE and SET-MODEMSTATE-MASK (RFC 2217, sections 3 and 4). The mask is 255 until it is set.
 */
export const ModemState = {
  DELTA_CLEAR_TO_SEND: 1,
  DELTA_DATA_SET_READY: 2,
  TRAILING_EDGE_RING: 4,
  DELTA_CARRIER_DETECT: 8,
  CLEAR_TO_SEND: 16,
  DATA_SET_READY: 32,
  RING_INDICATOR: 64,
  CARRIER_DETECT: 128,
} as const;

/** The name of a message of RFC 2217. */
export type ComPortCommand = keyof ComPortValues;

/** The value of each message. `undefined` requests the value in use, if the message can request one. */
export interface ComPortValues {
  /** Text for people that identifies the sender. */
  readonly SIGNATURE: string | undefined;
  /** Bits per second, 1 to 4,294,967,295. */
  readonly 'SET-BAUDRATE': number | undefined;
  /** Bits. */
  readonly 'SET-DATASIZE': (typeof DATA_SIZES)[number];
  readonly 'SET-PARITY': (typeof PARITIES)[number];
  /** Bits. */
  readonly 'SET-STOPSIZE': (typeof STOP_SIZES)[number];
  readonly 'SET-CONTROL': (typeof CONTROLS)[number];
  /**
   * Bits of {@link LineState}, from the access server. `undefined`: a request of a client, which RFC 2217 does not
   * define.
   */
  readonly 'NOTIFY-LINESTATE': number | undefined;
  /** Bits of {@link ModemState}, from the access server. `undefined`: a request of a client, as pySerial sends it. */
  readonly 'NOTIFY-MODEMSTATE': number | undefined;
  readonly 'FLOWCONTROL-SUSPEND': undefined;
  readonly 'FLOWCONTROL-RESUME': undefined;
  /** Bits of {@link LineState} that are reported to the client. */
  readonly 'SET-LINESTATE-MASK': number;
  /** Bits of {@link ModemState} that are reported to the client. */
  readonly 'SET-MODEMSTATE-MASK': number;
  readonly 'PURGE-DATA': Exclude<(typeof PURGES)[number], undefined>;
}

/**
 * The peer sent a message about a serial port (RFC 2217). The sender is the client if our role is server, else the
 * server.
 */
export type ComPortEvent = {
  readonly [C in ComPortCommand]: { readonly type: 'com-port'; readonly command: C; readonly value: ComPortValues[C] };
}[ComPortCommand];

declare module '../events.ts' {
  interface TelnetEvents {
    readonly 'com-port': ComPortEvent;
  }
}

const SERVER = 100;
const LARGEST_RATE = 0xffff_ffff;

/** Conversion of the value of one message. `read` returns `'malformed'` for a malformed value. */
interface Layout<T> {
  read(body: Uint8Array): { readonly value: T } | 'malformed';
  write(value: T): Uint8Array;
}

type Table = readonly (string | number | undefined)[];

const text: Layout<string | undefined> = {
  read: body => ({ value: body.length === 0 ? undefined : decodeText(body) }),
  write: value => (value === undefined ? new Uint8Array(0) : encodeText(value, 'a signature')),
};

const rate: Layout<number | undefined> = {
  read(body) {
    if (body.length !== 4) return 'malformed';
    const value = body.reduce((sum, octet) => sum * 256 + octet, 0);
    return { value: value === 0 ? undefined : value };
  },
  write(value) {
    const known = Number.isInteger(value) && value! >= 1 && value! <= LARGEST_RATE;
    check(value === undefined || known, 'a baud rate must be a whole number from 1 to 4294967295');
    const bits = value ?? 0;
    return Uint8Array.of(bits >>> 24, (bits >>> 16) & 255, (bits >>> 8) & 255, bits & 255);
  },
};

const nothing: Layout<undefined> = {
  read: body => (body.length === 0 ? { value: undefined } : 'malformed'),
  write(value) {
    check(value === undefined, 'this command takes no value');
    return new Uint8Array(0);
  },
};

const bits: Layout<number> = {
  read: body => (body.length === 1 ? { value: body[0]! } : 'malformed'),
  write(value) {
    check(Number.isInteger(value) && value >= 0 && value <= 255, 'a state must be a number from 0 to 255');
    return Uint8Array.of(value);
  },
};

const notice: Layout<number | undefined> = {
  read: body => (body.length === 0 ? { value: undefined } : bits.read(body)),
  write: value => (value === undefined ? new Uint8Array(0) : bits.write(value)),
};

/** One octet that represents an entry of a table. */
function oneOf<const T extends Table>(table: T): Layout<Exclude<T[number], undefined>> {
  type Entry = Exclude<T[number], undefined>;
  return {
    read(body) {
      const value = body.length === 1 ? (table[body[0]!] as Entry | undefined) : undefined;
      return value === undefined ? 'malformed' : { value };
    },
    write(value) {
      check(value !== undefined && table.includes(value), `the value is one of ${table.filter(Boolean).join(', ')}`);
      return Uint8Array.of(table.indexOf(value));
    },
  };
}

/** The same for tables in which 0 is the request for the value in use. */
function oneOfOrQuestion<const T extends Table>(table: T): Layout<T[number]> {
  const named = oneOf(table) as Layout<T[number]>;
  return {
    read: body => (body.length === 1 && body[0] === 0 ? { value: undefined } : named.read(body)),
    write: value => (value === undefined ? Uint8Array.of(0) : named.write(value)),
  };
}

const LAYOUTS: { readonly [C in ComPortCommand]: Layout<ComPortValues[C]> } = {
  SIGNATURE: text,
  'SET-BAUDRATE': rate,
  'SET-DATASIZE': oneOfOrQuestion(DATA_SIZES),
  'SET-PARITY': oneOfOrQuestion(PARITIES),
  'SET-STOPSIZE': oneOfOrQuestion(STOP_SIZES),
  'SET-CONTROL': oneOf(CONTROLS),
  'NOTIFY-LINESTATE': notice,
  'NOTIFY-MODEMSTATE': notice,
  'FLOWCONTROL-SUSPEND': nothing,
  'FLOWCONTROL-RESUME': nothing,
  'SET-LINESTATE-MASK': bits,
  'SET-MODEMSTATE-MASK': bits,
  'PURGE-DATA': oneOf(PURGES),
};

/** Configuration of {@link comPort}. */
export interface ComPortConfig {
  /** `'server'`: the port is at this end (the RFC's access server); `'client'`: we use the port of the peer. */
  readonly role: 'server' | 'client';
  /** The answer to a SIGNATURE request of the peer. If absent, the request only emits an event. */
  readonly signature?: string;
  /** Default true. */
  readonly local?: Consent;
  /** Default true. */
  readonly remote?: Consent;
}

/** The notification that each mask filters, and the initial mask until the client sets it (section 3). */
const MASKS = new Map([
  ['SET-LINESTATE-MASK', { notice: 'NOTIFY-LINESTATE', initial: 0 }],
  ['SET-MODEMSTATE-MASK', { notice: 'NOTIFY-MODEMSTATE', initial: 255 }],
] as const);

/** The handler of {@link comPort}. */
export class ComPort implements OptionHandler {
  readonly #telnet: OptionContext;
  readonly #config: ComPortConfig;
  /** By the notification that each mask filters. */
  readonly #masks = new Map<ComPortCommand, number>();

  constructor(telnet: OptionContext, config: ComPortConfig) {
    this.#telnet = telnet;
    this.#config = config;
    this.#resetMasks();
  }

  /**
   * As the access server, reports a change, filtered by the client's mask. Sends nothing if no bit remains. To answer a
   * client that requests the state (see {@link ComPortValues}), use {@link send}, which does not apply a mask.
   *
   * @param bits of {@link LineState} or {@link ModemState}
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for any other message or value, or if our role is client; `ERR_OPTION`
   *   if the option is not enabled
   */
  notify(notice: 'NOTIFY-LINESTATE' | 'NOTIFY-MODEMSTATE', bits: number): void {
    const mask = this.#masks.get(notice);
    check(
      mask !== undefined && this.#config.role === 'server',
      'only a server sends NOTIFY-LINESTATE and NOTIFY-MODEMSTATE',
    );
    checkOctet(bits, 'the state');
    if (!isOn(this.#telnet)) throw new TelptyError('ERR_OPTION', 'COM-PORT-OPTION is not enabled');
    if ((bits & mask) !== 0) this.send(notice, bits & mask);
  }

  /**
   * Sends one message, with the numbers of the client or of the access server, according to the role. `undefined`
   * requests the value in use; it is also the value of FLOWCONTROL-SUSPEND and -RESUME.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for an unknown message or an invalid value; `ERR_OPTION` if the option
   *   is not enabled
   */
  send<C extends ComPortCommand>(command: C, value: ComPortValues[C]): void {
    const code = COM_PORT_COMMANDS.indexOf(command);
    check(code >= 0, 'not a command of RFC 2217');
    const body = LAYOUTS[command].write(value);
    const payload = new Uint8Array(1 + body.length);
    payload[0] = this.#config.role === 'server' ? code + SERVER : code;
    payload.set(body, 1);
    this.#telnet.subnegotiate(Option.COM_PORT, payload);
  }

  enabled(): void {
    // A serial line transmits all octets (section 3), but outside BINARY a CR would be followed by a NUL.
    this.#telnet.requestIfKnown(Option.BINARY, 'local');
    this.#telnet.requestIfKnown(Option.BINARY, 'remote');
  }

  disabled(): void {
    // Masks are not reset in `enabled()`: a client may set a mask after the first side is enabled and before the
    // second.
    if (!isOn(this.#telnet)) this.#resetMasks();
  }

  subnegotiation(payload: Uint8Array): void {
    const [code = -1] = payload;
    const fromServer = code >= SERVER;
    const command = COM_PORT_COMMANDS[fromServer ? code - SERVER : code];
    if (command === undefined) this.#warn('malformed-subnegotiation', 'an unknown message');
    else if (fromServer === (this.#config.role === 'server')) {
      this.#warn('unexpected-subnegotiation', `${command} from a peer with the same role`);
    } else this.#received(command, payload.subarray(1));
  }

  #received(command: ComPortCommand, body: Uint8Array): void {
    let read: { readonly value: unknown } | 'malformed' = LAYOUTS[command].read(body);
    if (read === 'malformed') {
      this.#warn('malformed-subnegotiation', `${command} with ${body.length} bytes, which is a wrong length`);
      // A setting that is unknown here is one that the port cannot have, and the answer to that is the setting in use.
      if (this.#config.role === 'client' || body.length !== 1 || !isSetting(command)) return;
      read = { value: undefined };
    }
    const event = { type: 'com-port', command, value: read.value } as ComPortEvent;
    if (event.command === 'SET-LINESTATE-MASK' || event.command === 'SET-MODEMSTATE-MASK') {
      this.#masks.set(MASKS.get(event.command)!.notice, event.value);
    }
    this.#telnet.emit(event);
    const { signature } = this.#config;
    if (command === 'SIGNATURE' && read.value === undefined && signature !== undefined) this.#answer(signature);
  }

  /** Answers unless the application has just disabled the option in its handler of that event. */
  #answer(signature: string): void {
    if (isOn(this.#telnet)) this.send('SIGNATURE', signature);
  }

  #resetMasks(): void {
    for (const { notice, initial } of MASKS.values()) this.#masks.set(notice, initial);
  }

  #warn(code: WarningCode, message: string): void {
    this.#telnet.warn(code, `COM-PORT-OPTION: ${message}`, Option.COM_PORT);
  }
}

function isOn(telnet: OptionContext): boolean {
  return telnet.isEnabled(Option.COM_PORT, 'local') || telnet.isEnabled(Option.COM_PORT, 'remote');
}

const SETTINGS: ReadonlySet<ComPortCommand> = new Set(['SET-DATASIZE', 'SET-PARITY', 'SET-STOPSIZE'] as const);

function isSetting(command: ComPortCommand): boolean {
  return SETTINGS.has(command);
}

/**
 * A serial port over Telnet (RFC 2217). Each message of the peer is a `com-port` event; send ours with
 * `telnet.handler(definition).send(command, value)`. The server's application must answer each SET with the value that
 * is then in force. That includes the masks, which `notify(command, bits)` applies from the event on.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for an invalid role or signature
 */
export function comPort(config: ComPortConfig): OptionDefinition<ComPort> {
  const { role, signature, local = true, remote = true } = config;
  check(role === 'server' || role === 'client', "role must be 'server' or 'client'");
  check(signature === undefined || typeof signature === 'string', 'a signature must be a string');
  const frozen = Object.freeze({ ...config });
  return defineOption(Option.COM_PORT, { local, remote }, { create: telnet => new ComPort(telnet, frozen) });
}
