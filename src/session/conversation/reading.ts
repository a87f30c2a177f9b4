/** Reads a session as text, up to an awaited pattern. */
import { TelptyError } from '../../errors.ts';
import { check, type OptionTable, readOptions, whole } from '../../options.ts';
import type { CommandEvent } from '../../protocol/index.ts';
import type { Conversation } from './conversation.ts';
import { Received } from './received.ts';
import { type Pattern, Search } from './search.ts';
import { type PartialWaitOptions, type WaitOptions, waitOptions, within } from './waiting.ts';

export type { Pattern } from './search.ts';

/** Amount of text that is kept if it will not be returned, in bytes. */
const KEPT_BYTES = 64 * 1024;

/** How to read. */
export interface ReadOptions extends WaitOptions {
  /** The maximum to read, in bytes; default 1,048,576 (1 MiB). Beyond it the call rejects with `ERR_TOO_LONG`. */
  readonly maxLength?: number | undefined;
}

export const readingOptions = {
  ...waitOptions,
  maxLength: whole({ default: 1024 * 1024 }),
} satisfies OptionTable<ReadOptions>;

/** The result of a read. */
export interface ReadResult {
  /** All text that was read, up to the end of the match; text after it is left for the next reader. */
  readonly text: string;
  /** The text before the match. */
  readonly before: string;
  /** The text that matched. */
  readonly match: string;
  /** The captures of the groups of the regular expression. */
  readonly groups: readonly (string | undefined)[];
  /** The index of the pattern that matched, if several were given. */
  readonly index: number;
}

/** The next step of {@link readText}. */
export type Look<T> =
  /** Done: the first `used` characters are consumed, and the rest is left for the next reader. */
  | { readonly used: number; readonly value: T }
  /**
   * Read on. Look again, with `isQuiet`, when nothing arrives for `quiet` milliseconds; and after `again` milliseconds
   * in any case.
   */
  | { readonly quiet?: number | undefined; readonly again?: number | undefined };

/** Why {@link readText} looks. */
export interface Occasion {
  /** Nothing has arrived for the requested time. */
  readonly isQuiet: boolean;
  /** No more text will arrive or be waited for. */
  readonly isLast: boolean;
  /** More input has arrived but has not been read yet, so the text does not end here. Only with `isSliced`. */
  readonly isCut?: boolean;
  /** The command `mark` has arrived right after this text. */
  readonly isMarked?: boolean;
}

/** The size of the first slice, if the input is read in slices, in bytes; each slice is twice the previous one. */
const SLICE = 1024;

/** How {@link readText} reads. */
export interface ReadTextOptions extends ReadOptions, PartialWaitOptions {
  /** The text is dropped: it may exceed `maxLength`, and only its end is kept. */
  readonly isDropped?: boolean;
  /**
   * Whether to look at the beginning of the input first. Without this, each of many calls that take little of the input
   * would decode all of it.
   */
  readonly isSliced?: boolean;
  /** A Telnet command, GA or EOR, after which the text received before it is checked. */
  readonly mark?: number | undefined;
  /** Advice for errors. */
  readonly advice: string;
  /** Look, with `isQuiet`, if nothing at all arrives for this time, in milliseconds. */
  readonly silence?: number | undefined;
}

/** @throws TelptyError `ERR_INVALID_ARGUMENT` for a session that cannot be read now. */
export function checkReading(conversation: Conversation): void {
  check(conversation.stream.readableEncoding === null, 'a session cannot be read by patterns after setEncoding()');
  check(!conversation.isReading, 'another call is reading this session');
}

/** Makes `block` the only reader of the session until it has settled. Call {@link checkReading} first. */
export async function asReader<T>(conversation: Conversation, block: () => Promise<T>): Promise<T> {
  conversation.isReading = true;
  try {
    return await block();
  } finally {
    conversation.isReading = false;
  }
}

const READ_ADVICE = 'compare the pattern with what was received (text)';

/** See `Session.readUntil`. */
export async function readUntil(
  conversation: Conversation,
  pattern: Pattern,
  options: ReadOptions = {},
): Promise<ReadResult> {
  readOptions('readUntil', readingOptions, options);
  const search = new Search(pattern);
  checkReading(conversation);
  const result = await asReader(conversation, () =>
    readText<ReadResult>(
      conversation,
      `${search}`,
      { ...options, isSliced: true, advice: READ_ADVICE },
      (text, { isLast, isCut }) => {
        const found = search.in(text, isLast);
        if (typeof found === 'number') return { again: found };
        if (isCut && found !== undefined && !search.isDecided(found, text)) return {};
        if (found === undefined) {
          text.release(search.needed);
          return {};
        }
        const { at, match, groups, index } = found;
        const used = at + match.length;
        const all = text.toString();
        return { used, value: { text: all.slice(0, used), before: all.slice(0, at), match, groups, index } };
      },
    ),
  );
  conversation.readUntil(result.text);
  return result;
}

/**
 * Reads text until `look` returns a result. `look` is called with all text received, each time some has arrived.
 *
 * On failure, nothing is lost: the next reader gets the text.
 *
 * @param what what is awaited, for errors: a noun without an article.
 * @throws (rejects) as `Session.readUntil`.
 */
