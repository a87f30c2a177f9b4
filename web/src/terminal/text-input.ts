/**
 * Text that keys do not produce alone: of input methods, keyboards of phones, dead keys, emoji pickers, dictation. The
 * browser puts it into the textarea of xterm.js, and xterm.js reads it there with a timer after the event. That fails
 * where the next event comes before the timer, which happens if the page is busy: the next key is sent before the text,
 * or instead of its end. So this class has the text sent before anything else is. It also sends what xterm.js ignores.
 *
 * It uses private members of xterm.js, as the addons of xterm.js do: its own code then sends the text exactly once,
 * only earlier. Rejected: to correct the data that xterm.js sends. Whether its timer has fired cannot be observed.
 * Rejected: another handler of compositions, for all the input methods on which that of xterm.js was tested.
 */
import type { Terminal as Xterm } from '@xterm/xterm';
import { isMac } from '../controls/elements.ts';

/** The code of a key that an input method has taken: what it types is only in the textarea. */
const TAKEN = 229;
/** Shift, Control, Alt and CapsLock, by their codes. They do not end a composition. */
const MODIFIERS: readonly number[] = [16, 17, 18, 20];
const DELETE = '\x7f';

/** What is used of the class CompositionHelper. */
interface Compositions {
  /** Whether a composition is going on. */
  readonly _isComposing: boolean;
  /** Whether a composition has ended whose text is sent by a timer. */
  readonly _isSendingComposition: boolean;
  /** Where its text is in the textarea. The end is that of the last update. */
  readonly _compositionPosition: { end: number };
  /** Sends this text now, if `waits` is false. The timer then sends nothing. */
  _finalizeComposition(waits: boolean): void;
}

/** The text in the textarea of an open terminal. */
export class TextInput {
  readonly #xterm: Xterm;
  readonly #textarea: HTMLTextAreaElement;
  readonly #compositions: Compositions;
  /** The content of the textarea before a key that an input method has taken; `undefined` if all changes are sent. */
  #before: string | undefined;
  #timer: number | undefined;
  /** Whether a key is pressed, as far as xterm.js knows. Then it ignores inserted text: it has sent the key. */
  #isKeyDown = false;
  /** Whether this key may have produced text. */
  #isTextKeyDown = false;
  /** Whether text is sent while it is being composed, for a modifier that the next character needs. */
  sendsAtOnce: () => boolean = () => false;

  constructor(xterm: Xterm) {
    this.#xterm = xterm;
    this.#textarea = xterm.textarea!;
    this.#compositions = (xterm as unknown as { _core: { _compositionHelper: Compositions } })._core._compositionHelper;
    const element = xterm.element!;
    // Before xterm.js: the start would make it forget what has not been sent, and at the blur it empties the textarea.
    const settle = () => this.#compositions._isComposing || this.settle();
    for (const type of ['compositionstart', 'blur'] as const) {
      element.addEventListener(type, settle, { capture: true });
    }
    // Text that is inserted alone is not also the end of a text that was composed before.
    element.addEventListener('beforeinput', event => this.#isInserted(event) && settle(), { capture: true });
    // After xterm.js.
    this.#textarea.addEventListener('input', event => this.#changed(event as InputEvent), { capture: true });
  }

  /** Looks at a key before xterm.js. @returns whether xterm.js should handle it */
  handleKey(event: KeyboardEvent): boolean {
    const { type, keyCode } = event;
    if (type === 'keypress') return true;
    this.#isKeyDown = type === 'keydown';
    this.#isTextKeyDown = this.#isKeyDown && !MODIFIERS.includes(keyCode);
    // Its change is complete: xterm.js sends the text that is inserted after the release of a key.
    if (!this.#isKeyDown) this.#sendChange();
    if (!this.#isTextKeyDown || (keyCode === TAKEN && this.#compositions._isComposing)) return true;
    this.settle();
    const isMeta = isMac && event.altKey && this.#xterm.options.macOptionIsMeta === true;
    if (keyCode !== TAKEN || isMeta) return true;
    this.#before = this.#textarea.value;
    this.#timer = window.setTimeout(() => this.#sendChange());
    return false;
  }

  /** Sends the text that has not been sent yet: what follows is sent after it. */
  settle(): void {
    this.#sendChange();
    const { _isComposing, _isSendingComposition, _compositionPosition } = this.#compositions;
    if (!_isComposing && !_isSendingComposition) return;
    _compositionPosition.end = this.#textarea.value.length;
    this.#compositions._finalizeComposition(false);
    // Else the browser's composition would go on, and its text would be sent again at its end.
    if (_isComposing) this.#textarea.value = '';
  }

  /** Sends how a key that an input method has taken has changed the textarea: it has typed, deleted, or replaced. */
  #sendChange(): void {
    const before = this.#before;
    if (before === undefined) return;
    clearTimeout(this.#timer);
    this.#before = undefined;
    this.#isTextKeyDown = false;
    const [old, now] = [Array.from(before), Array.from(this.#textarea.value)];
    let same = 0;
    while (same < old.length && old[same] === now[same]) same++;
    const change = DELETE.repeat(old.length - same) + now.slice(same).join('');
    if (change !== '') this.#xterm.input(change);
  }

  /** Whether text is inserted without a key. */
  #isInserted({ inputType, data }: InputEvent): boolean {
    return inputType === 'insertText' && Boolean(data) && !this.#isTextKeyDown;
  }

  /** The content of the textarea has changed. */
  #changed(event: InputEvent): void {
    if (this.#compositions._isComposing) {
      if (this.sendsAtOnce()) this.settle();
      return;
    }
    // In the mode for screen readers, xterm.js ignores what is inserted.
    const isSent = !this.#isKeyDown && this.#xterm.options.screenReaderMode !== true;
    if (this.#isInserted(event) && !isSent) this.#xterm.input(event.data!);
  }
}
