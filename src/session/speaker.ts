import type { Duplex } from 'node:stream';
import type { Telnet } from '../protocol/index.ts';

/** The part of a session that conversations are made of. */
export interface Speaker extends Duplex {
  readonly telnet: Telnet;
  /** The character set that text is in. */
  readonly encoding: string;
  /** Whether this is the end where the user is. */
  readonly isClient: boolean;
}
