import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  linemode,
  Option,
  type SpecialCharacter,
  type SpecialCharacterSettings,
  SpecialFunction,
  type SpecialFunctionName,
  specialCharactersOf,
  TelptyError,
  terminalControls,
  terminalControlsOf,
} from '../../src/protocol/index.ts';
import {
  formatForwardmask,
  formatMode,
  readForwardmask,
  readMode,
} from '../../src/protocol/options/linemode/wire-format.ts';
import { enabled, framed, pair } from './support/pair.ts';
import type { Recorder } from './support/recorder.ts';

const names = Object.keys(SpecialFunction) as SpecialFunctionName[];
const octet = fc.integer({ min: 0, max: 255 });
const setting = fc.oneof(
  octet,
  fc.constant(null),
  fc.record({ level: fc.constantFrom('NOSUPPORT' as const, 'DEFAULT' as const) }),
  fc.record({ level: fc.constantFrom('CANTCHANGE' as const, 'VALUE' as const), value: octet }),
);
const settings: fc.Arbitrary<SpecialCharacterSettings> = fc.dictionary(fc.constantFrom(...names), setting);
const mode = fc.integer({ min: 0, max: 31 }).map(mask => mask & ~4);

/** Triplets in which valid functions, levels and flags are frequent. */
const triplet = fc.tuple(
  fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 32 }) }, octet),
  fc
    .tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom(0, 0, 0, 32, 64, 128, 255))
    .map(([level, flags]) => level | flags),
  fc.oneof(fc.constantFrom(0, 3, 8, 127, 255), octet),
);

function sentTriplets(recorder: Recorder): number[][] {
  const sent = recorder.sent();
  const found: number[][] = [];
  for (let at = 0; at < sent.length; at++) {
    if (sent[at] !== 255 || sent[at + 1] !== 250 || sent[at + 2] !== Option.LINEMODE || sent[at + 3] !== 3) continue;
    const list: number[] = [];
    for (at += 4; !(sent[at] === 255 && sent[at + 1] === 240); at++) {
      if (sent[at] === 255) at++;
      list.push(sent[at]!);
    }
    found.push(list);
  }
  return found;
}

