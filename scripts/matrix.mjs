/**
 * Runs tests with released versions of Node.js: `node scripts/matrix.mjs [--quick] [VERSION...]`.
 *
 * The tier `core`, or with --quick one file for each part of telpty that depends on Node.js most. The executables come
 * from the npm registry, see scripts/lib/tools.mjs.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { nodeBin, plainEnvironment } from './lib/tools.mjs';

const VERSIONS = ['22', '24', '26'];
const QUICK = [
  'pty/process/spawn',
  'native/load',
  'pty/process/start',
  'session/session',
  'transport/tcp',
  'client/connect',
  'native/node-internals',
];

function refuse(message) {
  process.stderr.write(`matrix.mjs: ${message}\n`);
  process.exit(2);
}

let options;
try {
  options = parseArgs({ options: { quick: { type: 'boolean', default: false } }, allowPositionals: true });
} catch (error) {
  refuse(error.message);
}
const { values, positionals } = options;
const wrong = positionals.find(version => !/^\d+(\.\d+){0,2}$/.test(version));
if (wrong !== undefined) refuse(`'${wrong}' is not a version of Node.js, e.g. 24 or 24.15.0`);

const tests = values.quick ? QUICK.map(name => `test/${name}.test.ts`) : ['--tier', 'core'];
const failed = [];
for (const version of positionals.length > 0 ? positionals : VERSIONS) {
  let bin;
  try {
    bin = await nodeBin(version);
  } catch (error) {
    refuse(`cannot install Node.js ${version}: ${error.stderr || error.message}`);
  }
  process.stdout.write(`Node.js ${version}\n`);
  const child = spawn(join(bin, 'node'), ['--import', './scripts/lib/typescript.mjs', 'scripts/test.mjs', ...tests], {
    stdio: 'inherit',
    // Tests that start `node` get the same one.
    env: { ...plainEnvironment(), PATH: `${bin}${delimiter}${process.env.PATH}` },
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) failed.push(version);
}
if (failed.length > 0) {
  process.stderr.write(`failed with Node.js ${failed.join(', ')}\n`);
  process.exitCode = 1;
}
