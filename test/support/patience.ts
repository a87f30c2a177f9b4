/**
 * How long tests wait for an event before they fail, in milliseconds. It only ends a test that hangs: on a machine that
 * is four times slower than usual, everything that happens at all happens sooner.
 */
export const PATIENCE_MS = 120_000;

/**
 * How long servers of tests wait for the negotiation of a client, and an eighth of it for each further answer, in
 * milliseconds. With the default of 2 s, a program starts without the answers of a client that gets no processor. Not
 * longer, because some clients agree to an option and then send nothing about it.
 */
export const NEGOTIATION_MS = 16_000;
