/**
 * Clients that speak another protocol, told by the first bytes that they send. Every port of the internet hears them: web
 * crawlers, scanners, and people who have mistaken the port or forgotten the TLS.
 */

/**
 * A protocol that is not Telnet. `'request'`: a request line of any other one, such as ICAP; `'proxy'`: a PROXY header from
 * where none is expected.
 */
export type ForeignProtocol = 'tls' | 'http' | 'rtsp' | 'sip' | 'request' | 'ssh' | 'rdp' | 'smb' | 'proxy';

/** The first byte of a TLS record that begins a handshake (RFC 8446, section 5.1): no key that a person would press first. */
export const TLS_HANDSHAKE = 0x16;

/** Of a first chunk, so much is looked at, in bytes. */
const LOOK_BYTES = 4096;

/** What a version 2 header begins with: chosen by its authors so that no other protocol does. */
export const PROXY_V2_SIGNATURE: Uint8Array = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10);

/**
 * Methods of HTTP (the registry of IANA), UPnP, RTSP (RFC 7826), SIP (RFC 3261 and later) and ICAP (RFC 3507), and some that
 * servers add. They are upper case (RFC 9110, section 9.1); scanners, and web pages by `fetch()`, send lower case, too.
 */
const KNOWN_METHODS = `
  ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL
  MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PRI PROPFIND PROPPATCH PUT QUERY REBIND REPORT SEARCH TRACE
  UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL PURGE DEBUG TRACK SOURCE
  M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE
  DESCRIBE SETUP PLAY PLAY_NOTIFY PAUSE RECORD ANNOUNCE TEARDOWN GET_PARAMETER SET_PARAMETER REDIRECT
  INVITE ACK BYE CANCEL REGISTER PRACK PUBLISH INFO REFER MESSAGE
  REQMOD RESPMOD`
  .trim()
  .split(/\s+/)
  .flatMap(method => [method, method.toLowerCase()]);
const IS_KNOWN_METHOD: ReadonlySet<string> = new Set(KNOWN_METHODS);
/** What those methods, and the lines below, can begin with. */
const BEGINNINGS: ReadonlySet<string> = new Set(
  [...KNOWN_METHODS, 'SSH-', 'PROXY'].flatMap(word => Array.from(word, (_, index) => word.slice(0, index + 1))),
);

/**
 * A request line: method, target, protocol and version, in HTTP (RFC 9112, section 3) and in what has its form: RTSP, SIP,
 * ICAP, and whatever comes next. The method is any token (RFC 9110, section 5.6.2): a web page can have a browser send any, in
 * any case (`fetch('/', { method: 'xGet' })`). The target is a path, `*`, or begins with a scheme; behind a known method of a
 * known protocol it may be anything. Nobody types such a line at a program: `LOOK AT HTTP/1.1` has no target.
 */
const METHOD = String.raw`[\w!#$%&'*+.^|~\x60-]{1,64}`;
const KNOWN_METHOD = `(?:${KNOWN_METHODS.join('|')})`;
const SCHEME = String.raw`[A-Za-z][\w+.-]{0,31}`;
const METHOD_AND_TARGET = String.raw`${METHOD}[ \t]+(?:\/\S*|\*|${SCHEME}:\S*)`;
/** With its end. A CR may be all of that: behind it the bytes may be cut, and to a terminal it is the Return key. */
const VERSION_AND_END = String.raw`\/\d{1,3}\.\d{1,3}[ \t]*(?:\r?\n|\r$)`;
const REQUEST = new RegExp(String.raw`^${METHOD_AND_TARGET}[ \t]+([A-Za-z][\w+.-]{0,31})${VERSION_AND_END}`);
const KNOWN_REQUEST = new RegExp(
  String.raw`^${KNOWN_METHOD}[ \t]+\S+[ \t]+(HTTP|http|RTSP|rtsp|SIP|sip|ICAP|icap)${VERSION_AND_END}`,
);
/**
 * The beginning of a longer one, as far as it is looked at. A web page may have a browser of somebody who can reach this port
 * ask for what it likes, however long; what stands behind it would be typed at the program.
 */
