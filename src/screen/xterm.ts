/**
 * Loads xterm.js (`@xterm/headless`): about 12 ms and 0.4 MB of heap, which sessions without a screen do not pay. The import
 * is dynamic and has a literal name, so that bundlers find it. `require` would be synchronous, but hidden from them.
 */
import type { Terminal } from '@xterm/headless';

let terminal: typeof Terminal | undefined;

/** Must have settled before the first {@link Screen} is made. */
export async function loadScreens(): Promise<void> {
  if (terminal !== undefined) return;
  const module = await import('@xterm/headless');
  // The module is CommonJS: Node.js has all of it in `default`, a loader or bundler may have the names alone.
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
