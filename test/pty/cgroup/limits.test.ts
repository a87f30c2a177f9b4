/**
 * The effects of memory, pids and cpu, and delegation to users. This runs in a separate machine, a User Mode Linux,
 * since the system under test may have assigned these controllers to version 1, or not at all.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { atExit } from '../../support/cleanup.ts';
import { requireTool } from '../../support/system/tools.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-uml-'));
after(() => rmSync(directory, { recursive: true }));

test('limits and delegation work on a kernel that has all controllers', async () => {
  const init = fileURLToPath(new URL('machine/init.sh', import.meta.url));
  const preload = join(directory, 'ptrace.so');
  const shim = fileURLToPath(new URL('machine/ptrace.c', import.meta.url));
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', preload, shim, '-ldl']);
  const disk = ['root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'ro'];
  const machine = ['mem=768M', 'con=null', 'con0=null,fd:1', 'quiet', `uml_dir=${directory}`, `init=${init}`];
  const linux = spawn(requireTool('linux.uml'), [...disk, ...machine], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env.PATH, HOME: directory, TMPDIR: directory, LD_PRELOAD: preload },
    detached: true,
  });
  const ended = once(linux, 'exit');
  const off = () => process.kill(-linux.pid!, 'SIGKILL');
  const forget = atExit(off);
  let output = '';
  for await (const chunk of linux.stdout.setEncoding('utf8')) {
    output += chunk;
    if (/^done\r?$/m.test(output)) break;
  }
  off();
  await ended;
  forget();
  const lines = output.split(/\r?\n/).filter(line => /^(not )?ok: /.test(line));
  assert.deepEqual(
    lines.filter(line => line.startsWith('not')),
    [],
  );
  assert.equal(lines.length, 9, output);
});
