/** Character sets: their names, and converters between them. */
export { Converter, decoder, type Encoder, encoder } from './convert.ts';
export { canonicalCharset, charsetOfLocale, localeCodeset } from './names.ts';
export type { StreamDecoder } from './stream-decoder.ts';
