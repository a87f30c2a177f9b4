/**
 * A server whose programs do not die of SIGKILL: their sessions end, their slots become free, and SIGTERM ends the
 * server.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Wire } from '../../support/clients/test-client.ts';
import { descendantsOf, untilTrue } from '../../support/leaks.ts';
import { untilCounted } from '../../support/servers/metrics.ts';
import { startServer } from '../../support/servers/server.ts';
import { SilentFileSystem } from '../../support/system/silent-file-system.ts';

const XTERM = { ttype: ['xterm'], size: [80, 24] } as const;
const PROGRAM = ['sh', '-c', 'echo ready; read file; exec cat "$file"'];

/** The number of a server's processes that wait for the file system. */
const stuck = (pid: number) => descendantsOf(pid).filter(({ state, name }) => name === 'cat' && state !== 'R').length;

describe('telpty serve with programs that cannot be killed', { timeout: 600_000 }, () => {
  for (const workers of [[], ['--workers', '2']]) {
    it(`reuses their slots, logs and counts them, and stops; ${workers.join(' ') || 'one process'}`, async () => {
      await using silent = await SilentFileSystem.mount();
      const options = ['--metrics', '0', '--max-sessions', '1', '--kill-timeout', '100ms', ...workers];
      await using server = await startServer(options, { program: PROGRAM });
      for (const isLast of [false, true]) {
        await using wire = await Wire.connect(server.port, XTERM);
        await wire.expect('ready');
        const asked = isLast ? undefined : silent.asked();
        wire.send(`${silent.path}/file\r\n`);
        // The second waits for the first one's request.
        if (isLast) await untilTrue(() => stuck(server.process.pid!) === 2);
        else await asked;
        if (isLast) break;
        await wire.close();
        await server.waitForLog(/"msg":"program \d+ does not die of SIGKILL/);
        await server.waitForLog(/"reason":"client-(closed|reset)"/);
        await untilCounted(server, {
          telpty_programs_abandoned_total: 1,
          telpty_sessions: 0,
          telpty_programs: 0,
          'telpty_sessions_total{outcome="hangup"}': 1,
        });
      }
      server.process.kill('SIGTERM');
      assert.deepEqual(await server.exited, { code: 0, signal: null });
    });
  }
});
