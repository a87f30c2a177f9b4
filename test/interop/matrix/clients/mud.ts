/** MUD clients: they draw the text by lines, and have a line of their own to type in. */
import assert from 'node:assert/strict';
import { requireTool } from '../../../support/tools.ts';
import { no, type Peer, yes } from '../rows.ts';
import type { Visitor } from '../visit.ts';
import * as visit from '../visit.ts';

const TINTIN: Visitor = {
  command: () => [requireTool('tt++'), '-G'],
  first: port => `#session t 127.0.0.1 ${port}`,
};
const TINTIN_TLS: Visitor = { ...TINTIN, first: port => `#ssl t localhost ${port}` };

export const tintin: Peer = {
  name: 'TinTin++',
  source: 'tintin++',
  cells: {
    connects: yes(() => visit.connects(TINTIN, /#SESSION 't' DIED\./)),
    types: yes(() => visit.types(TINTIN)),
    size: yes(() => visit.size(TINTIN)),
    terminal: yes(() => visit.terminal(TINTIN)),
    environment: yes(() => visit.environment(TINTIN, 'CLIENT_NAME', 'TinTin++'), 'the variables of MNES, about itself'),
    password: yes(() => visit.password(TINTIN)),
    resize: yes(() => visit.resize(TINTIN)),
    binary: no('it draws text'),
    interrupt: yes(() => visit.interrupt(TINTIN)),
    line: yes(() => visit.line(TINTIN)),
    charset: yes(() => visit.charset(TINTIN), 'negotiated by CHARSET'),
    tls: yes(() => visit.tls(() => TINTIN_TLS), 'it keeps the certificate it sees first, and checks none'),
  },
};

// Without -v it divides the screen, and shows what was typed and prompts in another part than answers.
const TF: Visitor = { command: port => [requireTool('tf5'), '-f/dev/null', '-v', '127.0.0.1', String(port)] };
const TF_TLS: Visitor = {
  command: port => [requireTool('tf5'), '-f/dev/null', '-v', '-n', `-c/connect -x localhost ${port}`],
};

/** While the server echoes, it takes all for passwords, and shows what is typed only once it was sent. */
async function typesUnseen(): Promise<void> {
  await using desk = await visit.arrive(TF);
  desk.type('say helo\x7flo\r');
  await desk.waitFor(/\nsay hello\nheard <hello>\n/);
}

async function passwordUnseen(): Promise<void> {
  await using desk = await visit.arrive(TF);
  desk.enter('secret');
  await desk.waitFor(/\nPassword:/);
  desk.enter('sesame');
  await desk.waitFor(/\n6 letters\n/);
  assert.ok(!desk.drawn.bytes.includes('sesame'));
}

export const tinyfugue: Peer = {
  name: 'TinyFugue',
  source: 'tf5',
  cells: {
    connects: yes(() => visit.connects(TF, /closed by foreign host/)),
    types: yes(typesUnseen, 'it takes our echo for a password prompt, and shows what is typed once it was sent'),
    size: yes(() => visit.size(TF, '31 100'), 'it keeps the last column for itself'),
    terminal: yes(() => visit.terminal(TF, 'ansi-attr')),
    environment: no('it does not know the option', () => visit.environment(TF, 'CLIENT_NAME', '')),
    password: yes(passwordUnseen),
    resize: yes(() => visit.resize(TF, '33 89')),
    binary: no('it draws text'),
    interrupt: yes(() => visit.interrupt(TF, '/test send(char(3), "", 0)\r'), 'by its own language'),
    line: yes(() => visit.line(TF)),
    charset: no('it knows sets of one byte a character'),
    tls: yes(() => visit.tls(() => TF_TLS)),
  },
};
