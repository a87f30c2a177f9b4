/**
 * Returns a session to a known state. The other end waits for a command, its prompt is known, and no earlier text is
 * left to read.
 */

import { TelptyError } from '../../errors.ts';
import { type OptionTable, readOptions, text, whole } from '../../options.ts';
import { type Conversation, endsIn } from './conversation.ts';
import {
  countdown,
  type LineOptions,
  lineOptions,
  MAX_SETTLE_MS,
  quietTimes,
  SETTLE_MS,
  send,
  UNLIKE_MS,
} from './dialogue.ts';
import { isMarkAlone, isSamePrompt, type LastLine, lastLineOf, promptAtEnd, questionOf } from './prompts.ts';
import { asReader, checkReading, type ReadOptions, readingOptions, readText } from './reading.ts';
import { type Pattern, Search } from './search.ts';
import { type PartialWaitOptions, WAIT_MS } from './waiting.ts';

/** How to find the prompt; see `Session.findPrompt`. */
export interface FindPromptOptions extends ReadOptions, LineOptions {
  /** How long nothing may follow a prompt, in milliseconds, up to 60,000; default 250. */
  readonly settle?: number | undefined;
}

/** How to return to a known state; see `Session.resync`. */
export interface ResyncOptions extends FindPromptOptions {
  /** Sent to end the command that is still running, e.g. `'\x03'` (^C) or `'q'`. Default: nothing. */
  readonly interrupt?: string | undefined;
}

export const findPromptOptions = {
  ...readingOptions,
  ...lineOptions,
  settle: whole({ max: MAX_SETTLE_MS, default: SETTLE_MS }),
} satisfies OptionTable<FindPromptOptions>;

export const resyncOptions = { ...findPromptOptions, interrupt: text() } satisfies OptionTable<ResyncOptions>;

/** Advice for errors. */
const ADVICE = 'give a larger timeout or a smaller settle, or prompt: /…/ to exec()';
const CATCH_UP_ADVICE = 'call resync()';

/** See `Session.findPrompt`. */
export function findPrompt(conversation: Conversation, options: FindPromptOptions = {}): Promise<string> {
  readOptions('findPrompt', findPromptOptions, options);
  return reachPrompt(conversation, options);
}

/** See `Session.resync`. */
export function resync(conversation: Conversation, options: ResyncOptions = {}): Promise<string> {
  readOptions('resync', resyncOptions, options);
  return reachPrompt(conversation, options);
}

async function reachPrompt(conversation: Conversation, options: ResyncOptions): Promise<string> {
  const { eol, timeout, signal, settle, interrupt } = options;
  checkReading(conversation);
  return asReader(conversation, async () => {
    const left = countdown(timeout);
    const quiet = quietTimes(timeout, settle).likely;
    /** Drops received text until no more arrives. */
    const lastLine = (): Promise<LastLine> =>
      readText(
        conversation,
        'prompt that is the same after each Return',
        { timeout: left(), limit: timeout, signal, isDropped: true, silence: quiet, advice: ADVICE },
        (text, { isQuiet, isLast }) =>
          isQuiet && !isLast ? { used: text.length, value: lastLineOf(text.end) } : { quiet },
      );
    if (interrupt) conversation.stream.write(interrupt);
    await lastLine();
    let before = conversation.prompt?.shown;
    for (;;) {
      send(conversation, '', eol);
      const line = await lastLine();
      const question = questionOf(line.shown);
      if (question !== undefined)
        throw new TelptyError('ERR_LOGIN', `the server asks for a ${question}; log in first`, { text: line.raw });
      if (line.shown.trim() === '') continue;
      if (before !== undefined && isSamePrompt(line.shown, before)) {
        conversation.prompt = line;
        conversation.pendingPrompt = undefined;
        return line.shown;
      }
      before = line.shown;
    }
  });
}

/**
 * Reads and drops the text that arrived before a command is sent, so that it does not become that command's output. If
 * the prompt of an earlier command is outstanding, this reads up to it, else until no more arrives.
 *
 * @param prompt the pattern of the prompt, if the caller has given one.
 * @throws (rejects) as `Session.readUntil`; the command must not be sent then.
 */
export async function catchUp(
  conversation: Conversation,
  prompt: Pattern | undefined,
  options: PartialWaitOptions,
): Promise<void> {
  const { pendingPrompt } = conversation;
  const what = 'prompt of the command before, so this one was not sent,';
  if (options.signal?.aborted) throw options.signal.reason;
  if (conversation.stream.readableEnded || conversation.stream.destroyed || conversation.stream.writableEnded)
    throw new TelptyError('ERR_SESSION_CLOSED', 'the session ended before the command was sent');
  conversation.learnLine();
  if (pendingPrompt === undefined && conversation.link.inputLength === 0) return;
  const stopped = conversation.line();
  // Without an echo, the output of that command begins on the line of the previous prompt.
  const line = pendingPrompt !== undefined && stopped === conversation.prompt?.raw ? '' : stopped;
  const patterns = [pendingPrompt?.prompt, prompt].filter(one => one !== undefined);
  const known = conversation.prompt;
  // Log messages of a console may follow it.
  const passed = known === undefined ? undefined : new Search(`\n${known.raw}`);
  const isDoubtful = pendingPrompt !== undefined && conversation.link.inputPosition !== pendingPrompt.position;
  // The earlier command was slow, and text that does not resemble its prompt is more likely output than another prompt.
  const unlike = Math.max(UNLIKE_MS, (options.limit || WAIT_MS) / 2);
  const quiet = { ...quietTimes(options.limit), ...(pendingPrompt !== undefined && known !== undefined && { unlike }) };
  let wasPassed = false;
  await readText<void>(
    conversation,
    what,
    { ...options, isDropped: true, advice: CATCH_UP_ADVICE },
    (text, { isQuiet, isLast }) => {
      const end = text.length < text.end.length + line.length ? line + text.end : text.end;
      const atEnd = promptAtEnd(end, known);
      wasPassed ||= typeof passed?.in(text, true) === 'object';
      const isPrompt = atEnd !== undefined || wasPassed || patterns.some(one => endsIn(end, one));
      const isSure = atEnd?.likeness === 'exact' && !isMarkAlone(known!);
      const isDone = isSure || (isQuiet && (isPrompt || (!isLast && (pendingPrompt === undefined || isDoubtful))));
      if (isDone) return { used: text.length, value: undefined };
      if (atEnd !== undefined) return { quiet: quiet[atEnd.likeness === 'exact' ? 'mark' : atEnd.likeness] };
      if (isPrompt || pendingPrompt === undefined) return { quiet: quiet.likely };
      return isDoubtful ? { quiet: quiet.doubtful } : {};
    },
  );
  conversation.pendingPrompt = undefined;
  conversation.learnLine();
}
