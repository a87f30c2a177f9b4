import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { telnetAtPrompt, telnetCommand } from '../../support/clients/clients.ts';
import { untilTrue } from '../../support/leaks.ts';
import { AT_PROMPT, INTERRUPTIBLE, startBashServer } from '../../support/system/programs.ts';

// GNU telnet's command prompt: commands that a user sends with ^] while a program runs.

const TIMEOUT = { timeout: 600_000 };

test('GNU telnet: send ayt is answered on the screen, and the shell continues', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port);
  await telnetCommand(term, 'send ayt');
  await term.waitFor(/telnet> send ayt\n+(.*\n)*.*\[.*yes.*\]/i);
  await term.type('\recho still here\r');
  await term.waitFor(/\nstill here\nready\$$/);
});

for (const command of ['ip', 'brk'] as const) {
  test(`GNU telnet: send ${command} interrupts the program in the foreground`, TIMEOUT, async () => {
    await using server = await startBashServer();
    await using term = await telnetAtPrompt(server.port);
    await term.type(`${INTERRUPTIBLE}\r`);
    await term.waitFor(/\nstarted$/);
    await telnetCommand(term, `send ${command}`);
    await term.waitFor(AT_PROMPT);
    await term.type('clear; echo "status $?"\r');
    await term.waitFor(/^status (130|0)\nready\$$/);
  });
}

test('GNU telnet: send ip reaches a program that reads no input', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port);
  // Raw mode: ^C would be a plain character. IP must not be lost among earlier input.
  await term.type(
    'bash -c \'trap "stty sane; echo interrupted; exit 3" INT; stty -icanon -echo; echo started; while :; do sleep 0.05; done\'\r',
  );
  await term.waitFor(/\nstarted$/);
  await term.type('typed ahead, never read');
  await telnetCommand(term, 'send ip');
  await term.waitFor(/\ninterrupted\n/);
});

test('GNU telnet: the stream is intact after send synch', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port);
  await telnetCommand(term, 'send synch');
  await term.type('\rclear\r');
  await term.waitFor(/^ready\$$/);
  for (const word of ['alpha', 'beta', 'gamma']) {
    await term.type(`echo ${word}\r`);
    await term.waitFor(new RegExp(`ready\\$ echo ${word}\\n${word}\\nready\\$$`));
    await telnetCommand(term, 'send synch');
    await term.type('\r');
    await term.waitFor(AT_PROMPT);
  }
});

test('GNU telnet: send ip synch interrupts', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port);
  await term.type(`${INTERRUPTIBLE}\r`);
  await term.waitFor(/\nstarted$/);
  await telnetCommand(term, 'send ip synch');
  await term.waitFor(AT_PROMPT);
  await term.type('echo after\r');
  await term.waitFor(/\nafter\nready\$$/);
});

test('GNU telnet: send nop, ga, ao, ec and el have no side effects', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port);
  for (const command of ['nop', 'ga', 'ao']) {
    await telnetCommand(term, `send ${command}`);
    await term.type('\recho go on\r');
    await term.waitFor(/\ngo on\nready\$$/);
    await term.type('clear\r');
    await term.waitFor(/^ready\$$/);
  }
  // Erase Character and Erase Line act as the keys of those names.
  await term.type('echo abx');
  await telnetCommand(term, 'send ec');
  await term.type('c\r');
  await term.waitFor(/\nabc\nready\$$/);
  await term.type('echo not this');
  await telnetCommand(term, 'send el');
  await term.type('echo this\r');
  await term.waitFor(/\nthis\nready\$$/);
  assert.doesNotMatch(await term.capture(), /\nnot this\n/);
});

test('GNU telnet: toggle options shows a negotiation that ends', TIMEOUT, async () => {
  // Otherwise, if `clear` is slow, the client is asked to edit in the meantime, and shows that as well.
  await using server = await startBashServer(['--linemode', 'never']);
  await using term = await telnetAtPrompt(server.port, { rows: 50 });
  await telnetCommand(term, 'toggle options');
  await term.waitFor(/Will show option processing\./);
  await term.type('\r');
  await term.waitFor(AT_PROMPT);
  // Whatever was in force: from here on it is off in both directions.
  await telnetCommand(term, 'unset binary');
  await term.type('\rclear\r');
  await term.waitFor(/^ready\$$/);
  for (const direction of ['outbinary', 'inbinary']) {
    const [ours, theirs] = direction === 'outbinary' ? ['WILL', 'DO'] : ['DO', 'WILL'];
    const [ourNo, theirNo] = direction === 'outbinary' ? ['WONT', 'DONT'] : ['DONT', 'WONT'];
    await telnetCommand(term, `set ${direction}`);
    await term.waitFor(new RegExp(`SENT ${ours} BINARY\\n(.*\\n)*RCVD ${theirs} BINARY`));
    await term.type('\r');
    await term.waitFor(AT_PROMPT);
    await telnetCommand(term, `unset ${direction}`);
    await term.waitFor(new RegExp(`SENT ${ourNo} BINARY\\n(.*\\n)*RCVD ${theirNo} BINARY`));
    await term.type('\r');
    await term.waitFor(AT_PROMPT);
  }
  // One request, one answer: exactly four of each.
  const screen = await term.capture();
  assert.equal(screen.match(/SENT .* BINARY/g)?.length, 4);
  assert.equal(screen.match(/RCVD .* BINARY/g)?.length, 4);
});

test('GNU telnet: toggle binary in both directions; text and Enter still work', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await telnetAtPrompt(server.port);
  for (let round = 1; round <= 4; round++) {
    await telnetCommand(term, 'toggle binary');
    await term.waitFor(/telnet> toggle binary\n(Negotiating|Will|Already)/i);
    await term.type('\rclear\r');
    await term.waitFor(/^ready\$$/);
    await term.type(`echo "round ${round} é漢"\r`);
    await term.waitFor(new RegExp(`\\nround ${round} é漢\\nready\\$$`));
  }
});

for (const command of ['close', 'quit']) {
  test(`GNU telnet: ${command} ends the connection, and the program is hung up`, TIMEOUT, async () => {
    // Not bash at its prompt: bash would treat the end of input as its end and run no trap.
    const program = "trap 'echo hung up >hup.txt; exit' HUP; echo waiting; while :; do sleep 0.05; done";
    await using server = await startBashServer();
    await using term = await telnetAtPrompt(server.port);
    await term.type(`sh -c "${program}"\r`);
    await term.waitFor(/\nwaiting$/);
    await telnetCommand(term, command);
    await term.waitFor(screen => screen.includes('Connection closed.'));
    await untilTrue(() => existsSync(join(server.directory, 'hup.txt')));
    await server.assertNoLeaks();
  });
}
