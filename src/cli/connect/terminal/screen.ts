/** Passes the server's output to standard output. */
import { Converter } from '../../../charset/index.ts';
import { machineOf } from '../../../screen/machines/index.ts';
import type { Session } from '../../../session/session.ts';
import { MachineOutput } from './machine-output.ts';
import type { Size } from './state.ts';

const CR = 0x0d;
const LF = 0x0a;
const RETURN = Buffer.of(CR);
/** Bulletin boards colour the two halves of a Big5 character differently, by a sequence between them. */
const HALVES = { halvesMayBeApart: true } as const;
/** How long to wait after a CR for the LF of a CR LF, in milliseconds. */
const RETURN_MS = 20;

/** The destination of the output. */
export interface Output {
  /** Returns whether more may be written, as `write` of a stream does. */
  write(bytes: Uint8Array): boolean;
  readonly needsDrain: boolean;
  /** Returns a function that removes the listener. */
  onDrain(listener: () => void): () => void;
}

/** Shows the output of a session; the output can be paused, and pending output can be dropped. */
export class Screen {
  /** Whether a CR without a following LF is shown as a new line. */
  returnsAreLines = false;
  readonly #session: Session;
  readonly #output: Output;
  /** Undefined: bytes are shown unchanged. */
  readonly #local: string | undefined;
  readonly #size: (() => Size) | undefined;
  #converter: { from: string; converter: Converter | MachineOutput } | undefined;
  #held = false;
  #dropping = false;
  #afterReturn = false;
  #addsReturns = false;
  /** The timer of a CR that waits for the next byte. */
  #waits: NodeJS.Timeout | undefined;

  /**
   * @param local the character set of the output; without it nothing is converted.
   * @param size the size of the terminal that shows the output, if it is one.
   */
  constructor(session: Session, output: Output, local: string | undefined, size?: () => Size) {
    this.#size = size;
    this.#session = session;
    this.#output = output;
    this.#local = local;
    session.on('data', (chunk: Buffer) => this.#show(chunk));
    session.once('end', () => this.#end());
    const forget = output.onDrain(() => this.#flow());
    session.once('close', forget);
  }

  /** Whether output is paused: the server must then wait, too, once the receive buffers are full. */
  set held(held: boolean) {
    this.#held = held;
    if (held) this.#session.pause();
    else this.#flow();
  }

  /** Whether output is discarded: after an interrupt, until the server has processed it. */
  set dropping(dropping: boolean) {
    this.#dropping = dropping;
  }

  /** Whether the terminal shows LF as CR LF: the CR of the server's CR LF is then omitted. */
  set addsReturns(addsReturns: boolean) {
    this.#addsReturns = addsReturns;
    if (!addsReturns) this.flush();
  }

  /** Shows a CR that waits. */
  flush(): void {
    if (this.#waits === undefined) return;
    clearTimeout(this.#waits);
    this.#waits = undefined;
    this.#output.write(RETURN);
  }

  /** Called when the cursor is in an empty line after other output, before the server's output continues. */
  resume(): void {
    const bytes = this.#machine?.resume();
    if (bytes !== undefined && bytes.length > 0) this.#output.write(bytes);
  }

  /** Called when the terminal has echoed the end of a line. */
  lineTyped(): void {
    this.#machine?.lineTyped();
  }

  /** Shows keys that were sent to a server for home computers, as such a machine shows them. */
  echo(codes: Uint8Array): void {
    const bytes = this.#machine?.write(codes);
    if (bytes !== undefined && bytes.length > 0) this.#output.write(bytes);
  }

  get #machine(): MachineOutput | undefined {
    this.#follow(this.#session.encoding);
    const converter = this.#converter?.converter;
    return converter instanceof MachineOutput ? converter : undefined;
  }

  #flow(): void {
    if (!this.#held && !this.#output.needsDrain) this.#session.resume();
  }

  #show(chunk: Buffer): void {
    if (this.#dropping) return;
    const converted = this.#convert(chunk);
    const isOfMachine = this.#converter?.converter instanceof MachineOutput;
    const lines = this.returnsAreLines && !isOfMachine ? this.#withLines(converted) : converted;
    const shown = this.#addsReturns ? this.#withoutReturns(lines) : lines;
    if (!this.#output.write(shown)) this.#session.pause();
  }

  /** At the end of the session, shows an incomplete character and a CR that waits. */
  #end(): void {
    if (this.#dropping) return;
    this.flush();
    const rest = this.#converter?.converter.end();
    if (rest !== undefined && rest.length > 0) this.#output.write(rest);
  }

  /** Output that is shown late may have arrived before the server changed to the current character set. */
  #convert(chunk: Buffer): Uint8Array {
    if (this.#local === undefined) return chunk;
    const runs = this.#session.link.encodingRuns(chunk);
    const parts = runs.flatMap(({ bytes, encoding }) => this.#convertRun(bytes, encoding));
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  #convertRun(bytes: Buffer, from: string): Uint8Array[] {
    const cut = this.#follow(from);
    const converted = this.#converter?.converter.write(bytes) ?? bytes;
    return cut === undefined || cut.length === 0 ? [converted] : [cut, converted];
  }

  /** Converts from this character set. Returns what is left of the one before: a cut character, shown as invalid. */
  #follow(from: string): Uint8Array | undefined {
    const before = this.#converter;
    const local = this.#local;
    if (local === undefined || from === (before?.from ?? local)) return undefined;
    const machine = machineOf(from);
    if (from === local) this.#converter = undefined;
    else if (machine === undefined) this.#converter = { from, converter: new Converter(from, local, HALVES) };
    else this.#converter = { from, converter: new MachineOutput(machine, local, this.#size) };
    return before?.converter.end();
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
