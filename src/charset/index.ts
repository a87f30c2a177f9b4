/** Character sets: their names. */
export { canonicalCharset, charsetOfLocale, localeCodeset } from './names.ts';
