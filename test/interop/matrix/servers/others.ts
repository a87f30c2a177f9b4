/** Servers that do not run a program on a terminal: a serial line, a chat, and a server made with Twisted. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { connect } from '../../../../src/index.ts';
import { comPort } from '../../../../src/protocol/index.ts';
import { selfSigned } from '../../../support/servers/certificates.ts';
import { Desk } from '../desk.ts';
import { no, notApplicable, type Peer, yes } from '../rows.ts';
import { chatd, ser2net, twisted } from '../theirs.ts';
import type { Visitor } from '../visit.ts';
import * as visit from '../visit.ts';
import { telptyConnect } from './visitor.ts';

/** Each visit has a separate serial line. */
async function serial(visits: (visitor: Visitor) => Promise<void>, ...options: string[]): Promise<void> {
  await using ground = await ser2net();
  await visits(telptyConnect(async () => ground, ...options));
}

async function serialTls(): Promise<void> {
  using certificate = selfSigned('DNS:localhost');
  await using ground = await ser2net(certificate);
  const options = ['--tls', '--tls-ca', certificate.certFile];
  await visit.types(telptyConnect(async () => ground, ...options));
}

/** RFC 2217 with the library: the settings of the real device change, and its server reports them. */
async function serialPort(): Promise<void> {
  await using ground = await ser2net();
  const option = comPort({ role: 'client' });
  const session = await connect({ port: ground.port, telnetOptions: [option], timeout: 300_000 });
  try {
    session.telnet.request(option.code, 'local', true);
    await session.waitFor({ option: option.code, side: 'local' });
    const port = session.telnet.handler(option);
    const told = new Map<string, unknown>();
    session.on('telnet', event => {
      if (event.type === 'com-port') told.set(event.command, event.value);
    });
    port.send('SET-BAUDRATE', 19_200);
    port.send('SET-STOPSIZE', 2);
    await session.waitFor(() => ['SET-BAUDRATE', 'SET-STOPSIZE'].every(command => told.has(command)));
    assert.equal(told.get('SET-BAUDRATE'), 19_200);
    assert.equal(told.get('SET-STOPSIZE'), 2);
    const modes = execFileSync('stty', ['-a', '-F', ground.device], { encoding: 'utf8' });
    assert.match(modes, /^speed 19200 baud;/);
    assert.match(modes, / cstopb/);
  } finally {
    session.destroy();
  }
}

const SERIAL = notApplicable('a serial line has no such property');

export const serialLine: Peer = {
  name: 'ser2net',
  source: 'ser2net, with a line by socat',
  cells: {
    connects: yes(serialPort, 'also sets speed and stop bits (RFC 2217)'),
    types: yes(() => serial(visit.types)),
    size: SERIAL,
    terminal: SERIAL,
    environment: SERIAL,
    password: yes(() => serial(visit.password)),
    resize: SERIAL,
    binary: yes(() => serial(visit.bytes, '--escape', 'none'), 'with `--escape none`'),
    interrupt: yes(() => serial(visit.interrupt)),
    line: notApplicable('the program at the other end edits'),
    charset: yes(() => serial(visit.charset)),
    tls: yes(serialTls),
  },
};

const TWISTED = telptyConnect(twisted);

export const twistedServer: Peer = {
  name: 'Twisted',
  source: 'python3-twisted',
  cells: {
    connects: yes(() => visit.connects(TWISTED)),
    types: yes(() => visit.types(TWISTED)),
    size: yes(() => visit.size(TWISTED)),
    terminal: yes(() => visit.terminal(TWISTED)),
    environment: no('it does not know the option'),
    password: yes(() => visit.password(TWISTED), 'by WILL ECHO'),
    resize: yes(() => visit.resize(TWISTED)),
    binary: no('it writes LF as CR LF'),
    interrupt: yes(() => visit.interrupt(TWISTED)),
    line: yes(() => visit.line(TWISTED), 'without ECHO and SGA'),
    charset: yes(() => visit.charset(TWISTED)),
    tls: notApplicable('the application supplies it'),
  },
};

/** Two users in a chat: each sees the messages of the other. */
async function chat(): Promise<void> {
  await using ground = await chatd();
  const command = telptyConnect(async () => ground).command(ground.port);
  await using ada = Desk.open(command);
  await ada.waitFor(/Enter name:/);
  ada.enter('ada');
  await ada.waitFor(/Welcome, ada!/);
  await using bob = Desk.open(command);
  await bob.waitFor(/Enter name:/);
  bob.enter('bob');
  await bob.waitFor(/Welcome, bob!/);
  bob.enter('hello there');
  await ada.waitFor(/bob: hello there/);
  ada.enter('quit');
  assert.equal(await ada.exitStatus(), 0);
}

const CHAT = notApplicable('not used by a chat');

export const chatServer: Peer = {
  name: "libtelnet's telnet-chatd",
  source: 'libtelnet-utils',
  cells: {
    connects: yes(chat),
    types: yes(chat),
    size: CHAT,
    terminal: CHAT,
    environment: CHAT,
    password: CHAT,
    resize: CHAT,
    binary: CHAT,
    interrupt: CHAT,
    line: CHAT,
    charset: CHAT,
    tls: no('it does not support TLS'),
  },
};
