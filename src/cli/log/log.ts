/** The log: pino's JSON lines, or one readable line for each, written to standard error at once. */
import pino, { type Logger } from 'pino';
import { isAvailable } from '../../native/load.ts';
import { requireOwn } from '../../package.ts';
import type { LogLevel } from '../serve/settings.ts';
import { LogSink } from './log-sink.ts';

export type Log = Logger;

/** The format of the log and its destination. */
export interface LogOptions {
  readonly level: LogLevel;
  /** Undefined: `pretty` on a terminal, else `json`. */
  readonly format?: 'pretty' | 'json' | undefined;
  /** Receives whole lines. Default: standard error. */
  readonly sink?: (line: string) => void;
}

/**
 * Creates the log. Lines are written at once, unless the reader is too slow: lines logged before a crash are not lost
 * with it, and the small volume needs no worker thread.
 */
export function createLog(options: LogOptions, write = logWriter(options)): Log {
  return pino({ level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write });
}

/** Returns a function that formats the log's JSON lines and writes them, including those of other processes. */
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

/** Written in place of lost lines, as soon as lines can be written again. */
function lostLine(count: number): string {
  const msg = `${count} line${count === 1 ? '' : 's'} of the log lost here: the reader was too slow, or the disk is full`;
  return `${JSON.stringify({ level: pino.levels.values.warn, time: new Date().toISOString(), lines: count, msg })}\n`;
}

function prettyPrinter(): (line: string) => string {
  // Loaded only if it is used: it costs 3 MB.
  const pretty = requireOwn('pino-pretty') as typeof import('pino-pretty');
  const colorize = process.stderr.isTTY === true && !process.env.NO_COLOR;
  return pretty.prettyFactory({
    colorize,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
    // The fields repeat the message, for machines.
    hideObject: true,
    // pino-pretty would show this field as the process that logs.
    ignore: 'pid',
  });
}
