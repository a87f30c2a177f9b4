import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { localeAvailable } from '../../src/native/locales.ts';
import { isOobInline, sendUrgent, setOobInline } from '../../src/native/sockets.ts';
import { inNode } from '../pty/support.ts';

/** Node has no public access to a socket's descriptor. */
const fdOf = (socket: Socket) => (socket as unknown as { _handle: { fd: number } })._handle.fd;

test('the urgent byte of a BSD Synch stays in the stream if that is requested', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as { port: number }).port);
  const [accepted] = (await once(server, 'connection')) as [Socket];
  assert.equal(isOobInline(fdOf(accepted)), false);
  assert.equal(setOobInline(fdOf(accepted)), true);
  assert.equal(isOobInline(fdOf(accepted)), true);
  client.write('before');
  assert.equal((await once(accepted, 'data'))[0].toString('latin1'), 'before');
  assert.equal(sendUrgent(fdOf(client), Buffer.from([255, 242])), 2);
  client.end('after');
  const chunks: Buffer[] = [];
  for await (const chunk of accepted) chunks.push(chunk as Buffer);
  assert.equal(Buffer.concat(chunks).toString('latin1'), '\xff\xf2after');
  server.close();
});

test('invalid descriptors are refused', () => {
  assert.equal(setOobInline(-1), false);
  assert.equal(isOobInline(-1), false);
  assert.equal(sendUrgent(-1, Buffer.from('x')), 0);
});

test('localeAvailable() knows the locales of the C library', () => {
  assert.equal(localeAvailable('C'), true);
  assert.equal(localeAvailable('xx_YY.no-such-charset'), false);
  assert.equal(localeAvailable('x'.repeat(1000)), false);
});

const addonFiles = ['shells/program/pty-shell', 'native/sockets', 'native/locales'].map(
  name => new URL(`../../src/${name}.ts`, import.meta.url).href,
);

test('without the addon the import works, a start fails with the reason, and the other calls do nothing', async () => {
  const { output } = await inNode(
    '',
    `const [{ ptyShell }, sockets, locales] = await Promise.all(${JSON.stringify(addonFiles)}.map(file => import(file)));
    try { pty.spawnPty('true'); } catch (e) { console.log(e.code, e.cause !== undefined); }
    try { ptyShell('true'); } catch (e) { console.log(e.code); }
    const { setOobInline, isOobInline, sendUrgent, localeAvailable, peerState } = { ...sockets, ...locales };
    console.log(setOobInline(0), isOobInline(0), sendUrgent(0, Buffer.alloc(1)), localeAvailable('C'), peerState(0));`,
    '--no-addons',
  );
  assert.equal(output, 'ERR_PTY_UNSUPPORTED true\nERR_PTY_UNSUPPORTED\nfalse false 0 true connected\n');
});

for (const [name, version] of [
  ['bun', 'Bun'],
  ['deno', 'Deno'],
]) {
  test(`in ${version} the addon is not loaded, and the error says so`, async () => {
    const { output } = await inNode(
      '',
      `Object.defineProperty(process.versions, '${name}', { value: '1.0.0' });
      const { ptyShell } = await import(${JSON.stringify(addonFiles[0])});
      try { ptyShell('true'); } catch (e) { console.log(e.code, e.message); }
      console.log(process.report.getReport().sharedObjects.some(file => file.endsWith('telpty.node')));`,
    );
    assert.match(output, new RegExp(`^ERR_PTY_UNSUPPORTED .* not available in ${version}, .* Node\\.js\nfalse\n$`));
  });
}
