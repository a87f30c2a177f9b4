/** The messages of failed starts: what is missing or wrong with the file, and what to do. */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { spawnPty } from '../../../src/pty/index.ts';
import { requireRoot } from '../../support/system/tools.ts';
import { inNode } from '../support.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-start-errors-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function script(name: string, text: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

/** A copy of a program of this machine whose loader has another name of the same length. */
function withoutLoader(): string {
  const path = join(directory, 'elf');
  copyFileSync('/bin/true', path);
  const bytes = readFileSync(path);
  const at = bytes.indexOf('/ld-');
  assert.ok(at > 0, 'the program has a loader');
  bytes.write('/xx-', at, 'latin1');
  return script('elf', bytes);
}

const loop = join(directory, 'loop');
symlinkSync(loop, loop);

const rows: [name: string, file: string, errno: string, message: RegExp][] = [
  [
    'a missing interpreter',
    script('one', '#!/no/such/perl -w\n'),
    'ENOENT',
    /one is there, but its interpreter \/no\/such\/perl is missing; install it/,
  ],
  [
    'an interpreter below a file',
    script('two', '#! /etc/passwd/sh\n'),
    'ENOTDIR',
    /its interpreter \/etc\/passwd\/sh is missing/,
  ],
  [
    'a script with CR LF',
    script('three', '#!/bin/sh\r\necho\r\n'),
    'ENOENT',
    /interpreter \/bin\/sh\\r is missing; the line ends in CR LF/,
  ],
  [
    'a missing loader',
    withoutLoader(),
    'ENOENT',
    /elf is there, but its loader \S*\/xx-\S+ is missing; it was built for another system/,
  ],
  [
    'a program for another processor',
    script('alien', Buffer.from('\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xff\x7f', 'latin1')),
    'ENOEXEC',
    /the file is a program for another processor or system; install the one for this machine$/,
  ],
  ['a loop of symbolic links', loop, 'ELOOP', /its symbolic links form a loop$/],
  ['a directory', directory, 'EACCES', /permission denied; \S+ is a directory$/],
  ['a device', '/dev/null', 'EACCES', /permission denied; \/dev\/null is not a regular file$/],
  [
    'an interpreter that is a directory',
    script('four', '#!/etc\n'),
    'EACCES',
    /the interpreter \/etc of \S+four is not executable/,
  ],
];

for (const [name, file, errno, message] of rows) {
  test(`the error of a start explains the cause: ${name}`, () => {
    assert.throws(() => spawnPty(file), { code: 'ERR_PTY_SPAWN', step: 'exec', systemCode: errno, message });
  });
}

test('the error of a start says that /dev/ptmx is missing', async () => {
  requireRoot();
  const body = `try { pty.spawnPty('true'); } catch ({ step, systemCode: errno, message }) { console.log(step, errno, message); }`;
  const script = 'mount -t tmpfs none /dev && exec "$@"';
  const { output } = await inNode(`unshare --mount sh -c '${script}' sh`, body);
  assert.match(output, /open ENOENT cannot start 'true': open: \/dev\/ptmx is missing; mount devpts on \/dev\/pts/);
});
