/** Copies of what takes the fast path: native/socket/tee.c, with a connection and a terminal but no session. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { addon } from '../../src/native/load.ts';
import { type Pty, spawnPty } from '../../src/pty/index.ts';
import { Direction } from '../../src/transport/stream/passed-bytes.ts';
import { Connection } from '../../src/transport/tcp/connection.ts';
import { assertNothingHeld, untilTrue } from '../support/leaks.ts';

after(async () => {
  await untilTrue(() => addon().counts().connections === 0);
  assertNothingHeld();
});

interface Rig extends AsyncDisposable {
  readonly connection: Connection;
  readonly client: Socket;
  readonly pty: Pty;
  /** What the client has received. */
  readonly received: () => Buffer;
  /** Output that has reached JavaScript. */
  readonly output: Buffer[];
}

/** A connection that is joined to the terminal of a program. */
async function rig(script: string): Promise<Rig> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect({ port: (server.address() as { port: number }).port, host: '127.0.0.1', noDelay: true });
  const [socket] = (await once(server, 'connection')) as [Socket];
  const connection = new Connection((socket as unknown as { _handle: { fd: number } })._handle.fd);
  const pty = spawnPty('/bin/sh', ['-c', script]);
  const output: Buffer[] = [];
  const chunks: Buffer[] = [];
  client.on('data', chunk => chunks.push(chunk));
  connection.open({ arrived() {}, urgent() {}, ended() {}, room() {}, finishing() {}, closed() {} });
  pty.master.attach({
    output: bytes => {
      const copy = Buffer.from(bytes);
      output.push(copy);
      connection.send(copy, 'data');
    },
    drained() {},
    flushed() {},
    modesSet() {},
    ended() {},
  });
  connection.joinTerminal(pty.master.native);
  return {
    connection,
    client,
    pty,
    output,
    received: () => Buffer.concat(chunks),
    async [Symbol.asyncDispose]() {
      connection.destroy();
      client.destroy();
      socket.destroy();
      server.close();
      pty.destroy();
      await pty.exited;
    },
  };
}

/** Takes what waits, as text of each direction in order. */
function take(connection: Connection): { direction: number; text: string; time: number }[] {
  const batch = connection.takePassed();
  const records: { direction: number; text: string; time: number }[] = [];
  while (batch?.next()) {
    const text = Buffer.from(batch.bytes).toString('latin1');
    records.push({ direction: batch.direction, text, time: batch.time });
  }
  if (batch !== undefined) connection.returnBatch(batch);
  return records;
}

test('bytes that do not fit into the tee do not pass, until what waits was taken', async () => {
  // 4 MiB of numbered records, after a key: a call of JavaScript would close the fast path.
  const size = 4 * 1024 * 1024;
  const script = `stty raw -echo; printf ready; dd bs=1 count=1 2>/dev/null >/dev/null; i=0; while [ $i -lt 64 ]; do printf '%065536d' $i; i=$((i+1)); done; exec sleep 1000`;
  await using ends = await rig(script);
  const { connection, client, output, received } = ends;
  await untilTrue(() => received().toString() === 'ready');
  output.length = 0;
  let calls = 0;
  let passed = '';
  assert.equal(
    connection.copyPassed(Direction.OUTPUT, () => calls++),
    true,
  );
  connection.openFastPath(true);
  client.write('k');
  // No code takes what waits, so JavaScript gets output in the end.
  await untilTrue(() => output.length > 0);
  assert.ok(calls > 0, 'JavaScript was not called when the tee was half full');
  assert.ok(connection.fastPathCounts().fromTerminal <= addon().teeBytes);
  while (received().length < size + 'ready'.length) {
    const before = connection.fastPathCounts().fromTerminal;
    passed += take(connection)
      .map(({ text }) => text)
      .join('');
    passed += output.splice(0).join('');
    connection.openFastPath(true);
    const { length } = received();
    await untilTrue(() => connection.fastPathCounts().fromTerminal > before || received().length > length);
  }
  passed += take(connection)
    .map(({ text }) => text)
    .join('');
  passed += output.splice(0).join('');
  assert.ok(passed === received().toString('latin1').slice('ready'.length), 'not what the client received');
});

