/**
 * Probes of the private parts of Node.js, V8 and libuv in src/native/node-internals.ts: a probe fails if a version of
 * Node.js changes what telpty depends on. If possible, a probe also runs without the private part, to show that it
 * detects the difference.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { after, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { addon } from '../../src/native/load.ts';
import {
  connectionBelow,
  descriptor,
  onSocketReceived,
  pauseUntilListener,
  stopReading,
} from '../../src/native/node-internals.ts';
import { peerState, unwatchListener } from '../../src/native/sockets.ts';
import { assertNothingHeld, processInfo, untilTrue } from '../support/leaks.ts';
import { selfSigned } from '../support/servers/certificates.ts';
import { LOADER } from '../support/typescript.ts';

after(assertNothingHeld);

const internals = new URL('../../src/native/node-internals.ts', import.meta.url).href;

async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

async function closed(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}

/** Both ends of a connection; `onAccepted` is called in the turn in which the server accepts it. */
async function pair(onAccepted: (socket: Socket) => void = () => {}) {
  const { server, port } = await listening();
  server.once('connection', onAccepted);
  const client = connect({ port, host: '127.0.0.1' });
  const [socket] = (await once(server, 'connection')) as [Socket];
  return {
    client,
    socket,
    async [Symbol.asyncDispose]() {
      client.destroy();
      socket.destroy();
      await closed(server);
    },
  };
}

test('_handle.fd is the descriptor of a listener and of a connection, and is gone after the close', async () => {
  const { server, port } = await listening();
  const client = connect({ port, host: '127.0.0.1' });
  const [socket] = (await once(server, 'connection')) as [Socket];
  for (const endpoint of [server, socket, client]) {
    assert.match(readlinkSync(`/dev/fd/${descriptor(endpoint)}`), /^socket:/);
  }
  assert.equal(new Set([server, socket, client].map(descriptor)).size, 3);
  client.destroy();
  socket.destroy();
  await closed(server);
  for (const endpoint of [server, socket, client]) assert.equal(descriptor(endpoint), undefined);
});

for (const stops of [true, false]) {
  test(`a socket that has begun to read ${stops ? 'stops by _handle.readStop()' : 'reads, as the probe can see'}`, async () => {
    // Not paused on connect: like a socket from another process.
    await using both = await pair(socket => stops && stopReading(socket));
    const { client, socket } = both;
    client.end('input');
    await untilTrue(() => peerState(descriptor(socket)!) === 'finished');
    // A socket that libuv polls has been read by then.
    for (let turn = 0; turn < 3; turn++) await nextTurn();
    assert.equal(socket.bytesRead, stops ? 0 : 5);
  });
}

test('_parent of a TLSSocket is the connection that the TLS server was given', async () => {
  using certificate = selfSigned('DNS:localhost');
  const { server, port } = await listening();
  const tls = createTlsServer({ cert: certificate.cert, key: certificate.key });
  let accepted: Socket | undefined;
  server.on('connection', socket => {
    accepted = socket;
    tls.emit('connection', socket);
  });
  const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  const [socket] = (await once(tls, 'secureConnection')) as [TLSSocket];
  assert.ok(accepted !== undefined, 'no connection');
  assert.equal(connectionBelow(socket), accepted);
  client.destroy();
  socket.destroy();
  await closed(server);
});

test('_parent of a TLSSocket is known when the handshake fails', async () => {
  using certificate = selfSigned('DNS:localhost');
  const { server, port } = await listening();
  const tls = createTlsServer({ cert: certificate.cert, key: certificate.key });
  let accepted: Socket | undefined;
  server.on('connection', socket => {
    accepted = socket;
    tls.emit('connection', socket);
  });
  const client = connect({ port, host: '127.0.0.1' });
  client.write('not a handshake\r\n\r\n');
  const [, socket] = (await once(tls, 'tlsClientError')) as [Error, TLSSocket];
  assert.ok(accepted !== undefined, 'no connection');
  assert.equal(connectionBelow(socket), accepted);
  client.destroy();
  accepted.destroy();
  await closed(server);
});

test("readableFlowing = null: a paused stream flows again with its next 'data' listener", async () => {
  const flows = async (pause: (stream: PassThrough) => void) => {
    const stream = new PassThrough().on('data', () => {});
    stream.removeAllListeners('data');
    pause(stream);
    stream.write('input');
    await nextTurn();
    assert.equal(stream.readableLength, 5, 'the stream has to keep input until it flows');
    let text = '';
    stream.on('data', chunk => (text += chunk));
    await nextTurn();
    return text === 'input';
  };
  assert.equal(await flows(pauseUntilListener), true);
  assert.equal(await flows(stream => stream.pause()), false, 'pause() alone has to last, or the part is not needed');
});

