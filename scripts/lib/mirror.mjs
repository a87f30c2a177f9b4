/**
 * Translates the TypeScript of this repository to a tree of modules below .cache/, that Node.js runs without hooks.
 *
 * On Node.js 20, hooks run in another thread, and each import waits for it: a test of the library, which has 200
 * modules, takes twice as much CPU time to start with the hooks of typescript.mjs.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { modified, OPTIONS, writeWithTime } from './translate.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const tree = join(root, '.cache', 'mirror');

/** The translation of a file. It has the same time of modification. */
export const mirrorOf = file => join(tree, relative(root, file).replace(/\.ts$/, '.mjs'));

/** Whether a file is a translation. */
export const isMirror = file => file.startsWith(tree + sep);

/** The file that a translation was made of. Other names remain. */
export const originalOf = file => (isMirror(file) ? join(root, relative(tree, file)).replace(/\.mjs$/, '.ts') : file);

function isStale(file) {
  try {
    return modified(mirrorOf(file)) !== modified(file);
  } catch {
    return true;
  }
}

/** Translates all files of directories that have changed. */
export async function mirror(directories) {
  const stale = directories
    .flatMap(directory => readdirSync(join(root, directory), { recursive: true }).map(name => join(directory, name)))
    .map(name => join(root, name))
    .filter(file => file.endsWith('.ts') && !file.endsWith('.d.ts') && isStale(file));
  if (stale.length === 0) return;
  const times = new Map(stale.map(file => [mirrorOf(file), modified(file)]));
  const esbuild = await import('esbuild');
  const { outputFiles } = await esbuild.build({
    entryPoints: stale,
    outdir: tree,
    outbase: root,
    outExtension: { '.js': '.mjs' },
    write: false,
    // Each file stays a module of its own. Only in bundles does esbuild change the names of imports.
    bundle: true,
    treeShaking: false,
    plugins: [{ name: 'mirror', setup: build => setup(build, directories) }],
    platform: 'node',
    ...OPTIONS,
    // For import.meta.url, which has to be that of the original: tests find other files by it.
    define: { 'import.meta.url': '__originalUrl' },
    logLevel: 'error',
  });
  for (const { path, contents } of outputFiles) writeWithTime(path, times.get(path), contents);
}

function setup({ onResolve, onLoad }, directories) {
  onResolve({ filter: /.*/ }, ({ path, kind, importer }) => {
    if (kind === 'entry-point') return undefined;
    if (!path.startsWith('.')) return { path, external: true };
    const file = join(dirname(importer), path);
    if (!path.endsWith('.ts')) return { path: pathToFileURL(file).href, external: true };
    if (!directories.includes(relative(root, file).split(sep)[0])) return { errors: [{ text: 'is not mirrored' }] };
    const name = relative(dirname(mirrorOf(importer)), mirrorOf(file)).replaceAll(sep, '/');
    return { path: name.startsWith('.') ? name : `./${name}`, external: true };
  });
  onLoad({ filter: /\.ts$/ }, ({ path }) => {
    const text = readFileSync(path, 'utf8');
    const url = text.includes('import.meta.url')
      ? `var __originalUrl = ${JSON.stringify(pathToFileURL(path).href)};`
      : '';
    // In the first line, so that the numbers of lines stay.
    return { contents: url + text, loader: 'ts' };
  });
}
