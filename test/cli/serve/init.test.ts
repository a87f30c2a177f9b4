/**
 * The server as the first process of a container: it reaps the orphans of its programs, and no child that other code
 * waits for.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Wire } from '../../support/clients/test-client.ts';
import { processes, untilTrue } from '../../support/leaks.ts';
import { startServer } from '../../support/servers/server.ts';

describe('telpty serve as pid 1', { timeout: 600_000 }, () => {
  for (const workers of [[], ['--workers', '2']]) {
    it(`reaps orphans and reports the exit of its programs; ${workers.join(' ') || 'one process'}`, async () => {
      const script = 'for i in 1 2 3; do (setsid sh -c "exec sleep 0.1" &) ; done; echo begun; read -r line; exit 7';
      await using server = await startServer(workers, {
        program: ['/bin/sh', '-c', script],
        wrapper: ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'],
      });
      const wire = await Wire.connect(server.port, { ttype: ['xterm'], size: [80, 24] });
      await wire.expect('begun');
      const init = processes().find(({ ppid }) => ppid === server.pid)!.pid;
      const sleeping = () => processes().filter(({ ppid, name }) => ppid === init && name === 'sleep');
      await untilTrue(() => sleeping().length === 0);
      wire.type('\r');
      await wire.untilEnd();
      await wire.close();
      await server.waitForLog(/exit 7/);
      await untilTrue(() => processes().every(({ ppid, state }) => ppid !== init || state !== 'Z'));
      process.kill(init, 'SIGTERM');
      assert.deepEqual(await server.exited, { code: 0, signal: null });
    });
  }
});
