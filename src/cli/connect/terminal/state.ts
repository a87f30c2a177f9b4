/**
 * The state that a server's output has set in the user's terminal, and the control functions that change one such
 * state into another: into the initial state, and back.
 *
 * A fixed string that resets everything was rejected, for two reasons. Terminals differ in what such a string does
 * (`CSI ? 1049 l` moves the cursor if nothing was saved, `CSI r` moves it home, the Linux console prints what it does
 * not know). And a session that sets nothing must print nothing. A terminal that has accepted `CSI ? 1000 h` knows
 * `CSI ? 1000 l`.
 *
 * If terminals disagree, the worse state is assumed: an unnecessary reset does no harm.
 */

import { FlagStack } from '../keys/flag-stack.ts';
import type { ControlHandler } from './control-functions.ts';

/**
 * DEC private modes that are off in a terminal in its initial state, and the few that are on. Modes that users
 * configure (1007, 1010, 1034 …) are omitted: their initial values are not known. 2: on means ANSI, off means VT52.
 */
const MODES_OFF: ReadonlySet<number> = new Set([
  ...[1, 3, 4, 5, 6, 9, 12, 34, 38, 40, 45, 66, 67, 69, 80],
  ...[1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016],
  ...[1045, 1050, 1051, 1052, 1053, 1060, 1061],
  ...[2001, 2002, 2003, 2004, 2005, 2006, 2026, 2031, 2048, 5522],
  ...[7727, 7728, 7783, 7786, 7787, 8452, 9001],
]);
const MODES_ON: ReadonlySet<number> = new Set([2, 7, 8, 25, 1046]);
const ALTERNATE: ReadonlySet<number> = new Set([47, 1047, 1049]);

/** Modes of ECMA-48: KAM, CRM (linux), IRM, LNM are off; SRM is on, which means that the terminal does not echo. */
const ANSI_OFF: ReadonlySet<number> = new Set([2, 3, 4, 20]);
const ANSI_ON: ReadonlySet<number> = new Set([12]);

/** Modes in which the terminal sends reports without a request. */
const REPORTING: readonly string[] = [9, 1000, 1001, 1002, 1003, 1004, 2003, 2031, 2048, 9001]
  .map(mode => `?${mode}`)
  .concat('locator');
/** Settings that hide keys from a line that is edited locally. */
const KEYBOARD: ReadonlySet<string> = new Set([
  'ansi 2',
  '?7727',
  '?7728',
  '?9001',
  ...[0, 1, 2, 3, 4, 6, 7].flatMap(n => [`>${n}`, `f${n}`]),
]);
/** Settings that break the prompt of telpty: those, reports, bracketed paste, and settings that hide printed text. */
const PROMPT: ReadonlySet<string> = new Set([
  ...KEYBOARD,
  ...REPORTING,
  ...['?1', '?25', '?66', '?2001', '?2002', '?2004', '?2005', '?2006', '?2026', '?5522', 'ansi 4', 'ansi 12'],
  ...['keypad', 'printer', 'status', 'vt52', 'GL', 'G0', 'sgr hidden'],
]);

/** Whether DECSC saves the slot with the cursor, and DECRC restores it. */
const isSaved = (slot: string): boolean =>
  slot.startsWith('sgr ') || slot.startsWith('G') || slot === '?6' || slot === '?7';

/** The maximum number of colours that are restored after a session was suspended; all are reset. */
const MOST_COLOURS = 300;
const LONGEST_VALUE = 300;
/** xterm keeps ten titles. */
const MOST_TITLES = 10;

/** Slots whose reset moves the cursor or clears the screen. */
const MOVING: ReadonlySet<string> = new Set(['?3', '?6', 'tabs', 'region', 'alternate region']);

