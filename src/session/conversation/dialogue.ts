/** The common parts of all calls that talk to the other end: sending lines, and the silence required after a prompt. */
import { encoder } from '../../charset/index.ts';
import { checkValue, type OptionTable, readOptions, secret, text as string } from '../../options.ts';
import { Option } from '../../protocol/index.ts';
import { machineOf } from '../../screen/machines/index.ts';
import type { Conversation } from './conversation.ts';
import type { PromptAtEnd } from './prompts.ts';

/**
 * Text that only looks like a prompt counts if nothing follows it for this time, in milliseconds. Output is cut into
 * packets at any position, and one may end in `45% `.
 */
export const SETTLE_MS = 250;
/** The same for text that does not resemble the known prompt, in milliseconds. */
export const UNLIKE_MS = 1_000;
/**
 * The same for a known prompt that is only a mark, in milliseconds. A line of output may begin with it, and a packet
 * may end after it.
 */
const MARK_MS = 100;
/**
 * The same for a question in a login, in milliseconds. It is shorter: answering half a line of a banner does less harm
 * than a wrong output.
 */
const QUESTION_MS = 100;
/**
 * How long to wait for an outstanding prompt, in milliseconds, if other code has read or dropped input since then. That
 * input may have included the prompt.
 */
const DOUBT_MS = 500;

/** The maximum part of a time limit that the times above may take. */
const QUIET_SHARE = 1 / 4;

/** How a line is sent. */
export interface LineOptions {
  /**
   * The end of the line. Default: the Return key of Telnet, which is CR LF; or CR, if a client sends in BINARY, where
   * bytes are sent as typed.
   */
  readonly eol?: string | undefined;
}

export const lineOptions = { eol: string() } satisfies OptionTable<LineOptions>;

/** The maximum of `settle`, in milliseconds. */
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
  const { encoding } = conversation.link;
  // (A home computer has one code for both; that of an Atari is the one of LF.)
  const end = eol ?? (isBinary && machineOf(encoding) === undefined ? '\r' : '\r\n');
  return conversation.stream.write(encoder(encoding).write(`${text}\n`.replace(/\r?\n/g, () => end)));
}

/** How long no text may follow before something counts, in milliseconds. */
export type QuietTimes = Readonly<Record<PromptAtEnd['likeness'] | 'mark' | 'question' | 'doubtful', number>>;

/**
 * @param timeout the total time limit, in milliseconds.
 * @param settle the caller's time for prompts that were not learned, in milliseconds.
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

/** Converts the line ends of a text to LF. (Each run of CRs is scanned once: a peer may send a megabyte of them.) */
export const withLineFeeds = (text: string) =>
  text.replace(text.includes('\r\r') ? /(?<!\r)\r+(?=\n)/g : /\r(?=\n)/g, '');

/** Divides one time limit among several waits: returns the time left at each call, and at least 1 ms. */
export function countdown(timeout: number | undefined): () => number | undefined {
  if (timeout === undefined || !(timeout > 0)) return () => timeout;
  const end = performance.now() + timeout;
  return () => Math.max(1, Math.ceil(end - performance.now()));
}
