/**
 * Who edits and who echoes what a user types: the client, the kernel (the program's terminal) or the program itself.
 *
 * Theory of operation. The program decides, by the modes of its terminal, and the client is to follow. ICANON asks for edited
 * lines, ECHO for an echo. How a client is made to follow depends on its kind:
 *
 *   character   sends each key. WILL ECHO and SGA have made it do so; the kernel edits and echoes, as with ssh.
 *   linemode    performs LINEMODE (RFC 1184), and the operator allows it: MODE EDIT where the program waits for lines, MODE 0 elsewhere.
 *   line        edits and echoes by itself, whatever is negotiated, and hides what is typed after WILL ECHO: MUD clients.
 *
 * (In the shell modes `raw` and `line` no client follows the program, and none of this applies.)
 *
 * EDIT begins when the program has waited for a line for long enough (line-wait.ts), at the beginning of a line: to switch in
 * the middle of what is being typed would leave half a line on either side. It ends with ICANON, or when the client's user
 * leaves it. A client that has said nothing of LINEMODE but WILL may only agree to all it is offered. It is told EDIT, but is
 * treated as one that sends keys until it acknowledges that.
 *
 * A client with EDIT sends lines, and so does any of the kind `line`; all others send keys. That decides about the echo, in
 * the table `ECHOES`. There `echo` is ECHO as the program has set it, also where the terminal's is off for the client's sake.
 *
 *   - A client that has refused our ECHO echoes (RFC 857), and so the terminal must not. It is not asked again, but for
 *     passwords, once for each: there may be clients that hide what is typed whatever they answer.
 *   - The ECHO of a terminal whose client edits is not switched off. The program would take that for its own setting, and undo
 *     it with the modes that it restores. EXTPROC is on instead: with it a terminal neither edits nor echoes, though the program sees
 *     its ECHO on, and the system reports each change of modes.
 *   - EXTPROC follows the mode that the client has acknowledged, not the one that it was told: what comes before the
 *     acknowledgement in the stream was not edited.
 *
 * Termination. What was said last is not said again, and of what was said a decision depends on two facts only: `toldEdit`
 * keeps a client in EDIT, and `refused` brings no WILL but that for a password. So to decide again from the same facts says nothing.
 * The test tries every combination of facts, and each kind of client with each answer it may give.
 */
import type { LinemodeMode } from '../../protocol/index.ts';
import type { Modes } from '../../pty/index.ts';

/** The kinds of clients that the theory above lists. */
export type Client = 'character' | 'linemode' | 'line';

/** What a decision is made from. */
export interface Facts {
  readonly client: Client;
  /** The program reads lines. */
  readonly icanon: boolean;
  /** The program wants an echo. */
  readonly echo: boolean;
  /** The client has refused our ECHO. */
  readonly refused: boolean;
  /** The client was told EDIT, or has proposed it. */
  readonly toldEdit: boolean;
  /** The client has acknowledged EDIT: what arrives was edited. */
  readonly inEdit: boolean;
  /** It has left EDIT, or not taken it, and has not proposed it since. */
  readonly declined: boolean;
  /** It has said anything of LINEMODE but WILL. */
  readonly proven: boolean;
  /** The program has waited for a line for long enough. */
  readonly rested: boolean;
  /** A line was begun that the client does not edit. */
  readonly inLine: boolean;
}

/** Who edits and echoes once the client has followed, and what has to be said and set for that. */
export interface Decision {
  readonly editor: 'client' | 'kernel' | 'program';
  readonly echoer: 'client' | 'kernel' | 'nobody';
  /** MODE with EDIT (true) or without. */
  readonly edit: boolean;
  /** WILL ECHO (true), WONT ECHO (false), or nothing. */
  readonly say: boolean | undefined;
  /** Whether the terminal's ECHO is as the program has it; else it is off. */
  readonly ownEcho: boolean;
  readonly extproc: boolean;
}

/** The first row that fits decides; a fact that is left out fits either way. */
// biome-ignore format: it is a table
const ECHOES: readonly (readonly [Partial<Facts> & { sends?: 'keys' | 'lines' }, Pick<Decision, 'echoer' | 'say' | 'ownEcho'>])[] = [
  [{ sends: 'keys',                               refused: true }, { echoer: 'client', say: undefined, ownEcho: false }],
  [{ sends: 'keys',                echo: true                   }, { echoer: 'kernel', say: true,      ownEcho: true }],
  [{ sends: 'keys',                echo: false                  }, { echoer: 'nobody', say: true,      ownEcho: true }],
  [{ sends: 'lines', icanon: true, echo: false,   refused: true }, { echoer: 'client', say: true,      ownEcho: true }],
  [{ sends: 'lines', icanon: true, echo: false                  }, { echoer: 'nobody', say: true,      ownEcho: true }],
  [{ sends: 'lines'                                             }, { echoer: 'client', say: false,     ownEcho: true }],
];

/** Decides by the rules above. Pure: the caller keeps what was said. */
export function decide(facts: Facts): Decision {
  const { client, icanon, toldEdit, inEdit, declined, proven, rested, inLine } = facts;
  const edit = client === 'linemode' && icanon && !declined && (toldEdit || (rested && !inLine));
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
