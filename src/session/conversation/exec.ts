/** Commands and their output. */
import { decoder, encoder } from '../../charset/index.ts';
import { boolean, check, checkValue, type OptionTable, oneOf, readOptions, where, whole } from '../../options.ts';
import { Command } from '../../protocol/index.ts';
import { EchoFinder } from './command-echo.ts';
import type { Conversation } from './conversation.ts';
import {
  countdown,
  type LineOptions,
  lineOptions,
  lineText,
  MAX_SETTLE_MS,
  type QuietTimes,
  quietTimes,
  send,
  withLineFeeds,
} from './dialogue.ts';
import type { GrowingText } from './growing-text.ts';
import { Pager } from './pager.ts';
import {
  isMarkAlone,
  lastLineOf,
  type PromptAtEnd,
  promptAtEnd,
  ROW_START,
  render,
  withoutRedraws,
} from './prompts.ts';
import {
  asReader,
  checkReading,
  type Look,
  type Occasion,
  type ReadOptions,
  readingOptions,
  readText,
} from './reading.ts';
import { catchUp } from './resync.ts';
import { type Found, type Pattern, patternOption, Search } from './search.ts';

/** How a command is run; see `Session.exec`. */
export interface ExecOptions extends ReadOptions, LineOptions {
  /**
   * The text by which the other end shows that it is done; a match counts at once. Default: the prompt that this
   * session has shown before, if nothing follows it (for 100 ms, if it is only a mark, such as `$ `). Or a line that
   * ends in `$`, `#`, `%` or `>` and a space. Nothing may follow it for 250 ms (1 s, if it does not resemble the known
   * prompt). These times are shorter if `timeout` is less than a second. A prompt without the space, such as `Router>`,
   * must have appeared before a command: at the end of the text that `login` or `readUntil` has read.
   */
  readonly prompt?: Pattern | undefined;
  /** Whether the other end's echo of the command is removed from the output; default true. */
  readonly stripEcho?: boolean | undefined;
  /**
   * Whether a pager of the other end is answered. `true` recognizes the pagers of common devices, such as `--More--`,
   * `<--- More --->` and `Press any key to continue`. A regular expression is matched against the last line of the
   * output, as a user sees it. A space requests the next page (Return, if the pager asks for that), and the text of the
   * pager is removed from the output. Default: the pager's text is part of the output.
   */
  readonly pager?: true | RegExp | undefined;
  /**
   * Whether the output is returned as a user sees it: without control sequences, with backspaces and overwriting
   * applied. The remains of a prompt that was drawn several times are removed. Default false.
   */
  readonly clean?: boolean | undefined;
  /**
   * How long nothing may follow text that looks like a prompt but was not shown before, in milliseconds, up to 60,000.
   * If omitted: 250, and 1,000 for text that does not resemble the known prompt. With `until: 'quiet'`: how long the
   * other end must be silent; if omitted: 1,000.
   */
  readonly settle?: number | undefined;
  /**
   * The end of the output; default `'prompt'`, see `prompt`. `'quiet'`: nothing arrived for `settle` milliseconds.
   * `'go-ahead'` and `'end-of-record'`: the other end sent GA (RFC 854) or EOR (RFC 885), as MUDs do after a prompt.
   * The line that ends there is used as the prompt.
   */
  readonly until?: 'prompt' | 'quiet' | 'go-ahead' | 'end-of-record' | undefined;
}

export const execOptions = {
  ...readingOptions,
  ...lineOptions,
  prompt: patternOption,
  stripEcho: boolean({ default: true }),
  pager: where<true | RegExp>('true or a RegExp', value => value === true || value instanceof RegExp),
  clean: boolean({ default: false }),
  settle: whole({ max: MAX_SETTLE_MS }),
  until: oneOf(['prompt', 'quiet', 'go-ahead', 'end-of-record'], { default: 'prompt' }),
} satisfies OptionTable<ExecOptions>;

/** Names of the awaited ends, for errors. */
const ENDS = { prompt: 'prompt', quiet: 'pause in the output', 'go-ahead': 'GA', 'end-of-record': 'EOR' };
/** Advice for errors, if the end is not received. */
const ADVICE = {
  prompt: 'give prompt: /…/ or call findPrompt()',
  quiet: 'give a smaller settle',
  'go-ahead': "leave out until: 'go-ahead'",
  'end-of-record': "leave out until: 'end-of-record'",
};
const GIVEN_ADVICE = 'compare prompt with what was received (text)';
/** Default duration of the silence that ends the output, in milliseconds. */
const QUIET_MS = 1_000;

