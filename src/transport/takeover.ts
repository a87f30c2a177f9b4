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
import { type AddressInfo, isIPv6, type Server } from 'node:net';
import { endianness } from 'node:os';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { preferListener } from '../pty/descriptor-calls.ts';

/** How long a handshake may take that was begun when the port was taken over, in milliseconds. */
const HANDSHAKE_MS = 1_000;
/** The state of a listener in the kernel's tables. */
const LISTEN = '0A';

/** Listeners whose port another server may take over. */
const shared = new WeakSet<Server>();

/** Has all new clients of a port that is shared come to this listener, whose descriptor is `fd`, until there is another one. */
export function takePort(listener: Server, fd: number): void {
  shared.add(listener);
  const listeners = listenersAt(listener.address() as AddressInfo);
  // They are numbered in the order in which they began to listen.
  if (listeners > 1) preferListener(fd, listeners - 1);
}

/**
 * Closes a listener. Where another one has taken the port over, clients may still come to this one for a moment.
 *
 * @returns what to wait for; undefined where it is closed already.
 */
export function closeListener(listener: Server): Promise<void> | undefined {
  const isTaken = shared.has(listener) && listener.listening && listenersAt(listener.address() as AddressInfo) > 1;
  if (isTaken) return closeLater(listener);
  listener.close();
  return undefined;
}

async function closeLater(listener: Server): Promise<void> {
  await sleep(HANDSHAKE_MS);
  // The loop accepts before it comes here.
  await nextTurn();
  listener.close();
}

/** How many listen on exactly this address and port; 0 where the system does not tell. */
function listenersAt({ address, port }: AddressInfo): number {
  const place = `${hexAddress(address)}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  try {
    const lines = readFileSync(isIPv6(address) ? '/proc/net/tcp6' : '/proc/net/tcp', 'latin1').split('\n');
    return lines.filter(line => {
      const [, local, , state] = line.trim().split(/\s+/);
      return local === place && state === LISTEN;
    }).length;
  } catch {
    return 0;
  }
}

/** As the kernel's tables have it: words of four octets, each printed as this machine's number. */
function hexAddress(address: string): string {
  const octets = isIPv6(address) ? octetsOfIPv6(address) : Buffer.from(address.split('.').map(Number));
  if (endianness() === 'LE') octets.swap32();
  return octets.toString('hex').toUpperCase();
}

/** Of an address as the system prints it, so with one `::` at most. */
function octetsOfIPv6(address: string): Buffer {
  // The URL parser has the last four octets in hexadecimal, too; a zone is no part of what is looked for.
  const plain = new URL(`http://[${address.replace(/%.*/, '')}]`).hostname.slice(1, -1);
  const [head = '', tail] = plain.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? [] : Array<string>(8 - before.length - after.length).fill('0');
  return Buffer.from([...before, ...zeros, ...after].map(group => group.padStart(4, '0')).join(''), 'hex');
}
