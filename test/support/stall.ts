/** Blocks the event loop of this process for some milliseconds, as a machine that is too busy does. */
export function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
