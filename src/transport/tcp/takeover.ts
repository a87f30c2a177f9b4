/**
 * How a server takes a port over from another without a client that is refused, where both listen on it (SO_REUSEPORT).
 *
 * By itself the kernel deals new clients out to all listeners, and those that the old one has not accepted when it closes
 * are reset. So the last one to come tells the kernel to give all of them to it (a filter that always gives the same answer:
 * socket(7), SO_ATTACH_REUSEPORT_CBPF). When the old one is told to stop, nobody has been given to it for long, and it
 * accepts for a while yet those whose handshake was under way. Should the new one fail, its listener is gone, the answer
 * means nobody, and the kernel deals out again, to those that are left.
 *
 * Rejected: to ask for net.ipv4.tcp_migrate_req, which moves waiting clients to another listener, but is off by default
 * and the whole system's.
 */
import { readFileSync } from 'node:fs';
import { type AddressInfo, isIPv6 } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { preferListener } from '../../native/sockets.ts';
import { rowsOf, tableEnd } from './kernel-tables.ts';

/** How long a handshake may take that was begun when the port was taken over, in milliseconds. */
const HANDSHAKE_MS = 1_000;
/** The state of a listener in the kernel's tables. */
const LISTEN = '0A';

/** Has all new clients of a port that is shared come to the listener there whose descriptor is `fd`, until there is another one. */
export function takePort(place: AddressInfo, fd: number): void {
  const listeners = listenersAt(place);
  // They are numbered in the order in which they began to listen.
  if (listeners > 1) preferListener(fd, listeners - 1);
}

/**
 * Waits for the last clients of a listener that is about to close, where another one has taken its port over: they may still
 * come to this one for a moment.
 *
 * @returns undefined where there is nothing to wait for.
 */
export function lastClients(place: AddressInfo): Promise<void> | undefined {
  return listenersAt(place) > 1 ? handshakes() : undefined;
}

async function handshakes(): Promise<void> {
  await sleep(HANDSHAKE_MS);
  // The loop accepts before it comes here.
  await nextTurn();
}

/** How many listen on exactly this address and port; 0 where the system does not tell. */
function listenersAt({ address, port }: AddressInfo): number {
  const place = tableEnd(address, port);
  try {
    const table = readFileSync(isIPv6(address) ? '/proc/net/tcp6' : '/proc/net/tcp', 'latin1');
    return [...rowsOf(table)].filter(({ local, state }) => local === place && state === LISTEN).length;
  } catch {
    return 0;
  }
}
