/** Programs that run in a character set other than that of their clients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import iconv from 'iconv-lite';
import { encoder } from '../../../src/charset/index.ts';
import { type PtyShellOptions, ptyShell } from '../../../src/index.ts';
import { Commodore64 } from '../../support/clients/home-computer.ts';
import { CMD, hex, OPT, type Wire, type WireOptions } from '../../support/clients/test-client.ts';
import { Host, hostScript, XTERM } from '../../support/servers/host.ts';
import { compileLocales } from '../../support/system/locales.ts';

const UTF8 = { programEncoding: 'utf-8', locale: 'C.UTF-8' } as const;
/** Prints each line that it reads in hexadecimal, and prints `ready` when it starts to read. */
const READER =
  'echo ready; while read -r line; do printf "<%s>\\n" "$(printf %s "$line" | od -An -tx1 | tr -d " \\n")"; done';

const host = (script: string, options: PtyShellOptions = {}) => hostScript(script, { ...UTF8, ...options });
/** A client that uses this character set and does not negotiate it. */
const QUIET: WireOptions = { ttype: ['XTERM'], size: [100, 30] };

async function dataUntil(wire: Wire, end: string): Promise<Buffer> {
  await wire.expect(Buffer.from(end, 'latin1'));
  return Buffer.from(wire.data.bytes);
}

test('converts in both directions, in the set negotiated by CHARSET', async () => {
  await using server = await host(`printf 'Привет ─│ “ё”\\n'; ${READER}`);
  await using wire = await server.connect({ ...XTERM, charset: 'KOI8-R' });
  const shown = iconv.decode(await dataUntil(wire, 'ready'), 'koi8-r');
  assert.match(shown, /^Привет ─│ "ё"\r\nready/);
  wire.type(iconv.encode('да\r', 'koi8-r'));
  await wire.expect('<d0b4d0b0>');
  // The terminal's echo was converted back.
  assert.match(iconv.decode(Buffer.from(wire.data.bytes), 'koi8-r'), /ready\r\nда\r\n/);
});

test('converts in the set of the client’s locale, with this precedence of its variables', async () => {
  for (const [environ, shown] of [
    [{ LANG: 'ja_JP.SJIS' }, iconv.encode('日本', 'shift_jis')],
    [{ LANG: 'ja_JP.eucJP' }, iconv.encode('日本', 'euc-jp')],
    [{ LANG: 'ja_JP.SJIS', LC_ALL: 'ja_JP.UTF-8' }, Buffer.from('日本')],
    [{ LANG: 'ja_JP.UTF-8', LC_CTYPE: 'ja_JP.SJIS' }, iconv.encode('日本', 'shift_jis')],
    [{ LANG: 'C' }, iconv.encode('日本', 'gbk')],
    [{}, iconv.encode('日本', 'gbk')],
  ] as const) {
    await using server = await host("printf '日本.\\n'; read x", { encoding: 'gbk' });
    await using wire = await server.connect({ ...QUIET, environ });
    assert.deepEqual((await dataUntil(wire, '.\r\n')).subarray(0, -3), shown, JSON.stringify(environ));
  }
});

test('converts in the set of --encoding otherwise', async () => {
  await using server = await host(`printf '┏━┓ é\\n'; ${READER}`, { encoding: 'cp437' });
  await using wire = await server.connect(QUIET);
  assert.deepEqual((await dataUntil(wire, 'ready')).subarray(0, 7), iconv.encode('┌─┐ é\r\n', 'cp437').subarray(0, 7));
  wire.type([0x82, 13]);
  await wire.expect('<c3a9>');
});

const LOCPATH = compileLocales(
  ['de_DE.UTF-8', 'de_DE', 'UTF-8'],
  ['sr_RS.UTF-8@latin', 'sr_RS@latin', 'UTF-8'],
  ['ru_RU.UTF-8', 'ru_RU', 'UTF-8'],
  ['ru_RU.KOI8-R', 'ru_RU', 'KOI8-R'],
  ['ja_JP.EUC-JP', 'ja_JP', 'EUC-JP'],
  ['en_US.CP437', 'en_US', 'IBM437'],
);

