/** README.md and docs/cli.md: their form, links, picture and commands; and the folders of CONTRIBUTING.md. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { describe, it, test } from 'node:test';
import { picture } from '../../scripts/picture/draw.ts';
import { Terminal } from '../support/clients/tmux.ts';
import { startServer } from '../support/servers/server.ts';
import { requireTool } from '../support/system/tools.ts';
import { document, table } from './markdown.ts';

const root = new URL('../../', import.meta.url);
const text = document('README.md');

describe('README.md', () => {
  it('has at most 200 lines', () => {
    const lines = text.trimEnd().split('\n').length;
    assert.ok(lines <= 200, `${lines} lines`);
  });

  it('has its sections in the order in which a newcomer needs them', () => {
    const sections = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
    assert.deepEqual(sections, [
      'Install',
      'Start',
      'Connect',
      'The library in ten lines',
      'Features',
      'Comparison',
      'Security',
      'Documentation',
      'License',
    ]);
  });

  it('explains telpty in three lines, before the picture', () => {
    const [, introduction = ''] = /^# telpty\n\n(.*?)\n\n!\[[^\]]+\]\(docs\/picture\.svg\)$/ms.exec(text) ?? [];
    assert.equal(introduction.split('\n').length, 3, introduction);
  });

  it('installs, starts and tests a clone by scripts that exist', () => {
    const { scripts } = JSON.parse(document('package.json')) as { scripts: Record<string, string> };
    const [, section = ''] = /^## Install$(.*?)^## /ms.exec(text) ?? [];
    for (const name of ['start', 'test']) {
      assert.match(section, new RegExp(`^ {4}npm install && npm ${name}$`, 'm'));
      assert.ok(name in scripts, `package.json has a script ${name}`);
    }
  });

  it('links to every page of docs/', () => {
    const pages = readdirSync(new URL('docs/', root)).filter(name => name.endsWith('.md'));
    for (const name of pages) assert.ok(text.includes(`](docs/${name})`), `README.md has a link to docs/${name}`);
  });
});

describe('the picture of the README', () => {
  it('is smaller than 200 kB', () => {
    const { size } = statSync(new URL('docs/picture.svg', root));
    assert.ok(size < 200_000, `${size} bytes`);
  });

  it('is drawn from its recording', async () => {
    const drawn = await picture();
    assert.ok(drawn === document('docs/picture.svg'), 'docs/picture.svg is stale; run: npm run picture -- --draw');
  });
});

/** The names with which GitHub links to the headings of a document. */
function anchorsOf(markdown: string): string[] {
  const outside = markdown.replaceAll(/^```.*?^```$/gms, '');
  return [...outside.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('the links resolve in', () => {
  const pages = readdirSync(new URL('docs/', root)).map(name => `docs/${name}`);
  const top = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'packaging/README.md', 'test/README.md'];
  for (const name of [...top, ...pages].filter(path => path.endsWith('.md'))) {
    it(name, () => {
      const dead: string[] = [];
      for (const [, target = ''] of document(name).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? new URL(name, root) : new URL(path, new URL(name, root));
        if (!existsSync(file)) dead.push(target);
        else if (anchor !== undefined && !anchorsOf(readFileSync(file, 'utf8')).includes(anchor)) dead.push(target);
      }
      assert.deepEqual(dead, []);
    });
  }
});

test('the layers in CONTRIBUTING.md are the folders of src/', () => {
  const folders = table(document('CONTRIBUTING.md'), 'folder').flatMap(([cell = '']) =>
    [...cell.matchAll(/src\/([\w.-]+)/g)].map(([, room]) => room),
  );
  assert.deepEqual(folders.toSorted(), readdirSync(new URL('../../src/', import.meta.url)).sort());
});

test('the command for a public game runs unchanged except for its port', {
  timeout: 300_000,
}, async () => {
  const commandLine = document('docs/cli.md');
  const section = commandLine.slice(commandLine.indexOf('## Open to the public'));
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
