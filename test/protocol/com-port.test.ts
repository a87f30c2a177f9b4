import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type ComPortCommand,
  type ComPortValues,
  comPort,
  LineState,
  ModemState,
  Option,
  type TelnetEvent,
} from '../../src/protocol/index.ts';
import { COM_PORT_COMMANDS, CONTROLS } from '../../src/protocol/options/com-port.ts';
import { enabled, framed, pair } from './support/pair.ts';

// The bytes on the wire are tested in test/vectors/options/com-port.txt.

const question = fc.constant(undefined);
const bits = fc.integer({ min: 0, max: 255 });
const VALUES: { readonly [C in ComPortCommand]: fc.Arbitrary<ComPortValues[C]> } = {
  SIGNATURE: fc.oneof(question, fc.string({ unit: 'grapheme', minLength: 1 })),
  'SET-BAUDRATE': fc.oneof(question, fc.integer({ min: 1, max: 0xffff_ffff })),
  'SET-DATASIZE': fc.constantFrom(undefined, 5, 6, 7, 8),
  'SET-PARITY': fc.constantFrom(undefined, 'NONE', 'ODD', 'EVEN', 'MARK', 'SPACE'),
  'SET-STOPSIZE': fc.constantFrom(undefined, 1, 1.5, 2),
  'SET-CONTROL': fc.constantFrom(...CONTROLS),
  'NOTIFY-LINESTATE': fc.oneof(question, bits),
  'NOTIFY-MODEMSTATE': fc.oneof(question, bits),
  'FLOWCONTROL-SUSPEND': question,
  'FLOWCONTROL-RESUME': question,
  'SET-LINESTATE-MASK': bits,
  'SET-MODEMSTATE-MASK': bits,
  'PURGE-DATA': fc.constantFrom('RECEIVE', 'TRANSMIT', 'BOTH'),
};
const message = fc
  .constantFrom(...COM_PORT_COMMANDS)
  .chain(command => fc.record({ command: fc.constant(command), value: VALUES[command] as fc.Arbitrary<never> }));

test('every message arrives unchanged at the other end, in both directions', () => {
  const port = comPort({ role: 'server' });
  const user = comPort({ role: 'client' });
  const { server, client } = pair([port], [user]);
  client.telnet.request(Option.COM_PORT, 'local', true);
  assert(server.telnet.isEnabled(Option.COM_PORT, 'remote'));
  fc.assert(
    fc.property(message, fc.boolean(), ({ command, value }, fromServer) => {
      for (const end of [server, client]) end.take();
      (fromServer ? server.telnet.handler(port) : client.telnet.handler(user)).send(command, value);
      assert.deepEqual((fromServer ? client : server).events(), [{ type: 'com-port', command, value }]);
    }),
  );
});

test('an access server answers as RFC 2217 requires', () => {
  const port = comPort({ role: 'server', signature: 'a port' });
  const user = comPort({ role: 'client' });
  const { server, client } = pair([port], [user]);
  let rate = 9600;
  const answer = (event: TelnetEvent) => {
    if (event.type !== 'com-port' || event.command !== 'SET-BAUDRATE') return;
    rate = event.value ?? rate;
    server.telnet.handler(port).send('SET-BAUDRATE', rate);
  };
  client.telnet.request(Option.COM_PORT, 'local', true);
  client.take();
  const asking = client.telnet.handler(user);
  asking.send('SIGNATURE', undefined);
  asking.send('SET-BAUDRATE', undefined);
  server.events().forEach(answer);
  server.take();
  asking.send('SET-BAUDRATE', 19_200);
  server.events().forEach(answer);
  const told = client.events().map(event => event.type === 'com-port' && [event.command, event.value]);
  assert.deepEqual(told, [
    ['SIGNATURE', 'a port'],
    ['SET-BAUDRATE', 9600],
    ['SET-BAUDRATE', 19_200],
  ]);
});

