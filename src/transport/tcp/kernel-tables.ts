/** The kernel's tables of TCP sockets, /proc/net/tcp and tcp6 (proc(5)), and their notation for addresses. */
import { isIPv6 } from 'node:net';
import { endianness } from 'node:os';

/** The columns of a row, in order, that are used here. */
interface Row {
  readonly local: string;
  readonly remote: string;
  readonly state: string;
  readonly uid: number;
  /** 0 for a socket that no process has open any more; its `uid` is then meaningless. */
  readonly inode: number;
}

/** The rows of a table. */
export function* rowsOf(table: string): Generator<Row> {
  for (const line of table.split('\n').slice(1)) {
    const [, local, remote, state, , , , uid, , inode] = line.trim().split(/\s+/);
    if (inode === undefined) continue;
    yield { local: local!, remote: remote!, state: state!, uid: Number(uid), inode: Number(inode) };
  }
}

/**
 * One end of a connection in the notation of the tables. It has words of four octets, each printed as a number in host
 * byte order, and the port.
 */
export function tableEnd(address: string, port: number): string {
  const octets = isIPv6(address) ? octetsOfIPv6(address) : Buffer.from(address.split('.').map(Number));
  if (endianness() === 'LE') octets.swap32();
  return `${octets.toString('hex').toUpperCase()}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** The octets of an address as the system prints it, with at most one `::`. */
function octetsOfIPv6(address: string): Buffer {
  // The URL parser converts the last four octets to hexadecimal, too; a zone is not part of the tables' notation.
  const plain = new URL(`http://[${address.replace(/%.*/, '')}]`).hostname.slice(1, -1);
  const [head = '', tail] = plain.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? [] : Array<string>(8 - before.length - after.length).fill('0');
  return Buffer.from([...before, ...zeros, ...after].map(group => group.padStart(4, '0')).join(''), 'hex');
}
