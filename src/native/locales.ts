/** Locales that the C library has. */
import { loadAddon } from './load.ts';

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
