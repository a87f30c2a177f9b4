/** Lets the event loop do other work, for code that computes for long; also in a browser. */
const immediate: (proceed: () => void) => unknown =
  (globalThis as { setImmediate?: (proceed: () => void) => unknown }).setImmediate ?? (proceed => setTimeout(proceed));

/** Resolves after other events have been handled. */
export const nextTurn = (): Promise<void> => new Promise(resolve => immediate(resolve));
