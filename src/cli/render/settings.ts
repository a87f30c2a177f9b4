/** The settings of `telpty render`: complete, checked, and typed. */
import { evaluate } from '../options/arguments.ts';
import { usage } from '../options/usage.ts';
import { renderOptions } from '../play/options.ts';
import { onlyOperand, splitAll } from '../play/settings.ts';

export interface RenderSettings {
  readonly file: string;
  /** Undefined: standard output. */
  readonly output: string | undefined;
  /** Times in seconds. Undefined: an animation. */
  readonly at: number | undefined;
  readonly from: number;
  /** Undefined: the end. */
  readonly to: number | undefined;
  readonly title: string | undefined;
  readonly speed: number;
  /** In seconds; 0: no limit. Undefined: that of the recording. */
  readonly idleLimit: number | undefined;
  readonly encoding: string;
}

/**
 * Reads the arguments of `telpty render`. Returns `'help'` if help was requested.
 *
 * @throws TelptyError `ERR_USAGE`.
 */
export function parseRender(argv: readonly string[]): RenderSettings | 'help' {
  const { given, operands, help } = splitAll(renderOptions, argv);
  if (help) return 'help';
  const { 'idle-limit': idleLimit, ...values } = evaluate(renderOptions, given);
  const { at, from, to } = values;
  const animated = given.find(({ name }) => ['from', 'to', 'speed', 'idle-limit'].includes(name));
  if (at !== undefined && animated !== undefined) {
    throw usage(`--at: makes a still image, and --${animated.name} is for an animation; leave one of them out`);
  }
  if (to !== undefined && to <= from) throw usage('--to: must be later than --from');
  const file = onlyOperand(operands, 'telpty render [options] FILE');
  const { output, title, speed, encoding } = values;
  return { file, output, at, from, to, title, speed, idleLimit: idleLimit && idleLimit / 1000, encoding };
}
