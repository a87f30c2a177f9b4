/** Images of screens. What belongs here turns a {@link Screen} into SVG; recordings are in src/recording/. */
export { Animation, type AnimationOptions } from './animation.ts';
export { DARK, type Theme } from './colours.ts';
export { renderSvg, type SvgOptions } from './render.ts';
