/** The terminal: xterm.js with its addons, as the settings want it. */
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { UnicodeGraphemesAddon } from '@xterm/addon-unicode-graphemes';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal as Xterm } from '@xterm/xterm';
import type { Settings, SettingsStore } from '../settings.ts';
import { Frames } from './frames.ts';
import { OutputQueue } from './output-queue.ts';
import { Renderer } from './renderer.ts';
import { TextInput } from './text-input.ts';
import { followSystem, THEMES, themeOf } from './themes.ts';

const FONTS =
  "ui-monospace, 'SF Mono', Menlo, 'Cascadia Mono', Consolas, 'DejaVu Sans Mono', 'Liberation Mono', 'Noto Sans Mono', monospace";

/** Leaves the alternate screen. On the normal screen it would move the cursor. */
const LEAVE_ALTERNATE = '\x1b[?1049l';

/**
 * Resets the modes that an ended program cannot reset any more: mouse, keys, paste, scrolling margins, character sets,
 * colours. The text stays, which RIS would remove.
 */
const RESTORE = [
  ...['\x1b[!p', '\x1b[?9l', '\x1b[?1000l', '\x1b[?1002l', '\x1b[?1003l', '\x1b[?1004l', '\x1b[?1006l'],
  ...['\x1b[?2004l', '\x1b[?2026l', '\x1b[?1l', '\x1b>', '\x1b[?7h', '\x1b[?25h', '\x1b[0m', '\x1b(B', '\x0f'],
].join('');

