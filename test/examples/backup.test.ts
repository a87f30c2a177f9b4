import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Device } from '../client/lab/device.ts';
import { IOS_CONFIGURATION, ios } from '../client/lab/ios.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Runs the example with the command in its first lines. */
function run(target: string, secrets: NodeJS.ProcessEnv): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const options = { cwd: root, env: { ...process.env, ...secrets }, timeout: 300_000 };
  return new Promise(resolve => {
    execFile(process.execPath, ['--import', 'tsx', 'examples/backup.ts', target], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : (error.code ?? error.signal), stdout, stderr }),
    );
  });
}

test('the backup of a switch holds its whole configuration and nothing else', async () => {
  await using device = await Device.start(ios());
  const { code, stdout, stderr } = await run(`ada@127.0.0.1:${device.port}`, {
    PASSWORD: 'secret',
    ENABLE: 'enable-me',
  });
  assert.equal(stderr, '');
  assert.equal(stdout, IOS_CONFIGURATION.map(line => `${line}\n`).join(''));
  assert.equal(code, 0);
});

test('a refused password is one line, and the exit status is 1', async () => {
  await using device = await Device.start(ios());
  const { code, stdout, stderr } = await run(`ada@127.0.0.1:${device.port}`, { PASSWORD: 'secret', ENABLE: 'wrong' });
  assert.match(stderr, /^ada@127\.0\.0\.1:\d+: .+ \(ERR_LOGIN\)\n$/);
  assert.equal(stdout, '');
  assert.equal(code, 1);
});

test('without a target it prints its usage', async () => {
  const { code, stderr } = await run('', {});
  assert.equal(stderr, 'usage: backup.ts USER@HOST[:PORT]\n');
  assert.equal(code, 2);
});
