import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { SilenceTimer } from '../../src/transport/silence-timer.ts';
import { stall } from '../support/stall.ts';

/** A connected pair of sockets. */
async function pair(): Promise<[near: Socket, far: Socket]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect((server.address() as { port: number }).port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  server.close();
  return [near, far];
}

test('what arrived while this process was busy is read before the silence is reported', async () => {
  const [near, far] = await pair();
  const seen: string[] = [];
  near.on('data', () => seen.push('data'));
  await new Promise<void>(resolve => {
    new SilenceTimer(20, () => {
      seen.push('silence');
      resolve();
    });
    far.write('x');
    stall(60);
  });
  assert.deepEqual(seen, ['data', 'silence']);
  near.destroy();
  far.destroy();
});

test('data that was read late stops the timer', async () => {
  const [near, far] = await pair();
  const timer = new SilenceTimer(20, () => assert.fail('there was no silence'));
  near.on('data', () => timer.stop());
  far.write('x');
  stall(60);
  await once(near, 'data');
  await new Promise(setImmediate);
  near.destroy();
  far.destroy();
});

test('data that was read late restarts the timer', async () => {
  const [near, far] = await pair();
  let restarted: number | undefined;
  const waited = new Promise<number>(resolve => {
    const timer = new SilenceTimer(50, () => resolve(performance.now() - restarted!));
    near.once('data', () => {
      restarted = performance.now();
      timer.restart();
    });
  });
  far.write('x');
  stall(100);
  assert.ok((await waited) >= 49, `${await waited} ms`);
  near.destroy();
  far.destroy();
});

test('a timer that is set late in a long turn is not due early', async () => {
  const waited = await new Promise<number>(resolve => {
    setImmediate(() => {
      stall(60);
      const began = performance.now();
      new SilenceTimer(50, () => resolve(performance.now() - began));
    });
  });
  assert.ok(waited >= 49, `${waited} ms`);
});
