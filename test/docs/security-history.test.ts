/** docs/security-history.md: its table matches test/security/. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { document, table } from './markdown.ts';

const ID = /\b(?:CVE-\d{4}-\d{4,}|RUSTSEC-\d{4}-\d{4}|FreeBSD-SA-\d\d:\d\d)\b/g;
const directory = new URL('../security/', import.meta.url);

/** Rows `id file` of all tests: the ids outside comments. */
function tested(): string[] {
  const rows = readdirSync(directory).flatMap(name => {
    if (!name.endsWith('.test.ts')) return [];
    const code = readFileSync(new URL(name, directory), 'utf8')
      .replace(/\/\*[\s\S]*?\*\//g, '')
      .replace(/^\s*\/\/.*$/gm, '');
    return (code.match(ID) ?? []).map(id => `${id} ${name.replace('.test.ts', '')}`);
  });
  return [...new Set(rows)].sort();
}

test('the table lists exactly the vulnerabilities that are tested, with the files that test them', () => {
  const rows = table(document('docs/security-history.md'), 'vulnerability').flatMap(([ids = '', , files = '']) =>
    (ids.match(ID) ?? []).flatMap(id => files.split(',').map(file => `${id} ${file.trim()}`)),
  );
  assert.ok(rows.length > 50);
  assert.deepEqual(rows.toSorted(), tested());
});
