/**
 * Builds what is out of date: the addon, dist/, and the page of the web gateway: `node scripts/build.mjs
 * [--source-maps]`.
 *
 * npm runs it after `npm install` in a clone, as `postprepare`. As `prepare` it would do the same, but npm treats that
 * as an install script of an unpacked tarball or a git dependency, and warns about it.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compilerPath } from './lib/compiler.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** For coverage. They would double the size of the package. */
const withSourceMaps = process.argv.includes('--source-maps');
const stamp = join(root, 'dist', '.built');

/** Runs a script of ours or of a dependency with this Node.js; its failure is ours. */
function run(script, ...args) {
  const { status } = spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

/** Whether a source is newer than dist/. */
function isStale() {
  if (!existsSync(stamp) || !existsSync(join(root, 'dist', 'cli', 'main.js'))) return true;
  return isNewer([...below('src'), 'tsconfig.json', 'tsconfig.build.json'], statSync(stamp).mtimeMs);
}

/** The page as it is served; its index.html, written last, says when it was built. */
const page = join(root, 'dist', 'web', 'page');

/** The folders of src/ that the page shares with the server: Telnet, and the player of recordings. */
const SHARED = ['protocol', 'recording', 'screen', 'charset'];

/** Whether a source of the page is newer than it: its own, a shared one, or a library. */
function isPageStale() {
  const index = join(page, 'index.html');
  if (!existsSync(index)) return true;
  const shared = SHARED.flatMap(folder => below(join('src', folder)));
  const sources = [...below('web'), ...shared, join('src', 'errors.ts'), 'package-lock.json'];
  return isNewer(sources, statSync(index).mtimeMs);
}

/**
 * Bundles the page of web/ with its libraries, so that it needs nothing else, neither from npm nor from other servers.
 * The names of the bundles have their hash, so that browsers can keep them indefinitely; index.html names them.
 */
async function bundlePage() {
  const { build } = await import('esbuild');
  const started = new Date();
  rmSync(page, { recursive: true, force: true });
  const { metafile } = await build({
    entryPoints: { page: join(root, 'web', 'src', 'main.ts'), style: join(root, 'web', 'page', 'page.css') },
    absWorkingDir: root,
    outdir: page,
    entryNames: '[name]-[hash]',
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    // The same terminal without a display: the browser has it once.
    alias: { '@xterm/headless': '@xterm/xterm' },
    // Popovers, dialogs and lookbehind: the browsers of the last two years.
    target: ['chrome114', 'firefox125', 'safari17'],
    // The licenses of the libraries want to be passed on.
    legalComments: 'linked',
    metafile: true,
    logLevel: 'warning',
  });
  const names = Object.keys(metafile.outputs).map(path => path.slice(path.lastIndexOf('/') + 1));
  const named = extension => names.find(name => name.endsWith(extension));
  copyFileSync(join(root, 'web', 'page', 'icon.svg'), join(page, 'icon.svg'));
  const html = readFileSync(join(root, 'web', 'page', 'index.html'), 'utf8');
  const temporary = join(page, 'index.html.new');
  writeFileSync(temporary, html.replace('page.css', named('.css')).replace('page.js', named('.js')));
  // Changes made meanwhile are built the next time.
  utimesSync(temporary, started, started);
  renameSync(temporary, join(page, 'index.html'));
}

/** Ends the build if a module of a development dependency is missing. */
function needDevelopmentModule(name, what) {
  try {
    createRequire(import.meta.url).resolve(name);
  } catch {
    process.stderr.write(`telpty: cannot build dist/: ${what} is not installed; run: npm install\n`);
    process.exit(1);
  }
}

/** Paths from the root: a folder, and everything in it. A removed file counts, because its folder is newer then. */
function below(folder) {
  return [folder, ...readdirSync(join(root, folder), { recursive: true }).map(name => join(folder, String(name)))];
}

/** Whether a source is newer than `time`, in milliseconds. */
const isNewer = (sources, time) => sources.some(source => statSync(join(root, source)).mtimeMs > time);

/** Removes what the compiler did not write now: modules whose source was moved or removed, which would be packed. */
function removeOlder(directory, time) {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    // Times of files may be whole seconds.
    const isOurs = path === stamp || path.startsWith(page + sep);
    if (entry.isFile() && !isOurs && statSync(path).mtimeMs < time.getTime() - 1_000) rmSync(path);
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
  needDevelopmentModule('typescript', 'TypeScript');
  const started = new Date();
  run(compilerPath(), '-p', 'tsconfig.build.json', ...(withSourceMaps ? ['--sourceMap', '--inlineSources'] : []));
  removeOlder(join(root, 'dist'), started);
  await bundleCommand();
  writeFileSync(stamp, '');
  // Changes made while the compiler ran are built the next time. A build with source maps is not up to date for a plain
  // build.
  const built = withSourceMaps ? new Date(0) : started;
  utimesSync(stamp, built, built);
}
if (isPageStale()) {
  needDevelopmentModule('@xterm/xterm', 'xterm.js');
  await bundlePage();
}
