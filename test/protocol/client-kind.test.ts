import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ClientKind, clientKind, decodeMtts, encodeMtts, MTTS_BITS } from '../../src/protocol/index.ts';

const CASES: readonly (readonly [ClientKind, readonly string[], number?])[] = [
  ['mud', ['Mudlet 4.17', 'ANSI-TRUECOLOR'], 2349],
  ['mud', ['TINTIN++', 'xterm-ghostty']],
  ['mud', ['something new', 'XTERM'], 9],
  ['mud', ['ANSI', 'Mudlet']],
  ['mud', ['ZMUD']],
  ['microsoft', ['ANSI', 'VT100', 'VT52', 'VTNT']],
  ['microsoft', ['ansi', 'vt100']],
  ['terminal', ['ANSI']],
  ['terminal', ['XTERM-256COLOR']],
  ['terminal', ['VT100', 'ANSI']],
  ['terminal', ['portable-terminal']],
  ['bbs', ['syncterm', 'ansi-bbs']],
  ['minimal', []],
  ['minimal', ['UNKNOWN']],
  ['minimal', ['dumb', 'unknown']],
  ['minimal', ['']],
];

test('the kind of a client follows from its terminal types', () => {
  for (const [kind, names, mtts] of CASES) assert.equal(clientKind(names, mtts), kind, names.join(','));
});

const invalid = (call: () => unknown) => assert.throws(call, { code: 'ERR_INVALID_ARGUMENT' });

test('MTTS: names and bits are converted to each other', () => {
  assert.deepEqual(decodeMtts(0), []);
  assert.deepEqual(decodeMtts(2349), ['ANSI', 'UTF-8', '256 COLORS', 'OSC COLOR PALETTE', 'TRUECOLOR', 'SSL']);
  assert.deepEqual(decodeMtts(0x7fff_f001), ['ANSI'], 'bits without a name');
  assert.equal(encodeMtts(['ANSI', 'UTF-8', '256 COLORS', 'ANSI']), 13);
  fc.assert(fc.property(fc.integer({ min: 0, max: 4095 }), bits => encodeMtts(decodeMtts(bits)) === bits));
  assert.equal(Object.keys(MTTS_BITS).length, 12);
  for (const bad of [-1, 1.5, 2 ** 31, Number.NaN, '1']) invalid(() => decodeMtts(bad as number));
  invalid(() => encodeMtts(['TRUE COLOR' as never]));
  invalid(() => encodeMtts(['toString' as never]));
});
