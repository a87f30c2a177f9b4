/** Reads the input from the user's terminal: keys, and the terminal's own answers. */
import { SilenceTimer } from '../../../transport/silence-timer.ts';
import { meaningOf } from './key-forms.ts';

/** How long the rest of a sequence may take, in milliseconds. */
export const REST_MS = 50;
/** How long the terminal may take for one answer, and for all pending answers, in milliseconds. */
const ANSWER_MS = 1_000;
const ANSWERS_MS = 4_000;

/**
 * CSI in its three forms (0x9b alone; in UTF-8; ESC [), of a key or of the answer to DA1. A 0x9b after another
 * non-ASCII byte is not matched, because it could be the middle of a character.
 */
const CSI = '(?:\\x1b\\[|\\xc2\\x9b|(?<![\\x80-\\xff])\\x9b)';
const SEQUENCE = new RegExp(`${CSI}(?:([0-9:;]*)([u~_])|(\\?[0-9;]*c))`, 'g');
/** The beginning of a key at the end of the input. */
const BEGUN = new RegExp(`${CSI}[0-9:;?]{0,64}$`);

const NOTHING: Buffer = Buffer.alloc(0);

export interface KeyReaderOptions {
  /** The byte of the escape key. */
  readonly escapeKey: () => number | undefined;
  /** Whether the terminal sends keys as sequences, so that ESC alone is not a key. */
  readonly hasKeyboardProtocol: () => boolean;
  /** Receives what was read, with the byte of the escape key in place of its other forms. */
  readonly deliver: (bytes: Buffer) => void;
}

export class KeyReader {
  readonly #options: KeyReaderOptions;
  #begun: Buffer = NOTHING;
  #timer: SilenceTimer | undefined;
  /** The number of answers to DA1 that have arrived. */
  #identities = 0;
  /** The answer to wait for, which is not delivered. */
  #fence: { number: number; reached: () => void } | undefined;
  #inputArrived: () => void = () => {};

  constructor(options: KeyReaderOptions) {
    this.#options = options;
  }

  readonly read = (chunk: Buffer): void => {
    this.#inputArrived();
    const bytes = this.#begun.length === 0 ? chunk : Buffer.concat([this.#begun, chunk]);
    this.#timer?.stop();
    this.#begun = NOTHING;
    const text = bytes.toString('latin1');
    const cut = this.#cutOf(text);
    if (cut < text.length) {
      this.#begun = bytes.subarray(cut);
      this.#timer = new SilenceTimer(REST_MS, () => this.#flush());
    }
    const keys = this.#translate(text.slice(0, cut), bytes.subarray(0, cut));
    if (keys.length > 0) this.#options.deliver(keys);
  };

  /**
   * Waits for the terminal's answer to its `number`th DA1. If the terminal does not answer, the wait ends when no
   * input has arrived for a second.
   */
  untilIdentity(number: number): Promise<void> {
    if (this.#identities >= number) return Promise.resolve();
    return new Promise(resolve => {
      const finish = () => {
        quiet.stop();
        limit.stop();
        this.#fence = undefined;
        this.#inputArrived = () => {};
        // Earlier requests without an answer will not be answered.
        this.#identities = number;
        resolve();
      };
      const quiet = new SilenceTimer(ANSWER_MS, finish);
      const limit = new SilenceTimer(ANSWERS_MS, finish);
      this.#inputArrived = () => quiet.restart();
      this.#fence = { number, reached: finish };
    });
  }

  /** Stops reading. */
  stop(): void {
    this.#timer?.stop();
    this.#begun = NOTHING;
    this.#fence?.reached();
  }

  #flush(): void {
    const bytes = this.#begun;
    this.#begun = NOTHING;
    this.#options.deliver(bytes);
  }

  /** The position of a sequence at the end of the text whose rest may not have arrived yet. */
  #cutOf(text: string): number {
    const begun = BEGUN.exec(text);
    const hasProtocol = this.#options.hasKeyboardProtocol() || this.#fence !== undefined;
    if (begun !== null && (begun[0].length > 2 || hasProtocol)) return begun.index;
    return hasProtocol && /[\x1b\xc2]$/.test(text) ? text.length - 1 : text.length;
  }

  #translate(text: string, bytes: Buffer): Buffer {
    const escapeKey = this.#options.escapeKey();
    let parts: Buffer[] | undefined;
    let at = 0;
    for (const match of text.matchAll(SEQUENCE)) {
      const [whole, parameters = '', final = '', identity] = match;
      let put: Buffer | undefined;
      if (identity !== undefined) {
        this.#identities++;
        if (this.#fence === undefined || this.#identities < this.#fence.number) continue;
        this.#fence.reached();
        put = NOTHING;
      } else if (escapeKey !== undefined) {
        const meaning = meaningOf(parameters, final, escapeKey);
        if (meaning === 'other') continue;
        put = meaning === 'escape' ? Buffer.of(escapeKey) : NOTHING;
      } else continue;
      parts ??= [];
      parts.push(bytes.subarray(at, match.index), put);
      at = match.index + whole.length;
    }
    return parts === undefined ? bytes : Buffer.concat([...parts, bytes.subarray(at)]);
  }
}
