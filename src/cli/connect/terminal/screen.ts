/** What the server sends, on its way to standard output. */
import { Converter } from '../../../charset/index.ts';
import type { Session } from '../../../session/session.ts';

const CR = 0x0d;
const LF = 0x0a;
const RETURN = Buffer.of(CR);
/** Boards colour the two halves of a character of Big5 differently, by a sequence between them. */
const HALVES = { halvesMayBeApart: true } as const;
/** How long the LF of a CR LF may take, in milliseconds. */
const RETURN_MS = 20;

/** Where it is shown. */
export interface Output {
  /** Returns whether more may come, as `write` of a stream does. */
  write(bytes: Uint8Array): boolean;
  readonly needsDrain: boolean;
  /** Returns what ends this. */
  onDrain(listener: () => void): () => void;
}

/** Shows a session's output; it can be held, and what is on its way can be dropped. */
export class Screen {
  /** Whether a CR that nothing follows is shown as a new line. */
  returnsAreLines = false;
  readonly #session: Session;
  readonly #output: Output;
  /** Undefined: bytes are shown as they come. */
  readonly #local: string | undefined;
  #converter: { from: string; converter: Converter } | undefined;
  #held = false;
  #dropping = false;
  #afterReturn = false;
  #addsReturns = false;
  /** A CR that waits for what follows. */
  #waits: NodeJS.Timeout | undefined;

  /** @param local the character set to show; without it nothing is converted. */
  constructor(session: Session, output: Output, local: string | undefined) {
    this.#session = session;
    this.#output = output;
    this.#local = local;
    session.on('data', (chunk: Buffer) => this.#show(chunk));
    session.once('end', () => this.#end());
    const forget = output.onDrain(() => this.#flow());
    session.once('close', forget);
  }

  /** Whether output waits: then the server has to wait, too, once what can be read ahead is full. */
  set held(held: boolean) {
    this.#held = held;
    if (held) this.#session.pause();
    else this.#flow();
  }

  /** Whether what comes is not shown: after an interrupt, until the server has seen it. */
  set dropping(dropping: boolean) {
    this.#dropping = dropping;
  }

  /** Whether the terminal shows LF as CR LF: then of the server's CR LF it is to get LF. */
  set addsReturns(addsReturns: boolean) {
    this.#addsReturns = addsReturns;
    if (!addsReturns) this.flush();
  }

  /** Shows what waits. */
  flush(): void {
    if (this.#waits === undefined) return;
    clearTimeout(this.#waits);
    this.#waits = undefined;
    this.#output.write(RETURN);
  }

  #flow(): void {
    if (!this.#held && !this.#output.needsDrain) this.#session.resume();
  }

  #show(chunk: Buffer): void {
    if (this.#dropping) return;
    const converted = this.#convert(chunk);
    const lines = this.returnsAreLines ? this.#withLines(converted) : converted;
    const shown = this.#addsReturns ? this.#withoutReturns(lines) : lines;
    if (!this.#output.write(shown)) this.#session.pause();
  }

  /** A character that did not come whole, and a CR that waits, are all there is of them. */
  #end(): void {
    if (this.#dropping) return;
    this.flush();
    const rest = this.#converter?.converter.end();
    if (rest !== undefined && rest.length > 0) this.#output.write(rest);
  }

  /** What is shown late may have come before the server changed to the set of this moment. */
  #convert(chunk: Buffer): Uint8Array {
    const local = this.#local;
    if (local === undefined) return chunk;
    const runs = this.#session.link.encodingRuns(chunk);
    const parts = runs.flatMap(({ bytes, encoding }) => this.#convertRun(bytes, encoding, local));
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  #convertRun(bytes: Buffer, from: string, local: string): Uint8Array[] {
    const before = this.#converter;
    if (from === before?.from) return [before.converter.write(bytes)];
    this.#converter = from === local ? undefined : { from, converter: new Converter(from, local, HALVES) };
    // A character that the change has cut is shown as what it is, none.
    const cut = before?.converter.end();
    const converted = this.#converter?.converter.write(bytes) ?? bytes;
    return cut === undefined || cut.length === 0 ? [converted] : [cut, converted];
  }

  #withoutReturns(bytes: Uint8Array): Uint8Array {
    const isBegun = this.#waits !== undefined;
    clearTimeout(this.#waits);
    this.#waits = undefined;
    if (!isBegun && !bytes.includes(CR)) return bytes;
    const whole = isBegun ? Buffer.concat([RETURN, bytes]) : bytes;
    const shown = Buffer.allocUnsafe(whole.length);
    let length = 0;
    whole.forEach((byte, at) => {
      if (byte === CR && whole[at + 1] === LF) return;
      shown[length++] = byte;
    });
    if (whole.at(-1) === CR) {
      length--;
      this.#waits = setTimeout(() => this.flush(), RETURN_MS);
    }
    return shown.subarray(0, length);
  }

  #withLines(chunk: Uint8Array): Uint8Array {
    const bytes: number[] = [];
    for (const byte of chunk) {
      if (this.#afterReturn && byte !== LF) bytes.push(LF);
      this.#afterReturn = byte === CR;
      bytes.push(byte);
    }
    return Uint8Array.from(bytes);
  }
}
