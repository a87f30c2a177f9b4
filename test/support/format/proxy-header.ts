/** PROXY headers as a proxy writes them. */
import { crc32c } from '../../../src/transport/proxy/crc32c.ts';

export const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

export interface V2Header {
  /** Version and command; default: 2, PROXY. */
  command?: number;
  /** Family and protocol; default: TCP4. */
  family?: number;
  /** Addresses and ports. */
  addresses?: Uint8Array;
  /** Type and value of each. */
  tlvs?: readonly (readonly [type: number, value: Uint8Array])[];
  /** With a checksum after the other fields. */
  checksum?: boolean;
}

/** A header of version 2. */
export function proxyV2(header: V2Header = {}): Buffer {
  const { command = 0x21, family = 0x11, addresses = ipv4Addresses(), tlvs = [], checksum = false } = header;
  const all = [...tlvs, ...(checksum ? [[3, new Uint8Array(4)] as const] : [])];
  const encoded = all.map(([type, value]) => Buffer.from([type, value.length >> 8, value.length & 255, ...value]));
  const body = Buffer.concat([addresses, ...encoded]);
  const whole = Buffer.concat([
    V2_SIGNATURE,
    Buffer.from([command, family, body.length >> 8, body.length & 255]),
    body,
  ]);
  if (checksum) whole.writeUInt32BE(crc32c(whole), whole.length - 4);
  return whole;
}

/** 192.0.2.1:56324 to 198.51.100.1:23, or another source. */
export function ipv4Addresses(source: readonly number[] = [192, 0, 2, 1], port = 56_324): Buffer {
  return Buffer.from([...source, 198, 51, 100, 1, port >> 8, port & 255, 0, 23]);
}

/** From `source`, of sixteen bytes, to the same. */
export function ipv6Addresses(source: Uint8Array, port = 56_324): Buffer {
  return Buffer.from([...source, ...source, port >> 8, port & 255, 0, 23]);
}
