/**
 * The columns that text takes on a terminal.
 *
 * Terminals agree on single characters: those that Unicode's East Asian Width calls wide (W, F) take two columns, marks
 * and format characters none, all others one. That is wcwidth(3), by which programs count. Ambiguous ones (A) take one.
 *
 * Terminals do not agree on emoji that are made of several characters. Older ones (xterm, VTE, PuTTY, the Linux
 * console) add up the characters; newer ones (kitty, Ghostty, WezTerm, foot, iTerm2, Windows Terminal, all with mode
 * 2027) show one emoji of two columns, as UTS 51 requires. {@link columnsOfText} does the latter, because such emoji
 * are typed on those terminals. All other clusters take the sum of their characters on both kinds.
 */
import { eastAsianWidth } from 'get-east-asian-width';

/**
 * Characters without width: marks on the character before, format characters, and the vowels and final consonants of
 * Hangul, which join the consonant before them.
 */
const NO_WIDTH =
  /^[\p{Mn}\p{Me}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u1160-\u11ff\ud7b0-\ud7c6\ud7cb-\ud7fb]$/u;
/**
 * Exceptions, which have a width: the soft hyphen, the fillers of Hangul (as wide as a letter), and signs of Arabic and
 * related scripts that enclose the following numbers (Prepended_Concatenation_Mark).
 */
const SHOWN = /^[\u00ad\u115f\u3164\uffa0\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]$/u;

/** The columns of a terminal that a code point takes: 0 for controls and combining marks, 1, or 2. */
export function columnsOf(codePoint: number): 0 | 1 | 2 {
  if (codePoint >= 0x20 && codePoint < 0x7f) return 1;
  if (codePoint < 0xa0) return 0;
  // Up to the combining marks; and lines, blocks and shapes except the last two, which are emoji.
  if (codePoint < 0x300 || (codePoint >= 0x2500 && codePoint < 0x25fd)) return 1;
  const character = String.fromCodePoint(codePoint);
  if (NO_WIDTH.test(character) && !SHOWN.test(character)) return 0;
  return eastAsianWidth(codePoint);
}

let segmenter: Intl.Segmenter | undefined;

/** Made at first use: it takes 10 ms, 4 % of the start of a server. */
function segmentsOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return segmenter.segment(text);
}

/** In text without these, the width of each cluster is the sum of its characters. */
const JOINERS = /[\u200d\ufe0f\u{1f3fb}-\u{1f3ff}]/u;
/** Emoji of several characters (UTS 51): with the selector for emoji style, with a skin tone, or joined. */
const EMOJI_SEQUENCE =
  /^(?:\p{Emoji}\ufe0f|\p{Emoji_Modifier_Base}\p{Emoji_Modifier}|\p{Extended_Pictographic}[\p{Mn}\p{Me}\p{Emoji_Modifier}]*\u200d\p{Extended_Pictographic})/u;

/** The columns of a text without control characters. */
export function columnsOfText(text: string): number {
  if (!JOINERS.test(text)) return sumOfColumns(text);
  let columns = 0;
  for (const { segment } of segmentsOf(text)) {
    columns += EMOJI_SEQUENCE.test(segment) ? 2 : sumOfColumns(segment);
  }
  return columns;
}

function sumOfColumns(text: string): number {
  let columns = 0;
  for (const character of text) columns += columnsOf(character.codePointAt(0)!);
  return columns;
}

/** The longest cluster, in UTF-16 units: thousands of marks in a row make several clusters. */
const MAX_CLUSTER = 64;

/** Whether a character belongs to the cluster before it, a user-perceived character (UAX 29). */
export function joinsCluster(cluster: string, character: string): boolean {
  if (character.codePointAt(0)! < 0x300 || cluster.length >= MAX_CLUSTER) return false;
  const [first] = segmentsOf(cluster + character);
  return first!.segment.length > cluster.length;
}
