/** Reading a session as text, up to what one waits for. */
import { TelptyError } from '../../errors.ts';
import { check, type OptionTable, readOptions, whole } from '../../options.ts';
import type { CommandEvent } from '../../protocol/index.ts';
import type { Conversation } from './conversation.ts';
import { Received } from './received.ts';
import { type Pattern, Search } from './search.ts';
import { type PartialWaitOptions, type WaitOptions, waitOptions, within } from './waiting.ts';

export type { Pattern } from './search.ts';

/** What is kept of text that nobody will be given, in bytes. */
const KEPT_BYTES = 64 * 1024;

/** How to read. */
export interface ReadOptions extends WaitOptions {
  /** The most to read for it, in bytes; default 1,048,576 (1 MiB). With more the call rejects with `ERR_TOO_LONG`. */
  readonly maxLength?: number | undefined;
}

export const readingOptions = {
  ...waitOptions,
  maxLength: whole({ default: 1024 * 1024 }),
} satisfies OptionTable<ReadOptions>;

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

/** What {@link readText} is to do next. */
export type Look<T> =
  /** It is done; the first `used` characters are used up, and what follows is left for the next reader. */
  | { readonly used: number; readonly value: T }
  /**
   * To read on. Look again, with `isQuiet`, when nothing comes for `quiet` milliseconds; and after `again` milliseconds,
   * whatever comes.
   */
  | { readonly quiet?: number | undefined; readonly again?: number | undefined };

/** Why {@link readText} looks. */
export interface Occasion {
  /** Nothing has come for as long as was asked for. */
  readonly isQuiet: boolean;
  /** Nothing more will come, or be waited for. */
  readonly isLast: boolean;
  /** More has come, and was not read yet: what is there does not end here. Only with `isSliced`. */
  readonly isCut?: boolean;
  /** The command `mark` has come right behind what is there. */
  readonly isMarked?: boolean;
}

/** What is read first where the input is looked at in slices, in bytes; each slice is twice the one before. */
const SLICE = 1024;

/** How {@link readText} reads. */
export interface ReadTextOptions extends ReadOptions, PartialWaitOptions {
  /** What is read is dropped: it may be more than `maxLength`, and only the end of it is kept. */
  readonly isDropped?: boolean;
  /**
   * Whether to look at the beginning of what has come first. Else many calls, each of which takes little of it, would decode all
   * of it each time.
   */
  readonly isSliced?: boolean;
  /** A command of Telnet that matters, GA or EOR: it is looked at what is there where it has come. */
  readonly mark?: number | undefined;
  /** What to try if it fails, for errors. */
  readonly advice: string;
  /** Look, with `isQuiet`, if nothing at all comes for so long, in milliseconds. */
  readonly silence?: number | undefined;
}

/** @throws TelptyError `ERR_INVALID_ARGUMENT` for a session that cannot be read now. */
export function checkReading(conversation: Conversation): void {
  check(conversation.stream.readableEncoding === null, 'a session cannot be read by patterns after setEncoding()');
  check(!conversation.isReading, 'another call is reading this session');
}

/** Has the session for oneself: nobody else reads it until `block` has settled. Call {@link checkReading} before. */
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
 * Reads as text until `look` has what it wants. It is called when something has come, with all that has.
 *
 * When it fails, nothing is lost: whoever reads next reads it.
 *
 * @param what is waited for, for errors: a noun without an article.
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
    /** @returns whether it is done. */
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
    // What is there already, but was not read since this process was busy, has come in time.
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
    /** Where in the input the mark has come, in bytes; the first that was not read past. */
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
    /** @returns whether it is done. */
    const atMark = (): boolean => {
      marks.shift();
      return decide({ isQuiet: false, isLast: false, isMarked: true });
    };
    /** @returns whether it is done. */
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
