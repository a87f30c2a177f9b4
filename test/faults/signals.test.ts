/**
 * A server that is stopped for a while, receives irrelevant signals, or whose clock is set: no client is disconnected.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Wire } from '../support/clients/test-client.ts';
import { childrenOf, processInfo, untilTrue } from '../support/leaks.ts';
import { requireTool } from '../support/system/tools.ts';
import { Bystander, startObedient, told, XTERM } from './support.ts';

const LIMIT = { timeout: 600_000 };

describe('signals', LIMIT, () => {
  for (const args of [[], ['--workers', '2']]) {
    const whom = args.length === 0 ? 'to the server' : 'to each of several processes';
    it(`SIGPIPE and SIGURG, ${whom}: nothing happens`, async () => {
      await using server = await startObedient(args);
      await using bystander = await Bystander.start(server);
      const pids = [server.pid, ...(args.length === 0 ? [] : childrenOf(server.pid).map(({ pid }) => pid))];
      for (const signal of ['SIGPIPE', 'SIGURG'] as const) for (const pid of pids) process.kill(pid, signal);
      await bystander.progress();
      await (await told(server, 'exit')).untilClose();
      await bystander.leave();
    });

    it(`SIGSTOP and SIGCONT, ${whom}: input that arrived meanwhile is processed, and no time limit expires`, async () => {
      // Longer than these limits, as a minute would exceed usual limits.
      await using server = await startObedient([...args, '--idle-timeout', '2s', '--negotiation-timeout', '500ms']);
      await using bystander = await Bystander.start(server);
      const pids = [server.pid, ...(args.length === 0 ? [] : childrenOf(server.pid).map(({ pid }) => pid))];
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      await untilTrue(() => pids.every(pid => processInfo(pid)?.state === 'T'));
      // The kernel accepts connections and queues input. Earlier input may have reached the program, so a session may
      // be idle.
      bystander.sendMore();
      const late = await Wire.connect(server.port, XTERM);
      await sleep(2_500);
      for (const pid of pids) process.kill(pid, 'SIGCONT');
      await late.expect('ready');
      await late.close();
      await bystander.leave();
    });
  }
});

describe('a clock that jumps', LIMIT, () => {
  it('days ahead and back: no time limit expires, and no timer is delayed', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-clock-'));
    const file = join(directory, 'time');
    const set = (offset: string) => writeFileSync(file, `${offset}\n`);
    set('+0');
    requireTool('faketime');
    const library = spawnSync('sh', ['-c', 'ls /usr/lib/*/faketime/libfaketime.so.1'], {
      encoding: 'utf8',
    }).stdout.trim();
    // As in Linux when the date is set: only the real-time clock changes.
    const env = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      DONT_FAKE_MONOTONIC: '1',
    };
    const limits = [
      '--idle-timeout',
      '30s',
      '--session-timeout',
      '1h',
      '--kill-timeout',
      '50ms',
      '--log-format',
      'json',
    ];
    try {
      await using server = await startObedient(limits, { env });
      await using bystander = await Bystander.start(server);
      const idle = await told(server, 'exec cat');
      const ends = () => (server.stderr.match(/session \d+ ended/g) ?? []).length;
      for (const [done, offset] of ['+3d', '-400d', '+10y', '+0'].entries()) {
        set(offset);
        await bystander.progress();
        // The program ignores SIGHUP, so that a timer ends it.
        const wire = await told(server, 'trap "" HUP; echo up; while :; do sleep 1; done');
        await wire.expect('up');
        await wire.close();
        await untilTrue(() => childrenOf(server.pid).length === 2);
        // Its line must have the time of this offset.
        await untilTrue(() => ends() === done + 1);
      }
      assert.equal(idle.ended, false);
      await idle.close();
      await bystander.leave();
      await untilTrue(() => ends() === 6);
      const ended = server.stderr.split('\n').filter(line => / ended:/.test(line));
      const years = new Set(ended.map(line => JSON.parse(line).time.slice(0, 4)));
      assert(years.size >= 3, `the clock must have changed: ${[...years]}`);
      for (const line of ended) {
        const { duration } = JSON.parse(line);
        assert(duration >= 0 && duration < 60_000, `a session of ${duration} ms`);
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
