/** Conversations: lines, patterns, commands, logins; with scripted peers and with real servers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import iconv from 'iconv-lite';
import { connect, type Session, type TelptyError } from '../../src/index.ts';
import { Option } from '../../src/protocol/index.ts';
import { Peer } from '../support/peer.ts';
import { startBashServer } from '../support/programs.ts';
import { Telnetd } from '../support/telnetd.ts';
import { CMD, OPT, type Wire } from '../support/wire.ts';

/** Both ends of a connection. */
async function pair(body: (session: Session, wire: Wire) => Promise<void>, encoding?: string): Promise<void> {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port, encoding });
  try {
    await body(session, await peer.accept());
    assert.equal(session.listenerCount('readable'), 0);
    assert.equal(session.listenerCount('telnet'), 0);
    assert.equal(session.listenerCount('close'), 0);
  } finally {
    session.destroy();
  }
}

test('readUntil: what matches first, and what stands behind it is left', () =>
  pair(async (session, wire) => {
    wire.send('one two three');
    const found = await session.readUntil(['three', /t(w)o/]);
    assert.deepEqual(found, { text: 'one two', before: 'one ', match: 'two', groups: ['w'], index: 1 });
    assert.equal((await session.readUntil('three')).text, ' three');
    // Also across packets, and for a reader of another kind.
    const later = session.readUntil('needle');
    wire.send('nee');
    wire.send('dle, haystack');
    assert.equal((await later).text, 'needle');
    const [chunk] = (await once(session, 'data')) as [Buffer];
    assert.equal(chunk.toString(), ', haystack');
  }));

test('readUntil: a pattern that does not come loses nothing', () =>
  pair(async (session, wire) => {
    wire.send('so far');
    while (session.bytesRead < 'so far'.length) await turn();
    await assert.rejects(session.readUntil('never', { timeout: 50 }), (error: TelptyError) => {
      assert.equal(error.code, 'ERR_TIMEOUT');
      assert.equal(error.message, '50 ms have passed without "never"');
      assert.equal(error.text, 'so far');
      return true;
    });
    const stop = new AbortController();
    const called = assert.rejects(session.readUntil(/no/, { signal: stop.signal }), { name: 'AbortError' });
    stop.abort();
    await called;
    await assert.rejects(session.readUntil('never', { maxLength: 3 }), { code: 'ERR_TOO_LONG', text: 'so far' });
    const first = session.readUntil('far!');
    await assert.rejects(session.readUntil('far'), { code: 'ERR_INVALID_ARGUMENT' });
    wire.send('!');
    assert.equal((await first).text, 'so far!');
    wire.send('the end');
    wire.halfClose();
    await assert.rejects(session.readUntil('never'), { code: 'ERR_SESSION_CLOSED', text: 'the end' });
  }));

test('readUntil: a flood without a match ends at the limit', () =>
  pair(async (session, wire) => {
    wire.send('x'.repeat(3 * 1024 * 1024));
    await assert.rejects(session.readUntil('never'), (error: TelptyError) => {
      assert.equal(error.code, 'ERR_TOO_LONG');
      assert.ok(error.text!.length < 1.2 * 1024 * 1024);
      return true;
    });
  }));

test('readUntil: in any character set and any cut, the rest begins where the match ends', async () => {
  for (const encoding of ['UTF-8', 'Shift_JIS', 'GB18030', 'KOI8-R', 'Big5', 'ISO-8859-1']) {
    const letters = encoding === 'ISO-8859-1' ? 'aé§ß' : encoding === 'KOI8-R' ? 'aжЯя' : 'a中日文';
    const extra = ['UTF-8', 'GB18030'].includes(encoding) ? '😀' : '';
    const text = fc.string({ unit: fc.constantFrom(...letters, ...(extra && [extra])), maxLength: 12 });
    await pair(async (session, wire) => {
      await fc.assert(
        fc.asyncProperty(text, text, fc.array(fc.nat(40), { maxLength: 4 }), async (before, after, cuts) => {
          const bytes = iconv.encode(`${before}|${after}#`, encoding);
          let at = 0;
          for (const cut of [...cuts.sort((a, b) => a - b), bytes.length]) {
            wire.type(bytes.subarray(at, cut));
            at = Math.max(at, cut);
          }
          assert.equal((await session.readUntil('|')).before, before);
          assert.equal((await session.readUntil('#')).before, after);
        }),
        { numRuns: 40 },
      );
    }, encoding);
  }
});

