/** Lines that a server sends, for programs that read them: logs, events, records with tabs. */
import { TelptyError } from '../errors.ts';
import { duration, type OptionTable, readOptions } from '../options.ts';
import { type ReadOptions, readingOptions } from '../session/conversation/reading.ts';
import type { Session } from '../session/session.ts';

/** How lines are read; see {@link lines}. `maxLength` holds for one line. */
export interface LinesOptions extends ReadOptions {
  /** How long to wait for each line, in milliseconds; default 0, for ever. */
  readonly timeout?: number | undefined;
}

export const linesOptions = {
  ...readingOptions,
  timeout: duration({ default: 0 }),
} satisfies OptionTable<LinesOptions>;

/**
 * Reads the text that comes line by line, until the session has ended. A line ends in LF, with CRs before it (CR LF) or behind
 * it (LF CR, which many MUDs send). Everything else stays as it is: tabs, control sequences, a CR within a line. The text
 * behind the last line end is the last line. Each part is decoded in the character set that was in force when it arrived.
 *
 * Nothing is read beyond a line that was returned: after `break`, `exec()` and the like read what follows. For lines that a
 * person types at the server's end see `readLines()`.
 *
 * @throws (rejects) TelptyError `ERR_TOO_LONG` for a line of more than `maxLength` bytes, which can be read again;
 *   `ERR_TIMEOUT`; `ERR_SESSION_CLOSED` behind the last line, if the connection broke; the signal's reason.
 */
export async function* lines(session: Session, options: LinesOptions = {}): AsyncGenerator<string, void, void> {
  const settings = readOptions('lines', linesOptions, options);
  for (;;) {
    let broken: TelptyError | undefined;
    let text: string;
    try {
      ({ text } = await session.readUntil('\n', settings));
    } catch (error) {
      if (!(error instanceof TelptyError) || error.code !== 'ERR_SESSION_CLOSED') throw error;
      broken = error;
      ({ text } = await session.readUntil(/^.*$/s, settings));
    }
    const line = text.replace(/^\r+/, '').replace(/(?<!\r)\r*\n$/, '');
    if (broken === undefined || line !== '') yield line;
    if (broken?.cause !== undefined) throw broken;
    if (broken !== undefined) return;
  }
}
