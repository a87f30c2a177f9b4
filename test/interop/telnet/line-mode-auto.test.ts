import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTelnet, telnetAtPrompt } from '../../support/clients/clients.ts';
import type { Terminal } from '../../support/clients/tmux.ts';
import { untilTrue } from '../../support/leaks.ts';
import { startServer, type TestServer } from '../../support/servers/server.ts';
import { AT_PROMPT, INTERRUPTIBLE, startBashServer } from '../../support/system/programs.ts';

// GNU telnet in line mode (RFC 1184), which is used while the program reads lines.

const TIMEOUT = { timeout: 600_000 };
const TRACE = ['--log-level', 'trace', '--log-format', 'json'];

/** A shell without a line editor: its terminal is always in ICANON mode. */
const DASH = { program: ['/bin/dash', '-i'], env: { PS1: 'ready$ ', ENV: undefined } };

/** The contents of the packets that the client has sent so far: text and commands. */
function packets(server: TestServer): string[] {
  const found: string[] = [];
  for (const line of server.stderr.split('\n')) {
    if (!line.startsWith('{')) continue;
    const [, offset, bytes] =
      /received (\w{4}) {2}((?:[\da-f]{2} )+)/.exec((JSON.parse(line) as { msg: string }).msg) ?? [];
    if (bytes === undefined) continue;
    const text = Buffer.from(bytes.replaceAll(' ', ''), 'hex').toString('latin1');
    if (offset === '0000') found.push(text);
    else found.push(found.pop()! + text);
  }
  return found;
}

/** The same without negotiation; answers to it may come in separate packets. */
function typed(server: TestServer): string[] {
  const commands = /\xff(?:\xfa[^\xff]*(?:\xff\xff[^\xff]*)*\xff\xf0|[\xfb-\xfe].|[\xec-\xf9])/gs;
  return packets(server)
    .map(packet => packet.replaceAll(commands, ''))
    .filter(text => text !== '');
}

/** Waits until the client edits: the screen does not show it. */
async function editing(server: TestServer, times = 1): Promise<void> {
  const sent = () => packets(server).join('').split('\xff\xfa\x22\x01\x07\xff\xf0').length - 1;
  await untilTrue(() => sent() >= times);
}

async function dash(): Promise<{ server: TestServer; term: Terminal }> {
  const server = await startServer([...TRACE, '--env', 'PS1=ready$ '], DASH);
  const term = await openTelnet(server.port);
  await term.waitFor(AT_PROMPT);
  await editing(server);
  return { server, term };
}

test('GNU telnet: an edited line is sent in one packet, and shown once', TIMEOUT, async () => {
  const { server, term } = await dash();
  await using _server = server;
  await using _term = term;
  const before = typed(server).length;
  await term.type('echo hello wirld');
  await term.waitFor(/ready\$ echo hello wirld$/);
  await term.keys('BSpace', 'BSpace', 'BSpace', 'BSpace');
  await term.type('orld');
  await term.waitFor(/ready\$ echo hello world$/);
  assert.equal(typed(server).length, before);
  await term.keys('Enter');
  await term.waitFor(/ready\$ echo hello world\nhello world\nready\$$/);
  assert.deepEqual(typed(server).slice(before), ['echo hello world\n']);
});

test('GNU telnet: lines that are typed ahead each reach the program that reads them', TIMEOUT, async () => {
  const { server, term } = await dash();
  await using _server = server;
  await using _term = term;
  await term.type('sleep 0.3; cat\rone\rtwo\r');
  await term.waitFor(/one\ntwo\none\ntwo$/);
  await term.keys('C-d');
  await term.waitFor(/one\ntwo\none\ntwo\nready\$$/);
  await term.type('read -r a; read -r b; echo "<$b$a>"\r1\r2\r');
  await term.waitFor(/\n<21>\nready\$$/);
});

test('GNU telnet: input while echo is off is not shown, and echo comes back', TIMEOUT, async () => {
  const { server, term } = await dash();
  await using _server = server;
  await using _term = term;
  await term.type('stty -echo; printf "Password: "; read -r x; stty echo; echo "<$x>"\r');
  await term.waitFor(/\nPassword:$/);
  await term.type('secret');
  await term.keys('BSpace');
  await term.type('T\r');
  const screen = await term.waitFor(/<secreT>\nready\$$/);
  assert.match(screen, /\nPassword: ?(<secreT>)?\n/);
  await term.type('echo shown\r');
  await term.waitFor(/ready\$ echo shown\nshown\nready\$$/);
});

