/**
 * The package that this code belongs to: where its files are, and `require` for what cannot be imported (the addon, and
 * packages that are loaded only when they are needed).
 *
 * Works in a bundle as well. A bundle in CommonJS has no `import.meta.url`, but has `__filename`. The reverse test
 * would be wrong: `node -e` sets a global `__filename`, which modules see.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The file that this code runs from: a module of the package, or the bundle that contains it. */
export const ownFile = (import.meta.url as string | undefined) ? fileURLToPath(import.meta.url) : __filename;

/**
 * Resolves from {@link ownFile}, never from the working directory. webpack removes a call of an imported
 * `createRequire` whose argument it cannot evaluate, so it is not imported.
 */
export const requireOwn = process.getBuiltinModule('node:module').createRequire(ownFile);

let found: { readonly root: string; readonly version: string } | undefined;

/** The package's directory and version; `undefined` in a bundle with no installed package above it. */
export function ownPackage(): { readonly root: string; readonly version: string } | undefined {
  found ??= packageAbove() ?? installedPackage();
  return found;
}

function packageAbove(): typeof found {
  for (let directory = dirname(ownFile), last = ''; directory !== last; directory = dirname(directory)) {
    const manifest = read(join(directory, 'package.json'));
    if (manifest !== undefined) return manifest;
    last = directory;
  }
  return undefined;
}

function installedPackage(): typeof found {
  try {
    return read(requireOwn.resolve('telpty/package.json'));
  } catch {
    return undefined;
  }
}

/** The contents of a package.json, if it is the one of telpty. */
function read(path: string): typeof found {
  try {
    const { name, version } = JSON.parse(readFileSync(path, 'utf8')) as { name?: unknown; version: string };
    return name === 'telpty' ? { root: dirname(path), version } : undefined;
  } catch {
    return undefined;
  }
}
