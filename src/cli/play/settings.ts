/** The settings of `telpty play`: complete, checked, and typed. */
import { evaluate, splitArguments } from '../options/arguments.ts';
import type { OptionTable } from '../options/options.ts';
import { usage } from '../options/values.ts';
import { playOptions } from './options.ts';

export interface PlaySettings {
  /** A recording, or a directory of recordings. */
  readonly path: string;
  readonly speed: number;
  /** In seconds; 0: no limit. */
  readonly idleLimit: number;
  readonly loops: boolean;
  /** In seconds. */
  readonly at: number;
  readonly encoding: string;
}

/**
 * Reads the arguments of `telpty play`. Returns `'help'` if help was requested.
 *
 * @throws TelptyError `ERR_USAGE`.
 */
export function parsePlay(argv: readonly string[]): PlaySettings | 'help' {
  const split = splitArguments(playOptions, argv);
  if (split.help) return 'help';
  const { 'idle-limit': idleLimit, loop: loops, ...rest } = evaluate(playOptions, split.given);
  const path = onlyOperand(playOptions, argv, 'play', 'FILE or directory');
  return { path, idleLimit: idleLimit / 1000, loops, speed: rest.speed, at: rest.at, encoding: rest.encoding };
}

/** The one operand of a command. */
export function onlyOperand(table: OptionTable, argv: readonly string[], command: string, what: string): string {
  const { operands, misplaced } = splitArguments(table, argv);
  const [path, ...more] = operands;
  const form = `telpty ${command} [options] FILE`;
  if (path === undefined || path === '') throw usage(`${command}: no ${what} given (${form})`);
  if (misplaced.length > 0) throw usage(`${command}: ${misplaced.join(', ')} after FILE: options come first (${form})`);
  if (more.length > 0) throw usage(`${command}: too many arguments (${form}; options come first)`);
  return path;
}
