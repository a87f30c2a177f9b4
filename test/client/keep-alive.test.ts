/** NOP that keeps a connection open, with real sockets at both ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, createServer } from '../../src/index.ts';
import { Command } from '../../src/protocol/index.ts';
import { Peer } from '../support/clients/peer.ts';
import { CMD, OPT } from '../support/clients/test-client.ts';

const nops = (raw: Uint8Array) => {
  let count = 0;
  for (let at = 0; at + 1 < raw.length; at++) if (raw[at] === CMD.IAC && raw[at + 1] === Command.NOP) count++;
  return count;
};

test('a client sends NOP again and again to a server that speaks Telnet, and none to another', async () => {
  await using peer = await Peer.listen();
  const [session, plain] = [
    await connect({ port: peer.port, keepAlive: 10 }),
    await connect({ port: peer.port, keepAlive: 10 }),
  ];
  const [wire, silent] = [await peer.accept(), await peer.accept()];
  wire.negotiate(CMD.WILL, OPT.SGA);
  silent.send('a server of another kind');
  await wire.until(() => nops(wire.raw.bytes) >= 5);
  assert.equal(silent.raw.length, 0, 'what has not spoken Telnet gets nothing');
  session.end();
  await wire.untilEnd();
  assert.deepEqual([...wire.data.bytes], [], 'it is no data');
  session.destroy();
  plain.destroy();
});

test('a server sends NOP, and does not take it for activity', async () => {
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
  // Since the words about options, which came before the first NOP, nothing was typed.
  assert.ok(session.idleTime >= session.age - 1, `idle for ${session.idleTime} of ${session.age} ms`);
  client.destroy();
  await server.close();
});
