/** The options of `telpty play` and `telpty render`. */
import { flag, helpOption, type OptionSection, type OptionTable } from '../options/options.ts';
import { usage } from '../options/usage.ts';
import * as values from '../options/values.ts';

/** `2`, `0.5`: how many times as fast. */
export function speed(value: string): number {
  const number = /^\d{1,4}(?:\.\d{1,3})?$/.test(value) ? Number(value) : Number.NaN;
  if (number >= 0.01 && number <= 1000) return number;
  throw usage(`'${value.slice(0, 60)}' is not a speed (0.01 to 1000; 2 is twice as fast)`);
}

/** `90s`, `2m`, `1:30`, `1:02:03.5`: a time in a recording, in seconds. */
export function moment(value: string): number {
  const [, hours = '0', minutes, seconds] = /^(?:(\d{1,5}):)?(\d{1,5}):(\d{2}(?:\.\d{1,3})?)$/.exec(value) ?? [];
  if (minutes === undefined) return values.duration(Number.MAX_SAFE_INTEGER)(value) / 1000;
  if (Number(seconds) < 60) return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  throw usage(`'${value}' is not a time (write 1:30, 1:02:03, 90s)`);
}

const common = {
  speed: { argument: 'N', parse: speed, default: '1', help: 'N times as fast' },
  'idle-limit': {
    argument: 'T',
    parse: values.duration(),
    defaultWords: 'the limit in the file, or no limit',
    help: 'shorten pauses to this time; 0: no limit',
  },
  encoding: {
    argument: 'NAME',
    parse: values.charset,
    default: 'utf-8',
    help: 'character set of a ttyrec file, such as `cp437`; asciicast files are always in UTF-8',
  },
} as const satisfies OptionTable;

export const playOptions = {
  ...common,
  at: { argument: 'T', parse: moment, default: '0', help: 'begin at this time: `90s`, `1:30`, `1:02:03`' },
  loop: { ...flag, help: 'begin again after the end' },
  help: helpOption,
} as const satisfies OptionTable;

export const renderOptions = {
  output: { argument: 'FILE', parse: values.text, defaultWords: 'standard output', help: 'write the image to FILE' },
  at: { argument: 'T', parse: moment, help: 'draw the screen at this time as a still image: `90s`, `1:30`' },
  from: { argument: 'T', parse: moment, default: '0', help: 'begin the animation at this time' },
  to: { argument: 'T', parse: moment, defaultWords: 'the end', help: 'end the animation at this time' },
  title: {
    argument: 'TEXT',
    parse: values.text,
    help: 'text of the title bar, in place of the title in the recording',
  },
  ...common,
  help: helpOption,
} as const satisfies OptionTable;

export const playSections: readonly OptionSection[] = [{ title: 'Options', options: playOptions }];
export const renderSections: readonly OptionSection[] = [{ title: 'Options', options: renderOptions }];
