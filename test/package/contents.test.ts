/** The contents of the packed package. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { tool } from '../../scripts/lib/tools.mjs';
import { Project, ROOT, TARBALL } from './support.ts';

const unpacked = new Project();
const root = join(unpacked.directory, 'package');
after(() => unpacked[Symbol.dispose]());
before(() => unpacked.run(['tar', '-xzf', TARBALL]));

function files(): string[] {
  return readdirSync(root, { recursive: true })
    .map(String)
    .filter(name => statSync(join(root, name)).isFile());
}

describe('the packed package', () => {
  it('has no script that npm runs at installation', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    // npm also runs `prepare` if the package is a tarball or a git dependency.
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
      assert.equal(scripts[name], undefined, name);
    // npm builds a package that contains this file even without a script.
    assert.ok(!files().includes('binding.gyp'));
  });

  it('has a prebuilt addon for each platform that its error names', () => {
    const loader = readFileSync(join(root, 'dist/native/load.js'), 'utf8');
    const [, list] = /const PREBUILT = \[(.*?)\]/.exec(loader)!;
    const platforms = [...list!.matchAll(/'([^']+)'/g)].map(([, name]) => name!).sort();
    assert.deepEqual(readdirSync(join(root, 'prebuilds')).sort(), platforms);
    for (const name of platforms) assert.deepEqual(readdirSync(join(root, 'prebuilds', name)), ['telpty.node']);
  });

  it('has no source maps, tests or state of a build', () => {
    assert.deepEqual(
      files().filter(name => /\.map$|\.test\.|tsbuildinfo|\.built$|^test\/(?!README\.md$)|^native\/build/.test(name)),
      [],
    );
  });

  it('has no module whose source no longer exists', () => {
    const modules = files().filter(name => /^dist\/(?!cli\/|web\/page\/).*\.js$/.test(name));
    const sources = modules.map(name => join(ROOT, name.replace('dist/', 'src/').replace(/\.js$/, '.ts')));
    assert.ok(sources.length > 100, `${sources.length} modules`);
    assert.deepEqual(
      sources.filter(source => !existsSync(source)),
      [],
    );
  });

  it('has the page for browsers, whose libraries are bundled and small', () => {
    const page = join(root, 'dist/web/page');
    const html = readFileSync(join(page, 'index.html'), 'utf8');
    const linked = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, name]) => name!);
    assert.ok(linked.length >= 3, html);
    for (const name of linked) assert.ok(existsSync(join(page, name)), name);
    // docs/web.md states the size.
    const sizes = readdirSync(page).map(name => gzipSync(readFileSync(join(page, name))).length);
    const size = sizes.reduce((sum, each) => sum + each, 0);
    assert.ok(size < 220_000, `${size} bytes`);
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const terminals = Object.keys(dependencies).filter(name => name.startsWith('@xterm/'));
    assert.deepEqual(terminals, ['@xterm/headless']);
    assert.deepEqual(
      files().filter(name => name.startsWith('web/')),
      [],
    );
  });

  it('contains all files to which its documents link', () => {
    const dead: string[] = [];
    for (const file of files().filter(name => name.endsWith('.md'))) {
      const text = readFileSync(join(root, file), 'utf8').replaceAll(/^```.*?^```/gms, '');
      for (const [, target] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        if (/^[a-z]+:/.test(target!)) continue;
        if (!existsSync(join(root, dirname(file), target!))) dead.push(`${file}: ${target}`);
      }
    }
    assert.deepEqual(dead, []);
  });

  it('passes publint', async () => {
    const publint = join(await tool('publint@0.3.25'), 'src', 'cli.js');
    await unpacked.run([process.execPath, publint, '--strict', root]);
  });

  it('passes attw --profile esm-only', async () => {
    const attw = join(await tool('@arethetypeswrong/cli@0.18.5'), 'dist', 'index.js');
    await unpacked.run([process.execPath, attw, '--profile', 'esm-only', TARBALL]);
  });
});
