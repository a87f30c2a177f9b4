/** Sends what the user types to the server. */
import { Converter } from '../../../charset/index.ts';
import { Option } from '../../../protocol/index.ts';
import { type Machine, machineOf } from '../../../screen/machines/index.ts';
import type { Session } from '../../../session/session.ts';
import { SilenceTimer } from '../../../transport/silence-timer.ts';
import { REST_MS } from './key-reader.ts';
import { MachineKeys } from './machine-keys.ts';

const CR = 0x0d;
const LF = 0x0a;
const RETURN = Buffer.of(CR);
const NEW_LINE = Buffer.of(CR, LF);

/** Writes typed input to a session, in the character set of the session. */
export class Keyboard {
  readonly #session: Session;
  readonly #local: string | undefined;
  readonly #sendsSequences: boolean;
  #converter: { to: string; converter: Converter | MachineKeys } | undefined;
  /** The timer of a key whose sequence is not complete. */
  #waits: SilenceTimer | undefined;

  /**
   * @param local the character set of the input; without it nothing is converted.
   * @param sendsSequences whether home computers are sent the sequences of cursor and function keys.
   */
  constructor(session: Session, local: string | undefined, sendsSequences = false) {
    this.#session = session;
    this.#local = local;
    this.#sendsSequences = sendsSequences;
    session.once('close', () => this.#waits?.stop());
  }

  /** Sends keys as a terminal delivers them one by one: Return is CR. Returns what was sent. */
  keys(bytes: Uint8Array): Uint8Array {
    const converted = this.#convert(bytes);
    this.#awaitRest();
    if (converted[converted.length - 1] !== CR) {
      this.#write(converted);
      return converted;
    }
    // A Return must take effect when it is pressed, so it is not followed by LF: the server need not wait for the next
    // byte (RFC 854). It is sent in one packet with its NUL: a server that ends at a Return would leave a later NUL
    // unread, and closing a socket with unread data sends a reset.
    const flush = () => this.#session.telnet.flush();
    this.#session.batch(() => {
      this.#write(converted, flush);
      flush();
    });
    return converted;
  }

  /**
   * Sends lines that were edited here. They end in Telnet's end of line, CR LF; under BINARY in the Return key, CR
   * (RFC 856). A home computer has its own code for that.
   */
  lines(bytes: Uint8Array): void {
    this.#writeLines(bytes, this.#returnOfMachine ?? (this.#isBinary ? RETURN : NEW_LINE));
  }

  /**
   * Sends text unchanged under BINARY; else, and to home computers, its lines, which end in LF or CR LF, are sent as
   * {@link lines} does (RFC 854).
   */
  text(bytes: Uint8Array): void {
    const end = this.#returnOfMachine;
    if (this.#isBinary && end === undefined) this.#write(this.#convert(bytes));
    else this.#writeLines(bytes, end ?? NEW_LINE);
  }

  get #machine(): Machine | undefined {
    return this.#local === undefined ? undefined : machineOf(this.#session.encoding);
  }

  get #returnOfMachine(): Uint8Array | undefined {
    const machine = this.#machine;
    return machine && Uint8Array.of(machine.codes.newline);
  }

  /** The rest of a sequence arrives at once, unless the ESC was a key. */
  #awaitRest(): void {
    this.#waits?.stop();
    const keys = this.#converter?.converter;
    if (keys instanceof MachineKeys && keys.isWaiting)
      this.#waits = new SilenceTimer(REST_MS, () => this.#write(keys.flush()));
  }

  get #isBinary(): boolean {
    return this.#session.telnet.isEnabled(Option.BINARY, 'local');
  }

  #writeLines(bytes: Uint8Array, end: Uint8Array): void {
    const parts: Uint8Array[] = [];
    let at = 0;
    for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, at)) {
      const length = lf > at && bytes[lf - 1] === CR ? lf - 1 : lf;
      parts.push(this.#convert(bytes.subarray(at, length)), end);
      at = lf + 1;
    }
    parts.push(this.#convert(bytes.subarray(at)));
    this.#write(Buffer.concat(parts));
  }

  /** Input typed while the connection is closing, because the server requested that, is discarded. */
  #write(bytes: Uint8Array, done?: () => void): void {
    if (this.#session.writable) this.#session.write(bytes, done);
  }

  #convert(bytes: Uint8Array): Uint8Array {
    const to = this.#session.encoding;
    if (this.#local === undefined || to === this.#local) return bytes;
    if (this.#converter?.to !== to) {
      const machine = machineOf(to);
      const converter =
        machine === undefined
          ? new Converter(this.#local, to)
          : new MachineKeys(machine, this.#local, this.#sendsSequences);
      this.#converter = { to, converter };
    }
    return this.#converter.converter.write(bytes);
  }
}
