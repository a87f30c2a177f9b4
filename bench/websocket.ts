/**
 * Measures WebSockets of the gateway against those of the library ws, in a server of each kind:
 * `node --import tsx bench/websocket.ts`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { takeConnection } from '../src/web/websocket/connection.ts';
import { acceptKeyOf, handshakeAnswer } from '../src/web/websocket/handshake.ts';
import { WebSocketTransport } from '../src/web/websocket/transport.ts';

const FLOOD_BYTES = 4e9;
const MESSAGE = Buffer.alloc(16_384, 'x');
const KEYS = 40_000;
const IDLE_CONNECTIONS = 2_000;
const ROUNDS = 3;
/** A binary message with one byte. */
const KEY = Buffer.of(0x82, 0x81, 0, 0, 0, 0, 0x61);

interface Usage {
  /** In seconds. */
  readonly cpu: number;
  /** In bytes. */
  readonly memory: number;
}

/** Sends a flood, if the path asks for one, and echoes. */
function serve(isOwn: boolean): void {
  const server = createServer();
  const library = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('upgrade', (request, socket: Duplex, head: Buffer) => {
    let left = request.url === '/flood' ? FLOOD_BYTES : 0;
    if (isOwn) {
      const { carrier, read } = takeConnection(socket, head);
      carrier.send(handshakeAnswer(acceptKeyOf(request)!, undefined), 'control');
      const options = { takesText: false, needsPacing: false, isSecure: false, read };
      const transport = new WebSocketTransport(carrier, options);
      const room = () => {
        for (; left > 0 && transport.unsent < transport.mark; left -= MESSAGE.length) transport.send(MESSAGE);
      };
      const [ignore, arrived] = [() => {}, (bytes: Buffer) => transport.send(bytes)];
      transport.open({ arrived, room, ended: ignore, finishing: ignore, closed: ignore, urgent: ignore });
      room();
      return;
    }
    library.handleUpgrade(request, socket, head, webSocket => {
      webSocket.on('error', () => {}).on('message', data => webSocket.send(data));
      const room = () => {
        for (; left > 0 && !socket.writableNeedDrain; left -= MESSAGE.length) webSocket.send(MESSAGE);
        if (left > 0) socket.once('drain', room);
      };
      room();
    });
  });
  server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port));
  process.on('disconnect', () => process.exit());
  process.on('message', () => {
    globalThis.gc!();
    const { user, system } = process.cpuUsage();
    process.send!({ cpu: (user + system) / 1e6, memory: process.memoryUsage().rss } satisfies Usage);
  });
}

async function usageOf(server: ChildProcess): Promise<Usage> {
  const answer = once(server, 'message');
  server.send('usage');
  return (await answer)[0] as Usage;
}

/** Opens a WebSocket, and counts what it receives. */
async function open(port: number, path: string, received: (length: number) => void): Promise<Socket> {
  const onread = {
    buffer: Buffer.alloc(path === '/flood' ? 262_144 : 1_024),
    callback: (length: number) => {
      received(length);
      return true;
    },
  };
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread });
  await once(socket, 'connect');
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  return socket;
}

async function measure(kind: string): Promise<string> {
  const file = fileURLToPath(import.meta.url);
  const server = fork(file, [kind], { execArgv: [...process.execArgv, '--expose-gc'] });
  const [port] = (await once(server, 'message')) as [number];

  let wake = () => {};
  const keys = await open(port, '/', () => wake());
  const woken = () =>
    new Promise<void>(resolve => {
      wake = resolve;
    });
  await woken();
  const press = async (count: number) => {
    for (; count > 0; count--) {
      const echo = woken();
      keys.write(KEY);
      await echo;
    }
  };
  await press(KEYS / 10);
  const beforeKeys = await usageOf(server);
  await press(KEYS);
  const echoCpu = ((await usageOf(server)).cpu - beforeKeys.cpu) / KEYS;
  keys.destroy();

  const before = await usageOf(server);
  const idle: Socket[] = [];
  while (idle.length < IDLE_CONNECTIONS) {
    const answered = woken();
    idle.push(await open(port, '/', () => wake()));
    await answered;
  }
  const memory = ((await usageOf(server)).memory - before.memory) / IDLE_CONNECTIONS;
  for (const socket of idle) socket.destroy();

  const beforeFlood = await usageOf(server);
  const start = performance.now();
  let left = FLOOD_BYTES;
  const done = woken();
  const flood = await open(port, '/flood', length => {
    left -= length;
    if (left <= 0) wake();
  });
  await done;
  const seconds = (performance.now() - start) / 1_000;
  const floodCpu = (await usageOf(server)).cpu - beforeFlood.cpu;
  flood.destroy();
  server.kill();
  await once(server, 'exit');
  return [
    `${kind}: ${Math.round(FLOOD_BYTES / 1e6 / seconds)} MB/s`,
    `${(floodCpu / (FLOOD_BYTES / 1e9)).toFixed(2)} s of CPU per GB`,
    `${(echoCpu * 1e6).toFixed(1)} µs of CPU per key and echo`,
    `${(memory / 1_024).toFixed(1)} KiB per idle connection`,
  ].join(', ');
}

const [kind] = process.argv.slice(2);
if (kind !== undefined) serve(kind === 'telpty');
else for (let round = 0; round < ROUNDS; round++) for (const each of ['telpty', 'ws']) console.log(await measure(each));
