import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { type Pty, spawnPty } from '../../../src/pty/index.ts';
import { closed, readAll, until } from '../support.ts';

const raw = {
  icanon: false,
  echo: false,
  isig: false,
  iexten: false,
  icrnl: false,
  ixon: false,
  opost: false,
} as const;

/** Writes all of `bytes` in pieces, respecting the stream's backpressure. */
async function type(pty: Pty, bytes: Buffer, piece: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += piece) {
    if (!pty.write(bytes.subarray(at, at + piece))) await once(pty, 'drain');
  }
}

/** Types `bytes` into a program that prints its input; fails unless they return unchanged. */
async function roundTrip(bytes: Buffer, piece: number, program: string): Promise<void> {
  const pty = spawnPty('sh', ['-c', program], { modes: raw });
  const hash = createHash('sha1');
  let length = 0;
  const back = new Promise<void>(resolve => {
    pty.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      length += chunk.length;
      if (length >= bytes.length) resolve();
    });
  });
  await type(pty, bytes, piece);
  await back;
  assert.equal(length, bytes.length);
  assert.equal(hash.digest('hex'), createHash('sha1').update(bytes).digest('hex'));
  await pty.hangup({ timeout: 0 });
}

test('16 MB through a raw cat are returned byte for byte', () => roundTrip(randomBytes(16 << 20), 65536, 'exec cat'));

test('no wakeup is lost with readers and pieces of many sizes, eight at a time', async () => {
  // Each one alone, too, where no other event would wake the loop.
  for (const program of [
    'exec cat',
    'exec dd bs=7 2>/dev/null',
    'exec dd bs=4095 2>/dev/null',
    'exec dd bs=64k 2>/dev/null',
    'sleep 0.2; exec cat',
  ]) {
    for (const piece of [1000, 4096, 100_000]) await roundTrip(randomBytes(200_000), piece, program);
  }
  const bytes = randomBytes(1 << 20);
  await Promise.all(Array.from({ length: 8 }, (_, n) => roundTrip(bytes, 500 * 3 ** n, 'exec cat')));
});

test('a program that begins to read after a second gets all input', async () => {
  const bytes = randomBytes(256 * 1024);
  const pty = spawnPty('sh', ['-c', `sleep 1; head -c ${bytes.length} | sha1sum`], { modes: raw });
  const [, sum] = await Promise.all([type(pty, bytes, 10_000), until(pty, /[0-9a-f]{40}/)]);
  assert.equal(sum[0], createHash('sha1').update(bytes).digest('hex'));
  await closed(pty);
});

test('a program in canonical mode gets every line', async () => {
  const lines = Array.from({ length: 20_000 }, (_, n) => `line ${n}\n`).join('');
  const pty = spawnPty('sh', ['-c', 'sha1sum'], { modes: { echo: false } });
  const sum = until(pty, /[0-9a-f]{40}/);
  await type(pty, Buffer.from(`${lines}\x04`), 3000);
  assert.equal((await sum)[0], createHash('sha1').update(lines).digest('hex'));
});

test('a program that never reads gets only little input, and other sessions are not affected', async () => {
  const deaf = spawnPty('sleep', ['1000'], { modes: raw });
  const piece = Buffer.alloc(65536, 'x');
  let taken = 0;
  let written = 0;
  // A correct writer stops when write() returns false; this one does not.
  for (let i = 0; i < 16; i++) {
    taken += piece.length;
    deaf.write(piece, () => {
      written++;
    });
  }
  assert.ok(deaf.writableNeedDrain);
  const echo = spawnPty('cat', [], { modes: raw });
  for (let i = 0; i < 200; i++) {
    const answer = until(echo, /x/);
    echo.write('x');
    await answer;
  }
  assert.equal(written, 0);
  assert.equal(deaf.writableLength, taken);
  // The end of the program completes all of them, without an error.
  deaf.resume();
  await Promise.all([deaf.hangup({ timeout: 0 }), echo.hangup({ timeout: 0 })]);
  await closed(deaf);
  assert.equal(written, 16);
  assert.equal(deaf.errored, null);
});

test('data written after the end of the program is discarded without an error', async () => {
  const pty = spawnPty('true');
  await pty.exited;
  let done = 0;
  for (let i = 0; i < 10; i++) pty.write(Buffer.alloc(100_000), () => done++);
  await readAll(pty);
  await closed(pty);
  assert.equal(done, 10);
  assert.equal(pty.errored, null);
});

test('end() of the input leaves the program running', async () => {
  const pty = spawnPty('sh', ['-c', 'read a; sleep 0.1; echo "got $a"'], { modes: { echo: false } });
  pty.end('all\n');
  assert.equal((await readAll(pty)).toString(), 'got all\r\n');
});

test('flushInput() discards the input that the program has not read, in every queue', async () => {
  const script =
    'trap go=on USR1; read x; echo ready; until [ "$go" ]; do sleep 0.02; done; echo again; head -c 4; echo .';
  const pty = spawnPty('sh', ['-c', script], { modes: { ...raw, icanon: true, opost: true } });
  pty.write('go\n');
  await until(pty, /ready/);
  // More than the terminal holds, so part of it waits in the addon and part in the stream.
  let done = 0;
  for (let i = 0; i < 8; i++) pty.write('junk\n'.repeat(4000), () => done++);
  pty.flushInput();
  pty.write('good\n', () => done++);
  pty.kill('SIGUSR1');
  const match = await until(pty, /again\r\n(.*)\./s);
  assert.equal(match[1], 'good');
  assert.equal(done, 9);
  await closed(pty);
});

test('a keystroke uses no thread and no timer, and leaves nothing behind', async () => {
  const pty = spawnPty('cat', [], { modes: raw });
  for (let i = 0; i < 2000; i++) {
    const answer = once(pty, 'data');
    pty.write('k');
    assert.equal(String((await answer)[0]), 'k');
  }
  const uses = process.getActiveResourcesInfo().filter(name => name !== 'TTYWrap' && name !== 'PipeWrap');
  assert.deepEqual(
    uses.filter(name => name.includes('FSReq') || name === 'Timeout'),
    [],
  );
  assert.equal(pty.writableLength, 0);
  await pty.hangup({ timeout: 0 });
});
