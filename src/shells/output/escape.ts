/**
 * Untrusted text, escaped for a log line or a terminal.
 */

/**
 * Characters that are never printed as they are: controls (C0, DEL, C1), lone surrogates, private and unassigned
 * characters, line and paragraph separators, and format characters. Of these, the bidirectional ones reorder a whole
 * line, and the zero-width ones hide.
 */
const UNFIT = /[\p{C}\p{Zl}\p{Zp}]/u;

function escapeCharacter(character: string): string {
  // Doubled, so that `\x1b` in a log always means the character and never four typed ones.
  if (character === '\\') return '\\\\';
  // Log lines put untrusted text in quotes.
  if (character === '"') return '\\"';
  if (!UNFIT.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/**
 * Makes any string safe to print on one line. Characters that could move the cursor, break the line, reorder or hide
 * text become `\xNN` or `\u{…}`, and a backslash is doubled. A result longer than `max` characters is truncated, never
 * inside an escape, and ends in `…`.
 */
export function escapeText(text: string, max = 100): string {
  let escaped = '';
  // The loop stops at the limit, so a megabyte from a client costs as much as one line.
  for (const character of text) {
    const piece = escapeCharacter(character);
    if (escaped.length + piece.length > max) return `${escaped}…`;
    escaped += piece;
  }
  return escaped;
}
