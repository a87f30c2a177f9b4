// Checks the wording of documents, comments, messages and names of tests.
//
//   node scripts/texts/check.mjs [--report] [--summary] [--rule ID] [PATH...]
//
// Prints `file:line: "phrase": rule: reason; write …` for each finding, and exits with 1 if there is one. PATH is the
// start of a path; without one, all files of the repository are read. --report adds what is only worth a look: long
// sentences, and rules that are right less often. --summary prints counts by rule and by folder instead. --rule applies
// one rule only.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { extract, lineOf } from './extract.mjs';
import { EXCEPTIONS, EXCLUDED, MAX_COLUMNS, MAX_WORDS, REPORTED_WORDS, RULES } from './rules.mjs';

export { EXCEPTIONS, EXCLUDED, extract, RULES };

/**
 * The findings in the text of one file.
 *
 * @returns {{ line: number, phrase: string, rule: string, reason: string, write: string, report: boolean }[]} by line
 */
export function findings(file, source) {
  const units = extract(file, source) ?? [];
  const found = units.flatMap(unit => [...byRule(file, unit), ...longSentences(unit)]);
  return [...found, ...longLines(units, source)].sort((a, b) => a.line - b.line);
}

function* byRule(file, unit) {
  for (const { id, pattern, reason, write, report = false } of RULES) {
    for (const match of unit.text.matchAll(pattern)) {
      if (isException(id, file, unit.text)) continue;
      yield { line: lineOf(unit, match.index), phrase: shortened(match[0]), rule: id, reason, write, report };
    }
  }
}

function isException(id, file, text) {
  return EXCEPTIONS.some(each => each.rule === id && file.startsWith(each.file) && text.includes(each.text ?? ''));
}

function* longSentences(unit) {
  if (unit.kind === 'string') return;
  for (const { text, at } of sentences(unit.text)) {
    // A list of names in code counts as one word.
    const words = text
      .replace(/X_*X(?:,? (?:and |or )?X_*X)*/g, 'X')
      .split(/\s+/)
      .filter(word => /\w/.test(word)).length;
    if (words <= REPORTED_WORDS) continue;
    yield {
      line: lineOf(unit, at),
      phrase: shortened(text),
      rule: 'long-sentence',
      reason: `a sentence of ${words} words`,
      write: `at most ${MAX_WORDS}, better ${REPORTED_WORDS}`,
      report: unit.kind !== 'markdown' || words <= MAX_WORDS,
    };
  }
}

/** Splits a text at the ends of its sentences, but not at abbreviations. */
export function sentences(text) {
  const found = [];
  let at = 0;
  for (const end of text.matchAll(/(?<!\b(?:e\.g|i\.e|etc|cf|vs|[A-Z]))[.!?]["')]*\s+(?=["'(]*[A-Z0-9])/g)) {
    found.push({ text: text.slice(at, end.index + end[0].length).trim(), at });
    at = end.index + end[0].length;
  }
  found.push({ text: text.slice(at).trim(), at });
  return found;
}

function* longLines(units, source) {
  const rows = source.split('\n');
  const seen = new Set();
  for (const { kind, lines } of units) {
    if (kind !== 'comment') continue;
    for (const { line, length } of lines) {
      // An address cannot be broken.
      if (length <= MAX_COLUMNS || seen.has(line) || /https?:\/\/\S{40}/.test(rows[line - 1])) continue;
      seen.add(line);
      yield {
        line,
        phrase: shortened(rows[line - 1].trim()),
        rule: 'long-line',
        reason: `a comment of ${length} columns`,
        write: `at most ${MAX_COLUMNS}`,
        report: false,
      };
    }
  }
}

function shortened(text) {
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

function files(paths) {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  const wanted = paths.map(path => relative(root, path));
  return listed
    .trim()
    .split('\n')
    .filter(file => !EXCLUDED.some(each => file.startsWith(each.file)))
    .filter(file => wanted.length === 0 || wanted.some(path => file.startsWith(path)))
    .map(file => ({ file, path: `${root}${file}` }));
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { report: { type: 'boolean' }, summary: { type: 'boolean' }, rule: { type: 'string' } },
  });
  const byFolder = new Map();
  const byId = new Map();
  let errors = 0;
  for (const { file, path } of files(positionals)) {
    for (const { line, phrase, rule, reason, write, report } of findings(file, readFileSync(path, 'utf8'))) {
      if ((report && !values.report) || (values.rule ?? rule) !== rule) continue;
      if (!report) errors += 1;
      const folder = file.includes('/') ? file.split('/').slice(0, -1).slice(0, 2).join('/') : file;
      byFolder.set(folder, (byFolder.get(folder) ?? 0) + 1);
      byId.set(rule, (byId.get(rule) ?? 0) + 1);
      if (!values.summary) process.stdout.write(`${file}:${line}: "${phrase}": ${rule}: ${reason}; write ${write}\n`);
    }
  }
  if (values.summary) {
    for (const counts of [byId, byFolder]) {
      for (const [name, count] of [...counts].sort((a, b) => b[1] - a[1]))
        process.stdout.write(`${String(count).padStart(6)} ${name}\n`);
      process.stdout.write('\n');
    }
  }
  process.stderr.write(`${errors} errors\n`);
  process.exitCode = errors > 0 ? 1 : 0;
}

if (import.meta.filename === process.argv[1]) main();