const LONG_REQUEST = new RegExp(
  String.raw`^(?=${METHOD}[ \t]+\S{256})${METHOD_AND_TARGET}(?:[ \t]+[\w+./-]{0,40}[ \t]*\r?)?$`,
);
/** What may still become one, or one of the lines below, when more comes: behind the method. */
const MAY_BECOME_REQUEST = new RegExp(
  String.raw`^(?:${METHOD}[ \t]+(?:${SCHEME})?|${METHOD_AND_TARGET}(?:[ \t]+(?:[A-Za-z][\w+.-]{0,31}(?:\/[\d.]{0,7}[ \t]*)?)?)?|${KNOWN_METHOD}[ \t]+\S+(?:[ \t]+(?:[A-Za-z]{1,4}(?:\/[\d.]{0,7}[ \t]*)?)?)?)$`,
);
const MAY_BECOME_LINE =
  /^(?:SSH-[\d.]*(?:-[ -~]*\r?)?|PROXY (?:[TCP46]{0,4}|U[NKOW]{0,6}|(?:TCP4 |TCP6 |UNKNOWN)[ -~]*\r?))$/;
/** RFC 4253, section 4.2. */
const SSH = /^SSH-\d\.\d+-[ -~]*\r?\n/;
const PROXY_V1 = /^PROXY (?:TCP4 |TCP6 |UNKNOWN)[ -~]*\r\n/;

/** Protocols that have a name of their own here. */
const REQUEST_PROTOCOLS: Readonly<Record<string, ForeignProtocol>> = { HTTP: 'http', RTSP: 'rtsp', SIP: 'sip' };

/**
 * What is spoken by someone whose first bytes these are, if it is not Telnet.
 *
 * Text is recognized only by a whole line that no person types, the others only where they go on as they must: it is better to let
 * a robot in, who gets nothing from it, than to shut a person out.
 *
 * @param cut how many of them came before the others, if they came in pieces. Programs send a request line in one piece, and
 * a network cuts none in its first 500 bytes; a piece that ends in the method is a key that somebody has pressed. So it is a
 * known method then: `x`, and behind it `GET / HTTP/1.1`, are a person's.
 */
export function foreignProtocol(first: Uint8Array, cut = 0): ForeignProtocol | undefined {
  if (isClientHello(first)) return 'tls';
  if (isConnectionRequest(first)) return 'rdp';
  if (isNegotiateRequest(first)) return 'smb';
  if (startsWith(first, PROXY_V2_SIGNATURE)) return 'proxy';
  if (!beginsText(first)) return undefined;
  const text = textOf(first);
  if (SSH.test(text)) return 'ssh';
  if (PROXY_V1.test(text)) return 'proxy';
  if (isTyped(text, cut)) return undefined;
  const name = (REQUEST.exec(text) ?? KNOWN_REQUEST.exec(text))?.[1];
  if (name !== undefined) return REQUEST_PROTOCOLS[name.toUpperCase()] ?? 'request';
  // Of a line so long the protocol may not be in sight; browsers send such.
  return LONG_REQUEST.test(text) ? 'http' : undefined;
}

/**
 * Whether these first bytes, which are of no other protocol yet, may become a line of one when more comes. The network, or
 * whoever sends it, may cut it anywhere; so its end is what must not be passed on. `cut` is that of {@link foreignProtocol}.
 */
export function mayBecomeForeign(first: Uint8Array, cut = 0): boolean {
  if (first.length >= LOOK_BYTES || !beginsText(first)) return false;
  const text = textOf(first);
  if (BEGINNINGS.has(text) || MAY_BECOME_LINE.test(text)) return true;
  return MAY_BECOME_REQUEST.test(text) && !isTyped(text, cut);
}

/** Whether a first piece ends in the method, or with it, and that is not a known one. */
function isTyped(text: string, cut: number): boolean {
  const end = text.search(/[ \t]/);
  return cut > 0 && cut <= end && !IS_KNOWN_METHOD.has(text.slice(0, end));
}

const IS_TOKEN = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(/[\w!#$%&'*+.^|~`-]/.test(String.fromCharCode(byte))),
);

/** All lines begin with a character of a method, and nearly all Telnet clients with IAC. */
function beginsText(first: Uint8Array): boolean {
  return IS_TOKEN[first[0] ?? 0] === 1;
}

const textOf = (first: Uint8Array) => String.fromCharCode(...first.subarray(0, LOOK_BYTES));

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
