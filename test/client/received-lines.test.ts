/** Lines that a server sends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, type Session } from '../../src/index.ts';
import { Peer } from '../support/clients/peer.ts';
import { CMD, OPT, type Wire } from '../support/clients/test-client.ts';

async function pair(body: (session: Session, wire: Wire) => Promise<void>): Promise<void> {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port, encoding: 'ISO-8859-1' });
  try {
    await body(session, await peer.accept());
    assert.equal(session.listenerCount('readable'), 0, 'no listener is left');
  } finally {
    session.destroy();
  }
}

async function collect(iterable: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of iterable) all.push(line);
  return all;
}

test('lines end in LF, CR LF or LF CR; tabs, control sequences and other CRs stay', () =>
  pair(async (session, wire) => {
    wire.send('a\tb\n', '\rc \x1b[1md\r\n', '\r\n', '10%\r20%\r\r\n\r', 'e\n\r\n', 'end');
    wire.halfClose();
    assert.deepEqual(await collect(session.lines()), ['a\tb', 'c \x1b[1md', '', '10%\r20%', 'e', '', 'end']);
    assert.deepEqual(await collect(session.lines()), [], 'nothing is read twice');
  }));

test('after break, the next reader gets the text after the line', () =>
  pair(async (session, wire) => {
    wire.send('one\r\ntwo\r\nrouter1> ');
    for await (const line of session.lines()) if (line === 'two') break;
    assert.equal((await session.readUntil('> ')).text, 'router1> ');
  }));

test('each line is in the character set that was in force when it arrived', () =>
  pair(async (session, wire) => {
    wire.negotiate(CMD.WILL, OPT.CHARSET);
    await wire.expectNegotiation(CMD.DO, OPT.CHARSET);
    wire.send(Buffer.from('caf\xe9\r\n', 'latin1'));
    wire.subnegotiate(OPT.CHARSET, Buffer.from('\x01;UTF-8', 'latin1'));
    wire.send('café\r\n');
    wire.halfClose();
    assert.deepEqual(await collect(session.lines()), ['café', 'café']);
  }));

test('a line that is too long, a timeout and a signal end the reading, and nothing is lost', () =>
  pair(async (session, wire) => {
    wire.send(`${'x'.repeat(5_000)}\nshort\n`);
    await assert.rejects(collect(session.lines({ maxLength: 100 })), { code: 'ERR_TOO_LONG' });
    const reading = session.lines({ timeout: 20 });
    assert.equal((await reading.next()).value, 'x'.repeat(5_000));
    assert.equal((await reading.next()).value, 'short');
    await assert.rejects(reading.next(), { code: 'ERR_TIMEOUT' });
    const stop = new AbortController();
    const stopped = session.lines({ signal: stop.signal }).next();
    stop.abort();
    await assert.rejects(stopped, { name: 'AbortError' });
  }));

test('a broken connection is an error after the last line', () =>
  pair(async (session, wire) => {
    wire.send('whole\r\npart');
    const reading = session.lines();
    assert.equal((await reading.next()).value, 'whole');
    wire.reset();
    const rest: unknown[] = [];
    await assert.rejects(
      async () => {
        for await (const line of reading) rest.push(line);
      },
      { code: 'ERR_SESSION_CLOSED' },
    );
    assert.deepEqual(rest, ['part']);
  }));
