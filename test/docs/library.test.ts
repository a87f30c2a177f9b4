/**
 * docs/library.md, docs/migration.md (and README.md): their programs compile like those of a user, and do what the
 * pages say.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Wire } from '../support/clients/test-client.ts';
import { clientTalks, isRobot, loginServer, peers, talks } from './conversations.ts';
import { document, membersOf, table } from './markdown.ts';
import { programsOf, Workspace } from './programs.ts';

const text = document('docs/library.md');
const programs = [...programsOf(text), ...programsOf(document('docs/migration.md'))];
const workspace = new Workspace([...programs, ...programsOf(document('README.md'))]);
after(() => workspace[Symbol.dispose]());

for (const [name, talk] of Object.entries(talks)) {
  test(`program ${name}`, async () => {
    await using program = workspace.start(name);
    await talk(program, Wire.connect);
  });
}

test('program guarded: the list of banned addresses is bounded, and the oldest one is removed first', async () => {
  const edit = (code: string) => {
    const edited = code.replace('MAX_BANNED = 10_000', 'MAX_BANNED = 2');
    assert.notEqual(edited, code);
    return edited;
  };
  await using program = workspace.start('guarded', 0, edit);
  const port = await program.port();
  const addresses = ['127.0.0.2', '127.0.0.3', '127.0.0.4'] as const;
  for (const address of addresses) await isRobot(port, address);
  const denied = 'telpty: connections from your address are not accepted';
  for (const localAddress of addresses.slice(1)) {
    await using wire = await Wire.connect(port, { silent: true, localAddress });
    await wire.expect(denied);
  }
  await using first = await Wire.connect(port, { silent: true, localAddress: addresses[0] });
  await first.expect(/press Enter/);
});

for (const [name, judge] of Object.entries(clientTalks)) {
  test(`program ${name}`, async () => {
    await using host = await (peers[name] ?? loginServer)();
    await using program = workspace.start(name, host.port);
    judge(await program.output());
  });
}

test('every named program of the pages is run', () => {
  // test/package/documents.test.ts runs 'tls', with the files that it reads.
  const named = programs.flatMap(({ name }) => name ?? []).filter(name => name !== 'tls');
  assert.deepEqual(named.toSorted(), [...Object.keys(talks), ...Object.keys(clientTalks)].toSorted());
});

/** The names in the first column of a table; several in a cell are each in backticks. */
function namesIn(heading: string, after = ''): string[] {
  const rows = table(text.slice(text.indexOf(after)), heading);
  return rows.flatMap(([cell = '']) => [...cell.matchAll(/\w+(?:-\w+)*/g)].map(([name]) => name)).sort();
}

test('the table of server events is complete', () => {
  const events = table(text, 'server event').map(([cell = '']) => cell.replaceAll("'", ''));
  assert.deepEqual(events.sort(), membersOf('src/server/server.ts', 'ServerEvents'));
});

test('the table of events has all events that a session defines', () => {
  const streams = new Set(['data', 'end', 'close']);
  assert.deepEqual(
    namesIn('event').filter(name => !streams.has(name)),
    membersOf('src/session/events.ts', 'SessionEvents'),
  );
});

test('the table of errors is complete', () => {
  const source = document('src/errors.ts');
  const codes = [...source.matchAll(/^ {2}\| '(ERR_\w+)'/gm)].map(([, code]) => code);
  assert.deepEqual(
    table(text.slice(text.indexOf('## Errors')), 'code').map(([code]) => code),
    codes,
  );
});

test('the links of the documents resolve', () => {
  for (const name of [
    'README.md',
    'docs/library.md',
    'docs/migration.md',
    'docs/protocol.md',
    'docs/architecture.md',
  ]) {
    const anchors = (markdown: string) =>
      [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replace(/[^\w -]/g, '')
          .replaceAll(' ', '-'),
      );
    for (const [, target = ''] of document(name).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? name : new URL(path, `file:///${name}`).pathname.slice(1);
      if (file.endsWith('/')) continue;
      const linked = document(file);
      if (anchor !== undefined) assert(anchors(linked).includes(anchor), `${name}: ${target}`);
    }
  }
});
