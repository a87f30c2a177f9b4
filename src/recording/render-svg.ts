/** Images of recordings. */
import type { TelptyError } from '../errors.ts';
import { Animation, type AnimationOptions, renderSvg, type SvgOptions } from '../screen/svg/index.ts';
import type { Recording } from './recording-reader.ts';
import { apply } from './screen-index.ts';

export interface StillOptions extends SvgOptions {
  /** The time in the recording, in seconds. Default: its end. */
  readonly at?: number | undefined;
}

/** Draws the screen at a time of a recording. Sizes are limited to 2x1 to 1000x400. */
export async function renderStill(recording: Recording, options: StillOptions = {}): Promise<string> {
  const { screen, rest } = await recording.screens.seek(options.at ?? Number.POSITIVE_INFINITY);
  try {
    return renderSvg(screen, options);
  } finally {
    screen.dispose();
    await rest.return(undefined);
  }
}

export interface AnimatedOptions extends AnimationOptions {
  /** Times in the recording, in seconds. Default: its beginning, and its end. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** How many times as fast. Default: 1. */
  readonly speed?: number | undefined;
  /** The longest time between two events, in seconds. 0: no limit, as when it is left out. */
  readonly idleLimit?: number | undefined;
}

export interface AnimatedImage {
  readonly svg: string;
  /** The shortest time between two frames, in seconds. */
  readonly interval: number;
  /** Whether frames were left out to bound the size. */
  readonly isThinned: boolean;
  /** Where the file is broken, if it is before the end of the animation, which then ends there. */
  readonly problem: TelptyError | undefined;
}

/** Draws a part of a recording as an animation. */
export async function renderAnimation(recording: Recording, options: AnimatedOptions = {}): Promise<AnimatedImage> {
  const { from = 0, speed = 1, idleLimit = 0 } = options;
  const { duration, problem } = await recording.scan();
  const to = Math.min(options.to ?? Number.POSITIVE_INFINITY, duration);
  const animation = new Animation(options);
  const { screen, rest } = await recording.screens.seek(Math.min(from, duration), { isLenient: true });
  /** The time in the animation, and of the last event in the recording. */
  let now = 0;
  let last = Math.min(from, duration);
  let lastFrame = 0;
  let isChanged = false;
  try {
    animation.add(0, screen);
    while (last < to) {
      // A broken file was reported by the scan.
      const { value: event, done } = await rest.next().catch(() => ({ value: undefined, done: true as const }));
      if (done || event.time > to) {
        now += pause(to - last, idleLimit) / speed;
        break;
      }
      const time = now + pause(event.time - last, idleLimit) / speed;
      // A frame shows the state before an event that comes later.
      if (isChanged && time - lastFrame >= animation.interval && time > now) {
        animation.add(now, screen);
        lastFrame = now;
        isChanged = false;
      }
      now = time;
      last = event.time;
      apply(screen, event);
      isChanged ||= event.type === 'output' || event.type === 'resize';
    }
    if (isChanged) animation.add(now, screen);
    const isBroken = problem !== undefined && to === duration;
    return {
      svg: animation.toString(now),
      interval: animation.interval,
      isThinned: animation.isThinned,
      problem: isBroken ? problem : undefined,
    };
  } finally {
    screen.dispose();
    await rest.return(undefined);
  }
}

const pause = (seconds: number, limit: number): number => (limit > 0 ? Math.min(seconds, limit) : seconds);
