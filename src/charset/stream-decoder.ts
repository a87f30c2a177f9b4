/** Bytes to text, as they come; what is cut waits, a few bytes at most. No bytes throw: what is none becomes U+FFFD. */
export interface StreamDecoder {
  write(bytes: Uint8Array): string;
  /** What waits, as the end of it all, and begins anew. */
  end(): string;
}
