import { randomInt } from 'node:crypto';
import { boolean, duration, type OptionsOf, type OptionTable, readOptions } from '../../options.ts';
import { Option } from '../../protocol/index.ts';
import { machineOf } from '../../screen/machines/index.ts';
import type { Session } from '../../session/session.ts';
import { SilenceTimer } from '../../transport/silence-timer.ts';
import { offerEcho } from '../line-editing/echo.ts';
import { SHELL_MODES } from '../program/modes.ts';
import { ptyShellOptions } from '../program/options.ts';
import { readyToStart } from '../program/readiness.ts';
import { AnswerReader, isAnswered, makeProbe, PROBE_COLUMNS } from './cursor-probe.ts';
import { type Refused, reject } from './refusal.ts';
import { askPerson } from './robot-question.ts';

/** Options of {@link robotCheck}. Times are in milliseconds. */
export interface RobotCheckOptions {
  /**
   * Whether the terminal is asked before the user is. This requires WILL ECHO, so it is not for shells that want lines
   * from clients that edit and echo them. Default true.
   */
  readonly askTerminal?: boolean;
  /** Longest wait for the answer of a terminal; default 2,000. */
  readonly answerTimeout?: number;
  /** Time limit for all attempts of the user; default 60,000. */
  readonly questionTimeout?: number;
  /** Longest wait for the terminal type, from the start of the session; default 2,000. */
  readonly negotiationTimeout?: number;
}

export const robotCheckOptions = {
  askTerminal: boolean({ default: true }),
  answerTimeout: duration({ default: 2_000 }),
  questionTimeout: duration({ default: 60_000 }),
  negotiationTimeout: ptyShellOptions.negotiationTimeout,
} satisfies OptionTable<RobotCheckOptions>;

type RobotCheckSettings = OptionsOf<typeof robotCheckOptions>;

/** Limit of input during the check, in bytes: far more than a user types in that time. */
const MOST_INPUT = 4_096;
/** Terminal types without cursor addressing, or that identify no terminal. */
const NO_CURSOR = /^(?:dumb|unknown|network|unset|arpanet|emacs|teletype|tty\d)/i;

/**
 * Middleware that only terminals and people pass: `createServer({ shell, use: [robotCheck()] })`.
 *
 * The terminal is asked for the position of its cursor, after text whose width only a terminal can compute, different
 * for each session (see cursor-probe.ts). Some terminals cannot answer. If there is no answer, or a wrong one, the user
 * is asked to type two words. Input that arrives before the question is kept for the shell.
 *
 * If the words are not typed either, the client gets one line of text, and the result of the shell is
 * `{ refused: 'robot' }`. The result is `undefined` if the session was asked to end during the check.
 *
 * @throws `ERR_INVALID_ARGUMENT` for invalid options.
 */
export function robotCheck(
  options: RobotCheckOptions = {},
): <T>(shell: (session: Session) => T | Promise<T>) => (session: Session) => Promise<T | Refused | undefined> {
  const settings = readOptions('robotCheck', robotCheckOptions, options);
  return shell => async session => {
    const passed = await new RobotCheck(session, settings).run();
    if (passed) return shell(session);
    return session.hangupReason === undefined ? reject(session, 'robot') : undefined;
  };
}

/** The check of one session. */
class RobotCheck {
  readonly #session: Session;
  readonly #settings: RobotCheckSettings;
  /** Aborts the waits: there was too much input, the time limit was reached, or the session has ended. */
  readonly #end = new AbortController();
  /** Input that arrived before the question. */
  #typedAhead: Buffer = Buffer.alloc(0);

  /** Whether the terminal was asked. */
  #asked = false;

  constructor(session: Session, settings: RobotCheckSettings) {
    this.#session = session;
    this.#settings = settings;
  }

