/**
 * Clients that speak another protocol, told by the first bytes that they send. Every port of the internet hears them: web
 * crawlers, scanners, and people who have mistaken the port or forgotten the TLS.
 */

/** A protocol that is not Telnet. `'proxy'`: a PROXY header from where none is expected. */
export type ForeignProtocol = 'tls' | 'http' | 'ssh' | 'rdp' | 'smb' | 'proxy';

/** The first byte of a TLS record that begins a handshake (RFC 8446, section 5.1): no key that a person would press first. */
export const TLS_HANDSHAKE = 0x16;

/** Of a first chunk, so much is looked at, in bytes. */
const LOOK_BYTES = 4096;

/** What a version 2 header begins with: chosen by its authors so that no other protocol does. */
export const PROXY_V2_SIGNATURE: Uint8Array = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10);

/** A whole request line (RFC 9112, section 3): a method of RFC 9110 or 5789, or the preface of HTTP/2 (RFC 9113, section 3.4). */
const HTTP =
  /^(?:(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|PATCH) (?:\/|\*|https?:\/\/)\S* HTTP\/1\.\d|CONNECT \S+ HTTP\/1\.\d|PRI \* HTTP\/2\.0)\r?\n/;
/**
 * The beginning of a longer one, as far as it is looked at. A web page may have a browser of somebody who can reach this port
 * ask for what it likes, however long; what stands behind it would be typed at the program.
 */
const LONG_HTTP =
  /^(?:(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|PATCH) (?:\/|\*|https?:\/\/)|CONNECT )\S{256,}(?: [HTP/1.\d]{0,8}\r?)?$/;
/** RFC 4253, section 4.2. */
const SSH = /^SSH-\d\.\d+-[ -~]*\r?\n/;
const PROXY_V1 = /^PROXY (?:TCP4 |TCP6 |UNKNOWN)[ -~]*\r\n/;

/**
 * What is spoken by someone whose first bytes these are, if it is not Telnet.
 *
 * Text is recognized only by a whole line that no person types, the others only where they go on as they must: it is better to let
 * a robot in, who gets nothing from it, than to shut a person out.
 */
export function foreignProtocol(first: Uint8Array): ForeignProtocol | undefined {
  if (isClientHello(first)) return 'tls';
  if (isConnectionRequest(first)) return 'rdp';
  if (isNegotiateRequest(first)) return 'smb';
  if (startsWith(first, PROXY_V2_SIGNATURE)) return 'proxy';
  // All of the others begin with a capital letter, and nearly all Telnet clients with IAC.
  if (first[0]! < 0x41 || first[0]! > 0x5a) return undefined;
  const text = String.fromCharCode(...first.subarray(0, LOOK_BYTES));
  if (HTTP.test(text) || LONG_HTTP.test(text)) return 'http';
  if (SSH.test(text)) return 'ssh';
  return PROXY_V1.test(text) ? 'proxy' : undefined;
}

/** A record of TLS or SSL 3 (RFC 8446, section 5.1) with a ClientHello in it. */
function isClientHello(bytes: Uint8Array): boolean {
  return bytes.length >= 6 && bytes[0] === TLS_HANDSHAKE && bytes[1] === 3 && bytes[2]! <= 4 && bytes[5] === 1;
}

/** RDP begins with a connection request of X.224 (code 0xE0) in a packet of RFC 1006, whose length is its third and fourth byte. */
function isConnectionRequest(bytes: Uint8Array): boolean {
  return bytes[0] === 3 && bytes[1] === 0 && bytes[5] === 0xe0 && bytes[2]! * 256 + bytes[3]! === bytes.length;
}

/** SMB begins, behind four bytes of length, with 0xFF (version 1) or 0xFE and its name. */
function isNegotiateRequest(bytes: Uint8Array): boolean {
  const marked = bytes[4] === 0xff || bytes[4] === 0xfe;
  return bytes[0] === 0 && marked && bytes[5] === 0x53 && bytes[6] === 0x4d && bytes[7] === 0x42;
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length && start.every((byte, index) => bytes[index] === byte);
}
