/**
 * Which locales are installed, according to the C library.
 *
 * The C library never frees a name that was looked up, and its lookups become slower with each name. So each name is
 * looked up once, and the number of names from clients is bounded. A locale that is installed while the server runs may
 * remain unknown until a restart.
 */
import { canonicalCharset, charsetOfLocale } from '../../charset/index.ts';
import { localeCodeset } from '../../native/locales.ts';
import type { HostLocales } from './locale-names.ts';

/** It contains no directory: the C library opens `/path/LC_CTYPE`. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._+@-]{0,63}$/;

/** Limit of names from clients that are looked up in the life of a process. Further names count as not installed. */
const MAX_FOREIGN = 128;
/** The same for telpty's own names, which are a few for each character set. */
const MAX_OWN = 1_024;

/** The results, by LOCPATH and name. */
const found = new Map<string, string | undefined>();
let foreign = 0;

/** The locales that a program finds if its environment contains this LOCPATH. */
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
    // Without the addon the character set in the name is trusted.
    const charset = codeset === '' ? (charsetOfLocale(name) ?? '') : codeset && (canonicalCharset(codeset) ?? codeset);
    found.set(key, charset);
    return charset;
  }
}

/** The C library uses the LOCPATH of this process; the environment of a program can contain a different one. */
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
