/** The system calls of a session on the main thread, which every session of a server waits for. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Wire } from '../../support/clients/test-client.ts';
import { untilTrue } from '../../support/leaks.ts';
import { PATIENCE_MS } from '../../support/patience.ts';
import { XTERM } from '../../support/servers/host.ts';
import { startServer, type TestServer } from '../../support/servers/server.ts';
import { requireTool } from '../../support/system/tools.ts';

const SESSIONS = 20;

/**
 * The most that a session may make of each. Calls that depend on how packets arrive are not here (recvfrom,
 * epoll_pwait, futex). Of `epoll_ctl`, libuv makes two per descriptor to find out whether it can be polled, and one
 * before each start.
 */
const MOST: Readonly<Record<string, number>> = {
  accept4: 1,
  close: 4,
  epoll_ctl: 17,
  ioctl: 4,
  pidfd_open: 1,
  wait4: 1,
  // Detects the end of the program, and whether SIGKILL caused it: then its CPU time is read before it is reaped.
  waitid: 1,
  fchown: 1,
  geteuid: 1,
  shutdown: 1,
};
/** All other calls are not needed. */
const NONE = ['setsockopt', 'getsockopt', 'getpeername', 'getsockname', 'fcntl', 'openat', 'mmap', 'readlink', 'statx'];

async function sessions(server: TestServer, count: number): Promise<void> {
  for (let session = 0; session < count; session++) {
    await using wire = await Wire.connect(server.port, XTERM);
    await wire.expect('ok');
    await wire.untilEnd();
  }
}

test('a session makes no more system calls on the main thread than necessary', async () => {
  const strace = requireTool('strace');
  const directory = mkdtempSync(join(tmpdir(), 'telpty-strace-'));
  const file = join(directory, 'calls');
  try {
    await using server = await startServer(['--log-level', 'warn', '--connect-rate', '0'], {
      program: ['/bin/echo', 'ok'],
    });
    // The compiler's memory is mapped in the first ones.
    await sessions(server, SESSIONS);
    // Without -f, this is the main thread alone.
    const names = [...Object.keys(MOST), ...NONE].join();
    const tracer = spawn(strace, ['-o', file, '-e', `trace=${names}`, '-p', String(server.pid)], { stdio: 'pipe' });
    let said = '';
    tracer.stderr.on('data', chunk => {
      said += chunk;
    });
    await untilTrue(
      () => said.includes('attached'),
      PATIENCE_MS,
      () => said,
    );
    await sessions(server, SESSIONS);
    tracer.kill('SIGINT');
    await once(tracer, 'close');
    const calls = readFileSync(file, 'latin1');
    // It interrupts the thread only if the program ends before the thread that started it accepts signals again.
    assert.ok(calls.split('--- SIGCHLD').length - 1 < SESSIONS / 2, 'most programs interrupt the main thread');
    const counts = new Map<string, number>();
    for (const [, name = ''] of calls.matchAll(/^(\w+)\(/gm)) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    assert.equal(counts.get('accept4'), SESSIONS);
    // The garbage collector and timers make less than one call per session.
    const tooMany = [...counts].filter(([name, count]) => count >= SESSIONS * ((MOST[name] ?? 0) + 1));
    assert.deepEqual(tooMany, [], `of ${SESSIONS} sessions`);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
