import { isIPv6 } from 'node:net';
import { normalAddress } from '../../transport/pre-session/address-list.ts';

/**
 * By what limits tell clients apart: an IPv4 address as it is, also where it came as `::ffff:192.0.2.1`, and of an IPv6
 * address the network, its first 64 bits. Whoever has one IPv6 address has 2⁶⁴ (RFC 4291, 2.5.1), so to count single ones
 * would count nothing.
 *
 * @returns `undefined` for a connection without an address: one of another transport than TCP.
 */
export function addressKey(address: string | undefined): string | undefined {
  if (address === undefined || address === '') return undefined;
  const normal = normalAddress(address);
  return isIPv6(normal) ? `${network(normal)}::/64` : normal;
}

/** The first four groups of an IPv6 address that is written in its shortest form. */
function network(address: string): string {
  const [head = '', tail] = address.split('::');
  const front = groups(head);
  const back = groups(tail ?? '');
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  return [...front, ...Array<string>(Math.max(zeros, 0)).fill('0'), ...back].slice(0, 4).join(':');
}

/** An IPv4 address at the end is two of them, and never among the first four but behind zeros. */
function groups(text: string): string[] {
  if (text === '') return [];
  return text.split(':').flatMap(group => (group.includes('.') ? ['v4', 'v4'] : [group]));
}
