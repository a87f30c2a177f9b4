/** The keys of a player and of a list, wherever they come from: a terminal, or a browser. */

/** A printable character, or the name of another key. */
export type Key =
  | { readonly character: string }
  | 'up'
  | 'down'
  | 'right'
  | 'left'
  | 'home'
  | 'end'
  | 'page-up'
  | 'page-down'
  | 'enter'
  | 'backspace'
  | 'interrupt'
  | 'suspend'
  | 'quit';
