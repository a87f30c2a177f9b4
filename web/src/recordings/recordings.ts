/**
 * The recordings, in a dialog that fills the window. The address says what it shows: `#recordings` is the list, and
 * `#recordings/NAME` plays one. So the browser's Back works, and the address can be bookmarked.
 */
import { button, create, icon } from '../controls/elements.ts';
import { toggleFullScreen } from '../controls/full-screen.ts';
import type { SettingsStore } from '../settings.ts';
import { clientText, dateText, type Facts, programText } from './format.ts';
import { RecordingList } from './list.ts';
import { PlayerPanel } from './player-panel.ts';

const ADDRESS = /^#recordings(?:\/([\w.-]+))?$/;

const BACK = 'm12.5 4-6 6 6 6';
const CLOSE = 'm5 5 10 10M15 5 5 15';
const FULL_SCREEN = 'M3.5 7.5v-4h4M12.5 3.5h4v4M16.5 12.5v4h-4M7.5 16.5h-4v-4';

/** Actions that the dialog uses. */
export interface RecordingsUser {
  logIn(): Promise<void>;
  closed(): void;
}

/** The dialog, which is made when it is opened for the first time. */
export class Recordings {
  readonly #base: URL;
  readonly #settings: SettingsStore;
  readonly #user: RecordingsUser;
  #parts: Parts | undefined;
  /** Whether the list was requested since the dialog was opened. */
  #isListed = false;
  /** The recording that was played last. */
  #last: string | undefined;

  constructor(base: URL, settings: SettingsStore, user: RecordingsUser) {
    this.#base = base;
    this.#settings = settings;
    this.#user = user;
    addEventListener('hashchange', () => this.#follow());
  }

  /** Whether the address is that of the recordings. */
  get isRequested(): boolean {
    return ADDRESS.test(location.hash);
  }

  open(): void {
    if (this.isRequested) this.#follow();
    else location.hash = '#recordings';
  }

  #close(): void {
    history.pushState(null, '', location.pathname + location.search);
    this.#follow();
  }

  /** Shows what the address says. */
  #follow(): void {
    const match = ADDRESS.exec(location.hash);
    if (match === null) {
      this.#parts?.player.close();
      this.#parts?.dialog.close();
      return;
    }
    this.#parts ??= this.#create();
    const { dialog, list, player } = this.#parts;
    if (!dialog.open) dialog.showModal();
    const [, name] = match;
    const isPlaying = name !== undefined;
    dialog.classList.toggle('playing', isPlaying);
    list.element.hidden = isPlaying;
    player.element.hidden = !isPlaying;
    this.#parts.back.hidden = !isPlaying;
    this.#title(isPlaying ? 'Recording' : 'Recordings');
    if (isPlaying) {
      this.#last = name;
      void player.open(name, list.find(name));
    } else {
      player.close();
      if (!this.#isListed) void list.reload();
      this.#isListed = true;
      list.focus(this.#last);
    }
  }

  #title(name: string, facts: Facts = {}): void {
    const { title, details } = this.#parts!;
    title.textContent = name;
    details.textContent = [dateText(facts), clientText(facts)].filter(Boolean).join(' · ');
  }

  #create(): Parts {
    const showList = () => {
      location.hash = '#recordings';
    };
    const list = new RecordingList(this.#base, {
      play: ({ name }) => {
        location.hash = `#recordings/${name}`;
      },
      logIn: () => this.#user.logIn(),
    });
    const player = new PlayerPanel(this.#base, this.#settings, {
      opened: facts => this.#title(programText(facts), facts),
      closed: showList,
    });
    const title = create('h2', { id: 'recordings-title' });
    const details = create('p');
    const back = iconButton('All recordings', BACK, showList);
    const fullScreen = iconButton('Full screen', FULL_SCREEN, () => void toggleFullScreen());
    const close = iconButton('Close', CLOSE, () => this.#close());
    const head = create('header', {}, back, create('div', { className: 'title' }, title, details), fullScreen, close);
    const dialog = create('dialog', { className: 'recordings', attributes: { 'aria-labelledby': title.id } });
    dialog.append(head, list.element, player.element);
    dialog.addEventListener('cancel', event => {
      event.preventDefault();
      if (player.element.hidden) this.#close();
      else showList();
    });
    dialog.addEventListener('close', () => {
      // Some browsers close it whatever the page wants.
      if (this.isRequested) this.#close();
      this.#isListed = false;
      this.#user.closed();
    });
    document.body.append(dialog);
    return { dialog, list, player, title, details, back };
  }
}

interface Parts {
  readonly dialog: HTMLDialogElement;
  readonly list: RecordingList;
  readonly player: PlayerPanel;
  readonly title: HTMLElement;
  readonly details: HTMLElement;
  readonly back: HTMLElement;
}

function iconButton(label: string, path: string, press: () => void): HTMLButtonElement {
  const made = button('', press, 'icon');
  made.append(icon(path));
  made.setAttribute('aria-label', label);
  made.title = label;
  return made;
}
