/**
 * The check of wording, scripts/texts: what it reads of a file, and that each rule finds its example and nothing else.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EXCEPTIONS, EXCLUDED, extract, findings, RULES, sentences } from '../../scripts/texts/check.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The identifiers of the rules that find something in a text. */
function rulesOf(file: string, text: string): string[] {
  return [...new Set(findings(file, text).map(each => each.rule))];
}

function texts(file: string, source: string): string[] {
  return (extract(file, source) ?? []).map(unit => unit.text);
}

for (const rule of RULES) {
  test(`rule ${rule.id} finds its example and not the corrected one`, () => {
    assert.ok(rulesOf('a.md', rule.bad).includes(rule.id), `not found in: ${rule.bad}`);
    assert.deepEqual(rulesOf('a.md', rule.good), [], rule.good);
    assert.ok(rule.reason !== '' && rule.write !== '', 'a reason and a suggestion');
  });
}

test('rules have unique identifiers', () => {
  assert.equal(new Set(RULES.map(rule => rule.id)).size, RULES.length, 'an identifier is used twice');
});

test('every exception applies to a text of the repository', () => {
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
    .trim()
    .split('\n');
  for (const { rule, file, text = '' } of EXCEPTIONS) {
    const pattern = RULES.find(each => each.id === rule)?.pattern;
    assert.ok(pattern, `${rule} is not a rule`);
    const applies = files
      .filter(name => name.startsWith(file))
      .flatMap(name => texts(name, readFileSync(join(root, name), 'utf8')))
      .some(unit => unit.includes(text) && unit.match(pattern));
    assert.ok(applies, `the exception of ${file} for ${rule} is unused: ${text}`);
  }
  for (const { file } of EXCLUDED)
    assert.ok(
      files.some(name => name.startsWith(file)),
      `${file} does not exist`,
    );
});

test('comments of TypeScript are read, and code that looks like one is not', () => {
  const source = [
    'const a = /\\/\\/ not a comment/.test(b) ? "// nor this" : 4 / 2; // the first',
    '// the second one',
    '// goes on here',
    `const t = \`/* nor this */ \${/* the inner one */ f(\`// \${1}\`)}\`;`,
    '/**',
    ' * A block.',
    ' *',
    ' * @param a the parameter',
    ' */',
  ];
  const comments = (extract('a.ts', source.join('\n')) ?? []).filter(unit => unit.kind === 'comment');
  assert.deepEqual(
    comments.map(unit => [unit.text, unit.lines[0]?.line]),
    [
      ['the first', 1],
      ['the second one goes on here', 2],
      ['the inner one', 4],
      ['A block.', 6],
      ['@param a the parameter', 8],
    ],
  );
});

test('strings are read with their expressions masked, and joined where they are concatenated', () => {
  const source = [
    "import { x } from './not a text';",
    "const a = 'one word of ' +",
    `  \`the \${name(\`an inner text\`)} text \` + count + ' of it';`,
    "const b = 'word', c = 'it\\'s a text\\n';",
    'const d = /not a text/;',
  ];
  assert.deepEqual(texts('a.ts', source.join('\n')), [
    'one word of the X_X text of it',
    'an inner text',
    "it's a text.",
  ]);
});

test('in tests, only names of tests and messages are read', () => {
  const source = [
    "test('the name of a test', () => {",
    "  client.type('typed by nobody');",
    "  assert.equal(a, 'an expected text', 'the message of it');",
    "  assert.equal(a, 'another expected text');",
    "  throw new Error('the error of it');",
    '});',
    "for (const [name, input] of [['a case of it', 'its input text']]) test(name);",
  ];
  assert.deepEqual(texts('test/a.test.ts', source.join('\n')), [
    'the name of a test',
    'the message of it',
    'the error of it',
    'a case of it',
  ]);
});

test('comments and strings of C are read', () => {
  const source = [
    '#include "telpty.h"',
    "char q = '\"'; /* the first */",
    'log("a \\"text\\" of // it"); // the second',
  ];
  assert.deepEqual(texts('a.c', source.join('\n')), ['the first', 'the second', 'a "text" of // it']);
});

test('comments of shell scripts are read', () => {
  assert.deepEqual(texts('run', '#!/usr/bin/env bash\n# the first\n# goes on\necho "a#b" # the second\n'), [
    'the first goes on',
    'the second',
  ]);
  assert.equal(extract('data.bin', 'not a text'), undefined);
});

test('Markdown is read by paragraphs, cells and items, without its code', () => {
  const source = [
    '# A heading',
    '',
    'The first [link](https://example.com/a) and',
    'its `code`.',
    '',
    '    indented code',
    '',
    '```ts',
    '// code',
    '```',
    '- an item',
    '- another **item**',
    '',
    '| a cell | the \\| next |',
    '| --- | --- |',
  ];
  assert.deepEqual(
    texts('a.md', source.join('\n')).sort(),
    [
      'A heading',
      'The first link and its X____X.',
      'a cell',
      'an item'.replace(/^/, '- '),
      '- another item',
      'the \\| next',
    ].sort(),
  );
});

test('a finding has the line on which its phrase begins', () => {
  const found = findings('a.ts', '// All is well,\n// and the server waits for\n// ever.\n');
  assert.deepEqual(
    found.map(({ line, phrase, rule }) => ({ line, phrase, rule })),
    [{ line: 2, phrase: 'for ever', rule: 'for-ever' }],
  );
});

test('sentences are split at their ends, but not at abbreviations', () => {
  assert.deepEqual(
    sentences('It ends, e.g. Here. "Then?" 3 more of RFC 854.').map(each => each.text),
    ['It ends, e.g. Here.', '"Then?"', '3 more of RFC 854.'],
  );
});

test('a sentence of more than 35 words fails in Markdown, and is reported in comments', () => {
  const long = `${'word '.repeat(35)}end.`;
  assert.deepEqual(
    findings('a.md', long).map(each => [each.rule, each.report]),
    [['long-sentence', false]],
  );
  assert.deepEqual(
    findings('a.md', `${'word '.repeat(30)}end.`).map(each => each.report),
    [true],
  );
  assert.deepEqual(findings('a.md', `${'word '.repeat(20)}end. W${'word '.repeat(20)}end.`), []);
  assert.deepEqual(findings('a.md', `Names: ${'`a`, '.repeat(50)}and \`b\`.`), []);
});

test('a comment is at most 120 columns wide', () => {
  const fits = `// ${'a'.repeat(117)}`;
  assert.deepEqual(rulesOf('a.ts', fits), []);
  assert.deepEqual(rulesOf('a.ts', `${fits}a`), ['long-line']);
  assert.deepEqual(rulesOf('a.ts', `f(); // ${'a'.repeat(120)}`), ['long-line']);
  assert.deepEqual(rulesOf('a.ts', `f('${'a'.repeat(120)}');`), []);
  assert.deepEqual(rulesOf('a.ts', `// https://example.com/${'a'.repeat(120)}`), []);
});

test('the command prints findings and counts, and its status says whether there are errors', () => {
  const check = (...args: string[]) =>
    spawnSync(process.execPath, [join(root, 'scripts/texts/check.mjs'), ...args], { cwd: root, encoding: 'utf8' });
  const clean = check('scripts/texts/check');
  assert.equal(clean.status, 0, clean.stdout);
  assert.equal(clean.stdout, '');
  const reported = check('--report', '--summary', 'scripts/texts/check');
  assert.equal(reported.status, 0, reported.stdout);
});
