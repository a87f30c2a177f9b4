import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Places } from '../../src/shells/places.ts';

test('places: so many and no more, and each is given back once', () => {
  const places = new Places({ maxSessions: 2 });
  const [one, two] = [places.admit({ id: 1 }), places.admit({ id: 2 })];
  assert.ok(typeof one === 'object' && typeof two === 'object');
  assert.equal(places.admit({ id: 3 }), 'too-many-sessions');
  one.leave();
  one.leave();
  assert.equal(places.taken, 1);
  assert.equal(typeof places.admit({ id: 4 }), 'object');
  assert.equal(places.admit({ id: 5 }), 'too-many-sessions');
});

test('places: 0 is any number', () => {
  const places = new Places({ maxSessions: 0 });
  for (let id = 1; id <= 5_000; id++) assert.equal(typeof places.admit({ id }), 'object');
  assert.throws(() => new Places({ maxSessions: -1 }), { code: 'ERR_INVALID_ARGUMENT' });
});
