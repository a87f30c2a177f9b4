/** The layer check itself: that it fails when a wall is broken, and names the wall. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What the check says of a tree made of these files. */
function check(files: Readonly<Record<string, string>>): { status: number | null; output: string } {
  const directory = mkdtempSync(join(tmpdir(), 'telpty-layers-'));
  try {
    for (const [name, text] of Object.entries({ 'tsconfig.json': '{}', ...files })) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), text);
    }
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(root, 'node_modules/.bin/depcruise'), '--config', join(root, '.dependency-cruiser.mjs'), 'src'],
      { cwd: directory, encoding: 'utf8' },
    );
    return { status, output: stdout + stderr };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test('rooms that import only what is below them pass', () => {
  const { status, output } = check({
    'src/errors.ts': 'export const e = 1;',
    'src/protocol/a.ts': "export { e } from '../errors.ts';",
    'src/session/a.ts': "export { e } from '../protocol/a.ts';",
  });
  assert.equal(status, 0, output);
});

for (const [what, rule, files] of [
  ['an import upward', 'floor-\\d', { 'src/pty/a.ts': "import '../session/a.ts';", 'src/session/a.ts': '' }],
  ['an import beside', 'floor-\\d', { 'src/pty/a.ts': "import '../protocol/b.ts';", 'src/protocol/b.ts': '' }],
  ['a circle', 'no-circles', { 'src/cli/a.ts': "import './b.ts';", 'src/cli/b.ts': "import './a.ts';" }],
  ['Node in the engine', 'protocol-is-pure', { 'src/protocol/a.ts': "import 'node:fs';" }],
  ['a library in the engine', 'protocol-is-pure', { 'src/protocol/a.ts': "import 'pino';" }],
  [
    'another room in the engine',
    'protocol-is-pure',
    { 'src/protocol/a.ts': "import '../pty/b.ts';", 'src/pty/b.ts': '' },
  ],
  [
    'a file without a room',
    'every-file-has-a-room',
    { 'src/attic/a.ts': "import '../errors.ts';", 'src/errors.ts': '' },
  ],
] as const) {
  test(`${what} fails the check`, () => {
    const { status, output } = check(files);
    assert.notEqual(status, 0);
    assert.match(output, new RegExp(`error ${rule}`));
  });
}
