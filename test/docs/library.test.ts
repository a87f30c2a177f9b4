/** docs/library.md (and README.md): their programs compile as those of a user do, and do what they say. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ptyShell, readLine } from '../../src/index.ts';
import { Host } from '../support/host.ts';
import { CMD, OPT, subnegotiation, Wire } from '../support/wire.ts';
import { document, table } from './markdown.ts';
import { programsOf, type Running, Workspace } from './programs.ts';

const text = document('docs/library.md');
const programs = programsOf(text);
const workspace = new Workspace([...programs, ...programsOf(document('README.md'))]);
after(() => workspace[Symbol.dispose]());

const shell = ptyShell('/bin/sh', ['-i'], { env: { PS1: '$ ' } });

/** What the page's clients connect to. */
function loginServer(): Promise<Host> {
  return Host.start({
    shell: async session => {
      const name = await readLine(session, { prompt: 'login: ' });
      if (name === undefined) return undefined;
      const password = await readLine(session, { prompt: 'Password: ', hidden: true });
      return password === 'lovelace' ? shell(session) : undefined;
    },
  });
}

/** Whoever is silent is asked after two seconds; three wrong answers, and the address is banned. */
async function isRobot(port: number, localAddress = '127.0.0.1'): Promise<void> {
  await using robot = await Wire.connect(port, { silent: true, localAddress });
  for (let attempt = 0; attempt < 3; attempt++) {
    await robot.expect(/press Enter\.\r\n> /);
    robot.send('root\r\n');
  }
  await robot.untilEnd();
}

/** What is said to each program that is run. */
const talks: Readonly<Record<string, (program: Running, connect: typeof Wire.connect) => Promise<void>>> = {
  'first-server': async (program, connect) => {
    const port = await program.port();
    await using wire = await connect(port, { ttype: ['XTERM'], size: [100, 30] });
    wire.type('stty size\r');
    await wire.expect('30 100');
    assert.equal(program.stdout, `telnet 127.0.0.1 ${port}\n`);
  },
  'own-shell': async (program, connect) => {
    await using wire = await connect(await program.port());
    await wire.expect('You are 127.0.0.1.\r\nAnd your name? ');
    wire.type('Ada\r');
    await wire.expect('Good-bye, Ada.');
    await wire.untilEnd();
  },
  'wait-for-type': async (program, connect) => {
    await using wire = await connect(await program.port(), { ttype: ['VT220'] });
    await wire.expect('Your terminal is VT220.');
  },
  lines: async (program, connect) => {
    await using wire = await connect(await program.port());
    await wire.expect('Password: ');
    wire.type('xyzzy\r');
    await wire.expect('> ');
    wire.type('hello\r');
    await wire.expect('You say: hello\r\n> ');
  },
  guarded: async (program, connect) => {
    const port = await program.port();
    await isRobot(port);
    await using again = await connect(port, { silent: true });
    await again.expect('telpty: connections from your address are not taken here');
  },
  composition: async (program, connect) => {
    const port = await program.port();
    await using yes = await connect(port, { ttype: ['XTERM'], size: [80, 24] });
    await yes.expect('Do you want to know the time? [yn]');
    yes.type('y');
    await yes.expect(/It is 20\d\d\.\r\nGood-bye\./);
    await using no = await connect(port);
    no.type('n');
    await no.expect('Good-bye.');
    await no.untilEnd();
    assert(!no.text().includes('It is'));
  },
  options: async (program, connect) => {
    await using wire = await connect(await program.port(), { accept: [OPT.GMCP] });
    await wire.expectEvent(event => event.type === 'subnegotiation' && event.option === OPT.GMCP);
    const [sent] = wire.events.flatMap(event =>
      event.type === 'subnegotiation' && event.option === OPT.GMCP ? [event.payload.toString()] : [],
    );
    assert.equal(sent, 'Char.Vitals {"hp":10,"maxhp":20}');
    wire.send(subnegotiation(OPT.GMCP, Buffer.from('Core.Hello {"client":"test"}')));
    await wire.expect('Core.Hello says {"client":"test"}');
  },
  'own-option': async (program, connect) => {
    await using wire = await connect(await program.port(), { accept: [150] });
    await wire.expectNegotiation(CMD.DO, 150);
    wire.send(subnegotiation(150, [21]));
    await wire.expect('It is 21 degrees at your place.');
  },
  pty: async program => assert.match(await program.output(), /^30 100 \{ code: 3, signal: null \}\n$/),
  engine: async program => assert.equal(await program.output(), "[ 'XTERM' ]\nlogin: \n"),
};

