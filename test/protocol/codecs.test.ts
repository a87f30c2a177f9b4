/**
 * The values that one end sends by an option arrive at the other end. (Other options: terminal-options, com-port, mud,
 * linemode.)
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  binary,
  charset,
  decodeMtts,
  encodeMtts,
  environ,
  MTTS_BITS,
  type MttsName,
  newEnviron,
  Option,
  status,
  suppressGoAhead,
  terminalType,
  windowSize,
} from '../../src/protocol/index.ts';
import { pair } from './support/pair.ts';

const dimension = fc.integer({ min: 0, max: 0xffff });
const printable = fc.stringMatching(/^[!-~]{1,40}$/);

test('NAWS: every size, including those with 255 in them', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(dimension, dimension), { minLength: 1, maxLength: 5 }), sizes => {
      const reports = windowSize({ report: true });
      const { server, client } = pair([windowSize({ receive: true })], [reports]);
      server.telnet.request(Option.NAWS, 'remote', true);
      for (const [columns, rows] of sizes) client.telnet.handler(reports).report(columns, rows);
      const told = server.events().filter(event => event.type === 'window-size');
      assert.deepEqual(
        told,
        sizes.map(([columns, rows]) => ({ type: 'window-size', columns, rows })),
      );
    }),
  );
});

test('TTYPE: every list of names arrives, and so does MTTS', () => {
  const bits = fc.subarray(Object.keys(MTTS_BITS) as MttsName[]);
  const name = printable.filter(text => !/^MTTS/i.test(text));
  const names = fc.uniqueArray(name, { minLength: 1, maxLength: 8, selector: text => text.toUpperCase() });
  fc.assert(
    fc.property(names, fc.option(bits), (list, capabilities) => {
      const mtts = capabilities === null ? [] : [`MTTS ${encodeMtts(capabilities)}`];
      const { server } = pair([terminalType({ collect: true })], [terminalType({ names: [...list, ...mtts] })]);
      server.telnet.request(Option.TTYPE, 'remote', true);
      const last = server.events().findLast(event => event.type === 'terminal-type');
      assert(last?.type === 'terminal-type' && last.complete);
      assert.deepEqual(
        last.names.map(text => text.toUpperCase()),
        list.map(text => text.toUpperCase()),
      );
      if (capabilities !== null) assert.deepEqual(decodeMtts(last.mtts!), capabilities);
    }),
  );
});

for (const [title, option, make] of [
  ['NEW-ENVIRON', Option.NEW_ENVIRON, newEnviron],
  ['ENVIRON', Option.ENVIRON, environ],
] as const) {
  test(`${title}: every name and value arrives, including bytes that need escapes`, () => {
    const text = fc
      .array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 })
      .map(octets => String.fromCharCode(...octets));
    const variable = fc.tuple(
      text.filter(name => name !== ''),
      text,
    );
    const variables = fc.uniqueArray(variable, { minLength: 1, maxLength: 8, selector: ([name]) => name });
    fc.assert(
      fc.property(variables, list => {
        const known = new Map(list);
        const { server } = pair([make({ request: [] })], [make({ offer: known })]);
        server.telnet.request(option, 'remote', true);
        const told = server.events().flatMap(event => (event.type === 'environment' ? event.variables : []));
        assert.deepEqual(new Map(told.map(({ name, value }) => [name, value])), known);
      }),
    );
  });
}

test('CHARSET: one end accepts a proposed name that it supports, and both ends report it', () => {
  const sets = fc.uniqueArray(fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,20}$/), {
    minLength: 1,
    maxLength: 12,
    selector: text => text.toUpperCase(),
  });
  fc.assert(
    fc.property(sets, fc.nat(), (list, which) => {
      const known = list[which % list.length]!;
      const asks = charset({ role: 'server', request: list });
      const accepts = charset({ role: 'client', accept: names => names.find(name => name === known) });
      const { server, client } = pair([asks], [accepts]);
      server.telnet.request(Option.CHARSET, 'local', true);
      const [ours, theirs] = [server, client].map(end => end.events().find(event => event.type === 'charset'));
      assert.deepEqual(ours, { type: 'charset', charset: known, by: 'us' });
      assert.deepEqual(theirs, { type: 'charset', charset: known, by: 'peer' });
    }),
  );
});

test('STATUS: the options that are on at one end are reported to the other', () => {
  const both = { local: true, remote: true };
  const sides = fc.constantFrom('local' as const, 'remote' as const);
  const requests = fc.array(fc.tuple(fc.constantFrom(Option.BINARY, Option.SGA), sides, fc.boolean()), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(requests, list => {
      const asks = status(both);
      const table = () => [binary(both), suppressGoAhead(both)];
      const { server, client } = pair([...table(), asks], [...table(), status(both)]);
      server.telnet.request(Option.STATUS, 'remote', true);
      for (const [option, side, on] of list) server.telnet.request(option, side, on);
      server.telnet.handler(asks).ask();
      const told = server.events().findLast(event => event.type === 'status');
      assert(told?.type === 'status');
      for (const { option, side, enabled } of told.options)
        assert.equal(server.telnet.isEnabled(option, side), enabled, `option ${option}, ${side}`);
      for (const option of [Option.BINARY, Option.SGA]) {
        for (const side of ['local', 'remote'] as const) {
          const isOn = told.options.some(one => one.option === option && one.side === side && one.enabled);
          assert.equal(isOn, server.telnet.isEnabled(option, side));
        }
      }
      assert.equal(client.telnet.isEnabled(Option.STATUS, 'local'), true);
    }),
  );
});
