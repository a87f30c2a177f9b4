/**
 * The dialogues of the programs of docs/library.md, docs/migration.md and README.md, by name, with the expected
 * answers.
 */
import assert from 'node:assert/strict';
import { ptyShell } from '../../src/index.ts';
import { Device, type Script } from '../client/lab/device.ts';
import { IOS_CONFIGURATION, ios } from '../client/lab/ios.ts';
import { CMD, OPT, subnegotiation, Wire } from '../support/clients/test-client.ts';
import { ask, connectWeb } from '../support/clients/web-client.ts';
import { untilTrue } from '../support/leaks.ts';
import { Host } from '../support/servers/host.ts';
import type { Running } from './programs.ts';

export const PASSWORD = 'lovelace';

const shell = ptyShell('/bin/sh', ['-i'], { env: { PS1: '$ ' } });

/** The server to which the clients connect. */
export function loginServer(): Promise<Host> {
  return Host.start({
    shell: async session => {
      const name = await session.readLine({ prompt: 'login: ' });
      if (name === undefined) return undefined;
      const password = await session.readLine({ prompt: 'Password: ', hidden: true });
      return password === PASSWORD ? shell(session) : undefined;
    },
  });
}

/** A silent client gets a question after 2 s; after three wrong answers its address is banned. */
export async function isRobot(port: number, localAddress = '127.0.0.1'): Promise<void> {
  await using robot = await Wire.connect(port, { silent: true, localAddress });
  for (let attempt = 0; attempt < 3; attempt++) {
    await robot.expect(/press Enter\.\r\n> /);
    robot.send('root\r\n');
  }
  await robot.untilEnd();
}

/** The server for the client of README.md: a switch with a login and one command. */
export function switchServer(): Promise<Host> {
  return Host.start({
    shell: async session => {
      await session.readLine({ prompt: 'Username: ' });
      const password = await session.readLine({ prompt: 'Password: ', hidden: true });
      if (password !== PASSWORD) return;
      for await (const line of session.readLines({ prompt: 'switch# ' }))
        session.write(line === 'show version' ? 'Version 1.0\r\n' : 'unknown command\r\n');
    },
  });
}

/** For a program that uses node:test: its only test must pass. */
async function passes(program: Running): Promise<void> {
  const output = await program.output();
  assert.match(output, /^\S+ pass 1$/m);
  assert.match(output, /^\S+ fail 0$/m);
}

/** For each program that is a server or needs no peer. */
export const talks: Readonly<Record<string, (program: Running, connect: typeof Wire.connect) => Promise<void>>> = {
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
  browsers: async program => {
    await untilTrue(() => /port: \d+/.test(program.stdout), 240_000);
    const port = Number(/port: (\d+)/.exec(program.stdout)![1]);
    assert.equal((await ask(port, '/')).text, 'Play at /play/.\n');
    assert.equal(JSON.parse((await ask(port, '/play/config.json')).text).title, 'NetHack');
    await using wire = await connectWeb(port, { path: '/play/ws' });
    await wire.expectNegotiation(CMD.DO, OPT.TTYPE);
  },
  lines: async (program, connect) => {
    await using wire = await connect(await program.port());
    await wire.expect('Password: ');
    wire.type('xyzzy\r');
    await wire.expect('> ');
    wire.type('hello\r');
    await wire.expect('You say: hello\r\n> ');
  },
  observe: async (program, connect) => {
    const port = await program.port();
    await using wire = await connect(port, { ttype: ['XTERM'], size: [100, 30] });
    await wire.expect('30 100');
    await wire.untilEnd();
    await untilTrue(() => program.stdout.endsWith('\nend\n'));
    const lines = program.stdout.trimEnd().split('\n');
    const text = lines.slice(0, -1).map(line => JSON.parse(line.replace(/^\d+ ms: /, '')));
    assert.equal(text.join(''), '30 100\r\ngood-bye\r\n');
  },
  guarded: async (program, connect) => {
    const port = await program.port();
    await isRobot(port);
    await using again = await connect(port, { silent: true });
    await again.expect('telpty: connections from your address are not accepted');
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
  'test-cli': passes,
  'test-repl': passes,
  'test-screen': passes,
  'test-recording': passes,
  'from-telnetlib3': async (program, connect) => {
    await using wire = await connect(await program.port(), { ttype: ['XTERM'] });
    await wire.expect('Your name? ');
    wire.type('Ada\r');
    await wire.expect('Hello, Ada, at a XTERM.');
    await wire.untilEnd();
  },
  'from-node-pty': async program => assert.equal(await program.output(), '30 100\r\n3\n'),
  pty: async program => assert.match(await program.output(), /^30 100 \{ code: 3, signal: null \}\n$/),
  engine: async program => assert.equal(await program.output(), "[ 'XTERM' ]\nlogin: \n"),
};

/** Reports two events, with different line ends, and closes. */
const reporter: Script = async line => line.print('09:15\tup\n\r10:00\tdown\r\n');

/** The peer of a program, if it is not {@link loginServer}. */
export const peers: Readonly<Record<string, () => Promise<AsyncDisposable & { readonly port: number }>>> = {
  'received-lines': () => Device.start(reporter),
  'connecting-again': () => Device.start(reporter),
  'from-netmiko': () => Device.start(ios({ username: 'ada', password: PASSWORD, secret: 'byron' })),
  devices: () => Device.start(ios({ username: 'ada', password: PASSWORD, secret: 'byron' })),
};

/** For each program that connects: checks its output. */
export const clientTalks: Readonly<Record<string, (output: string) => void>> = {
  client: output => assert.equal(output, '42\n\n'),
  'received-lines': output => assert.equal(output, '09:15 up\n10:00 down\n'),
  'connecting-again': output => assert.equal(output, '09:15\tup\n10:00\tdown\n'.repeat(2)),
  'from-telnet-client': output => assert.equal(output, 'hello\n\n'),
  'from-netmiko': output => assert.equal(output, '*00:07:13.021 UTC Mon Mar 1 1993\n\n'),
  devices: output => assert.equal(output, `sw1# ${IOS_CONFIGURATION.length + 1}\n`),
  'client-patterns': output => assert.equal(output, 'there is a login\nnothing more\n'),
};
