/** The files that are generated from the tables of options: up to date and well-formed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { generatedFiles, read } from '../../scripts/reference/files.ts';
import { commands } from '../../src/cli/help/command-table.ts';
import { serveOptions } from '../../src/cli/options/serve/index.ts';
import { requireTool } from '../support/system/tools.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const files = generatedFiles();
const pages = [...files.keys()].filter(path => path.startsWith('man/'));

describe('a file that is generated from the tables of options', () => {
  for (const [path, text] of files) {
    it(`is up to date: ${path}`, () => {
      assert.ok(read(path) === text, `${path} is stale; run: npm run reference`);
    });
  }
});

describe('docs/options.md', () => {
  for (const name of ['serve', 'connect', 'play', 'render']) {
    it(`has every option of telpty ${name}`, () => {
      const [, part = ''] =
        new RegExp(`<!-- options of ${name}.*?-->(.*?)<!-- end of options -->`, 's').exec(read('docs/options.md')) ??
        [];
      const listed = [...part.matchAll(/^\| (?:`-[a-z]`, )?`--([a-z-]+)/gm)].map(([, option]) => option);
      assert.deepEqual(
        listed,
        commands.get(name)?.sections.flatMap(({ options }) => Object.keys(options)),
      );
    });
  }
});

describe('a manual page', () => {
  for (const path of pages) {
    it(`has no warnings in mandoc: ${path}`, () => {
      const { stdout, stderr } = spawnSync(requireTool('mandoc'), ['-T', 'lint', '-W', 'warning', path], {
        cwd: root,
        encoding: 'utf8',
      });
      assert.equal(stdout + stderr, '');
    });
  }
  it('of telpty serve has the text of the help', () => {
    const { stdout } = spawnSync(requireTool('mandoc'), ['-T', 'ascii', '-O', 'width=200', 'man/telpty-serve.1'], {
      cwd: root,
      encoding: 'utf8',
    });
    const text = stdout.replace(/.\x08/g, '');
    for (const name of Object.keys(serveOptions)) assert.match(text, new RegExp(`^ +(?:-[a-z], )?--${name}\\b`, 'm'));
    assert.match(
      text,
      /--port N\|none\s+Port to listen on; 0 picks a free port; none: [\s\S]*?--socket\.\s+Default: 6023\./,
    );
    assert.match(text, /telpty serve -- nethack/);
  });
  it('is in the package', () => {
    const { man, files: packed } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
      man: string[];
      files: string[];
    };
    assert.deepEqual(man.toSorted(), pages.map(path => `./${path}`).toSorted());
    assert.ok(packed.includes('man') && packed.includes('telpty.schema.json'), packed.join(' '));
  });
});

test('the schema has the keys of a configuration, and the configuration in packaging/ has no others', () => {
  const { properties } = JSON.parse(read('telpty.schema.json')) as { properties: Record<string, unknown> };
  const keys = Object.keys(serveOptions).filter(name => name !== 'config' && name !== 'help');
  assert.deepEqual(Object.keys(properties).toSorted(), ['program', ...keys].toSorted());
  const unknown = Object.keys(parse(read('packaging/telpty.yaml')) as object).filter(key => !(key in properties));
  assert.deepEqual(unknown, []);
});
