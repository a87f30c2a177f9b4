import type { Duplex } from 'node:stream';
import type { Telnet } from '../../protocol/index.ts';

/** The part of a session that conversations are made of. */
export interface Speaker extends Duplex {
  readonly telnet: Telnet;
  /** The character set that text is in. */
  readonly encoding: string;
  /** Whether this is the end where the user is. */
  readonly isClient: boolean;
  /** Why the session was asked to end, once it was. */
  readonly hangupReason: string | undefined;
  /** Bytes of the input that nobody has read. */
  readonly inputLength: number;
  /** How many bytes of the input have been read. */
  readonly inputPosition: number;
  /** Puts back what was read last; also when the session is over. */
  putBack(bytes: Buffer): void;
  /** The parts of a chunk that was just read, each with the character set that was in force when it arrived. */
  encodingRuns(chunk: Buffer): readonly EncodingRun[];
}

/** Bytes in one character set. */
export interface EncodingRun<B extends Uint8Array = Buffer> {
  readonly bytes: B;
  /** Canonical. */
  readonly encoding: string;
}
