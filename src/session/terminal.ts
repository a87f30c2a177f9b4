import { canonicalCharset, charsetOfLocale } from '../charset/index.ts';
import type { Speed, TelnetEvent } from '../protocol/index.ts';

/** Limits of the environment that is kept for one client: it may send any number of variables. */
const MAX_VARIABLES = 256;
const MAX_CHARACTERS = 32 * 1024;

const NO_TYPES: readonly string[] = Object.freeze([]);
const NO_VARIABLES: ReadonlyMap<string, string> = new Map();

/** The variables that a client is asked for by default: those that decide how text is displayed. */
export const USUAL_VARIABLES: readonly string[] = [
  ...['LANG', 'LC_ALL', 'LC_CTYPE', 'LC_COLLATE', 'LC_MESSAGES', 'LC_MONETARY', 'LC_NUMERIC', 'LC_TIME'],
  ...['COLORTERM', 'DISPLAY', 'TZ'],
];

/** The families of terminals in use, by the beginnings of their names. */
const FAMILIES = [
  'ansi|xterm|vt\\d|vtnt|linux|screen|tmux|rxvt|putty|konsole|gnome|kitty|alacritty|foot|ghostty|wezterm|iterm|st$|st-',
  'eterm|aixterm|dtterm|hpterm|nsterm|mlterm|cygwin|mintty|teraterm|syncterm|pcansi|scoansi|cons25|wsvt|sun|wyse|wy\\d',
  'tvi|ibm|dec-|hp|adm|minitel|petscii|c64|atascii|atari|dumb|unknown|network',
];
const FAMILY = new RegExp(`^(${FAMILIES.join('|')})`, 'i');

/** Whether a name begins like that of a terminal: MUD clients send their own name first (MTTS). */
export function isTerminalFamily(name: string): boolean {
  return FAMILY.test(name);
}

/** The size for a client that does not send one. */
export const DEFAULT_COLUMNS = 80;
export const DEFAULT_ROWS = 24;

/**
 * The largest size passed on, in cells. A curses program keeps several bytes for every cell, so the largest size in
 * NAWS, 65535 × 65535, would make it allocate tens of gigabytes. No real screen comes near this limit.
 */
export const MAX_CELLS = 4096;

/** Converts a dimension of NAWS (0 means unknown, RFC 1073) to that of a terminal. */
export function dimension(reported: number | undefined, fallback: number): number {
  return reported === undefined || reported === 0 ? fallback : Math.min(reported, MAX_CELLS);
}

/**
 * The facts that a client has reported about itself: its terminal, its window, its environment, its character set. Each
 * fact is stored as received, and only here. Nothing is validated or made safe for a program yet;
 * `shells/environment/environment.ts` does that for programs, `shells/output/escape.ts` for logs.
 */
export class Terminal {
  /** The names the client sent by TTYPE, in its own order, without repeats and without MTTS (RFC 1091). */
  types = NO_TYPES;
  /** Whether the client has sent all its names. */
  typesComplete = false;
  /** The capability bits of a MUD client (MTTS), if it reported them. */
  mtts: number | undefined;
  /**
   * The window's width in characters; `undefined` until reported, 0 if the client itself does not know it (RFC 1073).
   */
  columns: number | undefined;
  /** The window's height in lines, with the same special values. */
  rows: number | undefined;
  /** The character set agreed by CHARSET, under the name in which it was agreed (RFC 2066). */
  charset: string | undefined;
  /** The speed of the client's terminal in bits per second, if reported (RFC 1079). */
  speed: Speed | undefined;
  /** The location of the client's X display, `host:display.screen` as received, if reported (RFC 1096). */
  display: string | undefined;
  /** The location of the user, as text for people, if reported (RFC 779). */
  location: string | undefined;
  /** Created when the client sends variables, which most clients do not. */
  #environ: Map<string, string> | undefined;
  #characters = 0;

  /** The variables the client sent by NEW-ENVIRON or ENVIRON, VAR and USERVAR alike (RFC 1572). */
  get environ(): ReadonlyMap<string, string> {
    return this.#environ ?? NO_VARIABLES;
  }

  /**
   * The name of the client's terminal: the first one, which is the one it prefers. Only MUD clients send the name of
   * the client first and that of the terminal second. They are recognized by MTTS, or by the two names themselves.
   */
  get type(): string | undefined {
    const [first, second] = this.types;
    if (first === undefined || second === undefined) return first;
    const clientFirst = this.mtts !== undefined || (!isTerminalFamily(first) && isTerminalFamily(second));
    return clientFirst ? second : first;
  }

  /**
   * The canonical name of the other end's character set: the one agreed by CHARSET (RFC 2066), else that of its locale,
   * else `fallback`.
   */
  encoding(fallback: string): string {
    return this.namedEncoding ?? fallback;
  }

  /** @internal The same; `undefined` if neither names a set. */
  get namedEncoding(): string | undefined {
    const agreed = this.charset === undefined ? undefined : canonicalCharset(this.charset);
    if (agreed !== undefined) return agreed;
    // The first variable that is set decides (POSIX, 8.2), even if it does not name a set.
    const locale = ['LC_ALL', 'LC_CTYPE', 'LANG'].map(name => this.environ.get(name)).find(Boolean);
    return charsetOfLocale(locale ?? '');
  }

  #setVariable(name: string, value: string | undefined): void {
    this.#environ ??= new Map();
    const known = this.#environ.get(name);
    if (known !== undefined) this.#characters -= name.length + known.length;
    this.#environ.delete(name);
    if (value === undefined || this.#environ.size >= MAX_VARIABLES) return;
    if (this.#characters + name.length + value.length > MAX_CHARACTERS) return;
    this.#characters += name.length + value.length;
    this.#environ.set(name, value);
  }

  /** Stores the fact that an event carries, if any. Returns whether it did. */
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
          this.#setVariable(name, value);
        }
        return true;
      default:
        return false;
    }
  }
}
