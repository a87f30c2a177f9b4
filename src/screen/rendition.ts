/**
 * How the next characters are drawn: colours and attributes (SGR), and the character sets of GL (SCS, SO, SI). xterm.js
 * does not report this state, and a snapshot without it would draw what follows in the wrong colours.
 *
 * Source: ECMA-48, 8.3.117 (SGR); VT510, DECSC, SCS.
 */

const SO = '\x0e';
const SI = '\x0f';

/** A parameter that sets something, and those that SGR clears it with. */
type Attribute = 'bold' | 'dim' | 'italic' | 'underline' | 'blink' | 'inverse' | 'invisible' | 'strike' | 'overline';
type Key = Attribute | 'foreground' | 'background' | 'underline-colour';

const SETS: Readonly<Record<number, Key>> = {
  1: 'bold',
  2: 'dim',
  3: 'italic',
  4: 'underline',
  5: 'blink',
  6: 'blink',
  7: 'inverse',
  8: 'invisible',
  9: 'strike',
  21: 'underline',
  53: 'overline',
};

const CLEARS: Readonly<Record<number, readonly Key[]>> = {
  22: ['bold', 'dim'],
  23: ['italic'],
  24: ['underline'],
  25: ['blink'],
  27: ['inverse'],
  28: ['invisible'],
  29: ['strike'],
  39: ['foreground'],
  49: ['background'],
  55: ['overline'],
  59: ['underline-colour'],
};

const EXTENDED: Readonly<Record<number, Key>> = { 38: 'foreground', 48: 'background', 58: 'underline-colour' };

/** US ASCII, the set of a terminal after a reset. */
const ASCII = 'B';

interface State {
  readonly style: ReadonlyMap<Key, string>;
  /** The final characters of G0 to G3. */
  readonly sets: readonly string[];
  /** Which of them is in GL: 0 or 1. */
  readonly shift: number;
}

const RESET: State = { style: new Map(), sets: [ASCII, ASCII, ASCII, ASCII], shift: 0 };

export class Rendition {
  #state = RESET;
  /** What DECSC saved on the normal and on the alternate screen. */
  readonly #saved = { normal: RESET, alternate: RESET };

  /** SGR with these parameters. */
  select(parameters: string): void {
    const style = new Map(this.#state.style);
    const all = parameters.split(';');
    for (let at = 0; at < all.length; at++) {
      const parameter = all[at]!;
      const number = Number.parseInt(parameter || '0', 10);
      const extended = EXTENDED[number];
      if (number === 0) style.clear();
      else if (extended !== undefined) {
        const length = parameter.includes(':')
          ? 1
          : all[at + 1] === '5'
            ? 3
            : all[at + 1] === '2'
              ? 5
              : all.length - at;
        if (length > 1 || parameter.includes(':')) style.set(extended, all.slice(at, at + length).join(';'));
        at += length - 1;
      } else if (parameter === '4:0') style.delete('underline');
      else if (SETS[number] !== undefined) style.set(SETS[number], parameter);
      else if (CLEARS[number] !== undefined) for (const key of CLEARS[number]) style.delete(key);
      else if ((number >= 30 && number < 38) || (number >= 90 && number < 98)) style.set('foreground', parameter);
      else if ((number >= 40 && number < 48) || (number >= 100 && number < 108)) style.set('background', parameter);
    }
    this.#state = { ...this.#state, style };
  }

  /** SCS: the intermediate character selects one of G0 to G3. */
  designate(intermediate: string, final: string): void {
    const index = '()*+'.indexOf(intermediate);
    if (index < 0) return;
    this.#state = { ...this.#state, sets: this.#state.sets.with(index, final) };
  }

  /** SO or SI, a control character. */
  shift(control: number): void {
    this.#state = { ...this.#state, shift: control === SO.charCodeAt(0) ? 1 : 0 };
  }

  /** DECSC, and what has the same effect. */
  save(screen: 'normal' | 'alternate'): void {
    this.#saved[screen] = this.#state;
  }

  /** DECRC. */
  restore(screen: 'normal' | 'alternate'): void {
    this.#state = this.#saved[screen];
  }

  /** DECSTR. */
  reset(): void {
    this.#state = RESET;
    this.#saved.normal = RESET;
    this.#saved.alternate = RESET;
  }

  /** Control sequences that set G0 to G3 and the shift, whatever they were. */
  get characterSets(): string {
    const { sets, shift } = this.#state;
    return `${sets.map((final, index) => `\x1b${'()*+'[index]}${final}`).join('')}${shift === 1 ? SO : SI}`;
  }

  /** Control sequences that set this state in a terminal that has been reset. */
  get sequences(): string {
    const { style, sets, shift } = this.#state;
    const designations = sets.map((final, index) => (final === ASCII ? '' : `\x1b${'()*+'[index]}${final}`));
    const select = style.size === 0 ? '' : `\x1b[${[...style.values()].join(';')}m`;
    return `${select}${designations.join('')}${shift === 1 ? SO : ''}`;
  }
}
