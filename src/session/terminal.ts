import { canonicalCharset, charsetOfLocale } from '../charset/index.ts';
import type { Speed, TelnetEvent } from '../protocol/index.ts';

/** What is kept of one client's environment: it may send as much as it likes, we need not remember it. */
const MAX_VARIABLES = 256;
const MAX_CHARACTERS = 32 * 1024;

const NO_TYPES: readonly string[] = Object.freeze([]);
const NO_VARIABLES: ReadonlyMap<string, string> = new Map();

/** What a client is asked for unless told otherwise: the variables that say how things are to be shown. */
export const USUAL_VARIABLES: readonly string[] = [
  ...['LANG', 'LC_ALL', 'LC_CTYPE', 'LC_COLLATE', 'LC_MESSAGES', 'LC_MONETARY', 'LC_NUMERIC', 'LC_TIME'],
  ...['COLORTERM', 'DISPLAY', 'TZ'],
];

/** The families of terminals that people use, by the beginnings of their names. */
const FAMILIES = [
  'ansi|xterm|vt\\d|vtnt|linux|screen|tmux|rxvt|putty|konsole|gnome|kitty|alacritty|foot|ghostty|wezterm|iterm|st$|st-',
  'eterm|aixterm|dtterm|hpterm|nsterm|mlterm|cygwin|mintty|teraterm|syncterm|pcansi|scoansi|cons25|wsvt|sun|wyse|wy\\d',
  'tvi|ibm|dec-|hp|adm|minitel|petscii|c64|atascii|atari|dumb|unknown|network',
];
const FAMILY = new RegExp(`^(${FAMILIES.join('|')})`, 'i');

/** Whether a name is a terminal's by the look of it: MUD clients give their own name first (MTTS). */
export function isTerminalFamily(name: string): boolean {
  return FAMILY.test(name);
}

/**
 * What a client has told about itself: its terminal, its window, its environment, its character set. Each fact is
 * stored as it was said and only here; nothing is checked or made safe for a program yet (`shells/environment/environment.ts` does
 * that for programs, `shells/output/escape.ts` for logs).
 */
export class Terminal {
  /** The names the client gave by TTYPE, in its own order, without repeats and without MTTS (RFC 1091). */
  types = NO_TYPES;
  /** Whether the client has no further name to give. */
  typesComplete = false;
  /** The capability bits of a MUD client (MTTS), where it told them. */
  mtts: number | undefined;
  /** The window's width in characters; `undefined` until told, 0 where the client itself does not know (RFC 1073). */
  columns: number | undefined;
  /** The window's height in lines, likewise. */
  rows: number | undefined;
  /** The character set agreed by CHARSET, under the name in which it was agreed (RFC 2066). */
  charset: string | undefined;
  /** The speed of the client's terminal in bits a second, where it told one (RFC 1079). */
  speed: Speed | undefined;
  /** Where the client's X display is, `host:display.screen` as it said, where it told one (RFC 1096). */
  display: string | undefined;
  /** Where the user is, in words for people, where the client told it (RFC 779). */
  location: string | undefined;
  /** Made for those who send variables, which most clients do not. */
  #environ: Map<string, string> | undefined;
  #characters = 0;

  /** The variables the client sent by NEW-ENVIRON or ENVIRON, VAR and USERVAR alike (RFC 1572). */
  get environ(): ReadonlyMap<string, string> {
    return this.#environ ?? NO_VARIABLES;
  }

  /**
   * The name of the client's terminal: the first, which it likes best. Only MUD clients give the name of the client first
   * and the terminal second; they show by speaking MTTS, or by the two names themselves.
   */
  get type(): string | undefined {
    const [first, second] = this.types;
    if (first === undefined || second === undefined) return first;
    const clientFirst = this.mtts !== undefined || (!isTerminalFamily(first) && isTerminalFamily(second));
    return clientFirst ? second : first;
  }

  /**
   * The character set of the other end, canonical: what it agreed to by CHARSET (RFC 2066), else what its locale says, else
   * `fallback`.
   */
  encoding(fallback: string): string {
    return this.namedEncoding ?? fallback;
  }

  /** @internal The same; `undefined` where neither names one. */
  get namedEncoding(): string | undefined {
    const agreed = this.charset === undefined ? undefined : canonicalCharset(this.charset);
    if (agreed !== undefined) return agreed;
    // The first that is set decides (POSIX, 8.2), also where it names no set.
    const locale = ['LC_ALL', 'LC_CTYPE', 'LANG'].map(name => this.environ.get(name)).find(Boolean);
    return charsetOfLocale(locale ?? '');
  }

  #remember(name: string, value: string | undefined): void {
    this.#environ ??= new Map();
    const known = this.#environ.get(name);
    if (known !== undefined) this.#characters -= name.length + known.length;
    this.#environ.delete(name);
    if (value === undefined || this.#environ.size >= MAX_VARIABLES) return;
    if (this.#characters + name.length + value.length > MAX_CHARACTERS) return;
    this.#characters += name.length + value.length;
    this.#environ.set(name, value);
  }

  /** Takes down the fact an event carries, if it carries one. Returns whether it did. */
  record(event: TelnetEvent): boolean {
    switch (event.type) {
      case 'terminal-type':
        this.types = event.names;
        this.typesComplete = event.complete;
        this.mtts = event.mtts ?? this.mtts;
        return true;
      case 'window-size':
        this.columns = event.columns;
        this.rows = event.rows;
        return true;
      case 'charset':
        this.charset = event.charset ?? this.charset;
        return true;
      case 'terminal-speed':
        this.speed = { transmit: event.transmit, receive: event.receive };
        return true;
      case 'x-display-location':
        this.display = event.display;
        return true;
      case 'location':
        this.location = event.location;
        return true;
      case 'environment':
        for (const { name, value } of event.variables) {
          this.#remember(name, value);
        }
        return true;
      default:
        return false;
    }
  }
}
