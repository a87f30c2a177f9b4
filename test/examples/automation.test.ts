import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ptyShell, readLine, type Session } from '../../src/index.ts';
import { Host } from '../support/host.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Runs the example as its first lines say. */
function run(...targets: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const options = { cwd: root, env: { ...process.env, PASSWORD: 'lovelace' } };
  return new Promise(resolve => {
    execFile(
      process.execPath,
      ['--import', 'tsx', 'examples/automation.ts', ...targets],
      options,
      (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

const shell = ptyShell('/bin/sh', ['-i'], { env: { PS1: 'device$ ' } });

/** What a device does: asks who it is, and gives a shell. */
async function device(session: Session): Promise<unknown> {
  session.write('Frobozz switch 1.0\r\n\r\n');
  for (;;) {
    const name = await readLine(session, { prompt: 'device login: ' });
    const password = await readLine(session, { prompt: 'Password: ', hidden: true });
    if (name === undefined || password === undefined) return undefined;
    if (name === 'ada' && password === 'lovelace') break;
    session.write('\r\nLogin incorrect\r\n');
  }
  session.write('\r\nLast login: yesterday\r\n');
  return shell(session);
}

test('machines are asked, and those that cannot be asked are named', async () => {
  await using host = await Host.start({ shell: device });
  const { code, stdout, stderr } = await run(
    `ada@127.0.0.1:${host.port}`,
    `bob@127.0.0.1:${host.port}`,
    'ada@127.0.0.1:1',
  );
  assert.match(stdout, /^ada@127\.0\.0\.1:\d+: (.*, )?\/\S* \d+% of \S+.*\n$/);
  assert.match(stderr, /^bob@127\.0\.0\.1:\d+: .* \(ERR_LOGIN\)$/m);
  assert.match(stderr, /^ada@127\.0\.0\.1:1: .* \(ERR_CONNECT\)$/m);
  assert.equal(stderr.trim().split('\n').length, 2);
  assert.equal(code, 1);
  await host.outcome(2);
});

test('a machine that says nothing is given up', async () => {
  const sockets: Socket[] = [];
  const server = createTcpServer(socket => sockets.push(socket));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const { code, stderr } = await run(`ada@127.0.0.1:${port}`);
  assert.match(stderr, /\(ERR_TIMEOUT\)\n$/);
  assert.equal(code, 1);
  for (const socket of sockets) socket.destroy();
  await new Promise(resolve => server.close(resolve));
});