test('modes and forward masks survive a round trip', () => {
  fc.assert(fc.property(mode, mask => assert.equal(formatMode(readMode(mask)), mask)));
  fc.assert(
    fc.property(fc.uniqueArray(octet), fc.constantFrom(16, 32), (characters, size) => {
      const expected = characters.filter(c => c < 8 * size).sort((a, b) => a - b);
      const mask = formatForwardmask(characters, size);
      assert.equal(mask.length, size);
      assert.deepEqual(readForwardmask(mask, 32), expected);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(16, 32), (mask, size) => {
      const characters = readForwardmask(mask, size);
      assert(characters.length <= 8 * size && characters.every(c => c < 8 * size));
    }),
  );
});

test('special characters are converted to the control characters of a terminal and back', () => {
  const controls = fc.dictionary(fc.constantFrom(...Object.values(terminalControls)), fc.option(octet));
  fc.assert(
    fc.property(controls, given => {
      const server = linemode({ role: 'server', characters: specialCharactersOf(given) });
      const recorder = enabled(server);
      const handler = recorder.telnet.handler(server);
      // Function 0 puts the server's own settings in force.
      recorder.telnet.receive(framed(Option.LINEMODE, [3, 0, 3, 0]));
      const read = terminalControlsOf(names.map(name => handler.character(name)));
      assert.deepEqual(
        Object.entries(read).filter(([, value]) => value !== null),
        Object.entries(terminalControls)
          .map(([, control]) => [control, given[control] ?? null])
          .filter(([, value]) => value !== null),
      );
    }),
  );
  assert.deepEqual(specialCharactersOf({ verase: 127, vkill: null, vintr: undefined }), { EC: 127, EL: null });
  const none = { flushIn: false, flushOut: false };
  const characters: SpecialCharacter[] = [
    { name: 'EC', level: 'VALUE', value: 8, ...none },
    { name: 'EL', level: 'NOSUPPORT', value: null, ...none },
    { name: 'EW', level: 'DEFAULT', value: null, ...none },
    { name: 'MCL', level: 'VALUE', value: 2, ...none },
  ];
  assert.deepEqual(terminalControlsOf(characters), { verase: 8, vkill: null });
});

test('SLC, any triplets at either end: at most 30 answers per message, one per function, none to an ACK', () => {
  fc.assert(
    fc.property(
      settings,
      fc.boolean(),
      fc.array(fc.array(triplet, { maxLength: 120 }), { maxLength: 6 }),
      (own, isServer, list) => {
        const recorder = enabled(linemode({ role: isServer ? 'server' : 'client', characters: own }));
        for (const triplets of list) {
          recorder.entries.length = 0;
          recorder.telnet.receive(framed(Option.LINEMODE, [3, ...triplets.flat()]));
          const answers = sentTriplets(recorder);
          assert(answers.length <= 1 && (answers[0]?.length ?? 0) <= 90);
          const functions = (answers[0] ?? []).filter((_, index) => index % 3 === 0);
          assert.equal(new Set(functions).size, functions.length, 'one for each function');
          const asked = new Set(triplets.filter(([, modifiers]) => (modifiers! & 128) === 0).map(([code]) => code));
          if (!asked.has(0))
            assert(
              functions.every(code => asked.has(code)),
              'no answer to an ACK',
            );
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('SLC: a peer that never acknowledges gets at most three objections per function until we agree', () => {
  const request = fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 3 }), octet);
  fc.assert(
    fc.property(settings, fc.array(request, { maxLength: 200 }), (own, requests) => {
      const recorder = enabled(linemode({ role: 'server', characters: own }));
      const objections = new Map<number, number>();
      for (const [code, level, value] of requests) {
        recorder.entries.length = 0;
        recorder.telnet.receive(framed(Option.LINEMODE, [3, code, level, value]));
        const [answer] = sentTriplets(recorder);
        if (answer === undefined) continue;
        if ((answer[1]! & 128) !== 0) objections.delete(code);
        else {
          objections.set(code, (objections.get(code) ?? 0) + 1);
          assert((answer[1]! & 3) < level, 'an objection is at a lower level');
          assert(objections.get(code)! <= 3);
        }
        if (level === 0) objections.delete(code);
      }
    }),
    { numRuns: 500 },
  );
});

test('any payload of the option: no error is thrown, and the answers stay small', () => {
  const payload = fc.tuple(fc.constantFrom(1, 2, 3, 251, 252, 253, 254, 0), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(fc.boolean(), fc.array(payload, { maxLength: 30 }), (isServer, payloads) => {
      const recorder = enabled(linemode({ role: isServer ? 'server' : 'client', characters: {}, forwardmask: true }));
      for (const [first, rest] of payloads) {
        recorder.entries.length = 0;
        recorder.telnet.receive(framed(Option.LINEMODE, [first, ...rest]));
        assert(recorder.sent().length <= 110);
      }
    }),
    { numRuns: 1000 },
  );
});

/** An action of either end, and the number of bytes that are delivered after it. */
const step = fc.record({
  byServer: fc.boolean(),
  act: fc.oneof(
    fc.record({ mode }),
    fc.record({ settings }),
    fc.record({ import: fc.constantFrom('current' as const, 'default' as const) }),
    fc.record({ forward: fc.option(fc.array(octet, { maxLength: 5 }), { nil: undefined }) }),
  ),
  toServer: fc.integer({ min: 0, max: 40 }),
  toClient: fc.integer({ min: 0, max: 40 }),
});

test('two engines settle in the same mode, whatever they request and however messages interleave', () => {
  fc.assert(
    fc.property(
      settings,
      fc.option(settings, { nil: undefined }),
      fc.array(step, { maxLength: 25 }),
      (theirs, ours, steps) => {
        const ends = {
          server: linemode({
            role: 'server',
            characters: theirs,
            accept: proposed => ({ ...proposed, trapsig: true }),
          }),
          client: linemode({
            role: 'client',
            ...(ours && { characters: ours }),
            forwardmask: true,
            accept: proposed => ({ ...proposed, softTab: false }),
          }),
        };
        const { server, client } = pair([ends.server], [ends.client]);
        const [toServer, toClient]: number[][] = [[], []];
        server.wire = bytes => void toClient!.push(...bytes);
        client.wire = bytes => void toServer!.push(...bytes);
        const deliver = (up: number, down: number) => {
          server.telnet.receive(Uint8Array.from(toServer!.splice(0, up)));
          client.telnet.receive(Uint8Array.from(toClient!.splice(0, down)));
        };
        server.telnet.request(Option.LINEMODE, 'remote', true);
        deliver(9, 9);
        deliver(9, 9);
        const handlers = { server: server.telnet.handler(ends.server), client: client.telnet.handler(ends.client) };
        for (const { byServer, act, toServer: up, toClient: down } of steps) {
          const handler = byServer ? handlers.server : handlers.client;
          if ('mode' in act) handler.propose(readMode(act.mode));
          else if ('settings' in act) handler.setCharacters(act.settings);
          else if ('import' in act) handlers.client.importCharacters(act.import);
          else handlers.server.forward(act.forward);
          deliver(up, down);
        }
        for (let turns = 0; toServer!.length + toClient!.length > 0; turns++) {
          assert(turns < 100, 'they do not settle');
          deliver(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
        }
        assert.deepEqual(handlers.server.mode, handlers.client.mode);
        const warnings = [...server.events(), ...client.events()].filter(event => event.type === 'warning');
        assert.deepEqual(warnings, [], 'neither warns about the other');
      },
    ),
    { numRuns: 1000 },
  );
});

test('two engines agree on every special character after the client has sent its own', () => {
  fc.assert(
    fc.property(settings, fc.option(settings, { nil: undefined }), settings, (theirs, ours, later) => {
      const definitions = {
        server: linemode({ role: 'server', characters: theirs }),
        client: linemode({ role: 'client', ...(ours && { characters: ours }) }),
      };
      const { server, client } = pair([definitions.server], [definitions.client]);
      server.telnet.request(Option.LINEMODE, 'remote', true);
      const ends = [server.telnet.handler(definitions.server), client.telnet.handler(definitions.client)] as const;
      const agree = (when: string) => {
        for (const name of names) {
          const [one, other] = ends.map(end => end.character(name));
          assert.equal(one!.value, other!.value, `${name} ${when}`);
        }
      };
      agree('at the start');
      ends[0].setCharacters(later);
      agree('after a change at the server');
      ends[1].importCharacters('default');
      agree('after an import');
    }),
    { numRuns: 1000 },
  );
});

test('invalid arguments and calls are rejected', () => {
  const throwsCode = (code: string, call: () => unknown) =>
    assert.throws(call, error => error instanceof TelptyError && error.code === code);
  const invalid = (call: () => unknown) => throwsCode('ERR_INVALID_ARGUMENT', call);
  invalid(() => linemode({ role: 'peer' as never }));
  invalid(() => linemode({ role: 'server', accept: 1 as never }));
  invalid(() => linemode({ role: 'server', characters: { DEL: 1 } as never }));
  invalid(() => linemode({ role: 'server', characters: { EC: 256 } }));
  invalid(() => linemode({ role: 'server', characters: { EC: { level: 'SOME' as never } } }));
  const server = linemode({ role: 'server' });
  const client = linemode({ role: 'client' });
  const served = enabled(server).telnet.handler(server);
  const { telnet } = enabled(client);
  invalid(() => served.propose({ echo: true } as never));
  invalid(() => served.propose({ edit: 1 as never }));
  invalid(() => served.forward([256]));
  invalid(() => served.forward('x' as never));
  invalid(() => served.character('DEL' as never));
  throwsCode('ERR_OPTION', () => served.exportCharacters());
  throwsCode('ERR_OPTION', () => served.importCharacters('current'));
  throwsCode('ERR_OPTION', () => telnet.handler(client).forward([13]));
  invalid(() => telnet.handler(client).importCharacters('all' as never));
  telnet.receive(Uint8Array.of(255, 254, Option.LINEMODE));
  throwsCode('ERR_OPTION', () => telnet.handler(client).importCharacters('current'));
  throwsCode('ERR_OPTION', () => telnet.handler(client).propose({ edit: true }));
});
