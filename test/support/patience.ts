/**
 * How long tests wait for an event before they fail, in milliseconds. It only ends a test that hangs: on a machine that
 * is four times slower than usual, everything that happens at all happens sooner.
 */
export const PATIENCE_MS = 120_000;
