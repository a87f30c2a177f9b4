/** The types of the packed package compile in projects made by `tsc --init`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
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

for (const version of ['5.9', '6']) {
  describe(`TypeScript ${version}`, () => {
    for (const [name, resolution] of Object.entries(RESOLUTIONS)) {
      for (const type of ['module', 'commonjs'] as const) {
        it(`${name}, "type": "${type}", after tsc --init`, async () => {
          const tsc = join(await tool(`typescript@${version}`), 'bin', 'tsc');
          using made = installedProject({ 'package.json': JSON.stringify({ private: true, type }) });
          await made.run([process.execPath, tsc, '--init']);
          made.write('client.ts', name === 'NodeNext' && type === 'commonjs' ? CLIENT_IN_COMMONJS : CLIENT);
          const flags = Object.entries(resolution).flatMap(([key, value]) => [`--${key}`, value]);
          const config = readFileSync(join(made.directory, 'tsconfig.json'), 'utf8');
          // skipLibCheck hides errors in the types of telpty.
          made.write('tsconfig.json', config.replace(/"skipLibCheck": true/, '"skipLibCheck": false'));
          await made.run([process.execPath, tsc, '-p', '.', '--noEmit', ...flags]);
        });
      }
    }
  });
}
