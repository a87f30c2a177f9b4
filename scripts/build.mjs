/** Builds what is out of date: the addon, then dist/. `node scripts/build.mjs [--source-maps]` */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** For coverage. They would double the size of the package. */
const withSourceMaps = process.argv.includes('--source-maps');
const stamp = join(root, 'dist', '.built');

/** Runs a script of ours or of a dependency with this Node.js; its failure is ours. */
function run(script, ...args) {
  const { status } = spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

/** Whether a source is newer than dist/. Removed sources count: the directory that held them is newer then. */
function isStale() {
  if (!existsSync(stamp) || !existsSync(join(root, 'dist', 'cli', 'main.js'))) return true;
  const built = statSync(stamp).mtimeMs;
  const files = ['src', ...readdirSync(join(root, 'src'), { recursive: true }).map(name => join('src', String(name)))];
  return [...files, 'tsconfig.json', 'tsconfig.build.json'].some(file => statSync(join(root, file)).mtimeMs > built);
}

/**
 * Replaces the modules of the command by a few bundles: it starts in half the time, since Node.js resolves and reads one file
 * instead of 194. The library stays as the compiler wrote it, for stack traces and for the bundlers of others. The bundles
 * are not minified and keep all names, so stack traces of the command stay readable without source maps.
 */
async function bundleCommand() {
  const { build } = await import('esbuild');
  const outdir = join(root, 'dist', 'cli');
  rmSync(outdir, { recursive: true, force: true });
  await build({
    entryPoints: ['main', 'worker'].map(name => join(root, 'src', 'cli', `${name}.ts`)),
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    chunkNames: '[name]-[hash]',
    sourcemap: withSourceMaps,
    logLevel: 'warning',
  });
}

run(join(root, 'scripts', 'addon', 'build.mjs'));
if (withSourceMaps || isStale()) {
  let compiler;
  try {
    compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  } catch {
    process.stderr.write('telpty: cannot build dist/: TypeScript is not installed; run: npm install\n');
    process.exit(1);
  }
  const started = new Date();
  run(compiler, '-p', 'tsconfig.build.json', ...(withSourceMaps ? ['--sourceMap', '--inlineSources'] : []));
  await bundleCommand();
  writeFileSync(stamp, '');
  // What changed while the compiler ran is built the next time. With source maps the next build is another one.
  const built = withSourceMaps ? new Date(0) : started;
  utimesSync(stamp, built, built);
}
