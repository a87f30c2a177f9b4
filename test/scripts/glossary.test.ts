/** docs/glossary.md: its terms are in order, in use, and have a source that exists. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const rows = read('docs/glossary.md')
  .split('\n')
  .filter(line => line.startsWith('| '))
  .slice(2)
  .map(line => line.slice(2, -2).split(' | '));

test('each term has a meaning of one sentence and a source', () => {
  assert.ok(rows.length >= 40, `only ${rows.length} terms`);
  for (const row of rows) {
    const [term = '', meaning = '', source = ''] = row;
    assert.equal(row.length, 3, `${term}: three cells`);
    assert.doesNotMatch(meaning, /\.(?: |$)/, `${term}: one sentence, without a full stop`);
    assert.match(
      source,
      /RFC \d+|POSIX, X(?:BD|SH)|Node\.js, "|Linux, |HAProxy, |`(?:src|native)\//,
      `${term}: a source`,
    );
  }
});

test('terms are in alphabetical order, and each has one row', () => {
  const terms = rows.map(([term = '']) => term.toLowerCase());
  assert.deepEqual(terms, [...new Set(terms)].sort());
});

test('files and identifiers that are named as sources exist', () => {
  for (const [term, , source = ''] of rows) {
    for (const [, path = ''] of source.matchAll(/`((?:src|native)\/[^`]*)`/g)) {
      assert.ok(existsSync(join(root, path)), `${term}: ${path} does not exist`);
    }
    for (const [, name = '', path = ''] of source.matchAll(/`([\w.]+)(?:\(\))?` in `([^`]+)`/g)) {
      const identifier = name.split('.').at(-1) ?? name;
      assert.match(read(path), new RegExp(`\\b${identifier}\\b`), `${term}: ${path} does not contain ${identifier}`);
    }
  }
});

test('each term is used in the code or in a document', () => {
  const files = execFileSync('git', ['ls-files', 'src', 'native', 'docs', 'README.md', 'CONTRIBUTING.md'], {
    cwd: root,
  });
  const used = files
    .toString()
    .trim()
    .split('\n')
    .filter(path => path !== 'docs/glossary.md')
    .map(read)
    .join('\n');
  for (const [term = '', , source = ''] of rows) {
    // A term of two words may be broken across lines of a comment.
    const words = term.split(' ').join('[\\s*/]+');
    assert.ok(new RegExp(`\\b${words}`, 'i').test(used) || source.includes('` in `'), `${term} is not used`);
  }
});
