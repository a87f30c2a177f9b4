/** The last line of received text, as errors show it. */

/** The maximum length of a line in an error, in characters. */
const SHOWN = 80;
/** The number of sent lines that are remembered: they may be passwords, and the other end may echo them. */
const REMEMBERED = 8;
/** Lines shorter than this are masked only as separate words. */
const SHORT = 4;
const MASK = '***';

/** The most recently sent lines, which errors do not repeat. */
export class SentLines {
  readonly #lines: string[] = [];

  add(text: string): void {
    for (const line of text.split(/\r?\n/)) {
      const trimmed = line.trim();
      if (trimmed === '' || this.#lines.includes(trimmed)) continue;
      this.#lines.push(trimmed);
      if (this.#lines.length > REMEMBERED) this.#lines.shift();
    }
  }

  /**
   * The last line of a text that is not blank, formatted for an error: quoted, control characters escaped, long lines
   * cut.
   */
  describeLast(text: string): string {
    const longest = this.#lines.reduce((most, { length }) => Math.max(most, length), 0);
    // Longer than what is shown, so that the cut cannot remove the beginning of a line that must be masked.
    const line = text
      .trimEnd()
      .slice(-2 * (SHOWN + longest))
      .split(/[\r\n]*\n[\r\n]*/)
      .at(-1)!;
    const end = line === '' ? '' : line + text.slice(text.trimEnd().length).replace(/[\r\n].*$/s, '');
    if (end === '') return 'nothing was received';
    const masked = this.#mask(end);
    const cut = masked.length > SHOWN ? `…${masked.slice(-SHOWN)}` : masked;
    return `the last line received is ${quoted(cut)}`;
  }

  #mask(line: string): string {
    let masked = line;
    for (const sent of [...this.#lines].sort((one, other) => other.length - one.length)) {
      masked = masked.replace(maskPattern(sent), MASK);
      // An echo of which only the beginning has arrived.
      for (let { length } = sent; length > 1; length--) {
        if (!masked.endsWith(sent.slice(0, length))) continue;
        masked = masked.slice(0, -length) + MASK;
        break;
      }
      // An echo that an editor has wrapped or coloured.
      if (sent.length >= SHORT && bare(masked).includes(bare(sent))) return MASK;
    }
    return masked;
  }
}

function maskPattern(sent: string): RegExp {
  const literal = sent.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  return new RegExp(sent.length < SHORT ? `(?<![\\p{L}\\p{N}])${literal}(?![\\p{L}\\p{N}])` : literal, 'gu');
}

/** A line without blanks, control characters and control sequences. */
const bare = (line: string) => line.replace(/\x1b\[[0-?]*[ -/]*[@-~]|[\s\p{C}]/gu, '');

/** A text in quotes, with control characters and invisible characters escaped. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    character => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  );
}
