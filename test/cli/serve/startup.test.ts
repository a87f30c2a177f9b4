/** The modules that the command loads before it does its work: each costs time, especially on a small machine. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { CLI } from '../../support/servers/server.ts';

/** A loader that prints each import. */
const HOOKS = `
export async function load(url, context, next) {
  process._rawDebug('loaded ' + url);
  return next(url, context);
}`;
const PRELOAD = `
import { register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(HOOKS)}));`;

/** The files that the command imports until it ends, or until it is ready. */
async function loadedBy(args: readonly string[]): Promise<string[]> {
  const preload = `data:text/javascript,${encodeURIComponent(PRELOAD)}`;
  const child = spawn(process.execPath, ['--import', preload, CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', text => {
    errors += text;
  });
  child.stdout.once('data', () => child.kill('SIGTERM'));
  await new Promise(resolve => child.once('close', resolve));
  return [...errors.matchAll(/^loaded (.*)$/gm)].map(([, url]) => url!);
}

test('--version loads no package and no code of sessions', async () => {
  const loaded = await loadedBy(['--version']);
  const files = loaded.filter(url => url.startsWith('file:'));
  assert.ok(files.length > 0 && files.length < 6, files.join('\n'));
  assert.ok(!files.some(url => url.includes('node_modules')), files.join('\n'));
});

test('serve loads its own code from a few bundles', async () => {
  const loaded = await loadedBy(['serve', '--port', '0', '--', 'true']);
  const own = loaded.filter(url => url.startsWith('file:') && !url.includes('node_modules'));
  assert.ok(own.length > 0 && own.length < 45, own.join('\n'));
});

test('the code of the metrics is loaded with --metrics only', async () => {
  const isForMetrics = (url: string) => url.includes('/prom-client/') || url === 'node:http';
  const serve = ['serve', '--port', '0', '--', 'true'];
  const without = await loadedBy(serve);
  assert.deepEqual(without.filter(isForMetrics), []);
  const loaded = await loadedBy(['serve', '--metrics', '127.0.0.1:0', ...serve.slice(1)]);
  assert.ok(loaded.some(url => url.includes('/prom-client/')) && loaded.includes('node:http'), loaded.join('\n'));
});
