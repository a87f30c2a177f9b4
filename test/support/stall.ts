/** Blocks the event loop of this process for some milliseconds, as a machine that is too busy does. */
export function stall(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}
