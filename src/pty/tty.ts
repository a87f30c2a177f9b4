/** The terminal on which this process was started: the user's own terminal, on which a client runs. */
import { addon, isAvailable } from '../native/load.ts';
import { applyModes, blankModes, type Modes, nameModes, type RawModes } from './modes.ts';

/** The modes of a terminal by its descriptor. Errors are ignored: the terminal may be gone. */
export class Tty {
  readonly #fd: number;
  /** The modes at the start, or as another program has left them since. */
  #found: RawModes;

  private constructor(fd: number, found: RawModes) {
    this.#fd = fd;
    this.#found = found;
  }

  /** `undefined` if the descriptor is not a terminal, and without the addon. */
  static open(fd: number): Tty | undefined {
    const found = isAvailable() ? read(fd) : undefined;
    return found && new Tty(fd, found);
  }

  /** The modes in which the terminal was found. */
  get found(): Modes {
    return nameModes(this.#found);
  }

  /** Sets the given modes; all others are as they were found. */
  set(modes: Modes): void {
    const raw = { words: this.#found.words.slice(), cc: this.#found.cc.slice() };
    applyModes(raw, modes);
    addon().setTtyModes(this.#fd, raw.words, raw.cc);
  }

  /** Restores the modes in which the terminal was found. */
  restore(): void {
    addon().setTtyModes(this.#fd, this.#found.words, this.#found.cc);
  }

  /**
   * Reads the modes again, because another program has used the terminal meanwhile; {@link restore} then sets these.
   */
  look(): void {
    this.#found = read(this.#fd) ?? this.#found;
  }
}

function read(fd: number): RawModes | undefined {
  const raw = blankModes();
  return addon().getTtyModes(fd, raw.words, raw.cc) < 0 ? undefined : raw;
}
