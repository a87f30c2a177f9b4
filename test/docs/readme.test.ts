/** README.md: the commands in it run as written; and the folders of CONTRIBUTING.md. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { Terminal } from '../support/clients/tmux.ts';
import { startServer } from '../support/servers/server.ts';
import { requireTool } from '../support/system/tools.ts';
import { document, table } from './markdown.ts';

const text = document('README.md');
test('the layers in CONTRIBUTING.md are the folders of src/', () => {
  const folders = table(document('CONTRIBUTING.md'), 'folder').flatMap(([cell = '']) =>
    [...cell.matchAll(/src\/([\w.-]+)/g)].map(([, room]) => room),
  );
  assert.deepEqual(folders.toSorted(), readdirSync(new URL('../../src/', import.meta.url)).sort());
});

test('the command for a game that is open to the public runs as it is written, but for its port', {
  timeout: 60_000,
}, async () => {
  const section = text.slice(text.indexOf('### Open to the public'));
  const [, command = ''] = /^ {4}telpty serve ((?:.*\\\n)*.*)$/m.exec(section) ?? [];
  const words = command.replaceAll('\\\n', ' ').trim().split(/ +/);
  const end = words.indexOf('--');
  const args = words.slice(0, end);
  args.splice(args.indexOf('--port'), 2);
  await using server = await startServer(args, { program: words.slice(end + 1) });
  await using player = await Terminal.start([requireTool('telnet'), '127.0.0.1', String(server.port)]);
  await player.waitFor(/NetHack, Copyright/);
  await player.waitFor(/Who are you|Shall I pick/);
});
