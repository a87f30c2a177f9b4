/** Scrolling with a finger: xterm.js itself knows only the mouse wheel. */
import type { Terminal as Xterm } from '@xterm/xterm';

/** A finger that moves less than this is a tap. */
const TAP_PX = 8;
/** Part of the speed that remains in each frame after the finger has left. */
const FRICTION = 0.94;

/**
 * Turns movements of a finger into wheel events on the terminal. xterm.js scrolls by them, or passes them on: to a
 * program with mouse reports, or as arrow keys to one on the alternate screen.
 */
export function scrollByTouch(xterm: Xterm): void {
  const element = xterm.element!;
  let last: { readonly id: number; readonly x: number; y: number; readonly startY: number; time: number } | undefined;
  let speed = 0;
  let frame = 0;

  const scroll = (x: number, y: number, distance: number) => {
    const target = element.querySelector('.xterm-screen') ?? element;
    const init = { deltaY: distance, deltaMode: WheelEvent.DOM_DELTA_PIXEL, clientX: x, clientY: y };
    target.dispatchEvent(new WheelEvent('wheel', { ...init, bubbles: true, cancelable: true }));
  };

  element.addEventListener('touchstart', ({ touches }) => {
    cancelAnimationFrame(frame);
    speed = 0;
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
    const { x, y } = last ?? { x: 0, y: 0 };
    const roll = () => {
      speed *= FRICTION;
      if (Math.abs(speed) < 0.5) return;
      scroll(x, y, speed);
      frame = requestAnimationFrame(roll);
    };
    if (last !== undefined && xterm.modes.mouseTrackingMode === 'none' && xterm.buffer.active.type === 'normal') roll();
    last = undefined;
  });
}
