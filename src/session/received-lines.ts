/** Reads lines that a server sends, for programs that process them: logs, events, records with tabs. */
import { TelptyError } from '../errors.ts';
import { duration, type OptionTable, readOptions } from '../options.ts';
import type { Conversation } from './conversation/conversation.ts';
import { type ReadOptions, readingOptions, readUntil } from './conversation/reading.ts';

/** How lines are read; see `Session.lines`. `maxLength` is the limit of one line, in bytes. */
export interface LinesOptions extends ReadOptions {
  /** How long to wait for each line, in milliseconds; default 0, forever. */
  readonly timeout?: number | undefined;
}

export const linesOptions = {
  ...readingOptions,
  timeout: duration({ default: 0 }),
} satisfies OptionTable<LinesOptions>;

/** See `Session.lines`. */
export async function* lines(
  conversation: Conversation,
  options: LinesOptions = {},
): AsyncGenerator<string, void, void> {
  const settings = readOptions('lines', linesOptions, options);
  for (;;) {
    let broken: TelptyError | undefined;
    let text: string;
    try {
      ({ text } = await readUntil(conversation, '\n', settings));
    } catch (error) {
      if (!(error instanceof TelptyError) || error.code !== 'ERR_SESSION_CLOSED') throw error;
      broken = error;
      ({ text } = await readUntil(conversation, /^.*$/s, settings));
    }
    const line = text.replace(/^\r+/, '').replace(/(?<!\r)\r*\n$/, '');
    if (broken === undefined || line !== '') yield line;
    if (broken?.cause !== undefined) throw broken;
    if (broken !== undefined) return;
  }
}
