/**
 * How a server takes a port over from another one without refusing a client, while both listen on it (SO_REUSEPORT).
 *
 * By default the kernel distributes new clients among all listeners, and the clients that the old one has not accepted
 * when it closes are reset. So the newest listener makes the kernel give all of them to it (a filter that always
 * returns the same index: socket(7), SO_ATTACH_REUSEPORT_CBPF). By the time the old server is stopped, it has received
 * no new clients for a long time. For a while it still accepts those whose handshake was under way. If the new one
 * fails, its listener is gone and the index is invalid, so the kernel distributes clients among the remaining listeners
 * again.
 *
 * Rejected: requiring net.ipv4.tcp_migrate_req, which moves waiting clients to another listener, but is off by default
 * and applies to the whole system.
 */
import { readFileSync } from 'node:fs';
import { type AddressInfo, isIPv6 } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { preferListener } from '../../native/sockets.ts';
import { rowsOf, tableEnd } from './kernel-tables.ts';

/** How long a handshake may take that began before the port was taken over, in milliseconds. */
const HANDSHAKE_MS = 1_000;
/** The state of a listener in the kernel's tables. */
const LISTEN = '0A';

/**
 * Directs all new clients of a shared port to the listener with the descriptor `fd`, until another listener does the
 * same.
 */
export function takePort(place: AddressInfo, fd: number): void {
  const listeners = listenersAt(place);
  // The kernel numbers them in the order in which they began to listen.
  if (listeners > 1) preferListener(fd, listeners - 1);
}

/**
 * Waits for the last clients of a listener that is about to close after another one has taken its port over. They may
 * still arrive at this one for a moment.
 *
 * @returns undefined if there is nothing to wait for.
 */
export function lastClients(place: AddressInfo): Promise<void> | undefined {
  return listenersAt(place) > 1 ? handshakes() : undefined;
}

async function handshakes(): Promise<void> {
  await sleep(HANDSHAKE_MS);
  // The event loop accepts connections before it runs this.
  await nextTurn();
}

/** The number of listeners on exactly this address and port; 0 if the system does not report it. */
function listenersAt({ address, port }: AddressInfo): number {
  const place = tableEnd(address, port);
  try {
    const table = readFileSync(isIPv6(address) ? '/proc/net/tcp6' : '/proc/net/tcp', 'latin1');
    return [...rowsOf(table)].filter(({ local, state }) => local === place && state === LISTEN).length;
  } catch {
    return 0;
  }
}
