/**
 * The sessions of a server, in the order in which they began.
 *
 * A plain Set of sessions would do the same, but retains them. After enough additions and deletions V8 gives the Set a
 * new table. The previous table is garbage in the old generation, and the scavenger treats everything that an old table
 * refers to as live. So a third of all sessions, with all their objects, stayed in memory until the next full
 * collection. Here the tables refer to entries, and an entry refers to nothing once its session is deleted.
 */
import type { Session } from '../session/session.ts';

interface Entry {
  session: Session | undefined;
}

export class SessionSet implements ReadonlySet<Session> {
  readonly #entries = new Set<Entry>();
  readonly #entryOf = new WeakMap<Session, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  has(session: Session): boolean {
    return this.#entryOf.has(session);
  }

  add(session: Session): void {
    if (this.has(session)) return;
    const entry = { session };
    this.#entries.add(entry);
    this.#entryOf.set(session, entry);
  }

  delete(session: Session): void {
    const entry = this.#entryOf.get(session);
    if (entry === undefined) return;
    entry.session = undefined;
    this.#entries.delete(entry);
    this.#entryOf.delete(session);
  }

  *values(): Generator<Session, undefined> {
    for (const { session } of this.#entries) if (session !== undefined) yield session;
    return undefined;
  }

  keys(): Generator<Session, undefined> {
    return this.values();
  }

  *entries(): Generator<[Session, Session], undefined> {
    for (const session of this.values()) yield [session, session];
    return undefined;
  }

  [Symbol.iterator](): Generator<Session, undefined> {
    return this.values();
  }

  forEach(callback: (session: Session, same: Session, set: ReadonlySet<Session>) => void, thisArg?: unknown): void {
    for (const session of this.values()) callback.call(thisArg, session, session, this);
  }
}
