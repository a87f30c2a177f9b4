/** `telpty connect --reconnect`: with a server that breaks connections, ends, and starts again. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openClient, openPrompt, runConnect } from '../../support/clients/connect.ts';

const TIMEOUT = { timeout: 600_000 };

/** A server that greets each client; its connections are in `sockets`. */
async function listen(greeting: string, port = 0): Promise<{ server: Server; port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {}).write(`${greeting}\r\n`);
    sockets.push(socket);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { server, sockets, port: (server.address() as AddressInfo).port };
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}

test(
  'a terminal: after a reset and a refusal the next session works, and a clean end ends the client',
  TIMEOUT,
  async () => {
    const first = await listen('the first');
    const { port } = first;
    await using term = await openClient(port, ['--reconnect'], { cols: 130 });
    await term.waitFor(/the first$/);
    first.server.close();
    first.sockets[0]!.resetAndDestroy();
    await term.waitFor(/telpty: the connection broke: connection reset by peer; connecting again in 1\.0 s/);
    await term.waitFor(
      /telpty: cannot connect to 127\.0\.0\.1 port \d+: connection refused; connecting again in \d\.\d s/,
    );
    // Input typed during a pause is not sent to the next session.
    await term.type('dropped\r');
    await term.waitFor(/dropped/);
    const second = await listen('the second', port);
    await term.waitFor(/the second$/);
    const received = once(second.sockets[0]!, 'data');
    await term.type('hello\r');
    assert.equal(String((await received)[0]), 'hello\r\n');
    second.sockets[0]!.end();
    await term.waitFor(/Connection closed by foreign host\./);
    assert.equal(await term.exitStatus(), 0);
    await close(second.server);
  },
);

test('a terminal: an end by the user is the end', TIMEOUT, async () => {
  const { server, port, sockets } = await listen('hello');
  await using term = await openClient(port, ['--reconnect']);
  await term.waitFor(/hello$/);
  await openPrompt(term);
  const ended = once(sockets[0]!.resume(), 'end');
  await term.type('quit\r');
  await ended;
  sockets[0]!.resetAndDestroy();
  // The server has broken a connection that the user had ended.
  assert.ok([0, 1].includes(await term.exitStatus()), 'it has ended');
  assert.equal(sockets.length, 1, 'there was no second connection');
  await close(server);
});

for (const [name, key, status] of [
  ['^C', 'C-c', 130],
  ['^D', 'C-d', 1],
] as const) {
  test(`a terminal: ${name} in a pause ends it`, TIMEOUT, async () => {
    const { server, port } = await listen('');
    await close(server);
    await using term = await openClient(port, ['--reconnect'], { cols: 130 });
    await term.waitFor(/connection refused; connecting again in/);
    await term.keys(key);
    assert.equal(await term.exitStatus(), status);
  });
}

test('pipes: the output of all sessions, in one recording', TIMEOUT, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'telpty-reconnect-'));
  const file = join(directory, 'all.cast');
  const { server, port, sockets } = await listen('hello');
  const client = runConnect(['--reconnect', '--record', file, '127.0.0.1', port]);
  client.stdin.end();
  await once(server, 'connection');
  // Received bytes may be lost with a reset, so wait until they are shown.
  await client.shown('hello\r\n');
  sockets[0]!.resetAndDestroy();
  await once(server, 'connection');
  sockets[1]!.end();
  const { status, stdout, stderr } = await client.done;
  assert.equal(status, 0, stderr);
  assert.equal(stdout, 'hello\r\nhello\r\n');
  assert.equal(stderr, 'telpty: the connection broke: connection reset by peer; connecting again in 1.0 s\n');
  assert.equal(readFileSync(file, 'utf8').split('hello').length, 3);
  rmSync(directory, { recursive: true });
  await close(server);
});

test('a permanent error is not tried again', TIMEOUT, async () => {
  const { server, port, sockets } = await listen('220 not TLS');
  const { status, stderr } = await runConnect(['--reconnect', '--tls', '127.0.0.1', port]).done;
  assert.equal(status, 1);
  assert.match(stderr, /^telpty: no TLS with 127\.0\.0\.1 port \d+: .*\n$/);
  assert.equal(sockets.length, 1);
  sockets[0]!.destroy();
  await close(server);
});
