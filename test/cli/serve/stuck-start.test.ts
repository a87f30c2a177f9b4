/**
 * A server whose programs cannot be started, because their directory hangs: it reports this, still serves, and can be
 * stopped.
 */
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Wire } from '../../support/clients/test-client.ts';
import { ask, untilCounted } from '../../support/servers/metrics.ts';
import { startServer } from '../../support/servers/server.ts';
import { SilentFileSystem } from '../../support/system/silent-file-system.ts';

const XTERM = { ttype: ['xterm'], size: [80, 24] } as const;

describe('telpty serve while starts of programs hang', { timeout: 600_000 }, () => {
  for (const workers of [[], ['--workers', '2']]) {
    it(`is not ready, logs and counts it, and stops at SIGTERM; ${workers.join(' ') || 'one process'}`, async () => {
      const home = mkdtempSync(join(tmpdir(), 'telpty-home-'));
      await using server = await startServer(['--metrics', '0', '--cwd', home, ...workers], { program: ['/bin/cat'] });
      // Not before the server has checked the directory.
      await using silent = await SilentFileSystem.mount(home);
      const asked = silent.asked();
      await using wire = await Wire.connect(server.port, XTERM);
      await asked;
      let answer = await ask(server, '/readyz');
      while (answer.status === 200) answer = await ask(server, '/readyz');
      assert.deepEqual([answer.status, answer.text], [503, 'starts of programs hang\n']);
      await server.waitForLog(/"msg":"starts of programs hang: /);
      await wire.expect(`telpty: cannot start '/bin/cat': it did not start within 5 s and was killed`);
      await server.waitForLog(/"errno":"ETIMEDOUT"/);
      await untilCounted(server, {
        telpty_program_starts_killed_total: 1,
        telpty_program_starts_stuck: 1,
        'telpty_sessions_total{outcome="failed"}': 1,
      });
      // The next one hangs while the server stops; neither child can be killed.
      const next = silent.asked();
      await using _other = await Wire.connect(server.port, XTERM);
      await next;
      server.process.kill('SIGTERM');
      assert.deepEqual(await server.exited, { code: 0, signal: null });
    });
  }
});
