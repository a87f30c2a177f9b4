/** How a terminal is drawn: with WebGL where that works and is wanted, else with elements of the page. */
import { WebglAddon } from '@xterm/addon-webgl';
import type { Terminal as Xterm } from '@xterm/xterm';

export class Renderer {
  readonly #xterm: Xterm;
  readonly #changed: () => void;
  #webgl: WebglAddon | undefined;
  #isWanted = false;
  #isEmulated = false;

  /**
   * @param element the element of the terminal
   * @param changed called after a change: the two ways to draw have cells of different widths
   */
  constructor(xterm: Xterm, element: HTMLElement, changed: () => void) {
    this.#xterm = xterm;
    this.#changed = changed;
    this.#observePixels(element);
  }

  /** @param isWanted whether it draws with WebGL if it can */
  choose(isWanted: boolean): void {
    this.#isWanted = isWanted;
    if (isWanted && !this.#isEmulated) this.#useWebgl();
    else this.#leaveWebgl();
    this.#changed();
  }

  /**
   * Compares the two measures that a browser has of its pixels. While developer tools emulate another screen they
   * disagree, and the WebGL addon, which uses both, would draw outside its canvas. Safari has only one of them.
   */
  #observePixels(element: HTMLElement): void {
    const observer = new ResizeObserver(([entry]) => {
      const [size] = entry?.devicePixelContentBoxSize ?? [];
      if (entry === undefined || size === undefined || entry.contentRect.width === 0) return;
      const ratio = size.inlineSize / entry.contentRect.width;
      const isEmulated = Math.abs(ratio / devicePixelRatio - 1) > 0.1;
      if (isEmulated === this.#isEmulated) return;
      this.#isEmulated = isEmulated;
      this.choose(this.#isWanted);
    });
    try {
      observer.observe(element, { box: 'device-pixel-content-box' });
    } catch {
      // The measure is unknown here.
    }
  }

  #useWebgl(): void {
    if (this.#webgl !== undefined) return;
    try {
      const addon = new WebglAddon();
      // A browser takes the context away from old tabs, and after a failure of the driver.
      addon.onContextLoss(() => {
        this.#leaveWebgl();
        this.#changed();
      });
      this.#xterm.loadAddon(addon);
      this.#webgl = addon;
    } catch {
      // No WebGL here: xterm.js draws with DOM elements.
    }
  }

  #leaveWebgl(): void {
    this.#webgl?.dispose();
    this.#webgl = undefined;
  }
}
