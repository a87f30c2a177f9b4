import { randomInt } from 'node:crypto';
import { boolean, duration, type OptionsOf, type OptionTable, readOptions } from '../../options.ts';
import { Option } from '../../protocol/index.ts';
import { machineOf } from '../../screen/machines/index.ts';
import type { Session } from '../../session/session.ts';
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
   * Whether terminals are asked, before people are. For that a client is told that we echo, so it is not for shells that
   * want lines from clients that edit and echo them. Default true.
   */
  readonly askTerminal?: boolean;
  /** Longest wait for a terminal's answer; default 2,000. */
  readonly answerTimeout?: number;
  /** The time a person has, for all attempts; default 60,000. */
  readonly questionTimeout?: number;
  /** Longest wait, from the session's beginning, until it is known what the terminal is; default 2,000. */
  readonly negotiationTimeout?: number;
}

export const robotCheckOptions = {
  askTerminal: boolean({ default: true }),
  answerTimeout: duration({ default: 2_000 }),
  questionTimeout: duration({ default: 60_000 }),
  negotiationTimeout: ptyShellOptions.negotiationTimeout,
} satisfies OptionTable<RobotCheckOptions>;

type RobotCheckSettings = OptionsOf<typeof robotCheckOptions>;

/** Input during the check, in bytes: far more than anybody types in the time. */
const MOST_INPUT = 4_096;
/** Terminals that have no cursor to ask for. */
const NO_CURSOR = /^(?:dumb|unknown|network|unset|arpanet|emacs|teletype|tty\d)/i;

/**
 * Middleware that only terminals and people get past: `createServer({ shell, use: [robotCheck()] })`.
 *
 * The terminal is asked where its cursor is, after output of which only a terminal knows the width, other for each session
 * (see cursor-probe.ts). If that is not answered, or not rightly, for there are terminals that cannot, nobody is turned
 * away yet: whoever is there is asked to type two words. What is typed before the question stays for the shell.
 *
 * Who does not answer reads one line, and the result is `{ refused: 'robot' }`. It is `undefined` if the session was asked
 * to end meanwhile.
 *
 * @throws `ERR_INVALID_ARGUMENT` for options that cannot be meant.
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
  /** Aborts when there is no more to be waited for: too much was sent, too late, or the session is over. */
  readonly #end = new AbortController();
  /** What was typed before the question. */
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
    // The end of an answer may still come; a line that is read has no escape sequences in it.
    if (passed) this.#typedAhead = Buffer.concat([reader.input, reader.unfinished]);
    else if (reader.unfinished.length > 0 && !session.readableEnded) session.unshift(reader.unfinished);
    return passed;
  }

  /** Whether the client sends what its terminal does as it comes: an answer does not end in Return. */
  async #sendsKeys(): Promise<boolean> {
    const { telnet } = this.#session;
    // (A MUD client was not asked.)
    const isAnswered = () => !telnet.isPending(Option.ECHO, 'local');
    // One that has said nothing of Telnet until now does not begin with this.
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

  /** Reads until there are so many answers, or none is to be expected any more. */
  #read(count: number): Promise<AnswerReader> {
    const session = this.#session;
    const { signal } = this.#end;
    const reader = new AnswerReader();
    return new Promise(resolve => {
      const done = (): void => {
        clearTimeout(timer);
        session.off('readable', look).off('end', done);
        signal.removeEventListener('abort', done);
        resolve(reader);
      };
      const look = (): void => {
        reader.take(take(session));
        if (reader.answers.length >= count) done();
      };
      const timer = setTimeout(done, this.#settings.answerTimeout);
      session.on('readable', look).on('end', done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
      else look();
    });
  }

  async #personAnswers(): Promise<boolean> {
    const { signal } = this.#end;
    if (signal.aborted || !this.#session.writable) return false;
    // What nobody has read was not meant as an answer either.
    if (!this.#asked) this.#typedAhead = take(this.#session);
    const timer = setTimeout(() => this.#end.abort(), this.#settings.questionTimeout);
    try {
      return await askPerson(this.#session, (min, max) => randomInt(min, max + 1), signal);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What has arrived and was not read. */
function take(session: Session): Buffer {
  const chunks: Buffer[] = [];
  for (let chunk = session.read() as Buffer | null; chunk !== null; chunk = session.read() as Buffer | null) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
