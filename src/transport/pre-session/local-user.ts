/**
 * Accepts the connections of one user of this machine. The kernel knows the owner of the socket at the other end. It
 * reports that of a UNIX socket directly, and that of a TCP connection by its exact addresses and ports.
 *
 * Any uncertain answer rejects the client. A client on another machine or in another network namespace has no socket in
 * our tables. A client that has closed or reset its connection has no socket any more; if its row still exists, it says
 * `uid 0 inode 0`. A user that is not mapped into our user namespace appears as the overflow user.
 *
 * The check is made once, when a connection is accepted and before anything is read from it or sent on it. A process
 * may pass its connected socket on to a process of another user; it could as well pass on the data that it reads.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isIPv6, type Socket } from 'node:net';
import { descriptor } from '../../native/node-internals.ts';
import { peerState, peerUser } from '../../native/sockets.ts';
import { type Peer, peerOf } from '../peer.ts';
import { rowsOf, tableEnd } from '../tcp/kernel-tables.ts';
import { normalAddress } from './address-list.ts';
import { PendingConnection, PendingConnections, type StageUser } from './stage.ts';

/** The notice to a rejected client. */
const NOTICE = 'telpty: only the user that runs this server may connect to it (--local-user)\r\n';
/** Time limit for reading the kernel's tables, if they have to be read, in milliseconds. */
const TABLES_MS = 3_000;
/**
 * The id by which the kernel shows users that are not mapped into a user namespace, unless /proc/sys/kernel/overflowuid
 * differs.
 */
const OVERFLOW_USER = 65_534;

/** The owner of the other end: a user id, or the reason why it is not known, as text. */
type Owner = number | string;

const UNKNOWN = 'the kernel does not report the user of the client';
const NONE = 'no process on this machine owns the other end of the connection';

/** A connection that waits for the tables. */
interface Waiter {
  readonly pending: PendingConnection;
  readonly user: StageUser<Peer>;
}

/** Accepts the connections of one user. */
export class LocalUserStage {
  readonly #uid: number;
  readonly #notice: string | undefined;
  readonly #isAmbiguous: boolean;
  readonly #waiting = new PendingConnections();
  /** Connections that wait for the next reading of the tables. */
  #waiters: Waiter[] = [];
  #isReading = false;

  /**
   * @param uid the user's id.
   * @param options.isQuiet whether a rejected client gets no notice, because it expects TLS.
   */
  constructor(uid: number, options: { isQuiet: boolean }) {
    this.#uid = uid;
    this.#notice = options.isQuiet ? undefined : NOTICE;
    this.#isAmbiguous = standsForOthers(uid);
  }

  /** Takes a connection of which nothing has been read; nothing is read until it passes, either. */
  enter(socket: Socket, user: StageUser<Peer>): void {
    const peer = peerOf(socket);
    const owner = peer.kind === 'local' ? (peer.uid ?? UNKNOWN) : ownerOf(socket);
    if (owner === this.#uid && !this.#isAmbiguous) {
      user.passed(peer);
      return;
    }
    const pending = new PendingConnection(this.#waiting, socket, peer, user);
    if (owner !== undefined) {
      this.#refuse(pending, owner);
      return;
    }
    pending.setDeadline(TABLES_MS, () =>
      this.#refuse(pending, `the kernel did not report the user of the client within ${TABLES_MS} ms`),
    );
    this.#waiters.push({ pending, user });
    if (!this.#isReading) void this.#readTables();
  }

  /** Closes the connections that have not passed. */
  close(): void {
    this.#waiting.close();
  }

  /** Reads the tables once at a time, for all connections that waited when the read began. */
  async #readTables(): Promise<void> {
    this.#isReading = true;
    while (this.#waiters.length > 0) {
      const waiters = this.#waiters.splice(0);
      const tables = await readTables();
      for (const { pending, user } of waiters) {
        if (pending.gone) continue;
        const owner = typeof tables === 'string' ? tables : ownerIn(tables, pending.socket);
        if (owner !== this.#uid || this.#isAmbiguous) this.#refuse(pending, owner);
        else {
          pending.leave();
          user.passed(pending.peer);
        }
      }
    }
    this.#isReading = false;
  }

  #refuse(pending: PendingConnection, owner: Owner): void {
    pending.reject('local-user', typeof owner === 'string' ? owner : this.#wordsOf(owner), this.#notice);
  }

  #wordsOf(owner: number): string {
    if (owner !== this.#uid) return `a connection of user ${owner}; the server is user ${this.#uid}`;
    return `user ${owner} is the overflow uid: it stands for every unmapped user of this user namespace`;
  }
}

/** `undefined` if the kernel's tables have to be read. */
function ownerOf(socket: Socket): Owner | undefined {
  const fd = descriptor(socket);
  if (fd === undefined) return NONE;
  const found = peerUser(fd);
  return found === 'none' ? NONE : found;
}

/** The tables; or, if they cannot be read, the reason as text. */
async function readTables(): Promise<readonly string[] | string> {
  try {
    // Both: the other end of an IPv4 connection may be a socket of IPv6.
    const ipv4 = await readFile('/proc/net/tcp', 'latin1');
    const ipv6 = await readFile('/proc/net/tcp6', 'latin1').catch(() => '');
    return [ipv4, ipv6];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return `the kernel does not report the user of the client (sock_diag is missing, /proc/net/tcp: ${code})`;
  }
}

/** The owner of the other end according to tables that were read while the connection was open. */
function ownerIn(tables: readonly string[], socket: Socket): Owner {
  const fd = descriptor(socket);
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  // If it is closed, another process could have connected from the same port before the tables were read.
  if (fd === undefined || peerState(fd) === 'gone' || localAddress === undefined || remoteAddress === undefined) {
    return NONE;
  }
  const ours = normalAddress(localAddress);
  const theirs = normalAddress(remoteAddress);
  const mapped = isIPv6(theirs) ? [] : ['::ffff:'];
  for (const prefix of ['', ...mapped]) {
    const local = tableEnd(prefix + theirs, remotePort!);
    const remote = tableEnd(prefix + ours, localPort!);
    for (const table of tables) {
      // A cheap test first: splitting every row into columns would cost more.
      if (!table.includes(` ${local} ${remote} `)) continue;
      for (const row of rowsOf(table)) {
        if (row.local === local && row.remote === remote && row.inode > 0) return row.uid;
      }
    }
  }
  return NONE;
}

/** Whether a user id may be shared by unmapped users. If all users are mapped, it belongs to one user only. */
function standsForOthers(uid: number): boolean {
  const read = (file: string) => {
    try {
      return readFileSync(file, 'latin1').trim();
    } catch {
      return '';
    }
  };
  if (uid !== Number(read('/proc/sys/kernel/overflowuid') || OVERFLOW_USER)) return false;
  return !/^0\s+\d+\s+4294967295$/.test(read('/proc/self/uid_map'));
}
