/** How characters are written: SGR (ECMA-48, 8.3.117), as far as a machine with one background can show it. */

const BLACK = 0;

/** The sixteen colours as xterm shows them. */
const PALETTE: readonly (readonly [number, number, number])[] = [
  ...([
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
  ] as const),
  ...([
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
  ] as const),
  ...([
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
  ] as const),
];

export class Pen {
  /** 0 to 15; `undefined`: the terminal's own. */
  #ink: number | undefined;
  #paper: number | undefined;
  #bold = false;
  #reverse = false;
  #hidden = false;

  /** What comes after `ESC [` and before `m`. */
  select(numbers: readonly number[]): void {
    if (numbers.length === 0) this.reset();
    for (let at = 0; at < numbers.length; at++) {
      const number = numbers[at]!;
      if (number === 38 || number === 48) {
        const [colour, used] = extendedColour(numbers, at + 1);
        if (number === 38) this.#ink = colour ?? this.#ink;
        else this.#paper = colour ?? this.#paper;
        at += used;
      } else this.#selectOne(number);
    }
  }

  reset(): void {
    this.#ink = undefined;
    this.#paper = undefined;
    this.#bold = false;
    this.#reverse = false;
    this.#hidden = false;
  }

  copy(): Pen {
    const copy = new Pen();
    copy.#ink = this.#ink;
    copy.#paper = this.#paper;
    copy.#bold = this.#bold;
    copy.#reverse = this.#reverse;
    copy.#hidden = this.#hidden;
    return copy;
  }

  #selectOne(number: number): void {
    if (number <= 0) this.reset();
    else if (number === 1) this.#bold = true;
    else if (number === 22) this.#bold = false;
    else if (number === 7 || number === 27) this.#reverse = number === 7;
    else if (number === 8 || number === 28) this.#hidden = number === 8;
    else if (number >= 30 && number < 38) this.#ink = number - 30;
    else if (number === 39) this.#ink = undefined;
    else if (number >= 40 && number < 48) this.#paper = number - 40;
    else if (number === 49) this.#paper = undefined;
    else if (number >= 90 && number < 98) this.#ink = number - 82;
    else if (number >= 100 && number < 108) this.#paper = number - 92;
  }

  /** The background, where it is another than the screen's. */
  get paper(): number | undefined {
    return this.#paper === BLACK ? undefined : this.#paper;
  }

  get isHidden(): boolean {
    return this.#hidden;
  }

  /**
   * One character has one colour: on another background than the screen's, which is dark, it is in reverse video and of the
   * colour of that background.
   */
  get appearance(): { readonly reverse: boolean; readonly colour: number | undefined } {
    const ink = this.#bold && this.#ink !== undefined && this.#ink < 8 ? this.#ink + 8 : this.#ink;
    const { paper } = this;
    if (!this.#reverse) return paper === undefined ? { reverse: false, colour: ink } : { reverse: true, colour: paper };
    // Black in reverse is a background like that of the screen.
    return ink === BLACK ? { reverse: false, colour: paper } : { reverse: true, colour: ink };
  }
}

/** `5 ; number` or `2 ; red ; green ; blue`. Returns the nearest of the sixteen, and how many numbers that were. */
function extendedColour(numbers: readonly number[], at: number): [colour: number | undefined, used: number] {
  const [kind, first = 0, second = 0, third = 0] = numbers.slice(at, at + 4);
  if (kind === 2) return [nearest(first, second, third), 4];
  if (kind !== 5) return [undefined, 0];
  if (first < 16) return [Math.max(first, 0), 2];
  if (first >= 232) return [nearest(...grey(first - 232)), 2];
  const cube = Math.min(first, 231) - 16;
  return [nearest(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)), 2];
}

const level = (step: number): number => (step === 0 ? 0 : 55 + 40 * step);

function grey(step: number): [number, number, number] {
  const value = 8 + 10 * Math.min(step, 23);
  return [value, value, value];
}

function nearest(red: number, green: number, blue: number): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  PALETTE.forEach(([r, g, b], colour) => {
    const distance = (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2;
    if (distance < least) {
      least = distance;
      best = colour;
    }
  });
  return best;
}
