/** The keys that the keyboards of phones lack. */
import type { Terminal as Xterm } from '@xterm/xterm';
import type { TextInput } from '../terminal/text-input.ts';
import { byId, create } from './elements.ts';

/** How long a key is held before it repeats, and the pause between two repeats. */
const HOLD_MS = 400;
const REPEAT_MS = 70;

/** A modifier for the next key only, for all keys until it is pressed again, or not at all. */
type Stickiness = 'off' | 'once' | 'locked';
const NEXT: Readonly<Record<Stickiness, Stickiness>> = { off: 'once', once: 'locked', locked: 'off' };

/** Actions of the bar that do not type. */
export interface KeyBarUser {
  paste(): void;
  menu(): void;
}

/** The bar above the keyboard. */
export class KeyBar {
  readonly element = byId('keys');
  readonly #xterm: Xterm;
  readonly #textInput: TextInput;
  readonly #modifiers = { ctrl: 'off' as Stickiness, alt: 'off' as Stickiness };
  readonly #buttons = new Map<'ctrl' | 'alt', HTMLButtonElement>();

  constructor(xterm: Xterm, textInput: TextInput, user: KeyBarUser) {
    this.#xterm = xterm;
    this.#textInput = textInput;
    // The keyboards of phones compose words. A modifier is for the next character, not for a word.
    textInput.sendsAtOnce = () => this.#isModified;
    const arrow = (letter: string) => () => this.#type(this.#cursorKey(letter));
    this.element.append(
      this.#key('Esc', 'Escape', () => this.#type('\x1b')),
      this.#key('Tab', 'Tab', () => this.#type('\t')),
      this.#modifier('Ctrl', 'Control', 'ctrl'),
      this.#modifier('Alt', 'Alt', 'alt'),
      this.#key('↑', 'Up', arrow('A'), 'repeats'),
      this.#key('☰', 'Menu', () => user.menu()),
      this.#key('^C', 'Control C', () => this.#type('\x03')),
      this.#key('Paste', 'Paste', () => user.paste()),
      this.#key('⏎', 'Enter', () => this.#type('\r')),
      this.#key('←', 'Left', arrow('D'), 'repeats'),
      this.#key('↓', 'Down', arrow('B'), 'repeats'),
      this.#key('→', 'Right', arrow('C'), 'repeats'),
    );
  }

  get #isModified(): boolean {
    return this.#modifiers.ctrl !== 'off' || this.#modifiers.alt !== 'off';
  }

  /** Applies the modifiers to what the keyboard has typed. */
  modified(data: string): string {
    if (!this.#isModified || data.length !== 1) return data;
    const { ctrl, alt } = this.#modifiers;
    const key = ctrl === 'off' ? data : withControl(data);
    const result = alt === 'off' ? key : `\x1b${key}`;
    this.#used();
    return result;
  }

  /** The sequence of a cursor key, with the modifiers, in the format of xterm. */
  #cursorKey(letter: string): string {
    const { ctrl, alt } = this.#modifiers;
    const modifier = 1 + (alt === 'off' ? 0 : 2) + (ctrl === 'off' ? 0 : 4);
    if (modifier === 1) return `\x1b${this.#xterm.modes.applicationCursorKeysMode ? 'O' : '['}${letter}`;
    this.#used();
    return `\x1b[1;${modifier}${letter}`;
  }

  #type(data: string): void {
    this.#xterm.input(data);
  }

  #used(): void {
    for (const name of ['ctrl', 'alt'] as const) if (this.#modifiers[name] === 'once') this.#set(name, 'off');
  }

  #set(name: 'ctrl' | 'alt', state: Stickiness): void {
    this.#modifiers[name] = state;
    const button = this.#buttons.get(name)!;
    button.setAttribute('aria-pressed', String(state !== 'off'));
    button.classList.toggle('locked', state === 'locked');
  }

  #modifier(label: string, name: string, modifier: 'ctrl' | 'alt'): HTMLButtonElement {
    const button = this.#key(label, name, () => this.#set(modifier, NEXT[this.#modifiers[modifier]]));
    button.setAttribute('aria-pressed', 'false');
    this.#buttons.set(modifier, button);
    return button;
  }

  #key(label: string, name: string, action: () => void, repeats?: 'repeats'): HTMLButtonElement {
    const press = () => {
      // The word that is being composed was typed before this key.
      this.#textInput.settle();
      action();
    };
    const attributes = label === name ? {} : { 'aria-label': name };
    const button = create('button', { type: 'button', tabIndex: -1, attributes }, label);
    let timer: number | undefined;
    let isHandled = false;
    const release = () => clearTimeout(timer);
    button.addEventListener('pointerdown', event => {
      if (event.button !== 0) return;
      // The keyboard of the phone stays as it is: shown or hidden.
      event.preventDefault();
      isHandled = true;
      if (repeats === undefined) return;
      press();
      const again = () => {
        press();
        timer = window.setTimeout(again, REPEAT_MS);
      };
      timer = window.setTimeout(again, HOLD_MS);
    });
    for (const type of ['pointerup', 'pointercancel', 'pointerleave'] as const) button.addEventListener(type, release);
    button.addEventListener('contextmenu', event => event.preventDefault());
    // Reading the clipboard needs a click. A click without a pointer comes from a keyboard or a screen reader.
    button.addEventListener('click', () => {
      if (repeats === undefined || !isHandled) press();
      isHandled = false;
    });
    return button;
  }
}

function withControl(key: string): string {
  const code = key.toUpperCase().charCodeAt(0);
  if (key === ' ') return '\0';
  if (key === '?') return '\x7f';
  return code >= 0x40 && code < 0x60 ? String.fromCharCode(code & 0x1f) : key;
}
