/** Talking to what expects a person at the other end: lines, commands, a login. */
import { encoder } from '../charset/index.ts';
import { check } from '../check.ts';
import { TelptyError } from '../errors.ts';
import { Option } from '../protocol/index.ts';
import { type Pattern, type ReadOptions, readUntil } from './reading.ts';
import type { Speaker } from './speaker.ts';

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
  /** What the other end shows when it is done. Default: a line that ends in `$`, `#`, `%` or `>` and a space, when nothing follows. */
  readonly prompt?: Pattern | undefined;
  /** Whether the command as the other end echoes it is taken out of the output; default true. */
  readonly stripEcho?: boolean | undefined;
}

/** How to log in; see `Session.login`. */
export interface LoginOptions extends ReadOptions, LineOptions {
  readonly username: string;
  /** Without it a question for a password is an error. */
  readonly password?: string | undefined;
  /** What asks for the name; the default suits the usual ones. */
  readonly loginPrompt?: Pattern | undefined;
  /** What asks for the password; likewise. */
  readonly passwordPrompt?: Pattern | undefined;
  /** What says that it was wrong; likewise. */
  readonly failure?: Pattern | undefined;
  /** What shows that one is in; default as in {@link ExecOptions}. */
  readonly prompt?: Pattern | undefined;
}

/** A line that ends as prompts usually do. */
const PROMPT = /[^\r\n]{0,200}[$#%>] $/;
// "Last login: …" is no question, though it may be all that has come.
const LOGIN_PROMPT = /(?<!last )(?:login|user ?name|user(?: id)?) ?: *$/i;
const PASSWORD_PROMPT = /(?:password|passphrase|passcode)[^\n]{0,80}: *$/i;
const FAILURE =
  /login (?:incorrect|failed|invalid)|(?:authentication|permission|access) (?:failed|failure|denied)|(?:bad|wrong|invalid|incorrect) (?:password|login|user)/i;

/** See `Session.sendLine`. */
export function sendLine(session: Speaker, text: string, options: LineOptions = {}): boolean {
  check(typeof text === 'string', 'a line must be a string');
  const { eol = session.isClient && session.telnet.isEnabled(Option.BINARY, 'local') ? '\r' : '\r\n' } = options;
  return session.write(encoder(session.encoding).write(`${text}\n`.replace(/\r?\n/g, eol)));
}

/** See `Session.exec`. */
export async function exec(session: Speaker, command: string, options: ExecOptions = {}): Promise<string> {
  const { prompt = PROMPT, stripEcho = true, ...rest } = options;
  sendLine(session, command, rest);
  const { before } = await readUntil(session, prompt, rest);
  const output = stripEcho ? withoutEcho(before, command) : before;
  return withLineFeeds(output);
}

/** Lines that end in LF. (Each row of CRs is looked at once: a peer may send a megabyte of them.) */
const withLineFeeds = (text: string) => text.replace(/(?<!\r)\r+\n/g, '\n');

/** A line without what moves the cursor: an echo is wrapped at the window's edge, and shells colour it. */
const plain = (line: string) =>
  line.replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)|[\s\x00-\x1f]/g, '');

function withoutEcho(output: string, command: string): string {
  const end = output.indexOf('\n') + 1;
  if (end === 0) return output;
  const line = plain(output.slice(0, end));
  const sent = plain(command);
  // On a terminal that cannot wrap, readline shows the end of a long line, behind a "<".
  const isEcho = line.endsWith(sent) || (line.startsWith('<') && sent.endsWith(line.slice(1)));
  return isEcho ? output.slice(end) : output;
}

/** See `Session.login`. */
export async function login(session: Speaker, options: LoginOptions): Promise<string> {
  const { username, password, prompt = PROMPT, failure = FAILURE, timeout, ...rest } = options;
  const { loginPrompt = LOGIN_PROMPT, passwordPrompt = PASSWORD_PROMPT } = options;
  check(typeof username === 'string', 'username must be a string');
  check(password === undefined || typeof password === 'string', 'password must be a string');
  const left = countdown(timeout);
  const answered = new Set<Step>();
  let said = '';
  for (;;) {
    const steps: [Step, Pattern][] = [
      ['in', prompt],
      ['name', loginPrompt],
      ['password', passwordPrompt],
    ];
    // It is said only after an answer; before one it may be any greeting.
    if (answered.size > 0) steps.push(['refused', failure]);
    const patterns = steps.flatMap(([step, pattern]) => [pattern].flat().map(one => ({ step, one }) as const));
    const one = patterns.map(pattern => pattern.one);
    const { text, index } = await readUntil(session, one as Pattern, { ...rest, timeout: left() });
    const { step } = patterns[index]!;
    said += text;
    if (step === 'in') return withLineFeeds(said);
    // Who asks the same again did not like the answer.
    if (step === 'refused' || answered.has(step)) throw refusal('the other end refused the name or the password', said);
    if (step === 'password' && password === undefined) throw refusal('the other end asks for a password', said);
    answered.add(step);
    sendLine(session, step === 'name' ? username : password!, rest);
  }
}

/** Where in a login one is. */
type Step = 'in' | 'name' | 'password' | 'refused';

function refusal(message: string, text: string): TelptyError {
  return new TelptyError('ERR_LOGIN', message, { text });
}

/** Makes one time limit of several waits: gives what is left of it each time, and at least 1 ms. */
function countdown(timeout: number | undefined): () => number | undefined {
  if (timeout === undefined || !(timeout > 0)) return () => timeout;
  const end = performance.now() + timeout;
  return () => Math.max(1, Math.ceil(end - performance.now()));
}