test('the locale of a program has the program’s character set and the client’s language', async () => {
  const script = 'echo "[$LANG|$LC_ALL|$LC_TIME]"; stty -a | tr " ;" "\\n\\n" | grep iutf8; read x';
  for (const [environ, options, told] of [
    [{ LANG: 'de_DE.ISO-8859-1' }, {}, '[de_DE.UTF-8|de_DE.UTF-8|]'],
    [{ LANG: 'de_DE@euro', LC_TIME: 'sr_RS@latin' }, {}, '[de_DE.UTF-8||sr_RS.UTF-8@latin]'],
    [{ LANG: 'C', LC_TIME: 'POSIX' }, {}, '[C.UTF-8||C.UTF-8]'],
    [{ LANG: 'ru_RU' }, {}, '[ru_RU.UTF-8|ru_RU.UTF-8|]'],
    [{}, {}, '[C.UTF-8|C.UTF-8|]'],
    [{ LANG: 'de_DE.UTF-8' }, { env: { LOCPATH, LANG: 'C.UTF-8' } }, '[C.UTF-8||]'],
  ] as const) {
    await using server = await host(script, { env: { LOCPATH }, ...options });
    await using wire = await server.connect({ ...QUIET, environ, charset: 'ISO-8859-1' });
    await wire.expect(`${told}\r\niutf8`);
  }
  await using server = await host(script, { programEncoding: 'koi8-r', env: { LOCPATH } });
  await using wire = await server.connect({ ...XTERM, environ: { LANG: 'ru_RU.UTF-8' } });
  await wire.expect('[ru_RU.KOI8-R|ru_RU.KOI8-R|]\r\n-iutf8');
});

test('a program in a set other than UTF-8 is converted as well', async () => {
  await using server = await host(`printf '\\360\\322\\311\\n'; ${READER}`, { programEncoding: 'koi8-r' });
  await using wire = await server.connect(XTERM);
  await wire.expect('При\r\nready');
  wire.type('да\r');
  await wire.expect('<c4c1>');
});

test('a client with the same set gets every byte unchanged, valid or not', async () => {
  await using server = await host("stty -opost; printf 'a\\377\\200\\303z'; read x");
  await using wire = await server.connect(XTERM);
  await wire.expect(hex('61 ff ff 80 c3 7a'));
});

test('characters that the other side’s set does not contain are replaced', async () => {
  await using server = await host(`printf '\\377\\303(日本)\\n'; ${READER}`, { encoding: 'us-ascii' });
  await using wire = await server.connect(QUIET);
  await wire.expect('??(????)\r\nready');
  wire.type([0xe9, 0x61, 13]);
  await wire.expect('<efbfbd61>');
});

test('a character that is split in two is converted as one, in both directions', async () => {
  await using server = await host(
    "stty -echo; printf 'x\\303'; read a; printf '\\251y'; echo \"$a\" | od -An -tx1; read x",
    {
      encoding: 'shift_jis',
    },
  );
  await using wire = await server.connect(QUIET);
  await wire.expect('x');
  wire.send([0x93]);
  wire.type([0xfa, 13]);
  await wire.expect('ey');
  await wire.expect('e6 97 a5');
});

test('an interrupt also discards half a character', async () => {
  await using server = await host(`trap 'echo INT' INT; ${READER}; ${READER}`, { encoding: 'shift_jis' });
  await using wire = await server.connect(QUIET);
  await wire.expect('ready');
  wire.send([0x93], [CMD.IAC, CMD.IP]);
  await wire.expect('INT');
  wire.type('a\r');
  await wire.expect('<61>');
});