/** See `Session.exec`. */
export async function exec(conversation: Conversation, command: string, options: ExecOptions = {}): Promise<string> {
  const { stripEcho, clean, until } = readOptions('exec', execOptions, options);
  const { prompt, settle, eol, timeout, signal, maxLength } = options;
  checkValue('a command', lineText, command);
  check(until === 'prompt' || prompt === undefined, `until: '${until}' and prompt exclude each other`);
  const given = prompt === undefined ? undefined : new Search(prompt);
  checkReading(conversation);
  return asReader(conversation, async () => {
    const left = countdown(timeout);
    const quiet = quietTimes(timeout, settle);
    await catchUp(conversation, prompt, { timeout: left(), limit: timeout, signal });
    const answer = new Answer(conversation, command, { ...options, quiet, stripEcho, until });
    conversation.sent.add(command);
    send(conversation, command, eol);
    try {
      const what = given === undefined ? ENDS[until] : `${given}`;
      const advice = given === undefined ? ADVICE[until] : GIVEN_ADVICE;
      const mark = until === 'go-ahead' ? Command.GA : until === 'end-of-record' ? Command.EOR : undefined;
      const silence = until === 'quiet' ? (settle ?? QUIET_MS) : undefined;
      const read = { timeout: left(), limit: timeout, signal, maxLength, mark, silence, advice };
      const output = await readText<string>(conversation, what, read, (text, occasion) => answer.look(text, occasion));
      conversation.answered();
      return clean ? cleanOutput(output) : withLineFeeds(output);
    } catch (error) {
      conversation.pendingPrompt = { prompt, position: conversation.link.inputPosition };
      throw error;
    }
  });
}

/** The position of a prompt in a text. */
interface PromptPlace {
  readonly start: number;
  readonly end: number;
  readonly likeness: PromptAtEnd['likeness'];
}

/** The output of a command, while it is received. */
class Answer {
  readonly #conversation: Conversation;
  readonly #given: Search | undefined;
  readonly #quiet: QuietTimes;
  readonly #stripEcho: boolean;
  readonly #until: NonNullable<ExecOptions['until']>;
  readonly #settle: number;
  readonly #pager: Pager | undefined;
  readonly #sendKey: (key: string) => void;
  readonly #finder: EchoFinder;
  readonly #expectsEcho: boolean;
  /** Whether the command is a Return alone: a missing echo of it is not evidence that the other end does not echo. */
  readonly #isEmpty: boolean;
  /** Whether several prompts may come. */
  readonly #hasLines: boolean;
  #echo: ReturnType<EchoFinder['find']>;
  /** The last prompt so far, if several may come. */
  #last: Found | undefined;

  constructor(
    conversation: Conversation,
    command: string,
    {
      prompt,
      quiet,
      stripEcho,
      until,
      pager,
      settle = QUIET_MS,
    }: ExecOptions & { quiet: QuietTimes; stripEcho: boolean; until: NonNullable<ExecOptions['until']> },
  ) {
    const { encoding } = conversation.link;
    this.#stripEcho = stripEcho;
    this.#until = until;
    this.#settle = settle;
    this.#pager = pager === undefined ? undefined : new Pager(pager);
    this.#sendKey = key => conversation.stream.write(key === '\r' ? encoder(encoding).write('\r\n') : key);
    // The command as the other end receives it: a character that its set lacks is replaced.
    const sent = decoder(encoding).write(encoder(encoding).write(command));
    this.#conversation = conversation;
    this.#given = prompt === undefined ? undefined : new Search(prompt);
    this.#quiet = quiet;
    this.#finder = new EchoFinder(sent, conversation.prompt?.shown, prompt);
    this.#expectsEcho = conversation.echoes !== false;
    this.#isEmpty = command.trim() === '';
    this.#hasLines = /\n./s.test(command);
  }

