/** The types of the packed package compile in projects made by `tsc --init`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { tool } from '../../scripts/lib/tools.mjs';
import { installedProject } from './support.ts';

const CLIENT = `
import { connect, createServer, ptyShell, type Session } from 'telpty';
import { spawnPty } from 'telpty/pty';
import { Telnet } from 'telpty/protocol';
export const server = createServer(ptyShell('/bin/sh'));
export const greet = (session: Session): boolean => session.write(Buffer.from('hello'));
export const all = [connect, spawnPty, Telnet];
`;

/** The same in a CommonJS module whose imports are not rewritten, as after `tsc --init`. */
const CLIENT_IN_COMMONJS = `
import telpty = require('telpty');
import pty = require('telpty/pty');
import protocol = require('telpty/protocol');
const server: telpty.Server = telpty.createServer(telpty.ptyShell('/bin/sh'));
const greet = (session: telpty.Session): boolean => session.write(Buffer.from('hello'));
export = { server, greet, all: [telpty.connect, pty.spawnPty, protocol.Telnet] };
`;

const RESOLUTIONS = {
  NodeNext: { module: 'nodenext', moduleResolution: 'nodenext' },
  Bundler: { module: 'preserve', moduleResolution: 'bundler' },
};

// One program has a module of each kind: the nearest package.json decides which one a file is.
for (const version of ['5.9', '6']) {
  describe(`TypeScript ${version}`, () => {
    const made = installedProject({
      'package.json': '{ "private": true }',
      'module/package.json': '{ "type": "module" }',
      'commonjs/package.json': '{ "type": "commonjs" }',
      'module/client.ts': CLIENT,
    });
    after(() => made[Symbol.dispose]());
    let tsc: string;
    let config: string;
    before(async () => {
      tsc = join(await tool(`typescript@${version}`), 'bin', 'tsc');
      await made.run([process.execPath, tsc, '--init']);
      config = readFileSync(join(made.directory, 'tsconfig.json'), 'utf8');
    });

    for (const [name, resolution] of Object.entries(RESOLUTIONS)) {
      it(`${name}, "type": "module" and "commonjs", after tsc --init`, async () => {
        made.write('commonjs/client.ts', name === 'NodeNext' ? CLIENT_IN_COMMONJS : CLIENT);
        const flags = Object.entries(resolution).flatMap(([key, value]) => [`--${key}`, value]);
        // skipLibCheck hides errors in the types of telpty.
        made.write('tsconfig.json', config.replace(/"skipLibCheck": true/, '"skipLibCheck": false'));
        const listed = await made.run([process.execPath, tsc, '-p', '.', '--noEmit', '--listFiles', ...flags]);
        for (const file of ['module/client.ts', 'commonjs/client.ts']) assert.ok(listed.includes(file), listed);
      });
    }
  });
}
