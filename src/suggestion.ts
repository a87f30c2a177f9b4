/** "Did you mean": finds the word that was probably meant. */

/**
 * The candidate nearest to `word`, if their distance is at most 2 or a third of its length. Letter case, and `_` for
 * `-`, do not count, and `idleTimeout` is `idle-timeout`.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  // A long word costs time in proportion to its length, and resembles nothing.
  if (word.length > 64) return undefined;
  const plain = normal(word);
  let best: string | undefined;
  // A word that differs in every letter does not resemble anything.
  let bound = Math.min(Math.max(2, Math.floor(plain.length / 3)), plain.length - 1);
  for (const candidate of candidates) {
    const found = distance(plain, normal(candidate));
    if (found > bound) continue;
    if (best !== undefined && found === bound) continue;
    best = candidate;
    bound = found;
  }
  return best;
}

const normal = (word: string) =>
  word
    .replace(/(?<=[a-z])[A-Z]/g, '-$&')
    .toLowerCase()
    .replaceAll('_', '-');

/**
 * Damerau-Levenshtein distance, in the form that edits no substring twice: the number of letters to insert, delete,
 * replace, or exchange with their neighbour.
 */
export function distance(a: string, b: string): number {
  let older: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1;
      let least = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + cost);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        least = Math.min(least, older[column - 2]! + 1);
      }
      current.push(least);
    }
    older = previous;
    previous = current;
  }
  return previous[b.length]!;
}
