import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  binary,
  Command,
  charset,
  commandName,
  defineOption,
  echo,
  endOfRecord,
  environ,
  logout,
  newEnviron,
  Option,
  optionName,
  Parser,
  status,
  suppressGoAhead,
  Telnet,
  type TelnetConfig,
  type TelnetHandlers,
  TelptyError,
  terminalType,
  timingMark,
  windowSize,
} from '../../src/protocol/index.ts';
import { Recorder } from './support/recorder.ts';

const both = { local: true, remote: true };
const silent: TelnetHandlers = { send() {}, data() {}, event() {} };
const make = (options: TelnetConfig['options'] = []) => new Telnet(silent, { options });

function throwsCode(code: string, call: () => unknown): void {
  assert.throws(call, error => error instanceof TelptyError && error.code === code);
}
const invalid = (call: () => unknown) => throwsCode('ERR_INVALID_ARGUMENT', call);
const option = (call: () => unknown) => throwsCode('ERR_OPTION', call);

test('commands and options have names', () => {
  assert.equal(commandName(Command.WILL), 'WILL');
  assert.equal(commandName(7), 'command 7');
  assert.equal(optionName(Option.TTYPE), 'TTYPE');
  assert.equal(optionName(Option.NEW_ENVIRON), 'NEW-ENVIRON');
  assert.equal(optionName(99), 'option 99');
});

test('invalid arguments of the constructor are rejected', () => {
  invalid(() => new Telnet(undefined as never, { options: [] }));
  invalid(() => new Telnet({ ...silent, send: undefined as never }, { options: [] }));
  invalid(() => new Telnet(silent, undefined as never));
  invalid(() => new Telnet(silent, { options: undefined as never }));
  invalid(() => new Telnet(silent, { options: [{}] as never }));
  invalid(() => new Telnet(silent, { options: [binary(both), binary(both)] }));
  invalid(() => new Telnet(silent, { options: [], carriageReturn: 'raw' as never }));
  invalid(() => new Telnet(silent, { options: [] }, { subnegotiationBytes: -1 }));
  invalid(() => new Telnet(silent, { options: [] }, { warnings: 1.5 }));
});

test('invalid arguments of the methods are rejected', () => {
  const telnet = make([binary(both), echo({ local: true }), windowSize({ receive: true }), timingMark()]);
  invalid(() => telnet.receive('text' as never));
  invalid(() => telnet.receive([1, 2] as never));
  invalid(() => telnet.write(undefined as never));
  invalid(() => telnet.write(new Uint16Array(1) as never));
  for (const code of [-1, 0, 235, 240, 250, 251, 255, 256, 241.5, Number.NaN, '241'])
    invalid(() => telnet.command(code as number));
  for (const code of [-1, 256, 1.5, undefined]) invalid(() => telnet.request(code as number, 'local', true));
  invalid(() => telnet.request(Option.BINARY, 'here' as never, true));
  invalid(() => telnet.request(Option.BINARY, 'local', 1 as never));
  option(() => telnet.request(Option.TTYPE, 'remote', true));
  option(() => telnet.request(Option.ECHO, 'remote', true));
  option(() => telnet.request(Option.TIMING_MARK, 'local', true));
  option(() => telnet.subnegotiate(Option.TTYPE, new Uint8Array(1)));
  option(() => telnet.subnegotiate(Option.NAWS, new Uint8Array(4)));
  invalid(() => telnet.subnegotiate(Option.NAWS, 'x' as never));
  invalid(() => telnet.subnegotiate(256, new Uint8Array(4)));
  option(() => telnet.handler(windowSize({ receive: true })));
  option(() => telnet.handler(binary(both)));
  // Asking for the state of an option that is not in the table is valid.
  assert.equal(telnet.isEnabled(99, 'local'), false);
  assert.equal(telnet.stateOf(99, 'local'), 'NO');
  assert.equal(telnet.isSettled(99, 'local'), false);
});

