/** The list of the recordings, the newest first, with a search. */
import { clockTime } from '../../../src/recording/player/player.ts';
import { button, create } from '../controls/elements.ts';
import { clientText, dateText, programText, sizeText } from './format.ts';
import { fetchRecordings, type RecordingEntry, type RecordingPage, RequestError } from './requests.ts';

/** Typing pauses for this long before a search, in milliseconds. */
const TYPING_MS = 250;

/** Actions that the list uses. */
export interface ListUser {
  play(entry: RecordingEntry): void;
  /** Lets the user log in. */
  logIn(): Promise<void>;
}

export class RecordingList {
  readonly element: HTMLElement;
  readonly #base: URL;
  readonly #user: ListUser;
  readonly #search = create('input', { type: 'search', placeholder: 'Search', autocomplete: 'off', spellcheck: false });
  readonly #rows = create('ol', { className: 'rows' });
  readonly #state = create('p', { className: 'state', attributes: { role: 'status' } });
  readonly #more = button('Show more', () => void this.#load(this.#next));
  readonly #entries = new Map<string, RecordingEntry>();
  #next: string | null = null;
  /** Counts the searches: the answer to an older one is ignored. */
  #turn = 0;
  #timer: number | undefined;

  constructor(base: URL, user: ListUser) {
    this.#base = base;
    this.#user = user;
    this.#search.setAttribute('aria-label', 'Search by program, user, address or date');
    this.#search.addEventListener('input', () => {
      clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => void this.reload(), TYPING_MS);
    });
    const names = ['Date', 'Program', 'User', 'Address', 'Session', 'Duration', 'Size'];
    const heads = names.map(name => create('span', {}, name));
    const head = create('div', { className: 'row head', attributes: { 'aria-hidden': 'true' } }, ...heads);
    const body = create('div', { className: 'body' }, head, this.#rows, this.#state, this.#more);
    this.element = create('section', { className: 'list', attributes: { 'aria-label': 'List' } }, this.#search, body);
    this.element.addEventListener('keydown', event => this.#key(event));
  }

  /** The entry of a recording, if the list has it. */
  find(name: string): RecordingEntry | undefined {
    return this.#entries.get(name);
  }

  /** Requests the list again. */
  async reload(): Promise<void> {
    clearTimeout(this.#timer);
    this.#turn++;
    await this.#load(null);
  }

  /** Focuses a recording, or else the search. */
  focus(name?: string): void {
    const rows = [...this.#rows.querySelectorAll<HTMLButtonElement>('button')];
    const row = rows.find(each => each.dataset.name === name);
    // On phones this would open the keyboard.
    if (row !== undefined || !matchMedia('(pointer: coarse)').matches) (row ?? this.#search).focus();
  }

  async #load(before: string | null): Promise<void> {
    const turn = this.#turn;
    this.#more.hidden = true;
    this.#state.textContent = 'Loading …';
    const search = this.#search.value.trim();
    let page: RecordingPage;
    try {
      page = await fetchRecordings(this.#base, search, before);
    } catch (error) {
      if (turn !== this.#turn || !(error instanceof RequestError)) return;
      if (error.status === 401) {
        await this.#user.logIn();
        await this.#load(before);
      } else this.#fail(error, before);
      return;
    }
    if (turn !== this.#turn) return;
    if (before === null) {
      this.#rows.replaceChildren();
      this.#entries.clear();
    }
    for (const entry of page.recordings) {
      this.#entries.set(entry.name, entry);
      this.#rows.append(this.#row(entry));
    }
    this.#next = page.next;
    this.#more.hidden = page.next === null;
    const count = this.#entries.size;
    const found = count === 1 ? '1 recording' : `${count.toLocaleString('en')} recordings`;
    if (count > 0) this.#state.textContent = page.next === null ? found : `${found}, and more`;
    else if (page.next !== null) this.#state.textContent = 'Nothing found among the newest recordings.';
    else this.#state.textContent = search === '' ? 'There are no recordings yet.' : 'Nothing found.';
  }

  #fail(error: RequestError, before: string | null): void {
    this.#state.replaceChildren(error.message, ' ');
    if (error.status !== 403) this.#state.append(button('Try again', () => void this.#load(before)));
  }

  #row(entry: RecordingEntry): HTMLElement {
    const cell = (name: string, text: string) => create('span', { className: name }, text);
    const row = create(
      'button',
      { type: 'button', className: 'row', title: entry.name },
      ...[cell('date', dateText(entry)), cell('program', programText(entry))],
      ...[cell('user', entry.user ?? ''), cell('address', entry.address ?? '')],
      ...[cell('session', String(entry.session)), cell('duration', clockTime(entry.duration))],
      ...[cell('size', sizeText(entry.size)), cell('client', clientText(entry))],
    );
    const facts = [programText(entry), dateText(entry), clientText(entry), clockTime(entry.duration)];
    row.setAttribute('aria-label', `Play ${facts.filter(fact => fact !== '').join(', ')}`);
    row.dataset.name = entry.name;
    row.addEventListener('click', () => this.#user.play(entry));
    return create('li', {}, row);
  }

  #key(event: KeyboardEvent): void {
    const rows = [...this.#rows.querySelectorAll<HTMLButtonElement>('button')];
    const at = rows.indexOf(document.activeElement as HTMLButtonElement);
    const isInRows = at >= 0;
    if (event.key === 'ArrowDown') rows[at + 1]?.focus();
    else if (event.key === 'ArrowUp' && isInRows) (rows[at - 1] ?? this.#search).focus();
    else if (event.key === 'Home' && isInRows) rows[0]?.focus();
    else if (event.key === 'End' && isInRows) rows.at(-1)?.focus();
    else return;
    event.preventDefault();
  }
}
