/** Programs that are killed or cannot be started: their client gets a message, and the others continue. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Wire } from '../support/clients/test-client.ts';
import { childrenOf, processes, untilBlocked, untilTrue } from '../support/leaks.ts';
import { Bystander, startObedient, told, XTERM } from './support.ts';

const LIMIT = { timeout: 600_000 };

describe('a program that is killed', LIMIT, () => {
  for (const signal of ['KILL', 'SEGV', 'ABRT', 'PIPE']) {
    it(`by SIG${signal}: its last output arrives, its end is logged, and others continue`, async () => {
      await using server = await startObedient(['--log-format', 'json']);
      await using bystander = await Bystander.start(server);
      // More than the socket buffers hold, so that some of it is still in the terminal when the program ends.
      const wire = await told(server, `seq 1 20000; echo last words; kill -${signal} $$`);
      await wire.expect('20000\n');
      await wire.expect('last words\n');
      await wire.untilClose();
      assert.equal(wire.error, undefined);
      await server.waitForLog(new RegExp(`killed by SIG${signal}`));
      await bystander.leave();
    });
  }

  it('while its output waits for a client that does not read: the client gets all of it later', async () => {
    await using server = await startObedient();
    await using bystander = await Bystander.start(server);
    const wire = await told(server, 'echo "pid $$"; exec yes 0123456789');
    const [, pid] = /pid (\d+)/.exec(await wire.expect(/pid \d+\n/))!;
    await wire.expect('0123456789\n');
    wire.pause();
    // The program blocks when the network and the terminal are full.
    await untilBlocked(() => childrenOf(server.pid).find(child => child.pid === Number(pid)));
    await bystander.progress();
    process.kill(Number(pid), 'SIGKILL');
    await server.waitForLog(/killed by SIGKILL|$/);
    await bystander.progress();
    wire.resume();
    await wire.untilClose();
    assert.equal(wire.error, undefined);
    const lines = wire.text().slice(wire.text().indexOf('0123456789')).split('\n');
    assert(
      lines.slice(0, -1).every(line => line === '0123456789'),
      'every line must be complete',
    );
    assert(lines.length > 10_000);
    await bystander.leave();
  });

  it('a hundred at once', async () => {
    await using server = await startObedient();
    await using bystander = await Bystander.start(server);
    const wires = await Promise.all(Array.from({ length: 100 }, () => told(server, 'echo up; exec sleep 1000')));
    await Promise.all(wires.map(wire => wire.expect('up')));
    const victims = childrenOf(server.pid).filter(({ name }) => name === 'sleep');
    assert.equal(victims.length, 100);
    for (const { pid } of victims) process.kill(pid, 'SIGKILL');
    await Promise.all(wires.map(wire => wire.untilClose()));
    assert(wires.every(({ error }) => error === undefined));
    await bystander.leave();
  });
});

describe('a program that cannot be started', LIMIT, () => {
  it('because no pseudo-terminal is left: its client gets the reason, and a later client is served', async () => {
    // A separate /dev/pts with three terminals.
    const script =
      'd=$(mktemp -d); mount -t devpts -o newinstance,ptmxmode=0666,max=3 devpts $d && mount --bind $d /dev/pts && ' +
      'mount --bind $d/ptmx /dev/ptmx && umount $d && rmdir $d && exec "$@"';
    await using server = await startObedient([], { wrapper: ['unshare', '-m', 'sh', '-c', script, 'sh'] });
    await using bystander = await Bystander.start(server);
    const wires = [await told(server, 'exec cat'), await told(server, 'exec cat')];
    for (let more = 0; more < 3; more++) {
      const refused = await Wire.connect(server.port, XTERM);
      // The number of terminals in use is only logged.
      await refused.expect("cannot start '/bin/sh': open: no pseudo-terminal is left (kernel.pty.max); end programs");
      await refused.untilClose();
      assert.equal(refused.error, undefined);
    }
    await server.waitForLog(/no program.*no pseudo-terminal is left.*: \d+ of \d+ terminals are in use \(ENOSPC\)/);
    await wires.pop()!.close();
    await untilTrue(() => childrenOf(server.pid).length === 2);
    wires.push(await told(server, 'exec cat'));
    for (const wire of wires) await wire.close();
    await bystander.leave();
  });

  it('because no more processes are allowed: the same', async () => {
    // A uid that no other process uses, so that other processes do not count.
    const user = 100_000 + process.pid;
    const wrapper = ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--'];
    const limit = (to: string) =>
      spawnSync(wrapper[0]!, [...wrapper.slice(1), 'prlimit', '--pid', `${server.pid}`, `--nproc=${to}:`], {
        encoding: 'utf8',
      });
    await using server = await startObedient([], { wrapper, cwd: '/' });
    await using bystander = await Bystander.start(server);
    const first = await told(server, 'exec cat');
    assert.equal(limit(String(tasksOf(user))).stderr, '');
    for (let more = 0; more < 3; more++) {
      const refused = await Wire.connect(server.port, XTERM);
      await refused.expect(/cannot start '\/bin\/sh': fork: no more processes are allowed/);
      await refused.untilClose();
    }
    await server.waitForLog(/no program.*\(EAGAIN\)/);
    await first.close();
    await untilTrue(() => childrenOf(server.pid).length === 1);
    // The server may start the shell, but the shell may not start a process, and reports that.
    const next = await Wire.connect(server.port, XTERM);
    await next.expect('Cannot fork');
    await next.untilClose();
    await bystander.leave();
  });
});

/** Number of processes and threads of a user, which nproc limits. */
function tasksOf(user: number): number {
  return processes()
    .filter(({ pid }) => statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === user)
    .reduce((sum, { pid }) => sum + readdirSync(`/proc/${pid}/task`).length, 0);
}
