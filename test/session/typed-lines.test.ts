import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ReadLineOptions, Session } from '../../src/index.ts';
import { Option } from '../../src/protocol/index.ts';
import { CMD, OPT, type Wire } from '../support/clients/test-client.ts';
import { Host } from '../support/servers/host.ts';

/** A host that collects the lines from `readLines`, and reports how the loop ends. */
async function collect(options: ReadLineOptions = {}, before?: (session: Session) => void) {
  const lines: string[] = [];
  const host = await Host.start({
    shell: async session => {
      before?.(session);
      for await (const line of session.readLines(options)) {
        lines.push(line);
        session.write(`<${line}>\r\n`);
      }
      return 'over';
    },
  });
  return { host, lines };
}

const echo = (session: Session) => session.telnet.request(Option.ECHO, 'local', true);

test('lines end in CR NUL, CR LF, CR and LF, and may be cut anywhere', async () => {
  const typed = Buffer.from('one\r\0two\r\nthree\nfo\u00fcr\r\n\r\n\n\r\0six\r\n', 'utf8');
  const expected = ['one', 'two', 'three', 'foür', '', '', '', 'six'];
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: typed.length - 1 }));
  await fc.assert(
    fc.asyncProperty(cuts, async places => {
      const { host, lines } = await collect();
      await using _host = host;
      await using wire = await host.connect({ silent: true });
      let at = 0;
      for (const place of [...places.sort((a, b) => a - b), typed.length]) {
        await wire.sent(typed.subarray(at, place));
        at = place;
      }
      await wire.expect('<six>');
      assert.deepEqual(lines, expected);
    }),
    { numRuns: 30 },
  );
});

test('under BINARY, too, CR LF ends one line', async () => {
  const { host, lines } = await collect({}, session => session.telnet.request(Option.BINARY, 'remote', true));
  await using _host = host;
  await using wire = await host.connect();
  await wire.until(() => wire.isEnabled(OPT.BINARY, 'ours'));
  wire.send('a\r\nb\r');
  await wire.expect('<b>');
  await wire.sent('c\r');
  await wire.expect('<c>');
  wire.send('\nd\r\n');
  await wire.expect('<d>');
  assert.deepEqual(lines, ['a', 'b', 'c', 'd']);
});

test('if the server echoes, typed text is shown and edited', async () => {
  const { host, lines } = await collect({ prompt: '> ' }, echo);
  await using _host = host;
  await using wire = await host.connect();
  await wire.expectNegotiation(CMD.WILL, OPT.ECHO);
  await wire.expect('> ');
  wire.type('abx');
  await wire.expect('abx');
  wire.type('\x7f\b');
  await wire.expect('\b \b\b \b');
  wire.type('界\x7f');
  await wire.expect('界\b\b  \b\b');
  wire.type('\x1b[A\x1bOB\x1bxu\x15c\td\r');
  await wire.expect('u\b \b\b \bcd\r\n<cd>\r\n> ');
  assert.deepEqual(lines, ['cd']);
});

test('the erase key erases one grapheme cluster, and all its columns', async () => {
  const { host, lines } = await collect({}, echo);
  await using _host = host;
  await using wire = await host.connect();
  await wire.expectNegotiation(CMD.WILL, OPT.ECHO);
  const erased = (count: number) => '\b'.repeat(count) + ' '.repeat(count) + '\b'.repeat(count);
  for (const [typed, columns] of [
    ['☕', 2],
    ['⌚', 2],
    ['⚡', 2],
    ['⭐', 2],
    ['❤\ufe0f', 2],
    ['❤', 1],
    ['👨\u200d👩\u200d👧', 2],
    ['👍🏽', 2],
    ['🇩🇪', 2],
    ['1\ufe0f\u20e3', 2],
    ['e\u0301', 1],
    ['각', 2],
    ['㍿', 2],
    ['←', 1],
    ['\u25fd', 2],
    ['\u303f', 1],
  ] as const) {
    wire.type(typed);
    await wire.expect(typed);
    wire.type('\x7fz\x7f');
    await wire.expect(`${erased(columns)}z${erased(1)}`);
  }
  wire.type('a🇩🇪b☕\x15x\r');
  await wire.expect('<x>');
  assert.deepEqual(lines, ['x']);
});

test('characters that reorder text are neither part of a line nor echoed', async () => {
  const { host, lines } = await collect({}, echo);
  await using _host = host;
  await using wire = await host.connect();
  await wire.expectNegotiation(CMD.WILL, OPT.ECHO);
  const bidi = '\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u206a\u206f';
  wire.type(`a${bidi}\u2028\u2029\ufff9\u0080\u009b\u0007b\u200c\u200d\u05d0\u0627\r`);
  await wire.expect('<ab\u200c\u200d\u05d0\u0627>\r\n');
  assert.equal(wire.text(), 'ab\u200c\u200d\u05d0\u0627\r\n<ab\u200c\u200d\u05d0\u0627>\r\n');
  assert.deepEqual(lines, ['ab\u200c\u200d\u05d0\u0627']);
});

