/** The search in what the terminal has shown. */
import type { Terminal } from '../terminal/terminal.ts';
import { byId } from './elements.ts';

/** The bar at the top. */
export class SearchBar {
  readonly #element = byId('search');
  readonly #text = byId<HTMLInputElement>('search-text');
  readonly #case = byId('search-case');
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    const count = byId('search-count');
    terminal.search.onDidChangeResults(({ resultIndex, resultCount }) => {
      if (this.#text.value === '') count.textContent = '';
      else if (resultCount === 0) count.textContent = 'No match';
      // Without an index there are more matches than the addon marks.
      else count.textContent = resultIndex < 0 ? `${resultCount}+` : `${resultIndex + 1} of ${resultCount}`;
    });
    this.#text.addEventListener('input', () => this.#find('previous', true));
    this.#text.addEventListener('keydown', event => {
      if (event.key !== 'Enter') return;
      event.preventDefault();
      this.#find(event.shiftKey ? 'next' : 'previous');
    });
    this.#element.addEventListener('keydown', event => {
      if (event.key === 'Escape') this.close();
    });
    byId('open-search').addEventListener('click', () => this.open());
    byId('search-previous').addEventListener('click', () => this.#find('previous'));
    byId('search-next').addEventListener('click', () => this.#find('next'));
    byId('search-close').addEventListener('click', () => this.close());
    this.#case.addEventListener('click', () => {
      this.#case.setAttribute('aria-pressed', String(!this.#isCaseSensitive));
      // The addon would keep the marks: it compares the options with themselves.
      this.#terminal.search.clearDecorations();
      this.#find('previous', true);
    });
  }

  get #isCaseSensitive(): boolean {
    return this.#case.getAttribute('aria-pressed') === 'true';
  }

  open(): void {
    this.#element.hidden = false;
    const selected = this.#terminal.xterm.getSelection();
    if (selected !== '' && !selected.includes('\n')) this.#text.value = selected;
    this.#text.select();
    this.#text.focus();
    if (this.#text.value !== '') this.#find('previous');
  }

  close(): void {
    this.#element.hidden = true;
    this.#terminal.search.clearDecorations();
    this.#terminal.xterm.focus();
  }

  /** The newest match comes first, so Enter goes back in time. */
  #find(direction: 'previous' | 'next', isTyping = false): void {
    const { search, matchColors, xterm } = this.#terminal;
    const options = { caseSensitive: this.#isCaseSensitive, decorations: matchColors };
    if (isTyping) xterm.clearSelection();
    if (this.#text.value === '') search.clearDecorations();
    if (direction === 'previous') search.findPrevious(this.#text.value, options);
    else search.findNext(this.#text.value, options);
  }
}
