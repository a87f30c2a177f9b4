/**
 * What a recording is, in any format: a header, and events in the order of their time. The formats are in
 * `asciicast.ts` and `ttyrec.ts`.
 *
 * | | asciicast v3 | asciicast v2 | ttyrec |
 * |---|---|---|---|
 * | used by | asciinema 3 | asciinema 2, most players | dgamelaunch, NetHack servers |
 * | contents | JSON, a line an event | JSON, a line an event | binary: seconds, microseconds, length, bytes |
 * | time | since the event before | since the beginning | of day |
 * | size, resizes | yes | yes | as `CSI 8 ; rows ; columns t`, if at all |
 * | input, marks | yes | yes | no |
 * | exit status | yes | no | no |
 *
 * asciicast v1, of asciinema 1, is read only. It is one JSON object, with a size that does not change and with output.
 */

/** The formats that are read and written. */
export const RECORDING_FORMATS = ['asciicast', 'asciicast-v2', 'ttyrec'] as const;

/** `'asciicast'` is version 3. */
export type RecordingFormat = (typeof RECORDING_FORMATS)[number];

/** The facts at the beginning of a recording. A reader gives those that the file has. */
export interface RecordingHeader {
  /** The window's size in characters, 1 to 65535. */
  readonly columns: number;
  readonly rows: number;
  /** The terminal's type, for `TERM`. */
  readonly term?: string | undefined;
  /** When the recording began. */
  readonly started?: Date | undefined;
  /** The command line of the program. */
  readonly command?: string | undefined;
  readonly title?: string | undefined;
  /** The longest time between two events that players should show, in seconds. asciinema can set it. */
  readonly idleLimit?: number | undefined;
  /** The character set of the session. The recording itself is in UTF-8. */
  readonly encoding?: string | undefined;
  /** The user who has logged in, or who owns the connection. */
  readonly user?: string | undefined;
  /** The address of the client. */
  readonly address?: string | undefined;
}

/** What happened at a time, in seconds since the beginning. */
export type RecordingEvent = { readonly time: number } & (
  | { readonly type: 'output' | 'input'; readonly data: string }
  | { readonly type: 'resize'; readonly columns: number; readonly rows: number }
  | { readonly type: 'mark'; readonly label: string }
  /** The program ended, with this exit status. */
  | { readonly type: 'exit'; readonly status: number }
);

/** An error in a file: what is wrong, and where. */
export interface FormatProblem {
  readonly problem: string;
  /** The number of the line, from 1, or the offset in bytes. */
  readonly place: string;
}

/** A position in a file between two events, from which it can be read again. */
export interface Checkpoint {
  /** The number of events before it. */
  readonly events: number;
  /** Undefined if a decoder can only begin at the beginning of the file: then those events are skipped. */
  readonly resume:
    | {
        /** Bytes, of the file without its compression. */
        readonly offset: number;
        readonly decoder: () => RecordingDecoder;
      }
    | undefined;
}

/** Reads one format, from pieces that may be cut anywhere. */
export interface RecordingDecoder {
  /** Complete after the first call of {@link push} that returned events or set {@link problem}, and after `end()`. */
  readonly header: RecordingHeader | undefined;
  /** Set when the file is wrong; the events before that place have been returned, and none will follow. */
  readonly problem: FormatProblem | undefined;
  /** @param piece lent. */
  push(piece: Uint8Array): RecordingEvent[];
  /** The end of the file. An event that is cut there is not an error: the process that wrote it was killed. */
  end(): RecordingEvent[];
  /** The position after the events that {@link push} has returned. */
  checkpoint(): Checkpoint['resume'];
}

/** Writes one format. */
export interface RecordingEncoder {
  /** What comes first in the file. */
  begin(header: RecordingHeader): Uint8Array;
  /** An event, or nothing if the format cannot express it. Times must not decrease. */
  event(event: RecordingEvent): Uint8Array;
}

export const isSize = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536;

/** Whole microseconds, the precision of all formats. */
export const microseconds = (seconds: number): number => Math.round(seconds * 1e6);

/** All pieces in one. It is the piece itself if there is only one. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first, second] = pieces;
  if (first !== undefined && second === undefined) return first;
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
