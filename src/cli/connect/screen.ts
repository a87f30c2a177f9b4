/** What the server sends, on its way to standard output. */
import type { Writable } from 'node:stream';
import { Converter } from '../../charset/index.ts';
import type { Session } from '../../session/session.ts';

const CR = 0x0d;
const LF = 0x0a;

/** Shows a session's output; it can be held, and what is on its way can be dropped. */
export class Screen {
  /** Whether a CR that nothing follows is shown as a new line. */
  returnsAreLines = false;
  readonly #session: Session;
  readonly #stdout: Writable;
  /** Undefined: bytes are shown as they come. */
  readonly #local: string | undefined;
  #converter: { from: string; converter: Converter } | undefined;
  #held = false;
  #dropping = false;
  #afterReturn = false;

  /** @param local the character set to show; without it nothing is converted. */
  constructor(session: Session, stdout: Writable, local: string | undefined) {
    this.#session = session;
    this.#stdout = stdout;
    this.#local = local;
    session.on('data', (chunk: Buffer) => this.#show(chunk));
    stdout.on('drain', () => this.#flow());
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

  #flow(): void {
    if (!this.#held && !this.#stdout.writableNeedDrain) this.#session.resume();
  }

  #show(chunk: Buffer): void {
    if (this.#dropping) return;
    const converted = this.#convert(chunk);
    const shown = this.returnsAreLines ? this.#withLines(converted) : converted;
    if (!this.#stdout.write(shown)) this.#session.pause();
  }

  #convert(chunk: Buffer): Uint8Array {
    const from = this.#session.encoding;
    if (this.#local === undefined || from === this.#local) return chunk;
    if (this.#converter?.from !== from) this.#converter = { from, converter: new Converter(from, this.#local) };
    return this.#converter.converter.write(chunk);
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
