/**
 * The PROXY protocol, versions 1 and 2, receiving side (HAProxy's "The PROXY protocol", sections 2.1 and 2.2). It is a
 * header before the data of a connection, in which a proxy states for which client it connects.
 *
 *     PROXY TCP4 192.0.2.1 198.51.100.1 56324 23 CR LF                                   (version 1, at most 107 bytes)
 *
 *     signature (12) | version, command | family, protocol | length (2) | addresses | TLVs  (version 2)
 *
 * The sender of a header decides which address everything else sees, so the parser does not guess. A header that is not
 * exactly as specified is malformed. Rejected: a parser from npm. The maintained ones take a whole string or buffer and
 * parse leniently.
 */
import { isIP } from 'node:net';
import { normalAddress } from '../pre-session/address-list.ts';
import { PROXY_V2_SIGNATURE } from '../pre-session/foreign-protocol.ts';
import { crc32c } from './crc32c.ts';

/** The longest accepted header, in bytes: room for addresses, and for a client's certificate in a TLV. */
export const LONGEST_PROXY_HEADER = 8 * 1024;

/** The result of parsing the first bytes. */
export type ProxyHeader =
  /**
   * The header is complete and `length` bytes long. Without an address (LOCAL, UNKNOWN, UNIX) the peer itself is the
   * client.
   */
  | { readonly state: 'whole'; readonly length: number; readonly address?: string; readonly port?: number }
  /** It is a valid header so far. */
  | { readonly state: 'partial' }
  /** It is not a header, or an invalid one. */
  | { readonly state: 'malformed'; readonly reason: string };

const PARTIAL: ProxyHeader = { state: 'partial' };
const malformed = (reason: string): ProxyHeader => ({ state: 'malformed', reason });

const V1_START = Uint8Array.from('PROXY ', letter => letter.charCodeAt(0));
/** Including CR LF. */
const V1_LONGEST = 107;
const CR = 13;
const LF = 10;

/** Signature, version and command, family and protocol, length. */
const V2_FIXED = 16;
const Command = { LOCAL: 0, PROXY: 1 } as const;
const Family = { UNSPEC: 0, INET: 1, INET6: 2, UNIX: 3 } as const;
const Protocol = { UNSPEC: 0, STREAM: 1 } as const;
/** Bytes of addresses and ports, by family. */
const V2_ADDRESSES = [0, 12, 36, 216] as const;
const TLV_CRC32C = 3;

/**
 * Parses a header at the beginning of `bytes`, which may be longer. The result does not depend on how the bytes are
 * split.
 */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader {
  if (matches(bytes, V1_START)) return bytes.length < V1_START.length ? PARTIAL : parseV1(bytes);
  if (!matches(bytes, PROXY_V2_SIGNATURE)) return malformed('no PROXY header');
  return bytes.length < PROXY_V2_SIGNATURE.length ? PARTIAL : parseV2(bytes);
}

/** Whether `bytes` begin with `start`, or are a prefix of it. */
function matches(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.subarray(0, start.length).every((byte, index) => byte === start[index]);
}

function parseV1(bytes: Uint8Array): ProxyHeader {
  const line = bytes.subarray(0, V1_LONGEST);
  // The first byte that is not a printable character ends the line, and must be the CR of CR LF.
  const end = line.findIndex(byte => byte < 0x20 || byte > 0x7e);
  if (end < 0 || (line[end] === CR && end + 1 === line.length)) {
    return line.length < V1_LONGEST ? PARTIAL : malformed('too long');
  }
  if (line[end] !== CR || line[end + 1] !== LF) return malformed('a control character');
  const [, family, ...fields] = String.fromCharCode(...line.subarray(0, end)).split(' ');
  const length = end + 2;
  if (family === 'UNKNOWN') return { state: 'whole', length };
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : 0;
  if (version === 0) return malformed('an unknown protocol');
  const [source = '', destination = '', sourcePort = '', destinationPort = ''] = fields;
  const areAddresses = [source, destination].every(text => isIP(text) === version && !text.includes('%'));
  if (fields.length !== 4 || !areAddresses) return malformed('an invalid address');
  if (![sourcePort, destinationPort].every(isPort)) return malformed('an invalid port');
  return { state: 'whole', length, address: normalAddress(source), port: Number(sourcePort) };
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function parseV2(bytes: Uint8Array): ProxyHeader {
  const [version, family, high, low] = bytes.subarray(PROXY_V2_SIGNATURE.length, V2_FIXED);
  if (version === undefined) return PARTIAL;
  const command = version & 15;
  if (version >> 4 !== 2 || command > Command.PROXY) return malformed('an unknown version or command');
  if (family === undefined) return PARTIAL;
  if (command === Command.PROXY && !isKnownFamily(family)) return malformed('an unknown protocol');
  if (high === undefined || low === undefined) return PARTIAL;
  const length = V2_FIXED + high * 256 + low;
  if (length > LONGEST_PROXY_HEADER) return malformed('too long');
  const addresses = V2_ADDRESSES[(family >> 4) as 0 | 1 | 2 | 3];
  if (command === Command.PROXY && length < V2_FIXED + addresses) return malformed('too short');
  if (bytes.length < length) return PARTIAL;
  // In a LOCAL header everything after the length is skipped, whatever it is; so is an address without a family.
  if (command === Command.LOCAL || addresses === 0) return { state: 'whole', length };
  const header = bytes.subarray(0, length);
  const fault = faultOfTlvs(header, V2_FIXED + addresses);
  if (fault !== undefined) return malformed(fault);
  return { state: 'whole', length, ...sourceOf(header, family >> 4) };
}

/** Whether the family is one of section 2.2, and the transport is a stream, as this connection is. */
function isKnownFamily(byte: number): boolean {
  const [family, protocol] = [byte >> 4, byte & 15];
  return family <= Family.UNIX && (protocol === Protocol.STREAM || byte === Protocol.UNSPEC);
}

function sourceOf(header: Uint8Array, family: number): { address?: string; port?: number } {
  const view = new DataView(header.buffer, header.byteOffset + V2_FIXED);
  if (family === Family.INET)
    return { address: header.subarray(V2_FIXED, V2_FIXED + 4).join('.'), port: view.getUint16(8) };
  if (family !== Family.INET6) return {};
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(2 * index).toString(16));
  return { address: normalAddress(groups.join(':')), port: view.getUint16(32) };
}

/** The error in the TLVs from `at` to the end, if any: they do not fill the header, or the checksum is wrong. */
function faultOfTlvs(header: Uint8Array, at: number): string | undefined {
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  let checked = false;
  for (let place = at; place < header.length; ) {
    if (place + 3 > header.length) return 'a truncated TLV';
    const size = view.getUint16(place + 1);
    const value = place + 3;
    place = value + size;
    if (place > header.length) return 'a truncated TLV';
    if (header[value - 3] !== TLV_CRC32C) continue;
    // Only one checksum is accepted: verifying a thousand of them would take too long.
    if (checked || size !== 4 || view.getUint32(value) !== checksum(header, value)) return 'an invalid checksum';
    checked = true;
  }
  return undefined;
}

/** The checksum of the whole header, computed with 0 in the place of the checksum itself. */
function checksum(header: Uint8Array, place: number): number {
  // Not slice(), because that returns a view if this is a Buffer.
  const copy = Uint8Array.from(header);
  copy.fill(0, place, place + 4);
  return crc32c(copy);
}
