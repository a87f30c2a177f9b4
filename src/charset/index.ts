/** Character sets: their names, and text in them. */
export { canonicalCharset, charsetOfLocale, localeCodeset } from './names.ts';
export { Converter, decoder, type Encoder, encoder, type StreamDecoder } from './text.ts';
