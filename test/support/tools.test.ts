import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PACKAGES, requireTool, type Tool } from './tools.ts';

test('the packages that CI installs are those of the programs that tests drive', () => {
  const installed = readFileSync(new URL('../../.ci/debian-packages', import.meta.url), 'utf8')
    .trim()
    .split('\n');
  const needed: string[] = Object.values(PACKAGES);
  // A Perl module has no executable; perl itself is required by name.
  needed.push('libnet-telnet-perl');
  // bash is in every Debian.
  assert.deepEqual(installed, [...new Set(needed.filter(name => name !== 'bash'))].sort());
});

test('a missing program is a failure in one line that names the package', () => {
  assert.match(requireTool('bash'), /^\/.*\/bash$/);
  assert.throws(() => requireTool('no-such-program' as Tool), {
    message: /^the test needs no-such-program: apt-get install /,
  });
});