test('the conversion changes when a client negotiates another set later', async () => {
  await using server = await host('while read -r line; do echo "<$line é>"; done', { mode: 'line' });
  await using wire = await server.connect({ ...XTERM, charset: 'UTF-8' });
  await wire.expectEvent(event => event.type === 'subnegotiation' && event.option === OPT.CHARSET);
  wire.send('one\r\n');
  await wire.expect(Buffer.from('<one é>'));
  for (const [name, shown] of [
    ['ISO-8859-1', 'e9'],
    ['IBM437', '82'],
    ['UTF-8', 'c3 a9'],
  ] as const) {
    wire.subnegotiate(OPT.CHARSET, [1, ...Buffer.from(`;${name}`)]);
    wire.send('two\r\n');
    await wire.expect(Buffer.concat([Buffer.from('<two '), hex(shown), Buffer.from('>')]));
  }
});

test('converts in line mode, too', async () => {
  await using server = await host(READER, { mode: 'line', encoding: 'iso-8859-1' });
  await using wire = await server.connect({ ...QUIET, charset: 'refuse' });
  await wire.expect('ready');
  wire.send([0xe9, 0x78, 0x7f], '\r\n');
  await wire.expect('<c3a9>');
});

test('a frame is sent in one piece, converted', async () => {
  const script =
    "stty -echo; printf ready; read x; printf '\\033[?2026h\\303'; read x; printf '\\251\\033[?2026l'; read x";
  await using server = await host(script, { encoding: 'iso-8859-1' });
  await using wire = await server.connect(QUIET);
  await wire.expect('ready');
  const pieces: string[] = [];
  wire.onData(bytes => pieces.push(Buffer.from(bytes).toString('latin1')));
  wire.type('\r');
  wire.type('\r');
  await wire.expect(Buffer.from('\x1b[?2026l'));
  assert.ok(
    pieces.some(piece => piece.includes('\x1b[?2026h\xe9\x1b[?2026l')),
    JSON.stringify(pieces),
  );
});

test('no byte of a flood is lost with a slow client, although the conversion makes it longer', async () => {
  const lines = 60_000;
  await using server = await host(`stty -opost; yes 'Съешь ещё этих мягких 😀' | head -n ${lines}`, {
    encoding: 'gb18030',
  });
  await using wire = await server.connect(QUIET);
  for (let turn = 0; turn < 20 && !wire.ended; turn++) {
    wire.pause();
    await new Promise(resolve => setImmediate(resolve));
    wire.resume();
    await wire.until(() => wire.data.length > turn * 20_000 || wire.ended);
  }
  await wire.untilEnd();
  const line = iconv.encode('Съешь ещё этих мягких 😀\n', 'gb18030');
  assert.equal(wire.data.length, line.length * lines);
  assert.ok(Buffer.from(wire.data.bytes).equals(Buffer.concat(Array.from({ length: lines }, () => line))));
});

test('an incomplete character at the end of a program is shown', async () => {
  await using server = await host("printf 'end\\303'", { encoding: 'iso-8859-1' });
  await using wire = await server.connect(QUIET);
  await wire.expect('end?');
  await wire.untilEnd();
});

test('without programEncoding a program gets the client’s set, and bytes are not changed', async () => {
  const script = 'echo "[$LANG]"; printf "\\202\\n"; stty size; read x';
  for (const [options, client, told] of [
    [{}, { environ: { LANG: 'ja_JP.EUC-JP' } }, '[ja_JP.EUC-JP]'],
    [{}, { charset: 'KOI8-R' }, '[ru_RU.KOI8-R]'],
    [{ encoding: 'cp437' }, {}, '[en_US.CP437]'],
    [{ encoding: 'big5-uao' }, {}, '[C]'],
    [{ encoding: 'petscii' }, {}, '[C]'],
  ] as const) {
    await using server = await hostScript(script, { env: { LOCPATH }, ...options });
    await using wire = await server.connect({ ttype: ['XTERM'], ...client });
    await wire.expect(Buffer.concat([Buffer.from(`${told}\r\n`), hex('82 0d 0a')]));
    await wire.expect('encoding' in options && options.encoding === 'petscii' ? '25 40' : '24 80');
  }
});

