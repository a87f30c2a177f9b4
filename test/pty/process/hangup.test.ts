import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterEach, type TestContext, test } from 'node:test';
import { addon } from '../../../src/native/load.ts';
import { type Pty, spawnPty } from '../../../src/pty/index.ts';
import { processes, processInfo, untilBlocked, untilTrue } from '../../support/leaks.ts';
import { stall } from '../../support/stall.ts';
import { requireTool } from '../../support/system/tools.ts';
import { closed, isAlive, until, zombies } from '../support.ts';

afterEach(() => assert.deepEqual(zombies(), []));

/**
 * Starts a bash script that prints `pids: N N` when it is ready. The library of a sanitizer would only make the
 * processes slow that it starts.
 */
async function start(script: string): Promise<{ pty: Pty; pids: number[] }> {
  const pty = spawnPty('bash', ['-c', `unset LD_PRELOAD; ${script}`]);
  const [, pids] = await until(pty, /pids:([ \d]*)\r\n/);
  return { pty, pids: [pty.pid, ...pids!.trim().split(' ').filter(Boolean).map(Number)] };
}

function assertGone(pids: number[]): void {
  assert.deepEqual(pids.filter(isAlive), []);
}

/** Very long: tests that end only by SIGKILL would not end in time. */
const never = 1_000_000;

test('an ordinary program ends at once by SIGHUP', async () => {
  const { pty, pids } = await start('echo pids:; exec cat');
  await pty.hangup({ timeout: never });
  assert.deepEqual(await pty.exited, { code: null, signal: 'SIGHUP' });
  assertGone(pids);
  await closed(pty);
});

test('a program has time to clean up, and its last output is received', async () => {
  const { pty } = await start('trap "sleep 0.2; echo last words; exit 7" HUP; echo pids:; while :; do read x; done');
  const words = until(pty, /last words/);
  await pty.hangup({ timeout: never });
  await words;
  assert.deepEqual(await pty.exited, { code: 7, signal: null });
});

test('a program that ignores SIGHUP is killed', async () => {
  const { pty, pids } = await start('trap "" HUP; echo pids:; while :; do sleep 0.1; done');
  await pty.hangup({ timeout: 50 });
  assert.deepEqual(await pty.exited, { code: null, signal: 'SIGKILL' });
  assertGone(pids);
});

test('a foreground child in its own group is killed, even if it ignores SIGHUP', async () => {
  const gentle = await start('set -m; bash -c "echo pids: \\$\\$; exec sleep 1000"; true');
  await gentle.pty.hangup({ timeout: never });
  assertGone(gentle.pids);
  const stubborn = await start(`set -m; bash -c 'trap "" HUP; echo pids: $$; while :; do sleep 0.1; done'; true`);
  await stubborn.pty.hangup({ timeout: 50 });
  assertGone(stubborn.pids);
});

test('a process whose first thread has ended, and which looks like a zombie while others run, is killed', async () => {
  const threads =
    'import ctypes, os, signal, threading, time; signal.signal(signal.SIGHUP, signal.SIG_IGN); ' +
    'threading.Thread(target=time.sleep, args=(1000,)).start(); print("pids:", os.getpid(), flush=True); ' +
    'ctypes.CDLL(None).pthread_exit(None)';
  const { pty, pids } = await start(`set -m; ${requireTool('python3')} -c '${threads}' & sleep 1000`);
  const task = `/proc/${pids[1]}/task`;
  await untilTrue(() => processInfo(pids[1]!)?.state === 'Z' && readdirSync(task).length === 2);
  await pty.hangup({ timeout: 50 });
  await untilTrue(() => !existsSync(task) || readdirSync(task).length <= 1);
});

test('the members of a foreground group whose leader has ended are signalled', async () => {
  // The pipeline's group has the id of its first process, which is gone; the last one gets the signal nevertheless.
  const { pty, pids } = await start(
    `trap : HUP; set -m; true | bash -c 'trap "echo told; exit" HUP; sleep 0.1; echo pids: $$; while :; do sleep 0.05; done'; sleep 1000`,
  );
  const told = until(pty, /told/);
  const over = pty.hangup({ timeout: 3_000 });
  await told;
  await over;
  assertGone(pids);
});

