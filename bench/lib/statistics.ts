/** The middle one; of an even number the mean of the two in the middle. NaN without values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
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
