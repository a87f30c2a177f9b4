/** What the user types, on its way to the server. */
import { Converter } from '../../../charset/index.ts';
import { Option } from '../../../protocol/index.ts';
import type { Session } from '../../../session/session.ts';

const CR = 0x0d;
const LF = 0x0a;
const RETURN = Buffer.of(CR);
const NEW_LINE = Buffer.of(CR, LF);

/** Types into a session, in its character set. */
export class Keyboard {
  readonly #session: Session;
  readonly #local: string | undefined;
  #converter: { to: string; converter: Converter } | undefined;

  /** @param local the character set of what is typed; without it nothing is converted. */
  constructor(session: Session, local: string | undefined) {
    this.#session = session;
    this.#local = local;
  }

  /** Types keys as a terminal gives them one by one: Return is CR. */
  keys(bytes: Uint8Array): void {
    const converted = this.#convert(bytes);
    if (bytes[bytes.length - 1] !== CR) {
      this.#write(converted);
      return;
    }
    // A Return is to arrive when it is pressed, so no LF follows it: the server need not wait for what does (RFC 854). And
    // in one packet with its NUL: a server that ends at a Return leaves a later one unread, and that makes its end a reset.
    const flush = () => this.#session.telnet.flush();
    this.#session.batch(() => {
      this.#write(converted, flush);
      flush();
    });
  }

  /** Types lines that were edited here. They end in Telnet's end of a line, which is CR LF; under BINARY a key, CR (RFC 856). */
  lines(bytes: Uint8Array): void {
    this.#writeLines(bytes, this.#isBinary ? RETURN : NEW_LINE);
  }

  /** Sends text as it is: under BINARY every byte, else with its lines ended, be it by LF or CR LF, as {@link lines} (RFC 854). */
  text(bytes: Uint8Array): void {
    if (this.#isBinary) this.#write(this.#convert(bytes));
    else this.#writeLines(bytes, NEW_LINE);
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

  /** What is typed when the connection is being closed, because the server asked for that, goes nowhere. */
  #write(bytes: Uint8Array, done?: () => void): void {
    if (this.#session.writable) this.#session.write(bytes, done);
  }

  #convert(bytes: Uint8Array): Uint8Array {
    const to = this.#session.encoding;
    if (this.#local === undefined || to === this.#local) return bytes;
    if (this.#converter?.to !== to) this.#converter = { to, converter: new Converter(this.#local, to) };
    return this.#converter.converter.write(bytes);
  }
}
