/**
 * The fast path: a few plain bytes, such as a key and its echo, pass between the connection and the terminal of its program in the
 * addon (`native/socket/fast_path.c`), without JavaScript.
 *
 * It may be open only while no part of the session would do anything with those bytes. Each part has a name here, and tells in a
 * table whether it blocks the path at the moment. The tables are complete by their type: a new name without a condition does
 * not compile, and `test/session/fast-path.test.ts` has a case for each name. A new part that looks at bytes, or holds some back, needs a name.
 *
 * Conditions are asked at the end of each turn, and not kept as state that parts set and reset: a part cannot forget
 * to unblock. In between nothing can change, as the addon closes the path whenever it calls JavaScript or is called by it.
 */
import type { NativePty } from '../native/addon.ts';
import type { FastPathCounts, FastPathPort } from '../transport/stream/transport.ts';

/** The parts of a session that can block the fast path. */
export type SessionBlock =
  /** A tap observes the bytes. */
  | 'tap'
  /** A trace observes them. */
  | 'trace'
  /** It is not known yet whether the peer speaks Telnet. */
  | 'recognition'
  /** The engine is within a command, or owes the NUL of a CR. */
  | 'engine'
  /** Received bytes wait, reading is stopped, or they are compressed. */
  | 'receiving'
  /** Input waits for the program. */
  | 'input'
  /** Something was written to the stream and is not sent. */
  | 'stream'
  /** Sent bytes wait, or are compressed. */
  | 'sending'
  /** Nothing more can be written. */
  | 'end';

/** The parts of a hosted program that can block it. */
export type ProgramBlock =
  /** Output is held back: a synchronized update (DEC mode 2026) is not complete. */
  | 'synchronized-update'
  /** A Telnet command waits for the next key. */
  | 'command'
  /** Text is converted between two character sets. */
  | 'conversion'
  /** telpty edits the line, or finds out whether the client does. */
  | 'editing'
  /** A prompt mark (GA or EOR) follows the output. */
  | 'prompt-mark';

/** Why the fast path is blocked. `'not-joined'`: no program, or a transport without it. */
export type FastPathBlock = SessionBlock | ProgramBlock | 'not-joined';

/** For each part, whether it blocks the path now. One table serves all sessions: there are many of them, and they should be small. */
export class BlockTable<Name extends FastPathBlock, Owner> {
  readonly #entries: readonly (readonly [Name, (owner: never) => boolean])[];

  constructor(table: Readonly<Record<Name, (owner: Owner) => boolean>>) {
    this.#entries = Object.entries(table) as [Name, (owner: never) => boolean][];
  }

  isBlocked(owner: Owner): boolean {
    for (let index = 0; index < this.#entries.length; index++)
      if (this.#entries[index]![1](owner as never)) return true;
    return false;
  }

  blocks(owner: Owner): Name[] {
    return this.#entries.filter(([, isBlocked]) => isBlocked(owner as never)).map(([name]) => name);
  }
}

/** A table with whom it is asked about. */
interface Parts {
  readonly table: BlockTable<FastPathBlock, unknown>;
  readonly owner: unknown;
}

const NOTHING: FastPathCounts = { toTerminal: 0, fromTerminal: 0, age: Number.POSITIVE_INFINITY };

/** The fast path of one session. */
export class FastPath {
  /** Called when the names in {@link blocks} have changed: for a log. */
  onChange: ((blocks: readonly FastPathBlock[]) => void) | undefined;
  readonly #port: FastPathPort | undefined;
  readonly #session: Parts;
  #program: Parts | undefined;
  #reported = '';

  /** @param port that of the transport, if it has one. */
  constructor(port: FastPathPort | undefined, session: Parts) {
    this.#port = port;
    this.#session = session;
  }

  /** From now on keys may pass to this terminal, and its output to the connection. */
  join(terminal: NativePty, program: Parts): void {
    this.#program = program;
    this.#port?.joinTerminal(terminal);
  }

  /** From now on nothing passes. */
  part(): void {
    this.#program = undefined;
    this.#port?.joinTerminal(undefined);
  }

  /** A turn is over: opens the path if no part blocks it. The addon closes it again at whatever JavaScript does next. */
  offer(): void {
    if (this.onChange !== undefined) this.#report(this.onChange);
    if (this.#port === undefined || this.#program === undefined) return;
    const { table, owner } = this.#program;
    if (!table.isBlocked(owner) && !this.#session.table.isBlocked(this.#session.owner)) this.#port.openFastPath(true);
  }

  /** A part begins to look at the bytes. */
  close(): void {
    this.#port?.openFastPath(false);
  }

  /** What blocks the path now; nothing where it is open. */
  get blocks(): readonly FastPathBlock[] {
    if (this.#port === undefined || this.#program === undefined) return ['not-joined'];
    const { table, owner } = this.#program;
    return [...this.#session.table.blocks(this.#session.owner), ...table.blocks(owner)];
  }

  /** What has passed so far. */
  get counts(): FastPathCounts {
    return this.#port?.fastPathCounts() ?? NOTHING;
  }

  #report(onChange: (blocks: readonly FastPathBlock[]) => void): void {
    const { blocks } = this;
    const text = blocks.join();
    if (text === this.#reported) return;
    this.#reported = text;
    onChange(blocks);
  }
}
