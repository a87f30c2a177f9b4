/** The middle one; of an even number the mean of the two in the middle. NaN without values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/**
 * The 95 % interval of the median, from the order of the values alone: the narrowest pair of values, equally far from
 * both ends, that encloses the median of the distribution with that probability. Undefined with fewer than six values:
 * not even the smallest and the greatest enclose it so surely.
 */
export function medianInterval(values: readonly number[]): readonly [number, number] | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const count = sorted.length;
  // The probability that at most k of the values are below the median: a binomial distribution with p = 1/2.
  let chance = 0.5 ** count;
  let below = chance;
  let index = -1;
  for (let k = 0; k < count / 2 && below <= 0.025; k++) {
    index = k;
    chance *= (count - k) / (k + 1);
    below += chance;
  }
  return index < 0 ? undefined : [sorted[index]!, sorted[count - 1 - index]!];
}

/** A number as it is shown: three digits that count. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 10_000) return Math.round(value).toLocaleString('en-US');
  const text = value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
  if (!/^-?0\.00$/.test(text)) return text;
  return value === 0 ? '0' : '<0.01';
}

/** A Markdown table with its columns aligned. */
export function markdownTable(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, column) => Math.max(3, ...lines.map(line => line[column]!.length)));
  const text = lines.map(line => `| ${line.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`);
  text.splice(1, 0, `| ${widths.map(width => '-'.repeat(width)).join(' | ')} |`);
  return text.join('\n');
}
