/**
 * What must not outlive this test process, however it ends: `--test` stops a file that takes too long with SIGTERM, a
 * developer with ^C, and then no `finally` runs.
 */
const pending = new Set<() => void>();
let installed = false;

/** Runs `clean` (synchronous) when this process ends, unless the function that is returned was called before. */
export function atExit(clean: () => void): () => void {
  if (!installed) {
    installed = true;
    process.once('exit', () => {
      for (const one of pending) one();
    });
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
  }
  pending.add(clean);
  return () => pending.delete(clean);
}

/**
 * Ends everything that `before` has started, as far as it has. One that fails does not keep the others alive, and with
 * them this process.
 */
export async function disposeAll(...all: readonly (AsyncDisposable | undefined)[]): Promise<void> {
  const ends = await Promise.allSettled(all.map(async one => one?.[Symbol.asyncDispose]()));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
