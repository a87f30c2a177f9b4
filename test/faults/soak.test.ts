/**
 * A short soak: clients of all kinds, in rounds; after each the server holds no more than before. `npm run soak` is
 * longer.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { atExit } from '../support/cleanup.ts';
import { LOADER } from '../support/typescript.ts';

it('a short soak', { timeout: 600_000 }, async () => {
  const main = fileURLToPath(new URL('../../bench/soak.ts', import.meta.url));
  const words = ['--import', LOADER, main, '--minutes', '0.15', '--sessions', '20', '--workers', '2'];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.once(
    'close',
    atExit(() => child.kill()),
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (output += text));
  const [code] = await once(child, 'close');
  assert.equal(code, 0, output);
  assert.match(output, /no resource has grown\n$/);
  for (const kind of ['short', 'flood', 'paste', 'resize', 'garbage', 'stall', 'reset']) {
    assert.match(output, new RegExp(`[1-9]\\d* ${kind}\\b`), `every kind of client must run: ${output}`);
  }
});
