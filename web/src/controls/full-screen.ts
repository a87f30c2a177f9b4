/** Full screen, with the keys that browsers otherwise keep for themselves. */

/** Keys that Chromium passes to a page in full screen. https://wicg.github.io/keyboard-lock/ */
interface Keyboard {
  lock(codes: readonly string[]): Promise<void>;
  unlock(): void;
}

/** Escape otherwise leaves full screen, and Ctrl with the others closes the tab or opens another. */
const KEYS = ['Escape', 'KeyW', 'KeyT', 'KeyN'];

export const isFullScreen = (): boolean => document.fullscreenElement !== null;

/** Enters or leaves full screen. Where Escape is passed to the program, holding it leaves. */
export async function toggleFullScreen(): Promise<void> {
  const { keyboard } = navigator as { readonly keyboard?: Keyboard };
  try {
    if (isFullScreen()) {
      keyboard?.unlock();
      await document.exitFullscreen();
    } else {
      await document.documentElement.requestFullscreen();
      await keyboard?.lock(KEYS);
    }
  } catch {
    // The browser or the page around this one does not allow it.
  }
}
