/** The log: pino's JSON lines, or one readable line each, written to standard error at once. */
import { createRequire } from 'node:module';
import pino, { type Logger } from 'pino';
import type { LogLevel } from './settings.ts';

export type Log = Logger;

/** How a log looks and where it goes. */
export interface LogOptions {
  readonly level: LogLevel;
  /** Undefined: `pretty` on a terminal, else `json`. */
  readonly format?: 'pretty' | 'json' | undefined;
  /** Takes whole lines. Default: standard error. */
  readonly sink?: (line: string) => void;
}

/**
 * Makes the log. Lines are written synchronously: what was logged before a crash is there after it, and no worker
 * thread is needed for the little that is logged.
 */
export function createLog(options: LogOptions, write = logWriter(options)): Log {
  return pino({ level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write });
}

/** What takes the log's lines of JSON and writes them as they shall look; lines of other processes, too. */
export function logWriter(options: Pick<LogOptions, 'format' | 'sink'>): (line: string) => void {
  const sink = options.sink ?? (line => void process.stderr.write(line));
  const format = options.format ?? (process.stderr.isTTY ? 'pretty' : 'json');
  return format === 'json' ? sink : prettySink(sink);
}

function prettySink(sink: (line: string) => void): (line: string) => void {
  // Loaded only where it is used: it costs 3 MB.
  const pretty = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
  const colorize = process.stderr.isTTY === true && !process.env.NO_COLOR;
  const print = pretty.prettyFactory({
    colorize,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
    // The fields say once more, for machines, what the message says.
    hideObject: true,
    // And this one it would take for the process that logs.
    ignore: 'pid',
  });
  return line => sink(print(line));
}