test('sendLine: CR LF, and CR for a key under BINARY; in the character set', () =>
  pair(async (session, wire) => {
    session.sendLine('naïve\nlines');
    await wire.expect(Buffer.from('na\xefve\r\nlines\r\n', 'latin1'));
    session.sendLine('x', { eol: '\n' });
    await wire.expect(Buffer.from('x\n'));
    wire.negotiate(CMD.DO, OPT.BINARY);
    await session.waitFor({ option: Option.BINARY, side: 'local' });
    session.sendLine('y\xff');
    await wire.expect(Buffer.from('y\xff\xff\r', 'latin1'));
  }, 'latin1'));

test('waitFor: at once, later, too late, and a test that throws', () =>
  pair(async (session, wire) => {
    await session.waitFor({ option: Option.ECHO, side: 'remote', enabled: false });
    const waiting = session.waitFor({ option: Option.ECHO, side: 'remote' });
    wire.negotiate(CMD.WILL, OPT.ECHO);
    await waiting;
    await assert.rejects(session.waitFor({ option: 24, side: 'local' }, { timeout: 20 }), {
      code: 'ERR_TIMEOUT',
      message: '20 ms have passed without TTYPE being enabled on the local side',
    });
    await assert.rejects(
      session.waitFor(() => assert.fail('mine')),
      { message: 'mine' },
    );
    await assert.rejects(session.waitFor({ option: 256, side: 'local' }), { code: 'ERR_INVALID_ARGUMENT' });
  }));

test('exec: output of returns alone costs no more than other output', () =>
  pair(async (session, wire) => {
    const returns = '\r\0'.repeat(400_000);
    const { user } = process.cpuUsage();
    const output = session.exec('show', { maxLength: 2 << 20 });
    wire.send(returns, '\r\nend\r\n$ ');
    assert.match(await output, /^\r*\nend\n$/);
    // To look at each row of them from each of its places took minutes.
    assert.ok(process.cpuUsage().user - user < 5_000_000);
  }));

test('login: names and passwords as they are asked for, and what says no', async () => {
  await pair(async (session, wire) => {
    const options = { username: 'ada', password: 'secret' };
    const inside = session.login(options);
    wire.send('\r\nLast login: ');
    wire.send('yesterday\r\nhost login: ');
    await wire.expect('ada\r\n');
    wire.send('Password: ');
    await wire.expect('secret\r\n');
    wire.send('\r\nLast login: today\r\nada@host:~$ ');
    assert.match(await inside, /today\nada@host:~\$ $/);
    wire.send('login: ');
    // After the first refusal the question is there again, for the second.
    for (const no of ['Login incorrect\r\nlogin: ', 'host login: ']) {
      const outside = assert.rejects(session.login(options), (error: TelptyError) => {
        assert.equal(error.code, 'ERR_LOGIN');
        assert.match(error.text!, /Password: /);
        return true;
      });
      await wire.expect('ada\r\n');
      wire.send('Password: ');
      await wire.expect('secret\r\n');
      wire.send(no);
      await outside;
    }
    const nothing = assert.rejects(session.login({ username: 'ada' }), { code: 'ERR_LOGIN' });
    wire.send('Password: ');
    await nothing;
    const late = assert.rejects(session.login({ ...options, timeout: 50 }), { code: 'ERR_TIMEOUT' });
    await late;
  });
});

for (const { name, start } of [
  { name: 'telpty', start: () => startBashServer() },
  { name: 'GNU telnetd', start: () => Telnetd.start('/bin/sh -i') },
  { name: 'busybox telnetd', start: () => Telnetd.start('/bin/sh', 'busybox') },
]) {
  test(`exec: output without echo and prompt, with ${name}`, async () => {
    await using server = await start();
    const session = await connect({ port: server.port });
    try {
      await session.readUntil(/[$#] $/);
      assert.equal(await session.exec('echo one; echo two'), 'one\ntwo\n');
      assert.equal(await session.exec('true'), '');
      assert.equal(await session.exec(`echo ${'long '.repeat(40)}| wc -w`), '40\n');
      assert.equal(await session.exec('echo héé'), 'héé\n');
      // Only when it asks: what is typed before may still be taken as keys, without an end of the line.
      const prompt = /(?<=\n)answer: $/;
      assert.equal(await session.exec('printf "answer: "; read -r answer', { prompt }), '');
      assert.equal(await session.exec('mine', { stripEcho: true }), '');
      assert.equal(await session.exec('echo "$answer"'), 'mine\n');
      session.sendLine('exit');
      await assert.rejects(session.readUntil('never'), { code: 'ERR_SESSION_CLOSED' });
    } finally {
      session.destroy();
    }
  });
}
