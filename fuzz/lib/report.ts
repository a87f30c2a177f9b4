/** What the threads of a run say to each other. */
import type { Bounds } from './fuzzer.ts';

/** What a thread is given. */
export interface FuzzWork {
  /** The instrumented target. */
  readonly module: string;
  readonly seed: number;
  readonly bounds: Bounds;
  /** Inputs of earlier runs that had shown something. */
  readonly corpus: readonly Uint8Array[];
  /** Shared: how many inputs have begun, and the length of the one that runs. */
  readonly state: Int32Array;
  /** Shared: the input that runs. */
  readonly current: Uint8Array;
}

/** How it goes. */
export interface FuzzReport {
  readonly runs: number;
  readonly corpus: number;
  readonly reached: number;
  readonly failures: readonly { readonly name: string; readonly input: Uint8Array; readonly stack: string }[];
}

/** What a thread says. */
export type FuzzMessage =
  | { readonly type: 'progress'; readonly report: FuzzReport }
  | { readonly type: 'done'; readonly report: FuzzReport; readonly corpus: readonly Uint8Array[] };
