/** The commands of telpty. Their help is generated from this table. */
import { connectSections } from '../connect/options.ts';
import { helpOnly, type OptionSection } from '../options/options.ts';
import { serveSections } from '../options/serve/index.ts';
import { playSections, renderSections } from '../play/options.ts';

/** One command. */
export interface Command {
  readonly summary: string;
  readonly usage: string;
  /** The kind of the operands, for completion: a program with its arguments, a host, a file, or one of a few words. */
  readonly operands: 'program' | 'host' | 'file' | readonly string[];
  /** Paragraphs. */
  readonly text: readonly string[];
  readonly sections: readonly OptionSection[];
  /** Command lines, each with its effect. */
  readonly examples: readonly (readonly [line: string, does: string])[];
}

/** The shells that `telpty completion` supports. */
export const shells = ['bash', 'zsh', 'fish'] as const;

const EXIT_STATUS =
  'The exit status is 0 if the command succeeded, 1 if it failed at run time, 2 if it was used in a wrong way.';

/** The commands by name, in the order of the help. */
export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  [
    'serve',
    {
      summary: 'run a program on a pseudo-terminal for every Telnet connection',
      usage: 'telpty serve [options] [--] [PROGRAM [ARG...]]',
      operands: 'program',
      text: [
        'Runs PROGRAM on a pseudo-terminal of its own for every connection. Without PROGRAM it runs your login shell, only on loopback and only for your own user.',
        'Durations are written 500ms, 30s, 10m, 2h; sizes 64K, 1M; 0 disables a limit.',
        'SIGTERM and SIGINT stop the server gracefully, a second one ends it at once. SIGHUP reads the configuration again.',
        EXIT_STATUS,
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
      operands: 'host',
      text: [
        'Connects the terminal to a Telnet server. The default port is 23, with TLS 992. The escape key opens a prompt; `help` lists its commands.',
        'Input that is not a terminal is sent unchanged, except that lines end in CR LF. After its end the client waits for the server to close.',
        'The exit status is 0 if the connection ended cleanly, 1 if it could not be made, broke or failed verification, 2 if the command was used in a wrong way.',
      ],
      sections: connectSections,
      examples: [
        ['telpty connect --tls bbs.example.org', 'an interactive session over TLS'],
        ["printf 'date\\nexit\\n' | telpty connect 192.0.2.1 6023", 'commands from a script'],
      ],
    },
  ],
  [
    'play',
    {
      summary: 'play a recording on the terminal',
      usage: 'telpty play [options] FILE|DIR',
      operands: 'file',
      text: [
        'Plays a recording: asciicast v1 to v3 (asciinema), or ttyrec, plain or compressed with gzip. For a directory it lists the recordings, the newest first, and plays the one that you pick; without a terminal it prints the list.',
        'Keys: space pauses, `.` goes on by one event, `+` and `-` change the speed, `[` and `]` go to the previous and the next mark or by 10 s, the cursor keys go by 5 s, 0 to 9 go to that tenth of the recording, q and ^C quit.',
        'Only text, colours and attributes reach the terminal; all other sequences of the recording stay in the player. A smaller terminal shows the part of the screen with the cursor. Standard output must be a terminal.',
        'The exit status is 0 at the end of the recording or if you quit, 1 if the file cannot be read or is broken, after it was played up to there, 2 if the command was used in a wrong way.',
      ],
      sections: playSections,
      examples: [
        ['telpty play --idle-limit 2s session.cast', 'without long pauses'],
        ['telpty play /var/lib/telpty/recordings', 'a list to pick from'],
      ],
    },
  ],
  [
    'render',
    {
      summary: 'make an SVG image of a recording',
      usage: 'telpty render [options] FILE',
      operands: 'file',
      text: [
        'Draws a recording as an SVG image that browsers show: an animation that repeats, or with `--at` one screen. It contains text to search and copy, and no scripts, links or other files.',
        'An animation is at most 4 MiB. Frames of a longer recording are left out, and a line on standard error says so.',
        EXIT_STATUS,
      ],
      sections: renderSections,
      examples: [
        ['telpty render --at 1:30 --output screen.svg session.cast', 'the screen after 90 s'],
        ['telpty render --from 10s --to 30s --idle-limit 1s session.cast > demo.svg', 'an animation'],
      ],
    },
  ],
  [
    'check',
    {
      summary: 'validate a configuration file of telpty serve',
      usage: 'telpty check FILE',
      operands: 'file',
      text: [
        'Checks everything that `telpty serve --config FILE` checks before it listens. Each problem is one line on standard error: FILE:LINE:COLUMN: what is wrong.',
        'The exit status is 0 if the file is valid, 1 if it cannot be read or names something that this machine does not have, 2 if it is not a valid configuration.',
      ],
      sections: [{ title: 'Options', options: helpOnly }],
      examples: [
        ['telpty check /etc/telpty/telpty.yaml', 'before a restart or a reload'],
        ['telpty check telpty.yaml && systemctl reload telpty', 'reloads only a valid configuration'],
      ],
    },
  ],
  [
    'completion',
    {
      summary: 'print a completion script for bash, zsh or fish',
      usage: `telpty completion ${shells.join('|')}`,
      operands: shells,
      text: [
        'Prints a script that completes the commands and options of telpty, the values of options with a fixed set of values, files and directories.',
        'zsh finds it as a file _telpty in a directory of fpath.',
        EXIT_STATUS,
      ],
      sections: [{ title: 'Options', options: helpOnly }],
      examples: [
        ['telpty completion bash > ~/.local/share/bash-completion/completions/telpty', 'for bash'],
        ['telpty completion fish > ~/.config/fish/completions/telpty.fish', 'for fish'],
      ],
    },
  ],
]);
