/**
 * Less work for the frames of a flood, which pass too fast to be read. Without this, the page spends most of a flood on
 * drawing:
 *
 * - xterm.js draws as often as the browser lets it. Here, a frame after much output is followed by a pause of twice its
 *   own duration, so that at least half of the time remains for output. On a fast device no frame is left out.
 * - After scrolling, xterm.js draws all rows a second time for the selection. Here it does so only if there is one.
 * - xterm.js 6 moves its scroll bar for each line, and sets a timer that hides it. Here the bar moves with the frame.
 *
 * This uses private members of xterm.js, as its addons do. If a version of xterm.js lacks one of them, its part is left
 * out.
 */
import type { Terminal as Xterm } from '@xterm/xterm';

/**
 * More output than this in a frame is a flood. Programs that redraw a whole screen send as much, too; a short pause
 * does not harm them. A slow page processes little more than this between two frames.
 */
const FLOOD_BYTES = 4 * 1024;
/** The pause after a frame, in durations of the frame, and its limit. */
const PAUSE_FACTOR = 2;
const LONGEST_PAUSE_MS = 100;

/** What is used of the class Viewport. */
interface Viewport {
  /**
   * Moves the bar to the rows that the terminal shows. With an argument, which may be `undefined`, it is the call that
   * {@link queueSync} has queued.
   */
  _sync(...row: [] | [number | undefined]): void;
  /** Queues a call of {@link _sync} after the next frame is drawn, unless one is queued. */
  queueSync(): void;
  scrollLines(lines: number): void;
  scrollToLine(line: number, isAtOnce?: boolean): void;
}

/** What is used of the class SelectionService. */
interface Selections {
  readonly hasSelection: boolean;
  /** Draws the selection in the next frame. */
  refresh(isByMouse?: boolean): void;
}

/** What the class RenderDebouncer uses of the window. */
type FrameSource = Pick<Window, 'requestAnimationFrame' | 'cancelAnimationFrame'>;

/** The members of xterm.js that are used here. */
interface Internals {
  readonly _viewport?: Viewport;
  readonly _selectionService?: Selections;
  readonly _renderService?: { readonly _renderDebouncer?: { _coreBrowserService: { readonly window: FrameSource } } };
}

/** The frames of an open terminal. */
export class Frames {
  /** The output that was processed since the last frame, in bytes. */
  #bytes = 0;
  /** The earliest time of the next frame. */
  #next = 0;

  constructor(xterm: Xterm) {
    const { _viewport, _selectionService, _renderService } = (xterm as unknown as { _core: Internals })._core;
    if (_viewport?._sync !== undefined) moveBarByFrame(_viewport, xterm.element!);
    if (_selectionService?.refresh !== undefined) drawSelectionIfAny(_selectionService);
    const debouncer = _renderService?._renderDebouncer;
    if (debouncer?._coreBrowserService !== undefined) debouncer._coreBrowserService = { window: this.#source() };
  }

  /** Output was processed. */
  processed(bytes: number): void {
    this.#bytes += bytes;
  }

  #source(): FrameSource {
    /** The frame that is waited for, as a timer or as a frame of the browser. */
    let timer: number | undefined;
    let frame = 0;
    const request = (draw: FrameRequestCallback) => {
      timer = undefined;
      frame = requestAnimationFrame(time => this.#draw(draw, time));
    };
    return {
      requestAnimationFrame: draw => {
        const pause = this.#next - performance.now();
        if (pause > 0) timer = window.setTimeout(request, pause, draw);
        else request(draw);
        // (xterm.js has at most one frame requested, and uses the number only to cancel it.)
        return 1;
      },
      cancelAnimationFrame: () => {
        clearTimeout(timer);
        cancelAnimationFrame(frame);
      },
    };
  }

  #draw(draw: FrameRequestCallback, time: number): void {
    const isFlood = this.#bytes > FLOOD_BYTES;
    this.#bytes = 0;
    const start = performance.now();
    draw(time);
    if (!isFlood) return;
    // Until it is known how long layout and paint take.
    this.#next = start + LONGEST_PAUSE_MS;
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      const end = performance.now();
      this.#next = end + Math.min((end - start) * PAUSE_FACTOR, LONGEST_PAUSE_MS);
    };
    port2.postMessage(0);
  }
}

/** Events of the user from which xterm.js computes a new position of the bar, with its current one. */
const SCROLLING = ['wheel', 'pointerdown', 'pointermove'] as const;

function moveBarByFrame(viewport: Viewport, element: HTMLElement): void {
  const sync = viewport._sync.bind(viewport);
  let isDue = false;
  const moveNow = () => {
    if (!isDue) return;
    isDue = false;
    sync();
  };
  viewport._sync = (...row) => {
    if (row.length === 0) {
      isDue = true;
      viewport.queueSync();
    } else if (isDue) moveNow();
    else sync(...row);
  };
  // A distance is scrolled from where the bar is.
  for (const type of SCROLLING) element.addEventListener(type, moveNow, { capture: true, passive: true });
  const { scrollLines, scrollToLine } = viewport;
  viewport.scrollLines = lines => {
    moveNow();
    scrollLines.call(viewport, lines);
  };
  viewport.scrollToLine = (line, isAtOnce) => {
    moveNow();
    scrollToLine.call(viewport, line, isAtOnce);
  };
}

function drawSelectionIfAny(selections: Selections): void {
  const refresh = selections.refresh.bind(selections);
  let isDrawn = false;
  selections.refresh = isByMouse => {
    const { hasSelection } = selections;
    // A selection that has ended is drawn over once.
    if (hasSelection || isDrawn) refresh(isByMouse);
    isDrawn = hasSelection;
  };
}
