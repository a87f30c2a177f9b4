/** Writes recordings in asciicast v2. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { decoder, type StreamDecoder } from '../charset/index.ts';
import { TelptyError } from '../errors.ts';
import { AsciicastEncoder } from './asciicast.ts';
import type { RecordingEvent } from './recording.ts';

/** The state at the beginning of a recording. */
export interface RecordingStart {
  /** The window's size in characters, 1 to 65535. */
  readonly columns: number;
  readonly rows: number;
  /** The terminal's type, for `TERM`. */
  readonly term: string;
}

/**
 * Writes the output on a terminal to a new file that only its owner can read. Passwords that are not echoed are not in
 * it, but other private data may be.
 *
 * Each event is written synchronously: nothing is lost however the process ends, and no events accumulate in memory.
 * So this is suitable for a client, not for a server.
 */
export class AsciicastWriter {
  readonly #file: string;
  readonly #began = performance.now();
  readonly #failed: (error: TelptyError) => void;
  readonly #encoder = new AsciicastEncoder(2);
  #decoder: { encoding: string; decoder: StreamDecoder } | undefined;
  /** Undefined after the end. */
  #fd: number | undefined;

  /**
   * @param failed is called at most once, when no more can be written; the recording ends there.
   * @throws TelptyError `ERR_RUNTIME` if the file exists, or cannot be created
   */
  constructor(file: string, { columns, rows, term }: RecordingStart, failed: (error: TelptyError) => void) {
    this.#file = file;
    this.#failed = failed;
    try {
      this.#fd = openSync(file, 'wx', 0o600);
    } catch (error) {
      const { code = 'unknown' } = error as NodeJS.ErrnoException;
      const why = code === 'EEXIST' ? 'it exists; name another file, or remove it' : code;
      throw new TelptyError('ERR_RUNTIME', `cannot record to ${file}: ${why}`, {
        file,
        systemCode: code,
        cause: error,
      });
    }
    this.#write(this.#encoder.begin({ columns, rows, term, started: new Date() }));
  }

  /**
   * Records output.
   *
   * @param bytes lent.
   * @param encoding their character set; a character may be split between two calls.
   */
  output(bytes: Uint8Array, encoding: string): void {
    let text = '';
    if (this.#decoder?.encoding !== encoding) {
      // A character that is cut by the change is recorded as invalid.
      text = this.#decoder?.decoder.end() ?? '';
      this.#decoder = { encoding, decoder: decoder(encoding) };
    }
    text += this.#decoder.decoder.write(bytes);
    if (text !== '') this.#event({ time: this.#seconds, type: 'output', data: text });
  }

  /** Records a new size of the window, in characters. */
  resize(columns: number, rows: number): void {
    this.#event({ time: this.#seconds, type: 'resize', columns, rows });
  }

  /** Ends the recording. Nothing is written after it. */
  end(): void {
    const cut = this.#decoder?.decoder.end() ?? '';
    this.#decoder = undefined;
    if (cut !== '') this.#event({ time: this.#seconds, type: 'output', data: cut });
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  get #seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  #event(event: RecordingEvent): void {
    this.#write(this.#encoder.event(event));
  }

  #write(bytes: Uint8Array): void {
    if (this.#fd === undefined) return;
    try {
      writeSync(this.#fd, bytes);
    } catch (error) {
      const { code = 'unknown' } = error as NodeJS.ErrnoException;
      this.end();
      const message = `the recording to ${this.#file} ends here: ${code}`;
      this.#failed(new TelptyError('ERR_RUNTIME', message, { file: this.#file, systemCode: code, cause: error }));
    }
  }
}
