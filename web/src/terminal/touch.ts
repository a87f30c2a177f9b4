/** Scrolling with a finger: xterm.js itself knows only the mouse wheel. */
import type { Terminal as Xterm } from '@xterm/xterm';

/** A finger that moves less than this is a tap. */
const TAP_PX = 8;
/** Part of the speed that remains in each frame after the finger has left. */
const FRICTION = 0.94;

/**
 * Scrolls by whole rows, so that the text follows the finger. Where there is nothing to scroll back, xterm.js gets a
 * turn of the wheel for each row, and passes it on: to a program with mouse reports, or as an arrow key to one on the
 * alternate screen.
 *
 * Rejected: wheel events in pixels (xterm.js 6 scales them as those of a trackpad, and rounds each to whole rows), and
 * wheel events on the screen in the terminal (the scroll bar of xterm.js 6 swallows most of those).
 */
export function scrollByTouch(xterm: Xterm): void {
  const element = xterm.element!;
  const screen = element.querySelector<HTMLElement>('.xterm-screen')!;
  let last: { readonly id: number; readonly x: number; y: number; readonly startY: number; time: number } | undefined;
  /** The part of a row by which the finger is ahead of the text. */
  let rest = 0;
  let speed = 0;
  let frame = 0;

  const hasScrollback = () => xterm.modes.mouseTrackingMode === 'none' && xterm.buffer.active.type === 'normal';
  const scroll = (x: number, y: number, distance: number) => {
    rest += (distance * xterm.rows) / screen.clientHeight;
    const rows = Math.trunc(rest);
    rest -= rows;
    if (hasScrollback()) {
      xterm.scrollLines(rows);
      return;
    }
    const init = { deltaY: Math.sign(rows), deltaMode: WheelEvent.DOM_DELTA_LINE, clientX: x, clientY: y };
    for (let turn = 0; turn < Math.abs(rows); turn++)
      element.dispatchEvent(new WheelEvent('wheel', { ...init, cancelable: true }));
  };

  element.addEventListener('touchstart', ({ touches }) => {
    cancelAnimationFrame(frame);
    speed = rest = 0;
    const [touch] = touches;
    last =
      touch === undefined || touches.length > 1
        ? undefined
        : {
            ...{ id: touch.identifier, x: touch.clientX, y: touch.clientY, startY: touch.clientY },
            time: performance.now(),
          };
  });
  element.addEventListener(
    'touchmove',
    event => {
      const touch = Array.from(event.touches).find(({ identifier }) => identifier === last?.id);
      if (last === undefined || touch === undefined || Math.abs(touch.clientY - last.startY) < TAP_PX) return;
      event.preventDefault();
      const distance = last.y - touch.clientY;
      const now = performance.now();
      speed = distance / Math.max(1, (now - last.time) / 16);
      last.y = touch.clientY;
      last.time = now;
      scroll(touch.clientX, touch.clientY, distance);
    },
    { passive: false },
  );
  element.addEventListener('touchend', () => {
    if (last === undefined) return;
    const { x, y } = last;
    const roll = () => {
      speed *= FRICTION;
      if (Math.abs(speed) < 0.5 || !hasScrollback()) return;
      scroll(x, y, speed);
      frame = requestAnimationFrame(roll);
    };
    roll();
    last = undefined;
  });
  element.addEventListener('touchcancel', () => {
    last = undefined;
  });
}
