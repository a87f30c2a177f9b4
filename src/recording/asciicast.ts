/** Recordings in asciicast v2, the format of asciinema: a header, and a line of JSON for each event. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { decoder, type StreamDecoder } from '../charset/index.ts';
import { TelptyError } from '../errors.ts';

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
    const timestamp = Math.floor(Date.now() / 1000);
    this.#line({ version: 2, width: columns, height: rows, timestamp, env: { TERM: term } });
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
    if (text !== '') this.#event('o', text);
  }

  /** Records a new size of the window, in characters. */
  resize(columns: number, rows: number): void {
    this.#event('r', `${columns}x${rows}`);
  }

  /** Ends the recording. Nothing is written after it. */
  end(): void {
    const cut = this.#decoder?.decoder.end() ?? '';
    this.#decoder = undefined;
    if (cut !== '') this.#event('o', cut);
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #event(type: 'o' | 'r', data: string): void {
    const seconds = Math.round((performance.now() - this.#began) * 1000) / 1e6;
    this.#line([seconds, type, data]);
  }

  #line(value: unknown): void {
    if (this.#fd === undefined) return;
    try {
      writeSync(this.#fd, `${quotedJson(value)}\n`);
    } catch (error) {
      const { code = 'unknown' } = error as NodeJS.ErrnoException;
      this.end();
      const message = `the recording to ${this.#file} ends here: ${code}`;
      this.#failed(new TelptyError('ERR_RUNTIME', message, { file: this.#file, systemCode: code, cause: error }));
    }
  }
}

/** Controls that JSON does not escape (DEL and C1), and characters that are invisible or reverse the text direction. */
const UNQUOTED = /[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu;

/** JSON on one line without control characters: `cat` and `grep` show a recording instead of playing it. */
function quotedJson(value: unknown): string {
  return JSON.stringify(value).replace(UNQUOTED, character => {
    const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
    return units.map(unit => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  });
}
