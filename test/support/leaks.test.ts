import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { childrenOf, descendantsOf, type Holdings, leaked, processes, untilTrue } from './leaks.ts';

const holding = (...targets: string[]): Holdings => ({
  fds: new Map(targets.map((target, fd) => [fd, target])),
  children: [],
  threads: 11,
});

test('a socket that is left counts as a leak though a file was closed meanwhile', () => {
  const before = holding('/dev/null', 'socket:[1]', '/etc/terminfo', '/usr/share/terminfo');
  assert.deepEqual(leaked(before, holding('/dev/null', 'socket:[1]', 'socket:[2]')), ['fd 2 -> socket:[2]']);
  assert.deepEqual(leaked(before, holding('/dev/null', 'socket:[1]')), []);
});

test('another socket in place of a closed one is not a leak', () => {
  assert.deepEqual(leaked(holding('socket:[1]', '/dev/pts/3'), holding('socket:[7]', '/dev/pts/12')), []);
});

test('children are found whichever thread started them, and their children as well', async () => {
  const nested = spawn('sh', ['-c', 'sleep 1000 & sleep 1000; exit'], { stdio: 'ignore' });
  const thread = new Worker(
    `const child = require('node:child_process').spawn('sleep', ['1000'], { stdio: 'ignore' });
     require('node:worker_threads').parentPort.postMessage(child.pid);`,
    { eval: true },
  );
  const threadEnded = once(thread, 'exit');
  const [ofThread] = (await once(thread, 'message')) as [number];
  try {
    await untilTrue(() => childrenOf(nested.pid!).length === 2);
    const children = childrenOf(process.pid);
    assert.deepEqual(
      children.map(({ pid }) => pid),
      processes().flatMap(({ pid, ppid }) => (ppid === process.pid ? [pid] : [])),
    );
    for (const pid of [nested.pid!, ofThread]) assert.ok(children.some(child => child.pid === pid));
    assert.equal(descendantsOf(process.pid).length, children.length + 2);
  } finally {
    for (const { pid } of childrenOf(nested.pid!)) process.kill(pid, 'SIGKILL');
    nested.kill('SIGKILL');
    process.kill(ofThread, 'SIGKILL');
  }
  await threadEnded;
  await untilTrue(() => !childrenOf(process.pid).some(({ pid }) => pid === nested.pid || pid === ofThread));
});