test('text that is written to other users is in their character set', async () => {
  const sessions: Session[] = [];
  await using host = await Host.start({
    shell: async session => {
      sessions.push(session);
      await session.waitFor(({ charset }) => charset !== undefined);
      session.write('ready');
      for await (const line of session.readLines()) for (const other of sessions) other.write(`<${line}>\r\n`);
    },
  });
  await using utf8 = await host.connect({ charset: 'UTF-8', ttype: ['XTERM'] });
  await using koi8 = await host.connect({ charset: 'KOI8-R', ttype: ['XTERM'] });
  await using latin1 = await host.connect({ charset: 'ISO-8859-1', ttype: ['XTERM'] });
  for (const wire of [utf8, koi8, latin1]) await wire.expect('ready');
  utf8.type('ль é “x”\r');
  await utf8.expect(Buffer.from('<ль é “x”>\r\n'));
  await koi8.expect(Buffer.concat([Buffer.from('<'), Buffer.of(0xcc, 0xd8), Buffer.from(' e "x">\r\n')]));
  await latin1.expect(Buffer.concat([Buffer.from("<l' "), Buffer.of(0xe9), Buffer.from(' "x">\r\n')]));
  koi8.send([0xf0, 0xd2, 13, 10]);
  await utf8.expect(Buffer.from('<Пр>\r\n'));
});

test('bytes, and text with an encoding, are written unchanged; text passed to end() is converted', async () => {
  await using host = await Host.start({
    shell: async session => {
      await session.waitFor(({ charset }) => charset !== undefined);
      session.write(Buffer.of(0xc0));
      session.write('ю', 'utf8');
      session.write('c1', 'hex');
      await new Promise<void>(resolve => session.write('ю', () => resolve()));
      session.end('яю');
    },
  });
  await using wire = await host.connect({ charset: 'KOI8-R', ttype: ['XTERM'] });
  await wire.untilEnd();
  assert.equal(Buffer.from(wire.data.bytes).toString('hex'), 'c0d18ec1c0d1c0');
});

test('typed and echoed text is in the character set of the client', async () => {
  const { host, lines } = await collect({ prompt: 'Größe: ' }, echo);
  await using _host = host;
  await using wire = await host.connect({ charset: 'KOI8-R', ttype: ['XTERM'] });
  await wire.until(() => host.server.sessions.values().next().value?.charset === 'KOI8-R');
  wire.send([0xf2, 0xf5, 0x7f, 0xf3], '\r\n');
  await wire.expect(Buffer.from([0xf2, 0xf5, 8, 32, 8, 0xf3, 13, 10]));
  await wire.expect(Buffer.from('Grose: '));
  assert.deepEqual(lines, ['РС']);
});

test('if the client echoes, nothing is echoed, but erase keys work', async () => {
  const { host, lines } = await collect();
  await using _host = host;
  await using wire = await host.connect();
  wire.type('ab\x7fc\r');
  await wire.expect('<ac>\r\n');
  assert.equal(wire.text(), '<ac>\r\n');
  wire.type('ab');
  wire.command(CMD.EC);
  wire.type('d');
  wire.command(CMD.EL);
  wire.type('e\r');
  await wire.expect('<e>');
  assert.deepEqual(lines, ['ac', 'e']);
});

test('a line is cut at its maximum length', async () => {
  const { host, lines } = await collect({ maxLength: 5 });
  await using _host = host;
  await using wire = await host.connect();
  wire.type(`${'x'.repeat(100_000)}\rab\r`);
  await wire.expect('<ab>');
  assert.deepEqual(lines, ['xxxxx', 'ab']);
});

test('a password is shown at neither end, and afterwards the client echoes again', async () => {
  const asked = async (wire: Wire) => {
    await wire.expect('Password: ');
    await wire.until(() => wire.isEnabled(OPT.ECHO, 'theirs'));
    wire.type('secret\r');
    await wire.expect('\r\nit is secret');
    await wire.until(() => !wire.isEnabled(OPT.ECHO, 'theirs'));
    assert.equal(wire.text(), 'Password: \r\nit is secret');
  };
  await using host = await Host.start({
    shell: async session => {
      session.write(`it is ${await session.readLine({ prompt: 'Password: ', hidden: true })}`);
      await session.readLine();
    },
  });
  await using wire = await host.connect();
  await asked(wire);
});