test('the masks of the client filter notifications, and are reset when the option is enabled again', () => {
  const port = comPort({ role: 'server' });
  const user = comPort({ role: 'client' });
  const { server, client } = pair([port], [user]);
  client.telnet.request(Option.COM_PORT, 'local', true);
  const told = () =>
    client.take().flatMap(line => (line.startsWith('= com-port') ? [line.slice('= com-port '.length)] : []));
  const change = () => {
    server.telnet.handler(port).notify('NOTIFY-LINESTATE', LineState.BREAK_DETECT | LineState.DATA_READY);
    server.telnet.handler(port).notify('NOTIFY-MODEMSTATE', ModemState.CARRIER_DETECT);
    return told();
  };
  assert.deepEqual(change(), ['NOTIFY-MODEMSTATE 128']);
  client.telnet.handler(user).send('SET-LINESTATE-MASK', LineState.BREAK_DETECT);
  client.telnet.handler(user).send('SET-MODEMSTATE-MASK', 255 - ModemState.CARRIER_DETECT);
  assert.deepEqual(change(), ['NOTIFY-LINESTATE 16']);
  client.telnet.request(Option.COM_PORT, 'remote', true);
  assert.deepEqual(change(), ['NOTIFY-LINESTATE 16'], 'the other side is enabled, too');
  client.telnet.request(Option.COM_PORT, 'remote', false);
  for (const on of [false, true]) client.telnet.request(Option.COM_PORT, 'local', on);
  assert.deepEqual(change(), ['NOTIFY-MODEMSTATE 128']);
  assert.throws(() => client.telnet.handler(user).notify('NOTIFY-LINESTATE', 1), { code: 'ERR_INVALID_ARGUMENT' });
  assert.throws(() => server.telnet.handler(port).notify('SIGNATURE' as never, 1), { code: 'ERR_INVALID_ARGUMENT' });
  assert.throws(() => server.telnet.handler(port).notify('NOTIFY-LINESTATE', 256), { code: 'ERR_INVALID_ARGUMENT' });
  client.telnet.request(Option.COM_PORT, 'local', false);
  assert.throws(() => server.telnet.handler(port).notify('NOTIFY-LINESTATE', 1), { code: 'ERR_OPTION' });
});

test('any payload: no error is thrown, and at most one event and one warning are emitted', () => {
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 8 }),
    fc.tuple(fc.integer({ min: 0, max: 113 }), fc.uint8Array({ maxLength: 5 })).map(([code, rest]) => [code, ...rest]),
  );
  fc.assert(
    fc.property(payload, fc.constantFrom('server' as const, 'client' as const), (octets, role) => {
      const recorder = enabled(comPort({ role, signature: 'x' }));
      recorder.telnet.receive(framed(Option.COM_PORT, octets));
      const types = recorder.events().map(event => event.type);
      assert(types.length >= 1 && types.length <= 2 && new Set(types).size === types.length);
    }),
    { numRuns: 2000 },
  );
});

test('invalid arguments and calls are rejected', () => {
  const port = comPort({ role: 'server' });
  const { telnet } = enabled(port);
  const handler = telnet.handler(port);
  const invalid = (call: () => unknown) => assert.throws(call, { code: 'ERR_INVALID_ARGUMENT' });
  invalid(() => comPort({ role: 'peer' as never }));
  invalid(() => comPort({ role: 'server', signature: 1 as never }));
  invalid(() => handler.send('SET-SPEED' as never, 1 as never));
  for (const rate of [0, -1, 1.5, 2 ** 32, '9600']) invalid(() => handler.send('SET-BAUDRATE', rate as number));
  for (const size of [4, 9, null]) invalid(() => handler.send('SET-DATASIZE', size as never));
  invalid(() => handler.send('SET-PARITY', 'none' as never));
  invalid(() => handler.send('SET-STOPSIZE', 3 as never));
  invalid(() => handler.send('SET-CONTROL', undefined as never));
  invalid(() => handler.send('PURGE-DATA', undefined as never));
  invalid(() => handler.send('SET-LINESTATE-MASK', 256));
  invalid(() => handler.send('SET-MODEMSTATE-MASK', undefined as never));
  invalid(() => handler.send('FLOWCONTROL-SUSPEND', 1 as never));
  invalid(() => handler.send('SIGNATURE', 1 as never));
  telnet.receive(Uint8Array.of(255, 252, Option.COM_PORT));
  assert.throws(() => handler.send('SIGNATURE', undefined), { code: 'ERR_OPTION' });
});

test('the bits of the states have the values of RFC 2217', () => {
  assert.equal(LineState.BREAK_DETECT | LineState.FRAMING_ERROR, 0x18);
  assert.equal(ModemState.CARRIER_DETECT | ModemState.CLEAR_TO_SEND, 0x90);
  for (const names of [LineState, ModemState]) {
    assert.equal(
      Object.values(names).reduce((sum, bit) => sum + bit, 0),
      255,
    );
  }
});
