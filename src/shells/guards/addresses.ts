import { isIPv6 } from 'node:net';
import { normalAddress } from '../../transport/pre-session/address-list.ts';

/**
 * The key by which limits distinguish clients. For IPv4 it is the address, also if it was received as
 * `::ffff:192.0.2.1`. For IPv6 it is the network, the first 64 bits of the address. A client with one IPv6 address can
 * use 2⁶⁴ of them (RFC 4291, 2.5.1), so a count per address would limit nothing.
 *
 * @returns `undefined` for a connection without an address, which uses a transport other than TCP.
 */
export function addressKey(address: string | undefined): string | undefined {
  if (address === undefined || address === '') return undefined;
  const normal = normalAddress(address);
  return isIPv6(normal) ? `${network(normal)}::/64` : normal;
}

/** The first four groups of an IPv6 address in its shortest form. */
function network(address: string): string {
  const [head = '', tail] = address.split('::');
  const front = groups(head);
  const back = groups(tail ?? '');
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  return [...front, ...Array<string>(Math.max(zeros, 0)).fill('0'), ...back].slice(0, 4).join(':');
}

/** An IPv4 address at the end counts as two groups. It can be among the first four groups only after zeros. */
function groups(text: string): string[] {
  if (text === '') return [];
  return text.split(':').flatMap(group => (group.includes('.') ? ['v4', 'v4'] : [group]));
}
