/** The kernel's tables of TCP sockets, /proc/net/tcp and tcp6 (proc(5)): how they write what is looked for. */
import { isIPv6 } from 'node:net';
import { endianness } from 'node:os';

/** The columns of a row, in order, as far as they are used here. */
interface Row {
  readonly local: string;
  readonly remote: string;
  readonly state: string;
  readonly uid: number;
  /** 0 for a socket that no process has any more; its `uid` then means nothing. */
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

/** One end of a connection as a table has it: words of four octets, each printed as this machine's number, and the port. */
export function tableEnd(address: string, port: number): string {
  const octets = isIPv6(address) ? octetsOfIPv6(address) : Buffer.from(address.split('.').map(Number));
  if (endianness() === 'LE') octets.swap32();
  return `${octets.toString('hex').toUpperCase()}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
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
