/** Lists of addresses and address ranges, to match peers. */
import { BlockList, isIP, SocketAddress } from 'node:net';
import { TelptyError } from '../../errors.ts';

/** `::ffff:192.0.2.1`: how an IPv4 peer appears on a socket that accepts both families. */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/;
/** The length of the prefix that makes an IPv6 address a mapped IPv4 one, in bits. */
const MAPPED_BITS = 96;

/**
 * The normal form in which addresses are compared and logged. IPv4 without the prefix `::ffff:`, IPv6 compressed and in
 * lower case (RFC 5952), without a zone (`%eth0`). Text that is not an address is returned unchanged.
 */
export function normalAddress(address: string): string {
  if (isIP(address) !== 6) return address;
  const [bare = ''] = address.split('%', 1);
  const short = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  return MAPPED.exec(short)?.[1] ?? short;
}

/** Whether an address is of this machine only. */
export function isLoopback(address: string): boolean {
  return /^(?:::1|(?:::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/i.test(address);
}

/**
 * A list of addresses and CIDR ranges of both families. An IPv4 address, in either notation, matches IPv4 ranges only:
 * `::/0` is all of IPv6.
 */
export class AddressList {
  /** The number of entries. */
  readonly size: number;
  // One for each family: a BlockList treats an IPv4 address as a mapped one and finds it in `::/0`.
  readonly #ipv4 = new BlockList();
  readonly #ipv6 = new BlockList();

  private constructor(entries: readonly string[]) {
    this.size = entries.length;
    for (const entry of entries) this.#add(entry);
  }

  /**
   * @param entries each an address (`192.0.2.1`, `2001:db8::1`) or a range (`10.0.0.0/8`, `2001:db8::/32`). Bits after
   *   the prefix of a range are ignored.
   * @throws TelptyError `ERR_INVALID_ARGUMENT` naming the first entry that is neither.
   */
  static parse(entries: readonly string[]): AddressList {
    return new AddressList(entries);
  }

  /** Whether the list contains the address. False for text that is not an address. */
  has(address: string | undefined): boolean {
    if (address === undefined) return false;
    const normal = normalAddress(address);
    const family = isIP(normal);
    return family === 4 ? this.#ipv4.check(normal, 'ipv4') : family === 6 && this.#ipv6.check(normal, 'ipv6');
  }

  #add(entry: string): void {
    const [, address = '', prefix] = /^([\d.:a-f]+)(?:\/(\d{1,3}))?$/i.exec(entry) ?? [];
    const written = isIP(address);
    const normal = normalAddress(address);
    const longest = written === 4 ? 32 : 128;
    let bits = prefix === undefined ? longest : Number(prefix);
    const isMapped = written === 6 && isIP(normal) === 4 && bits >= MAPPED_BITS;
    if (written === 0 || bits > longest) {
      throw new TelptyError('ERR_INVALID_ARGUMENT', `'${entry}' is neither an IP address nor a range like 10.0.0.0/8`);
    }
    if (isMapped) bits -= MAPPED_BITS;
    if (written === 4 || isMapped) this.#ipv4.addSubnet(normal, bits, 'ipv4');
    else this.#ipv6.addSubnet(address, bits, 'ipv6');
  }
}
