/** npm's telnet-client. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { type SendOptions, Telnet } from 'telnet-client';
import type { Ground } from '../grounds.ts';
import { characterServer, lineServer, loginServer, tlsServer } from '../ours.ts';
import { no, type Peer, yes } from '../rows.ts';

const PROMPT = /ready> $/;
const OPTIONS = {
  shellPrompt: PROMPT,
  negotiationMandatory: false,
  timeout: 300_000,
  execTimeout: 300_000,
  sendTimeout: 300_000,
};

type Options = Parameters<Telnet['connect']>[0];

async function visiting(ground: Ground, options: Options, then: (client: Telnet) => Promise<void>): Promise<void> {
  const client = new Telnet();
  client.on('error', () => {});
  try {
    await client.connect({ host: '127.0.0.1', port: ground.port, ...OPTIONS, ...options });
    await then(client);
  } finally {
    await client.destroy();
  }
}

const said = async (client: Telnet, what: string, waitFor: RegExp): Promise<string> => {
  const options: SendOptions = { waitFor, timeout: 300_000 };
  const answer = await client.send(what, options);
  assert.match(answer, waitFor);
  return answer;
};

const asks =
  (line: string, answer: RegExp, where: () => Promise<Ground> = characterServer) =>
  async () =>
    visiting(await where(), {}, async client => {
      await said(client, `${line}\n`, answer);
    });

async function connects(): Promise<void> {
  await visiting(await characterServer(), {}, async client => {
    const closed = new Promise<void>(resolve => client.once('close', () => resolve()));
    client.getSocket()?.write('quit\n');
    await closed;
  });
}

async function password(): Promise<void> {
  const login = { username: 'ada', password: 'sesame', loginPrompt: /login: $/, passwordPrompt: /Password: $/ };
  await visiting(await loginServer(), { ...login, negotiationMandatory: true }, async client => {
    assert.match(await client.exec('say hello'), /heard <hello>/);
  });
}

async function interrupt(): Promise<void> {
  await visiting(await characterServer(), {}, async client => {
    await said(client, 'interrupt\n', /waiting/);
    await said(client, '\x03', /interrupted/);
  });
}

async function tls(): Promise<void> {
  const ground = await tlsServer();
  const socket = connectTls({
    port: ground.port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: ground.certificate.cert,
  });
  await once(socket, 'secureConnect');
  await visiting(ground, { sock: socket }, async client => {
    await said(client, 'say hello\n', /heard <hello>/);
  });
}

// With `terminalWidth` it sends a size and agrees to send its terminal type. Its reply to the request for the type is
// the first three bytes of the request, IAC SB TERMINAL-TYPE, so that everything it sends later is inside an
// unterminated subnegotiation. It does that with any server.
const UNENDED = 'if configured to send it, it also starts an answer about its terminal type and never ends it';
const REFUSES = 'it refuses the option';

export const telnetClient: Peer = {
  name: 'telnet-client',
  source: 'npm telnet-client',
  cells: {
    connects: yes(connects),
    types: yes(asks('say hello', /heard <hello>/)),
    size: no(UNENDED, asks('size', /size 24 80/)),
    terminal: no(REFUSES, asks('term', /terminal <xterm>/)),
    environment: no(REFUSES, asks('env CLIENT_NAME', /CLIENT_NAME <>/)),
    password: yes(password),
    resize: no('it sends its size once'),
    binary: no('it handles text only'),
    interrupt: yes(interrupt),
    line: yes(asks('say hello', /heard <hello>/, lineServer)),
    charset: yes(asks('hex é漢', /bytes c3 a9 e6 bc a2/)),
    tls: yes(tls, 'in a TLS socket that the application supplies'),
  },
};
