/** NOP and TIMING-MARK that keep a connection open, with real sockets at both ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect, createServer } from '../../src/index.ts';
import { Command } from '../../src/protocol/index.ts';
import { Peer } from '../support/clients/peer.ts';
import { CMD, OPT } from '../support/clients/test-client.ts';

const DO_TIMING_MARK = [CMD.IAC, CMD.DO, OPT.TIMING_MARK];

function count(raw: Uint8Array, sequence: readonly number[]): number {
  let found = 0;
  const bytes = Buffer.from(raw);
  const wanted = Buffer.from(sequence);
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + wanted.length)) found++;
  return found;
}

const nops = (raw: Uint8Array) => count(raw, [CMD.IAC, Command.NOP]);

test('a client sends NOP repeatedly to a server that uses Telnet, and to no other', async () => {
  await using peer = await Peer.listen();
  const [session, plain] = [
    await connect({ port: peer.port, keepAlive: 10 }),
    await connect({ port: peer.port, keepAlive: 10 }),
  ];
  const [wire, silent] = [await peer.accept(), await peer.accept()];
  wire.negotiate(CMD.WILL, OPT.SGA);
  silent.send('a server of another kind');
  await wire.until(() => nops(wire.raw.bytes) >= 5);
  assert.equal(silent.raw.length, 0, 'a server that has not used Telnet gets nothing');
  session.end();
  await wire.untilEnd();
  assert.deepEqual([...wire.data.bytes], [], 'NOP is not data');
  session.destroy();
  plain.destroy();
});

test('a server sends NOP, which does not count as activity', async () => {
  const server = createServer({
    keepAlive: 10,
    shell: session => session.waitFor(() => false, { timeout: 0, signal: session.signal }).catch(() => {}),
  });
  const { port } = await server.listen(0);
  const client = await connect({ port });
  const [session] = server.sessions;
  assert.ok(session, 'there is a session');
  let received = 0;
  await new Promise<void>(resolve => {
    client.resume().on('command', ({ command }) => {
      if (command === Command.NOP && ++received === 5) resolve();
    });
  });
  // Nothing was typed since the negotiation, which took place before the first NOP.
  // The age first: this process may get no processor between the two.
  const { age } = session;
  const { idleTime } = session;
  client.destroy();
  await server.close();
  assert.ok(idleTime >= age - 1, `idle for ${idleTime} of ${age} ms`);
});

test('with keepAliveTimeout, DO TIMING-MARK is sent, and a peer that stops answering is lost', async () => {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port, keepAlive: 10, keepAliveTimeout: 40 });
  const marks: unknown[] = [];
  session.on('timing-mark', event => marks.push(event)).resume();
  const wire = await peer.accept();
  wire.negotiate(CMD.WILL, OPT.SGA);
  // The refusal is an answer (RFC 860).
  for (let answered = 0; answered < 5; answered++) {
    await wire.until(() => count(wire.raw.bytes, DO_TIMING_MARK) > answered);
    assert.equal(count(wire.raw.bytes, DO_TIMING_MARK), answered + 1, 'one at a time');
    wire.negotiate(answered % 2 === 0 ? CMD.WONT : CMD.WILL, OPT.TIMING_MARK);
  }
  assert.equal(session.hangupReason, undefined);
  const [{ reason }] = await once(session, 'hangup');
  assert.equal(reason, 'keep-alive-timeout');
  assert.equal(count(wire.raw.bytes, DO_TIMING_MARK), 6, 'the last of them has no answer');
  assert.deepEqual(marks, [], 'no other user of marks sees these');
  session.destroy();
});

test('a peer that never answers TIMING-MARK is not lost, nor is one that sends other data', async () => {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port, keepAlive: 4, keepAliveTimeout: 1 });
  const wire = await peer.accept();
  wire.negotiate(CMD.WILL, OPT.SGA);
  await wire.until(() => nops(wire.raw.bytes) >= 20);
  assert.equal(count(wire.raw.bytes, DO_TIMING_MARK), 1, 'no second mark before the first has an answer');
  assert.equal(session.hangupReason, undefined);
  session.destroy();

  const busy = await connect({ port: peer.port, keepAlive: 4, keepAliveTimeout: 50 });
  busy.resume();
  const talking = await peer.accept();
  talking.negotiate(CMD.WILL, OPT.SGA);
  await talking.until(() => count(talking.raw.bytes, DO_TIMING_MARK) === 1);
  talking.negotiate(CMD.WILL, OPT.TIMING_MARK);
  await talking.until(() => count(talking.raw.bytes, DO_TIMING_MARK) === 2);
  const before = nops(talking.raw.bytes);
  // Each NOP of the client shows that time has passed, together several times the timeout.
  for (let beat = 1; beat <= 60; beat++) {
    talking.send('output');
    await talking.until(() => nops(talking.raw.bytes) >= before + beat);
  }
  assert.equal(busy.hangupReason, undefined);
  busy.destroy();
});

test('keepAliveTimeout needs keepAlive', async () => {
  const wrong = { code: 'ERR_INVALID_ARGUMENT', message: /keepAliveTimeout/ };
  await assert.rejects(connect({ keepAliveTimeout: 10 }), wrong);
  assert.throws(() => createServer({ keepAliveTimeout: 10, shell: () => {} }), wrong);
});