/** The terminal in the page. */
export class Terminal {
  readonly xterm: Xterm;
  readonly search = new SearchAddon({ highlightLimit: 1_000 });
  readonly #fit = new FitAddon();
  readonly #settings: SettingsStore;
  readonly #element: HTMLElement;
  readonly #renderer: Renderer;
  readonly textInput: TextInput;
  readonly #frames: Frames;
  readonly #output = new OutputQueue((bytes, done) => {
    this.xterm.write(bytes, () => {
      this.#frames.processed(bytes.length);
      done();
    });
  });
  /** Whether the last pointer was a finger. Browsers turn its tap into events of a mouse, which do not say so. */
  #isTouched = false;

  /** @param showLink shows the address of the link under the mouse; undefined when there is none */
  constructor(element: HTMLElement, settings: SettingsStore, showLink: (address: string | undefined) => void) {
    this.#element = element;
    this.#settings = settings;
    const links = {
      // A finger does not hover: nothing would hide the address after the tap.
      hover: (_event: MouseEvent, address: string) => showLink(this.#isTouched ? undefined : address),
      leave: () => showLink(undefined),
    };
    const activate = (event: MouseEvent, address: string) => this.#openLink(event, address);
    element.addEventListener('pointerdown', event => this.#notePointer(event), { capture: true });
    element.addEventListener('pointermove', event => this.#notePointer(event), { capture: true });
    this.xterm = new Xterm({
      ...optionsOf(settings.current),
      // Addons for graphemes and for matches of the search use it.
      allowProposedApi: true,
      linkHandler: { activate, ...links },
    });
    this.xterm.loadAddon(this.#fit);
    this.xterm.loadAddon(this.search);
    this.xterm.loadAddon(new UnicodeGraphemesAddon());
    this.xterm.loadAddon(new WebLinksAddon(activate, links));
    this.xterm.attachCustomKeyEventHandler(event => this.#handleKey(event));
    this.xterm.open(element);
    this.#frames = new Frames(this.xterm);
    this.textInput = new TextInput(this.xterm);
    this.#renderer = new Renderer(this.xterm, element, () => this.fit());
    settings.follow(current => this.#apply(current));
    followSystem(() => this.#apply(settings.current));
    new ResizeObserver(() => this.fit()).observe(element);
    this.fit();
  }

  /** Shows output. The bytes must stay unchanged until then. */
  write(bytes: Uint8Array): void {
    this.#output.write(bytes);
  }

  /** Calls `done` when everything written so far is processed. */
  afterWrites(done: () => void): void {
    this.#output.after(done);
  }

  /** Discards output that is not processed yet. */
  discardOutput(): void {
    this.#output.discard();
  }

  /** Shows a line of the page itself below what the last program has shown. */
  note(line: string): void {
    this.afterWrites(() => {
      const { type, cursorX } = this.xterm.buffer.active;
      const leave = type === 'alternate' ? LEAVE_ALTERNATE : '';
      const newLine = type === 'normal' && cursorX === 0 ? '' : '\r\n';
      this.xterm.write(`${leave}${RESTORE}${newLine}\x1b[2m${line}\x1b[0m\r\n`);
    });
  }

  /** Adapts the size to the window. */
  fit(): void {
    // Without layout there is no size: the page is hidden, or not shown yet.
    if (this.#element.clientHeight > 0) this.#fit.fit();
  }

  /** Ctrl and slash is the byte of Ctrl and underscore, as in xterm: many programs undo at it. xterm.js ignores it. */
  #handleKey(event: KeyboardEvent): boolean {
    if (!this.textInput.handleKey(event)) return false;
    if (event.key !== '/' || !event.ctrlKey || event.altKey || event.metaKey) return true;
    event.preventDefault();
    if (event.type === 'keydown') this.xterm.input('\x1f');
    return false;
  }

  #notePointer({ pointerType }: PointerEvent): void {
    this.#isTouched = pointerType === 'touch';
  }

  /** A mouse needs Ctrl or Cmd, as in other terminals; a finger does not. */
  #openLink(event: MouseEvent, address: string): void {
    if (!this.#isTouched && !event.ctrlKey && !event.metaKey) return;
    if (/^https?:\/\//i.test(address)) window.open(address, '_blank', 'noopener,noreferrer');
  }

  #apply(settings: Settings): void {
    Object.assign(this.xterm.options, optionsOf(settings));
    const theme = themeOf(settings.theme);
    document.documentElement.dataset.theme = theme;
    document.querySelector('meta[name=theme-color]')?.setAttribute('content', THEMES[theme].colors.background ?? '');
    this.#renderer.choose(settings.gpu);
  }

  /** The options that mark the matches of a search. */
  get matchColors() {
    const { all, active } = THEMES[themeOf(this.#settings.current.theme)].match;
    return {
      ...{ matchBackground: all, activeMatchBackground: active },
      ...{ matchOverviewRuler: all, activeMatchColorOverviewRuler: active },
    };
  }

  /** Everything that was shown and is still kept, as text. */
  get text(): string {
    const buffer = this.xterm.buffer.normal;
    const lines: string[] = [];
    for (let row = 0; row < buffer.length; row++) {
      const line = buffer.getLine(row)!;
      const text = line.translateToString(!buffer.getLine(row + 1)?.isWrapped);
      if (line.isWrapped && lines.length > 0) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    const isAlternate = this.xterm.buffer.active.type === 'alternate';
    return `${[...lines, ...(isAlternate ? [this.screenText] : [])].join('\n').trimEnd()}\n`;
  }

  /** The text of the screen. */
  get screenText(): string {
    const buffer = this.xterm.buffer.active;
    const row = (at: number) => buffer.getLine(buffer.viewportY + at)?.translateToString(true) ?? '';
    return Array.from({ length: this.xterm.rows }, (_, at) => row(at))
      .join('\n')
      .trimEnd();
  }
}

/** The options of xterm.js that follow from the settings. */
export function optionsOf(settings: Settings) {
  const theme = THEMES[themeOf(settings.theme)];
  return {
    theme: theme.colors,
    minimumContrastRatio: theme.minimumContrastRatio,
    fontSize: settings.fontSize,
    fontFamily: settings.fontFamily === '' ? FONTS : `'${settings.fontFamily.replace(/['\\]/g, '')}', ${FONTS}`,
    cursorBlink: settings.cursorBlink,
    scrollback: settings.scrollback,
    screenReaderMode: settings.screenReader,
    macOptionIsMeta: settings.optionIsMeta,
    macOptionClickForcesSelection: true,
  };
}
