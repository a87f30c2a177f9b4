/** What is asked of every peer. The order is that of the table. */
export const ROWS = {
  connects: 'connects, detects the end',
  types: 'input',
  size: 'window size',
  terminal: 'terminal type',
  environment: 'environment',
  password: 'echo off at a password',
  resize: 'resize',
  binary: 'bytes 0–255 both ways',
  interrupt: 'interrupt',
  line: 'line mode',
  charset: 'character set',
  tls: 'TLS',
} as const;

export type Row = keyof typeof ROWS;

/** What one peer makes of one row. */
export type Cell =
  /** It works, which `check` shows; `note` says what has to be known about it. */
  | { readonly kind: 'yes'; readonly check: () => Promise<void>; readonly note?: string }
  /** The peer cannot do it, for the reason in `note`; `check`, if there is one, shows what happens instead. */
  | { readonly kind: 'no'; readonly check?: () => Promise<void>; readonly note: string }
  /** It makes no sense to ask, for the reason in `note`. */
  | { readonly kind: 'n/a'; readonly note: string };

export function yes(check: () => Promise<void>, note?: string): Cell {
  return note === undefined ? { kind: 'yes', check } : { kind: 'yes', check, note };
}

export function no(note: string, check?: () => Promise<void>): Cell {
  return check === undefined ? { kind: 'no', note } : { kind: 'no', note, check };
}

export function notApplicable(note: string): Cell {
  return { kind: 'n/a', note };
}

/** A program at the other end, and what it makes of every row. */
export interface Peer {
  readonly name: string;
  /** Where it comes from, for the table: a Debian package, an npm package. */
  readonly source: string;
  readonly cells: Readonly<Record<Row, Cell>>;
}