const MAIN = 0;
const ALTERNATE_SCREEN = 1;
/** Scroll regions: in some terminals (xterm.js) each screen has its own, in others the screens share one. */
const REGIONS = ['region', 'alternate region'] as const;

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export class TerminalState implements ControlHandler {
  /** The differences from the initial state: a name, and the function that sets it (`''`: it cannot be set again). */
  #slots = new Map<string, string>();
  /** The mode with which the terminal shows its alternate screen, if it does. */
  #alternate: number | undefined;
  #stacks: [main: FlagStack, alternate: FlagStack] = [new FlagStack(), new FlagStack()];
  #cursors: [main: ReadonlyMap<string, string>, alternate: ReadonlyMap<string, string>] = [new Map(), new Map()];
  #savedModes = new Map<string, string>();
  #pushedRendition: ReadonlyMap<string, string> = new Map();
  #titles = 0;
  /** How often the terminal was asked to identify itself (DA1), which all terminals answer. */
  identityRequests = 0;
  /** The number of requests that the terminal received. */
  requests = 0;
  readonly #size: () => Size;
  /** Designates the initial coding system of the terminal. */
  readonly #ownCharset: string;

  constructor(size: () => Size, isUtf8: boolean) {
    this.#size = size;
    this.#ownCharset = isUtf8 ? '\x1b%G' : '\x1b%@';
  }

  /** The initial state, with the pushed titles of this one. */
  atRest(): TerminalState {
    const rest = new TerminalState(this.#size, this.#ownCharset === '\x1b%G');
    rest.#titles = this.#titles;
    return rest;
  }

  /** Removes the pushed titles. */
  withoutTitles(): TerminalState {
    this.#titles = 0;
    return this;
  }

  clone(): TerminalState {
    const copy = this.atRest();
    copy.#slots = new Map(this.#slots);
    copy.#alternate = this.#alternate;
    copy.#stacks = [this.#stacks[MAIN].clone(), this.#stacks[ALTERNATE_SCREEN].clone()];
    copy.#cursors = [...this.#cursors];
    copy.#savedModes = new Map(this.#savedModes);
    copy.#pushedRendition = this.#pushedRendition;
    return copy;
  }

  /** A copy with keys as a terminal sends them in its initial state. */
  withPlainKeys(): TerminalState {
    return this.#without(KEYBOARD);
  }

  /** A copy that suits a line of telpty's own. */
  forPrompt(): TerminalState {
    return this.#without(PROMPT);
  }

  #without(slots: ReadonlySet<string>): TerminalState {
    const copy = this.clone();
    for (const slot of slots) copy.#slots.delete(slot);
    const stack = copy.#stacks[this.#screen];
    if (stack.flags !== 0) stack.push(0);
    return copy;
  }

  /** Whether the terminal sends keys in another form than in its initial state. */
  get hasKeyboardProtocol(): boolean {
    if (this.#stacks[this.#screen].flags !== 0) return true;
    for (const slot of this.#slots.keys()) if (KEYBOARD.has(slot)) return true;
    return false;
  }

  /** Whether the terminal may send reports without a request. */
  get isReporting(): boolean {
    return this.#stacks[this.#screen].flags !== 0 || REPORTING.some(slot => this.#slots.has(slot));
  }

  get #screen(): 0 | 1 {
    return this.#alternate === undefined ? MAIN : ALTERNATE_SCREEN;
  }

  // Control functions in the output.

  control(code: number, isSure: boolean): void {
    if (code === 0x0e) this.#set('GL', '\x0e');
    else if (code === 0x0f) this.#reset('GL', isSure);
    else this.requests++;
  }

  escape(text: string, isSure: boolean): void {
    const set = `\x1b${text}`;
    const register = DESIGNATED[text[0]!];
    if (register !== undefined && text.length > 1) {
      this.#setUnless(/^[()*+]B$/.test(text), register, set, isSure);
      return;
    }
    switch (text) {
      case '7':
        this.#saveCursor();
        break;
      case '8':
        this.#restoreCursor();
        break;
      case 'c':
        if (isSure) this.#resetAll();
        break;
      case '=':
        this.#set('keypad', set);
        break;
      case '>':
        this.#reset('keypad', isSure);
        break;
      case '<':
        this.#reset('vt52', isSure);
        break;
      case 'n':
      case 'o':
        this.#set('GL', set);
        break;
      case '|':
      case '}':
      case '~':
        this.#set('GR', set);
        break;
      case 'F':
        // VT52: graphics.
        if (this.#slots.has('vt52')) this.#set('G0', '\x1b(0');
        break;
      case 'H':
        this.#set('tabs', '');
        break;
      case 'V':
        this.#set('guarded', set);
        break;
      case 'W':
        this.#reset('guarded', isSure);
        break;
      case 'l':
        this.#set('memory lock', set);
        break;
      case 'm':
        this.#reset('memory lock', isSure);
        break;
      case 'Z':
        this.#identify(isSure);
        break;
      case ' F':
        this.#reset('8-bit', isSure);
        break;
      case ' G':
        this.#set('8-bit', set);
        break;
      default:
        // A set with two bytes per character (ISO 2022), in G0 if no register is named.
        if (text[0] === '$') this.#set(DESIGNATED[text[1]!] ?? 'G0', set);
        if (text[0] === '%') this.#setUnless(set === this.#ownCharset, 'charset', set, isSure);
    }
  }

  sequence(mark: string, parameters: string, intermediates: string, final: string, isSure: boolean): void {
    if (mark === '' && intermediates === '') {
      // Most sequences that programs print.
      if (final === 'm') this.#rendition(parameters, isSure);
      if (!CHANGING.includes(final)) return;
    }
    const numbers = numbersOf(parameters);
    const [first] = numbers;
    const set = `\x1b[${mark}${parameters.length > LONGEST_VALUE ? '' : parameters}${intermediates}${final}`;
    switch (`${mark}${intermediates}${final}`) {
      case '?h':
      case '?l':
        for (const number of numbers) this.#privateMode(number, final === 'h', isSure);
        break;
      case '?s':
        for (const number of numbers) this.#saveMode(`?${number}`);
        break;
      case '?r':
        for (const number of numbers) this.#restoreMode(`?${number}`);
        break;
      case 'h':
      case 'l':
        for (const number of numbers) this.#ansiMode(number, final === 'h', isSure);
        break;
      case 'r':
        this.#margins(numbers, isSure);
        break;
      case 's':
        if (parameters === '') this.#saveCursor();
        break;
      case 'u':
        if (parameters === '') this.#restoreCursor();
        break;
      case '>u':
        this.#stacks[this.#screen].push(first!);
        break;
      case '<u':
        if (isSure) this.#stacks[this.#screen].pop(first || 1);
        break;
      case '=u':
        this.#stacks[this.#screen].set(first!, numbers[1] ?? 1);
        break;
      case '>m':
        this.#keyFormat('>', parameters, numbers, set, isSure);
        break;
      case '>f':
        this.#keyFormat('f', parameters, numbers, set, isSure);
        break;
      case '>n':
        this.#set(`>${parameters === '' ? 2 : first}`, set);
        break;
      case ' q':
        this.#setUnless(first === 0, 'cursor', set, isSure);
        break;
      case '?c':
        this.#setUnless(first === 0, 'linux cursor', set, isSure);
        break;
      case ']':
        if (first === 8) this.#set('linux rendition', '');
        else if (first === 10 || first === 11) this.#setUnless(numbers.length < 2, `linux bell ${first}`, set, isSure);
        break;
      case 'q':
        this.#setUnless(first === 0, 'lights', set, isSure);
        break;
      case '>s':
        this.#setUnless(first === 0, 'shift', set, isSure);
        break;
      case '>t':
        this.#set('title modes', set);
        break;
      case '>T':
        if (parameters === '') this.#reset('title modes', isSure);
        break;
      case '"p':
        this.#set('conformance', '');
        if (numbers[1] !== 1 && first !== 61) this.#set('8-bit', '\x1b G');
        break;
      case '"q':
        this.#setUnless(first !== 1, 'protected', set, isSure);
        break;
      case '>p':
        this.#setUnless(first === 1, 'pointer', set, isSure);
        break;
      case '$}':
        this.#setUnless(first === 0, 'status', set, isSure);
        break;
      case '$~':
        this.#setUnless(first === 0, 'status type', set, isSure);
        break;
      case "'z":
        this.#setUnless(first === 0, 'locator', set, isSure);
        break;
      case 'i':
      case '?i':
        this.#print(`${mark}printer`, numbers, set, isSure);
        break;
      case 'g':
        this.#set('tabs', '');
        break;
      case '#{':
      case '#p':
        this.#pushedRendition = new Map([...this.#pushedRendition, ...this.#savedSlots()]);
        break;
      case '#}':
      case '#q':
        for (const [slot, value] of this.#pushedRendition) this.#set(slot, value);
        break;
      case 't':
        this.#window(first!);
        break;
      case 'c':
        if (first === 0) this.#identify(isSure);
        break;
      default:
        this.#countRequest(mark, intermediates, final);
    }
  }

  string(kind: string, text: string, isWhole: boolean, isSure: boolean): void {
    if (kind === ']') this.#command(text, isWhole, isSure);
    else if (kind === 'P') this.#deviceControl(text, isSure);
    else if (kind === '_' && text.startsWith('G')) this.requests++;
  }

  #identify(isSure: boolean): void {
    this.requests++;
    if (isSure) this.identityRequests++;
  }

  /** Counts a request for a report by CSI, by its final character, mark and intermediates. */
  #countRequest(mark: string, intermediates: string, final: string): void {
    const asked = REQUESTS.get(`${mark}${intermediates}`);
    if (asked?.includes(final)) this.requests++;
  }

  #set(slot: string, value: string): void {
    this.#slots.set(slot, value.length > LONGEST_VALUE ? '' : value);
  }

  #reset(slot: string, isSure: boolean): void {
    if (isSure) this.#slots.delete(slot);
  }

  #setUnless(isDefault: boolean, slot: string, value: string, isSure: boolean): void {
    if (isDefault) this.#reset(slot, isSure);
    else this.#set(slot, value);
  }

  #privateMode(mode: number, isOn: boolean, isSure: boolean): void {
    const set = `\x1b[?${mode}${isOn ? 'h' : 'l'}`;
    if (ALTERNATE.has(mode)) this.#showScreen(mode, isOn, isSure);
    else if (mode === 1048) {
      if (isOn) this.#saveCursor();
      else this.#restoreCursor();
    } else if (mode === 2) this.#setUnless(isOn, 'vt52', set, isSure);
    else if (MODES_OFF.has(mode)) {
      this.#setUnless(!isOn, `?${mode}`, set, isSure);
      // The terminal answers these with a first report.
      if (isOn && (mode === 2048 || mode === 1004)) this.requests++;
    } else if (MODES_ON.has(mode)) this.#setUnless(isOn, `?${mode}`, set, isSure);
  }

  #showScreen(mode: number, isOn: boolean, isSure: boolean): void {
    if (isOn) {
      if (mode === 1049) this.#saveCursor();
      this.#alternate = mode;
      return;
    }
    if (!isSure) return;
    this.#alternate = undefined;
    if (mode === 1049) this.#restoreCursor();
  }

  #ansiMode(mode: number, isOn: boolean, isSure: boolean): void {
    if (!ANSI_OFF.has(mode) && !ANSI_ON.has(mode)) return;
    this.#setUnless(isOn === ANSI_ON.has(mode), `ansi ${mode}`, `\x1b[${mode}${isOn ? 'h' : 'l'}`, isSure);
  }

  /** XTSAVE, XTRESTORE. On a terminal that does not know them, a saved and restored mode may have kept its value. */
  #saveMode(slot: string): void {
    const value = this.#slots.get(slot);
    if (value === undefined) this.#savedModes.delete(slot);
    else this.#savedModes.set(slot, value);
  }

  #restoreMode(slot: string): void {
    const value = this.#savedModes.get(slot);
    if (value !== undefined) this.#set(slot, value);
  }

  #savedSlots(): Map<string, string> {
    return new Map([...this.#slots].filter(([slot]) => isSaved(slot)));
  }

  #saveCursor(): void {
    this.#cursors[this.#screen] = this.#savedSlots();
  }

  #restoreCursor(): void {
    for (const [slot, value] of this.#cursors[this.#screen]) this.#set(slot, value);
  }

  #resetAll(): void {
    // Not every terminal resets everything (xterm.js leaves the cursor hidden): slots whose reset does no harm are
    // reset again, but not set again.
    const kept = [...this.#slots.keys()].filter(slot => !MOVING.has(slot) && !KEYBOARD.has(slot));
    this.#slots = new Map(kept.map(slot => [slot, '']));
    this.#alternate = undefined;
    this.#stacks = [new FlagStack(), new FlagStack()];
    this.#cursors = [new Map(), new Map()];
    this.#savedModes.clear();
    this.#titles = 0;
  }

  /** SGR. Each group of mutually exclusive attributes has a slot. */
  #rendition(parameters: string, isSure: boolean): void {
    if (this.#slots.size === 0 && (parameters === '' || parameters === '0')) return;
    const fields = parameters.split(';');
    for (let at = 0; at < fields.length; at++) {
      let field = fields[at]!;
      let number = Number.parseInt(field || '0', 10);
      const isColour = number === 38 || number === 48 || number === 58;
      if (isColour && !field.includes(':')) {
        // 38;5;N and 38;2;R;G;B: the parameters that follow are a colour, not attributes.
        const length = fields[at + 1] === '5' ? 3 : fields[at + 1] === '2' ? 5 : 1;
        field = fields.slice(at, at + length).join(';');
        at += length - 1;
      } else if (field === '4:0') number = 24;
      if (number === 0) {
        for (const slot of [...this.#slots.keys()]) {
          // 0 does not reset a font, which on Linux is a mapping.
          if (slot.startsWith('sgr ') && slot !== 'sgr font') this.#reset(slot, isSure);
        }
      } else this.#attribute(number, field, isSure);
    }
  }

  #attribute(number: number, field: string, isSure: boolean): void {
    const off = ATTRIBUTES_OFF.get(number);
    if (off !== undefined) {
      for (const group of off) this.#reset(`sgr ${group}`, isSure);
      return;
    }
    const group = ATTRIBUTES.find(([from, to]) => number >= from && number <= to)?.[2];
    if (group !== undefined) this.#set(`sgr ${group}`, field);
  }

  /** DECSTBM: margins over all rows of the screen are the same as no margins. */
  #margins([top = 0, bottom = 0]: readonly number[], isSure: boolean): void {
    const isAll = top <= 1 && (bottom === 0 || bottom >= this.#size().rows);
    this.#setUnless(isAll, REGIONS[this.#screen], `\x1b[${top};${bottom}r`, isSure);
  }

  /** XTMODKEYS, XTFMTKEYS: without a value the resource has its configured value. */
  #keyFormat(name: string, parameters: string, numbers: readonly number[], set: string, isSure: boolean): void {
    if (parameters === '') for (let n = 0; n < 8; n++) this.#reset(`${name}${n}`, isSure);
    else {
      const isDefault = numbers.length < 2 || (numbers[1] === 0 && numbers[0] === 4);
      this.#setUnless(isDefault, `${name}${numbers[0]! & 7}`, set, isSure);
    }
  }

  /** MC: 5 sends output to the printer, and not to the screen. */
  #print(slot: string, numbers: readonly number[], set: string, isSure: boolean): void {
    if (numbers[0] === 5) this.#set(slot, set);
    else if (numbers[0] === 4) this.#reset(slot, isSure);
  }

  #window(operation: number): void {
    if (operation === 22) this.#titles = Math.min(this.#titles + 1, MOST_TITLES);
    else if (operation === 23) this.#titles = Math.max(this.#titles - 1, 0);
    else if (WINDOW_REPORTS.has(operation)) this.requests++;
  }

  /** OSC. */
  #command(text: string, isWhole: boolean, isSure: boolean): void {
    if (/(?:^|;)\?/.test(text) || text.includes('Report')) this.requests++;
    const set = isWhole ? `\x1b]${text}\x1b\\` : '';
    if (text === 'R') this.#reset('linux colours', isSure);
    else if (text.startsWith('P')) this.#set('linux colours', text.length === LINUX_COLOUR ? `\x1b]${text}` : '');
    const [, name = '', rest = ''] = /^(\d+)(?:;(.*))?$/s.exec(text) ?? [];
    const number = name === '' ? -1 : Number(name);
    if (number === 4 || number === 5) {
      if (!isWhole) this.#set(`colour ${number}`, '');
      else this.#colours(number, rest);
    } else if (number >= 10 && number <= 19) {
      const values = rest.split(';');
      values.forEach((value, at) => {
        if (value !== '?' && number + at <= 19)
          this.#set(`colour ${number + at}`, isWhole ? `\x1b]${number + at};${value}\x1b\\` : '');
      });
    } else if ((number === 104 || number === 105) && rest === '' && isSure) this.#forget(`colour ${number - 100}`);
    else if (number >= 110 && number <= 119) this.#reset(`colour ${number - 100}`, isSure);
    else if (number === 21) this.#namedColours(rest, isWhole);
    else if (number === 8) this.#setUnless(/^[^;]*;?$/.test(rest) && isWhole, 'link', set, isSure);
    else if (number === 9 && rest.startsWith('4;')) this.#setUnless(rest.startsWith('4;0'), 'progress', set, isSure);
    else if (number === 22) this.#setUnless(rest === '', 'pointer shape', set, isSure);
  }

  #colours(number: number, list: string): void {
    for (const [, index, value] of list.matchAll(/(\d{1,3});([^;]*)/g)) {
      if (value === '?') continue;
      // Resets all colours, however many were set.
      this.#set(`colour ${number}`, '');
      const slot = `colour ${number};${index}`;
      if (this.#slots.size < MOST_COLOURS || this.#slots.has(slot)) {
        this.#set(slot, `\x1b]${number};${index};${value}\x1b\\`);
      }
    }
  }

  /** kitty: `name=value`; a name alone resets that colour. */
  #namedColours(list: string, isWhole: boolean): void {
    for (const [, name = '', value = ''] of list.matchAll(/([a-z_0-9]{1,40})=([^;]*)/g)) {
      const slot = `named colour ${name}`;
      if (value === '?' || (this.#slots.size >= MOST_COLOURS && !this.#slots.has(slot))) continue;
      this.#set(slot, isWhole ? `\x1b]21;${name}=${value}\x1b\\` : '');
    }
  }

  #forget(slot: string): void {
    for (const name of [...this.#slots.keys()])
      if (name === slot || name.startsWith(`${slot};`)) this.#slots.delete(name);
  }

  /** DCS. */
  #deviceControl(text: string, isSure: boolean): void {
    if (text === '=1s' || text === '=2s') this.#setUnless(text === '=2s', 'synchronized', '\x1bP=1s\x1b\\', isSure);
    const [, intermediates = '', final = ''] = /^[0-9;:<=>?]*([ -/]*)([@-~])/.exec(text) ?? [];
    switch (`${intermediates}${final}`) {
      case '$q':
      case '+q':
        this.requests++;
        break;
      case '|':
        this.#set('udk', '');
        break;
      case '$t':
        // DECRSPS: a cursor with its attributes and character sets, or tab stops.
        this.#set('sgr unknown', '');
        for (const slot of ['G0', 'G1', 'G2', 'G3', 'GL', 'tabs']) this.#set(slot, '');
        break;
    }
  }

  /**
   * The control functions that change the terminal from this state to the target. The cursor keeps its position,
   * except after origin mode, whose reset moves it home: then it goes to the last row.
   */
  leadTo(target: TerminalState): string {
    const now = new Map(this.#slots);
    let text = '';
    // xterm's Tektronix window accepts no other control function. Elsewhere CAN aborts the sequence that ESC ETX would
    // begin.
    if (now.has('?38') && !target.#slots.has('?38')) text += '\x1b\x03\x18';
    if (now.has('vt52') && !target.#slots.has('vt52')) {
      text += '\x1b<';
      now.delete('vt52');
      now.set('G0', '');
    }
    text += this.#leadScreens(target, now);
    const gone = [...now.keys()].filter(slot => !target.#slots.has(slot));
    // These reset others, or depend on one that is reset here.
    gone.sort((a, b) => Number(FIRST.includes(b)) - Number(FIRST.includes(a)));
    const hasAttributes = gone.some(slot => slot.startsWith('sgr '));
    if (gone.includes('linux rendition')) text += '\x1b[22;24;25;27;37;40m\x1b[8]';
    if (gone.includes('sgr font')) text += '\x1b[10m';
    if (hasAttributes || gone.includes('linux rendition')) {
      text += '\x1b[m';
      for (const slot of [...now.keys()]) if (slot.startsWith('sgr ')) now.delete(slot);
    }
    text += [...new Set(gone.map(slot => (slot === 'charset' ? this.#ownCharset : resetOf(slot))))].join('');
    if (REGIONS.some(slot => gone.includes(slot))) text += '\x1b7\x1b[r\x1b8';
    if (gone.includes('?6')) text += `\x1b[${this.#size().rows};1H`;
    if (gone.includes('tabs')) text += tabStops(this.#size().columns);
    for (const [slot, value] of target.#slots) {
      if (value === '' || now.get(slot) === value) continue;
      if (slot === REGIONS[target.#screen === MAIN ? ALTERNATE_SCREEN : MAIN]) continue;
      if (slot.startsWith('sgr ')) text += `\x1b[${value}m`;
      else text += slot === REGIONS[target.#screen] ? `\x1b7${value}\x1b8` : value;
    }
    const titles = this.#titles - target.#titles;
    return titles > 0 ? text + '\x1b[23;0t'.repeat(titles) : text;
  }

  /** Changes the screens, and the stack of flags of each. Adds to `now` what is restored with the cursor. */
  #leadScreens(target: TerminalState, now: Map<string, string>): string {
    const here = this.#screen;
    const there = here === MAIN ? ALTERNATE_SCREEN : MAIN;
    let text = this.#stacks[here].leadTo(target.#stacks[here]);
    const other = this.#stacks[there].leadTo(target.#stacks[there]);
    const mode = this.#alternate ?? target.#alternate ?? 1049;
    const [toggle, back] = here === MAIN ? 'hl' : 'lh';
    const isMoving = here !== target.#screen;
    if (isMoving || other !== '') text += `\x1b[?${mode}${toggle}${other}`;
    if (!isMoving && other !== '') text += `\x1b[?${mode}${back}`;
    if (isMoving && here === ALTERNATE_SCREEN && mode === 1049) {
      for (const [slot, value] of this.#cursors[MAIN]) now.set(slot, value);
    }
    return text;
  }
}

const LINUX_COLOUR = 8;
/**
 * The final characters of control sequences without mark and intermediates that change more than the visible text, or
 * request a report.
 */
const CHANGING = 'hlrsuictgnxq]';
const FIRST: readonly string[] = ['conformance', '?3'];

/** Requests for reports by CSI: mark and intermediates, and the final characters. */
const REQUESTS: ReadonlyMap<string, string> = new Map([
  ['', 'nx'],
  ['?', 'nuSmxg'],
  ['>', 'cq'],
  ['=', 'c'],
  ['$', 'puw'],
  ['?$', 'p'],
  ['*', 'y'],
  ['#', 'Ry'],
  ['&', 'u'],
  ['+', 'x'],
  ["'", '|'],
  ['"', 'v'],
]);

/** XTWINOPS that report. */
const WINDOW_REPORTS: ReadonlySet<number> = new Set([11, 13, 14, 15, 16, 18, 19, 20, 21]);

/** SGR: from, to, and the group in which one attribute is active. */
const ATTRIBUTES: readonly (readonly [from: number, to: number, group: string])[] = [
  [1, 1, 'bold'],
  [2, 2, 'dim'],
  [3, 3, 'italic'],
  [4, 4, 'underline'],
  [5, 6, 'blink'],
  [7, 7, 'inverse'],
  [8, 8, 'hidden'],
  [9, 9, 'crossed'],
  [11, 19, 'font'],
  [20, 20, 'italic'],
  [21, 21, 'underline'],
  [26, 26, 'spacing'],
  [30, 38, 'foreground'],
  [40, 48, 'background'],
  [51, 52, 'frame'],
  [53, 53, 'overline'],
  [58, 58, 'underline colour'],
  [60, 64, 'ideogram'],
  [73, 74, 'script'],
  [90, 97, 'foreground'],
  [100, 107, 'background'],
];
const ATTRIBUTES_OFF: ReadonlyMap<number, readonly string[]> = new Map([
  [10, ['font']],
  [22, ['bold', 'dim']],
  [23, ['italic']],
  [24, ['underline']],
  [25, ['blink']],
  [27, ['inverse']],
  [28, ['hidden']],
  [29, ['crossed']],
  [39, ['foreground']],
  [49, ['background']],
  [50, ['spacing']],
  [54, ['frame']],
  [55, ['overline']],
  [59, ['underline colour']],
  [65, ['ideogram']],
  [75, ['script']],
]);

/** The function that resets a slot; `''` if it is reset together with others. */
function resetOf(slot: string): string {
  const mode = /^(\?|ansi )(\d+)$/.exec(slot);
  if (mode !== null) {
    const number = Number(mode[2]);
    if (mode[1] !== '?') return `\x1b[${number}${ANSI_ON.has(number) ? 'h' : 'l'}`;
    return `\x1b[?${number}${MODES_ON.has(number) ? 'h' : 'l'}`;
  }
  const key = /^([>f])(\d)$/.exec(slot);
  if (key !== null) return `\x1b[>${key[2]}${key[1] === '>' ? 'm' : 'f'}`;
  const colour = /^colour (\d+)/.exec(slot);
  if (colour !== null) return `\x1b]${Number(colour[1]) + 100}\x1b\\`;
  const named = /^named colour (.*)/.exec(slot);
  if (named !== null) return `\x1b]21;${named[1]}\x1b\\`;
  const bell = /^linux bell (\d+)/.exec(slot);
  if (bell !== null) return `\x1b[${bell[1]}]`;
  return RESETS.get(slot) ?? '';
}

const RESETS: ReadonlyMap<string, string> = new Map([
  ['GL', '\x0f'],
  ['GR', '\x1b}'],
  ['G0', '\x1b(B'],
  ['G1', '\x1b)B'],
  ['G2', '\x1b*B'],
  ['G3', '\x1b+B'],
  ['keypad', '\x1b>'],
  ['8-bit', '\x1b F'],
  ['guarded', '\x1bW'],
  ['cursor', '\x1b[0 q'],
  ['linux cursor', '\x1b[?0c'],
  ['linux colours', '\x1b]R\x1b\\'],
  ['conformance', '\x1b[64;1"p'],
  ['protected', '\x1b[0"q'],
  ['pointer', '\x1b[>1p'],
  ['pointer shape', '\x1b]22;\x1b\\'],
  ['status', '\x1b[0$}'],
  ['status type', '\x1b[0$~'],
  ['locator', "\x1b[0'z"],
  ['printer', '\x1b[4i'],
  ['?printer', '\x1b[?4i'],
  ['link', '\x1b]8;;\x1b\\'],
  ['lights', '\x1b[0q'],
  ['shift', '\x1b[>0s'],
  ['title modes', '\x1b[>T'],
  ['memory lock', '\x1bm'],
  ['synchronized', '\x1bP=2s\x1b\\'],
  ['progress', '\x1b]9;4;0\x1b\\'],
  ['udk', '\x1bP0;1|\x1b\\'],
]);

/** Sets tab stops at every eighth column, with functions that every terminal has. */
function tabStops(columns: number): string {
  return `\r\x1b[3g${'\x1b[8C\x1bH'.repeat(Math.floor((columns - 1) / 8))}\r`;
}

const DESIGNATED: Readonly<Record<string, string>> = {
  '(': 'G0',
  ')': 'G1',
  '-': 'G1',
  '*': 'G2',
  '.': 'G2',
  '+': 'G3',
  '/': 'G3',
};

/** Parses the parameters as numbers; an omitted one is 0. */
function numbersOf(parameters: string): number[] {
  return parameters.split(';').map(field => Number.parseInt(field, 10) || 0);
}
