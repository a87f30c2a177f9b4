/** Messages to the user: a line below the terminal, a short message, the address of a link. */
import { button, byId, create, isMac } from './elements.ts';

const TOAST_MS = 2_500;

/** An action that a notice offers. */
export interface NoticeAction {
  readonly label: string;
  run(): void;
}

/** The line below the terminal; it takes its space only while it is shown. */
export class Notice {
  readonly #element = byId('notice');
  readonly #count = create('span', { attributes: { 'aria-hidden': 'true' } });

  show(text: string, actions: readonly NoticeAction[], kind: 'calm' | 'problem' = 'calm'): void {
    const buttons = actions.map(({ label, run }, at) => button(label, run, at === 0 ? 'primary' : ''));
    this.#element.replaceChildren(create('p', {}, text), ...buttons);
    this.#element.className = kind;
    this.#element.hidden = false;
  }

  /**
   * Adds a text that changes often, or replaces it. Screen readers do not read it each time, and the buttons keep the
   * focus.
   */
  count(text: string): void {
    this.#count.textContent = text;
    if (!this.#count.isConnected) this.#element.querySelector('p')?.append(' ', this.#count);
  }

  hide(): void {
    this.#element.hidden = true;
    this.#element.replaceChildren();
  }
}

let timer: number | undefined;

/** Shows a message for a short time. */
export function toast(message: string): void {
  const element = byId('toast');
  element.textContent = message;
  element.classList.add('shown');
  clearTimeout(timer);
  timer = window.setTimeout(() => element.classList.remove('shown'), TOAST_MS);
}

/** Shows the address of the link under the mouse, as browsers do. */
export function showLink(address: string | undefined): void {
  const element = byId('link');
  element.hidden = address === undefined;
  if (address !== undefined) element.textContent = `${address}  (${isMac ? '⌘' : 'Ctrl'}+click opens it)`;
}
