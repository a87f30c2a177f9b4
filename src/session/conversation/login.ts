/** Logins: questions for a name and a password, and the responses to the answers. */

import { TelptyError } from '../../errors.ts';
import { type OptionTable, readOptions, secret, text } from '../../options.ts';
import type { Conversation } from './conversation.ts';
import { endsIn } from './conversation.ts';
import {
  countdown,
  type LineOptions,
  lineOptions,
  type QuietTimes,
  quietTimes,
  send,
  withLineFeeds,
} from './dialogue.ts';
import { END, type GrowingText } from './growing-text.ts';
import { endsInMark, isPromptLike, type LastLine, lastLineOf, promptAtEnd, questionOf } from './prompts.ts';
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
import { type Pattern, patternOption, Search } from './search.ts';

/** How the questions of a login are answered. */
export interface LoginAnswers extends ReadOptions, LineOptions {
  /** Without it, a question for a name is an error: some devices ask only for a password. */
  readonly username?: string | undefined;
  /** Without it, a question for a password is an error. */
  readonly password?: string | undefined;
  /**
   * The question for the name; the default suits the usual ones. A given pattern takes precedence over the defaults
   * wherever it matches.
   */
  readonly loginPrompt?: Pattern | undefined;
  /** The question for the password, in the same way. */
  readonly passwordPrompt?: Pattern | undefined;
  /** The message that the name or the password was wrong, in the same way. */
  readonly failure?: Pattern | undefined;
  /**
   * The text that shows a successful login; default as in {@link ExecOptions}. After an answer, this is also a prompt
   * without a space, if nothing follows it for 1 s. A line that asks for a name or a password is never a prompt.
   */
  readonly prompt?: Pattern | undefined;
}

/** How to log in; see `Session.login`. */
export interface LoginOptions extends LoginAnswers {
  /**
   * Sent when the other end is silent for 500 ms without having asked for anything, up to three times. `'\r'` wakes the
   * console attached to a terminal server, `' '` answers "Press any key to continue". Default: nothing.
   */
  readonly wake?: string | undefined;
}

/** How to log in a second time; see `Session.enable`. */
export interface EnableOptions extends LoginAnswers {
  /** The command that starts it; default `'enable'`. Others: `su -`, `sudo -s`, `super`, `admin`. */
  readonly command?: string | undefined;
}

/**
 * Messages that a name or a password was wrong. A count of earlier attempts or a warning is not one ("3 invalid login
 * attempts").
 */
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

const answerOptions = {
  ...readingOptions,
  ...lineOptions,
  username: text(),
  password: secret(),
  loginPrompt: patternOption,
  passwordPrompt: patternOption,
  failure: patternOption,
  prompt: patternOption,
} satisfies OptionTable<LoginAnswers>;

export const loginOptions = {
  ...answerOptions,
  wake: text({ allowed: 'a string that is not empty', holds: value => value !== '' }),
} satisfies OptionTable<LoginOptions>;

export const enableOptions = {
  ...answerOptions,
  command: text({ default: 'enable' }),
} satisfies OptionTable<EnableOptions>;

/** Advice for errors, if neither a question nor a prompt comes. */
const ADVICE = "give loginPrompt, passwordPrompt or prompt, or wake: '\\r' for a console that is silent";

/** Silence after which a login wakes the other end, in milliseconds. */
const WAKE_MS = 500;
/** The maximum number of times. */
const WAKES = 3;

/** See `Session.login`. */
export async function login(conversation: Conversation, options: LoginOptions): Promise<string> {
  readOptions('login', loginOptions, options);
  checkReading(conversation);
  return asReader(conversation, async () => {
    const { received } = await answerQuestions(conversation, options, countdown(options.timeout));
    return withLineFeeds(received);
  });
}

