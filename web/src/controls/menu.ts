/** The menu: everything that the page can do, each with its key. */
import { byId, create } from './elements.ts';

/** An item of the menu; `undefined` in a list of items is a line between two groups. */
export interface MenuItem {
  readonly label: string;
  readonly keys?: string;
  readonly isDisabled?: boolean;
  run(): void;
}

/** The menu, which is made again each time it is opened. */
export class Menu {
  readonly #element = byId('menu');
  readonly #opener = byId('open-menu');
  readonly #items: () => readonly (MenuItem | undefined)[];
  readonly #closed: () => void;

  /** @param closed called when it is closed without a choice; twice if a key closes it */
  constructor(items: () => readonly (MenuItem | undefined)[], closed: () => void) {
    this.#items = items;
    this.#closed = closed;
    this.#opener.addEventListener('click', () => this.press());
    addEventListener('pointerdown', () => (this.#wasOpen = this.#isOpen), { capture: true });
    addEventListener('click', () => (this.#wasOpen = false));
    this.#element.addEventListener('keydown', event => this.#key(event));
    this.#element.addEventListener('toggle', event => {
      const isOpen = (event as ToggleEvent).newState === 'open';
      this.#opener.setAttribute('aria-expanded', String(isOpen));
      if (!isOpen && !this.#chosen) this.#closed();
    });
  }

  #chosen = false;
  /** Whether it was open when the pointer was pressed. */
  #wasOpen = false;

  get #isOpen(): boolean {
    return this.#element.matches(':popover-open');
  }

  /** For a click on a button. The browser closes a popover when the pointer is pressed outside, before the click. */
  press(): void {
    if (!this.#wasOpen) this.toggle();
  }

  toggle(): void {
    if (this.#isOpen) {
      this.#close();
      return;
    }
    this.#chosen = false;
    this.#element.replaceChildren(...this.#items().map(item => this.#row(item)));
    this.#element.showPopover();
    this.#buttons[0]?.focus();
  }

  /** The event `toggle` comes later: until then, typed keys would be lost. */
  #close(): void {
    this.#element.hidePopover();
    this.#closed();
  }

  get #buttons(): HTMLButtonElement[] {
    return [...this.#element.querySelectorAll<HTMLButtonElement>('button:not(:disabled)')];
  }

  #row(item: MenuItem | undefined): HTMLElement {
    if (item === undefined) return create('hr');
    const keys = item.keys === undefined ? [] : [create('kbd', { attributes: { 'aria-hidden': 'true' } }, item.keys)];
    const attributes = {
      role: 'menuitem',
      ...(item.keys === undefined ? {} : { 'aria-keyshortcuts': ariaKeys(item.keys) }),
    };
    const row = create('button', { type: 'button', tabIndex: -1, disabled: item.isDisabled ?? false, attributes });
    row.append(create('span', {}, item.label), ...keys);
    row.addEventListener('click', () => {
      this.#chosen = true;
      this.#element.hidePopover();
      item.run();
    });
    return row;
  }

  #key(event: KeyboardEvent): void {
    const buttons = this.#buttons;
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const targets: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: -1,
    };
    if (event.key === 'Tab' || event.key === 'Escape') this.#close();
    else if (event.key in targets) buttons.at(targets[event.key]! % buttons.length)?.focus();
    else return;
    event.preventDefault();
  }
}

/** `⌘F` and `Ctrl+Shift+F` as the attribute wants them. */
const ariaKeys = (keys: string) =>
  keys.replace('⇧', 'Shift+').replace('⌃', 'Control+').replace('⌘', 'Meta+').replace('Ctrl', 'Control');
