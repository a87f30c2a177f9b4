/**
 * Pagers of devices: they stop after each page, show what they wait for (`--More--`), and remove that text after a key.
 *
 * Each device removes it differently: with backspaces and blanks, a return and blanks, or cursor movements. So the
 * removal is not matched but followed: it ends when the row is the same again as before the pager's text was shown.
 */
import { LINE_CONTROL, render } from './prompts.ts';

/** The text of pagers, as a user sees it. */
const PAGERS = [
  // IOS, VRP, Junos, ASA, Comware: ` --More-- `, `  ---- More ----`, `---(more 54%)---`, `<--- More --->`,
  // `-- MORE --, next page: Space`
  /^\s*<?-{2,}\s*\(?\s*more\b.{0,120}$/i,
  // Cisco's Small Business switches, Dell: `More: <space>,  Quit: q, One line: <return>`
  /^\s*more: ?<space>.{0,120}$/i,
  // ProCurve, ZyXEL, TP-Link: `Press any key to continue (Q to quit)`
  /^[^\n]{0,40}\bpress (?:any|a|the|<?space>?|<?enter>?|<?return>?)\b[^\n]{0,80}$/i,
  /\bto continue\b[^\n]{0,20}\bto (?:quit|stop|break|abort)\b[^\n]{0,20}$/i,
  // D-Link
  /\bq quit space n next page\b/i,
];
/** At the end of its input, less shows this and stops until it is quit. */
const END = /^(?:\(END\)|.{0,80}\(END\)) *$/;
/** Pagers that expect the Return key. */
const RETURN = /\b(?:press|type|hit) (?:the )?<?(?:return|enter|cr)\b/i;

/** Recognizes the pager of one command. */
export class Pager {
  readonly #given: RegExp | undefined;
  /** The texts it has shown, without their numbers. */
  #seen = new Set<string>();
  readonly #shown: { readonly start: number; readonly end: number }[] = [];

  /** @param given the text of the pager; `true` stands for the pagers of many devices. */
  constructor(given: true | RegExp) {
    this.#given = given === true ? undefined : new RegExp(given.source, given.flags.replace(/[gy]/g, ''));
  }

  /**
   * Returns the key that shows the next page, if a pager waits at the end of a text.
   *
   * @param line the last line, as received.
   */
  keyFor(line: string): { readonly key: string; readonly isKnown: boolean } | undefined {
    const { text, cursor } = render(line);
    const shown = text.slice(0, Math.max(cursor, text.trimEnd().length));
    if (shown.trim() === '') return undefined;
    const isKnown = this.#seen.has(withoutNumbers(shown));
    if (this.#given !== undefined) return this.#given.test(shown) ? { key: ' ', isKnown } : undefined;
    if (END.test(shown)) return { key: 'q', isKnown };
    if (!PAGERS.some(pager => pager.test(shown))) return undefined;
    return { key: RETURN.test(shown) ? '\r' : ' ', isKnown };
  }

  /** The key was sent. @param start position of the pager's line in the text. @param line that line, as received. */
  answered(start: number, line: string): void {
    this.#seen.add(withoutNumbers(render(line).text));
    this.#shown.push({ start, end: start + line.length });
  }

  /** The position in the text after the last page that was requested. */
  get answeredUntil(): number {
    return this.#shown.at(-1)?.end ?? 0;
  }

  /**
   * A text without that of the pager, and without the characters that remove it. @param from its position in all
   * received text.
   */
  remove(text: string, from: number): string {
    const kept: string[] = [];
    let at = 0;
    for (const shown of this.#shown) {
      const start = shown.start - from;
      const end = shown.end - from;
      if (start < at || end > text.length) continue;
      kept.push(text.slice(at, start));
      at = end + removalLength(text.slice(start, end), text.slice(end, end + LONGEST_REMOVAL));
    }
    kept.push(text.slice(at));
    return kept.join('');
  }
}

const withoutNumbers = (text: string) => text.replace(/\d+/g, '0').trim();

/** The maximum length of the characters that remove a pager's line. */
const LONGEST_REMOVAL = 1_024;

/**
 * Returns the length of the part of `rest` that removes a line. It ends where the row is blank again and the cursor is
 * at its beginning. If that never happens, up to the last control character before something is printed over the row.
 */
export function removalLength(line: string, rest: string): number {
  // Some devices only start a new line.
  const lineEnd = /^\r*\n/.exec(rest);
  if (lineEnd !== null) return lineEnd[0].length;
  let controlEnd = 0;
  for (let at = 0; at < rest.length; ) {
    LINE_CONTROL.lastIndex = at;
    const control = LINE_CONTROL.exec(rest)?.[0];
    if (control === undefined && rest[at] !== ' ') break;
    at += control?.length ?? 1;
    if (control !== undefined) controlEnd = at;
    const { text, cursor } = render(line + rest.slice(0, at));
    if (text.trim() === '' && cursor === 0) {
      // `\x1b[K` may follow even if nothing is left to erase.
      return at + (/^(?: \x08|\x1b\[\d*[Km])+/.exec(rest.slice(at))?.[0].length ?? 0);
    }
  }
  return controlEnd;
}
