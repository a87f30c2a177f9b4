/** docs/protocol.md and the code agree. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientTable } from '../../src/client/options.ts';
import * as protocol from '../../src/protocol/index.ts';
import {
  Command,
  type Consent,
  commandName,
  defaultLimits,
  Option,
  type OptionDefinition,
  optionName,
} from '../../src/protocol/index.ts';
import { optionTable } from '../../src/server/negotiation.ts';
import { CMD } from '../support/clients/test-client.ts';
import { Host } from '../support/servers/host.ts';
import { document, table } from './markdown.ts';

const text = document('docs/protocol.md');
const rows = [...table(text, 'code')];
const commandRows = table(text.slice(text.indexOf('## Commands')), 'code');

/** A cell: the sides that are agreed to, and how. `asked` and `more` are the sides with the marks `!` and `+`. */
function cell(definition: OptionDefinition | undefined, asked: readonly string[], more = false): string {
  if (definition === undefined) return '–';
  const side = (verb: string, consent: Consent) =>
    consent === false
      ? []
      : [`${verb}${asked.includes(verb) ? '!' : ''}${consent === 'request' ? '?' : ''}${more ? '+' : ''}`];
  return [...side('WILL', definition.local), ...side('DO', definition.remote)].join(' ');
}

/** The verbs that a server sends at the start of a connection, by option. */
async function askedAtOnce(): Promise<Map<number, string[]>> {
  await using host = await Host.start({ shell: () => {}, compression: true });
  await using wire = await host.connect({ silent: true });
  await wire.untilEnd();
  const asked = new Map<number, string[]>();
  for (const event of wire.events) {
    if (event.type !== 'negotiate') continue;
    const verbs = asked.get(event.option) ?? [];
    asked.set(event.option, [...verbs, event.command === CMD.WILL ? 'WILL' : 'DO']);
  }
  return asked;
}

test('the table of options has all options, and the behaviour of both ends', async () => {
  const asked = await askedAtOnce();
  const plain = optionTable();
  const server = optionTable(undefined, [], true);
  const nothing = { encoding: 'UTF-8', own: [], environ: new Map<string, string>(), terminal: {} };
  const speed = { transmit: 9_600, receive: 9_600 };
  const terminal = { type: 'xterm', columns: 80, rows: 24, speed, display: 'host:0', location: 'here' };
  const full = clientTable({ ...nothing, terminal, environ: new Map([['LANG', 'C']]), compression: true });
  const bare = clientTable(nothing);
  const of = (definitions: readonly OptionDefinition[], code: number) =>
    definitions.find(definition => definition.code === code);
  assert.deepEqual(
    rows.map(([code, name, , atServer, atClient]) => [code, name, atServer, atClient]),
    Object.values(Option).map(code => [
      String(code),
      optionName(code),
      cell(of(server, code), asked.get(code) ?? [], of(plain, code) === undefined),
      cell(of(full, code), [], of(bare, code) === undefined),
    ]),
  );
});

test('the table of options has the same RFCs as the code', () => {
  const source = document('src/protocol/constants.ts');
  for (const [code, name, rfc] of rows) {
    const comment = new RegExp(`/\\*\\* ([^\\n]*) \\*/\\n  \\w+: ${code},`).exec(
      source.slice(source.indexOf('Option =')),
    );
    const found = /\(RFC (\d+)\)/.exec(comment?.[1] ?? '')?.[1];
    if (found !== undefined) assert.equal(rfc, found, name);
    else assert.match(rfc ?? '', /^\(.*\)$/, name);
  }
});

test('the functions in the table create those options', () => {
  const made = new Map<string, unknown>(Object.entries(protocol));
  const refused = new Set<number>([
    Option.AUTHENTICATION,
    Option.ENCRYPT,
    Option.START_TLS,
    Option.MCCP1,
    Option.EXOPL,
  ]);
  for (const [code, name, , , , engine = ''] of rows) {
    assert.equal(engine === 'refused', refused.has(Number(code)), name);
    if (engine === 'refused') continue;
    const make = made.get(engine);
    assert.equal(typeof make, 'function', engine);
    // All arguments of such functions: the names for role, sides and roles differ.
    const roles = { role: 'server', local: true, collect: true, receive: true, ask: true, request: ['A'] };
    const definition = (make as (roles: object) => OptionDefinition)(roles);
    assert.equal(definition.code, Number(code), name);
  }
});

test('the table of commands is complete', () => {
  assert.deepEqual(
    commandRows.map(([code, name]) => [code, name]),
    Object.values(Command).map(code => [String(code), commandName(code)]),
  );
});

test('the table of limits is complete, with the defaults', () => {
  assert.deepEqual(
    table(text, 'limit').map(([name, value]) => [name, Number(value!.replaceAll(',', ''))]),
    Object.entries(defaultLimits),
  );
});
