/** The features that are tested with every peer, in the order of the table. */
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

/** The result of one row for one peer. */
export type Cell =
  /** It works, as `check` shows; `note` is a condition for that. */
  | { readonly kind: 'yes'; readonly check: () => Promise<void>; readonly note?: string }
  /** The peer does not support it, for the reason in `note`; an optional `check` shows what happens instead. */
  | { readonly kind: 'no'; readonly check?: () => Promise<void>; readonly note: string }
  /** Does not apply, for the reason in `note`. */
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

/** A program at the other end, with its result in every row. */
export interface Peer {
  readonly name: string;
  /** Its origin, for the table: a Debian package, an npm package. */
  readonly source: string;
  readonly cells: Readonly<Record<Row, Cell>>;
}
