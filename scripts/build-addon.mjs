// Builds native/ with the node-gyp that npm itself carries (npm puts it on the PATH of its scripts).
// On Windows there is nothing to build: everything but hosting programs works without the addon.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

if (process.platform === 'win32') process.exit(0);

const native = join(dirname(fileURLToPath(import.meta.url)), '..', 'native');
const args = ['configure', 'build', '-C', native, '--loglevel=error'];

// With Node's own headers at hand node-gyp need not download any: the build works offline.
const prefix = dirname(dirname(process.execPath));
if (!process.env.npm_config_nodedir && existsSync(join(prefix, 'include', 'node', 'node_api.h'))) {
  args.push(`--nodedir=${prefix}`);
}

const result = spawnSync('node-gyp', args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
if (result.error || result.status !== 0) {
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  process.stderr.write(
    result.error
      ? 'telpty: cannot build the addon: node-gyp not found; run this through npm (npm run build:addon)\n'
      : 'telpty: cannot build the addon: a C compiler, make and python3 are needed (Debian: apt-get install build-essential python3)\n',
  );
  process.exit(1);
}
