import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Holdings, leaked } from './leaks.ts';

const holding = (...targets: string[]): Holdings => ({
  fds: new Map(targets.map((target, fd) => [fd, target])),
  children: [],
  threads: 11,
});

test('a socket that is left counts as a leak though a file was closed meanwhile', () => {
  const before = holding('/dev/null', 'socket:[1]', '/etc/terminfo', '/usr/share/terminfo');
  assert.deepEqual(leaked(before, holding('/dev/null', 'socket:[1]', 'socket:[2]')), ['fd 2 -> socket:[2]']);
  assert.deepEqual(leaked(before, holding('/dev/null', 'socket:[1]')), []);
});

test('another socket in place of a closed one is not a leak', () => {
  assert.deepEqual(leaked(holding('socket:[1]', '/dev/pts/3'), holding('socket:[7]', '/dev/pts/12')), []);
});