export function readText<T>(
  conversation: Conversation,
  what: string,
  options: ReadTextOptions,
  look: (text: Received['text'], occasion: Occasion) => Look<T>,
): Promise<T> {
  const { stream, link } = conversation;
  const {
    maxLength = readingOptions.maxLength.default,
    isDropped = false,
    isSliced = false,
    mark,
    silence,
    advice,
  } = options;
  return within<T>(what, options, waiter => {
    const input = new Received();
    const describe = (text: string) => `${conversation.sent.describeLast(text)}; ${advice}`;
    let quiet: NodeJS.Timeout | undefined;
    let again: NodeJS.Timeout | undefined;
    let isOver = false;
    /** @returns whether the read is done. */
    const decide = (occasion: Occasion): boolean => {
      let next: Look<T>;
      try {
        next = look(input.text, occasion);
      } catch (error) {
        waiter.reject(error);
        return true;
      }
      if ('used' in next) {
        input.consume(next.used);
        waiter.resolve(next.value);
        return true;
      }
      if (next.quiet !== undefined) quiet ??= setTimeout(whenQuiet, next.quiet);
      if (next.again !== undefined) again ??= setTimeout(lookAgain, next.again);
      return false;
    };
    // Input that has arrived, but was not read because this process was busy, is in time.
    const whenQuiet = (): void => {
      const { length } = input;
      setImmediate(() => {
        if (isOver || input.length !== length || quiet === undefined) return;
        quiet = undefined;
        decide({ isQuiet: true, isLast: false });
      });
    };
    const lookAgain = (): void => {
      again = undefined;
      decide({ isQuiet: false, isLast: false });
    };
    const closed = (): void => {
      if (isOver || read() || decide({ isQuiet: true, isLast: true })) return;
      const cause = stream.errored ?? undefined;
      const details = { text: `${input.text}`, ...(cause && { cause }) };
      const hangupReason = link.ending.reason;
      const why = hangupReason === undefined ? '' : ` (${hangupReason})`;
      const message = `no ${what} before the session ended${why}; ${conversation.sent.describeLast(details.text)}`;
      waiter.reject(new TelptyError('ERR_SESSION_CLOSED', message, details));
    };
    /** Positions of the marks in the input, in bytes; the first is one that was not read past. */
    const marks: number[] = [];
    const marked = ({ command }: CommandEvent): void => {
      if (command !== mark) return;
      marks.push(link.inputPosition + link.inputLength);
      read();
    };
    let slice = SLICE;
    const next = (): Buffer | null => {
      const toMark = marks.length === 0 ? undefined : marks[0]! - link.inputPosition;
      if (toMark !== undefined && toMark < stream.readableLength) return toMark === 0 ? null : stream.read(toMark);
      const isCut = isSliced && stream.readableLength > slice;
      const chunk = (isCut ? stream.read(slice) : stream.read()) as Buffer | null;
      slice *= 2;
      return chunk;
    };
    /** @returns whether the read is done. */
    const atMark = (): boolean => {
      marks.shift();
      return decide({ isQuiet: false, isLast: false, isMarked: true });
    };
    /** @returns whether the read is done. */
    const read = (): boolean => {
      const { length } = input;
      for (let chunk = next(); chunk !== null; chunk = next()) {
        for (const { bytes, encoding } of link.encodingRuns(chunk)) input.add(bytes, encoding);
        if (link.inputPosition === marks[0] && atMark()) return true;
        if (isDropped) input.keepLast(KEPT_BYTES);
        else if (input.length > maxLength) break;
        else if (isSliced && link.inputLength > 0 && decide({ isQuiet: false, isLast: false, isCut: true }))
          return true;
      }
      if (link.inputPosition === marks[0] && atMark()) return true;
      if (input.length === length) return false;
      clearTimeout(quiet);
      quiet = undefined;
      const isTooLong = input.length > maxLength && !isDropped;
      if (decide({ isQuiet: false, isLast: isTooLong })) return true;
      if (!isTooLong) return false;
      const text = `${input.text}`;
      const message = `no ${what} within ${maxLength} bytes; ${describe(text)}; or set a larger maxLength`;
      waiter.reject(new TelptyError('ERR_TOO_LONG', message, { text }));
      return true;
    };
    waiter.atLast = () => decide({ isQuiet: false, isLast: true });
    stream.on('readable', read).on('end', closed).on('close', closed);
    if (mark !== undefined) stream.on('command', marked);
    if (silence !== undefined) quiet = setTimeout(whenQuiet, silence);
    if (stream.readableEnded || stream.destroyed) closed();
    return () => {
      isOver = true;
      clearTimeout(quiet);
      clearTimeout(again);
      stream.off('readable', read).off('end', closed).off('close', closed).off('command', marked);
      const text = `${input.text}`;
      const rest = input.unused();
      if (rest.length > 0) link.putBack(rest);
      if (input.used > 0) conversation.read(input.text, input.used, link.inputPosition);
      return { text, describe: () => describe(text) };
    };
  });
}
