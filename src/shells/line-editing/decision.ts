/**
 * Which side edits and which side echoes the user's input: the client, the kernel (the program's terminal) or the
 * program.
 *
 * Theory of operation. The program decides, by the modes of its terminal, and the client has to follow. ICANON requests
 * edited lines, ECHO requests an echo. There are three kinds of clients, which follow in different ways:
 *
 *   character   sends each key. WILL ECHO and SGA make it do so; the kernel edits and echoes, as with ssh.
 *   linemode    performs LINEMODE (RFC 1184), and the operator allows it: MODE EDIT while the program waits for lines,
 *               otherwise MODE 0.
 *   line        edits and echoes by itself, whatever is negotiated, and hides input after WILL ECHO: MUD clients.
 *
 * In the shell modes `raw` and `line` clients do not follow the program, and none of this applies.
 *
 * EDIT starts when the program has waited for a line for long enough (line-wait.ts), and only at the start of a line. A
 * switch in the middle of a line would leave half of it on each side. It ends with ICANON, or when the user of the
 * client leaves it. A client that has sent nothing about LINEMODE except WILL may be one that agrees to every offer. It
 * is sent EDIT, but is treated as a client that sends keys until it acknowledges EDIT.
 *
 * A client in EDIT sends lines, and so does any client of the kind `line`; all others send keys. That determines the
 * echo, by the table `ECHOES`. In that table `echo` is the ECHO that the program has set, even while the terminal's
 * ECHO is off because the client echoes.
 *
 *   - A client that has refused our ECHO echoes (RFC 857), so the terminal must not. The client is not asked again,
 *     except for passwords, once for each: some clients may hide the input whatever they answer.
 *   - While a client edits, the terminal's ECHO is not switched off. The program would interpret that as its own
 *     setting, and lose it when it restores saved modes. EXTPROC is on instead. A terminal with EXTPROC neither edits
 *     nor echoes, although the program sees that ECHO is on. The kernel reports each change of modes.
 *   - EXTPROC follows the mode that the client has acknowledged, not the one that it was sent. The data before the
 *     acknowledgement in the stream was not edited.
 *
 * Termination. A request that equals the last one is not repeated. A decision depends on only two facts about earlier
 * requests. `editProposed` keeps a client in EDIT, and `refused` prevents every WILL except that for a password. So a
 * second decision from the same facts sends nothing. The test tries every combination of facts, and each kind of client
 * with each of its possible answers.
 */
import type { LinemodeMode } from '../../protocol/index.ts';
import type { Modes } from '../../pty/index.ts';

/** The kinds of clients in the overview above. */
export type Client = 'character' | 'linemode' | 'line';

/** The input of a decision. */
export interface Facts {
  readonly client: Client;
  /** The program reads lines. */
  readonly icanon: boolean;
  /** The program has requested an echo. */
  readonly echo: boolean;
  /** The client has refused our ECHO. */
  readonly refused: boolean;
  /** EDIT was sent to the client, or the client has proposed it. */
  readonly editProposed: boolean;
  /** The client has acknowledged EDIT: the data that arrives was edited. */
  readonly inEdit: boolean;
  /** The client has left or not accepted EDIT, and has not proposed it since. */
  readonly declined: boolean;
  /** The client has sent something about LINEMODE other than WILL. */
  readonly proven: boolean;
  /** The program has waited for a line for long enough. */
  readonly rested: boolean;
  /** The user has started a line that the client does not edit. */
  readonly inLine: boolean;
}

/** Which side edits and echoes once the client has followed, and what to send and set for that. */
export interface Decision {
  readonly editor: 'client' | 'kernel' | 'program';
  readonly echoer: 'client' | 'kernel' | 'nobody';
  /** MODE with EDIT (true) or without. */
  readonly edit: boolean;
  /** Send WILL ECHO (true), WONT ECHO (false), or nothing. */
  readonly willEcho: boolean | undefined;
  /** Whether the terminal's ECHO has the program's value; otherwise it is off. */
  readonly ownEcho: boolean;
  readonly extproc: boolean;
}

/** The first row that matches decides. A row matches any value of a fact that it does not contain. */
// biome-ignore format: it is a table
const ECHOES: readonly (readonly [Partial<Facts> & { sends?: 'keys' | 'lines' }, Pick<Decision, 'echoer' | 'willEcho' | 'ownEcho'>])[] = [
  [{ sends: 'keys',                               refused: true }, { echoer: 'client', willEcho: undefined, ownEcho: false }],
  [{ sends: 'keys',                echo: true                   }, { echoer: 'kernel', willEcho: true,      ownEcho: true }],
  [{ sends: 'keys',                echo: false                  }, { echoer: 'nobody', willEcho: true,      ownEcho: true }],
  [{ sends: 'lines', icanon: true, echo: false,   refused: true }, { echoer: 'client', willEcho: true,      ownEcho: true }],
  [{ sends: 'lines', icanon: true, echo: false                  }, { echoer: 'nobody', willEcho: true,      ownEcho: true }],
  [{ sends: 'lines'                                             }, { echoer: 'client', willEcho: false,     ownEcho: true }],
];

/** Decides by the rules above. A pure function: the caller records what was sent. */
export function decide(facts: Facts): Decision {
  const { client, icanon, editProposed, inEdit, declined, proven, rested, inLine } = facts;
  const edit = client === 'linemode' && icanon && !declined && (editProposed || (rested && !inLine));
  const sends = client === 'line' || (edit && proven) ? 'lines' : 'keys';
  return {
    editor: sends === 'lines' ? 'client' : icanon ? 'kernel' : 'program',
    ...ECHOES.find(([row]) => fits(row, { ...facts, sends }))![1],
    edit,
    extproc: icanon && (client === 'line' || (client === 'linemode' && inEdit)),
  };
}

const fits = (row: (typeof ECHOES)[number][0], facts: typeof row): boolean =>
  Object.entries(row).every(([name, value]) => value === facts[name as keyof Facts]);

/** MODE (RFC 1184) for a client that edits, from the modes of the program's terminal. */
export function editMode({ isig, xtabs, echoctl }: Modes): LinemodeMode {
  return { edit: true, trapsig: isig === true, softTab: xtabs === true, litEcho: echoctl === false };
}
