/** Sessions without a reader: they end nevertheless, and input that arrived before is kept. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { connect, createServer, type Session } from '../../src/index.ts';
import { Peer } from '../support/clients/peer.ts';
import { Wire } from '../support/clients/test-client.ts';
import { selfSigned } from '../support/servers/certificates.ts';
import { Host } from '../support/servers/host.ts';

/** The time after which a session without a reader is closed, according to the documentation, in milliseconds. */
const LIMIT = 10_000;

/** Advances the time until a session is closed. */
async function closedAfterLimit(t: TestContext, session: Session): Promise<void> {
  const closed = once(session, 'close');
  let isClosed = false;
  void closed.then(() => {
    isClosed = true;
  });
  t.mock.timers.tick(LIMIT - 1);
  for (let n = 0; n < 20; n++) await turn();
  assert.equal(isClosed, false, 'the session is closed before the limit');
  t.mock.timers.tick(1);
  await closed;
}

test('input from before a reset is read by a later reader', async () => {
  await using peer = await Peer.listen();
  for (const read of ['readUntil', 'data', 'for await', 'read()'] as const) {
    const session = await connect({ port: peer.port });
    const wire = await peer.accept();
    wire.send('before the reset$ ');
    while (session.inputLength === 0) await turn();
    const lost = once(session.signal, 'abort');
    wire.reset();
    await lost;
    assert.equal(session.closed, false);
    const closed = new Promise(resolve => session.once('close', resolve));
    let text = '';
    if (read === 'readUntil') {
      assert.equal((await session.readUntil('before')).text, 'before');
      await assert.rejects(session.readUntil('never'), { code: 'ERR_SESSION_CLOSED', text: ' the reset$ ' });
      // Also when it is closed.
      text = `before${(await session.readUntil('$ ')).text}`;
      await assert.rejects(session.exec('x'), { code: 'ERR_SESSION_CLOSED' });
    } else if (read === 'data') {
      for await (const [chunk] of [await once(session, 'data')]) text += chunk;
    } else if (read === 'read()') {
      text = `${session.read()}`;
    } else {
      await assert.rejects(async () => {
        for await (const chunk of session) text += chunk;
      });
    }
    assert.equal(text, 'before the reset$ ');
    await closed;
    assert.equal((session.errored as NodeJS.ErrnoException | null)?.code, 'ECONNRESET');
  }
});

test('a shell that starts late reads the input typed before a reset, line by line', async () => {
  const lines: (string | undefined)[] = [];
  await using host = await Host.start({
    shell: async session => {
      while (session.inputLength < 'one\ntwo\nth'.length) await turn();
      const lost = once(session.signal, 'abort');
      wire.reset();
      await lost;
      for (let n = 0; n < 4; n++) lines.push(await session.readLine());
    },
  });
  const wire = await Wire.connect(host.port);
  wire.send('one\r\ntwo\r\nth');
  await host.outcome();
  assert.deepEqual(lines, ['one', 'two', 'th', undefined]);
});

for (const kind of ['TCP', 'TLS', 'a Duplex'] as const) {
  test(`${kind}: end() closes within the limit if the peer does not close and there is no reader; the text is kept`, async t => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const { session, close } = await open(kind);
    t.after(close);
    while (session.inputLength === 0) await turn();
    const finished = once(session, 'finish');
    session.end('exit\r\n');
    await finished;
    await closedAfterLimit(t, session);
    assert.equal((await session.readUntil('there')).text, 'hello there');
  });
}

test('end() closes if the peer accepts no output while some waits', async t => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port });
  (await peer.accept()).pause();
  session.resume();
  const closed = once(session, 'close');
  // More than the kernel buffers for a peer.
  session.end(Buffer.alloc(32 * 1024 * 1024));
  let unsent = Number.POSITIVE_INFINITY;
  while (session.unsent < unsent) {
    unsent = session.unsent;
    for (let n = 0; n < 20; n++) await turn();
  }
  for (let n = 0; n < 3 && !session.destroyed; n++) t.mock.timers.tick(LIMIT);
  assert.equal(session.destroyed, true, 'the session is still open');
  await closed;
});

/** A session with a peer that sends "hello there", and nothing after it. */
async function open(kind: 'TCP' | 'TLS' | 'a Duplex'): Promise<{ session: Session; close(): Promise<void> }> {
  if (kind === 'a Duplex') {
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() });
    stream.push('hello there');
    return { session: await connect({ stream }), close: async () => {} };
  }
  using certificate = selfSigned('DNS:localhost');
  const tls = kind === 'TLS' ? { cert: certificate.cert, key: certificate.key } : undefined;
  const server = createServer(async session => {
    session.write('hello there');
    await once(session, 'close');
  });
  const { port } = await server.listen({ port: 0, ...(tls && { tls }) });
  const session = await connect({ port, ...(tls && { tls: { rejectUnauthorized: false } }) });
  return { session, close: () => server.shutdown({ timeout: 0 }) };
}

test('a session whose peer has closed ends within the limit without a reader; the text is kept', async t => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port });
  const wire = await peer.accept();
  wire.send('good-bye');
  wire.halfClose();
  await once(session, 'finishing');
  await closedAfterLimit(t, session);
  assert.equal((await session.readUntil('bye')).text, 'good-bye');
});

test('a slow reader is not cut off', async t => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port });
  const wire = await peer.accept();
  const later = session.readUntil('late', { timeout: 0 });
  session.end('go\r\n');
  await wire.expect('go\r\n');
  await wire.untilEnd();
  t.mock.timers.tick(3 * LIMIT);
  wire.send('late');
  assert.equal((await later).text, 'late');
  t.mock.timers.tick(LIMIT);
  await once(session, 'close');
});
