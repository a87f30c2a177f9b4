import { Option, type Side, type Speed } from '../../protocol/index.ts';
import type { Modes } from '../../pty/index.ts';
import { standardSpeed } from '../../pty/modes.ts';

/** The initial modes of a program's terminal, and the negotiation with the client that matches them. */
export interface ShellMode {
  /** Differences to the modes of an ordinary terminal, in effect before the program's first instruction. */
  readonly terminal: Modes;
  /** The Telnet options requested at the start, in addition to those of every server. */
  readonly requests: readonly (readonly [code: number, side: Side])[];
  /** Whether we offer ECHO: `'unless misunderstood'` excludes MUD clients, which echo themselves. See echo.ts. */
  readonly echo: 'always' | 'unless misunderstood' | 'never';
  /** Whether clients that have not refused SGA are sent GA after silence: SGA is not offered in this mode. */
  readonly goAhead: boolean;
  /** Whether IAC GA may be sent at all. */
  readonly mayPrompt: boolean;
  /** Whether DEL from the client is converted to ^H. */
  readonly delErases: boolean;
  /** Whether the terminal's echo follows the negotiation of ECHO. */
  readonly echoFollows: boolean;
  /** Whether clients that support LINEMODE may edit lines. */
  readonly mayEdit: boolean;
  /** Whether the erase character follows the key that the client's terminal actually sends. */
  readonly learnErase: boolean;
}

/** The names that `--mode` accepts, each for the initial modes of a program's terminal and the matching negotiation. */
export type ModeName = 'character' | 'raw' | 'line';

const ERASE_BACKSPACE = 0x08;

/**
 * Character at a time: we echo (RFC 857; see echo.ts) and suppress go-ahead (RFC 858). The two together make every
 * client send each key. BINARY in both directions makes UTF-8 safe: GNU telnet strips the eighth bit of input without
 * it.
 */
const CHARACTER_AT_A_TIME = [
  [Option.SGA, 'local'],
  [Option.BINARY, 'remote'],
  [Option.BINARY, 'local'],
] as const;

/**
 * The line speed for a client that reports the speed of its terminal (TSPEED, RFC 1079), as a mode. The terminal's
 * output arrives at the receive speed, and programs pad their output for it.
 */
export function speedMode(reported: Speed | undefined): { speed?: number } {
  const speed = reported === undefined ? undefined : standardSpeed(reported.receive);
  return speed === undefined ? {} : { speed };
}

/** The modes that `--mode` selects. */
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
  // The client edits and echoes. BINARY is not requested: it would make GNU telnet send LF without CR and stop
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
