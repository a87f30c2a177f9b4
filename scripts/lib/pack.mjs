/** Packs the package for the tests that install it. */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { plainEnvironment } from './tools.mjs';

const execute = promisify(execFile);
const DIRECTORY = fileURLToPath(new URL('../../.cache/package/', import.meta.url));

/** Packs the package and returns the path of the tarball. npm builds it, and the prebuilt addons, before it packs. */
export async function pack() {
  rmSync(DIRECTORY, { recursive: true, force: true });
  mkdirSync(DIRECTORY, { recursive: true });
  const args = ['pack', '--loglevel=error', '--pack-destination', DIRECTORY];
  await execute('npm', args, { env: plainEnvironment() });
  const [file] = readdirSync(DIRECTORY);
  const tarball = join(DIRECTORY, 'telpty.tgz');
  renameSync(join(DIRECTORY, file), tarball);
  return tarball;
}