const clientTalks: Readonly<Record<string, (output: string) => void>> = {
  client: output => assert.equal(output, '42\n\n'),
  'client-patterns': output => assert.equal(output, 'there is a login\nnothing more\n'),
};

for (const [name, talk] of Object.entries(talks)) {
  test(`library.md: ${name}`, async () => {
    await using program = workspace.start(name);
    await talk(program, Wire.connect);
  });
}

test('library.md: guarded: the list of the banned has an end, and the oldest one leaves it', async () => {
  const edit = (code: string) => {
    const edited = code.replace('MOST_BANNED = 10_000', 'MOST_BANNED = 2');
    assert.notEqual(edited, code);
    return edited;
  };
  await using program = workspace.start('guarded', 0, edit);
  const port = await program.port();
  const addresses = ['127.0.0.2', '127.0.0.3', '127.0.0.4'] as const;
  for (const address of addresses) await isRobot(port, address);
  const denied = 'telpty: connections from your address are not taken here';
  for (const localAddress of addresses.slice(1)) {
    await using wire = await Wire.connect(port, { silent: true, localAddress });
    await wire.expect(denied);
  }
  await using first = await Wire.connect(port, { silent: true, localAddress: addresses[0] });
  await first.expect(/press Enter/);
});

for (const [name, judge] of Object.entries(clientTalks)) {
  test(`library.md: ${name}`, async () => {
    await using host = await loginServer();
    await using program = workspace.start(name, host.port);
    judge(await program.output());
  });
}

test('every program that the page says to be run is run', () => {
  const named = programs.flatMap(({ name }) => name ?? []);
  assert.deepEqual(named.toSorted(), [...Object.keys(talks), ...Object.keys(clientTalks)].toSorted());
});

/** The names that an interface declares, in a file of src/. */
function membersOf(file: string, name: string): string[] {
  const [, body = ''] = new RegExp(`^export interface ${name}[^{]*\\{\\n(.*?)^\\}`, 'ms').exec(document(file)) ?? [];
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm)].map(([, member = '']) => member).sort();
}

/** The names in the first column of a table; several in a cell stand in backticks of their own. */
function namesIn(heading: string, after = ''): string[] {
  const rows = table(text.slice(text.indexOf(after)), heading);
  return rows.flatMap(([cell = '']) => [...cell.matchAll(/\w+(?:-\w+)*/g)].map(([name]) => name)).sort();
}

test('the tables of options have all that createServer(), connect() and the guards take', () => {
  assert.deepEqual(namesIn('option'), membersOf('src/server/server.ts', 'ServerOptions'));
  assert.deepEqual(namesIn('option of `limit()`'), membersOf('src/shells/limit.ts', 'LimitOptions'));
  assert.deepEqual(namesIn('option of `robotCheck()`'), membersOf('src/shells/robot-check.ts', 'RobotCheckOptions'));
  const waiting = membersOf('src/session/waiting.ts', 'WaitOptions');
  const connecting = membersOf('src/client/connect.ts', 'ConnectOptions');
  assert.deepEqual(namesIn('option of `connect()`'), [...connecting, ...waiting].sort());
});

test('the table of options of listen() has all, and that of its events', () => {
  const listening = ['src/transport/tcp.ts', 'src/transport/entrance.ts'] as const;
  const known = [...membersOf(listening[0], 'TcpListenOptions'), ...membersOf(listening[1], 'ListenOptions')];
  const rows = table(text, 'option of `listen()`').map(([cell = '']) => cell.replaceAll('`', ''));
  assert.deepEqual(rows.sort(), known.sort());
  const events = table(text, 'server event').map(([cell = '']) => cell.replaceAll("'", ''));
  assert.deepEqual(events.sort(), membersOf('src/server/server.ts', 'ServerEvents'));
});

test("the table of events has all that are a session's own", () => {
  const streams = new Set(['data', 'end', 'close']);
  assert.deepEqual(
    namesIn('event').filter(name => !streams.has(name)),
    membersOf('src/session/events.ts', 'SessionEvents'),
  );
});

test('the table of errors has all codes', () => {
  const source = document('src/errors.ts');
  const codes = [...source.matchAll(/^ {2}\| '(ERR_\w+)'/gm)].map(([, code]) => code);
  assert.deepEqual(
    table(text.slice(text.indexOf('## Errors')), 'code').map(([code]) => code),
    codes,
  );
});

test('the links of the documents lead somewhere', () => {
  for (const name of ['README.md', 'docs/library.md', 'docs/protocol.md', 'docs/architecture.md']) {
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
