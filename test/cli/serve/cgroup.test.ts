/** `telpty serve --cgroup`, if the system lets the user create cgroups; else its error message. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Wire } from '../../support/clients/test-client.ts';
import { childrenOf, isAlive, untilTrue } from '../../support/leaks.ts';
import { XTERM } from '../../support/servers/host.ts';
import { CLI, startServer } from '../../support/servers/server.ts';
import { assertDead, canMake, mount, TestCgroup } from '../../support/system/cgroups.ts';

/** Runs a server that cannot start. */
function failing(...args: string[]): { status: number | null; stderr: string } {
  const words = [CLI, 'serve', '--port', '0', '--log-level', 'error', ...args, '--', 'true'];
  return spawnSync(process.execPath, words, { encoding: 'utf8', timeout: 300_000 });
}

/** Prints the process ids of a daemon in its own session and of an orphan; both ignore SIGHUP. */
const daemons = `trap '' HUP; setsid sleep 1000 & echo pid $!; echo pid $(setsid sh -c 'echo $$; exec sleep 1000 >/dev/null' &);`;

const connect = (port: number) => Wire.connect(port, XTERM);

async function daemonsOf(wire: Wire): Promise<number[]> {
  await wire.expect(/(?:pid \d+\s+){2}ready/);
  return [...wire.text().matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));
}

test('an invalid cgroup: one line, and exit 1', () => {
  const { status, stderr } = failing('--cgroup', '/tmp');
  assert.match(stderr, /^telpty: --cgroup: [^\n]+\n$/);
  assert.equal(status, 1);
});

if (!canMake) {
  test('no permission to create a cgroup: one line, and exit 1', () => {
    const { status, stderr } = failing('--cgroup', 'telpty-test');
    assert.match(stderr, /^telpty: --cgroup: [^\n]+\n$/);
    assert.equal(status, 1);
  });
} else {
  test('a limit that the kernel rejects: one line, and exit 1', () => {
    using parent = new TestCgroup();
    const { status, stderr } = failing('--cgroup', parent.path, '--cgroup-limit', 'nonsense.max=1');
    assert.equal(
      stderr,
      `telpty: --cgroup: ${mount} has no controller for nonsense: version 1 has it (boot with cgroup_no_v1=all), or the container was given none\n`,
    );
    assert.equal(status, 1);
    assert.deepEqual(parent.leaves, []);
  });

  for (const workers of ['1', '2']) {
    test(`daemons end with their session, with ${workers} processes`, async () => {
      using parent = new TestCgroup();
      const script = `${daemons} echo ready; read line; exit 3`;
      await using server = await startServer(
        ['--cgroup', parent.path, '--workers', workers, '--kill-timeout', '200ms'],
        {
          program: ['sh', '-c', script],
        },
      );
      const wires = await Promise.all([connect(server.port), connect(server.port), connect(server.port)]);
      const pids = await Promise.all(wires.map(daemonsOf));
      assert.equal(parent.leaves.length, 3);
      assert.deepEqual(
        pids.map(({ length }) => length),
        [2, 2, 2],
      );
      const [byItself, gone, atStop] = wires as [Wire, Wire, Wire];
      byItself.type('\r');
      await byItself.untilClose();
      await assertDead(pids[0]!);
      await gone.close();
      await assertDead(pids[1]!);
      assert.ok(pids[2]!.every(isAlive));
      await untilTrue(() => parent.leaves.length === 1);
      await server.stop();
      await assertDead(pids[2]!);
      assert.deepEqual(parent.leaves, []);
      await atStop.close();
      assert.match(server.stderr, /exit 3/);
    });
  }

  test('the daemons of the sessions of a dead worker are killed; the other sessions continue', async () => {
    using parent = new TestCgroup();
    await using server = await startServer(['--cgroup', parent.path, '--workers', '2', '--kill-timeout', '100ms'], {
      program: ['sh', '-c', `${daemons} echo ready; read line`],
    });
    const wires = [await connect(server.port), await connect(server.port)];
    const pids = await Promise.all(wires.map(daemonsOf));
    const workers = childrenOf(server.pid).filter(({ pid }) => childrenOf(pid).length > 0);
    assert.equal(workers.length, 2);
    const victim = workers[0]!.pid;
    const leaf = parent.leaves.find(name => name.startsWith(`telpty-${victim}.`))!;
    process.kill(victim, 'SIGKILL');
    await untilTrue(() => !parent.leaves.includes(leaf));
    assert.equal(parent.leaves.length, 1);
    assert.deepEqual(pids.map(both => both.filter(isAlive).length).sort(), [0, 2]);
    await server.waitForLog(/worker \d is back/);
    await server.stop();
    await assertDead(pids.flat());
    assert.deepEqual(parent.leaves, []);
    for (const wire of wires) await wire.close();
  });

  test('the next server removes what a killed one has left', async () => {
    using parent = new TestCgroup();
    const options = { program: ['sh', '-c', `${daemons} echo ready; read line`] };
    const killed = await startServer(['--cgroup', parent.path], options);
    const wire = await connect(killed.port);
    const pids = await daemonsOf(wire);
    killed.process.kill('SIGKILL');
    await killed.exited;
    assert.ok(pids.every(isAlive));
    assert.equal(parent.leaves.length, 1);
    await using _next = await startServer(['--cgroup', parent.path], options);
    await assertDead(pids);
    await untilTrue(() => parent.leaves.length === 0);
    await wire.close();
  });
}
