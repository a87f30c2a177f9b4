/** The terminal that somebody else gave us: the user's own, on which a client runs. */
import { addon, isAvailable } from '../native/load.ts';
import { applyModes, blankModes, type Modes, nameModes, type RawModes } from './modes.ts';

/** The modes of a terminal by its descriptor. What fails, because the terminal is gone, is left undone. */
export class Tty {
  readonly #fd: number;
  /** As the terminal was found, or as its owner has left it since. */
  #found: RawModes;

  private constructor(fd: number, found: RawModes) {
    this.#fd = fd;
    this.#found = found;
  }

  /** `undefined` where the descriptor is no terminal's, or without the addon. */
  static open(fd: number): Tty | undefined {
    const found = isAvailable() ? read(fd) : undefined;
    return found && new Tty(fd, found);
  }

  /** The modes in which the terminal was found. */
  get found(): Modes {
    return nameModes(this.#found);
  }

  /** Sets the modes that are named; all others are as they were found. */
  set(modes: Modes): void {
    const raw = { words: this.#found.words.slice(), cc: this.#found.cc.slice() };
    applyModes(raw, modes);
    addon().setTtyModes(this.#fd, raw.words, raw.cc);
  }

  /** Gives the terminal back as it was found. */
  restore(): void {
    addon().setTtyModes(this.#fd, this.#found.words, this.#found.cc);
  }

  /** From now on it counts as found as it is at present: somebody else had it meanwhile. */
  look(): void {
    this.#found = read(this.#fd) ?? this.#found;
  }
}

function read(fd: number): RawModes | undefined {
  const raw = blankModes();
  return addon().getTtyModes(fd, raw.words, raw.cc) < 0 ? undefined : raw;
}