test('a stopped program handles SIGHUP', async () => {
  const { pty, pids } = await start('echo pids:; kill -STOP $$; sleep 1000');
  while (!readFileSync(`/proc/${pty.pid}/stat`, 'latin1').includes(') T ')) await new Promise(setImmediate);
  await pty.hangup({ timeout: never });
  assert.equal((await pty.exited).signal, 'SIGHUP');
  assertGone(pids);
});

test('background processes that forked twice and ignore SIGHUP are killed', async () => {
  const { pty, pids } = await start(
    `set -m; f=$(mktemp); ( (trap "" HUP; bash -c 'echo $$ > '$f'; while :; do sleep 0.1; done' &) ); while ! [ -s $f ]; do sleep 0.01; done; p=$(cat $f); rm $f; echo pids: $p; exec cat`,
  );
  assert.equal(pids.length, 2);
  await pty.hangup({ timeout: 100 });
  assertGone(pids);
});

test('background processes that handle SIGHUP do not have to wait for the timeout', async () => {
  const { pty, pids } = await start('sleep 1000 & a=$!; (sleep 1000 & echo pids: $a $!; exec sleep 1000) & exec cat');
  await pty.hangup({ timeout: never });
  assertGone(pids);
});

test('while the session is hung up, its number stays reserved', async () => {
  const { pty, pids } = await start(`(trap "" HUP; while :; do sleep 0.1; done) & echo pids: $!; exec cat`);
  let exited = false;
  void pty.exited.then(() => {
    exited = true;
  });
  const over = pty.hangup({ timeout: 2_000 });
  while (isAlive(pty.pid)) await new Promise(setImmediate);
  // The leader has ended and a member has not: the leader is kept as a zombie, so no other process can get its number.
  assert.equal(exited, false);
  assert.deepEqual(zombies(), [String(pty.pid)]);
  await over;
  assertGone(pids);
});

test('a process is signalled only while it is a member', async () => {
  const { pty, pids } = await start('sleep 1000 & echo pids: $!; exec cat');
  const { pty: other } = await start('echo pids:; exec cat');
  const member = pids[1]!;
  assert.ok(addon().signalMember(other.pid, 0, member, 9) < 0);
  assert.ok(addon().signalMember(pty.pid, other.pid, member, 9) < 0);
  assert.ok(addon().signalMember(pty.pid, 0, process.pid, 9) < 0);
  assert.ok(isAlive(member));
  assert.equal(addon().signalMember(pty.pid, pty.pid, member, 9), 0);
  await Promise.all([pty.hangup(), other.hangup()]);
  assertGone(pids);
});

test('hangup() can be repeated, called after the end, and called with an earlier time', async () => {
  const { pty } = await start('trap "" HUP; echo pids:; while :; do sleep 0.1; done');
  const first = pty.hangup({ timeout: never });
  assert.equal(pty.hangup({ timeout: never }), first);
  assert.equal(pty.hangup({ timeout: 20 }), first);
  await first;
  await pty.hangup();
  for (const timeout of [-1, Number.NaN, 2 ** 31])
    assert.throws(() => pty.hangup({ timeout }), { code: 'ERR_INVALID_ARGUMENT' });
});

test('the end does not depend on a reader of the output', async () => {
  const pty = spawnPty('sh', ['-c', 'trap "" HUP; yes']);
  await once(pty, 'readable');
  await pty.hangup({ timeout: 50 });
  assert.equal((await pty.exited).signal, 'SIGKILL');
  await closed(pty.resume());
});

const SAVE = `
import fcntl, os, signal, sys, termios
def hup(*ignored):
    global hups
    hups += 1
    os.write(1, b"x" * 100000)
    os._exit(hups)
hups = 0
signal.signal(signal.SIGHUP, signal.SIG_IGN)
name = os.ttyname(0)
if sys.argv[1] == "vhangup":
    import ctypes
    ctypes.CDLL(None).vhangup()
    for number in range(3):
        os.dup2(os.open(name, os.O_RDWR), number)
    fcntl.ioctl(0, termios.TIOCSCTTY, 1)
signal.signal(signal.SIGHUP, hup)
if sys.argv[1] == "tcoff":
    termios.tcflow(1, termios.TCOOFF)
    os.kill(os.getppid(), signal.SIGUSR2)
    signal.pause()
os.write(1, b"ready\\n")
while True: os.write(1, b"tick\\n")
`;

