/** The settings of `telpty play`: complete, checked, and typed. */
import { type Arguments, evaluate, splitArguments } from '../options/arguments.ts';
import type { OptionTable } from '../options/options.ts';
import { usage } from '../options/usage.ts';
import { playOptions } from './options.ts';

export interface PlaySettings {
  /** A recording, or a directory of recordings. */
  readonly path: string;
  readonly speed: number;
  /** In seconds; 0: no limit. Undefined: that of the recording. */
  readonly idleLimit: number | undefined;
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
  const { given, operands, help } = splitAll(playOptions, argv);
  if (help) return 'help';
  const { 'idle-limit': idleLimit, loop: loops, speed, at, encoding } = evaluate(playOptions, given);
  const path = onlyOperand(operands, 'telpty play [options] FILE|DIR');
  return { path, idleLimit: idleLimit && idleLimit / 1000, loops, speed, at, encoding };
}

/** Splits arguments whose options may also follow the operand, because no operand is a command with its own options. */
export function splitAll(table: OptionTable, argv: readonly string[]): Omit<Arguments, 'misplaced'> {
  const { given, operands, help } = splitArguments(table, argv);
  const [first, ...more] = operands;
  if (first === undefined || help || argv[argv.length - operands.length - 1] === '--') return { given, operands, help };
  const after = splitAll(table, more);
  return { given: [...given, ...after.given], operands: [first, ...after.operands], help: after.help };
}

/** The one operand of a command. */
export function onlyOperand([path, ...more]: readonly string[], form: string): string {
  const [, command] = form.split(' ');
  if (path === undefined || path === '') throw usage(`${command}: no FILE given (${form})`);
  if (more.length > 0) throw usage(`${command}: too many arguments (${form})`);
  return path;
}
