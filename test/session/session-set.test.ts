import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SessionSet } from '../../src/server/session-set.ts';
import type { Session } from '../../src/session/session.ts';

/** As large as a session with its objects. */
const made = (): Session => ({ fields: Array.from({ length: 1_000 }, (_, index) => index) }) as unknown as Session;

test('sessions are iterated in the order in which they were added, also while some are deleted', () => {
  const [first, second, third] = [made(), made(), made()];
  const set = new SessionSet();
  for (const session of [first, second, third, first]) set.add(session);
  assert.equal(set.size, 3);
  const seen: Session[] = [];
  for (const session of set) {
    seen.push(session);
    set.delete(second);
  }
  assert.deepEqual([seen[0] === first, seen[1] === third, seen.length], [true, true, 2]);
  set.delete(second);
  assert.deepEqual([set.size, set.has(first), set.has(second)], [2, true, false]);
  assert.equal([...set.entries()].length, 2);
  const given: unknown[] = [];
  set.forEach((session, same, all) => void given.push(session === same, all === set));
  assert.deepEqual(given, [true, true, true, true]);
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const oldBytes = (): number =>
  getHeapSpaceStatistics().find(space => space.space_name === 'old_space')!.space_used_size;

/** The maximum growth of the old generation while many sessions are added and deleted, in bytes. */
function growth(set: { add(session: Session): unknown; delete(session: Session): unknown }): number {
  const present: Session[] = [];
  // Promotes existing objects, as the tables of a server are after its first full collection.
  collect();
  const before = oldBytes();
  let most = 0;
  for (let count = 0; count < 20_000; count++) {
    const session = made();
    set.add(session);
    present.push(session);
    if (present.length > 8) set.delete(present.shift()!);
    if (count % 100 === 0) most = Math.max(most, oldBytes() - before);
  }
  return most;
}

test('deleted sessions are collected by scavenges, whereas a Set keeps them', () => {
  const [own, plain] = [growth(new SessionSet()), growth(new Set())];
  assert.ok(own < plain / 2, `it grew by ${own} bytes, with a Set by ${plain}`);
});
