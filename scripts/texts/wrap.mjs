/**
 * Wraps comments that are longer than the column limit: `node scripts/texts/wrap.mjs [PATH…]`, without paths in all
 * code.
 *
 * Only paragraphs with a line over the limit change. Lists, tables, code blocks and tags keep their lines apart, and a
 * comment after code on the same line is left alone.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const LIMIT = 120;

/** Lines that begin a paragraph of their own: list items, tags, table rows, fences. */
const STARTS = /^(?:[-*] |\d+\. |@\w|\||```)/;

/** Wraps words to a width. The first line begins with `first`, the others with `next`. */
function fill(words, first, next) {
  const lines = [];
  let line = first;
  let isEmpty = true;
  for (const word of words) {
    if (!isEmpty && line.length + 1 + word.length > LIMIT) {
      lines.push(line);
      line = next;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}

/** Wraps the text lines of one comment, each without its prefix. Returns the lines with the prefix. */
function wrapText(texts, prefix) {
  const result = [];
  let isCode = false;
  for (let index = 0; index < texts.length; ) {
    const text = texts[index];
    if (text.startsWith('```')) isCode = !isCode;
    if (isCode || text.trim() === '' || /^(?:\s{2,}|```|\||@example)/.test(text)) {
      result.push((prefix + text).trimEnd());
      index++;
      continue;
    }
    const hanging = STARTS.test(text) ? '  ' : '';
    let end = index + 1;
    while (
      end < texts.length &&
      texts[end].trim() !== '' &&
      !STARTS.test(texts[end].trimStart()) &&
      (hanging === '' ? !texts[end].startsWith('  ') : texts[end].startsWith(hanging) && !texts[end].startsWith('    '))
    )
      end++;
    const lines = texts.slice(index, end);
    if (lines.some(line => prefix.length + line.length > LIMIT)) {
      // A link or a code span is one word. (`\S*?` is text directly before it, such as a parenthesis.)
      const words = lines.join(' ').match(/\S*?(?:\{@link [^}]*\}|`[^`]*`)\S*|\S+/g) ?? [];
      result.push(...fill(words, prefix, prefix + hanging));
    } else result.push(...lines.map(line => prefix + line));
    index = end;
  }
  return result;
}

/** The text of a source file with its long comments wrapped. */
export function wrapComments(source) {
  const lines = source.split('\n');
  const result = [];
  for (let index = 0; index < lines.length; ) {
    const line = lines[index];
    const [, indent, mark, text] = /^(\s*)(\/\*\*?|\/\/) ?(.*)$/.exec(line) ?? [];
    if (mark === '//') {
      let end = index;
      while (end < lines.length && lines[end].startsWith(`${indent}//`)) end++;
      const texts = lines.slice(index, end).map(one => one.slice(indent.length + 2).replace(/^ /, ''));
      const isDirective = texts.some(one => /^(?:biome-|@ts-|\/)/.test(one));
      result.push(...(isDirective ? lines.slice(index, end) : wrapText(texts, `${indent}// `)));
      index = end;
    } else if (mark !== undefined && text.endsWith('*/') && line.length > LIMIT && !text.slice(0, -2).includes('*/')) {
      result.push(indent + mark, ...wrapText([text.slice(0, -2).trim()], `${indent} * `), `${indent} */`);
      index++;
    } else if (mark !== undefined && text === '') {
      let end = index + 1;
      while (end < lines.length && !lines[end].includes('*/')) end++;
      const body = lines.slice(index + 1, end);
      const isPlain = lines[end]?.trim() === '*/' && body.every(one => /^\s*\*(?: |$)/.test(one));
      const texts = body.map(one => one.replace(/^\s*\* ?/, ''));
      result.push(line, ...(isPlain ? wrapText(texts, `${indent} * `) : body));
      index = end;
    } else {
      result.push(line);
      index++;
    }
  }
  return result.join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const paths = process.argv.length > 2 ? process.argv.slice(2) : ['.'];
  const files = execFileSync('git', ['ls-files', '--', ...paths], { encoding: 'utf8' })
    .trim()
    .split('\n');
  for (const file of files.filter(name => /\.(?:ts|mjs|c|h)$/.test(name))) {
    const source = readFileSync(file, 'utf8');
    const wrapped = wrapComments(source);
    if (wrapped !== source) writeFileSync(file, wrapped);
  }
}
