/** A client that connects again, with a server that starts and stops. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { createServer as createSecureServer } from 'node:tls';
import { type ReconnectOptions, type Retry, reconnect, type Session, type TelptyError } from '../../src/index.ts';
import { selfSigned } from '../support/servers/certificates.ts';

/** A server that greets and closes. */
async function listen(port: number, onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer(socket => onConnection(socket.on('error', () => {})));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

async function closed(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}

test('there is one session for each run of the server; pauses grow up to the limit', async () => {
  let server = await listen(0, socket => socket.end('one'));
  const port = portOf(server);
  const retries: Retry[] = [];
  const texts: string[] = [];
  let restarted: Promise<void> | undefined;
  const options: ReconnectOptions = {
    port,
    retry: { min: 1, max: 8 },
    onRetry: retry => {
      retries.push(retry);
      // It starts again after the sixth refusal.
      if (retry.error !== undefined && retries.filter(({ error }) => error !== undefined).length === 6)
        restarted = listen(port, socket => socket.end('two')).then(again => {
          server = again;
        });
    },
  };
  for await (const session of reconnect(options)) {
    texts.push((await session.readUntil(/two|one/)).text);
    if (texts.at(-1) === 'two') break;
    session.resume();
    await closed(server);
  }
  await restarted;
  await closed(server);
  assert.deepEqual(texts, ['one', 'two']);
  const failed = retries.filter(({ error }) => error !== undefined);
  assert.ok(failed.length >= 6, `${failed.length} refusals`);
  assert.ok(
    failed.every(({ error }) => error?.code === 'ERR_CONNECT'),
    'each has its reason',
  );
  for (const { count, delay } of retries) {
    const longest = Math.min(8, 2 ** count);
    assert.ok(delay >= Math.max(1, longest / 2 - 1) && delay <= longest, `pause ${delay} after ${count}`);
  }
  assert.ok(
    retries.some(({ count }) => count >= 4),
    'the count grows',
  );
});

test('break destroys the session, and the signal ends a session and a pause', async () => {
  const sockets: Socket[] = [];
  const server = await listen(0, socket => sockets.push(socket));
  const port = portOf(server);
  let last: Session | undefined;
  for await (const session of reconnect({ port })) {
    last = session;
    break;
  }
  assert.ok(last?.destroyed, 'break destroys the session');
  const stop = new AbortController();
  const reason = new Error('enough');
  const sessions = reconnect({ port, signal: stop.signal });
  const { value } = await sessions.next();
  const next = sessions.next();
  stop.abort(reason);
  await assert.rejects(next, reason);
  assert.ok((value as Session).destroyed, 'the signal destroys the session');
  assert.equal((await sessions.next()).done, true);
  for (const socket of sockets) socket.destroy();
  await closed(server);
  const pausing = new AbortController();
  const refused = reconnect({
    port,
    signal: pausing.signal,
    retry: { min: 60_000 },
    onRetry: () => setImmediate(() => pausing.abort(reason)),
  });
  await assert.rejects(refused.next(), reason);
});

test('permanent errors are thrown; so is the last error after the attempts', async () => {
  const server = await listen(0, () => {});
  const port = portOf(server);
  await closed(server);
  let count = 0;
  const retry = { min: 1, max: 2, attempts: 3 };
  await assert.rejects(reconnect({ port, retry, onRetry: () => count++ }).next(), { code: 'ERR_CONNECT' });
  assert.equal(count, 2, 'pauses between three attempts');
  const wrong = { code: 'ERR_INVALID_ARGUMENT' };
  await assert.rejects(reconnect({ retry: { min: 5, max: 4 } }).next(), wrong);
  await assert.rejects(reconnect({ host: 'a:23' }).next(), wrong);
  await assert.rejects(reconnect({ retry: { max: 0 } }).next(), wrong);
});

test('TLS that is aborted in the handshake is tried again; an untrusted certificate is not', async () => {
  using certificate = selfSigned('IP:127.0.0.1');
  const { cert, key } = certificate;
  const breaks: ((socket: Socket) => unknown)[] = [socket => socket.resetAndDestroy(), socket => socket.end()];
  const secure = createSecureServer({ cert, key });
  secure.on('tlsClientError', () => {}).on('secureConnection', socket => socket.end('hello'));
  const server = await listen(0, socket => {
    const broken = breaks.shift();
    // After its ClientHello the client is in the handshake.
    if (broken === undefined) secure.emit('connection', socket);
    else socket.once('data', () => broken(socket));
  });
  const port = portOf(server);
  const errors: (TelptyError | undefined)[] = [];
  const options = { port, retry: { min: 1, max: 2 }, onRetry: ({ error }: Retry) => errors.push(error) };
  for await (const session of reconnect({ ...options, tls: { ca: cert } })) {
    assert.equal((await session.readUntil('hello')).text, 'hello');
    break;
  }
  assert.deepEqual(
    errors.map(error => error?.code),
    ['ERR_TLS', 'ERR_TLS'],
  );
  await assert.rejects(reconnect({ ...options, tls: true }).next(), { code: 'ERR_TLS' });
  assert.equal(errors.length, 2, 'there was no second attempt');
  await closed(server);
});
