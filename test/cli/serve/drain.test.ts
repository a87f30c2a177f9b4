/** SIGTERM: sessions get a notice and time to end by themselves, and are hung up after it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Wire, type WireOptions } from '../../support/clients/test-client.ts';
import { assertPortFree, childrenOf, descendantsOf, isAlive, untilBlocked, untilTrue } from '../../support/leaks.ts';
import { Host } from '../../support/servers/host.ts';
import { startServer } from '../../support/servers/server.ts';

const LIMIT = { timeout: 600_000 };
const XTERM: WireOptions = { ttype: ['xterm'], size: [80, 24] };
const POLITE = ['/bin/sh', '-c', 'trap "echo so long; exit 5" HUP; echo up; while :; do sleep 0.02; done'];
const STUBBORN = ['/bin/sh', '-c', 'trap "" HUP; echo "up $$"; while :; do sleep 1 || exit; done'];
const STOPPED = '\r\ntelpty: closed: the server is shutting down\r\n';
/** Without the shell's messages about its `sleep`. */
const heard = (wire: Wire) => wire.text().replace('Hangup\r\n', '');
const over = { code: 0, signal: null };

for (const workers of [1, 2]) {
  describe(`telpty serve --drain-timeout, workers: ${workers}`, LIMIT, () => {
    const start = (args: string[], program: string[] = ['/bin/cat']) =>
      startServer(['--workers', String(workers), '--log-format', 'json', ...args], { program });

    it('no new client is accepted, sessions continue, and the end of the last one ends the server', async () => {
      const server = await start(['--drain-timeout', '1h']);
      const wires = await Promise.all([Wire.connect(server.port, XTERM), Wire.connect(server.port, XTERM)]);
      for (const id of [1, 2]) await server.waitForLog(new RegExp(`session ${id} started`));
      server.process.kill('SIGTERM');
      for (const wire of wires)
        await wire.expect('\r\ntelpty: the server is shutting down; this session ends in 1h00m\r\n');
      await assertPortFree(server.port);
      await server.waitForLog(/"msg":"draining: SIGTERM, 2 sessions, for 1h00m at most"/);
      // One after the other; neither end affects the other.
      for (const wire of wires) {
        wire.type('still here\r');
        await wire.expect('still here\r\nstill here\r\n');
        wire.type('\x04');
        await wire.untilEnd();
        assert.doesNotMatch(wire.text(), /closed/);
        await wire.close();
      }
      assert.deepEqual(await server.exited, over);
      assert.match(server.stderr, /"msg":"stopping: drained, 0 sessions"/);
    });

    it('without sessions there is nothing to wait for', async () => {
      const server = await start(['--drain-timeout', '1h']);
      await server.stop();
    });

    it('a session that stays longer is hung up, and its client reads why', async () => {
      const server = await start(['--drain-timeout', '100ms'], POLITE);
      const wire = await Wire.connect(server.port, XTERM);
      await wire.expect('up');
      server.process.kill('SIGTERM');
      await wire.untilEnd();
      assert.equal(
        heard(wire),
        `up\r\n\r\ntelpty: the server is shutting down; this session ends in 100ms\r\nso long\r\n${STOPPED}`,
      );
      assert.deepEqual(await server.exited, over);
      assert.match(server.stderr, /"msg":"stopping: drain timeout reached, 1 session"/);
      assert.match(server.stderr, /exit 5 \(shutdown\)/);
    });

    it('without a notice, with --drain-quietly', async () => {
      const server = await start(['--drain-timeout', '100ms', '--drain-quietly'], POLITE);
      const wire = await Wire.connect(server.port, XTERM);
      await wire.expect('up');
      server.process.kill('SIGTERM');
      await wire.untilEnd();
      assert.equal(heard(wire), `up\r\nso long\r\n${STOPPED}`);
      assert.deepEqual(await server.exited, over);
    });

    it('a program whose output is stopped by ^S is not killed', async () => {
      const script = 'trap "echo so long; exit 5" HUP; echo up; while :; do echo tick; done';
      const server = await start(['--drain-timeout', '100ms', '--kill-timeout', '1h'], ['/bin/sh', '-c', script]);
      const wire = await Wire.connect(server.port, XTERM);
      await wire.expect('up');
      wire.type('\x13');
      await untilBlocked(() => descendantsOf(server.pid).find(({ name }) => /^(da)?sh/.test(name)));
      server.process.kill('SIGTERM');
      await wire.untilEnd();
      assert.ok(wire.text().endsWith(`so long\r\n${STOPPED}`));
      assert.deepEqual(await server.exited, over);
      assert.match(server.stderr, /exit 5 \(shutdown\)/);
    });

    it('a second signal ends it at once, with 1', async () => {
      const server = await start(['--drain-timeout', '1h', '--kill-timeout', '1h'], STUBBORN);
      const wire = await Wire.connect(server.port, XTERM);
      const program = Number((await wire.expect(/up \d+\r\n/)).match(/\d+/g)!.at(-1));
      server.process.kill('SIGTERM');
      await server.waitForLog(/draining: SIGTERM/);
      server.process.kill('SIGINT');
      assert.deepEqual(await server.exited, { code: 1, signal: null });
      await untilTrue(() => !isAlive(program));
    });
  });
}

describe('a worker that is killed while it drains', LIMIT, () => {
  it('ends its sessions, which are not waited for, and no program is left', async () => {
    const args = ['--workers', '2', '--log-format', 'json', '--drain-timeout', '1h', '--kill-timeout', '50ms'];
    const server = await startServer(args, { program: STUBBORN });
    const wires = await Promise.all([Wire.connect(server.port, XTERM), Wire.connect(server.port, XTERM)]);
    const programs: number[] = [];
    for (const wire of wires) programs.push(Number((await wire.expect(/up \d+\r\n/)).match(/\d+/g)!.at(-1)));
    const workers = childrenOf(server.pid).map(({ pid }) => pid);
    server.process.kill('SIGTERM');
    await server.waitForLog(/draining: SIGTERM/);
    for (const pid of workers) process.kill(pid, 'SIGKILL');
    assert.deepEqual(await server.exited, over);
    assert.equal(server.stderr.match(/worker \d ended: pid \d+, killed by SIGKILL, 1 session lost"/g)?.length, 2);
    for (const program of programs) assert.ok(!isAlive(program));
  });
});

describe('Server.drain and shutdown({ drain })', LIMIT, () => {
  it('resolves with whether all sessions have ended, and accepts no new client', async () => {
    await using host = await Host.start({ shell: session => once(session.resume(), 'end') });
    const [one, two] = [await host.connect(), await host.connect()];
    assert.equal(await host.server.drain({ timeout: 1 }), false);
    await assertPortFree(host.port);
    await assert.rejects(host.server.listen(0), { code: 'ERR_SERVER_STATE' });
    const drained = host.server.drain();
    one.halfClose();
    two.halfClose();
    assert.equal(await drained, true);
    assert.equal(host.server.sessions.size, 0);
  });

  it('a shutdown ends the sessions that a drain waits for', async () => {
    await using host = await Host.start({ shell: session => once(session, 'hangup') });
    const wire = await host.connect();
    const first = host.server.shutdown({ drain: 3_600_000 });
    await assertPortFree(host.port);
    assert.equal(host.server.sessions.size, 1);
    await host.server.shutdown();
    await first;
    await wire.untilEnd();
  });
});
