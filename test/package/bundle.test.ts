/** A server and a client, bundled by esbuild and webpack, run from another directory than the package's. */
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { build } from 'esbuild';
import { tool } from '../../scripts/lib/tools.mjs';
import { installedProject, Project } from './support.ts';

const PROGRAM = `
import { connect, createServer, ptyShell } from 'telpty';
const server = createServer(ptyShell('/bin/sh', ['-c', 'echo from the program; read line; echo got $line']));
const { port } = await server.listen(0);
const session = await connect({ port });
await session.readUntil('from the program');
session.write('a line\\r');
const { match } = await session.readUntil(/got .*/);
console.log(match.trim());
session.resume();
session.end();
// A client of the screen emulation, whose code is loaded only for such clients.
const machine = createServer(ptyShell('/bin/echo', ['A screen'], { programEncoding: 'utf-8', encoding: 'petscii' }));
const commodore = await connect({ port: (await machine.listen(0)).port, encoding: 'petscii' });
await commodore.readUntil('A screen');
console.log('a screen');
await server.shutdown();
await machine.shutdown();
`;

// Top-level await exists only in ESM.
const IN_COMMONJS = `${PROGRAM.replace(/^const server/m, 'async function main() {\nconst server')}}\nmain();`;

const project = installedProject();
after(() => project[Symbol.dispose]());

describe('a bundle', () => {
  for (const format of ['esm', 'cjs'] as const) {
    const extension = format === 'esm' ? 'mjs' : 'cjs';
    const outfile = join(project.directory, 'out', `server.${extension}`);

    it(`as ${format} finds the addon of the installed package, in any working directory`, async () => {
      project.write('server.ts', format === 'esm' ? PROGRAM : IN_COMMONJS);
      await build({
        entryPoints: [join(project.directory, 'server.ts')],
        bundle: true,
        platform: 'node',
        format,
        outfile,
        // Packages in CommonJS call require(), which an ESM bundle must define.
        ...(format === 'esm'
          ? {
              banner: {
                js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
              },
            }
          : {}),
        logLevel: 'error',
        logOverride: { 'empty-import-meta': 'silent' },
      });
      using elsewhere = new Project();
      assert.match(await elsewhere.run([process.execPath, outfile]), /^got a line\na screen$/m);
    });

    it(`as ${format} finds prebuilds/ next to it if no package is installed`, async () => {
      using alone = new Project();
      cpSync(outfile, join(alone.directory, `server.${extension}`));
      cpSync(join(project.directory, 'node_modules/telpty/prebuilds'), join(alone.directory, 'prebuilds'), {
        recursive: true,
      });
      assert.match(await alone.run([process.execPath, `server.${extension}`]), /^got a line\na screen$/m);
    });
  }
});

it('a bundle of webpack runs', async () => {
  const webpack = await tool('webpack@5');
  project.write('entry.mjs', IN_COMMONJS);
  project.write(
    'webpack.cjs',
    `const output = { path: __dirname + '/webpack', filename: 'server.cjs' };
     const options = { mode: 'none', target: 'node20', context: __dirname, entry: './entry.mjs', output };
     require(${JSON.stringify(webpack)})(options, (error, stats) => {
       if (error) throw error;
       if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());
     });`,
  );
  await project.run([process.execPath, 'webpack.cjs']);
  using elsewhere = new Project();
  assert.match(
    await elsewhere.run([process.execPath, join(project.directory, 'webpack/server.cjs')]),
    /^got a line\na screen$/m,
  );
});

it('CommonJS code requires the package, also from node -e', async () => {
  const code =
    "const { createServer, ptyShell } = require('telpty'); createServer(ptyShell('true')); console.log('created')";
  assert.match(await project.run([process.execPath, '-e', code]), /^created$/m);
});
