/**
 * Which locales are installed, as the C library says.
 *
 * The C library never forgets a name that it was asked for, and its lookups become slower with each. So each name is asked
 * for once, the number of names that clients may have asked for is bounded, and a locale that is installed while the server
 * runs may stay unnoticed until it is restarted.
 */
import { canonicalCharset, charsetOfLocale } from '../../charset/index.ts';
import { localeCodeset } from '../../native/locales.ts';
import type { HostLocales } from './locale-names.ts';

/** No directory is in it: the C library opens `/path/LC_CTYPE`. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._+@-]{0,63}$/;

/** The most names of clients that the C library is asked for, in the life of a process. What comes after counts as not installed. */
const MAX_FOREIGN = 128;
/** The same for our own, which are a few for each character set. */
const MAX_OWN = 1_024;

/** What was found, by LOCPATH and name. */
const found = new Map<string, string | undefined>();
let foreign = 0;

/** The locales that a program finds which has this LOCPATH in its environment. */
export class InstalledLocales implements HostLocales {
  readonly own: string | undefined;
  readonly #path: string | undefined;

  constructor(path: string | undefined, { LC_ALL, LC_CTYPE, LANG } = process.env) {
    // POSIX, 8.2: the first that is set and not empty decides.
    this.own = LC_ALL || LC_CTYPE || LANG;
    this.#path = path;
  }

  charsetOf(name: string, isForeign = false): string | undefined {
    if (!NAME.test(name) || name.includes('..')) return undefined;
    const key = `${this.#path ?? ''} ${name}`;
    if (found.has(key)) return found.get(key);
    if (isForeign ? foreign >= MAX_FOREIGN : found.size - foreign >= MAX_OWN) return undefined;
    if (isForeign) foreign++;
    const codeset = withLocpath(this.#path, () => localeCodeset(name));
    // Without the addon a name is taken at its word.
    const charset = codeset === '' ? (charsetOfLocale(name) ?? '') : codeset && (canonicalCharset(codeset) ?? codeset);
    found.set(key, charset);
    return charset;
  }
}

/** The C library looks where the environment of this process says; a program's environment is another. */
function withLocpath<T>(path: string | undefined, look: () => T): T {
  const before = process.env.LOCPATH;
  if (before === path) return look();
  set(path);
  try {
    return look();
  } finally {
    set(before);
  }

  function set(value: string | undefined): void {
    if (value === undefined) delete process.env.LOCPATH;
    else process.env.LOCPATH = value;
  }
}
