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
   * What the other end shows when it is done; it counts at once. Default: the prompt that this session has shown before, when
   * nothing follows it (for 100 ms, if it is only a mark, such as `$ `); or a line that ends in `$`, `#`, `%` or `>` and a
   * space, when nothing follows it for 250 ms, and for 1 s if it does not resemble the prompt that is known. (These times are
   * shorter where `timeout` is less than a second.) A prompt without the space, such as `Router>`, must have been shown before
   * a command: at the end of what `login` or `readUntil` has read.
   */
  readonly prompt?: Pattern | undefined;
  /** Whether the command as the other end echoes it is taken out of the output; default true. */
  readonly stripEcho?: boolean | undefined;
  /**
   * Whether a pager of the other end is answered: `true` knows what common devices show (`--More--`, `<--- More --->`,
   * `Press any key to continue`); a regular expression is matched against the last line of the output, as a person sees it. The
   * next page is asked for by a space (by Return where the pager asks for that), and what the pager shows is removed from the
   * output. Default: the output of a pager is output.
   */
  readonly pager?: true | RegExp | undefined;
  /**
   * Whether the output is returned as a person reads it: without control sequences, with backspaces and overwriting applied, and
   * without what a prompt that was drawn several times leaves behind. Default false.
   */
  readonly clean?: boolean | undefined;
  /**
   * How long nothing may follow what looks like a prompt but was not shown before, in milliseconds, up to 60,000.
   * Left out: 250, and 1,000 for what does not resemble the known prompt. With `until: 'quiet'`: how long nothing may come at all; left
   * out: 1,000.
   */
  readonly settle?: number | undefined;
  /**
   * What ends the output; default `'prompt'`, see `prompt`. `'quiet'`: nothing came for `settle` milliseconds. `'go-ahead'` and
   * `'end-of-record'`: the other end sent GA (RFC 854) or EOR (RFC 885), as MUDs do behind a prompt; the line that ends there is
   * taken for the prompt.
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

/** What is waited for, for errors. */
const ENDS = { prompt: 'prompt', quiet: 'pause in the output', 'go-ahead': 'GA', 'end-of-record': 'EOR' };
/** What to try if it does not come, for errors. */
const ADVICE = {
  prompt: 'give prompt: /…/ or call findPrompt()',
  quiet: 'give a smaller settle',
  'go-ahead': "leave out until: 'go-ahead'",
  'end-of-record': "leave out until: 'end-of-record'",
};
const GIVEN_ADVICE = 'compare prompt with what was received (text)';
/** How long nothing may come where that ends the output, in milliseconds. */
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
      conversation.owed = { prompt, position: conversation.link.inputPosition };
      throw error;
    }
  });
}

/** Where a prompt stands in a text. */
interface PromptPlace {
  readonly start: number;
  readonly end: number;
  readonly likeness: PromptAtEnd['likeness'];
}

/** The output of a command, as it comes. */
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
  /** Of a Return alone no echo says that there is none. */
  readonly #isEmpty: boolean;
  /** Whether more than one prompt may come. */
  readonly #hasLines: boolean;
  #echo: ReturnType<EchoFinder['find']>;
  /** The last prompt so far, where several may come. */
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
    // As the other end has it: a character that its set lacks is another one there.
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
      // A pattern is not to be found in the command itself.
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
    // A prompt before the echo is that of an earlier command, unless nothing is echoed.
    const isEarly = this.#echo === undefined && this.#expectsEcho;
    const isExact = prompt.likeness === 'exact' && !this.#hasLines;
    const isMark = this.#given === undefined && isExact && isMarkAlone(this.#conversation.prompt!);
    const isSure = isExact && (occasion.isLast || !(isEarly || isMark));
    if (!isSure && !occasion.isQuiet) return { quiet: this.#quiet[isMark && !isEarly ? 'mark' : prompt.likeness] };
    return this.#done(text, prompt.start, prompt.end);
  }

  /** @param start where the prompt begins. @param used where it ends. */
  #done(text: GrowingText, start: number, used: number): Look<string> {
    if (this.#echo !== undefined) this.#conversation.echoes = true;
    else if (!this.#isEmpty) this.#conversation.echoes = false;
    const from = (this.#stripEcho ? this.#echo?.end : this.#echo?.start) ?? 0;
    const all = text.toString();
    const output = this.#pager?.remove(all.slice(from, start), from) ?? all.slice(from, start);
    return { used, value: withoutRedraws(output, lastLineOf(all.slice(start, used)).shown) };
  }

  /** Where the output ends without a prompt that would be looked for. */
  #lookForEnd(text: GrowingText, { isQuiet, isLast, isMarked }: Occasion): Look<string> {
    if (this.#until === 'quiet') {
      if (isQuiet || isLast) return this.#done(text, text.length, text.length);
      return { quiet: this.#settle };
    }
    if (!isMarked) return {};
    return this.#done(text, text.length - lineAtEnd(text.end).length, text.length);
  }

  /** Asks a pager for the next page. @returns what to do next, if a pager waits or may wait. */
  #askForMore(pager: Pager, text: GrowingText, { isQuiet }: Occasion): Look<string> | undefined {
    const { end } = text;
    const start = Math.max(text.length - lineAtEnd(end).length, pager.answeredUntil, this.#echo?.end ?? 0);
    const line = end.slice(end.length - (text.length - start));
    const waiting = pager.keyFor(line);
    if (waiting === undefined) return undefined;
    // A line of output may look like a pager; nothing follows a pager.
    if (!waiting.isKnown && !isQuiet) return { quiet: this.#quiet.mark };
    pager.answered(start, line);
    this.#sendKey(waiting.key);
    return {};
  }

  /** Where a prompt stands, if there is one; a number: see {@link Search.in}. */
  #prompt(text: GrowingText, { isQuiet, isLast }: Occasion): PromptPlace | number | undefined {
    if (this.#given === undefined) {
      const found = promptAtEnd(text.end, this.#conversation.prompt);
      const start = text.length - (found?.length ?? 0);
      if (found === undefined || start < (this.#echo?.end ?? 0)) return undefined;
      return { start, end: text.length, likeness: found.likeness };
    }
    let found = this.#given.in(text, isLast);
    // Of the prompts of several lines, the last. Each search begins behind the one before, so all are one search.
    while (this.#hasLines && typeof found === 'object' && found.match !== '') {
      this.#last = found;
      this.#given.skipTo(found.at + found.match.length);
      found = this.#given.in(text, true);
    }
    if (typeof found === 'number') return found;
    found ??= this.#last;
    // A pattern such as /\$ $/ may have matched where the text ended then.
    if (found === this.#last && isQuiet && found !== undefined && !this.#given.holds(found, text)) return undefined;
    return found && { start: found.at, end: found.at + found.match.length, likeness: 'exact' };
  }
}

/** The line on which a text ends, as it came. */
const lineAtEnd = (end: string) => end.slice(end.lastIndexOf('\n') + 1);

/**
 * Returns what a terminal without a right edge would show of a text, line by line. Lines end in LF. Control sequences that move
 * within the line are applied; all others, colours above all, are dropped. Tabs are kept.
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
  // What was erased leaves blanks, and a sequence that never came whole leaves its ESC.
  return render(line, true).text.replaceAll('\x1b', '').trimEnd();
}
