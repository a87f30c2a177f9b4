/**
 * Loads xterm.js (`@xterm/headless`): about 12 ms and 0.4 MB of heap, a cost that sessions without a screen avoid. The
 * import is dynamic and has a literal name, so that bundlers find it. `require` would be synchronous, but bundlers do
 * not see it.
 */
import type { Terminal } from '@xterm/headless';

let terminal: typeof Terminal | undefined;

/** Must have settled before the first {@link Screen} is created. */
export async function loadScreens(): Promise<void> {
  if (terminal !== undefined) return;
  const module = await import('@xterm/headless');
  // The module is CommonJS: Node.js has all of it in `default`; a loader or bundler may provide only the names.
  const { Terminal } = (module.default as typeof module.default | undefined) ?? module;
  terminal = Terminal;
}

export function areScreensLoaded(): boolean {
  return terminal !== undefined;
}

/** @internal */
export function terminalClass(): typeof Terminal {
  if (terminal === undefined) throw new Error('loadScreens() has not settled');
  return terminal;
}
