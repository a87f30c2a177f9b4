/**
 * The fast path: plain bytes, such as a key and its echo, and output that only has to be escaped, pass between a
 * connection and a terminal without JavaScript. The addon passes them (`native/socket/fast_path.c`).
 *
 * It may be open only while no part of the session would act on those bytes. Each such part has a name here, and a
 * condition in a table that decides whether it blocks the path now. The types make the tables complete: a new name
 * without a condition does not compile, and `test/session/fast-path.test.ts` has a case for each name. A new part that
 * inspects or holds back bytes needs a name.
 *
 * The conditions are evaluated at the end of each turn. They are not state that parts set and reset, so that a part
 * cannot forget to unblock. Nothing can change between two turns: the addon closes the path whenever it calls
 * JavaScript, or is called by it about the connection or the terminal. Until such a call, a thread of the addon may
 * also pass output of a flood during a turn.
 */
import type { NativePty } from '../native/addon.ts';
import type { Escaping } from '../protocol/index.ts';
import type { FastPathCounts, FastPathPort } from '../transport/stream/transport.ts';

/** The parts of a session that can block the fast path. */
export type SessionBlock =
  /** An observer that must not miss anything is full, or there is no memory for the copies that observers get. */
  | 'observer'
  /** A trace observes the bytes. */
  | 'trace'
  /** It is not known yet whether the peer uses Telnet. */
  | 'recognition'
  /** The engine is within a command, or has to send the NUL of a CR. */
  | 'engine'
  /** Received bytes wait, reading is stopped, or the input is compressed. */
  | 'receiving'
  /** Input waits for the program. */
  | 'input'
  /** The stream has written bytes that are not sent yet. */
  | 'stream'
  /** Output waits to be sent, or is compressed. */
  | 'sending'
  /** The stream can no longer be written. */
  | 'end';

/** The parts of a hosted program that can block the fast path. */
export type ProgramBlock =
  /** Output is held back: a synchronized update (DEC mode 2026) is not complete. */
  | 'synchronized-update'
  /** A Telnet command waits for the next key. */
  | 'command'
  /** Text is converted between two character sets. */
  | 'conversion'
  /** telpty edits the line, or is detecting whether the client does. */
  | 'editing'
  /** A prompt mark (GA or EOR) follows the output. */
  | 'prompt-mark';

/** Why the fast path is blocked. `'not-joined'`: there is no program, or the transport has no fast path. */
export type FastPathBlock = SessionBlock | ProgramBlock | 'not-joined';

/**
 * The condition of each part: whether it blocks the path now. All sessions share one table, to keep a session small.
 */
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

/** A table and the object that its conditions are evaluated for. */
interface Parts {
  readonly table: BlockTable<FastPathBlock, unknown>;
  readonly owner: unknown;
}

const NOTHING: FastPathCounts = { toTerminal: 0, fromTerminal: 0, age: Number.POSITIVE_INFINITY };

interface SessionParts extends Parts {
  readonly telnet: { readonly escaping: Escaping };
}

/** The fast path of one session. */
export class FastPath {
  /** Called when the names in {@link blocks} have changed: for a log. */
  onChange: ((blocks: readonly FastPathBlock[]) => void) | undefined;
  readonly #port: FastPathPort | undefined;
  readonly #session: SessionParts;
  #program: Parts | undefined;
  #reported = '';

  /** @param port the port of the transport, if it has one. */
  constructor(port: FastPathPort | undefined, session: SessionParts) {
    this.#port = port;
    this.#session = session;
  }

  /** From now on, keys may pass to this terminal, and its output to the connection. */
  join(terminal: NativePty, program: Parts): void {
    this.#program = program;
    this.#port?.joinTerminal(terminal);
  }

  /** From now on, nothing passes. */
  part(): void {
    this.#program = undefined;
    this.#port?.joinTerminal(undefined);
  }

  /**
   * Called at the end of a turn: opens the path if no part blocks it. The addon closes it again before JavaScript runs.
   */
  offer(): void {
    if (this.onChange !== undefined) this.#report(this.onChange);
    if (this.#port === undefined || this.#program === undefined) return;
    const { table, owner } = this.#program;
    if (table.isBlocked(owner) || this.#session.table.isBlocked(this.#session.owner)) return;
    this.#port.openFastPath(true, this.#session.telnet.escaping);
  }

  /** Called when a part begins to observe the bytes. */
  close(): void {
    this.#port?.openFastPath(false);
  }

  /** The parts that block the path now; empty if it is open. */
  get blocks(): readonly FastPathBlock[] {
    if (this.#port === undefined || this.#program === undefined) return ['not-joined'];
    const { table, owner } = this.#program;
    return [...this.#session.table.blocks(this.#session.owner), ...table.blocks(owner)];
  }

  /** Number of bytes that have passed so far. */
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
