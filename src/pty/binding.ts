/**
 * The door to the addon in `native/`: loads it. What it offers is in addon.ts.
 *
 * The addon is made of system calls without policy: what numbers mean, which defaults hold and what an error is called is
 * decided in the files beside this one. It reports failures as negative error numbers, because an `Error` per EAGAIN
 * would be dear; {@link systemError} turns one into a `TelptyError`.
 *
 * Importing this file never fails. Where the addon is absent (Windows, an installation without a compiler) the calls
 * that need it throw `ERR_PTY_UNSUPPORTED`, and those of descriptor-calls.ts quietly do nothing.
 */
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { getSystemErrorMap } from 'node:util';
import { TelptyError } from '../errors.ts';
import type { Addon } from './addon.ts';

// The same two steps up from src/pty and from dist/pty.
const file = fileURLToPath(new URL('../../native/build/Release/telpty.node', import.meta.url));

let loaded: Addon | undefined;
let reason: unknown;

/** The addon, if there is one. */
export function loadAddon(): Addon | undefined {
  if (loaded === undefined && reason === undefined) {
    try {
      loaded = createRequire(import.meta.url)(file) as Addon;
    } catch (error) {
      reason = error;
    }
  }
  return loaded;
}

/**
 * The addon, loaded at the first call.
 *
 * @throws TelptyError `ERR_PTY_UNSUPPORTED` where there is none; its `cause` says why it did not load.
 */
export function addon(): Addon {
  const found = loadAddon();
  if (found !== undefined) return found;
  throw new TelptyError(
    'ERR_PTY_UNSUPPORTED',
    'pseudo-terminals are not available: the addon is not built for this system',
    {
      file,
      cause: reason,
    },
  );
}

/** Whether there is an addon. */
export function isAvailable(): boolean {
  return loadAddon() !== undefined;
}

const errorNames = new Map<number, string>();
for (const [name, number] of Object.entries(constants.errno)) {
  if (!errorNames.has(number)) errorNames.set(number, name);
}

/** Name (`'ENOENT'`) and text (`'no such file or directory'`) of an error number, given as C has it: positive. */
export function systemError(number: number): { name: string; text: string } {
  const known = getSystemErrorMap().get(-number);
  const name = known?.[0] ?? errorNames.get(number) ?? `error ${number}`;
  return { name, text: known?.[1] ?? name };
}

/** How many descriptors this process may have: RLIMIT_NOFILE. Infinity without the addon. */
export function descriptorLimit(): number {
  return loadAddon()?.descriptorLimit() ?? Number.POSITIVE_INFINITY;
}

/**
 * The character set of the locale `name` (`'en_US.UTF-8'`), as the C library names it; `undefined` where the library does not
 * have the locale, so that programs could not set it. With musl every name is a locale, in UTF-8. Without the addon nothing
 * can be said, and it is `''`.
 *
 * The library looks a name up in files and remembers it for good: ask for a bounded number of names, and for none with a `/`.
 */
export function localeCodeset(name: string): string | undefined {
  const library = loadAddon();
  return library === undefined ? '' : library.localeCodeset(name);
}

/** Whether the C library has the locale `name`; true without the addon, where nobody can tell. */
export function localeAvailable(name: string): boolean {
  return localeCodeset(name) !== undefined;
}
