/** The bell: a flash or a sound, and a mark in the title of a hidden tab. */
import type { SettingsStore } from '../settings.ts';

const FLASH_MS = 120;
/** Programs may ring as fast as they can print. */
const SHORTEST_PAUSE_MS = 250;

/** Rings on `element`. */
export class Bell {
  readonly #element: HTMLElement;
  readonly #settings: SettingsStore;
  #audio: AudioContext | undefined;
  #last = 0;

  constructor(element: HTMLElement, settings: SettingsStore) {
    this.#element = element;
    this.#settings = settings;
  }

  ring(): void {
    const { bell } = this.#settings.current;
    const now = performance.now();
    if (bell === 'none' || now - this.#last < SHORTEST_PAUSE_MS) return;
    this.#last = now;
    if (bell === 'sound') this.#sound();
    else {
      this.#element.classList.add('ringing');
      setTimeout(() => this.#element.classList.remove('ringing'), FLASH_MS);
    }
  }

  #sound(): void {
    this.#audio ??= new AudioContext();
    const { currentTime, destination } = this.#audio;
    const tone = new OscillatorNode(this.#audio, { frequency: 660, type: 'triangle' });
    const volume = new GainNode(this.#audio, { gain: 0.15 });
    volume.gain.exponentialRampToValueAtTime(0.001, currentTime + 0.2);
    tone.connect(volume).connect(destination);
    tone.start();
    tone.stop(currentTime + 0.2);
  }
}
