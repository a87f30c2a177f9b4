/** Manual pages, in the man(7) macros. */
import { type Command, commands } from '../../src/cli/help/command-table.ts';
import { defaultOf } from '../../src/cli/help/help.ts';
import type { OptionSection, OptionSpec } from '../../src/cli/options/options.ts';
import { serveSections } from '../../src/cli/options/serve/index.ts';

const DATE = '2026-12-01';

/** The commands with a page of their own. */
const PAGES = ['serve', 'connect', 'play', 'render'];

export function mainPage(): string {
  const list = [...commands.values()].map(({ usage, text }) => item(bold(usage), text));
  return page('telpty', 1, 'programs on pseudo-terminals for Telnet connections', [
    section(
      'SYNOPSIS',
      `${bold('telpty')} ${italic('COMMAND')} [options]\n.br\n${bold('telpty help')} [${italic('COMMAND')}]\n`,
    ),
    section(
      'DESCRIPTION',
      paragraph(
        '`telpty` gives every Telnet connection its own program on a pseudo-terminal, and has a Telnet client.',
      ),
    ),
    section('COMMANDS', list.join('')),
    section(
      'OPTIONS',
      item(`${bold('-h')}, ${bold('--help')}`, ['Print the help.']) +
        item(`${bold('-V')}, ${bold('--version')}`, ['Print the version.']),
    ),
    section(
      'EXIT STATUS',
      paragraph('0 if the command succeeded, 1 if it failed at run time, 2 if it was used in a wrong way.'),
    ),
    seeAlso(...PAGES.map(name => `telpty-${name}(1)`), 'telpty.yaml(5)', 'telnet(1)'),
  ]);
}

export function commandPage(name: string): string {
  const command = commands.get(name);
  if (command === undefined) throw new Error(`there is no command ${name}`);
  const others = PAGES.filter(other => other !== name);
  return page(`telpty-${name}`, 1, command.summary, [
    section('SYNOPSIS', `${bold(command.usage)}\n`),
    section('DESCRIPTION', command.text.map(paragraph).join('')),
    section(
      'OPTIONS',
      options(command.sections, (key, spec) => optionHead(key, spec)),
    ),
    section('EXAMPLES', examples(command)),
    seeAlso('telpty(1)', ...others.map(other => `telpty-${other}(1)`), 'telpty.yaml(5)'),
  ]);
}

export function configPage(): string {
  const keys = serveSections.map(({ title, options: all }) => ({
    title,
    options: Object.fromEntries(Object.entries(all).filter(([, spec]) => !spec.commandLineOnly)),
  }));
  return page('telpty.yaml', 5, 'configuration of telpty serve', [
    section(
      'DESCRIPTION',
      [
        'The file of `telpty serve --config FILE` is a YAML or JSON mapping. Its keys are the long names of the options of telpty-serve(1); the command line wins. Unknown keys are an error.',
        'A value is written as on the command line. A flag is `true` or `false`. An option that is repeatable takes a list. A list of NAME=VALUE may be a mapping.',
        '`telpty check FILE` validates a file. Editors can use `telpty.schema.json` of the package.',
      ]
        .map(paragraph)
        .join(''),
    ),
    section(
      'KEYS',
      item(`${bold('program:')} ${italic('[PROGRAM, ARG, ...]')}`, [
        'The program to run for every connection, with its arguments.',
      ]),
    ),
    ...keys.map(({ title, options: all }) => `.SS ${escapeRoff(title)}\n${optionItems(all, keyHead)}`),
    section(
      'EXAMPLES',
      `.EX\n${code('program: [nethack, -u, guest]\nhost: 127.0.0.1\nport: 6023\nidle-timeout: 30m\nrlimit:\n  cpu: 600\n  as: 512M')}\n.EE\n`,
    ),
    seeAlso('telpty(1)', 'telpty-serve(1)'),
  ]);
}

function page(name: string, number: number, summary: string, parts: readonly string[]): string {
  const head = `.\\" Made by npm run reference. Do not edit.\n.TH ${name.toUpperCase()} ${number} ${DATE} telpty\n`;
  return `${head}.SH NAME\n${escapeRoff(name)} \\- ${escapeRoff(summary)}\n${parts.join('')}`;
}

const section = (title: string, text: string) => `.SH ${title}\n${text.replace(/^\.PP\n/, '')}`;
const paragraph = (text: string) => `.PP\n${prose(text)}\n`;
const bold = (text: string) => `\\fB${code(text)}\\fR`;
const italic = (text: string) => `\\fI${code(text)}\\fR`;

/** A term, and what it means; further paragraphs are below it. */
function item(term: string, [first = '', ...more]: readonly string[]): string {
  return `.TP\n${term}\n${[first, ...more].map(prose).join('\n.IP\n')}\n`;
}

function options(sections: readonly OptionSection[], head: typeof optionHead): string {
  return sections.map(({ title, options: all }) => `.SS ${escapeRoff(title)}\n${optionItems(all, head)}`).join('');
}

function optionItems(all: OptionSection['options'], head: typeof optionHead): string {
  return Object.entries(all)
    .map(([name, spec]) => {
      const value = defaultOf(spec);
      const notes = [
        ...(spec.repeatable ? ['Repeatable.'] : []),
        ...(value === undefined ? [] : [`Default: ${value}.`]),
      ];
      return item(head(name, spec), [[sentence(spec.help), ...notes].join(' ')]);
    })
    .join('');
}

function optionHead(name: string, { short, argument }: OptionSpec): string {
  const letter = short === undefined ? '' : `${bold(`-${short}`)}, `;
  return `${letter}${bold(`--${name}`)}${argument === undefined ? '' : ` ${italic(argument)}`}`;
}

const keyHead = (name: string, { argument = 'true|false' }: OptionSpec) => `${bold(`${name}:`)} ${italic(argument)}`;

/** A phrase of the help, as a sentence; code and names in it stay as they are. */
const sentence = (help: string) => `${help.replace(/^[a-z]/, letter => letter.toUpperCase())}.`;

const examples = ({ examples: all }: Command) =>
  all.map(([line, does]) => `.PP\n${prose(sentence(does))}\n.PP\n.EX\n${code(line)}\n.EE\n`).join('');

const seeAlso = (...pages: string[]) =>
  section(
    'SEE ALSO',
    `${pages.map(name => name.replace(/^(.*)(\(\d\))$/, (_, title: string, number: string) => `${bold(title)}${number}`)).join(',\n')}\n`,
  );

/** A paragraph, in which code is between backticks; a sentence in a line. */
function prose(text: string): string {
  const parts = text.split('`').map((part, index) => (index % 2 === 0 ? escapeRoff(part) : bold(part)));
  return parts
    .join('')
    .replace(/(?<=[a-z)R]\.) (?=[A-Z])/g, '\n')
    .replace(/^(?=[.'])/gm, '\\&');
}

const escapeRoff = (text: string) => text.replaceAll('\\', '\\e').replaceAll('^', '\\(ha').replaceAll('~', '\\(ti');
const code = (text: string) => escapeRoff(text).replaceAll('-', '\\-').replaceAll("'", '\\(aq');
