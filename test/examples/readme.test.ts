import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const directory = new URL('../../examples/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, directory), 'utf8');
/** Modules that an example imports. */
const PARTS = ['arcade-accounts.ts'];
const examples = readdirSync(directory).filter(name => name.endsWith('.ts') && !PARTS.includes(name));

test('the table of examples has each of them once', () => {
  const rows = [...read('README.md').matchAll(/^\| \[(\S+)\]\((\S+)\) +\|/gm)];
  assert.deepEqual(rows.map(([, text]) => text).sort(), [...examples].sort());
  for (const [row, text, target] of rows) assert.equal(text, target, row);
});

test('each example starts with its command, and has a test', () => {
  const tests = readdirSync(new URL('.', import.meta.url));
  for (const name of examples) {
    const [comment = ''] = /^\/\*\*\n.*?\*\//s.exec(read(name)) ?? [];
    assert.match(comment, new RegExp(`^ \\* {5}.*npx tsx examples/${name}`, 'm'), name);
    assert.ok(tests.includes(name.replace(/\.ts$/, '.test.ts')), `${name} has no test`);
  }
});
