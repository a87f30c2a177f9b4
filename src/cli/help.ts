/** What `telpty help` prints; the options come from the tables that also parse them. */
import { connectOptions } from './connect/options.ts';
import type { OptionSpec, OptionTable } from './options.ts';
import { serveOptions } from './serve-options/index.ts';

/** The column where descriptions begin. */
const descriptionColumn = 28;
const width = 100;

/** A command as the help shows it. */
interface Command {
  readonly summary: string;
  readonly usage: string;
  readonly text: string;
  readonly options: OptionTable;
}

/** The commands there are. */
export const commands: ReadonlyMap<string, Command> = new Map([
  [
    'serve',
    {
      summary: 'give every Telnet connection its own program on a pseudo-terminal',
      usage: 'telpty serve [options] [--] PROGRAM [ARG...]',
      text: [
        'Gives every connection its own PROGRAM on a pseudo-terminal. With no PROGRAM: your login shell, and then',
        'only on loopback. Durations are written 500ms, 30s, 10m, 2h, sizes 64K, 1M; 0 turns a limit off.',
      ].join('\n'),
      options: serveOptions,
    },
  ],
  [
    'connect',
    {
      summary: 'connect to a Telnet server',
      usage: 'telpty connect [options] HOST [PORT]',
      text: [
        'Connects your terminal to a Telnet server; the port is 23, with TLS 992. The escape key opens a prompt: help',
        'there tells more. Input that is no terminal is sent as it is, the ends of its lines as Telnet has them, and then',
        'the server is waited for. The exit status is 0 if the connection ended cleanly, 1 if it failed or broke.',
      ].join('\n'),
      options: connectOptions,
    },
  ],
]);

/** The help of all of telpty. */
export function overview(): string {
  const lines = [...commands].map(([name, { summary }]) => `  telpty ${name.padEnd(10)} ${summary}`);
  lines.push('  telpty help [COMMAND]', '  telpty --version');
  return `Usage: telpty COMMAND [options]\n\n${lines.join('\n')}\n\ntelpty COMMAND --help tells more.\n`;
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const options = Object.entries(command.options).map(([name, spec]) => optionHelp(name, spec));
  return `Usage: ${command.usage}\n\n${command.text}\n\nOptions:\n${options.join('')}`;
}

function optionHelp(name: string, spec: OptionSpec): string {
  const head = `  --${name}${spec.argument === undefined ? '' : ` ${spec.argument}`}`;
  const fallback = spec.defaultWords ?? (spec.argument === undefined ? undefined : spec.default);
  const notes = [spec.repeatable ? 'repeatable' : '', fallback === undefined ? '' : `default: ${fallback}`].filter(
    Boolean,
  );
  const lines = wrap(notes.length > 0 ? `${spec.help} (${notes.join('; ')})` : spec.help, width - descriptionColumn);
  const indent = ' '.repeat(descriptionColumn);
  // A head too long for its column has the description below it.
  const first = head.length + 2 > descriptionColumn ? `${head}\n${indent}` : head.padEnd(descriptionColumn);
  return `${first}${lines.join(`\n${indent}`)}\n`;
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
