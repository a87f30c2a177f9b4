/**
 * Builds what is out of date: the addon, then dist/. `node scripts/build.mjs [--source-maps]`
 *
 * npm runs it after `npm install` in a clone, as `postprepare`. As `prepare` it would do the same, but npm treats that
 * as an install script of an unpacked tarball or a git dependency, and warns about it.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
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

/** Removes what the compiler did not write now: modules whose source was moved or removed, which would be packed. */
function removeOlder(directory, time) {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    // Times of files may be whole seconds.
    if (entry.isFile() && path !== stamp && statSync(path).mtimeMs < time.getTime() - 1_000) rmSync(path);
  }
}

/**
 * Replaces the modules of the command by a few bundles: it starts in half the time, since Node.js resolves and reads
 * one file instead of 194. The library stays as the compiler wrote it, for stack traces and for the bundlers of others.
 * The bundles are not minified and keep all names, so stack traces of the command stay readable without source maps.
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

/**
 * Puts the addon of this machine where the package has its prebuilt ones. For a git dependency npm builds a clone, and
 * then packs only the files that package.json lists.
 */
function addPrebuild() {
  const directory = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
  mkdirSync(directory, { recursive: true });
  copyFileSync(join(root, 'native', 'build', 'telpty.node'), join(directory, 'telpty.node'));
}

run(join(root, 'scripts', 'addon', 'build.mjs'));
// Set by npm (pacote) while it installs a clone of a git dependency; no documented variable says the same.
if (process.env._PACOTE_NO_PREPARE_ !== undefined && process.platform !== 'win32') addPrebuild();
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
  removeOlder(join(root, 'dist'), started);
  await bundleCommand();
  writeFileSync(stamp, '');
  // Changes made while the compiler ran are built the next time. A build with source maps is not up to date for a plain
  // build.
  const built = withSourceMaps ? new Date(0) : started;
  utimesSync(stamp, built, built);
}
