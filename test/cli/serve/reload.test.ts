/** SIGHUP: the settings that can change at run time are applied, and nothing else changes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Reloadables } from '../../../src/cli/serve/reload.ts';
import type { ServeSettings } from '../../../src/cli/serve/settings.ts';
import { TelptyError } from '../../../src/errors.ts';
import { atExit } from '../../support/cleanup.ts';
import { Wire } from '../../support/clients/test-client.ts';
import { isAlive, untilTrue } from '../../support/leaks.ts';
import { CLI, startServer, type TestServer } from '../../support/servers/server.ts';
import { requireTool } from '../../support/system/tools.ts';

const LIMIT = { timeout: 600_000 };
const directory = mkdtempSync(join(tmpdir(), 'telpty-reload-'));
after(() => rmSync(directory, { recursive: true }));

let files = 0;

/** A server with a configuration file, and a function that rewrites it and sends SIGHUP. */
async function configured(
  text: string,
  args: readonly string[] = [],
): Promise<{ server: TestServer; reload: (text: string, answer: RegExp) => Promise<string> }> {
  const file = join(directory, `${++files}.yaml`);
  writeFileSync(file, text);
  const server = await startServer(['--config', file, '--log-format', 'json', ...args]);
  let seen = 0;
  const reload = async (newer: string, answer: RegExp) => {
    writeFileSync(file, newer);
    server.process.kill('SIGHUP');
    const lines = () => server.stderr.split('\n').filter(line => /"(?:not )?reloaded/.test(line));
    await untilTrue(() => lines().length > seen);
    const line = lines()[seen++]!;
    assert.match(line, answer);
    return line;
  };
  return { server, reload };
}

for (const workers of [1, 3]) {
  describe(`SIGHUP, workers: ${workers}`, LIMIT, () => {
    const args = ['--workers', String(workers)];

    it('reads the configuration again, and closes no session', async () => {
      const { server, reload } = await configured('program: [cat]\nlog-level: info\n', args);
      await using wire = await Wire.connect(server.port, { ttype: ['xterm'], size: [80, 24] });
      wire.type('before\r');
      await wire.expect('before\r\nbefore\r\n');
      await reload('program: [cat]\nlog-level: debug\n', /"msg":"reloaded: [a-z, ]*log level/);
      wire.type('after\r');
      await wire.expect('after\r\nafter\r\n');
      await using second = await Wire.connect(server.port, { ttype: ['xterm'], size: [80, 24] });
      await server.waitForLog(/"msg":"session 2: connection from/);
      await Promise.all([wire.close(), second.close()]);
      await server.stop();
      assert.doesNotMatch(server.stderr, /session 1: connection from/);
    });

    it('logs in one line what needs a restart, each time', async () => {
      const { server, reload } = await configured('program: [cat]\n', args);
      const line = /; changed but needs a restart: --never-send-ga, --idle-timeout, --env, --rlimit, PROGRAM"/;
      const newer = 'program: [sh]\nidle-timeout: 1h\nnever-send-ga: true\nenv: {A: b}\nrlimit: [cpu=60]\n';
      await reload(newer, line);
      await reload(newer, line);
      await reload('program: [cat]\n', /"msg":"reloaded: [a-z, ]+"/);
      await server.stop();
    });

    it('an invalid or missing file changes nothing, and is logged in one line', async () => {
      const { server, reload } = await configured('program: [cat]\nlog-level: debug\n', args);
      const bad =
        /"level":50.*"msg":"not reloaded, nothing was changed: \/\S+\.yaml:\d+:\d+: lgo-level: unknown option \(did you mean log-level\?\)"/;
      await reload('program: [cat]\nlgo-level: trace\n', bad);
      await using wire = await Wire.connect(server.port);
      await server.waitForLog(/"msg":"session 1: connection from/);
      await wire.close();
      await reload('program: [cat]\nlog-level: debug\n', /"msg":"reloaded: /);
      await server.stop();
    });
  });
}

describe('Reloadables', LIMIT, () => {
  const settings = {} as ServeSettings;

  it('are applied once all of them have been checked, or not at all', async () => {
    const steps: string[] = [];
    const reloadables = new Reloadables();
    let refuses = true;
    reloadables.add({ name: 'one', options: ['host'], prepare: () => () => steps.push('one') });
    reloadables.add({
      name: 'two',
      options: ['port'],
      async prepare() {
        steps.push('look');
        if (refuses) throw new TelptyError('ERR_RUNTIME', 'no such file');
        return () => steps.push('two');
      },
    });
    await assert.rejects(reloadables.prepare(settings), /no such file/);
    refuses = false;
    const apply = await reloadables.prepare(settings);
    assert.deepEqual(steps, ['look', 'look']);
    apply();
    assert.deepEqual(steps, ['look', 'look', 'one', 'two']);
    assert.deepEqual(reloadables.facts, [
      { name: 'one', options: ['host'] },
      { name: 'two', options: ['port'] },
    ]);
  });
});

describe('SIGHUP and a terminal', LIMIT, () => {
  const script = fileURLToPath(new URL('../../support/clients/terminal.py', import.meta.url));

  /** Runs a command line in its own terminal until telpty listens. `$TELPTY` in it is `telpty serve` with cat. */
  async function inTerminal(line: string) {
    const log = join(directory, `${++files}.log`);
    const telpty = `"$0" "$1" serve --port 0 --log-format json cat`;
    const command = line.replace('TELPTY', telpty).replaceAll('LOG', log);
    const words = [script, '/bin/sh', '-c', command, process.execPath, CLI];
    const terminal = spawn(requireTool('python3'), words, { stdio: ['pipe', 'pipe', 'inherit'] });
    const done = atExit(() => terminal.kill('SIGKILL'));
    terminal.once('close', done);
    let screen = '';
    terminal.stdout.setEncoding('utf8').on('data', text => {
      screen += text;
    });
    const logged = () => (existsSync(log) ? readFileSync(log, 'utf8') : '');
    await untilTrue(() => /^pid \d+\n/.test(screen) && /"serving \S/.test(`${logged()}${screen}`));
    const pid = Number(/pid (\d+)/.exec(screen)![1]);
    return { terminal, pid, logged, screen: () => screen };
  }

  it('reloads while the terminal exists, and stops when it is closed', async () => {
    const { terminal, pid, logged, screen } = await inTerminal('exec TELPTY 2>LOG');
    process.kill(pid, 'SIGHUP');
    await untilTrue(() => logged().includes('"reloaded: '));
    terminal.stdin.end();
    await once(terminal, 'close');
    assert.match(logged(), /"stopping: SIGHUP, the terminal is gone, 0 sessions"/);
    assert.match(screen(), /status 0/);
  });

  it('also stops if all its output goes to the terminal', async () => {
    const { terminal, screen } = await inTerminal('exec TELPTY');
    terminal.stdin.end();
    await once(terminal, 'close');
    assert.match(screen(), /status 0/);
  });

  it('a server without a descriptor on the terminal outlives it, as with nohup', async () => {
    const { terminal, pid, logged } = await inTerminal('exec nohup TELPTY </dev/null >LOG 2>&1');
    terminal.stdin.end();
    await untilTrue(() => logged().includes('"reloaded: '));
    assert.ok(isAlive(pid));
    process.kill(pid, 'SIGTERM');
    await once(terminal, 'close');
  });
});
