/** The keys of the page itself; every other key belongs to the program. */
import { isMac } from './elements.ts';

export type ShortcutName = 'copy' | 'search' | 'save' | 'menu';

interface Shortcut {
  readonly key: string;
  /** As people write it: elsewhere, and on a Mac. */
  readonly text: readonly [other: string, mac: string];
}

/**
 * With Ctrl and Shift, which terminals cannot send; on a Mac also with Command, except for the menu: Command and Space
 * belong to the system. Copying with Command needs no shortcut: the browser does it.
 */
const SHORTCUTS: Readonly<Record<ShortcutName, Shortcut>> = {
  copy: { key: 'c', text: ['Ctrl+Shift+C', '⌘C'] },
  search: { key: 'f', text: ['Ctrl+Shift+F', '⌘F'] },
  save: { key: 's', text: ['Ctrl+Shift+S', '⌘S'] },
  menu: { key: ' ', text: ['Ctrl+Shift+Space', '⌃⇧Space'] },
};

/** Runs actions at their keys, wherever the focus is. */
export class Shortcuts {
  constructor(actions: Readonly<Record<ShortcutName, () => void>>) {
    addEventListener(
      'keydown',
      event => {
        if (document.querySelector('dialog[open]') !== null) return;
        // The browser pastes. The terminal must not take the key for ^V.
        if (isShifted(event) && keyOf(event) === 'v') {
          event.stopPropagation();
          return;
        }
        const name = nameOf(event);
        if (name === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        if (!event.repeat) actions[name]();
      },
      { capture: true },
    );
  }

  /** The keys of an action, for people. */
  keys(name: ShortcutName): string {
    return SHORTCUTS[name].text[isMac ? 1 : 0];
  }
}

function nameOf(event: KeyboardEvent): ShortcutName | undefined {
  const key = keyOf(event);
  const names = Object.keys(SHORTCUTS) as ShortcutName[];
  const name = names.find(each => SHORTCUTS[each].key === key);
  if (name === undefined) return undefined;
  if (isShifted(event)) return name;
  const isCommand = isMac && event.metaKey && !event.ctrlKey && !event.altKey && !event.shiftKey;
  return isCommand && (name === 'search' || name === 'save') ? name : undefined;
}

const isShifted = ({ ctrlKey, shiftKey, altKey, metaKey }: KeyboardEvent) => ctrlKey && shiftKey && !altKey && !metaKey;

/** The key as a Latin letter, where the keyboard has others. */
function keyOf({ key, code }: KeyboardEvent): string {
  if (/^[a-z ]$/i.test(key)) return key.toLowerCase();
  return /^Key[A-Z]$/.test(code) ? code.slice(3).toLowerCase() : code === 'Space' ? ' ' : key;
}
