/**
 * Lets in the connections of one user of this machine. The kernel knows which user's socket the other end of a connection is:
 * of a UNIX socket by itself, of a TCP connection by its exact addresses and ports.
 *
 * Everything that is not a certain yes is a no: a client on another machine or in another network namespace has no socket in
 * our tables; a client that has closed, or reset, its connection has none any more, and its row, if it still has one, says
 * `uid 0 inode 0`; and a user without a number in our user namespace shows as the overflow user.
 *
 * It is asked once, when a connection is accepted and before anything is read from it or sent on it. A process may pass its
 * connected socket on to another user's; it could as well pass on what it reads.
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
/** How long the kernel's tables may take, where they have to be read, in milliseconds. */
const TABLES_MS = 3_000;
/** What the kernel calls users that have no number in a user namespace, unless /proc/sys/kernel/overflowuid says otherwise. */
const OVERFLOW_USER = 65_534;

/** Whose the other end is: a user id, or in words why that is not known. */
type Owner = number | string;

const UNKNOWN = 'the kernel does not report the user of the client';
const NONE = 'no process on this machine owns the other end of the connection';

/** A connection that waits for the tables. */
interface Waiter {
  readonly pending: PendingConnection;
  readonly user: StageUser<Peer>;
}

/** Lets in the connections of one user. */
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

  /** Takes a connection of which nothing has been read, and nothing is when it passes. */
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

  /** One reading at a time, for all who were there when it began. */
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

/** `undefined` where the kernel has to be asked in another way. */
function ownerOf(socket: Socket): Owner | undefined {
  const fd = descriptor(socket);
  if (fd === undefined) return NONE;
  const found = peerUser(fd);
  return found === 'none' ? NONE : found;
}

/** In words if they cannot be read. */
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

/** Whose the other end is in tables that were read while the connection was open. */
function ownerIn(tables: readonly string[], socket: Socket): Owner {
  const fd = descriptor(socket);
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  // Were it closed, somebody else could have connected from the same port before the tables were read.
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
      // Most rows are not worth cutting into columns.
      if (!table.includes(` ${local} ${remote} `)) continue;
      for (const row of rowsOf(table)) {
        if (row.local === local && row.remote === remote && row.inode > 0) return row.uid;
      }
    }
  }
  return NONE;
}

/** Whether a user id may be that of users who have no number here. Where all users have one, it is only its own. */
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
