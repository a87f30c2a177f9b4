/** The escape key of `telpty connect`, in the forms in which terminals send it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meaningOf } from '../../../src/cli/connect/keys/key-forms.ts';
import { KeyReader } from '../../../src/cli/connect/keys/key-reader.ts';
import { escapeCharacter } from '../../../src/cli/connect/options.ts';
import { openPrompt, withPeer } from '../../support/clients/connect.ts';
import { CMD, OPT } from '../../support/clients/test-client.ts';

const TIMEOUT = { timeout: 600_000 };
const { WILL, DO } = CMD;

test('which sequences are which escape key', () => {
  const rows: readonly (readonly [escape: string, meaning: 'escape' | 'dropped' | 'other', sequences: string])[] = [
    [
      '^]',
      'escape',
      '93;5u 93;5:1u 27;5;93~ 93;69u 93;133u 93;197u 93:125;6u 93;7u 93::93;5u 1098::93;5u 27;6;125~ 53;5u',
    ],
    ['^]', 'escape', '93;5;u 221;29;29;1;8;1_'],
    ['^]', 'dropped', '93;5:2u 93;5:3u 1098::93;69:3u 221;29;29;0;8;1_'],
    ['^]', 'other', '93u 93;1u 93;3u 91;5u 97;5u 27;5;91~ 3~ 15;5~ 61::93;5u 57442;5u 1;5u 221;29;93;1;8;1_ u ;u ;;~'],
    ['^A', 'escape', '97;5u 27;5;97~ 27;5;65~ 97:65;6u 97;69u 1092::97;5u'],
    ['^A', 'other', '97u 98;5u 65;2u'],
    ['^@', 'escape', '32;5u 50;5u 50:64;6u 50;6u 64;5u'],
    ['^^', 'escape', '54;5u 54:94;6u 54;6u 27;6;94~ 27;5;94~ 96:126;6u'],
    ['^_', 'escape', '45:95;6u 45;6u 47;5u 55;5u 27;6;95~'],
    ['^\\', 'escape', '92;5u 52;5u 27;5;92~'],
    ['^[', 'escape', '27u 27;1:1u 91;5u 51;5u'],
    ['^M', 'escape', '13u 109;5u 13;2u'],
    ['^H', 'escape', '104;5u 127;5u'],
    ['^?', 'escape', '127u 56;5u 47:63;6u'],
    ['~', 'escape', '126u 126;1u 96:126;2u 96;2u 96;2;126u 43;1;126u 126;65u 126;129u 27;2;126~'],
    ['~', 'dropped', '96:126;2:3u'],
    ['~', 'other', '96u 126;5u 126;3u 96;2;172u'],
    ['a', 'escape', '97u 97;1u 97:65;66u'],
    ['a', 'other', '97;2u 97;65u 97:65;2u'],
    ['A', 'escape', '97;2u 97:65;2u 97;65u 97:65;65u 65;2u 65;65u'],
  ];
  for (const [name, meaning, sequences] of rows) {
    for (const sequence of sequences.split(' ')) {
      const [final, parameters] = [sequence.at(-1)!, sequence.slice(0, -1)];
      assert.equal(meaningOf(parameters, final, escapeCharacter(name)!), meaning, `${name}: ${sequence}`);
    }
  }
});

test('the escape key is found wherever the input is cut; other input passes unchanged', async () => {
  const typed = 'a\x1b[A\x1b[93;5ub\x1b[97;5u\x1b[93;5:3uc\x1b[27;5;93~\xc2\x9b93;5u\x9b93;5u\u00c4\x9b93;5u\x1b[1;5A';
  const meant = 'a\x1b[A\x1db\x1b[97;5uc\x1d\x1d\x1d\u00c4\x9b93;5u\x1b[1;5A';
  for (let cut = 0; cut <= typed.length; cut++) {
    let read = '';
    const reader = new KeyReader({
      escapeKey: () => 0x1d,
      hasKeyboardProtocol: () => true,
      deliver: bytes => {
        read += bytes.toString('latin1');
      },
    });
    reader.read(Buffer.from(typed.slice(0, cut), 'latin1'));
    reader.read(Buffer.from(typed.slice(cut), 'latin1'));
    // (A cut between the bytes of a UTF-8 character hides that it is one.)
    if (typed[cut] !== '\x9b' || typed[cut - 1] !== '\u00c4') assert.equal(read, meant, `cut at ${cut}`);
    reader.stop();
  }
  // A sequence that does not continue was a key: ESC, or Alt-[.
  const read = await new Promise<string>(resolve => {
    const reader = new KeyReader({
      escapeKey: () => 0x1d,
      hasKeyboardProtocol: () => true,
      deliver: bytes => resolve(bytes.toString('latin1')),
    });
    reader.read(Buffer.from('\x1b['));
  });
  assert.equal(read, '\x1b[');
});

test('without a keyboard protocol ESC is sent at once', () => {
  let read = '';
  const reader = new KeyReader({
    escapeKey: () => 0x1d,
    hasKeyboardProtocol: () => false,
    deliver: bytes => {
      read += bytes.toString('latin1');
    },
  });
  reader.read(Buffer.from('\x1b'));
  assert.equal(read, '\x1b');
});

for (const [name, character, key] of [
  ['kitty', '^]', '\x1b[93;5u'],
  ['modifyOtherKeys', '^]', '\x1b[27;5;93~'],
  ['kitty, another key', '^A', '\x1b[97;69u'],
  ['kitty, a printable key', '~', '\x1b[96:126;2u'],
] as const) {
  test(`the escape key opens the prompt in the form of ${name}`, TIMEOUT, () =>
    withPeer(
      async (term, wire) => {
        wire.negotiate(WILL, OPT.ECHO);
        wire.negotiate(WILL, OPT.SGA);
        await wire.expectNegotiation(DO, OPT.SGA);
        await term.untilModes('-icanon');
        wire.send('\x1b[>31u\x1b[>4;2mready');
        await term.waitFor(/ready$/);
        await term.type('k');
        await wire.expect('k');
        await term.type(key);
        await term.waitFor(/telpty>$/);
        await term.type('send nop\r');
        await wire.expect(Buffer.of(CMD.IAC, CMD.NOP));
        await openPrompt(term, key);
        await term.type('close\r');
        await wire.untilEnd();
        assert.equal(await term.exitStatus(), 0);
        assert.ok(!wire.raw.bytes.includes(0x1b));
      },
      ['--escape', character],
    ),
  );
}
