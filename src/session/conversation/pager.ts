/**
 * Pagers of devices: they stop after each page, show what they wait for (`--More--`), and remove it again after a key.
 *
 * Each device removes it in another way (backspaces and blanks, a return and blanks, cursor movements), so the removal is not
 * matched but followed: it ends where the row is again what it was before the pager's text was shown.
 */
import { LINE_CONTROL, render } from './prompts.ts';

/** What a pager shows, with what a person reads of it. */
const PAGERS = [
  // IOS, VRP, Junos, ASA, Comware: ` --More-- `, `  ---- More ----`, `---(more 54%)---`, `<--- More --->`, `-- MORE --, next page: Space`
  /^\s*<?-{2,}\s*\(?\s*more\b.{0,120}$/i,
  // Cisco's Small Business switches, Dell: `More: <space>,  Quit: q, One line: <return>`
  /^\s*more: ?<space>.{0,120}$/i,
  // ProCurve, ZyXEL, TP-Link: `Press any key to continue (Q to quit)`
  /^[^\n]{0,40}\bpress (?:any|a|the|<?space>?|<?enter>?|<?return>?)\b[^\n]{0,80}$/i,
  /\bto continue\b[^\n]{0,20}\bto (?:quit|stop|break|abort)\b[^\n]{0,20}$/i,
  // D-Link
  /\bq quit space n next page\b/i,
];
/** At the end of what it shows, less stops until it is quit. */
const END = /^(?:\(END\)|.{0,80}\(END\)) *$/;
/** Pagers that want the Return key. */
const RETURN = /\b(?:press|type|hit) (?:the )?<?(?:return|enter|cr)\b/i;

/** Finds the pager of one command. */
export class Pager {
  readonly #given: RegExp | undefined;
  /** What it has shown, without its numbers. */
  #seen = new Set<string>();
  readonly #shown: { readonly start: number; readonly end: number }[] = [];

  /** @param given what the pager shows; without it, that of many devices. */
  constructor(given: true | RegExp) {
    this.#given = given === true ? undefined : new RegExp(given.source, given.flags.replace(/[gy]/g, ''));
  }

  /**
   * Returns the key that shows the next page, if a pager waits at the end of a text.
   *
   * @param line the last line, as it came.
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

  /** Its key was sent. @param start where in the text its line begins. @param line that line, as it came. */
  answered(start: number, line: string): void {
    this.#seen.add(withoutNumbers(render(line).text));
    this.#shown.push({ start, end: start + line.length });
  }

  /** Where the text continues behind the last page that was asked for. */
  get answeredUntil(): number {
    return this.#shown.at(-1)?.end ?? 0;
  }

  /** A text without what the pager has shown, and without what removes that. @param from where in all that came it begins. */
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

/** Nothing that removes a pager's line is longer, in characters. */
const LONGEST_REMOVAL = 1_024;

/**
 * Returns how much of `rest` removes a line: up to where the row is blank again and the cursor at its beginning. If it never is, up
 * to the last control character before something is printed over the row.
 */
export function removalLength(line: string, rest: string): number {
  // A device that only starts a new line.
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
      // `\x1b[K` may follow where nothing is left to erase.
      return at + (/^(?: \x08|\x1b\[\d*[Km])+/.exec(rest.slice(at))?.[0].length ?? 0);
    }
  }
  return controlEnd;
}
