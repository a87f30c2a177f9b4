/** The output of `telpty help` and `--help`, generated from the tables of commands and options. */

import type { TelptyError } from '../../errors.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { nearest } from '../../suggestion.ts';
import type { OptionSection, OptionSpec } from '../options/options.ts';
import { usage } from '../options/usage.ts';
import { type Command, commands } from './command-table.ts';

/** The column where descriptions begin. */
const DESCRIPTION_COLUMN = 24;
const WIDTH = 80;

/** What `telpty help` prints about a command, or about telpty as a whole. */
export function helpOf(name: string | undefined): string {
  if (name === undefined || name === 'help' || name === '-h' || name === '--help') return overview();
  const command = commands.get(name);
  if (command === undefined) throw unknownCommand(name);
  return commandHelp(command);
}

/** The error about an unknown word in the place of a command, or of one of the few options without a command. */
export function unknownCommand(word: string): TelptyError {
  const isOption = word.startsWith('-');
  const similar = nearest(word, isOption ? ['--help', '--version'] : [...commands.keys(), 'help']);
  const advice = similar === undefined ? 'telpty help lists the commands' : `did you mean ${similar}?`;
  return usage(`unknown ${isOption ? 'option' : 'command'} ${escapeText(word, 60)} (${advice})`);
}

/** The help of telpty as a whole. */
export function overview(): string {
  const summaries = [...commands].map(([name, { summary }]) => entry(`  ${name}`, summary, 14));
  summaries.push(entry('  help', 'print the help of telpty or of a command', 14));
  return [
    'Usage: telpty COMMAND [options]\n       telpty help [COMMAND]\n',
    '\nCommands:\n',
    ...summaries,
    '\nOptions:\n',
    entry('  -h, --help', 'print this help'),
    entry('  -V, --version', 'print the version'),
    '\nExamples:\n',
    example('telpty serve -- nethack', 'a game for every connection to port 6023 of this machine'),
    example('telpty help serve', 'the options of telpty serve'),
  ].join('');
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const paragraphs = command.text.map(paragraph => `\n${wrap(plain(paragraph), WIDTH).join('\n')}\n`);
  const sections = command.sections.map(
    ({ title, options }) => `\n${command.sections.length > 1 ? title : 'Options'}:\n${sectionHelp(options)}`,
  );
  const examples = command.examples.map(([line, does]) => example(line, does));
  return `Usage: ${command.usage}\n${paragraphs.join('')}${sections.join('')}\nExamples:\n${examples.join('')}`;
}

function sectionHelp(options: OptionSection['options']): string {
  return Object.entries(options)
    .map(([name, spec]) => entry(`  ${optionHead(name, spec)}`, withNotes(spec)))
    .join('');
}

/** `--port N`, `-h, --help`. */
export function optionHead(name: string, spec: OptionSpec): string {
  const short = spec.short === undefined ? '' : `-${spec.short}, `;
  return `${short}--${name}${spec.argument === undefined ? '' : ` ${spec.argument}`}`;
}

/** The default of an option, in the form for users. */
export function defaultOf({ argument, default: value, defaultWords }: OptionSpec): string | undefined {
  return defaultWords ?? (argument === undefined ? undefined : value);
}

function withNotes(spec: OptionSpec): string {
  const fallback = defaultOf(spec);
  const notes = [spec.repeatable ? 'repeatable' : '', fallback === undefined ? '' : `default: ${fallback}`];
  const shown = notes.filter(Boolean).join('; ');
  return plain(shown === '' ? spec.help : `${spec.help} (${shown})`);
}

/** Removes the backticks: a terminal has no font for code. */
const plain = (text: string) => text.replaceAll('`', '');

const example = (line: string, does: string) => `  ${line}\n      ${does}\n`;

function entry(head: string, text: string, column = DESCRIPTION_COLUMN): string {
  const indent = ' '.repeat(column);
  // If the head is too long for its column, the description begins on the next line.
  const first = head.length + 2 > column ? `${head}\n${indent}` : head.padEnd(column);
  return `${first}${wrap(text, WIDTH - column).join(`\n${indent}`)}\n`;
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
