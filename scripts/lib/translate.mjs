/** Translates TypeScript to JavaScript, and keeps the translations below .cache/. For typescript.mjs. */
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ours = new URL('../../', import.meta.url).href;
const root = fileURLToPath(ours);
const cache = join(root, '.cache', 'typescript');
/** Options of esbuild. */
export const OPTIONS = {
  format: 'esm',
  target: 'node20.19',
  sourcemap: 'inline',
  sourcesContent: false,
  tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
};
/** Loaded only where something has to be translated: it takes as long as all the rest. */
const esbuild = () => createRequire(import.meta.url)('esbuild');

const placeOf = file => join(cache, `${relative(root, file)}.js`);
/** The time of modification, in milliseconds. */
export const modified = file => Math.round(statSync(file).mtimeMs);

/** The translation of a file that has not changed since, or undefined. It has the same time of modification. */
function kept(file) {
  const place = placeOf(file);
  try {
    return modified(place) === modified(file) ? readFileSync(place, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

/** Writes a file with a time of modification, in milliseconds. Another process may be reading it. */
export function writeWithTime(file, time, content) {
  const temporary = `${file}.${process.pid}`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(temporary, content);
  utimesSync(temporary, time / 1_000, time / 1_000);
  renameSync(temporary, file);
}

function keep(file, time, code) {
  try {
    writeWithTime(placeOf(file), time, code);
  } catch {
    // Some tests run as users who may not write here.
  }
}

function translate(file) {
  const known = kept(file);
  if (known !== undefined) return known;
  const time = modified(file);
  const { code } = esbuild().transformSync(readFileSync(file, 'utf8'), { ...OPTIONS, loader: 'ts', sourcefile: file });
  keep(file, time, code);
  return code;
}

/** Translates all files of directories that have changed, so that the processes of a test run need not. */
export async function translateAll(directories) {
  const files = directories
    .flatMap(directory => readdirSync(directory, { recursive: true }).map(name => join(root, directory, String(name))))
    .filter(file => file.endsWith('.ts') && kept(file) === undefined);
  if (files.length === 0) return;
  const { transform } = esbuild();
  await Promise.all(
    files.map(async file => {
      const time = modified(file);
      const { code } = await transform(readFileSync(file, 'utf8'), { ...OPTIONS, loader: 'ts', sourcefile: file });
      keep(file, time, code);
    }),
  );
}

/**
 * The hook of Node.js that resolves the name of a module. For relative names of TypeScript files it is a quarter of the
 * start of a test: Node.js looks for the file and for symbolic links in its path. `load` reports a missing file.
 */
export function resolve(specifier, context, nextResolve) {
  const { parentURL } = context;
  if (!/^\.\.?\/.*\.ts$/.test(specifier) || !parentURL?.startsWith(ours)) return nextResolve(specifier, context);
  return { url: new URL(specifier, parentURL).href, format: 'module', shortCircuit: true };
}

/** The hook of Node.js that loads a module. */
export function load(url, context, nextLoad) {
  if (!url.startsWith(ours) || !url.endsWith('.ts')) return nextLoad(url, context);
  return { format: 'module', source: translate(fileURLToPath(url)), shortCircuit: true };
}