/** See `Session.enable`. */
export async function enable(conversation: Conversation, options: EnableOptions): Promise<string> {
  const { command } = readOptions('enable', enableOptions, options);
  const { eol, prompt, timeout } = options;
  checkReading(conversation);
  return asReader(conversation, async () => {
    const left = countdown(timeout);
    await catchUp(conversation, prompt, { timeout: left(), limit: timeout, signal: options.signal });
    const before = conversation.prompt;
    send(conversation, command, eol);
    try {
      const { received, hasAnswered } = await answerQuestions(conversation, options, left);
      const isSame =
        before !== undefined && conversation.prompt !== undefined && before.shown === conversation.prompt.shown;
      if (hasAnswered && isSame && prompt === undefined)
        throw refusal(conversation, 'the prompt is the same as before, so the password was refused', received);
      return withLineFeeds(received);
    } catch (error) {
      // A question is still open. An empty answer ends it, so that the session can still be used.
      if (error instanceof TelptyError && error.code === 'ERR_LOGIN')
        await leaveQuestion(conversation, left()).catch(() => {});
      throw error;
    }
  });
}

/** Answers questions until the prompt appears. */
async function answerQuestions(
  conversation: Conversation,
  options: LoginOptions,
  left: () => number | undefined,
): Promise<{ received: string; hasAnswered: boolean }> {
  const { username, password, eol, timeout, signal, maxLength, wake } = options;
  const signs = new LoginSigns(options, quietTimes(timeout), conversation.prompt);
  const answered = new Set<Step>();
  let received = '';
  let wakes = wake === undefined ? WAKES : 0;
  for (;;) {
    const silence = wakes < WAKES && answered.size === 0 ? WAKE_MS : undefined;
    const look = signs.reader(answered.size > 0, silence);
    const read = { timeout: left(), limit: timeout, signal, maxLength, silence, advice: ADVICE };
    const { step, text } = await readText(conversation, `${signs}`, read, look);
    received += text;
    if (step === 'silent') {
      wakes++;
      conversation.stream.write(wake!);
      continue;
    }
    if (step === 'in') {
      conversation.answered();
      return { received, hasAnswered: answered.size > 0 };
    }
    // If the same question comes again, the answer was refused.
    if (step === 'refused' || answered.has(step))
      throw refusal(conversation, 'the server refused the name or the password', received);
    const answer = step === 'name' ? username : password;
    if (answer === undefined)
      throw refusal(
        conversation,
        `the server asks for a ${step}; give ${step === 'name' ? 'username' : step}`,
        received,
      );
    answered.add(step);
    if (step === 'password') conversation.sent.add(answer);
    send(conversation, answer, eol);
  }
}

/** Answers questions with an empty line until a prompt appears. */
async function leaveQuestion(conversation: Conversation, timeout: number | undefined): Promise<void> {
  const signs = new LoginSigns({}, quietTimes(timeout), conversation.prompt);
  const left = countdown(timeout);
  const isAtPrompt = () => promptAtEnd(conversation.line(), conversation.prompt)?.likeness === 'exact';
  for (let count = 0; count < MOST_QUESTIONS && !isAtPrompt(); count++) {
    const { step } = await readText(
      conversation,
      'prompt',
      { timeout: left(), silence: WAKE_MS, advice: ADVICE },
      signs.reader(false, WAKE_MS),
    );
    if (step === 'in') conversation.answered();
    else send(conversation, '', undefined);
  }
}

/** The maximum number of empty answers. */
const MOST_QUESTIONS = 6;

/** The state of a login. */
type Step = 'in' | 'name' | 'password' | 'refused' | 'silent';

/** Recognizes the state of a login from the received text. */
class LoginSigns {
  /** The patterns that the caller has given. */
  readonly #given: readonly { readonly step: Step; readonly pattern: string | RegExp }[];
  readonly #isGiven: ReadonlySet<Step>;
  readonly #quiet: QuietTimes;
  readonly #known: LastLine | undefined;

