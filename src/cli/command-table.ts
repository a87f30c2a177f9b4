/** The commands of telpty. Their help is made from this. */
import { checkOptions } from './check.ts';
import { connectSections } from './connect/options.ts';
import type { OptionSection } from './options.ts';
import { serveSections } from './serve-options/index.ts';

/** One command. */
export interface Command {
  readonly summary: string;
  readonly usage: string;
  /** Paragraphs. */
  readonly text: readonly string[];
  readonly sections: readonly OptionSection[];
  /** Command lines, and what each does. */
  readonly examples: readonly (readonly [line: string, does: string])[];
}

const exitStatus =
  'The exit status is 0 if the command succeeded, 1 if it failed at run time, 2 if it was used in a wrong way.';

/** The commands by their names, in the order of the help. */
export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  [
    'serve',
    {
      summary: 'run a program on a pseudo-terminal for every Telnet connection',
      usage: 'telpty serve [options] [--] [PROGRAM [ARG...]]',
      text: [
        'Runs PROGRAM on a pseudo-terminal of its own for every connection. Without PROGRAM it runs your login shell, only on loopback and only for your own user.',
        'Durations are written 500ms, 30s, 10m, 2h; sizes 64K, 1M; 0 disables a limit.',
        'SIGTERM and SIGINT stop the server gracefully, a second one ends it at once. SIGHUP reads the configuration again.',
        exitStatus,
      ],
      sections: serveSections,
      examples: [
        ['telpty serve -- nethack', 'a game for every connection to port 6023 of this machine'],
        ['telpty serve --config /etc/telpty/telpty.yaml', 'with the options and the program of a file'],
      ],
    },
  ],
  [
    'connect',
    {
      summary: 'connect to a Telnet server',
      usage: 'telpty connect [options] HOST [PORT]',
      text: [
        'Connects the terminal to a Telnet server. The default port is 23, with TLS 992. The escape key opens a prompt; `help` lists its commands.',
        'Input that is not a terminal is sent as it is, with its line ends as Telnet has them. After its end the client waits for the server to close.',
        'The exit status is 0 if the connection ended cleanly, 1 if it was refused, broke or failed verification, 2 if the command was used in a wrong way.',
      ],
      sections: connectSections,
      examples: [
        ['telpty connect --tls bbs.example.org', 'an interactive session over TLS'],
        ["printf 'date\\nexit\\n' | telpty connect 192.0.2.1 6023", 'commands from a script'],
      ],
    },
  ],
  [
    'check',
    {
      summary: 'validate a configuration file of telpty serve',
      usage: 'telpty check FILE',
      text: [
        'Checks everything that `telpty serve --config FILE` checks before it listens. Each problem is one line on standard error: FILE:LINE:COLUMN: what is wrong.',
        'The exit status is 0 if the file is valid, 1 if it cannot be read or names something that this machine does not have, 2 if it is not a valid configuration.',
      ],
      sections: [{ title: 'Options', options: checkOptions }],
      examples: [
        ['telpty check /etc/telpty/telpty.yaml', 'before a restart or a reload'],
        ['telpty check telpty.yaml && systemctl reload telpty', 'reloads only a valid configuration'],
      ],
    },
  ],
]);