test('GNU telnet: getpass() of a real program', TIMEOUT, async () => {
  const { server, term } = await dash();
  await using _server = server;
  await using _term = term;
  await term.type('python3 -c "import getpass; print(getpass.getpass() * 2)"\r');
  await term.waitFor(/\nPassword:$/);
  await term.type('abc\r');
  const screen = await term.waitFor(/\nabcabc\nready\$$/);
  assert.match(screen, /\nPassword:\nabcabc\n/);
});

test('GNU telnet: vim gets keys, and the shell gets lines again', TIMEOUT, async () => {
  const { server, term } = await dash();
  await using _server = server;
  await using _term = term;
  const file = `${term.home}/file`;
  for (let round = 1; round <= 3; round++) {
    await term.type(`vim -u NONE -N ${file}\r`);
    await term.waitFor(/"\S*file"/);
    await term.type(`Goline ${round}`);
    await term.waitFor(new RegExp(`(^|\\n)line ${round}\\n`));
    await term.keys('Escape');
    await term.type(':wq\r');
    await term.waitFor(AT_PROMPT);
    await editing(server, round + 1);
    const before = typed(server).length;
    await term.type(`clear; tail -1 ${file}\r`);
    await term.waitFor(new RegExp(`^line ${round}\\nready\\$$`));
    assert.deepEqual(typed(server).slice(before), [`clear; tail -1 ${file}\n`]);
  }
});

test('GNU telnet: ^C, ^Z and ^D are commands', TIMEOUT, async () => {
  const { server, term } = await dash();
  await using _server = server;
  await using _term = term;
  await term.type(`${INTERRUPTIBLE}\r`);
  await term.waitFor(/\nstarted$/);
  await term.keys('C-c');
  await term.waitFor(/\^C\nready\$$/);
  await term.type(`clear; ${INTERRUPTIBLE}\r`);
  await term.waitFor(/^started$/);
  await term.keys('C-z');
  await term.waitFor(/Stopped .*\nready\$$/);
  await term.type('kill -9 %1; wait; clear\r');
  await term.waitFor(screen => AT_PROMPT.test(screen) && !screen.includes('Stopped'));
  await term.type('cat\r');
  await term.type('a line\r');
  await term.waitFor(/a line\na line$/);
  await term.keys('C-d');
  await term.waitFor(AT_PROMPT);
  await term.keys('C-d');
  assert.equal(await term.exitStatus(), 0);
});

test('GNU telnet: fast input to a shell with a line editor does not switch modes', TIMEOUT, async () => {
  await using server = await startBashServer(TRACE);
  await using term = await telnetAtPrompt(server.port);
  const commands = Array.from({ length: 30 }, (_, n) => `echo number $((${n} + 100))\r`);
  await term.type(commands.join(''));
  await term.waitFor(/number 129\nready\$$/);
  const numbers = [...(await term.history()).matchAll(/^number (\d+)$/gm)].map(([, n]) => Number(n));
  assert.deepEqual(
    numbers,
    Array.from({ length: 30 }, (_, n) => n + 100),
  );
  // No command has switched the client.
  assert.ok(!packets(server).join('').includes('\xff\xfa\x22\x01'));
  await term.type('clear\r');
  await term.waitFor(/^ready\$$/);
  await term.type('cat\r');
  await editing(server);
  const before = typed(server).length;
  await term.type('hello\r');
  await term.waitFor(/\nhello\nhello$/);
  assert.deepEqual(typed(server).slice(before), ['hello\n']);
  await term.keys('C-d');
  await term.waitFor(/\nhello\nhello\nready\$$/);
  await term.type('echo acb');
  await term.keys('Left', 'BSpace', 'Right');
  await term.type('c\r');
  await term.waitFor(/ready\$ echo abc\nabc\nready\$$/);
  await term.type('read -rs x; echo "<$x>"\r');
  await editing(server, 2);
  await term.type('secret\r');
  const screen = await term.waitFor(/<secret>\nready\$$/);
  assert.equal(screen.split('secret').length, 2);
});

test('GNU telnet, --linemode never: a key at a time', TIMEOUT, async () => {
  await using server = await startServer([...TRACE, '--linemode', 'never', '--env', 'PS1=ready$ '], DASH);
  await using term = await openTelnet(server.port);
  await term.waitFor(AT_PROMPT);
  const before = typed(server).length;
  for (const key of 'echo hi\r') await term.type(key);
  await term.waitFor(/ready\$ echo hi\nhi\nready\$$/);
  assert.ok(typed(server).length - before >= 3);
});
