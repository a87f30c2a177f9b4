/** Talking to what expects a person at the other end: lines, commands, a login. */
import { decoder, encoder } from '../../charset/index.ts';
import { TelptyError } from '../../errors.ts';
import { boolean, checkValue, type OptionTable, readOptions, required, secret, text } from '../../options.ts';
import { Option } from '../../protocol/index.ts';
import { EchoFinder } from './command-echo.ts';
import { type Conversation, endsIn } from './conversation.ts';
import { END, type GrowingText } from './growing-text.ts';
import {
  endsInMark,
  isMarkAlone,
  isPromptLike,
  lastLineOf,
  type PromptAtEnd,
  promptAtEnd,
  questionOf,
} from './prompts.ts';
import {
  asReader,
  checkReading,
  type Look,
  type Occasion,
  type ReadOptions,
  type ReadTextOptions,
  readingOptions,
  readText,
} from './reading.ts';
import { type Found, type Pattern, patternOption, Search } from './search.ts';
import { WAIT_MS } from './waiting.ts';

/**
 * What only looks like a prompt counts when nothing follows it for so long, in milliseconds. Output is cut into packets
 * anywhere, and one may end in `45% `.
 */
const SETTLE_MS = 250;
/** The same for what does not resemble the prompt that is known, in milliseconds. */
const UNLIKE_MS = 1_000;
/**
 * The same for a known prompt that is a mark alone, in milliseconds: a line of output may begin with it, and a packet may end
 * behind it.
 */
const MARK_MS = 100;
/** The same for a question in a login, in milliseconds: an answer to half a line of a banner does less harm than a wrong output. */
const QUESTION_MS = 100;
/**
 * How long to wait for a prompt that is owed, in milliseconds, when somebody has read or dropped input since then, so that it
 * may be among that.
 */
const DOUBT_MS = 500;

/** Of a time limit, the part that the times above may take. */
const QUIET_SHARE = 1 / 4;

/** How a line is sent. */
export interface LineOptions {
  /**
   * What ends the line. Default: what Telnet has for the Return key, which is CR LF, and under BINARY from a client, where
   * bytes are what is typed, CR.
   */
  readonly eol?: string | undefined;
}

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
}

/** How to log in; see `Session.login`. */
export interface LoginOptions extends ReadOptions, LineOptions {
  readonly username: string;
  /** Without it a question for a password is an error. */
  readonly password?: string | undefined;
  /** What asks for the name; the default suits the usual ones. What is given wins over the defaults wherever it matches. */
  readonly loginPrompt?: Pattern | undefined;
  /** What asks for the password; likewise. */
  readonly passwordPrompt?: Pattern | undefined;
  /** What says that it was wrong; likewise. */
  readonly failure?: Pattern | undefined;
  /**
   * What shows that one is in; default as in {@link ExecOptions}, and after an answer also a prompt without a space, when
   * nothing follows it for 1 s. A line that asks for a name or a password never is.
   */
  readonly prompt?: Pattern | undefined;
}

export const lineOptions = { eol: text() } satisfies OptionTable<LineOptions>;

export const execOptions = {
  ...readingOptions,
  ...lineOptions,
  prompt: patternOption,
  stripEcho: boolean({ default: true }),
} satisfies OptionTable<ExecOptions>;

export const loginOptions = {
  ...readingOptions,
  ...lineOptions,
  username: required(text()),
  password: secret(),
  loginPrompt: patternOption,
  passwordPrompt: patternOption,
  failure: patternOption,
  prompt: patternOption,
} satisfies OptionTable<LoginOptions>;