test('keys and echoes are copied in order with their times, and JavaScript is called once for those of 10 ms', async () => {
  await using ends = await rig('stty raw -echo; printf ready; exec cat');
  const { connection, client, received } = ends;
  await untilTrue(() => received().toString() === 'ready');
  let calls = 0;
  connection.copyPassed(Direction.INPUT | Direction.OUTPUT, () => calls++);
  connection.openFastPath(true);
  const began = performance.now();
  for (const key of 'abcdefghij') {
    const { length } = received();
    client.write(key);
    while (received().length === length) await once(client, 'data');
  }
  await untilTrue(() => calls > 0);
  const records = take(connection);
  const now = performance.now();
  assert.equal(records.map(({ text }) => text).join(''), 'aabbccddeeffgghhiijj');
  assert.deepEqual(
    records.map(({ direction }) => direction),
    Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? Direction.INPUT : Direction.OUTPUT)),
  );
  const times = [began, ...records.map(({ time }) => time), now];
  // The clocks are read one after the other, and times have microseconds.
  for (let at = 1; at < times.length; at++) assert.ok(times[at]! - times[at - 1]! > -0.1, `${times}`);
  // One call for all records that wait: only those that were not taken yet could cause another one.
  assert.ok(calls <= 1 + (now - began) / 10, `${calls} calls in ${now - began} ms`);
});

test('only the requested directions are copied, and what waits can be taken after the connection is closed', async () => {
  await using ends = await rig('stty raw -echo; printf ready; exec cat');
  const { connection, client, received } = ends;
  await untilTrue(() => received().toString() === 'ready');
  connection.copyPassed(Direction.INPUT, () => {});
  connection.openFastPath(true);
  client.write('k');
  while (received().length < 'readyk'.length) await once(client, 'data');
  assert.equal(addon().counts().tees, 1);
  connection.destroy();
  assert.deepEqual(
    take(connection).map(({ text }) => text),
    ['k'],
  );
  assert.deepEqual(take(connection), []);
});

test('without directions nothing is copied, and the memory is freed', async () => {
  await using ends = await rig('stty raw -echo; printf ready; exec cat');
  const { connection, client, received } = ends;
  await untilTrue(() => received().toString() === 'ready');
  let calls = 0;
  connection.copyPassed(Direction.INPUT | Direction.OUTPUT, () => calls++);
  connection.openFastPath(true);
  client.write('k');
  while (received().length < 'readyk'.length) await once(client, 'data');
  connection.copyPassed(0, () => {});
  const before = calls;
  assert.equal(addon().counts().tees, 0);
  assert.deepEqual(take(connection), []);
  connection.openFastPath(true);
  client.write('l');
  while (received().length < 'readykl'.length) await once(client, 'data');
  assert.equal(connection.fastPathCounts().toTerminal, 2);
  // Copies of these keys are known to be announced by then.
  let announced = 0;
  connection.copyPassed(Direction.OUTPUT, () => announced++);
  connection.openFastPath(true);
  client.write('m');
  await untilTrue(() => announced > 0);
  assert.equal(calls, before);
});

test('the memory is freed after a flood, without any other event', async () => {
  const flood = `head -c 1000000 /dev/zero | tr '\\0' x; printf end`;
  await using ends = await rig(
    `stty raw -echo; printf ready; dd bs=1 count=1 2>/dev/null >/dev/null; ${flood}; exec sleep 1000`,
  );
  const { connection, client, received } = ends;
  await untilTrue(() => received().toString() === 'ready');
  let most = 0;
  const seen = { length: 0 };
  connection.copyPassed(Direction.OUTPUT, () => {
    most = Math.max(most, addon().counts().teeMemory);
    for (const { text } of take(connection)) seen.length += text.length;
  });
  connection.openFastPath(true);
  client.write('k');
  await untilTrue(() => received().subarray(-3).toString() === 'end');
  await untilTrue(() => addon().counts().teeMemory === 0);
  assert.ok(most > 4096 && most <= addon().teeBytes, `${most} bytes`);
  assert.ok(seen.length > 0);
});

test('pieces of a flood that pass soon after each other are one record', async () => {
  const flood = `head -c 8000000 /dev/zero | tr '\\0' x; printf end`;
  await using ends = await rig(
    `stty raw -echo; printf ready; dd bs=1 count=1 2>/dev/null >/dev/null; ${flood}; exec sleep 1000`,
  );
  const { connection, client, received } = ends;
  await untilTrue(() => received().toString() === 'ready');
  let longest = 0;
  connection.copyPassed(Direction.OUTPUT, () => {
    for (const { text } of take(connection)) longest = Math.max(longest, text.length);
  });
  connection.openFastPath(true);
  client.write('k');
  await untilTrue(() => received().subarray(-3).toString() === 'end');
  // The most that passes at once.
  assert.ok(longest > 64 * 1024, `${longest} bytes`);
});
