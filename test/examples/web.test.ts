import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, connectWeb, statusOf } from '../support/clients/web-client.ts';
import { startExample } from './support.ts';

test('a page of Fastify has a terminal in it', async () => {
  await using example = await startExample('web');
  const page = await ask(example.port, '/');
  assert.match(page.text, /<iframe src="\/terminal\/"/);
  assert.equal((await ask(example.port, '/other')).status, 404);
  const { headers, text } = await ask(example.port, '/terminal/config.json');
  assert.equal(JSON.parse(text).title, 'Calculator');
  assert.match(String(headers['content-security-policy']), /frame-ancestors 'self'$/);
  assert.equal(
    await statusOf(example.port, { path: '/terminal/ws', headers: { origin: 'https://evil.example' } }),
    403,
  );
  assert.equal(await statusOf(example.port, { path: '/ws' }), 404);
  await using wire = await connectWeb(example.port, { path: '/terminal/ws' });
  wire.type('2^10\r');
  await wire.expect('1024\r\n');
});
