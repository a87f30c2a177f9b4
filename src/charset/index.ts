/** Character sets: their names, and text in them. */
export { canonicalCharset, charsetOfLocale, localeCodeset } from './names.ts';
export { encodeText, type TextDecoder, textDecoder } from './text.ts';
