/** The log: pino's JSON lines, or one readable line each, written to standard error at once. */
import pino, { type Logger } from 'pino';
import { isAvailable } from '../../native/load.ts';
import { requireOwn } from '../../package.ts';
import type { LogLevel } from '../serve/settings.ts';
import { LogSink } from './log-sink.ts';

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
 * Makes the log. Lines are written at once, unless nobody takes them: what was logged before a crash is there after it, and
 * no worker thread is needed for the little that is logged.
 */
export function createLog(options: LogOptions, write = logWriter(options)): Log {
  return pino({ level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write });
}

/** What takes the log's lines of JSON and writes them as they shall look; lines of other processes, too. */
export function logWriter(options: Pick<LogOptions, 'format' | 'sink'>): (line: string) => void {
  const format = options.format ?? (process.stderr.isTTY ? 'pretty' : 'json');
  const print = format === 'json' ? (line: string) => line : prettyPrinter();
  const sink = options.sink ?? standardError(count => print(lostLine(count)));
  return line => sink(print(line));
}

function standardError(lost: (count: number) => string): (line: string) => void {
  if (!isAvailable()) return line => void process.stderr.write(line);
  const sink = new LogSink(2, lost);
  return line => sink.write(line);
}

/** Said where lines are missing, once somebody takes any. */
function lostLine(count: number): string {
  const msg = `${count} line${count === 1 ? '' : 's'} of the log lost here: the reader was too slow, or the disk is full`;
  return `${JSON.stringify({ level: pino.levels.values.warn, time: new Date().toISOString(), lines: count, msg })}\n`;
}

function prettyPrinter(): (line: string) => string {
  // Loaded only where it is used: it costs 3 MB.
  const pretty = requireOwn('pino-pretty') as typeof import('pino-pretty');
  const colorize = process.stderr.isTTY === true && !process.env.NO_COLOR;
  return pretty.prettyFactory({
    colorize,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
    // The fields say once more, for machines, what the message says.
    hideObject: true,
    // And this one it would take for the process that logs.
    ignore: 'pid',
  });
}
