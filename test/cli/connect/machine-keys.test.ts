/** Keys of a modern terminal for home computers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MachineKeys } from '../../../src/cli/connect/keys/machine-keys.ts';
import { keyCodes, type Machine, machineOf } from '../../../src/screen/machines/index.ts';

const c64 = machineOf('PETSCII')!;
const atari = machineOf('ATASCII')!;

function typed(machine: Machine, text: string, sendsSequences = false): number[] {
  const keys = new MachineKeys(machine, 'UTF-8', sendsSequences);
  return [...keys.write(Buffer.from(text)), ...keys.flush()];
}

const cases: readonly [name: string, text: string, c64: readonly number[], atari: readonly number[]][] = [
  ['letters, whose cases have other codes on a C64', 'aZ', [0x41, 0xda], [0x61, 0x5a]],
  ['digits and punctuation', '1 +"@', [0x31, 0x20, 0x2b, 0x22, 0x40], [0x31, 0x20, 0x2b, 0x22, 0x40]],
  ['Return', '\r', [13], [0x9b]],
  ['both erase keys', '\x7f\b', [20, 20], [126, 126]],
  ['cursor keys', '\x1b[A\x1b[B\x1b[C\x1b[D', [145, 17, 29, 157], [28, 29, 31, 30]],
  ['cursor keys in application mode', '\x1bOA\x1bOB\x1bOC\x1bOD', [145, 17, 29, 157], [28, 29, 31, 30]],
  ['cursor keys with modifiers', '\x1b[1;5A\x1b[1;2D', [145, 157], [28, 30]],
  ['Home, in four forms', '\x1b[H\x1bOH\x1b[1~\x1b[7~', [19, 19, 19, 19], []],
  ['clear: shifted Home, ^L', '\x1b[1;2H\f', [147, 147], [125, 125]],
  ['Insert and Delete', '\x1b[2~\x1b[3~', [148, 20], [255, 254]],
  ['Tab', '\t', [9], [127]],
  ['F1 to F4', '\x1bOP\x1bOQ\x1bOR\x1bOS', [133, 137, 134, 138], []],
  ['F1 to F4 of rxvt', '\x1b[11~\x1b[12~\x1b[13~\x1b[14~', [133, 137, 134, 138], []],
  ['F1 to F5 of the Linux console', '\x1b[[A\x1b[[B\x1b[[C\x1b[[D\x1b[[E', [133, 137, 134, 138, 135], []],
  ['F5 to F8', '\x1b[15~\x1b[17~\x1b[18~\x1b[19~', [135, 139, 136, 140], []],
  ['^A, ^C and ESC', '\x01\x03\x1b', [1, 3, 27], [1, 3, 27]],
  ['a key with Alt', '\x1bx', [27, 0x58], [27, 0x78]],
  ['characters that only one of them has', '£↑♥', [0x5c, 0x5e, 0x2a], [0x4c, 0x5e, 0]],
  ['other characters, by the nearest one', 'é“─', [0x45, 0x22, 0xc0], [0x65, 0x22, 0x12]],
  ['keys that they do not have, and reports', '\x1b[5~\x1b[F\x1b[Z\x1b[?1;2c\x1b[<0;3;4M\x1b[24~', [], []],
];

describe('the keys of a terminal for home computers', () => {
  for (const [name, text, onC64, onAtari] of cases) {
    it(name, () => {
      assert.deepEqual(typed(c64, text), onC64, 'C64');
      assert.deepEqual(typed(atari, text), onAtari, 'Atari');
    });
  }

  it('are what the server makes of their codes', () => {
    for (const machine of [c64, atari]) {
      for (const [input, code] of keyCodes(machine)) {
        const inputs = [false, true].map(application => machine.key(code, { application, erase: 0x7f }));
        assert.ok(inputs.includes(input), `${machine.charset} ${JSON.stringify(input)} ${code}`);
      }
      const ascii = Array.from({ length: 0x5f }, (_, at) => String.fromCharCode(0x20 + at));
      const missing = ascii.filter(character => !keyCodes(machine).has(character));
      assert.deepEqual(missing, machine === c64 ? [] : ['}', '~']);
    }
  });

  it('are the same wherever they are cut', () => {
    const pieces = cases.map(([, text]) => text).concat('\x1b', '[', 'O', '1', ';', '€', '😀');
    const property = fc.property(fc.array(fc.constantFrom(...pieces)), fc.array(fc.nat(200)), (parts, positions) => {
      const bytes = Buffer.from(parts.join(''));
      for (const machine of [c64, atari]) {
        for (const sendsSequences of [false, true]) {
          const keys = new MachineKeys(machine, 'UTF-8', sendsSequences);
          const cuts = [0, ...positions.map(at => Math.min(at, bytes.length)).sort((a, b) => a - b), bytes.length];
          const codes = cuts.slice(1).flatMap((end, at) => [...keys.write(bytes.subarray(cuts[at], end))]);
          assert.deepEqual([...codes, ...keys.flush()], typed(machine, bytes.toString(), sendsSequences));
        }
      }
    });
    fc.assert(property);
  });

  it('wait for the rest of a sequence, but not longer than a pause', () => {
    const keys = new MachineKeys(c64, 'UTF-8', false);
    assert.deepEqual([...keys.write(Buffer.from('a\x1b'))], [0x41]);
    assert.ok(keys.isWaiting);
    assert.deepEqual([...keys.write(Buffer.from('[A'))], [145]);
    assert.ok(!keys.isWaiting);
    keys.write(Buffer.from('\x1b'));
    assert.deepEqual([...keys.flush()], [27]);
    assert.ok(!keys.isWaiting);
    // A sequence that is too long for a key is not stored.
    keys.write(Buffer.from(`\x1b[${'1'.repeat(100_000)}`));
    assert.ok(!keys.isWaiting);
  });

  it('are sent as sequences with --ansi-keys, except Return and the erase key', () => {
    const sequences = '\x1b[A\x1bOP\x1b[15~\x1b[1;5C\x1b[6~';
    assert.deepEqual(typed(c64, `${sequences}\r\x7fa`, true), [...Buffer.from(sequences), 13, 20, 0x41]);
    assert.deepEqual(typed(atari, `${sequences}\r\x7fa`, true), [...Buffer.from(sequences), 0x9b, 126, 0x61]);
  });

  it('may come from a terminal in another character set', () => {
    const keys = new MachineKeys(c64, 'ISO-8859-1', false);
    assert.deepEqual([...keys.write(Buffer.of(0xa3, 0x61))], [0x5c, 0x41]);
  });
});
