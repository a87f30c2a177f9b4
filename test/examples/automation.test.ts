import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ptyShell, type Session } from '../../src/index.ts';
import { Host } from '../support/servers/host.ts';
import { LOADER } from '../support/typescript.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The first start uses the loader that the example names, later ones that of the tests, which takes 0.3 s less. */
let loader = 'tsx';

/** Runs the example. */
const run = (...targets: string[]) => runWith([], ...targets);

/** Divides its intervals by 100: 10 s become 100 ms. */
const HASTY = [
  '--import',
  'data:text/javascript,const { setInterval } = globalThis;' +
    'globalThis.setInterval = (call, ms, ...more) => setInterval(call, ms / 100, ...more);',
];

function runWith(
  flags: readonly string[],
  ...targets: string[]
): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const options = { cwd: root, env: { ...process.env, PASSWORD: 'lovelace' }, timeout: 300_000 };
  const words = [...flags, '--import', loader];
  loader = LOADER;
  return new Promise(resolve => {
    execFile(process.execPath, [...words, 'examples/automation.ts', ...targets], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : (error.code ?? error.signal), stdout, stderr }),
    );
  });
}

// A separate df: the system's df asks all file systems for their sizes. It sleeps in statfs() until SIGKILL on a FUSE
// mount whose server does not answer. stuck-start.test.ts makes such mounts, and may run at the same time as this file.
const programs = mkdtempSync(join(tmpdir(), 'telpty-df-'));
after(() => rmSync(programs, { recursive: true }));
const TABLE = ['Filesystem Size Used Avail Use% Mounted on', '/dev/sda1 20G 9.0G 11G 45% /'];
writeFileSync(join(programs, 'df'), `#!/bin/sh\nprintf '%s\\n' ${TABLE.map(line => `'${line}'`).join(' ')}\n`, {
  mode: 0o755,
});
const shell = ptyShell('/bin/sh', ['-i'], { env: { PS1: 'device$ ', PATH: `${programs}:/usr/bin:/bin` } });

/** A device: asks for a login, and starts a shell. */
async function device(session: Session): Promise<unknown> {
  session.write('Frobozz switch 1.0\r\n\r\n');
  for (;;) {
    const name = await session.readLine({ prompt: 'device login: ' });
    const password = await session.readLine({ prompt: 'Password: ', hidden: true });
    if (name === undefined || password === undefined) return undefined;
    if (name === 'ada' && password === 'lovelace') break;
    session.write('\r\nLogin incorrect\r\n');
  }
  session.write('\r\nLast login: yesterday\r\n');
  return shell(session);
}

test('each machine gets one line: its disks, or the error', async () => {
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

test('a silent machine is reported as ERR_TIMEOUT', async () => {
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

test('the program ends although a machine never closes its side', async () => {
  const sockets: Socket[] = [];
  const said: string[] = [];
  const server = createTcpServer({ allowHalfOpen: true }, socket => {
    sockets.push(socket);
    socket.write('device$ ');
    socket.on('data', (chunk: Buffer) => {
      said.push(chunk.toString('latin1'));
      if (chunk.includes('df -hP')) socket.write('df -hP\r\n/dev/sda1 20G 9.0G 11G 45% /\r\ndevice$ ');
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const { code, stdout } = await runWith(HASTY, `ada@127.0.0.1:${port}`);
  assert.deepEqual([code, stdout], [0, `ada@127.0.0.1:${port}: / 45% of 20G\n`]);
  assert.match(said.join(''), /exit\r\n$/);
  for (const socket of sockets) socket.destroy();
  await new Promise(resolve => server.close(resolve));
});
