/** Workers that hang. */
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { createLog } from '../../../src/cli/log/log.ts';
import { parseServe, type ServeSettings } from '../../../src/cli/serve/settings.ts';
import { runStartupChecks } from '../../../src/cli/serve/startup-checks.ts';
import { WorkerPool } from '../../../src/cli/workers/dispatcher.ts';
import { Heartbeat } from '../../../src/cli/workers/heartbeat.ts';
import { atExit } from '../../support/cleanup.ts';
import { Wire } from '../../support/clients/test-client.ts';
import { childrenOf, isAlive, untilTrue } from '../../support/leaks.ts';

const LIMIT = { timeout: 600_000 };
const STUBBORN = 'trap "" HUP; echo "up $PPID $$"; while :; do sleep 1 || exit; done';

describe('a worker that hangs', LIMIT, () => {
  it('gets no clients, is killed with its programs, and replaced; the others go on', async () => {
    const argv = ['--workers', '2', '--kill-timeout', '50ms', '--log-format', 'json', '/bin/sh', '-c', STUBBORN];
    const settings = parseServe(argv) as ServeSettings;
    let lines = '';
    const write = (line: string) => {
      lines += line;
    };
    const log = createLog({ level: 'info' }, write);
    const pool = new WorkerPool(settings, runStartupChecks(settings, log), log, write, undefined, {
      interval: 200,
      most: 10,
    });
    const { port } = (await pool.listen({ port: 0 })) as AddressInfo;
    await pool.start();
    const workers = childrenOf(process.pid)
      .filter(({ name }) => name.startsWith('node'))
      .map(({ pid }) => pid);
    const forget = atExit(() => {
      for (const pid of workers) process.kill(pid, 'SIGKILL');
    });
    const runner = async (wire: Wire) => {
      const [worker, program] = (await wire.expect(/up \d+ \d+\r\n/)).match(/\d+/g)!.slice(-2).map(Number);
      return { worker: worker!, program: program! };
    };
    const [one, two] = [await Wire.connect(port), await Wire.connect(port)];
    const [hung, other] = [await runner(one), await runner(two)];
    process.kill(hung.worker, 'SIGSTOP');
    await untilTrue(() => lines.includes(`pid ${hung.worker}; it gets no new clients until it answers`));
    const more = await Promise.all([Wire.connect(port), Wire.connect(port), Wire.connect(port)]);
    for (const wire of more) assert.notEqual((await runner(wire)).worker, hung.worker);
    await one.untilClose();
    await untilTrue(() => /"msg":"worker \d is back, pid \d+"/.test(lines));
    assert.match(lines, new RegExp(`"msg":"worker 1 has not answered for 2s: pid ${hung.worker}; it is killed"`));
    assert.match(lines, /"msg":"worker 1 ended: pid \d+, killed by SIGKILL, 1 session lost; /);
    await untilTrue(() => !isAlive(hung.program));
    assert.ok(isAlive(other.program));
    await pool.shutdown();
    await Promise.all([one, two, ...more].map(wire => wire.close()));
    forget();
  });
});

describe('Heartbeat', LIMIT, () => {
  it('counts pings in a row, reports once, and pings only workers that serve', async () => {
    const answers = [true, false, false, true, false, false, false, false, false];
    const reported: unknown[] = [];
    let pinged = 0;
    const worker = { serving: true, ping: () => answers[pinged++] ?? true };
    const idle = { serving: false, ping: () => assert.fail('pinged') };
    const heartbeat = new Heartbeat(
      () => [worker, idle],
      (_, ...what) => reported.push([pinged, ...what]),
      { interval: 1, most: 3 },
    );
    await untilTrue(() => pinged > answers.length);
    heartbeat.stop();
    assert.deepEqual(reported, [
      [2, 1, false],
      [5, 1, false],
      [7, 3, true],
    ]);
  });
});
