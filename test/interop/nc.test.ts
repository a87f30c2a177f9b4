import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { Terminal } from '../support/clients/tmux.ts';
import { startServer } from '../support/servers/server.ts';
import { startBashServer } from '../support/system/programs.ts';
import { requireTool } from '../support/system/tools.ts';

// nc does not answer negotiation, shows it as garbage, and sends LF. It is still served.

const TIMEOUT = { timeout: 600_000 };

/** Runs nc with `input` on its standard input. Returns its output. */
function netcat(args: readonly string[], input: string): Promise<{ code: number | null; output: Buffer }> {
  return new Promise((resolve, reject) => {
    const child = spawn(requireTool('nc'), args, { stdio: ['pipe', 'pipe', 'inherit'], timeout: 300_000 });
    const chunks: Buffer[] = [];
    child.stdout.on('data', chunk => chunks.push(chunk));
    child.once('error', reject);
    child.once('close', code => resolve({ code, output: Buffer.concat(chunks) }));
    child.stdin.end(input);
  });
}

test('nc -N: input before the program starts is kept, output arrives after the end of input', TIMEOUT, async () => {
  await using server = await startBashServer(['--linger', '10m']);
  const { code, output } = await netcat(['-N', '127.0.0.1', String(server.port)], 'echo $((6 * 7))\nexit\n');
  assert.equal(code, 0);
  assert.match(output.toString('latin1'), /[\r\n\0]42\r\n/);
});

test('nc -N: all of a long output arrives after the end of input', TIMEOUT, async () => {
  await using server = await startBashServer(['--negotiation-timeout', '100ms', '--linger', '10m']);
  const { output } = await netcat(['-N', '127.0.0.1', String(server.port)], 'seq 1 30000; exit\n');
  const text = output.toString('latin1').replaceAll(/[\r\0]/g, '');
  const numbers = `${Array.from({ length: 30000 }, (_, at) => at + 1).join('\n')}\n`;
  assert.ok(text.includes(numbers), `the end of the output: ${JSON.stringify(text.slice(-200))}`);
});

test('nc -N: a program that does not end is hung up after --linger', TIMEOUT, async () => {
  await using server = await startServer(['--negotiation-timeout', '100ms', '--linger', '3s'], {
    program: ['/bin/sh', '-c', 'echo ready; exec sleep 1000'],
  });
  const { output } = await netcat(['-N', '127.0.0.1', String(server.port)], 'ignored\n');
  assert.match(output.toString('latin1'), /ready\r\n/);
  await server.assertNoLeaks();
});

test('nc in a terminal: a dialogue by lines', TIMEOUT, async () => {
  await using server = await startBashServer(['--negotiation-timeout', '100ms']);
  await using term = await Terminal.start([requireTool('nc'), '127.0.0.1', String(server.port)]);
  await term.waitFor(/ready\$$/);
  await term.type('echo $((6 * 7))\r');
  await term.waitFor(/\n42\nready\$$/);
  await term.type('stty size; echo $TERM\r');
  await term.waitFor(/\n24 80\nxterm\nready\$$/);
  await term.type('exit\r');
  await term.waitFor(/\nexit\n+exit$/);
  // nc continues to wait for its own input; that must not keep the connection open on the server.
  await server.assertNoLeaks();
  await term.type('\r\r');
  await term.exitStatus();
});
