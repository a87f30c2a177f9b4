import { PATIENCE_MS } from '../patience.ts';
import { framed } from './screen.ts';

/** What is in one place of the screen. */
export interface Place {
  readonly character: string;
  readonly reverse: boolean;
  /** The code of the colour; 0 until one was chosen. */
  readonly colour: number;
}

const EMPTY: Place = { character: ' ', reverse: false, colour: 0 };

/** A screen with a cursor, of 40 columns on both machines. */
abstract class HomeComputer {
  readonly columns: number;
  readonly rows: number;
  places: Place[][];
  row = 0;
  column = 0;
  bells = 0;
  /** Whether the last column was ever written: the machine then joins two lines, which no test expects. */
  joinedLines = false;
  readonly #changed = new Set<() => void>();

  constructor(rows: number, columns: number) {
    this.rows = rows;
    this.columns = columns;
    this.places = this.#empty();
  }

  protected abstract take(code: number): void;

  feed(bytes: Uint8Array): void {
    for (const code of bytes) this.take(code);
    for (const look of [...this.#changed]) look();
  }

  line(row: number): string {
    return this.places[row]!.map(place => place.character)
      .join('')
      .trimEnd();
  }

  text(): string {
    return this.places
      .map((_, row) => this.line(row))
      .join('\n')
      .trimEnd();
  }

  waitFor(wanted: RegExp | ((text: string) => boolean), timeout = PATIENCE_MS): Promise<string> {
    const holds = (text: string): boolean => (wanted instanceof RegExp ? wanted.test(text) : wanted(text));
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!holds(this.text())) return;
        this.#changed.delete(look);
        clearTimeout(timer);
        resolve(this.text());
      };
      const timer = setTimeout(() => {
        this.#changed.delete(look);
        reject(new Error(`${timeout} ms passed without ${wanted} on the screen:\n${framed(this.text())}`));
      }, timeout);
      this.#changed.add(look);
      look();
    });
  }

  protected clear(): void {
    this.places = this.#empty();
    this.row = 0;
    this.column = 0;
  }

  protected put(place: Place): void {
    this.places[this.row]![this.column] = place;
    if (this.column === this.columns - 1) this.joinedLines = true;
    this.column++;
    if (this.column === this.columns) this.newline();
  }

  protected newline(): void {
    this.column = 0;
    this.row++;
    if (this.row < this.rows) return;
    this.row--;
    this.places.shift();
    this.places.push(this.#line());
  }

  /** Removes the character at a position; a space comes in at the end. */
  protected removeAt(row: number, column: number): void {
    const line = this.places[row]!;
    line.splice(column, 1);
    line.push(EMPTY);
  }

  /** Inserts a space at the cursor; the last character of the line is lost. */
  protected insertAtCursor(): void {
    const line = this.places[this.row]!;
    line.splice(this.column, 0, EMPTY);
    line.pop();
  }

  protected removeLine(): void {
    this.places.splice(this.row, 1);
    this.places.push(this.#line());
    this.column = 0;
  }

  protected insertLine(): void {
    this.places.splice(this.row, 0, this.#line());
    this.places.pop();
    this.column = 0;
  }

  #empty(): Place[][] {
    return Array.from({ length: this.rows }, () => this.#line());
  }

  #line(): Place[] {
    return Array.from({ length: this.columns }, () => EMPTY);
  }
}

const COLOUR_CODES = new Set([5, 28, 30, 31, 129, 144, ...Array.from({ length: 11 }, (_, at) => 149 + at)]);

/**
 * The characters of the C64's lower-case set by their codes, from Unicode's chart C64IALT (except FF, which the KERNAL
 * treats as DE).
 */
export const PETSCII_CHART = new Map<number, number>([
  ...run(0x20, 0x20, 0x3f),
  ...run(0x40, 0x40, 0x40),
  ...run(0x41, 0x61, 0x7a),
  ...each(0x5b, [0x5b, 0xa3, 0x5d, 0x2191, 0x2190]),
  ...twice(0x60, 0xc0, [0x2500]),
  ...run(0x61, 0x41, 0x5a),
  ...run(0xc1, 0x41, 0x5a),
  ...twice(0x7b, 0xdb, [0x253c, 0x1fb8c, 0x2502, 0x1fb96, 0x1fb98]),
  ...twice(0xa0, 0xe0, [0xa0, 0x258c, 0x2584, 0x2594, 0x2581, 0x258f, 0x2592, 0x2595, 0x1fb8f, 0x1fb99, 0x1fb87]),
  ...twice(0xab, 0xeb, [0x251c, 0x2597, 0x2514, 0x2510, 0x2582, 0x250c, 0x2534, 0x252c, 0x2524, 0x258e, 0x258d]),
  ...twice(0xb6, 0xf6, [0x1fb88, 0x1fb82, 0x1fb83, 0x2583, 0x2713, 0x2596, 0x259d, 0x2518, 0x2598]),
  [0xbf, 0x259a],
  [0xff, 0x1fb96],
]);

/** The characters that the C64's first character set has in place of those, from Unicode's chart C64IPRI. */
export const PETSCII_CAPITALS = new Map<number, number>([
  ...run(0x41, 0x41, 0x5a),
  ...twice(0x61, 0xc1, [0x2660, 0x1fb72, 0x1fb78, 0x1fb77, 0x1fb76, 0x1fb7a, 0x1fb71, 0x1fb74, 0x256e, 0x2570, 0x256f]),
  ...twice(0x6c, 0xcc, [0x1fb7c, 0x2572, 0x2571, 0x1fb7d, 0x1fb7e, 0x25cf, 0x1fb7b, 0x2665, 0x1fb70, 0x256d, 0x2573]),
  ...twice(0x77, 0xd7, [0x25cb, 0x2663, 0x1fb75, 0x2666]),
  ...twice(0x7e, 0xde, [0x03c0, 0x25e5]),
  ...twice(0xa9, 0xe9, [0x25e4]),
  ...twice(0xba, 0xfa, [0x1fb7f]),
  [0xff, 0x03c0],
]);

/** The lower half of ATASCII, from Unicode's chart ATARI8IG. */
export const ATASCII_CHART = new Map<number, number>([
  ...each(0, [0x2665, 0x251c, 0x23b9, 0x2518, 0x2524, 0x2510, 0x2571, 0x2572, 0x25e2, 0x2597, 0x25e3, 0x259d, 0x2598]),
  ...each(13, [0x23ba, 0x23bd, 0x2596, 0x2663, 0x250c, 0x2500, 0x253c, 0x2022, 0x2584, 0x23b8, 0x252c, 0x2534, 0x258c]),
  [26, 0x2514],
  ...run(0x20, 0x20, 0x5f),
  [0x60, 0x2666],
  ...run(0x61, 0x61, 0x7a),
  ...each(0x7b, [0x2660, 0x7c]),
]);

/** The characters of the codes that are controls, which follow an ESC. */
const ATASCII_LITERALS = new Map<number, number>([
  ...each(27, [0x241b, 0x2191, 0x2193, 0x2190, 0x2192]),
  ...each(125, [0x21b0, 0x25c0, 0x25b6]),
]);

function each(code: number, characters: readonly number[]): [number, number][] {
  return characters.map((character, at) => [code + at, character]);
}

function run(code: number, first: number, last: number): [number, number][] {
  return each(
    code,
    Array.from({ length: last - first + 1 }, (_, at) => first + at),
  );
}

function twice(code: number, again: number, characters: readonly number[]): [number, number][] {
  return [...each(code, characters), ...each(again, characters)];
}

/** Codes that a C64 ignores, and that a bulletin board may send: NUL, the LF of a CR LF. */
const IGNORED = new Set([0, 10]);

/** A Commodore 64 that prints what it receives, as its KERNAL's screen editor does. */
export class Commodore64 extends HomeComputer {
  #reverse = false;
  #colour = 0;
  lowerCase = false;
  /** The codes on the screen, which change their looks with the character set. */
  readonly #drawn = new Map<Place, number>();

  constructor(rows = 25, columns = 40) {
    super(rows, columns);
  }

  #character(code: number): string {
    const capital = this.lowerCase ? undefined : PETSCII_CAPITALS.get(code);
    return String.fromCodePoint(capital ?? PETSCII_CHART.get(code)!);
  }

  #selectSet(lowerCase: boolean): void {
    this.lowerCase = lowerCase;
    for (const line of this.places) {
      line.forEach((place, column) => {
        const code = this.#drawn.get(place);
        if (code === undefined) return;
        line[column] = { ...place, character: this.#character(code) };
        this.#drawn.delete(place);
        this.#drawn.set(line[column]!, code);
      });
    }
  }

  protected override take(code: number): void {
    if (PETSCII_CHART.has(code)) {
      const place = { character: this.#character(code), reverse: this.#reverse, colour: this.#colour };
      this.#drawn.set(place, code);
      this.put(place);
    } else if (code === 147) this.clear();
    else if (code === 19) [this.row, this.column] = [0, 0];
    else if (code === 13 || code === 141) {
      this.#reverse = false;
      this.newline();
    } else if (code === 17) {
      const { column } = this;
      this.newline();
      this.column = column;
    } else if (code === 145) this.row = Math.max(0, this.row - 1);
    else if (code === 29) this.column === this.columns - 1 ? this.newline() : this.column++;
    else if (code === 157) {
      if (this.column > 0) this.column--;
      else if (this.row > 0) [this.row, this.column] = [this.row - 1, this.columns - 1];
    } else if (code === 18 || code === 146) this.#reverse = code === 18;
    else if (code === 14 || code === 142) this.#selectSet(code === 14);
    else if (code === 20) {
      if (this.column > 0) this.removeAt(this.row, --this.column);
      else if (this.row > 0) {
        [this.row, this.column] = [this.row - 1, this.columns - 1];
        this.removeAt(this.row, this.column);
      }
    } else if (code === 148) this.insertAtCursor();
    else if (code === 7) this.bells++;
    else if (COLOUR_CODES.has(code)) this.#colour = code;
    else if (!IGNORED.has(code)) throw new Error(`a C64 makes nothing of the code ${code}`);
  }
}

/** An Atari 800 that prints what it receives, as its screen editor (E:) does, with the left margin at 0. */
export class Atari800 extends HomeComputer {
  /** Whether the last code was ESC: the next one is displayed. */
  #isLiteral = false;
  readonly #tabStops = new Set([7, 15, 23, 31, 39]);

  constructor(rows = 24, columns = 40) {
    super(rows, columns);
  }

  #tab(): void {
    do {
      this.column++;
    } while (this.column < this.columns && !this.#tabStops.has(this.column));
    if (this.column === this.columns) this.newline();
  }

  protected override take(code: number): void {
    const isLiteral = this.#isLiteral;
    this.#isLiteral = false;
    const character = ATASCII_CHART.get(code & 0x7f) ?? (isLiteral ? ATASCII_LITERALS.get(code & 0x7f) : undefined);
    if (code === 0x9b) this.newline();
    else if (isLiteral) this.put({ character: String.fromCodePoint(character!), reverse: code >= 0x80, colour: 0 });
    else if (code === 27) this.#isLiteral = true;
    else if (code === 126) {
      if (this.column > 0) this.places[this.row]![--this.column] = EMPTY;
    } else if (code === 127) this.#tab();
    else if (code === 156) this.removeLine();
    else if (code === 157) this.insertLine();
    else if (code === 158) this.#tabStops.delete(this.column);
    else if (code === 159) this.#tabStops.add(this.column);
    else if (code === 254) this.removeAt(this.row, this.column);
    else if (code === 255) this.insertAtCursor();
    else if (code === 125) this.clear();
    else if (code === 28) this.row = (this.row + this.rows - 1) % this.rows;
    else if (code === 29) this.row = (this.row + 1) % this.rows;
    else if (code === 30) this.column = (this.column + this.columns - 1) % this.columns;
    else if (code === 31) this.column = (this.column + 1) % this.columns;
    else if (code === 253) this.bells++;
    else if (character !== undefined)
      this.put({ character: String.fromCodePoint(character), reverse: code >= 0x80, colour: 0 });
    else throw new Error(`an Atari would not just print the code ${code}`);
  }
}
