/** The layer check itself: it fails when a rule is broken, and names the rule. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cruise } from 'dependency-cruiser';
import extractOptions from 'dependency-cruiser/config-utl/extract-depcruise-options';

/** What `depcruise --config` reads. One process for all checks: each would take 3 s of CPU time to start. */
const options = await extractOptions(fileURLToPath(new URL('../.dependency-cruiser.mjs', import.meta.url)));

/** The result of the check for a tree of these files. */
async function check(files: Readonly<Record<string, string>>): Promise<{ status: number; output: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'telpty-layers-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), text);
    }
    const { exitCode, output } = await cruise(['src'], { ...options, baseDir: directory, outputType: 'err' });
    return { status: exitCode, output: String(output) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test('folders that import only lower layers pass', async () => {
  const { status, output } = await check({
    'src/errors.ts': 'export const e = 1;',
    'src/protocol/a.ts': "export { e } from '../errors.ts';",
    'src/session/a.ts': "export { e } from '../protocol/a.ts';",
  });
  assert.equal(status, 0, output);
});

for (const [what, rule, files] of [
  ['an import upward', 'layer-\\d', { 'src/pty/a.ts': "import '../session/a.ts';", 'src/session/a.ts': '' }],
  ['pty/ in transport/', 'layer-\\d', { 'src/transport/a.ts': "import '../pty/b.ts';", 'src/pty/b.ts': '' }],
  ['transport/ in pty/', 'layer-\\d', { 'src/pty/a.ts': "import '../transport/b.ts';", 'src/transport/b.ts': '' }],
  ['screen/ in transport/', 'layer-\\d', { 'src/transport/a.ts': "import '../screen/b.ts';", 'src/screen/b.ts': '' }],
  [
    'an import of a folder of the same layer',
    'layer-\\d',
    { 'src/native/a.ts': "import '../protocol/b.ts';", 'src/protocol/b.ts': '' },
  ],
  ['a cycle', 'no-cycles', { 'src/cli/a.ts': "import './b.ts';", 'src/cli/b.ts': "import './a.ts';" }],
  ['Node in the engine', 'protocol-is-pure', { 'src/protocol/a.ts': "import 'node:fs';" }],
  ['a library in the engine', 'protocol-is-pure', { 'src/protocol/a.ts': "import 'pino';" }],
  [
    'another folder in the engine',
    'protocol-is-pure',
    { 'src/protocol/a.ts': "import '../pty/b.ts';", 'src/pty/b.ts': '' },
  ],
  [
    'a file without a layer',
    'every-file-has-a-layer',
    { 'src/attic/a.ts': "import '../errors.ts';", 'src/errors.ts': '' },
  ],
] as const) {
  test(`${what} fails the check`, async () => {
    const { status, output } = await check(files);
    assert.notEqual(status, 0);
    assert.match(output, new RegExp(`error ${rule}`));
  });
}