test('a character set in which no program can run is an invalid argument', () => {
  for (const programEncoding of ['klingon', '', 'petscii', 'atascii', 'utf-16'])
    assert.throws(() => ptyShell('true', [], { programEncoding }), { code: 'ERR_INVALID_ARGUMENT' });
  for (const programEncoding of ['client', 'latin1', 'big5-uao', undefined])
    ptyShell('true', [], programEncoding === undefined ? {} : { programEncoding });
});

test('several sessions with different sets at the same time', async () => {
  await using server = await Host.start({
    shell: ptyShell('/bin/sh', ['-c', `printf 'é…\\n'; ${READER}`], UTF8),
  });
  const clients = await Promise.all(
    ['ISO-8859-1', 'windows-1252', 'IBM850', 'UTF-8'].map(charset => server.connect({ ...XTERM, charset })),
  );
  const shown = await Promise.all(clients.map(wire => dataUntil(wire, 'ready')));
  assert.deepEqual(
    shown.map(bytes => bytes.toString('hex').replace(/0d0a.*/, '')),
    ['e92e', 'e985', '822e', 'c3a9e280a6'],
  );
  for (const wire of clients) await wire.close();
});

test('a home computer: commands act as keys, and the program’s queries to its terminal are answered', async () => {
  const ask = "stty -icanon -echo; printf 'ab\\033[6n'; dd bs=1 count=6 2>/dev/null | od -An -tx1; stty icanon echo";
  await using server = await host(`${ask}; ${READER}`, { encoding: 'petscii' });
  await using wire = await server.connect({ ttype: ['C64'] });
  const computer = new Commodore64();
  wire.onData(bytes => computer.feed(bytes));
  const type = (text: string) => wire.type(encoder('petscii').write(text));
  await computer.waitFor(/^ab 1b 5b 31 3b 33 52\nready$/);
  type('abx');
  wire.command(CMD.EC);
  type('c\r');
  await computer.waitFor(/<616263>$/);
  type('forgotten');
  wire.command(CMD.EL);
  wire.type([0x5c, 13]);
  await computer.waitFor(/<5c>$/);
});

test('a flood to a home computer does not block other sessions, and the final screen is complete', async () => {
  // A line feed on a screen that has just been cleared takes the longest time.
  const flood = `i=0; while [ $i -lt 400 ]; do printf '${String.raw`\033[2Jx\n`.repeat(250)}'; i=$((i+1)); done; printf 'the end'`;
  const script = `stty -echo; read -r what; case $what in flood) ${flood} ;; *) stty raw; printf ok; exec cat ;; esac`;
  await using server = await host(script, { encoding: 'petscii' });
  const computer = new Commodore64();
  await using flooding = await server.connect();
  flooding.onData(bytes => computer.feed(bytes));
  await using other = await server.connect(XTERM);
  other.type('echo\r');
  await other.expect('ok');
  flooding.type(encoder('petscii').write('flood\r'));
  const over = flooding.untilEnd(240_000).then(() => {
    isOver = true;
  });
  let isOver = false;
  let served = 0;
  for (; !isOver; served++) {
    other.type(`ping${served};`);
    await other.expect(`ping${served};`);
  }
  await over;
  // Without time slices, there were at most one or two answers for each chunk of 64 KiB.
  assert.ok(served >= 40, `${served} answers during a flood`);
  assert.match(computer.text(), /the end$/);
});

test('an interrupt discards a flood to a home computer, including the unconverted part', async () => {
  const script = 'trap : INT; stty -echo; echo ok; yes "a line of a flood"; echo "the prompt"; read -r x; echo "<$x>"';
  await using server = await host(script, { encoding: 'petscii' });
  const computer = new Commodore64();
  await using wire = await server.connect();
  wire.onData(bytes => computer.feed(bytes));
  await computer.waitFor(/a line of a flood\na line/);
  wire.send([3]);
  await computer.waitFor(/the prompt$/);
  wire.type(encoder('petscii').write('typed\r'));
  await computer.waitFor(/<typed>/);
});