test('invalid arguments of the options are rejected', () => {
  invalid(() => defineOption(256, both));
  invalid(() => binary({ local: 'always' as never }));
  invalid(() => terminalType({ names: [] }));
  invalid(() => terminalType({ names: [''] }));
  invalid(() => terminalType({ names: ['x'.repeat(41)] }));
  invalid(() => terminalType({ names: ['é'] }));
  invalid(() => charset({ role: 'peer' as never }));
  invalid(() => charset({ role: 'server', request: [] }));
  invalid(() => charset({ role: 'server', request: ['a;b'] }));
  invalid(() => newEnviron({ request: [''] }));
  invalid(() => newEnviron({ request: ['x'.repeat(250)] }));
  invalid(() => environ({ offer: {} as never }));

  const size = windowSize({ report: true });
  const ears = windowSize({ receive: true });
  invalid(() => make([size]).handler(size).report(80, 65_536));
  invalid(() => make([size]).handler(size).report(80.5, 24));
  option(() => make([ears]).handler(ears).report(80, 24));
  const types = terminalType({ collect: true });
  option(() => make([types]).handler(types).ask());
  const sets = charset({ role: 'client' });
  option(() => make([sets]).handler(sets).ask(['UTF-8']));
  invalid(() => make([sets]).handler(sets).ask([]));
  const variables = newEnviron({ request: ['LANG'], offer: new Map() });
  option(() => make([variables]).handler(variables).ask(['LANG']));
  option(() => make([variables]).handler(variables).inform(['LANG']));
  const view = status(both);
  option(() => make([view]).handler(view).ask());
});

test('a failed ask() does not change the state', () => {
  const types = terminalType({ collect: true });
  const recorder = new Recorder([types]);
  assert.throws(() => recorder.telnet.handler(types).ask());
  recorder.telnet.receive(Uint8Array.of(255, 251, 24));
  recorder.take();
  recorder.telnet.receive(Uint8Array.from([255, 250, 24, 0, 65, 255, 240]));
  recorder.telnet.receive(Uint8Array.from([255, 250, 24, 0, 65, 255, 240]));
  recorder.take();
  recorder.telnet.receive(Uint8Array.from([255, 250, 24, 0, 66, 255, 240]));
  assert.deepEqual(recorder.take(), ['= warning unexpected-subnegotiation TTYPE']);
});

test('definitions are frozen, and connections with the same definition do not share state', () => {
  const types = terminalType({ collect: true });
  assert(Object.isFrozen(types));
  const [one, two] = [new Recorder([types]), new Recorder([types])];
  one.telnet.receive(Uint8Array.from([255, 251, 24, 255, 250, 24, 0, 65, 255, 240]));
  assert.deepEqual(one.telnet.handler(types).names, ['A']);
  assert.deepEqual(two.telnet.handler(types).names, []);
});

test('a Uint8Array of another realm, and a Buffer, are accepted', async () => {
  const { runInNewContext } = await import('node:vm');
  const recorder = new Recorder([]);
  recorder.telnet.receive(runInNewContext('Uint8Array.of(65, 255, 255)') as Uint8Array);
  recorder.telnet.receive(Buffer.from('b\r\nc'));
  assert.deepEqual(recorder.take(), ['= data "A\\u00ffb\\rc"']);
});

test('methods may be called in handlers', () => {
  const sent: number[] = [];
  const telnet: Telnet = new Telnet(
    {
      send: bytes => void sent.push(...bytes),
      data: view => telnet.write(view),
      event: event => {
        if (event.type === 'command') telnet.command(event.command);
        if (event.type === 'option' && event.enabled) telnet.request(event.option, event.side, false);
      },
    },
    { options: [suppressGoAhead(both)] },
  );
  telnet.receive(Uint8Array.from([65, 255, 241, 255, 251, 3, 66]));
  assert.deepEqual(sent, [65, 255, 241, 255, 253, 3, 255, 254, 3, 66]);
  assert.equal(telnet.stateOf(3, 'remote'), 'WANTNO');
});

test('receive() in a handler keeps the order of the input, and copies the bytes', () => {
  const got: string[] = [];
  const telnet: Telnet = new Telnet(
    {
      send() {},
      data: view => {
        const text = String.fromCharCode(...view);
        got.push(text);
        if (text === 'a') {
          const inner = Uint8Array.from([99, 255]);
          telnet.receive(inner);
          inner.fill(0);
          telnet.receive(Uint8Array.of(241));
        }
      },
      event: event => void got.push(event.type),
    },
    { options: [] },
  );
  telnet.receive(Uint8Array.from([97, 255, 241, 98]));
  assert.deepEqual(got, ['a', 'command', 'b', 'c', 'command']);
});

