/** The colours of the terminal. Those of the page around it are in page.css. */
import type { ITheme } from '@xterm/xterm';
import type { Settings } from '../settings.ts';

/** A theme, after the choice `system` has been resolved. */
export type ThemeName = Exclude<Settings['theme'], 'system'>;

/** A theme for xterm.js, with the least contrast of text that a program may show. */
export interface Theme {
  readonly colors: ITheme;
  readonly minimumContrastRatio: number;
  /** The colours of matches of the search. */
  readonly match: { readonly all: string; readonly active: string };
}

/** The sixteen colours of ANSI X3.64 in their order, as xterm.js names them. */
const ANSI = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const;
type AnsiName = (typeof ANSI)[number];

function colors(base: ITheme, normal: readonly string[], bright: readonly string[]): ITheme {
  const brightName = (name: AnsiName) => `bright${name[0]!.toUpperCase()}${name.slice(1)}`;
  return {
    ...base,
    ...Object.fromEntries(
      ANSI.flatMap((name, at) => [
        [name, normal[at]!],
        [brightName(name), bright[at]!],
      ]),
    ),
  };
}

export const THEMES: Readonly<Record<ThemeName, Theme>> = {
  dark: {
    colors: colors(
      {
        ...{ background: '#14171b', foreground: '#d5dae1', cursor: '#d5dae1', cursorAccent: '#14171b' },
        ...{ selectionBackground: '#35507a', selectionInactiveBackground: '#35507a' },
        ...{ scrollbarSliderBackground: '#8b95a533', scrollbarSliderHoverBackground: '#8b95a566' },
      },
      ['#22272e', '#e8716d', '#86c06c', '#d9b263', '#6aa5ea', '#c28bdc', '#55bcc0', '#c5cbd4'],
      ['#717c8b', '#f59490', '#a6da8e', '#f0cf87', '#90c1f9', '#d8ade9', '#82d8db', '#f5f7f9'],
    ),
    minimumContrastRatio: 3,
    match: { all: '#5b4a1a', active: '#a67c00' },
  },
  light: {
    colors: colors(
      {
        ...{ background: '#fcfcfb', foreground: '#23282f', cursor: '#23282f', cursorAccent: '#fcfcfb' },
        ...{ selectionBackground: '#b7d2f5', selectionInactiveBackground: '#b7d2f5' },
        ...{ scrollbarSliderBackground: '#5a647233', scrollbarSliderHoverBackground: '#5a647266' },
      },
      ['#23282f', '#b52a25', '#2c7a34', '#8c6400', '#1f5fc0', '#8a3a9f', '#0c7580', '#d3d8de'],
      ['#6a7482', '#d23c36', '#37913f', '#a67800', '#2f74da', '#a44dba', '#128a96', '#f2f4f6'],
    ),
    minimumContrastRatio: 4.5,
    match: { all: '#ffe9a8', active: '#ffc640' },
  },
  contrast: {
    colors: colors(
      {
        ...{ background: '#000000', foreground: '#ffffff', cursor: '#ffff00', cursorAccent: '#000000' },
        ...{ selectionBackground: '#ffffff', selectionForeground: '#000000', selectionInactiveBackground: '#ffffff' },
        ...{ scrollbarSliderBackground: '#ffffff99', scrollbarSliderHoverBackground: '#ffffff' },
      },
      ['#000000', '#ff7070', '#60ff60', '#ffff50', '#80b8ff', '#ff90ff', '#50ffff', '#ffffff'],
      ['#b8b8b8', '#ff9898', '#90ff90', '#ffff90', '#a8d0ff', '#ffb8ff', '#90ffff', '#ffffff'],
    ),
    minimumContrastRatio: 7,
    match: { all: '#5c5c00', active: '#0050c8' },
  },
};

const isDark = matchMedia('(prefers-color-scheme: dark)');
const isContrast = matchMedia('(prefers-contrast: more), (forced-colors: active)');

/** The theme of a choice. */
export function themeOf(choice: Settings['theme']): ThemeName {
  if (choice !== 'system') return choice;
  if (isContrast.matches) return 'contrast';
  return isDark.matches ? 'dark' : 'light';
}

/** Calls `changed` when the system's theme changes. */
export function followSystem(changed: () => void): void {
  for (const query of [isDark, isContrast]) query.addEventListener('change', changed);
}