for (const how of ['^S', 'vhangup', 'tcoff']) {
  test(`stopped output is restarted, so that the program need not be killed: ${how}`, async () => {
    const stopped = once(process, 'SIGUSR2');
    const pty = spawnPty(requireTool('python3'), ['-c', SAVE, how]);
    if (how === 'tcoff') {
      pty.resume();
      await stopped;
    } else {
      await until(pty, /ready/);
      pty.write('\x13');
      await untilBlocked(() => processInfo(pty.pid));
    }
    await pty.hangup({ timeout: never });
    assert.deepEqual(await pty.exited, { code: 1, signal: null });
    await closed(pty);
  });
}

test('destroy() closes at once, and the programs end', async () => {
  const gentle = spawnPty('cat');
  const { pty: stubborn } = await start('trap "" HUP; echo pids:; while :; do sleep 0.1; done');
  gentle.destroy();
  stubborn.destroy();
  assert.deepEqual(addon().counts().terminals, 0);
  assert.equal((await gentle.exited).signal, 'SIGHUP');
  assert.equal((await stubborn.exited).signal, 'SIGKILL');
  assertGone([gentle.pid, stubborn.pid]);
});

test('two hundred sessions can be hung up at once', async () => {
  const ptys = Array.from({ length: 200 }, () => spawnPty('sh', ['-c', 'unset LD_PRELOAD; trap "" HUP; sleep 1000']));
  await Promise.all(ptys.map(pty => pty.resume().hangup({ timeout: 20 })));
  assertGone(ptys.map(pty => pty.pid));
  assert.equal(addon().counts().children, 0);
});

/** Counts calls of addon functions in each turn of the event loop, and keeps the maximum of each. */
function countInTurns(t: TestContext, names: readonly ('signalMember' | 'sessionsOf' | 'keepLiving')[]) {
  const most = new Map<string, number>();
  const now = new Map<string, number>();
  for (const name of names) {
    const original = addon()[name] as (...args: unknown[]) => unknown;
    t.mock.method(addon(), name, (...args: unknown[]) => {
      if (now.size === 0) setImmediate(() => now.clear());
      const count = (now.get(name) ?? 0) + (args[0] instanceof Int32Array ? args[0].length : 1);
      now.set(name, count);
      most.set(name, Math.max(most.get(name) ?? 0, count));
      return original(...args);
    });
  }
  return most;
}

test('in each turn of the event loop only a few members of a session are signalled, however many it has', async t => {
  const children = 1000;
  const { pty } = await start(
    `set -m; trap "" HUP; for ((i = 0; i < ${children}; i++)); do sleep 1000 & done 2>/dev/null; echo pids:; exec cat`,
  );
  const members = processes().filter(({ session }) => session === pty.pid);
  assert.equal(members.length, children + 1);
  const most = countInTurns(t, ['signalMember', 'sessionsOf', 'keepLiving']);
  await pty.hangup({ timeout: 0 });
  assertGone(members.map(({ pid }) => pid));
  for (const [name, count] of most) {
    const limit = name === 'signalMember' ? children / 10 : 2 * 1024;
    assert.ok(count <= limit, `${name}: ${count} processes in one turn`);
  }
  assert.ok(most.has('signalMember') && most.has('keepLiving'));
});

test('killed processes that end one after the other are waited for, however long all of them take', async t => {
  const { pty } = await start('trap "" HUP; echo pids:; exec sleep 1000');
  let left = 20;
  t.mock.method(addon(), 'sessionsOf', (leaders: Int32Array) => {
    leaders.fill(0);
    leaders.fill(pty.pid, 0, left);
  });
  // Each look finds one process less, and looks are up to 200 ms apart: more than the 2 s for a single process.
  t.mock.method(addon(), 'keepLiving', async (pids: Int32Array) => {
    // A server that was stopped between two looks does not know whether its killed programs were stopped, too.
    if (left === 10) setImmediate(() => stall(2_200));
    return pids.subarray(0, left--);
  });
  await pty.hangup({ timeout: 0 });
  assert.equal(left, 0);
});

test('await using hangs up at the end of the block, and closes the terminal', async () => {
  let terminal: Pty;
  let members: number[];
  {
    const { pty: opened, pids } = await start('sleep 1000 & echo pids: $!; wait');
    await using pty = opened;
    terminal = pty;
    members = pids;
  }
  assert.deepEqual(await terminal.exited, { code: null, signal: 'SIGHUP' });
  assertGone(members);
  assert.equal(terminal.closed, true);
});