  /** @param known the prompt before a second login. */
  constructor(
    { prompt, loginPrompt, passwordPrompt, failure }: LoginOptions,
    quiet: QuietTimes,
    known: LastLine | undefined,
  ) {
    this.#quiet = quiet;
    this.#known = known;
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

  /**
   * @param mayBeRefused whether a refusal is possible: only after an answer. Before an answer, such text may be a
   *   greeting.
   * @param silence result `'silent'` if no known text arrives for this time, in milliseconds; by default never.
   */
  reader(
    mayBeRefused: boolean,
    silence?: number,
  ): (text: GrowingText, occasion: Occasion) => Look<{ step: Step; text: string }> {
    const given = this.#given.filter(({ step }) => mayBeRefused || step !== 'refused');
    const search = given.length === 0 ? undefined : new Search(given.map(({ pattern }) => pattern));
    const failure = mayBeRefused && !this.#isGiven.has('refused') ? new Search(FAILURE) : undefined;
    return (text, { isQuiet, isLast }) => {
      const found = search?.in(text, isLast);
      const refused = typeof found === 'object' ? undefined : failure?.in(text, isLast);
      const received = (used: number, step: Step) => ({ used, value: { step, text: text.toString().slice(0, used) } });
      if (typeof found === 'object') {
        const used = found.at + found.match.length;
        return received(used, this.#questionAt(text, used) ?? given[found.index]!.step);
      }
      if (typeof refused === 'object') {
        const used = refused.at + refused.match.length;
        // The rest of the line may show that it is not a refusal.
        const isWhole = isQuiet || text.from(used).includes('\n');
        return isWhole ? received(used, 'refused') : { quiet: this.#quiet.question };
      }
      text.release(Math.min(search?.needed ?? text.length, failure?.needed ?? text.length));
      const again = [found, refused].find(one => one !== undefined);
      const { shown } = lastLineOf(text.end);
      const step = this.#stepOf(shown, mayBeRefused);
      if (step === undefined || again !== undefined) {
        if (silence !== undefined && isQuiet) return received(text.length, 'silent');
        return { again, quiet: silence };
      }
      if (isQuiet) return received(text.length, step);
      if (step !== 'in') return { quiet: this.#quiet.question };
      const likeness = this.#known === undefined ? undefined : promptAtEnd(text.end, this.#known)?.likeness;
      return { quiet: this.#quiet[likeness ?? (endsInMark(shown) ? 'unlike' : 'likely')] };
    };
  }

  /** A given question that ends here: a pattern for prompts may match its whole line (`/^.*> $/m`). */
  #questionAt(text: GrowingText, at: number): Step | undefined {
    const before = text.from(Math.max(0, at - END)).slice(0, Math.min(at, END));
    const isQuestion = ({ step, pattern }: { step: Step; pattern: Pattern }) =>
      (step === 'name' || step === 'password') && endsIn(before, pattern);
    return this.#given.find(isQuestion)?.step;
  }

  /**
   * The step that the last line of a text shows, by the defaults. A greeting may end in `>`, so a prompt without a
   * space counts only after an answer.
   */
  #stepOf(shown: string, hasAnswered: boolean): Step | undefined {
    const step: Step | undefined =
      questionOf(shown) ?? (isPromptLike(shown, hasAnswered || this.#known !== undefined) ? 'in' : undefined);
    return step === undefined || this.#isGiven.has(step) ? undefined : step;
  }

  toString(): string {
    const given = this.#given.map(({ pattern }) => `${new Search(pattern)}`);
    const usual = { name: 'question for a name', password: 'question for a password', in: 'prompt' };
    const rest = Object.entries(usual).filter(([step]) => !this.#isGiven.has(step as Step));
    return [...given, ...rest.map(([, words]) => words)].join(' or ');
  }
}

function refusal(conversation: Conversation, message: string, text: string): TelptyError {
  return new TelptyError('ERR_LOGIN', `${message}; ${conversation.sent.describeLast(text)}`, { text });
}
