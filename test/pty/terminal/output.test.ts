import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { addon } from '../../../src/native/load.ts';
import { type Pty, spawnPty } from '../../../src/pty/index.ts';
import { closed, inNode, isAlive, readAll, until } from '../support.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-'));
after(() => rmSync(directory, { recursive: true }));

/** A program that prints these bytes and exits at once. */
function printer(length: number) {
  const bytes = randomBytes(length);
  const path = join(directory, String(length));
  writeFileSync(path, bytes);
  return { bytes, start: () => spawnPty('cat', [path], { modes: { opost: false } }) };
}

const digest = (bytes: Buffer) => createHash('sha1').update(bytes).digest('hex');

/** Runs `once` `count` times, four at a time. */
async function often(count: number, once: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await once(next++);
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
}

test('the last byte of 1 MB before an exit always arrives, 200 times', async () => {
  const { bytes, start } = printer(1 << 20);
  const expected = digest(bytes);
  await often(200, async index => {
    const pty = start();
    const order: string[] = [];
    void pty.exited.then(({ code }) => order.push(`exit ${code}`));
    pty.once('end', () => order.push('end'));
    const hash = createHash('sha1');
    let length = 0;
    pty.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      length += chunk.length;
      // Every other one is read by a consumer that repeatedly stops.
      if (index % 2 === 1) {
        pty.pause();
        setImmediate(() => pty.resume());
      }
    });
    await closed(pty);
    assert.equal(length, bytes.length);
    assert.equal(hash.digest('hex'), expected);
    assert.deepEqual(order, ['exit 0', 'end']);
  });
});

test('a program that exited before its output was read loses nothing either, 200 times', async () => {
  const { bytes, start } = printer(8000);
  await often(200, async () => {
    const pty = start();
    // Nothing is read yet; the stream takes only little in advance.
    assert.deepEqual(await pty.exited, { code: 0, signal: null });
    assert.equal(digest(await readAll(pty)), digest(bytes));
  });
});

test('a consumer that stops makes the program wait, and memory stays bounded', async () => {
  const pty = spawnPty('yes', ['0123456789']);
  await until(pty, /0123456789\r\n/);
  pty.pause();
  // Another program runs to its end meanwhile.
  await readAll(spawnPty('sh', ['-c', 'sleep 0.2']));
  const kept = pty.readableLength;
  await readAll(spawnPty('sh', ['-c', 'sleep 0.2']));
  assert.equal(pty.readableLength, kept);
  assert.ok(kept <= addon().drainLimit + pty.readableHighWaterMark, `${kept} bytes kept`);
  // The output continues where it stopped.
  await until(pty, /0123456789\r\n/);
  await pty.hangup({ timeout: 0 });
});

test('each drain makes one call, and no part of the memory is used for two views', async () => {
  const pty = spawnPty('sh', ['-c', 'i=0; while [ $i -lt 40000 ]; do echo $i; i=$((i+1)); done'], {
    modes: { onlcr: false },
  });
  const views: Buffer[] = [];
  for await (const chunk of pty) {
    assert.ok((chunk as Buffer).length <= addon().drainLimit);
    views.push(chunk as Buffer);
  }
  // Checked only now, so that a drain which overwrote an earlier one would be noticed.
  assert.equal(Buffer.concat(views).toString(), Array.from({ length: 40000 }, (_, n) => `${n}\n`).join(''));
});

test('the memory of lent output is reused by the next output', async () => {
  const pty = spawnPty('seq', ['200000'], { modes: { onlcr: false } });
  const places = new Set<number>();
  let text = '';
  let drains = 0;
  const ends: number[] = [];
  pty.master.attach({
    output(bytes) {
      text += bytes;
      drains++;
      places.add(bytes.byteOffset);
    },
    drained() {},
    flushed() {},
    modesSet() {},
    ended() {
      ends.push(text.length);
    },
  });
  await closed(pty);
  assert.equal(text, Array.from({ length: 200_000 }, (_, n) => `${n + 1}\n`).join(''));
  assert.deepEqual(ends, [text.length], 'the end is signalled once, after all output');
  // One place, or two if earlier tests left too little room after the first one.
  assert.ok(places.size <= 2 && drains > 10, `${places.size} places, ${drains} drains`);
});

test('a session stays usable during floods in others, and all of them make progress', async () => {
  const counts = new Map<Pty, number>();
  for (let i = 0; i < 8; i++) {
    const flood = spawnPty('yes');
    counts.set(flood, 0);
    flood.on('data', (chunk: Buffer) => counts.set(flood, counts.get(flood)! + chunk.length));
  }
  const echo = spawnPty('cat', [], { modes: { icanon: false, echo: false } });
  for (let i = 0; i < 100; i++) {
    const answer = until(echo, new RegExp(`<${i}>`));
    echo.write(`<${i}>`);
    await answer;
  }
  for (const count of counts.values()) assert.ok(count > 0);
  await Promise.all([echo, ...counts.keys()].map(pty => pty.hangup({ timeout: 0 })));
});

test('a background process that continues to write does not keep the session open', async () => {
  const pty = spawnPty('sh', ['-c', '(trap "" HUP; exec yes) & echo $!; sleep 0.1']);
  const [, pid] = await until(pty, /(\d+)\r\n/);
  let afterwards = Number.NaN;
  void pty.exited.then(() => {
    afterwards = 0;
  });
  pty.on('data', (chunk: Buffer) => {
    afterwards += chunk.length;
  });
  await closed(pty);
  assert.equal((await pty.exited).code, 0);
  assert.ok(afterwards <= (1 << 20) + addon().drainLimit, `${afterwards} bytes after the end`);
  // We did not kill it: it ended because its terminal is gone.
  while (isAlive(Number(pid))) await new Promise(resolve => setImmediate(resolve));
});

test('a background process that silently keeps the terminal open does not delay the end', async () => {
  const pty = spawnPty('sh', ['-c', '(trap "" HUP; exec sleep 1000) & echo pid $!; sleep 0.1']);
  const output = (await readAll(pty)).toString();
  const pid = Number(/pid (\d+)/.exec(output)![1]);
  // It is not signalled, like a job started by nohup, even by a hangup after the end.
  await pty.hangup();
  assert.ok(isAlive(pid));
  process.kill(pid, 'SIGKILL');
});

test('a program can close its terminal and continue to run', async () => {
  const pty = spawnPty('sh', ['-c', 'echo bye; exec <&- >&- 2>&-; sleep 0.3; exit 4']);
  assert.equal((await readAll(pty)).toString(), 'bye\r\n');
  assert.deepEqual(await pty.exited, { code: 4, signal: null });
});

test("destroy() works in the middle of a flood, within the 'data' event", async () => {
  const pty = spawnPty('yes');
  let after = 0;
  pty.on('data', () => {
    if (pty.destroyed) after++;
    pty.destroy();
  });
  await closed(pty);
  await pty.exited;
  assert.equal(after, 0);
});

test('an exception in a consumer is uncaught, once, and the addon continues', async () => {
  const { output, code } = await inNode(
    '',
    `let caught = 0;
    process.on('uncaughtException', () => caught++);
    const p = pty.spawnPty('sh', ['-c', 'echo one; read x; echo two']);
    p.once('data', () => { p.write('\\\\n'); throw new Error('mine'); });
    p.on('data', () => {});
    p.on('close', () => console.log('caught', caught));`.replaceAll('\\\\', '\\'),
  );
  assert.equal(output, 'caught 1\n');
  assert.equal(code, 0);
});
