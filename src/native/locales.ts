/** Locales that the C library has. */
import { loadAddon } from './load.ts';

/**
 * The character set of the locale `name` (`'en_US.UTF-8'`), as the C library names it; `undefined` if the library does
 * not have the locale, so that programs could not set it. With musl every name is a locale, in UTF-8. Without the addon
 * it is unknown: `''`.
 *
 * The library looks up a name in files and never forgets it: ask only for a bounded number of names, and only for names
 * without a `/`.
 */
export function localeCodeset(name: string): string | undefined {
  const library = loadAddon();
  return library === undefined ? '' : library.localeCodeset(name);
}

/** Whether the C library has the locale `name`; true without the addon, where it is unknown. */
export function localeAvailable(name: string): boolean {
  return localeCodeset(name) !== undefined;
}
