import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type ForeignProtocol,
  foreignProtocol,
  mayBecomeForeign,
} from '../../src/transport/pre-session/foreign-protocol.ts';
import { proxyV2 } from '../support/format/proxy-header.ts';

const ascii = (text: string) => Buffer.from(text, 'latin1');
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

test('the first bytes of other protocols are recognized', () => {
  const beginnings: [ForeignProtocol, Buffer][] = [
    ['tls', hex('16 0301 0200 01 0001fc 0303')],
    ['tls', hex('16 0300 0031 01')],
    ['http', ascii('GET / HTTP/1.1\r\nHost: example.org\r\n\r\n')],
    ['http', ascii('HEAD /index.html HTTP/1.0\r\n\r\n')],
    ['http', ascii('POST /boaform/admin/formLogin HTTP/1.1\n')],
    ['http', ascii('GET http://example.org/ HTTP/1.1\r\n')],
    ['http', ascii('OPTIONS * HTTP/1.1\r\n')],
    ['http', ascii('CONNECT example.org:443 HTTP/1.1\r\n')],
    ['http', ascii(`GET /${'a'.repeat(2000)} HTTP/1.1\r\n`)],
    ['http', ascii('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
    ['ssh', ascii('SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n')],
    ['ssh', ascii('SSH-1.99-x\n')],
    ['rdp', hex('03 00 0013 0e e0 0000 0000 00 01 00 0800 03000000')],
    ['smb', hex('00 000045 ff534d42 72000000')],
    ['smb', hex('00 000045 fe534d42 40000000')],
    ['proxy', ascii('PROXY TCP4 192.0.2.1 198.51.100.1 56324 23\r\n')],
    ['proxy', ascii('PROXY UNKNOWN\r\n')],
    ['proxy', proxyV2()],
  ];
  for (const [protocol, bytes] of beginnings) assert.equal(foreignProtocol(bytes), protocol, bytes.toString('latin1'));
});

/** Known methods, with many kinds of targets and protocols. */
const REQUESTS: [ForeignProtocol, string][] = [
  ['rtsp', 'OPTIONS rtsp://127.0.0.1:6023/ RTSP/1.0'],
  ['rtsp', 'DESCRIBE rtsp://camera/1 RTSP/2.0'],
  ['rtsp', 'OPTIONS / RTSP/1.0'],
  ['sip', 'OPTIONS sip:nm SIP/2.0'],
  ['sip', 'INVITE sip:bob@biloxi.example SIP/2.0'],
  ['sip', 'REGISTER sips:ss2.biloxi.example SIP/2.0'],
  ['sip', 'INVITE tel:+1-201-555-0123 SIP/2.0'],
  ['request', 'REQMOD icap://icap.example.net/server ICAP/1.0'],
  ['request', 'POST ipp://printer/x X-Y.Z/11.22'],
  ['http', 'PROPFIND /dav HTTP/1.1'],
  ['http', 'M-SEARCH * HTTP/1.1'],
  ['http', 'NOTIFY * HTTP/1.1'],
  ['http', 'BASELINE-CONTROL /x HTTP/1.1'],
  ['http', 'GET ftp://example.org/x HTTP/1.0'],
  ['http', 'CONNECT example.org:443 HTTP/1.1'],
  ['http', 'GET  /two\t HTTP/1.1 '],
  // fetch('/', { method }): browsers change the case of six methods only.
  ['http', 'patch / HTTP/1.1'],
  ['http', 'get / http/1.1'],
  ['rtsp', 'describe rtsp://camera/1 rtsp/1.0'],
  ['sip', 'options sip:nm SIP/2.0'],
  // Invalid targets.
  ['http', 'GET foo HTTP/1.1'],
  ['http', 'GET index.html HTTP/1.0'],
  ['http', 'GET ../../etc/passwd HTTP/1.0'],
  ['http', 'GET ?x=1 HTTP/1.1'],
  ['http', 'GET "><script> HTTP/1.1'],
  ['http', 'POST \\x HTTP/1.1'],
  ['http', 'HEAD %2e HTTP/1.1'],
  ['http', 'get foo HTTP/1.1'],
  ['http', 'connect 192.0.2.1 HTTP/1.1'],
  ['rtsp', 'DESCRIBE camera RTSP/1.0'],
  ['sip', 'OPTIONS nm SIP/2.0'],
  ['request', 'OPTIONS x ICAP/1.0'],
];

/** Methods that a web page can make a browser send. */
const REQUESTS_WITH_ANY_METHOD: [ForeignProtocol, string][] = [
  ['request', 'Z q:x Y/1.0'],
  ['http', 'Custom!#$%&*+.^_`|~1 /x HTTP/1.1'],
  ['http', 'x /boot HTTP/1.1'],
  ['http', 'xGET / HTTP/1.1'],
  ['http', 'gEt / HTTP/1.1'],
  ['http', '!1 http://h/ HTTP/1.0'],
];

test('request lines of any protocol are recognized with any method, whole or split anywhere', () => {
  for (const [protocol, line] of [...REQUESTS, ...REQUESTS_WITH_ANY_METHOD]) {
    for (const end of ['\r\n', '\n', '\r', '\r\nHost: x\r\n\r\n']) {
      assert.equal(foreignProtocol(ascii(line + end)), protocol, JSON.stringify(line + end));
    }
    // Programs are not known to split a line in or just after its method. So in that case only known methods are
    // recognized.
    const first = REQUESTS.some(request => request[1] === line) ? 1 : line.indexOf(' ') + 1;
    for (let at = first; at <= line.length; at++) {
      const beginning = ascii(line.slice(0, at));
      assert.equal(foreignProtocol(beginning), undefined, line.slice(0, at));
      assert.equal(mayBecomeForeign(beginning), true, line.slice(0, at));
      assert.equal(foreignProtocol(ascii(`${line}\r\n`), at), protocol, `${line.slice(0, at)}|${line.slice(at)}`);
      for (let next = at + 1; next <= line.length; next++) {
        assert.equal(
          mayBecomeForeign(ascii(line.slice(0, next)), at),
          true,
          `${line.slice(0, at)}|${line.slice(at, next)}`,
        );
      }
    }
  }
  for (const line of [
    'SSH-2.0-OpenSSH_9.2p1\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.1 56324 23\r\n',
    'PROXY UNKNOWN\r\n',
  ]) {
    const end = line.indexOf('\n');
    for (let at = 1; at <= end; at++) {
      assert.equal(mayBecomeForeign(ascii(line.slice(0, at))), true, line.slice(0, at));
      assert.notEqual(foreignProtocol(ascii(line), at), undefined, line.slice(0, at));
    }
  }
});

test('property: a request line after typed text is not a request, unless both form a known method', () => {
  const typed = fc.stringMatching(/^[\w!#$%&'*+.^|~`-]{1,20}$/);
  const line = fc.constantFrom(...REQUESTS, ...REQUESTS_WITH_ANY_METHOD).map(([, text]) => `${text}\r\n`);
  const known = new Set(REQUESTS.map(([, text]) => text.split(' ')[0]));
  fc.assert(
    fc.property(typed, line, (first, request) => {
      const both = first + request;
      fc.pre(!known.has(both.split(' ')[0]));
      const isForeign = mayBecomeForeign(ascii(first)) && foreignProtocol(ascii(both), first.length) !== undefined;
      assert.equal(isForeign, false, JSON.stringify([first, request]));
    }),
  );
  for (const first of ['x', 'g', 'G', 'ls', '1']) {
    assert.equal(foreignProtocol(ascii(`${first}GET / HTTP/1.1\r\n`), first.length), undefined, first);
    assert.equal(mayBecomeForeign(ascii(`${first}GET / HTTP/1.1\r\n`), first.length), false, first);
  }
});

test('property: keys that are typed one by one are a request only if they form a known method', () => {
  const words = fc.array(fc.constantFrom('ada', 'root', 'GET', 'look', '/bin/ls', '-l', 'HTTP/1.1', 'x', 'http://h/'), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(words, list => {
      const line = ascii(`${list.join(' ')}\r`);
      const isRequest = list.length === 3 && list[0] === 'GET' && list[2] === 'HTTP/1.1';
      let isForeign = false;
      // As in a session: continue as long as the received bytes may become a request.
      for (let at = 1; at <= line.length; at++) {
        isForeign = foreignProtocol(line.subarray(0, at), at === 1 ? 0 : 1) !== undefined;
        if (isForeign || !mayBecomeForeign(line.subarray(0, at), at === 1 ? 0 : 1)) break;
      }
      assert.equal(isForeign, isRequest, list.join(' '));
    }),
  );
});

test('typed text is ruled out as a request after a word or two', () => {
  for (const text of [
    'Look at',
    'LOOK AT ',
    'Ada\r',
    'Ada\r\0',
    'Ada L. ',
    'GET SWORD\r',
    'GET SWORD ',
    'n',
    'ls -',
    '1',
    '\r',
    ' x',
    '"',
    'SSH to',
  ]) {
    const mayBecome = ['Look at', 'GET SWORD ', 'SSH to', 'n'].includes(text);
    assert.equal(mayBecomeForeign(ascii(text)), mayBecome, JSON.stringify(text));
    assert.equal(foreignProtocol(ascii(text)), undefined, JSON.stringify(text));
  }
  for (const text of [
    'Go to: the HTTP/1.1\r\n',
    'TYPE C:\\AUTOEXEC.BAT\r\n',
    'SAY http://x/ IS HTTP/1.1\r\n',
    'A / B/C\r\n',
    'GET / HTTP/1.1\r\0',
  ]) {
    assert.equal(foreignProtocol(ascii(text)), undefined, text);
  }
});

test('the first bytes of people and Telnet clients are not recognized as another protocol', () => {
  for (const text of [
    '',
    'G',
    'GET',
    'GET SWORD\r\n',
    'GET / HTTP/1.1',
    'GET ALL FROM /HTTP/1.1 BAG\r\n',
    'LOOK AT HTTP/1.1\r\n',
    'PUT LAMP ON TABLE\r\n',
    'CONNECT guest guest\r\n',
    'connect guest HTTP/1.1/x\r\n',
    'get sword dir/1.0\r\n',
    'say GET / HTTP/1.1\r\n',
    'SSH-2.0\r\n',
    'ssh-2.0-x\r\n',
    'PROXY\r\n',
    'PROXY TCP4 please\r',
    '\x16',
    '\x16\x03',
    '\x16\x03\x01',
    '\x03',
    '\x03\0',
    '\0',
    '\r\n',
    '\r\0',
    '\xff\xfb\x18\xff\xfb\x1f',
    '\xff\xfd\x03GET / HTTP/1.1\r\n',
    '\x1b[24;80R',
    'ÿþGET',
  ]) {
    assert.equal(foreignProtocol(ascii(text)), undefined, JSON.stringify(text));
  }
});

test('input that begins with a Telnet command or a control key is not another protocol', () => {
  const keys = fc.constantFrom(...' \r\n\x1b\x04\x7f\xff"(),/:;<=>?@[]{}');
  fc.assert(
    fc.property(
      keys,
      fc.string({ unit: 'binary' }),
      (first, rest) => foreignProtocol(ascii(first + rest)) === undefined,
    ),
  );
});

test('input of any length and content is accepted', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2000, size: 'max' }), bytes => void foreignProtocol(bytes)));
  assert.equal(foreignProtocol(Buffer.alloc(65_536, 'GET ')), undefined);
});
