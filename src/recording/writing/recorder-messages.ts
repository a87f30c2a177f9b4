/** What the sessions of a process and the thread that writes their recordings send each other. */
import type { MessagePort } from 'node:worker_threads';
import type { RecordingFormat, RecordingHeader } from '../recording.ts';
import type { Retention } from './recording-directory.ts';

/** A step of one recording. Times are in seconds since its beginning. */
export type Step =
  | {
      readonly type: 'begin';
      readonly id: number;
      readonly directory: string;
      readonly format: RecordingFormat;
      readonly session: number;
      readonly header: RecordingHeader & { readonly started: Date };
    }
  /** Bytes of the buffer of the batch, in a character set. */
  | {
      readonly type: 'output' | 'input';
      readonly id: number;
      readonly time: number;
      readonly from: number;
      readonly to: number;
      readonly encoding: string;
    }
  | {
      readonly type: 'resize';
      readonly id: number;
      readonly time: number;
      readonly columns: number;
      readonly rows: number;
    }
  | { readonly type: 'exit'; readonly id: number; readonly time: number; readonly status: number }
  /** The recording is complete; or given up, for a reason that becomes a mark. */
  | { readonly type: 'end'; readonly id: number; readonly reason?: string | undefined };

/** To the thread. */
export type ThreadOrder =
  /** Repairs the files of the directory now, and deletes files from time to time. */
  | { readonly type: 'directory'; readonly directory: string; readonly retention: Retention }
  | { readonly type: 'batch'; readonly steps: readonly Step[]; readonly data: BatchMemory | undefined };

/** The bytes of a batch. The sessions use the memory again when the batch is written. */
export type BatchMemory = Uint8Array<SharedArrayBuffer>;

/** From the thread. */
export type ThreadReport =
  | { readonly type: 'begun'; readonly id: number; readonly file: string }
  /** A batch was written, while {@link WANTS_REPORTS} is 1. */
  | { readonly type: 'written' }
  /** The recording has ended; `problem`: by an error. The file is null if it does not exist. */
  | {
      readonly type: 'ended';
      readonly id: number;
      readonly file: string | null | undefined;
      readonly size: number;
      readonly problem: { readonly reason: string; readonly code: string } | undefined;
    }
  | { readonly type: 'repaired' | 'deleted'; readonly directory: string; readonly files: readonly string[] };

/** What the thread gets when it starts. */
export interface ThreadStart {
  /** The numbers at {@link OBEYED}, {@link BUSY}, {@link PROGRESS} and {@link WANTS_REPORTS}. */
  readonly state: SharedArrayBuffer;
  /** For {@link ThreadOrder} and {@link ThreadReport}. */
  readonly port: MessagePort;
}

/** How many orders the thread has obeyed. */
export const OBEYED = 0;
/** 1 while the thread works. */
export const BUSY = 1;
/** Changes with each order, step and file. A disk that does not answer stops it. */
export const PROGRESS = 2;
/** 1 while sessions wait for batches to be written. Set before the batch that they wait for is sent. */
export const WANTS_REPORTS = 3;
/** The size of these numbers. */
export const STATE_BYTES = 16;
