import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vectorFiles } from './support/vector-files.ts';
import { parseVectors, runVector, WAYS } from './support/vectors.ts';

// Runs test/vectors/*.txt (their notation: test/vectors/README.txt). Each case runs with each input whole, byte by
// byte, and cut at random positions, and must have the same result.

for (const [file, source] of vectorFiles()) {
  for (const vector of parseVectors(source)) {
    test(`${file}:${vector.line} ${vector.title}`, () => {
      assert(vector.steps.length > 0, 'a case without steps');
      for (const [way, cut] of Object.entries(WAYS)) {
        const { actual, expected } = runVector(vector, cut);
        assert.deepEqual(actual, expected, way);
      }
    });
  }
}