/** What says that a name or a password was wrong. A count of earlier attempts, or a warning, does not ("3 invalid login attempts"). */
const FAILURE = new RegExp(
  [
    /(?<!\blast )login (?:incorrect|failed|invalid)\b(?! attempts)/,
    /(?<!\bunauthori[sz]ed )(?:authentication|permission|access) (?:failed|failure|denied)\b(?! to\b)/,
    /(?<!\d )(?:bad|wrong|invalid|incorrect) (?:password|login|user)(?:name)?s?\b(?! attempts)/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'i',
);

/** See `Session.sendLine`. */
export function sendLine(conversation: Conversation, text: string, options: LineOptions = {}): boolean {
  readOptions('sendLine', lineOptions, options);
  checkValue('a line', lineText, text);
  return send(conversation, text, options.eol);
}

/** Lines and commands may hold passwords. */
const lineText = secret();

function send({ stream, link }: Conversation, text: string, eol: string | undefined): boolean {
  const isBinary = link.isClient && link.telnet.isEnabled(Option.BINARY, 'local');
  const end = eol ?? (isBinary ? '\r' : '\r\n');
  return stream.write(encoder(link.encoding).write(`${text}\n`.replace(/\r?\n/g, () => end)));
}

/** See `Session.exec`. */
export async function exec(conversation: Conversation, command: string, options: ExecOptions = {}): Promise<string> {
  const { stripEcho } = readOptions('exec', execOptions, options);
  const { prompt, eol, timeout, signal, maxLength } = options;
  checkValue('a command', lineText, command);
  const given = prompt === undefined ? undefined : new Search(prompt);
  checkReading(conversation);
  return asReader(conversation, async () => {
    const left = countdown(timeout);
    await catchUp(conversation, prompt, { timeout: left(), limit: timeout, signal });
    const answer = new Answer(conversation, command, prompt, quietTimes(timeout));
    send(conversation, command, eol);
    try {
      const what = given === undefined ? 'a prompt' : `${given}`;
      const output = await readText<string>(
        conversation,
        what,
        { timeout: left(), limit: timeout, signal, maxLength },
        (text, occasion) => answer.look(text, occasion, stripEcho),
      );
      conversation.answered();
      return withLineFeeds(output);
    } catch (error) {
      conversation.owed = { prompt, position: conversation.link.inputPosition };
      throw error;
    }
  });
}

/**
 * Reads and drops what has come before a command is sent, so that it does not become that command's output: if an earlier
 * command owes its prompt, up to there, and else until nothing comes any more.
 *
 * @param prompt what the prompt is, where the caller says so.
 * @throws (rejects) as `Session.readUntil`; the command must not be sent then.
 */
async function catchUp(
  conversation: Conversation,
  prompt: Pattern | undefined,
  options: ReadTextOptions,
): Promise<void> {
  const { owed, stream, link } = conversation;
  const what = 'the prompt of the command before, so this one was not sent';
  if (options.signal?.aborted) throw options.signal.reason;
  if (stream.readableEnded || stream.destroyed || stream.writableEnded)
    throw new TelptyError('ERR_SESSION_CLOSED', 'the session ended before the command was sent');
  conversation.learnLine();
  if (owed === undefined && link.inputLength === 0) return;
  const stopped = conversation.line();
  // Without an echo the output of that command begins on the line of the prompt before it.
  const line = owed !== undefined && stopped === conversation.prompt?.raw ? '' : stopped;
  const patterns = [owed?.prompt, prompt].filter(one => one !== undefined);
  const known = conversation.prompt;
  // It may be followed by what a console logs.
  const passed = known === undefined ? undefined : new Search(`\n${known.raw}`);
  const isDoubtful = owed !== undefined && conversation.link.inputPosition !== owed.position;
  // That command was slow: what does not resemble its prompt is more likely a part of its output than another prompt.
  const unlike = Math.max(UNLIKE_MS, (options.limit || WAIT_MS) / 2);
  const quiet = { ...quietTimes(options.limit), ...(owed !== undefined && known !== undefined && { unlike }) };
  let wasPassed = false;
  await readText<void>(conversation, what, { ...options, isDropped: true }, (text, { isQuiet, isLast }) => {
    const end = text.length < text.end.length + line.length ? line + text.end : text.end;
    const atEnd = promptAtEnd(end, known);
    wasPassed ||= typeof passed?.in(text, true) === 'object';
    const isPrompt = atEnd !== undefined || wasPassed || patterns.some(one => endsIn(end, one));
    const isSure = atEnd?.likeness === 'exact' && !isMarkAlone(known!);
    const isDone = isSure || (isQuiet && (isPrompt || (!isLast && (owed === undefined || isDoubtful))));
    if (isDone) return { used: text.length, value: undefined };
    if (atEnd !== undefined) return { quiet: quiet[atEnd.likeness === 'exact' ? 'mark' : atEnd.likeness] };
    if (isPrompt || owed === undefined) return { quiet: quiet.likely };
    return isDoubtful ? { quiet: quiet.doubtful } : {};
  });
  conversation.owed = undefined;
  conversation.learnLine();
}

/** Where a prompt stands in a text. */
interface PromptPlace {
  readonly start: number;
  readonly end: number;
  readonly likeness: PromptAtEnd['likeness'];
}

/** How long nothing may come before something counts, in milliseconds. */
type QuietTimes = Readonly<Record<PromptAtEnd['likeness'] | 'mark' | 'question' | 'doubtful', number>>;

/** @param timeout the time limit of all, in milliseconds. */
function quietTimes(timeout: number | undefined): QuietTimes {
  const most = timeout ? timeout * QUIET_SHARE : Number.POSITIVE_INFINITY;
  const atMost = (time: number) => Math.min(time, most);
  return {
    exact: atMost(SETTLE_MS),
    likely: atMost(SETTLE_MS),
    unlike: UNLIKE_MS,
    mark: atMost(MARK_MS),
    question: atMost(QUESTION_MS),
    doubtful: atMost(DOUBT_MS),
  };
}

/** The output of a command, as it comes. */
class Answer {
  readonly #conversation: Conversation;
  readonly #given: Search | undefined;
  readonly #quiet: QuietTimes;
  readonly #finder: EchoFinder;
  readonly #expectsEcho: boolean;
  /** Of a Return alone no echo says that there is none. */
  readonly #isEmpty: boolean;
  /** Whether more than one prompt may come. */
  readonly #hasLines: boolean;
  #echo: ReturnType<EchoFinder['find']>;
  /** The last prompt so far, where several may come. */
  #last: Found | undefined;

  constructor(conversation: Conversation, command: string, prompt: Pattern | undefined, quiet: QuietTimes) {
    const { encoding } = conversation.link;
    // As the other end has it: a character that its set lacks is another one there.
    const sent = decoder(encoding).write(encoder(encoding).write(command));
    this.#conversation = conversation;
    this.#given = prompt === undefined ? undefined : new Search(prompt, 'prompt');
    this.#quiet = quiet;
    this.#finder = new EchoFinder(sent, conversation.prompt?.shown, prompt);
    this.#expectsEcho = conversation.echoes !== false;
    this.#isEmpty = command.trim() === '';
    this.#hasLines = /\n./s.test(command);
  }

  look(text: GrowingText, occasion: Occasion, stripEcho: boolean): Look<string> {
    if (this.#echo === undefined) {
      this.#echo = this.#finder.find(text);
      // A pattern is not to be found in the command itself.
      if (this.#echo !== undefined) {
        this.#given?.skipTo(this.#echo.end);
        if (this.#last !== undefined && this.#last.at < this.#echo.end) this.#last = undefined;
      }
    }
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
    if (this.#echo !== undefined) this.#conversation.echoes = true;
    else if (!this.#isEmpty) this.#conversation.echoes = false;
    const start = (stripEcho ? this.#echo?.end : this.#echo?.start) ?? 0;
    return { used: prompt.end, value: text.toString().slice(start, prompt.start) };
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

/** Lines that end in LF. (Each row of CRs is looked at once: a peer may send a megabyte of them.) */
const withLineFeeds = (text: string) => text.replace(text.includes('\r\r') ? /(?<!\r)\r+(?=\n)/g : /\r(?=\n)/g, '');

/** See `Session.login`. */
export async function login(conversation: Conversation, options: LoginOptions): Promise<string> {
  readOptions('login', loginOptions, options);
  const { username, password, eol, timeout, signal, maxLength } = options;
  const signs = new LoginSigns(options, quietTimes(timeout));
  checkReading(conversation);
  return asReader(conversation, async () => {
    const left = countdown(timeout);
    const answered = new Set<Step>();
    let said = '';
    for (;;) {
      const look = signs.reader(answered.size > 0);
      const read = { timeout: left(), limit: timeout, signal, maxLength };
      const { step, text } = await readText(conversation, `${signs}`, read, look);
      said += text;
      if (step === 'in') {
        conversation.answered();
        return withLineFeeds(said);
      }
      // Who asks the same again did not like the answer.
      if (step === 'refused' || answered.has(step))
        throw refusal('the other end refused the name or the password', said);
      if (step === 'password' && password === undefined) throw refusal('the other end asks for a password', said);
      answered.add(step);
      send(conversation, step === 'name' ? username : password!, eol);
    }
  });
}

/** Where in a login one is. */
type Step = 'in' | 'name' | 'password' | 'refused';

/** By what one sees where in a login one is. */
class LoginSigns {
  /** What the caller has given. */
  readonly #given: readonly { readonly step: Step; readonly pattern: string | RegExp }[];
  readonly #isGiven: ReadonlySet<Step>;
  readonly #quiet: QuietTimes;

  constructor({ prompt, loginPrompt, passwordPrompt, failure }: LoginOptions, quiet: QuietTimes) {
    this.#quiet = quiet;
    const steps: [Step, Pattern | undefined][] = [
      ['in', prompt],
      ['name', loginPrompt],
      ['password', passwordPrompt],
      ['refused', failure],
    ];
    this.#given = steps.flatMap(([step, pattern]) =>
      pattern === undefined ? [] : [pattern].flat().map(one => ({ step, pattern: one })),
    );
    this.#isGiven = new Set(this.#given.map(({ step }) => step));
  }

  /** @param mayBeRefused a refusal is said only after an answer; before one it may be any greeting. */
  reader(mayBeRefused: boolean): (text: GrowingText, occasion: Occasion) => Look<{ step: Step; text: string }> {
    const given = this.#given.filter(({ step }) => mayBeRefused || step !== 'refused');
    const search = given.length === 0 ? undefined : new Search(given.map(({ pattern }) => pattern));
    const failure = mayBeRefused && !this.#isGiven.has('refused') ? new Search(FAILURE) : undefined;
    return (text, { isQuiet, isLast }) => {
      const found = search?.in(text, isLast);
      const refused = typeof found === 'object' ? undefined : failure?.in(text, isLast);
      const said = (used: number, step: Step) => ({ used, value: { step, text: text.toString().slice(0, used) } });
      if (typeof found === 'object') {
        const used = found.at + found.match.length;
        return said(used, this.#questionAt(text, used) ?? given[found.index]!.step);
      }
      if (typeof refused === 'object') {
        const used = refused.at + refused.match.length;
        // What follows on the line may show that it is something else.
        const isWhole = isQuiet || text.from(used).includes('\n');
        return isWhole ? said(used, 'refused') : { quiet: this.#quiet.question };
      }
      text.release(Math.min(search?.needed ?? text.length, failure?.needed ?? text.length));
      const again = [found, refused].find(one => one !== undefined);
      const { shown } = lastLineOf(text.end);
      const step = this.#stepOf(shown, mayBeRefused);
      if (step === undefined || again !== undefined) return { again };
      if (isQuiet) return said(text.length, step);
      if (step !== 'in') return { quiet: this.#quiet.question };
      return { quiet: this.#quiet[endsInMark(shown) ? 'unlike' : 'likely'] };
    };
  }

  /** The question that was given and ends here: a pattern for prompts may match all of its line (`/^.*> $/m`). */
  #questionAt(text: GrowingText, at: number): Step | undefined {
    const before = text.from(Math.max(0, at - END)).slice(0, Math.min(at, END));
    const isQuestion = ({ step, pattern }: { step: Step; pattern: Pattern }) =>
      (step === 'name' || step === 'password') && endsIn(before, pattern);
    return this.#given.find(isQuestion)?.step;
  }

  /** What the last line of a text is, by the defaults. A greeting may end in `>`, so a prompt without a space comes after an answer. */
  #stepOf(shown: string, hasAnswered: boolean): Step | undefined {
    const step: Step | undefined = questionOf(shown) ?? (isPromptLike(shown, hasAnswered) ? 'in' : undefined);
    return step === undefined || this.#isGiven.has(step) ? undefined : step;
  }

  toString(): string {
    const given = this.#given.map(({ pattern }) => `${new Search(pattern)}`);
    const usual = { name: 'a question for a name', password: 'a question for a password', in: 'a prompt' };
    const rest = Object.entries(usual).filter(([step]) => !this.#isGiven.has(step as Step));
    return [...given, ...rest.map(([, words]) => words)].join(' or ');
  }
}

function refusal(message: string, text: string): TelptyError {
  return new TelptyError('ERR_LOGIN', message, { text });
}

/** Makes one time limit of several waits: gives what is left of it each time, and at least 1 ms. */
function countdown(timeout: number | undefined): () => number | undefined {
  if (timeout === undefined || !(timeout > 0)) return () => timeout;
  const end = performance.now() + timeout;
  return () => Math.max(1, Math.ceil(end - performance.now()));
}
