import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  flowControl,
  Option,
  type OptionDefinition,
  sendLocation,
  TelptyError,
  terminalSpeed,
  xDisplayLocation,
} from '../../src/protocol/index.ts';
import { enabled, framed, pair } from './support/pair.ts';

const rate = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 300, 9_600, 0xffff_ffff));
const printable = fc
  .string({ unit: 'binary-ascii', minLength: 1, maxLength: 255 })
  .map(text => text.replace(/[^ -~]/g, ' '));

test('the values that one end sends arrive at the other end', () => {
  fc.assert(
    fc.property(rate, rate, printable, printable, (transmit, receive, place, moved) => {
      const display = place.replaceAll(' ', '_');
      const location = sendLocation({ location: place });
      const { server, client } = pair(
        [terminalSpeed({ ask: true }), xDisplayLocation({ ask: true }), sendLocation({ receive: true })],
        [terminalSpeed({ speed: { transmit, receive } }), xDisplayLocation({ display }), location],
      );
      for (const code of [Option.TSPEED, Option.XDISPLOC, Option.SNDLOC]) server.telnet.request(code, 'remote', true);
      client.telnet.handler(location).report(moved);
      const told = server.events().filter(event => event.type !== 'option');
      assert.deepEqual(told, [
        { type: 'terminal-speed', transmit, receive },
        { type: 'x-display-location', display },
        { type: 'location', location: place },
        ...(moved === place ? [] : [{ type: 'location', location: moved }]),
      ]);
      assert.deepEqual(
        client.events().filter(event => event.type !== 'option'),
        [],
      );
    }),
  );
});

test('flow control: the last state applies, whether it was set before or after the option was enabled', () => {
  const state = fc.record(
    { enabled: fc.boolean(), restart: fc.constantFrom('any' as const, 'xon' as const) },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(state, { maxLength: 5 }), fc.array(state, { maxLength: 10 }), (before, after) => {
      const controls = flowControl({ remote: true });
      const obeys = flowControl({ local: true });
      const { server, client } = pair([controls], [obeys]);
      for (const wanted of before) server.telnet.handler(controls).control(wanted);
      server.telnet.request(Option.LFLOW, 'remote', true);
      for (const wanted of after) server.telnet.handler(controls).control(wanted);
      const last = Object.assign({ enabled: true, restart: undefined }, ...before, ...after);
      assert.deepEqual(client.telnet.handler(obeys).state, last);
      client.telnet.request(Option.LFLOW, 'local', false);
      assert.deepEqual(client.telnet.handler(obeys).state, { enabled: true, restart: undefined });
    }),
  );
});

test('any payload to either end: no error is thrown, values are printable and bounded, and answers are few', () => {
  const definitions: OptionDefinition[] = [
    terminalSpeed({ ask: true }),
    terminalSpeed({ speed: { transmit: 1, receive: 2 } }),
    xDisplayLocation({ ask: true }),
    xDisplayLocation({ display: ':0' }),
    sendLocation({ receive: true }),
    sendLocation({ location: 'Lab' }),
    flowControl({ remote: true }),
    flowControl({ local: true }),
  ];
  const text = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: fc.constantFrom(...'0123456789,: a\x1b') }).map(string => Buffer.from(string, 'latin1')),
  );
  const payload = fc.tuple(fc.constantFrom([0], [1], [2], []), text).map(([head, rest]) => [...head, ...rest]);
  fc.assert(
    fc.property(fc.constantFrom(...definitions), fc.array(payload, { maxLength: 8 }), (definition, payloads) => {
      const recorder = enabled(definition);
      for (const octets of payloads) recorder.telnet.receive(framed(definition.code, octets));
      assert(recorder.sent().length <= 12 * payloads.length);
      for (const event of recorder.events()) {
        const told =
          event.type === 'location' ? event.location : event.type === 'x-display-location' ? event.display : ':';
        assert.match(told, /^[ -~]{1,255}$/);
      }
    }),
    { numRuns: 1000 },
  );
});

test('invalid arguments and calls are rejected', () => {
  const throwsCode = (code: string, call: () => unknown) =>
    assert.throws(call, error => error instanceof TelptyError && error.code === code);
  const invalid = (call: () => unknown) => throwsCode('ERR_INVALID_ARGUMENT', call);
  invalid(() => terminalSpeed({ speed: { transmit: -1, receive: 0 } }));
  invalid(() => terminalSpeed({ speed: { transmit: 0, receive: 2 ** 32 } }));
  invalid(() => terminalSpeed({ ask: 1 as never }));
  invalid(() => xDisplayLocation({ display: '' }));
  invalid(() => xDisplayLocation({ display: 'a b' }));
  invalid(() => xDisplayLocation({ display: 'a'.repeat(256) }));
  invalid(() => sendLocation({ location: 'a\n' }));
  const ears = sendLocation({ receive: true });
  throwsCode('ERR_OPTION', () => enabled(ears).telnet.handler(ears).report('Lab'));
  const obeys = flowControl({ local: true });
  throwsCode('ERR_OPTION', () => enabled(obeys).telnet.handler(obeys).control({ enabled: false }));
  const controls = flowControl({ remote: true });
  invalid(() =>
    enabled(controls)
      .telnet.handler(controls)
      .control({ enabled: 1 as never }),
  );
  invalid(() =>
    enabled(controls)
      .telnet.handler(controls)
      .control({ restart: 'none' as never }),
  );
  const asks = terminalSpeed({ ask: true });
  const { telnet } = enabled(asks);
  telnet.receive(Uint8Array.of(255, 252, Option.TSPEED));
  throwsCode('ERR_OPTION', () => telnet.handler(asks).ask());
});
