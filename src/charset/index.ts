/** Character sets: their names, and converters between them. */
export type { StreamDecoder } from './codec.ts';
export { Converter, decoder, type Encoder, encoder } from './convert.ts';
export { canonicalCharset, charsetOfLocale, localeCodeset } from './names.ts';