test('EOR is sent after the prompt to a client that agreed to it', async () => {
  const { host } = await collect({ prompt: '> ' }, session => session.telnet.request(Option.EOR, 'local', true));
  await using _host = host;
  await using wire = await host.connect({ accept: [OPT.EOR] });
  await wire.until(() => wire.isEnabled(OPT.EOR, 'theirs'));
  wire.type('a\r');
  await wire.expect(Buffer.from('> \xff\xef', 'latin1'));
});

test('text typed ahead is left for the next reader', async () => {
  await using host = await Host.start({
    shell: async session => {
      const first = await session.readLine();
      const { promise, resolve } = deferred<Buffer>();
      session.once('data', resolve);
      session.write(`${first}|${await promise}|`);
    },
  });
  await using wire = await host.connect();
  wire.send('one\r\0two');
  await wire.expect('one|two|');
});

for (const [what, end] of [
  ['closes its side', (wire: Wire) => wire.halfClose()],
  ['resets', (wire: Wire) => wire.reset()],
] as const) {
  test(`the loop ends when the client ${what}`, async () => {
    const { host, lines } = await collect();
    await using _host = host;
    await using wire = await host.connect();
    wire.type('a\r');
    await wire.expect('<a>');
    end(wire);
    assert.deepEqual(await host.outcome(), { result: 'over' });
    assert.deepEqual(lines, ['a']);
  });
}

test('a last line without a line end is returned', async () => {
  const { host, lines } = await collect();
  await using _host = host;
  await using wire = await host.connect();
  wire.send('a\r\nb');
  wire.halfClose();
  await wire.untilEnd();
  assert.deepEqual(lines, ['a', 'b']);
});

test('the loop ends at a hangup, and the shell can still write', async () => {
  await using host = await Host.start({
    shell: async session => {
      while ((await session.readLine()) !== undefined);
      session.write('good-bye');
    },
  });
  await using wire = await host.connect();
  wire.type('a\r');
  wire.send([CMD.IAC, CMD.DO, OPT.LOGOUT]);
  await wire.expect('good-bye');
  await wire.untilEnd();
});

test('property: for any input, lines are bounded and contain nothing that a terminal would obey', async () => {
  const bytes = fc.uint8Array({ maxLength: 200 }).map(octets => Buffer.from(octets));
  const keys = fc
    .constantFrom('\r\0', '\n', '\x7f', '\x15', '\x1b[', '\x1b', '\u009b', '界', 'é', 'a')
    .map(key => Buffer.from(key));
  const typed = fc.array(fc.oneof({ weight: 1, arbitrary: bytes }, { weight: 4, arbitrary: keys }), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(typed, fc.boolean(), async (pieces, echoes) => {
      const { host, lines } = await collect({ maxLength: 8 }, echoes ? echo : undefined);
      await using _host = host;
      await using wire = await host.connect({ silent: true });
      for (const piece of pieces) await wire.sent(piece);
      wire.halfClose();
      await wire.untilEnd();
      for (const line of lines) {
        assert.doesNotMatch(line, /\p{Cc}/u);
        assert([...line].length <= 8);
      }
      assert.deepEqual(await host.outcome(), { result: 'over' });
    }),
    { numRuns: 60 },
  );
});

test('two readers at once, and invalid options, are errors', async () => {
  const codes: unknown[] = [];
  await using host = await Host.start({
    shell: async session => {
      const codeOf = (options: object) =>
        session.readLine(options as ReadLineOptions).catch((error: { code?: unknown }) => codes.push(error.code));
      await codeOf({ maxLength: -1 });
      await codeOf({ echo: true });
      const line = session.readLine();
      await codeOf({});
      session.write(`${await line}`);
    },
  });
  await using wire = await host.connect();
  wire.type('fine\r');
  await wire.expect('fine');
  assert.deepEqual(codes, Array(3).fill('ERR_INVALID_ARGUMENT'));
});

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>(settle => {
    resolve = settle;
  });
  return { promise, resolve };
}

test("text is in the server's character set if the client does not name a set by CHARSET or its locale", async () => {
  const shell = async (session: Session) => {
    await session.waitFor(({ terminal }) => terminal.environ.size > 0 || terminal.typesComplete);
    session.sendLine(`<${session.encoding}>`);
  };
  await using host = await Host.start({ shell, encoding: 'cp437' });
  for (const [environ, encoding] of [
    [undefined, 'IBM437'],
    [{ LANG: 'ru_RU.KOI8-R' }, 'KOI8-R'],
  ] as const) {
    await using wire = await host.connect({ ttype: ['XTERM'], ...(environ === undefined ? {} : { environ }) });
    await wire.expect(`<${encoding}>`);
  }
});
