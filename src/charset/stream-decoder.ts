/** Bytes to text, in chunks. An incomplete character waits, a few bytes at most. Invalid bytes become U+FFFD. */
export interface StreamDecoder {
  write(bytes: Uint8Array): string;
  /** Decodes the waiting bytes as the end of the text, and resets the state. */
  end(): string;
}