test('if a handler throws, the call throws the same, and no input is lost or processed twice', () => {
  const got: string[] = [];
  let fails = true;
  const telnet = new Telnet(
    {
      send() {},
      data: view => void got.push(String.fromCharCode(...view)),
      event: () => {
        got.push('event');
        if (fails) throw new Error('application error');
      },
    },
    { options: [] },
  );
  const chunk = Uint8Array.from([97, 255, 241, 98, 255, 241, 99]);
  assert.throws(() => telnet.receive(chunk), /application error/);
  chunk.fill(0);
  assert.deepEqual(got, ['a', 'event']);
  assert.throws(() => telnet.receive(Uint8Array.of(100)), /application error/);
  assert.deepEqual(got, ['a', 'event', 'b', 'event']);
  fails = false;
  telnet.receive(new Uint8Array(0));
  assert.deepEqual(got, ['a', 'event', 'b', 'event', 'c', 'd']);
});

test('trace reports sent and received commands and negotiation', () => {
  const seen: string[] = [];
  const telnet = new Telnet(
    {
      ...silent,
      trace: (direction, what) => {
        if (what.kind === 'negotiation') seen.push(`${direction} ${commandName(what.verb)} ${optionName(what.option)}`);
        else if (what.kind === 'command') seen.push(`${direction} ${commandName(what.command)}`);
        else seen.push(`${direction} SB ${optionName(what.option)} ${what.payload.join(' ')}`);
      },
    },
    { options: [terminalType({ collect: true })] },
  );
  telnet.receive(Uint8Array.from([255, 251, 24, 65, 255, 241, 255, 250, 24, 0, 65, 255, 240, 255, 253, 99]));
  telnet.command(Command.NOP);
  assert.deepEqual(seen, [
    'received WILL TTYPE',
    'sent DO TTYPE',
    'sent SB TTYPE 1',
    'received NOP',
    'received SB TTYPE 0 65',
    'sent SB TTYPE 1',
    'received DO option 99',
    'sent WONT option 99',
    'sent NOP',
  ]);
});

test('a subnegotiation without an end uses no more memory than the limit, and none after its end', () => {
  const parser = new Parser('key', 65_536);
  const drain = () => {
    let tokens = 0;
    while (parser.next(false) !== undefined) tokens++;
    return tokens;
  };
  const chunk = new Uint8Array(65_536).fill(120);
  parser.feed(Uint8Array.from([255, 250, 201, 120]));
  drain();
  assert(parser.held < 1024, 'a small one uses little memory');
  let tokens = 0;
  let held = 0;
  const before = process.memoryUsage().arrayBuffers;
  for (let fed = 0; fed < 1024; fed++) {
    parser.feed(chunk);
    tokens += drain();
    held = Math.max(held, parser.held);
  }
  assert.equal(tokens, 1, 'one warning for 64 MB');
  assert(held <= 65_536);
  assert.equal(parser.held, 0, 'a dropped payload is not kept');
  assert(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024);
  parser.feed(Uint8Array.from([255, 240, 65]));
  assert.deepEqual(parser.next(false), { kind: 'data', view: Uint8Array.of(65) });

  const exact = new Parser('key', 65_536);
  exact.feed(Uint8Array.from([255, 250, 201]));
  exact.next(false);
  exact.feed(chunk);
  assert.equal(exact.next(false), undefined);
  assert.equal(exact.held, 65_536);
  exact.feed(Uint8Array.of(255, 240));
  assert.equal(exact.next(false)?.kind, 'subnegotiation');
  assert.equal(exact.held, 0);
});

test('the offer may change; inform() sends its current values', () => {
  const offer = new Map([['LANG', 'C']]);
  const variables = newEnviron({ offer });
  const recorder = new Recorder([variables, logout(both), endOfRecord(both)]);
  recorder.telnet.receive(Uint8Array.of(255, 253, 39));
  recorder.take();
  offer.set('LANG', 'de');
  recorder.telnet.handler(variables).inform(['LANG']);
  assert.deepEqual(recorder.take(), [`< "\\u00ff\\u00fa'\\u0002\\u0003LANG\\u0001de\\u00ff\\u00f0"`]);
});

test('no SEND is longer than 250 octets, whatever the names are', () => {
  const names = Array.from({ length: 60 }, (_, i) => `NAME_${'é'.repeat(i)}${String.fromCharCode(1)}_${i}`);
  const recorder = new Recorder([newEnviron({ request: names })]);
  let longest = 0;
  let messages = 0;
  recorder.wire = bytes => {
    longest = Math.max(longest, bytes.length);
    messages++;
  };
  recorder.telnet.receive(Uint8Array.of(255, 251, 39));
  assert(longest <= 250 && longest > 200 && messages > 10);
});
