import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { ptyShell } from '../../../src/index.ts';
import { openUserRange, spawnPty } from '../../../src/pty/index.ts';
import { checkRange, endUser, subordinateOwner, UserIds, UserRange } from '../../../src/pty/user-range.ts';
import { hostScript, XTERM } from '../../support/servers/host.ts';
import { requireRoot, requireTool } from '../../support/system/tools.ts';
import { isRoot, readAll } from '../support.ts';

const FIRST = 73_000;

const asRoot = (name: string, body: () => Promise<void> | void) =>
  test(name, { timeout: 600_000 }, async () => {
    requireRoot();
    await body();
  });

/** A process of a user, which runs when this resolves; it is killed at the end of the block. */
async function processOf(uid: number, script: string) {
  const child: ChildProcess = spawn(requireTool('python3'), ['-c', `${script}`], {
    uid,
    gid: uid,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout!, 'data');
  const closed = once(child, 'close');
  return {
    closed,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

const WAITING = 'import time; print("up", flush=True); time.sleep(1000)';

test('an invalid range is refused', () => {
  for (const [from, to] of [
    [0, 5],
    [5, 1],
    [1.5, 9],
    [Number.NaN, 9],
    [-5, 9],
    [65_000, 66_000],
    [65_535, 65_535],
    [70_000, 2 ** 32 - 1],
    [70_000, 2 ** 33],
    [100_000, 165_536],
  ] as const) {
    assert.throws(() => openUserRange(from, to), { code: 'ERR_USER_RANGE' }, `${from} ${to}`);
  }
  if (!isRoot) return assert.throws(() => checkRange({ from: 70_000, to: 70_009 }), /only root/);
  assert.throws(() => openUserRange(1, 1), /contains 1, the user daemon; /);
  // A group with a number that no user has.
  assert.throws(() => openUserRange(27, 27), /contains 27, the group sudo; /);
});

test('subordinate ids belong to their owner', () => {
  const text = '# no line\nalice:100000:65536\nbob:165536:65536\n\n1000:300000:1\n';
  const owner = (from: number, to: number) => subordinateOwner(text, { from, to });
  assert.equal(owner(70_000, 99_999), undefined);
  assert.equal(owner(70_000, 100_000), 'alice');
  assert.equal(owner(165_535, 165_535), 'alice');
  assert.equal(owner(165_536, 165_536), 'bob');
  assert.equal(owner(231_072, 299_999), undefined);
  assert.equal(owner(231_072, 400_000), '1000');
});

asRoot('spawnPty runs a program as a user of a range, and end() ends all processes of this user', async () => {
  const range = openUserRange(FIRST, FIRST);
  const one = await range.take();
  assert.ok(one);
  assert.deepEqual(one.user, { name: '73000', uid: FIRST, gid: FIRST, groups: [], home: '/', shell: '/bin/sh' });
  assert.equal(await range.take(), undefined);
  const script =
    'id -u; id -G; (setsid sleep 1000 >/dev/null 2>&1 </dev/null &); until pgrep -u 73000 sleep; do :; done';
  const pty = spawnPty('sh', ['-c', script], { user: one.user, env: { PATH: '/usr/bin:/bin' } });
  assert.match((await readAll(pty)).toString(), /^73000\r\n73000\r\n\d+\r\n$/);
  await one.end();
  await one.end();
  const again = await range.take();
  assert.equal(again?.user.uid, FIRST);
  await again?.end();
});

asRoot('each id is assigned in turn to one session, and again after it was released', async () => {
  const ids = new UserIds({ from: FIRST, to: FIRST + 3 });
  const taken = await Promise.all(Array.from({ length: 6 }, () => ids.take()));
  assert.deepEqual(taken.slice(4), [undefined, undefined]);
  assert.deepEqual(taken.slice(0, 4).toSorted(), [FIRST, FIRST + 1, FIRST + 2, FIRST + 3]);
  const [first, second] = taken as number[];
  ids.leave(second!, true);
  ids.leave(second!, true);
  assert.equal(await ids.take(), second);
  assert.equal(await ids.take(), undefined);
  ids.leave(first!, true);
  ids.leave(second!, true);
  // The id that was in use last is assigned last.
  assert.equal(await ids.take(), first);
});

asRoot('an id whose processes could not be killed is not assigned again', async () => {
  const ids = new UserIds({ from: FIRST, to: FIRST });
  assert.equal(await ids.take(), FIRST);
  await using _ = await processOf(FIRST, WAITING);
  ids.leave(FIRST, false);
  assert.equal(await ids.take(), undefined);
});

asRoot('a process whose first thread has ended counts, and is killed', async () => {
  // It looks like a zombie, but its other thread runs.
  const script = `
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(1000,)).start()
print('up', flush=True)
ctypes.CDLL(None).pthread_exit(None)`;
  await using other = await processOf(FIRST, script);
  assert.equal(await new UserIds({ from: FIRST, to: FIRST }).take(), undefined);
  assert.equal(await endUser(FIRST), true);
  await other.closed;
});

test('ptyShell refuses a value that is not a range, and a range together with a user', () => {
  const userRange = new UserRange({ take: async () => undefined, leave() {} });
  const user = { name: 'x', uid: FIRST, gid: FIRST, groups: [], home: '/', shell: '/bin/sh' };
  assert.throws(() => ptyShell('cat', [], { userRange, user }), { code: 'ERR_INVALID_ARGUMENT' });
  assert.throws(() => ptyShell('cat', [], { userRange: { from: 1, to: 2 } as never }), {
    code: 'ERR_INVALID_ARGUMENT',
  });
});

test('if all ids are in use, the client gets a notice and no program is started', async () => {
  const userRange = new UserRange({ take: async () => undefined, leave() {} });
  await using host = await hostScript('echo never', { userRange });
  const wire = await host.connect(XTERM);
  await wire.untilEnd();
  assert.equal(wire.text(), 'telpty: no user id is free for your session, try again later\r\n');
  await wire.close();
  assert.deepEqual((await host.outcome()).result, { code: null, signal: null, refused: 'no-user-id' });
});
