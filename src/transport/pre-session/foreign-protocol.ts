/**
 * Detects clients that speak another protocol by the first bytes that they send. Every port on the internet is visited
 * by them: web crawlers, scanners, and people who use the wrong port or forget TLS.
 */

/**
 * A protocol other than Telnet. `'request'`: the request line of any protocol without its own name here, such as ICAP.
 * `'proxy'`: a PROXY header from an address where none is expected.
 */
export type ForeignProtocol = 'tls' | 'http' | 'rtsp' | 'sip' | 'request' | 'ssh' | 'rdp' | 'smb' | 'proxy';

/** The first byte of a TLS handshake record (RFC 8446, section 5.1), a key that no person would press first. */
export const TLS_HANDSHAKE = 0x16;

/** The part of the first data that is examined, in bytes. */
const LOOK_BYTES = 4096;

/** The start of a version 2 header: its authors chose it so that no other protocol starts like that. */
export const PROXY_V2_SIGNATURE: Uint8Array = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10);

/**
 * Methods of HTTP (IANA registry), UPnP, RTSP (RFC 7826), SIP (RFC 3261 and later) and ICAP (RFC 3507), and some that
 * servers add. They are upper case (RFC 9110, section 9.1); scanners, and web pages using `fetch()`, send lower case,
 * too.
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
/** The prefixes of those methods and of the lines below. */
const BEGINNINGS: ReadonlySet<string> = new Set(
  [...KNOWN_METHODS, 'SSH-', 'PROXY'].flatMap(word => Array.from(word, (_, index) => word.slice(0, index + 1))),
);

/**
 * A request line: method, target, protocol and version, in HTTP (RFC 9112, section 3). RTSP, SIP, ICAP and future
 * protocols have the same form. The method is any token (RFC 9110, section 5.6.2): a web page can make a browser send
 * any, in any case (`fetch('/', { method: 'xGet' })`). The target is a path, `*`, or begins with a scheme; after a
 * known method of a known protocol it can be anything. People do not type such a line at a program: `LOOK AT HTTP/1.1`
 * has no target.
 */
const METHOD = String.raw`[\w!#$%&'*+.^|~\x60-]{1,64}`;
const KNOWN_METHOD = `(?:${KNOWN_METHODS.join('|')})`;
const SCHEME = String.raw`[A-Za-z][\w+.-]{0,31}`;
const METHOD_AND_TARGET = String.raw`${METHOD}[ \t]+(?:\/\S*|\*|${SCHEME}:\S*)`;
/**
 * With the end of the line. A CR alone is enough: the data may be cut after it, and a terminal treats it as the Return
 * key.
 */
const VERSION_AND_END = String.raw`\/\d{1,3}\.\d{1,3}[ \t]*(?:\r?\n|\r$)`;
const REQUEST = new RegExp(String.raw`^${METHOD_AND_TARGET}[ \t]+([A-Za-z][\w+.-]{0,31})${VERSION_AND_END}`);
const KNOWN_REQUEST = new RegExp(
  String.raw`^${KNOWN_METHOD}[ \t]+\S+[ \t]+(HTTP|http|RTSP|rtsp|SIP|sip|ICAP|icap)${VERSION_AND_END}`,
);
/**
 * The start of a longer request line, within the examined part. A web page can make a browser that can reach this port
 * send any request of any length. The rest of it would be input of the program.
 */
const LONG_REQUEST = new RegExp(
  String.raw`^(?=${METHOD}[ \t]+\S{256})${METHOD_AND_TARGET}(?:[ \t]+[\w+./-]{0,40}[ \t]*\r?)?$`,
);
/** Text after the method that may still become a request line, or one of the lines below, when more arrives. */
const MAY_BECOME_REQUEST = new RegExp(
  String.raw`^(?:${METHOD}[ \t]+(?:${SCHEME})?|${METHOD_AND_TARGET}(?:[ \t]+(?:[A-Za-z][\w+.-]{0,31}(?:\/[\d.]{0,7}[ \t]*)?)?)?|${KNOWN_METHOD}[ \t]+\S+(?:[ \t]+(?:[A-Za-z]{1,4}(?:\/[\d.]{0,7}[ \t]*)?)?)?)$`,
);
const MAY_BECOME_LINE =
  /^(?:SSH-[\d.]*(?:-[ -~]*\r?)?|PROXY (?:[TCP46]{0,4}|U[NKOW]{0,6}|(?:TCP4 |TCP6 |UNKNOWN)[ -~]*\r?))$/;
