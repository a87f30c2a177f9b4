/** Directories of recordings, as a server makes them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AsciicastEncoder } from '../../src/recording/asciicast.ts';
import type { RecordingEvent, RecordingHeader } from '../../src/recording/recording.ts';

export interface MadeRecording extends Partial<RecordingHeader> {
  readonly started: Date;
  readonly session: number;
  readonly events?: readonly RecordingEvent[];
}

/** Writes a recording. @returns its name */
export function makeRecording(directory: string, made: MadeRecording): string {
  const { session, events = [], columns = 80, rows = 24, ...header } = made;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const encoder = new AsciicastEncoder(3);
  const parts = [encoder.begin({ ...header, columns, rows }), ...events.map(event => encoder.event(event))];
  const name = nameOf(made.started, session);
  writeFileSync(join(directory, name), Buffer.concat(parts), { mode: 0o600 });
  return name;
}

/** The name of a recording. */
export const nameOf = (started: Date, session: number): string =>
  `${started.toISOString().slice(0, 19).replaceAll(':', '-')}Z-session-${session}.cast`;
