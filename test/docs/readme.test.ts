/** README.md: its tables of options are those of the commands. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { connectOptions } from '../../src/cli/connect/options.ts';
import type { OptionTable } from '../../src/cli/options.ts';
import { serveOptions } from '../../src/cli/serve-options/index.ts';
import { startServer } from '../support/server.ts';
import { Terminal } from '../support/tmux.ts';
import { requireTool } from '../support/tools.ts';
import { document, table } from './markdown.ts';

const text = document('README.md');
const commands: readonly (readonly [name: string, heading: string, options: OptionTable])[] = [
  ['serve', '## The command', serveOptions],
  ['connect', '### The client', connectOptions],
];

for (const [command, heading, options] of commands) {
  const rows = table(text.slice(text.indexOf(heading)), 'option');
  const described = rows.map(([cell = '', , defaults = '']) => ({
    names: [...cell.matchAll(/--([a-z-]+)/g)].map(([, name = '']) => name),
    defaults,
  }));

  test(`the options of telpty ${command} are all in the README`, () => {
    const names = described.flatMap(row => row.names);
    assert.deepEqual(
      names.toSorted(),
      Object.keys(options)
        .filter(name => name !== 'help')
        .toSorted(),
    );
  });

  test(`the defaults of telpty ${command} are those in the README`, () => {
    for (const { names, defaults } of described) {
      const told = defaults.split(',').map(part => part.trim().replaceAll('`', ''));
      names.forEach((name, at) => {
        const spec = options[name]!;
        if (spec.defaultWords !== undefined && spec.default === undefined) return; // Words, for people.
        const expected = spec.argument === undefined ? 'off' : (spec.defaultWords ?? spec.default ?? '');
        assert.equal(told[told.length === 1 ? 0 : at], expected, name);
      });
    }
  });
}

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
