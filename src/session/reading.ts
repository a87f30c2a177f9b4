/** Reading a session as text, up to what one waits for. */
import { decoder } from '../charset/index.ts';
import { check, checkWhole } from '../check.ts';
import { TelptyError } from '../errors.ts';
import type { Speaker } from './speaker.ts';
import { type WaitOptions, within } from './waiting.ts';

/** The most that is read for one pattern unless told otherwise, in bytes. */
const MAX_BYTES = 1024 * 1024;

/** What is looked for: a string as it is, or a regular expression in all that was read so far; of several the first to come. */
export type Pattern = string | RegExp | readonly (string | RegExp)[];

/** How to read. */
export interface ReadOptions extends WaitOptions {
  /** The most to read for it, in bytes; default 1 MiB. With more the call rejects with `ERR_TOO_LONG`. */
  readonly maxLength?: number | undefined;
}

/** What was read. */
export interface ReadResult {
  /** All that was read: up to the end of the match, and what stands behind it is left for the next reader. */
  readonly text: string;
  /** What stands before the match. */
  readonly before: string;
  /** What matched. */
  readonly match: string;
  /** What the groups of the regular expression have caught. */
  readonly groups: readonly (string | undefined)[];
  /** Which pattern it was, where several were given. */
  readonly index: number;
}

/** Sessions that somebody is reading: two at once would each get a part. */
const reading = new WeakSet<Speaker>();

/** See `Session.readUntil`. */
export async function readUntil(session: Speaker, pattern: Pattern, options: ReadOptions = {}): Promise<ReadResult> {
  const search = new Search(pattern);
  const { maxLength = MAX_BYTES } = options;
  checkWhole('maxLength', maxLength, Number.MAX_SAFE_INTEGER);
  check(
    session.readableEncoding === null,
    'a session with an encoding set by setEncoding() cannot be read by patterns',
  );
  check(!reading.has(session), 'somebody else is reading this session');
  const what = `${search}`;
  return within(what, options, ({ resolve, reject }) => {
    const input = new Received(session.encoding);
    const closed = (): void => {
      const cause = session.errored ?? undefined;
      const details = { text: input.text, ...(cause && { cause }) };
      reject(new TelptyError('ERR_SESSION_CLOSED', `the session ended without ${what}`, details));
    };
    const look = (): void => {
      for (let chunk = session.read() as Buffer | null; chunk !== null; chunk = session.read() as Buffer | null) {
        input.add(chunk);
        const result = search.in(input.text);
        if (result !== undefined) {
          input.consume(result.text.length);
          resolve(result);
          return;
        }
        if (input.length > maxLength) {
          const message = `${maxLength} bytes have come without ${what}`;
          reject(new TelptyError('ERR_TOO_LONG', message, { text: input.text }));
          return;
        }
      }
    };
    reading.add(session);
    session.on('readable', look).on('end', closed).on('close', closed);
    if (session.readableEnded || session.destroyed) closed();
    return () => {
      reading.delete(session);
      session.off('readable', look).off('end', closed).off('close', closed);
      const { text } = input;
      // Nothing is lost by a pattern that did not come: whoever reads next reads it.
      const rest = input.unused();
      if (rest.length > 0 && !session.readableEnded && !session.destroyed) session.unshift(rest);
      return text;
    };
  });
}

/** Looks for patterns in a text that grows. */
class Search {
  readonly #patterns: readonly (string | RegExp)[];
  /** What was searched already, in characters. */
  #searched = 0;

  constructor(pattern: Pattern) {
    const patterns = Array.isArray(pattern) ? (pattern as readonly (string | RegExp)[]) : [pattern as string | RegExp];
    check(patterns.length > 0, 'there is nothing to look for');
    this.#patterns = patterns.map(one => {
      check((typeof one === 'string' && one !== '') || one instanceof RegExp, 'a pattern is a string or a RegExp');
      // Neither is to begin where another search has left off.
      return one instanceof RegExp ? new RegExp(one.source, one.flags.replace(/[gy]/g, '')) : one;
    });
  }

  in(text: string): ReadResult | undefined {
    let first: { at: number; match: string; groups: readonly (string | undefined)[]; index: number } | undefined;
    for (const [index, pattern] of this.#patterns.entries()) {
      const found = typeof pattern === 'string' ? this.#string(text, pattern) : expression(text, pattern);
      if (found !== undefined && (first === undefined || found.at < first.at)) first = { ...found, index };
    }
    this.#searched = text.length;
    if (first === undefined) return undefined;
    const { at, match, groups, index } = first;
    return { text: text.slice(0, at + match.length), before: text.slice(0, at), match, groups, index };
  }

  #string(text: string, pattern: string) {
    const at = text.indexOf(pattern, Math.max(0, this.#searched - pattern.length + 1));
    return at < 0 ? undefined : { at, match: pattern, groups: [] };
  }

  toString(): string {
    return this.#patterns.map(one => (typeof one === 'string' ? JSON.stringify(one) : String(one))).join(' or ');
  }
}

function expression(text: string, pattern: RegExp) {
  const found = pattern.exec(text);
  return found === null ? undefined : { at: found.index, match: found[0], groups: found.slice(1) };
}

/** What was read, as bytes and as text. */
class Received {
  text = '';
  length = 0;
  readonly #charset: string;
  readonly #decoder: ReturnType<typeof decoder>;
  readonly #chunks: Buffer[] = [];
  /** Characters that are used up. */
  #used = 0;

  constructor(charset: string) {
    this.#charset = charset;
    this.#decoder = decoder(charset);
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.length += chunk.length;
    this.text += this.#decoder.write(chunk);
  }

  /** From now on the first characters are used up. */
  consume(characters: number): void {
    this.#used = characters;
  }

  /**
   * The bytes of what is not used up. Where in them a character ends only a decoder knows, and it does not say; so they are
   * decoded once more: half of what is missing at a time, since a byte can be two units of a string but never more.
   */
  unused(): Buffer {
    const bytes = Buffer.concat(this.#chunks);
    const again = decoder(this.#charset);
    let at = 0;
    for (let missing = this.#used; missing > 0 && at < bytes.length; ) {
      const step = Math.max(1, missing >> 1);
      missing -= again.write(bytes.subarray(at, at + step)).length;
      at += step;
    }
    return bytes.subarray(at);
  }
}
