/**
 * The terminal that a recording is played on. It receives frames, as the terminal of `telpty play` does: positions,
 * text and colours, and nothing else of what was recorded. Its size is that of the recording, and its font is as large
 * as fits.
 */
import { UnicodeGraphemesAddon } from '@xterm/addon-unicode-graphemes';
import { Terminal as Xterm } from '@xterm/xterm';
import type { Frame, FrameSize } from '../../../src/recording/player/frame.ts';
import { Painter } from '../../../src/recording/player/painter.ts';
import type { View } from '../../../src/recording/player/player.ts';
import type { SettingsStore } from '../settings.ts';
import { Renderer } from '../terminal/renderer.ts';
import { optionsOf } from '../terminal/terminal.ts';
import { followSystem } from '../terminal/themes.ts';

/** The limits of the font size, in pixels. */
const SMALLEST = 4;
const LARGEST = 28;

const encoder = new TextEncoder();

export class RecordedTerminal implements View {
  readonly depth = 'rgb';
  readonly #element: HTMLElement;
  readonly #xterm: Xterm;
  readonly #settings: SettingsStore;
  readonly #renderer: Renderer;
  readonly #painter = new Painter(text => encoder.encode(text));
  #isReady = true;
  /** Called when the terminal has shown a frame. */
  onReady: () => void = () => {};

  constructor(element: HTMLElement, settings: SettingsStore) {
    this.#element = element;
    this.#settings = settings;
    this.#xterm = new Xterm({ allowProposedApi: true });
    this.#xterm.loadAddon(new UnicodeGraphemesAddon());
    this.#xterm.open(element);
    // The keys are those of the player.
    this.#xterm.attachCustomKeyEventHandler(() => false);
    if (this.#xterm.textarea !== undefined) this.#xterm.textarea.tabIndex = -1;
    this.#renderer = new Renderer(this.#xterm, element, () => this.#scale());
    settings.follow(() => this.#apply());
    followSystem(() => this.#apply());
    new ResizeObserver(() => this.#scale()).observe(element);
  }

  get size(): FrameSize {
    return { columns: this.#xterm.cols, rows: this.#xterm.rows };
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get selection(): string {
    return this.#xterm.getSelection();
  }

  /** Removes what is shown. */
  clear(): void {
    this.#xterm.write(this.#painter.enter());
  }

  fit({ columns, rows }: FrameSize): void {
    if (columns === this.#xterm.cols && rows === this.#xterm.rows) return;
    this.#xterm.resize(columns, rows);
    this.#scale();
  }

  paint(frame: Frame): void {
    const bytes = this.#painter.paint(frame);
    if (bytes.length === 0) return;
    this.#isReady = false;
    this.#xterm.write(bytes, () => {
      this.#isReady = true;
      this.onReady();
    });
  }

  #apply(): void {
    const options = optionsOf(this.#settings.current);
    const { fontSize } = this.#xterm.options;
    Object.assign(this.#xterm.options, options, { fontSize, scrollback: 0, disableStdin: true, cursorBlink: false });
    this.#renderer.choose(this.#settings.current.gpu);
  }

  /** Chooses the font size. The width of a character need not grow evenly with it, so the result is measured. */
  #scale(): void {
    const { clientWidth, clientHeight } = this.#element;
    const screen = this.#element.querySelector<HTMLElement>('.xterm-screen');
    if (clientWidth === 0 || screen === null || screen.offsetWidth === 0) return;
    const room = () => Math.min(clientWidth / screen.offsetWidth, clientHeight / screen.offsetHeight);
    const set = (size: number) => {
      this.#xterm.options.fontSize = Math.max(SMALLEST, Math.min(LARGEST, size));
    };
    set(Math.floor(this.#xterm.options.fontSize! * room() * 2) / 2);
    for (let size = this.#xterm.options.fontSize!; room() < 1 && size > SMALLEST; size -= 0.5) set(size - 0.5);
  }
}