/** RFC 4253, section 4.2. */
const SSH = /^SSH-\d\.\d+-[ -~]*\r?\n/;
const PROXY_V1 = /^PROXY (?:TCP4 |TCP6 |UNKNOWN)[ -~]*\r\n/;

/** Protocols that have their own name here. */
const REQUEST_PROTOCOLS: Readonly<Record<string, ForeignProtocol>> = { HTTP: 'http', RTSP: 'rtsp', SIP: 'sip' };

/**
 * The protocol of a client whose first bytes these are, if it is not Telnet.
 *
 * Text is recognized only by a whole line that no person types; the binary protocols only if the bytes after the
 * signature fit, too. It is better to accept a robot, which gains nothing, than to reject a person.
 *
 * @param cut if the bytes arrived in several pieces: how many arrived before the last piece. Programs send a request
 *   line in
 * one piece, and no network splits its first 500 bytes. A piece that ends in the method is a key press of a person. So
 * in that case the method must be a known one: `x`, followed by `GET / HTTP/1.1`, is typed by a person.
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
  // In such a long line the protocol may be beyond the examined part; browsers send such lines.
  return LONG_REQUEST.test(text) ? 'http' : undefined;
}

/**
 * Whether these first bytes, which belong to no other protocol so far, may become a line of one when more arrives. The
 * network or the sender may split it anywhere, so the data is held back until the end of the line. `cut` is that of
 * {@link foreignProtocol}.
 */
export function mayBecomeForeign(first: Uint8Array, cut = 0): boolean {
  if (first.length >= LOOK_BYTES || !beginsText(first)) return false;
  const text = textOf(first);
  if (BEGINNINGS.has(text) || MAY_BECOME_LINE.test(text)) return true;
  return MAY_BECOME_REQUEST.test(text) && !isTyped(text, cut);
}

/** Whether a first piece ends within or just after the method, and the method is not a known one. */
function isTyped(text: string, cut: number): boolean {
  const end = text.search(/[ \t]/);
  return cut > 0 && cut <= end && !IS_KNOWN_METHOD.has(text.slice(0, end));
}

const IS_TOKEN = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(/[\w!#$%&'*+.^|~`-]/.test(String.fromCharCode(byte))),
);

/** All recognized lines begin with a character of a method; nearly all Telnet clients begin with IAC. */
function beginsText(first: Uint8Array): boolean {
  return IS_TOKEN[first[0] ?? 0] === 1;
}

const textOf = (first: Uint8Array) => String.fromCharCode(...first.subarray(0, LOOK_BYTES));

/** A record of TLS or SSL 3 (RFC 8446, section 5.1) that contains a ClientHello. */
function isClientHello(bytes: Uint8Array): boolean {
  return bytes.length >= 6 && bytes[0] === TLS_HANDSHAKE && bytes[1] === 3 && bytes[2]! <= 4 && bytes[5] === 1;
}

/**
 * RDP begins with an X.224 connection request (code 0xE0) in a packet of RFC 1006, whose length is its third and fourth
 * byte.
 */
function isConnectionRequest(bytes: Uint8Array): boolean {
  return bytes[0] === 3 && bytes[1] === 0 && bytes[5] === 0xe0 && bytes[2]! * 256 + bytes[3]! === bytes.length;
}

/** SMB begins with a length of four bytes, followed by 0xFF (version 1) or 0xFE and its name. */
function isNegotiateRequest(bytes: Uint8Array): boolean {
  const marked = bytes[4] === 0xff || bytes[4] === 0xfe;
  return bytes[0] === 0 && marked && bytes[5] === 0x53 && bytes[6] === 0x4d && bytes[7] === 0x42;
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length && start.every((byte, index) => bytes[index] === byte);
}