  look(text: GrowingText, occasion: Occasion): Look<string> {
    if (this.#echo === undefined) {
      this.#echo = this.#finder.find(text);
      // The pattern must not match in the command itself.
      if (this.#echo !== undefined) {
        this.#given?.skipTo(this.#echo.end);
        if (this.#last !== undefined && this.#last.at < this.#echo.end) this.#last = undefined;
      }
    }
    const more = this.#pager === undefined ? undefined : this.#askForMore(this.#pager, text, occasion);
    if (more !== undefined) return more;
    if (this.#until !== 'prompt') return this.#lookForEnd(text, occasion);
    const prompt = this.#prompt(text, occasion);
    if (typeof prompt === 'number') return { again: prompt };
    if (prompt === undefined) {
      text.release(
        Math.min(this.#echo === undefined ? this.#finder.needed : text.length, this.#given?.needed ?? text.length),
      );
      return {};
    }
    // A prompt before the echo is that of an earlier command, unless the other end does not echo.
    const isEarly = this.#echo === undefined && this.#expectsEcho;
    const isExact = prompt.likeness === 'exact' && !this.#hasLines;
    const isMark = this.#given === undefined && isExact && isMarkAlone(this.#conversation.prompt!);
    const isSure = isExact && (occasion.isLast || !(isEarly || isMark));
    if (!isSure && !occasion.isQuiet) return { quiet: this.#quiet[isMark && !isEarly ? 'mark' : prompt.likeness] };
    return this.#done(text, prompt.start, prompt.end);
  }

  /** @param start start of the prompt. @param used its end. */
  #done(text: GrowingText, start: number, used: number): Look<string> {
    if (this.#echo !== undefined) this.#conversation.echoes = true;
    else if (!this.#isEmpty) this.#conversation.echoes = false;
    const from = (this.#stripEcho ? this.#echo?.end : this.#echo?.start) ?? 0;
    const all = text.toString();
    const output = this.#pager?.remove(all.slice(from, start), from) ?? all.slice(from, start);
    return { used, value: withoutRedraws(output, lastLineOf(all.slice(start, used)).shown) };
  }

  /** Checks for an end of the output other than a prompt. */
  #lookForEnd(text: GrowingText, { isQuiet, isLast, isMarked }: Occasion): Look<string> {
    if (this.#until === 'quiet') {
      if (isQuiet || isLast) return this.#done(text, text.length, text.length);
      return { quiet: this.#settle };
    }
    if (!isMarked) return {};
    return this.#done(text, text.length - lineAtEnd(text.end).length, text.length);
  }

  /** Asks a pager for the next page. @returns the next step, if a pager waits or may wait. */
  #askForMore(pager: Pager, text: GrowingText, { isQuiet }: Occasion): Look<string> | undefined {
    const { end } = text;
    const start = Math.max(text.length - lineAtEnd(end).length, pager.answeredUntil, this.#echo?.end ?? 0);
    const line = end.slice(end.length - (text.length - start));
    const waiting = pager.keyFor(line);
    if (waiting === undefined) return undefined;
    // A line of output may look like a pager's text, but nothing follows the text of a pager.
    if (!waiting.isKnown && !isQuiet) return { quiet: this.#quiet.mark };
    pager.answered(start, line);
    this.#sendKey(waiting.key);
    return {};
  }

  /** The position of the prompt, if there is one; a number: see {@link Search.in}. */
  #prompt(text: GrowingText, { isQuiet, isLast }: Occasion): PromptPlace | number | undefined {
    if (this.#given === undefined) {
      const found = promptAtEnd(text.end, this.#conversation.prompt);
      const start = text.length - (found?.length ?? 0);
      if (found === undefined || start < (this.#echo?.end ?? 0)) return undefined;
      return { start, end: text.length, likeness: found.likeness };
    }
    let found = this.#given.in(text, isLast);
    // Of the prompts of several lines, the last counts. Each search begins after the previous match, so all are one
    // search.
    while (this.#hasLines && typeof found === 'object' && found.match !== '') {
      this.#last = found;
      this.#given.skipTo(found.at + found.match.length);
      found = this.#given.in(text, true);
    }
    if (typeof found === 'number') return found;
    found ??= this.#last;
    // A pattern such as /\$ $/ may have matched only because the text ended there at that time.
    if (found === this.#last && isQuiet && found !== undefined && !this.#given.holds(found, text)) return undefined;
    return found && { start: found.at, end: found.at + found.match.length, likeness: 'exact' };
  }
}

/** The last line of a text, as received. */
const lineAtEnd = (end: string) => end.slice(end.lastIndexOf('\n') + 1);

/**
 * Returns a text as a terminal without a right edge would show it, line by line. Lines end in LF. Control sequences
 * that move within the line are applied; all others, in particular colours, are dropped. Tabs are kept.
 */
export function cleanOutput(text: string): string {
  if (!/[\x00-\x08\x0b-\x1f\x7f]/.test(text)) return text;
  return text
    .replace(/\r*\n\r*/g, '\n')
    .replace(ROW_START, '\n')
    .split('\n')
    .map(cleanLine)
    .join('\n');
}

function cleanLine(line: string): string {
  if (!/[\x00-\x08\x0b-\x1f\x7f]/.test(line)) return line;
  // Erased characters leave blanks, and an incomplete sequence leaves its ESC.
  return render(line, true).text.replaceAll('\x1b', '').trimEnd();
}
