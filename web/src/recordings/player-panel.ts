/** Plays a recording: its terminal, and the controls below it. The keys are those of `telpty play`. */
import { systemClock } from '../../../src/recording/player/clock.ts';
import type { Key } from '../../../src/recording/player/key.ts';
import { clockTime, Player } from '../../../src/recording/player/player.ts';
import { loadScreens } from '../../../src/screen/xterm.ts';
import { button, create, icon } from '../controls/elements.ts';
import type { SettingsStore } from '../settings.ts';
import type { Facts } from './format.ts';
import { RecordedTerminal } from './recorded-terminal.ts';
import { openRemote, type RecordingEntry } from './requests.ts';

/** How often the time is shown, in milliseconds. */
const SHOW_MS = 100;

const ICONS = {
  play: 'M6 3.5v13l10-6.5z',
  pause: 'M6.5 4v12M13.5 4v12',
  step: 'M5 4v12M9 4.5v11l7-5.5z',
  previous: 'm11 5-5 5 5 5m5-10-5 5 5 5',
  next: 'm9 5 5 5-5 5M4 5l5 5-5 5',
};

/** Keys with a name in browsers, by their name. */
const NAMED: Readonly<Record<string, Key>> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  Home: 'home',
  End: 'end',
  Escape: 'quit',
};

/** Actions that the player uses. */
export interface PlayerUser {
  opened(facts: Facts): void;
  /** A key ends the playing. */
  closed(): void;
}

export class PlayerPanel {
  readonly element: HTMLElement;
  readonly #base: URL;
  readonly #user: PlayerUser;
  readonly #screen = create('div', { className: 'screen', tabIndex: 0 });
  readonly #terminal: RecordedTerminal;
  readonly #message = create('p', { className: 'message', hidden: true, attributes: { role: 'alert' } });
  readonly #state = create('output', { className: 'hidden-text' });
  readonly #play: HTMLButtonElement;
  readonly #speed = create('output', { className: 'speed', attributes: { 'aria-label': 'Speed' } });
  readonly #position = create('span', { className: 'time' });
  readonly #whole = create('span', { className: 'time' });
  readonly #bar = create('input', { type: 'range', min: '0', step: 'any', value: '0' });
  readonly #idle = create('select');
  #player: Player | undefined;
  #duration = 0;
  #timer: number | undefined;
  /** Whether the user moves the bar. */
  #isDragging = false;

