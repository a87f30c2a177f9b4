/** What all calls that talk to the other end share: how lines are sent, and how long nothing may come before something counts. */
import { encoder } from '../../charset/index.ts';
import { checkValue, type OptionTable, readOptions, secret, text as string } from '../../options.ts';
import { Option } from '../../protocol/index.ts';
import type { Conversation } from './conversation.ts';
import type { PromptAtEnd } from './prompts.ts';

/**
 * What only looks like a prompt counts when nothing follows it for so long, in milliseconds. Output is cut into packets
 * anywhere, and one may end in `45% `.
 */
export const SETTLE_MS = 250;
/** The same for what does not resemble the prompt that is known, in milliseconds. */
export const UNLIKE_MS = 1_000;
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

export const lineOptions = { eol: string() } satisfies OptionTable<LineOptions>;

/** The longest `settle`, in milliseconds. */
export const MAX_SETTLE_MS = 60_000;

/** Lines and commands may hold passwords. */
export const lineText = secret();

/** See `Session.sendLine`. */
export function sendLine(conversation: Conversation, text: string, options: LineOptions = {}): boolean {
  readOptions('sendLine', lineOptions, options);
  checkValue('a line', lineText, text);
  conversation.sent.add(text);
  return send(conversation, text, options.eol);
}

export function send(conversation: Conversation, text: string, eol: string | undefined): boolean {
  const isBinary = conversation.link.isClient && conversation.link.telnet.isEnabled(Option.BINARY, 'local');
  const end = eol ?? (isBinary ? '\r' : '\r\n');
  return conversation.stream.write(encoder(conversation.link.encoding).write(`${text}\n`.replace(/\r?\n/g, () => end)));
}

/** How long nothing may come before something counts, in milliseconds. */
export type QuietTimes = Readonly<Record<PromptAtEnd['likeness'] | 'mark' | 'question' | 'doubtful', number>>;

/**
 * @param timeout the time limit of all, in milliseconds.
 * @param settle what the caller says about prompts that were not learned, in milliseconds.
 */
export function quietTimes(timeout: number | undefined, settle?: number): QuietTimes {
  const most = timeout ? timeout * QUIET_SHARE : Number.POSITIVE_INFINITY;
  const atMost = (time: number) => Math.min(time, most);
  return {
    exact: atMost(SETTLE_MS),
    likely: settle ?? atMost(SETTLE_MS),
    unlike: settle ?? UNLIKE_MS,
    mark: atMost(MARK_MS),
    question: atMost(QUESTION_MS),
    doubtful: atMost(DOUBT_MS),
  };
}

/** Lines that end in LF. (Each row of CRs is looked at once: a peer may send a megabyte of them.) */
export const withLineFeeds = (text: string) =>
  text.replace(text.includes('\r\r') ? /(?<!\r)\r+(?=\n)/g : /\r(?=\n)/g, '');

/** Makes one time limit of several waits: gives what is left of it each time, and at least 1 ms. */
export function countdown(timeout: number | undefined): () => number | undefined {
  if (timeout === undefined || !(timeout > 0)) return () => timeout;
  const end = performance.now() + timeout;
  return () => Math.max(1, Math.ceil(end - performance.now()));
}
