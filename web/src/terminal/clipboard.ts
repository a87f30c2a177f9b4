/** Copy and paste, by the user and by programs (OSC 52). */
import { ClipboardAddon } from '@xterm/addon-clipboard';
import type { Terminal as Xterm } from '@xterm/xterm';
import type { SettingsStore } from '../settings.ts';

/** The largest text that a program may copy, in characters. */
const LONGEST_COPY = 1_000_000;

/** The questions to the user. */
export interface ClipboardUser {
  /** Whether this text with several lines is to be pasted. */
  confirmPaste(text: string): Promise<boolean>;
  /** Asks for the text to paste, where the page cannot read the clipboard. */
  askForText(): Promise<string | undefined>;
  /** Offers a text that a program requests to copy; `copy` must be called from a click. */
  offerCopy(text: string, copy: () => void): void;
  say(message: string): void;
  /** Called after a paste: the next key belongs to the program. */
  pasted(): void;
}

/** The clipboard of one terminal. */
export class Clipboard {
  readonly #xterm: Xterm;
  readonly #settings: SettingsStore;
  readonly #user: ClipboardUser;

  constructor(xterm: Xterm, settings: SettingsStore, user: ClipboardUser) {
    this.#xterm = xterm;
    this.#settings = settings;
    this.#user = user;
    const element = xterm.element!;
    // Before xterm.js, which pastes without a question.
    element.addEventListener('paste', event => this.#pasted(event), { capture: true });
    element.addEventListener('auxclick', event => this.#middleClicked(event), { capture: true });
    element.addEventListener('dragover', event => event.preventDefault());
    element.addEventListener('drop', event => {
      event.preventDefault();
      void this.pasteText(event.dataTransfer?.getData('text/plain') ?? '');
    });
    // The answer to a program that asks for the clipboard is always empty, so that it does not wait.
    const provider = { readText: () => '', writeText: (_selection: string, text: string) => this.#programCopies(text) };
    // The addon waits for promises, and holds the output back until then. These functions do not return promises.
    xterm.loadAddon(new ClipboardAddon(undefined, provider as never));
  }

  /** Copies the selection, or the whole screen if `orScreen` gives it and nothing is selected. */
  async copy(orScreen?: () => string): Promise<void> {
    const text = this.#xterm.getSelection() || (orScreen?.() ?? '');
    if (text === '') return;
    this.#user.say((await writeText(text)) ? 'Copied.' : 'The browser did not let the page copy.');
  }

  /** Pastes what is on the clipboard. Browsers may ask the user whether the page may read it. */
  async paste(): Promise<void> {
    const read = navigator.clipboard?.readText;
    const text = read === undefined ? undefined : await navigator.clipboard.readText().catch(() => undefined);
    await this.pasteText(text ?? (await this.#user.askForText()) ?? '');
  }

  /** Types a text as if it had been pasted. */
  async pasteText(pasted: string): Promise<void> {
    const text = cleaned(pasted);
    if (text === '') return;
    const rule = this.#settings.current.pasteQuestion;
    const isProtected = this.#xterm.modes.bracketedPasteMode && rule === 'unprotected';
    const asks = rule !== 'never' && !isProtected && /\n/.test(text);
    if (!asks || (await this.#user.confirmPaste(text))) this.#xterm.paste(text);
    this.#user.pasted();
  }

  #pasted(event: ClipboardEvent): void {
    event.preventDefault();
    event.stopImmediatePropagation();
    void this.pasteText(event.clipboardData?.getData('text/plain') ?? '');
  }

  /** Pastes the selection of this terminal. On Linux the browser pastes the system's selection itself. */
  #middleClicked(event: MouseEvent): void {
    const isLeftToOthers = this.#xterm.modes.mouseTrackingMode !== 'none' || /Linux|X11/.test(navigator.platform);
    if (event.button !== 1 || isLeftToOthers) return;
    event.preventDefault();
    void this.pasteText(this.#xterm.getSelection());
  }

  #programCopies(text: string): void {
    const rule = this.#settings.current.programCopy;
    if (rule === 'never' || text === '' || text.length > LONGEST_COPY) return;
    const copy = async () => {
      if (!(await writeText(text))) this.#user.say('The browser did not let the page copy.');
    };
    if (rule === 'ask') this.#user.offerCopy(text, () => void copy());
    else
      void writeText(text).then(isCopied => {
        // Some browsers let a page copy only after a click.
        if (!isCopied) this.#user.offerCopy(text, () => void copy());
      });
  }
}

/**
 * Without control characters, which a terminal would take for keys: hidden in a web page, they could end a bracketed
 * paste, and run commands. Line ends are LF.
 */
export function cleaned(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '');
}

/** Writes to the clipboard. @returns whether the browser let the page do it */
export async function writeText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without https there is no such object; other browsers have refused.
    return writeByCommand(text);
  }
}

/** The old way, which works only in the handler of a key or click. */
function writeByCommand(text: string): boolean {
  const copied = (event: ClipboardEvent) => {
    event.clipboardData?.setData('text/plain', text);
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  document.addEventListener('copy', copied, { capture: true });
  try {
    return document.execCommand('copy');
  } finally {
    document.removeEventListener('copy', copied, { capture: true });
  }
}