/** A child process with an IPC channel; `limit` is its number of descriptors. */
function receiver(code: string, limit: number): ChildProcess {
  return spawn('sh', ['-c', 'ulimit -n "$1" && exec "$0" -e "$2"', process.execPath, String(limit), code], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

for (const [what, wasReceived, code] of [
  ['NODE_HANDLE_ACK: the child received a socket', true, ''],
  [
    'NODE_HANDLE_NACK: the child had no descriptor for a socket',
    false,
    'const fs = require("fs"); try { for (;;) fs.openSync("/dev/null"); } catch {}',
  ],
] as const) {
  test(what, async () => {
    await using both = await pair();
    const child = receiver(`process.on("message", () => {}); ${code}; process.send("ready");`, 64);
    const exited = once(child, 'exit');
    await once(child, 'message');
    const results: boolean[] = [];
    const reported = new Promise<void>(resolve =>
      onSocketReceived(child, result => {
        results.push(result);
        if (results.length === 2) resolve();
      }),
    );
    // Two sockets: each is answered, in order.
    child.send('first', both.client, { keepOpen: true });
    child.send('second', both.client, { keepOpen: true });
    const ended = exited.then(() => assert.fail('the child ended'));
    await Promise.race([reported, ended]);
    assert.deepEqual(results, [wasReceived, wasReceived]);
    ended.catch(() => {});
    child.kill('SIGKILL');
    await exited;
  });
}

/** The number that `code` prints in another Node.js, where `setUp()` calls `name` of src/native/node-internals.ts. */
async function inNode(name: string, flags: readonly string[], code: string): Promise<number> {
  const script = `import { ${name} } from '${internals}'; const setUp = () => ${name}(); ${code}`;
  const argv = ['--import', LOADER, ...flags, '--input-type=module', '-e', script];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, argv);
  assert.equal(stderr, '', 'V8 has to know each flag that is set');
  return Number(stdout);
}

test('--semi-space-growth-factor, set while V8 runs, keeps the young generation small', async () => {
  const sizeOfSurvivors = (set: boolean) =>
    inNode(
      'boundYoungGeneration',
      [],
      `import { getHeapSpaceStatistics } from 'node:v8';
      if (${set}) setUp();
      const kept = [];
      let most = 0;
      for (let i = 0; i < 200; i++) {
        for (let j = 0; j < 5000; j++) kept.push({ i, j, list: [i] });
        most = Math.max(most, getHeapSpaceStatistics().find(space => space.space_name === 'new_space').space_size);
      }
      console.log(most);`,
    );
  const [bounded, free] = await Promise.all([sizeOfSurvivors(true), sizeOfSurvivors(false)]);
  // V8 13 and 14 (Node.js 24 and 26) size it by other rules: the flag has less effect there.
  const version = Number.parseInt(process.versions.v8, 10);
  const times = version >= 14 ? 1 : version === 13 ? 2 : 4;
  assert.ok(bounded * times < free, `${bounded} bytes with the flag, ${free} without`);
});

test('--interrupt-budget, set while V8 runs, makes V8 compile functions earlier, up to V8 11', async () => {
  const callsUntilCompiled = (set: boolean) =>
    inNode(
      'compileEarly',
      ['--allow-natives-syntax', '--single-threaded'],
      `if (${set}) setUp();
      const OPTIMIZED = 1 << 4;
      const statusOf = new Function('f', 'return %GetOptimizationStatus(f)');
      const sum = new Function('n', 'let s = 0; for (let i = 0; i < 10; i++) s += i * n; return s');
      let calls = 0;
      for (; !(statusOf(sum) & OPTIMIZED) && calls < 1e6; calls++) sum(calls);
      console.log(calls);`,
    );
  const [early, late] = await Promise.all([callsUntilCompiled(true), callsUntilCompiled(false)]);
  assert.ok(late < 1e6, 'the probe has to see that a function is compiled');
  // V8 12 (Node.js 22) has no such flag: it must not be set there, since V8 prints a line for each unknown one.
  if (Number.parseInt(process.versions.v8, 10) >= 12) assert.equal(early, late);
  else assert.ok(early * 3 <= late, `${early} calls with the flag, ${late} without`);
});

test('libuv accepts nothing while its listener is not in its epoll set, and accepts again afterwards', {
  skip: process.platform !== 'linux' && 'Linux only',
}, async () => {
  const held = await listening();
  const other = await listening();
  const sockets: Socket[] = [];
  try {
    let accepted = 0;
    held.server.on('connection', socket => {
      sockets.push(socket);
      accepted++;
    });
    other.server.on('connection', socket => sockets.push(socket));
    const dial = (port: number) => sockets.push(connect({ port, host: '127.0.0.1' }));
    // libuv polls it by then.
    dial(held.port);
    await untilTrue(() => accepted === 1);
    assert.equal(unwatchListener(descriptor(held.server)!, true), true);
    const waiting = connect({ port: held.port, host: '127.0.0.1' });
    sockets.push(waiting);
    await once(waiting, 'connect');
    // A later connection of another listener is accepted, so libuv has polled both.
    dial(other.port);
    await once(other.server, 'connection');
    await nextTurn();
    assert.equal(accepted, 1);
    assert.equal(unwatchListener(descriptor(held.server)!, false), true);
    await untilTrue(() => accepted === 2);
    // Out of the set again: libuv closes it nevertheless.
    assert.equal(unwatchListener(descriptor(held.server)!, true), true);
  } finally {
    for (const socket of sockets) socket.destroy();
    await Promise.all([closed(held.server), closed(other.server)]);
  }
});

test('uv_walk() finds the child processes that Node.js waits for, and their exit status is left to Node.js', async () => {
  const child = spawn('true', { stdio: 'ignore' });
  const exited = once(child, 'exit');
  // No turn of the event loop, in which Node.js would reap it.
  while (processInfo(child.pid!)?.state !== 'Z');
  assert.equal(addon().reapOrphans(Int32Array.of(child.pid!)), 0);
  assert.deepEqual(await exited, [0, null]);
});
