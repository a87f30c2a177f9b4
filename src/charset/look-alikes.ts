/**
 * Substitutes for characters that a set lacks: the most similar text that has as many columns as the character. The
 * width matters more than similarity: a program that draws a screen counts columns, and one column too many shifts the
 * rest of the line.
 */
import { columnsOf, columnsOfText } from './width.ts';

/** The substitutes of a character, the most similar one first. A wider one is not used; a narrower one is padded. */
const table = new Map<number, readonly string[]>();

/** Rows of `characters candidate candidate …`: each of the characters has all the candidates. */
function add(rows: string): void {
  for (const row of rows.trim().split('\n')) {
    const [characters = '', ...candidates] = row.trim().split(' ');
    for (const character of characters) table.set(character.codePointAt(0)!, candidates);
  }
}

/** Two texts, letter by letter. */
function pair(characters: string, letters: string): void {
  [...characters].forEach((character, at) => {
    table.set(character.codePointAt(0)!, [letters[at]!]);
  });
}

// Punctuation, signs and letters that have no decomposition.
add(`
  “”„‟″〃 "
  ‘’‚‛′ʼˈ´ '
  ‹ ˂ <
  › ˃ >
  « <
  » >
  ‐‑‒–−⁃˗ -
  —―⸺ – -
  … .
  •∙⋅●⬤ • ∙ · * o
  · ∙ • .
  ◦○◯ ○ o
  ■◼◾▪◙◘ ■ █ #
  □◻◽▫ ■ #
  ▲△▴▵ ▲ ^
  ▼▽▾▿ ▼ v
  ◀◁◂◃◄◅ ◄ <
  ▶▷▸▹►▻ ► >
  ◆◇◈♦ ♦ *
  ♥❤♡ ♥ *
  ♠♤ ♠ *
  ♣♧ ♣ *
  ★☆✦✧✶✱✳⁎∗ ★ *
  ☺☻ @
  ♪♫♩♬ ♪ *
  ✓✔ ✓ √ v
  ✗✘✕✖╳ × x
  × x
  ÷ /
  ± +
  ≤⩽ <
  ≥⩾ >
  ≠ =
  ≈∼≃≅ ≈ ~ -
  ≡ ═ =
  ∞ 8
  √ v
  ∑ Σ E
  ∏ Π
  ∆ Δ
  Ω Ω
  µ μ u
  μ µ u
  ∂ d
  ∫ ⌠ S
  ∅ Ø ø 0
  °˚ ° o
  © c
  ® r
  ™ t
  § S
  ¶ P
  † ‡ +
  ‡ † +
  ¿ ?
  ¡ !
  ¦ |
  ¬ ⌐ -
  ¯ ▔ ⎺ -
  € E
  £ L
  ¥ Y
  ¢ c
  ¤ *
  ‰ %
  ß s
  æ a
  Æ A
  œ o
  Œ O
  ø o
  Ø O
  đð d
  ĐÐ D
  ł l
  Ł L
  ı i
  ŋ n
  Ŋ N
  þ p
  Þ P
  ħ h
  Ħ H
  ŧ t
  Ŧ T
  ƒ f
  ĸ k
  ←⇐⟵⬅↩⇠ ← <
  →⇒⟶➔➜➙➝➞⮕↪⇢➤ → >
  ↑⇑⬆⇡ ↑ ^
  ↓⇓⬇⇣ ↓ v
  ↔⇔ ↔ -
  ↕⇕ ↕ |
  ❯❱⟩〉 >
  ❮❰⟨〈 <
  ⏎↵ <
`);
table.set(0xad, ['-']);
// The private-use symbols that decorate prompts (Powerline).
pair('\ue0a0\ue0b0\ue0b1\ue0b2\ue0b3', 'Y>><<');
// Characters of ASCII, for the sets that do not have all of them.
add(String.raw`
  \ ╲ ▚ /
  ^ ↑ '
  _ ▁ -
  ${'`'} '
  { (
  } )
  | │ !
  ~ -
  $ S
  # H
`);
// Block elements.
add(`
  █▉▊▇▆▅▙▛▜▟▓ █ #
  ▀ ▀ ▘ "
  ▄▃ ▄ #
  ▂ ▁ ⎽ _
  ▁ ▂ ⎽ _
  ▋▌▍ ▌ █ |
  ▎▏ ▏ ▎ ⎸ │ |
  ▐ ▐ █ |
  ▕ ⎹ │ |
  ▔ ⎺ ¯ -
  ▖▗ ▄ .
  ▘▝ ▀ '
  ▚▞ ▒ %
  ▒ ▓ ░ %
  ░ ▒ :
`);
// One letter for one, unlike the usual transliteration, so that every letter keeps its column.
pair('абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґў', "abvgdeezzijklmnoprstufhccss'y'euaiiegu");
pair('АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯІЇЄҐЎ', "ABVGDEEZZIJKLMNOPRSTUFHCCSS'Y'EUAIIEGU");
pair('αβγδεζηθικλνξοπρςστυφχψω', 'abgdezhqiklnxoprsstufcyw');
pair('ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ', 'ABGDEZHQIKLMNXOPRSTUFCYW');

/** Box drawing, U+2500 to U+257F: the light line for each, and the number of characters in a row that it applies to. */
const BOX_RUNS = '─2│2─2│2─2│2┌4┐4└4┘4├8┤8┬8┴8┼16─2│2─1│1┌3┐3└3┘3├3┤3┬3┴3┼3┌1┐1┘1└1╱1╲1╳1─1│1─1│1─1│1─1│1─1│1─1│1';
const BOX_FIRST = 0x2500;
let box = BOX_FIRST;
for (const [, light = '', count] of BOX_RUNS.matchAll(/(.)(\d+)/gu)) {
  const ascii = { '─': '-', '│': '|', '╱': '/', '╲': '\\', '╳': 'X' }[light] ?? '+';
  for (let end = box + Number(count); box < end; box++) {
    // A double line is more like an equals sign than like a hyphen.
    table.set(box, box === 0x2550 ? [light, '='] : [light, ascii]);
  }
}

const BRAILLE_FIRST = 0x2800;
const BRAILLE_LAST = 0x28ff;
const MARKS = /\p{M}+/gu;

/**
 * The substitute for a character that a set lacks.
 *
 * @param has whether the set has a character.
 * @returns a text of characters of the set (`?` and the space must be in it), as wide as the character; empty for
 *   characters without width.
 */
export function lookAlike(codePoint: number, has: (codePoint: number) => boolean): string {
  const columns = columnsOf(codePoint);
  if (columns === 0) return '';
  for (const candidate of candidates(codePoint)) {
    const width = columnsOfText(candidate);
    if (width === 0 || width > columns) continue;
    if ([...candidate].every(character => has(character.codePointAt(0)!)))
      return candidate + ' '.repeat(columns - width);
  }
  return '?'.repeat(columns);
}

function* candidates(codePoint: number): Generator<string> {
  const character = String.fromCodePoint(codePoint);
  yield* table.get(codePoint) ?? [];
  // An accented letter without its accents, one after the other.
  const bare = character.normalize('NFD').replace(MARKS, '');
  yield bare;
  if (bare !== character) for (const next of table.get(bare.codePointAt(0) ?? 0) ?? []) yield next;
  // Variants: of width, of position, of style. Spaces of all kinds are the space.
  const plain = character.normalize('NFKD').replace(MARKS, '');
  yield plain;
  if (/^\p{L}{2,}$/u.test(plain)) yield plain[0]!;
  if (/^\p{Zs}$/u.test(character)) yield ' ';
  if (codePoint >= BRAILLE_FIRST && codePoint <= BRAILLE_LAST) yield codePoint === BRAILLE_FIRST ? ' ' : ':';
}
