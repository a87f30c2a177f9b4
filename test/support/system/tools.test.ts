import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FURTHER_PACKAGES, PACKAGES, requireTool, type Tool, UNPACKED } from './tools.ts';

function list(name: string): string[] {
  return readFileSync(new URL(`../../../.ci/${name}`, import.meta.url), 'utf8')
    .trim()
    .split('\n');
}

test('the packages that CI installs are those of the programs that tests drive', () => {
  const needed: string[] = [...Object.values(PACKAGES), ...FURTHER_PACKAGES];
  // bash is in every Debian.
  assert.deepEqual(list('debian-packages'), [...new Set(needed.filter(name => name !== 'bash'))].sort());
});

test('the packages that CI unpacks are those of the programs that tests drive from there', () => {
  const needed = Object.values(UNPACKED).map(([name]) => name);
  assert.deepEqual(list('debian-unpacked'), [...new Set<string>(needed)].sort());
});

test('a missing program is a missing requirement in one line that names the package', () => {
  assert.match(requireTool('bash'), /^\/.*\/bash$/);
  assert.throws(() => requireTool('no-such-program' as Tool), {
    code: 'ERR_MISSING_REQUIREMENT',
    message: /^needs no-such-program: apt-get install /,
  });
});