  async run(): Promise<boolean> {
    const session = this.#session;
    const end = (): void => this.#end.abort();
    let input = 0;
    const untap = session.tap({
      input: bytes => {
        input += bytes.length;
        if (input > MOST_INPUT) end();
      },
    });
    session.on('hangup', end).on('close', end);
    if (session.hangupReason !== undefined || session.destroyed) end();
    try {
      const passed = (await this.#terminalAnswers()) || (await this.#personAnswers());
      if (!passed || this.#end.signal.aborted) return false;
      if (this.#typedAhead.length > 0 && !session.readableEnded) session.unshift(this.#typedAhead);
      return true;
    } finally {
      untap();
      session.off('hangup', end).off('close', end);
    }
  }

  async #terminalAnswers(): Promise<boolean> {
    const session = this.#session;
    const { askTerminal, negotiationTimeout } = this.#settings;
    if (!askTerminal) return false;
    for (const [code, side] of SHELL_MODES.character.requests) session.telnet.request(code, side, true);
    const echoNow = offerEcho(session);
    await readyToStart(session, negotiationTimeout);
    echoNow();
    if (!(await this.#sendsKeys()) || this.#end.signal.aborted || !this.#hasCursor()) return false;
    const probe = makeProbe(session.encoding === 'UTF-8', (min, max) => randomInt(min, max + 1));
    this.#asked = true;
    session.write(probe.text);
    const reader = await this.#read(probe.columns.length);
    this.#typedAhead = reader.input;
    const passed = isAnswered(probe, reader.answers, session.terminal.rows);
    // The rest of an answer may still arrive; readLine() drops escape sequences.
    if (passed) this.#typedAhead = Buffer.concat([reader.input, reader.unfinished]);
    else if (reader.unfinished.length > 0 && !session.readableEnded) session.unshift(reader.unfinished);
    return passed;
  }

  /** Whether the client sends the bytes of its terminal immediately: an answer does not end in Return. */
  async #sendsKeys(): Promise<boolean> {
    const { telnet } = this.#session;
    // MUD clients are not offered ECHO.
    const isAnswered = () => !telnet.isPending(Option.ECHO, 'local');
    // A client that has sent no Telnet commands until now does not start with this one.
    const speaks = telnet.isSettled(Option.NAWS, 'remote') || telnet.isSettled(Option.TTYPE, 'remote');
    if (!isAnswered() && speaks) {
      const { signal } = this.#end;
      await this.#session.waitFor(isAnswered, { timeout: this.#settings.answerTimeout, signal }).catch(() => {});
    }
    return telnet.isEnabled(Option.ECHO, 'local');
  }

  #hasCursor(): boolean {
    const { terminal, encoding } = this.#session;
    const { columns } = terminal;
    const wideEnough = !columns || columns >= PROBE_COLUMNS;
    return wideEnough && machineOf(encoding) === undefined && !NO_CURSOR.test(terminal.type ?? '');
  }

  /** Reads until `count` answers have arrived, or no more are to be expected. */
  #read(count: number): Promise<AnswerReader> {
    const session = this.#session;
    const { signal } = this.#end;
    const reader = new AnswerReader();
    return new Promise(resolve => {
      const done = (): void => {
        timer.stop();
        session.off('readable', look).off('end', done);
        signal.removeEventListener('abort', done);
        resolve(reader);
      };
      const look = (): void => {
        reader.take(take(session));
        if (reader.answers.length >= count) done();
      };
      const timer = new SilenceTimer(this.#settings.answerTimeout, done);
      session.on('readable', look).on('end', done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
      else look();
    });
  }

  async #personAnswers(): Promise<boolean> {
    const { signal } = this.#end;
    if (signal.aborted || !this.#session.writable) return false;
    // Input that no code has read is not an answer either.
    if (!this.#asked) this.#typedAhead = take(this.#session);
    const timer = new SilenceTimer(this.#settings.questionTimeout, () => this.#end.abort());
    try {
      return await askPerson(this.#session, (min, max) => randomInt(min, max + 1), signal);
    } finally {
      timer.stop();
    }
  }
}

/** Returns the input that has arrived and was not read. */
function take(session: Session): Buffer {
  const chunks: Buffer[] = [];
  for (let chunk = session.read() as Buffer | null; chunk !== null; chunk = session.read() as Buffer | null) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