  constructor(base: URL, settings: SettingsStore, user: PlayerUser) {
    this.#base = base;
    this.#user = user;
    this.#screen.setAttribute('role', 'group');
    this.#screen.setAttribute('aria-label', 'Recorded terminal. Space pauses, q closes.');
    const key = (label: string, path: string, pressed: Key) => this.#button(label, icon(path), pressed);
    this.#play = key('Pause', ICONS.pause, { character: ' ' });
    this.#play.classList.add('primary');
    this.#bar.setAttribute('aria-label', 'Time');
    const choices = [0, 1, 2, 5].map(seconds =>
      create('option', { value: String(seconds) }, seconds === 0 ? 'All pauses' : `At most ${seconds} s`),
    );
    this.#idle.append(...choices);
    this.#idle.setAttribute('aria-label', 'Longest pause');
    const time = create('div', { className: 'bar' }, this.#position, this.#bar, this.#whole);
    const buttons = create(
      'div',
      { className: 'buttons', attributes: { role: 'toolbar', 'aria-label': 'Player' } },
      ...[this.#play, key('One step', ICONS.step, { character: '.' })],
      ...[key('Previous mark, or 10 s back', ICONS.previous, { character: '[' })],
      ...[key('Next mark, or 10 s forward', ICONS.next, { character: ']' })],
      this.#button('Slower', '−', { character: '-' }),
      this.#speed,
      this.#button('Faster', '+', { character: '+' }),
      this.#idle,
    );
    const controls = create('div', { className: 'controls' }, time, buttons);
    this.element = create('section', { className: 'player', attributes: { 'aria-label': 'Player' } });
    this.element.append(this.#screen, this.#message, controls, this.#state);
    this.#terminal = new RecordedTerminal(this.#screen, settings);
    this.#terminal.onReady = () => this.#player?.handleRedraw();
    this.#bar.addEventListener('input', () => {
      this.#isDragging = true;
      this.#position.textContent = clockTime(this.#bar.valueAsNumber);
    });
    this.#bar.addEventListener('change', () => {
      this.#isDragging = false;
      this.#player?.seek(this.#bar.valueAsNumber);
    });
    this.#idle.addEventListener('change', () => {
      if (this.#player !== undefined) this.#player.idleLimit = Number(this.#idle.value);
    });
    this.element.addEventListener('keydown', event => this.#key(event), { capture: true });
  }

  /** Plays a recording until it is closed. */
  async open(name: string, entry: RecordingEntry | undefined): Promise<void> {
    this.close();
    this.#duration = entry?.duration ?? 0;
    this.#show(undefined);
    this.#say('Loading …');
    this.focus();
    const opening = Symbol(name);
    this.#opening = opening;
    try {
      const [recording] = await Promise.all([openRemote(this.#base, name), loadScreens()]);
      if (this.#opening !== opening) return;
      this.#say('');
      this.#user.opened({ ...recording, program: recording.command });
      this.#terminal.clear();
      const player = new Player(recording, this.#terminal, systemClock, {
        ...{ speed: 1, idleLimit: Number(this.#idle.value), loops: false, at: 0, hasStatusLine: false },
        onEnd: error => this.#say(error === undefined ? '' : problemText(error)),
      });
      this.#player = player;
      this.#timer = window.setInterval(() => this.#show(player), SHOW_MS);
      await player.run();
      if (this.#player === player) this.#user.closed();
    } catch (error) {
      if (this.#opening === opening) this.#say(problemText(error));
    }
  }

  #opening: symbol | undefined;

  /** Ends the playing. */
  close(): void {
    this.#opening = undefined;
    clearInterval(this.#timer);
    const player = this.#player;
    this.#player = undefined;
    player?.handleKey('quit');
  }

  focus(): void {
    this.#screen.focus();
  }

  #button(label: string, content: Node | string, key: Key): HTMLButtonElement {
    const made = button('', () => {
      this.#player?.handleKey(key);
      this.#show(this.#player);
    });
    made.append(content);
    made.setAttribute('aria-label', label);
    made.title = typeof key === 'object' ? `${label} (${key.character === ' ' ? 'Space' : key.character})` : label;
    return made;
  }

  #key(event: KeyboardEvent): void {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target === this.#idle) return;
    // A button that has the focus is pressed by the browser.
    if (key === ' ' && target instanceof HTMLButtonElement) return;
    const known = NAMED[key] ?? (/^[-. +=[\]q0-9]$/.test(key) ? { character: key } : undefined);
    if (known === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (known === 'quit' || key === 'q') this.#user.closed();
    else this.#player?.handleKey(known);
    this.#show(this.#player);
  }

  /** Shows the state of the player. */
  #show(player: Player | undefined): void {
    this.#duration = player?.duration ?? Math.max(this.#duration, player?.position ?? 0);
    const duration = this.#duration;
    const position = player?.hasEnded ? duration : Math.min(player?.position ?? 0, duration);
    const isPlaying = player !== undefined && !player.isPaused;
    const label = isPlaying ? 'Pause' : player?.hasEnded ? 'Play again' : 'Play';
    if (this.#play.getAttribute('aria-label') !== label) {
      this.#play.setAttribute('aria-label', label);
      this.#play.title = `${label} (Space)`;
      this.#play.replaceChildren(icon(isPlaying ? ICONS.pause : ICONS.play));
      this.#state.textContent = isPlaying ? 'Playing' : player?.hasEnded ? 'At the end' : 'Paused';
    }
    this.#speed.textContent = `${Number((player?.speed ?? 1).toPrecision(3))}×`;
    this.#whole.textContent = clockTime(duration);
    this.#screen.classList.toggle('seeking', player?.isSeeking === true);
    this.#bar.max = String(duration);
    if (this.#isDragging) return;
    this.#bar.value = String(position);
    this.#bar.style.setProperty('--part', `${duration === 0 ? 0 : (position / duration) * 100}%`);
    this.#position.textContent = clockTime(position);
    this.#bar.setAttribute('aria-valuetext', `${clockTime(position)} of ${clockTime(duration)}`);
  }

  #say(message: string): void {
    this.#message.textContent = message;
    this.#message.hidden = message === '';
  }
}

/** What is wrong, and where: the number of a line, or a byte. */
function problemText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [, place, problem] = /^\S+?:(\d+|byte \d+): (.*)$/.exec(message) ?? [];
  if (place === undefined) return message;
  return `The recording is broken at ${/^\d/.test(place) ? 'line ' : ''}${place}: ${problem}`;
}
