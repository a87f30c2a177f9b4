/**
 * Loads the addon, whose C sources are in `native/` at the root of the repository. Its functions and types are in
 * addon.ts; the other files of this folder wrap groups of calls that need no more than a descriptor or a name. Calls
 * about terminals, connections and programs are wrapped by the classes that own those, in `src/pty/` and
 * `src/transport/`.
 *
 * The addon consists of system calls without policy: the callers decide what a number means, which defaults apply and
 * what an error is called. The addon reports failures as negative error numbers, because creating an `Error` for each
 * EAGAIN is slow.
 *
 * Importing this file never fails. Without an addon (Windows, a platform without a prebuilt one), calls that need it
 * throw `ERR_PTY_UNSUPPORTED`, and the functions of sockets.ts do nothing and return false.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TelptyError } from '../errors.ts';
import { ownFile, ownPackage, requireOwn } from '../package.ts';
import type { Addon } from './addon.ts';

/** Platforms for which the published package has a binary, by the names of Node.js. */
const PREBUILT = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

/**
 * The possible locations of the addon, best first. A local build precedes a prebuild, because it was built in order to
 * be used. A bundle finds `prebuilds/` next to itself, or in the package installed in a `node_modules` above it. The
 * working directory is not searched, because other users may be able to put a file there.
 */
function* addonFiles(): Generator<string> {
  const prebuilt = join('prebuilds', `${process.platform}-${process.arch}`, 'telpty.node');
  const root = ownPackage()?.root;
  if (root !== undefined) yield join(root, 'native', 'build', 'telpty.node');
  yield join(dirname(ownFile), prebuilt);
  if (root !== undefined) yield join(root, prebuilt);
}

/**
 * Another runtime than Node.js, by its name. Bun and Deno load addons but lack functions of libuv that this one calls:
 * Bun aborts the process at the first of them, so that the addon must not be loaded there.
 */
function foreignRuntime(): string | undefined {
  return process.versions.bun !== undefined ? 'Bun' : process.versions.deno !== undefined ? 'Deno' : undefined;
}

/** The error if the addon is missing: why, and what to do. */
function unsupported(): TelptyError {
  const runtime = foreignRuntime();
  if (runtime !== undefined) {
    return new TelptyError(
      'ERR_PTY_UNSUPPORTED',
      `pseudo-terminals are not available in ${runtime}, which lacks functions of libuv; run the program with Node.js`,
    );
  }
  const platform = `${process.platform}-${process.arch}`;
  const failed = failure === undefined ? undefined : `${failure.file} does not load: ${firstLine(failure.cause)}`;
  if (process.platform === 'win32') {
    return new TelptyError(
      'ERR_PTY_UNSUPPORTED',
      'programs cannot be hosted on Windows; use Linux, macOS, a BSD, or WSL',
    );
  }
  if ((failure?.cause as NodeJS.ErrnoException | undefined)?.code === 'ERR_DLOPEN_DISABLED') {
    return new TelptyError(
      'ERR_PTY_UNSUPPORTED',
      'pseudo-terminals are not available: Node.js may not load addons; remove --no-addons from its options and from NODE_OPTIONS',
      failure === undefined ? {} : { file: failure.file, cause: failure.cause },
    );
  }
  return new TelptyError(
    'ERR_PTY_UNSUPPORTED',
    `pseudo-terminals are not available on ${platform}: ${failed ?? 'no addon is built for it'} ` +
      `(prebuilt: ${PREBUILT.join(', ')}); to build it, run: node ${join(ownPackage()?.root ?? join('node_modules', 'telpty'), 'scripts', 'addon', 'build.mjs')}`,
    failure === undefined ? {} : { file: failure.file, cause: failure.cause },
  );
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}

let loaded: Addon | undefined;
let isSearched = false;
let failure: { readonly file: string; readonly cause: unknown } | undefined;

/** The addon, if there is one. */
export function loadAddon(): Addon | undefined {
  if (isSearched) return loaded;
  isSearched = true;
  if (foreignRuntime() !== undefined) return undefined;
  for (const file of addonFiles()) {
    if (!existsSync(file)) continue;
    try {
      loaded = requireOwn(file) as Addon;
      return loaded;
    } catch (cause) {
      failure ??= { file, cause };
    }
  }
  return undefined;
}

/**
 * The addon, loaded at the first call.
 *
 * @throws TelptyError `ERR_PTY_UNSUPPORTED` if there is none. The message names the platform, those supported, and the
 *   command that builds the addon; `cause` says why a file that exists did not load.
 */
export function addon(): Addon {
  const found = loadAddon();
  if (found !== undefined) return found;
  throw unsupported();
}

/** Whether there is an addon. */
export function isAvailable(): boolean {
  return loadAddon() !== undefined;
}
