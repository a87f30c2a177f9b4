import { Option, type Side, type Speed } from '../../protocol/index.ts';
import type { Modes } from '../../pty/index.ts';
import { standardSpeed } from '../../pty/modes.ts';

/** How a program's terminal starts, and what is asked of the client to match it. */
export interface ShellMode {
  /** Changes to an ordinary terminal's settings, in force before the program's first instruction. */
  readonly terminal: Modes;
  /** The Telnet options asked for at the start, beside what every server asks. */
  readonly requests: readonly (readonly [code: number, side: Side])[];
  /** Whether we say that we echo: `'unless misunderstood'` leaves out MUD clients, which echo themselves. See echo.ts. */
  readonly echo: 'always' | 'unless misunderstood' | 'never';
  /** Whether clients are sent GA after silence though they never refused SGA: SGA is not offered in this mode. */
  readonly goAhead: boolean;
  /** Whether IAC GA may be sent at all. */
  readonly mayPrompt: boolean;
  /** Whether DEL from the client is read as ^H. */
  readonly delErases: boolean;
  /** Whether the terminal's echo follows what is agreed on ECHO with the client. */
  readonly echoFollows: boolean;
  /** Whether clients that can (LINEMODE) may edit lines. */
  readonly mayEdit: boolean;
  /** Whether the erase character follows the key that the client's terminal really sends. */
  readonly learnErase: boolean;
}

/** How a program's terminal starts, and what is asked of the client to match it: the names that `--mode` takes. */
export type ModeName = 'character' | 'raw' | 'line';

const ERASE_BACKSPACE = 0x08;

/**
 * A character at a time: we echo (RFC 857; see echo.ts) and suppress go-ahead (RFC 858), which together is what every client takes
 * as the sign to send each key. BINARY both ways makes UTF-8 safe: GNU telnet strips the eighth bit of input without it.
 */
const CHARACTER_AT_A_TIME = [
  [Option.SGA, 'local'],
  [Option.BINARY, 'remote'],
  [Option.BINARY, 'local'],
] as const;

/**
 * The line speed for a client that reports the speed of its terminal (TSPEED, RFC 1079), as a mode. The terminal's output arrives at
 * the receive speed, and programs pad their output for it.
 */
export function speedMode(reported: Speed | undefined): { speed?: number } {
  const speed = reported === undefined ? undefined : standardSpeed(reported.receive);
  return speed === undefined ? {} : { speed };
}

/** What `--mode` chooses between. */
export const SHELL_MODES: Readonly<Record<ModeName, ShellMode>> = {
  character: {
    terminal: {},
    requests: CHARACTER_AT_A_TIME,
    echo: 'unless misunderstood',
    goAhead: false,
    mayPrompt: true,
    delErases: false,
    echoFollows: true,
    mayEdit: true,
    learnErase: true,
  },
  raw: {
    terminal: { echo: false, icanon: false },
    requests: CHARACTER_AT_A_TIME,
    echo: 'always',
    goAhead: false,
    mayPrompt: false,
    delErases: false,
    echoFollows: false,
    mayEdit: false,
    learnErase: true,
  },
  // The client edits and echoes. BINARY is not asked for: it would make GNU telnet send LF without CR and stop
  // translating its own output.
  line: {
    terminal: { icanon: true, echo: false, verase: ERASE_BACKSPACE },
    requests: [[Option.EOR, 'local']],
    echo: 'never',
    goAhead: true,
    mayPrompt: true,
    delErases: true,
    echoFollows: false,
    mayEdit: false,
    learnErase: false,
  },
};
