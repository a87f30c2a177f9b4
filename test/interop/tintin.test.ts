import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Terminal, type TerminalOptions } from '../support/clients/tmux.ts';
import { startBashServer } from '../support/system/programs.ts';
import { requireTool } from '../support/system/tools.ts';

// TinTin++, a MUD client: it draws the server's text itself and sends input by lines.

const TIMEOUT = { timeout: 600_000 };

async function openTinTin(port: number, options: TerminalOptions = {}): Promise<Terminal> {
  const term = await Terminal.start([requireTool('tt++'), '-G'], options);
  await term.untilModes('-icanon');
  await term.type(`#session t 127.0.0.1 ${port}\r`);
  await term.waitFor(/#SESSION 't' CONNECTED(.*\n)*ready\$$/);
  // Lines are for the server: TinTin++ must not interpret semicolons and backslashes.
  await term.type('#config verbatim on\r');
  await term.waitFor(/VERBATIM\} HAS BEEN SET TO \{ON\}(.*\n)*.*$/);
  return term;
}

test('TinTin++: size, terminal type, text by lines, UTF-8', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await openTinTin(server.port, { cols: 90, rows: 30 });
  await term.type('stty size && echo "<$TERM>"\r');
  await term.waitFor(/\n30 90\n<(tmux|tintin|xterm)\S*>\nready\$$/);
  await term.type('echo one two\r');
  await term.waitFor(/\none two\nready\$$/);
  await term.type("echo 'é漢字'\r");
  await term.waitFor(/\né漢字\nready\$$/);
});

test('TinTin++: colours', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await openTinTin(server.port);
  await term.type("printf 'plain \\033[31mred\\033[0m \\033[1;34mblue\\033[0m\\n'\r");
  await term.waitFor(/\nplain red blue\nready\$$/);
  const screen = await term.capture({ colours: true });
  assert.match(screen, /\nplain \x1b\[31mred\x1b\[39m \x1b\[1m\x1b\[34mblue/);
});

test('TinTin++: a resize reaches the program', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await openTinTin(server.port);
  await term.type('bash -c \'trap "stty size; exit" WINCH; echo waiting; while :; do sleep 0.05; done\'\r');
  await term.waitFor(/\nwaiting$/);
  await term.resize(101, 37);
  await term.waitFor(/\n37 101\nready\$$/);
});

test('TinTin++: the session ends with the program', TIMEOUT, async () => {
  await using server = await startBashServer();
  await using term = await openTinTin(server.port);
  await term.type('exit\r');
  // If the end arrives in a later packet than the program's last line, TinTin++ does not show the end of that line.
  await term.waitFor(/\nexit\n*#SESSION 't' DIED\./);
  await server.assertNoLeaks();
});

test('TinTin++: hides each password, though it does not answer WONT ECHO', TIMEOUT, async () => {
  await using server = await startBashServer(['--log-level', 'debug']);
  await using term = await openTinTin(server.port);
  for (const [n, secret] of ['opensesame', 'hocuspocus', 'abracadabra'].entries()) {
    await term.type(`read -s -p "Secret: " x && echo && echo "got <$x>"\r`);
    await term.waitFor(/\nSecret:$/);
    await server.waitForLog(new RegExp(`(sent WILL ECHO[^]*received DO ECHO[^]*){${n + 1}}`));
    await term.type(secret);
    await term.type('\r');
    await term.waitFor(new RegExp(`\\ngot <${secret}>\\nready\\$$`));
    assert.equal(
      (await term.capture()).split(secret).length,
      2,
      `${secret} is on the screen once, as the program prints it`,
    );
  }
});

test('TinTin++: compression in both directions (MCCP2, MCCP3)', TIMEOUT, async () => {
  await using server = await startBashServer(['--compression', '--log-level', 'debug']);
  await using term = await openTinTin(server.port, { cols: 90, rows: 30 });
  await server.waitForLog(/received DO MCCP2(.*\n)*.*sent SB MCCP2/);
  await server.waitForLog(/received DO MCCP3(.*\n)*.*received SB MCCP3/);
  for (const word of ['alpha', 'beta', 'gamma']) {
    await term.type(`echo ${word} ${word}\r`);
    await term.waitFor(new RegExp(`\\n${word} ${word}\\nready\\$$`));
  }
  await term.type('clear && seq 1 20000 | tail -n 15000 >x && cat x && rm x\r');
  await term.waitFor(/\n19999\n20000\nready\$$/);
  await term.resize(101, 37);
  await server.waitForLog(/received SB NAWS 101x37/);
  await term.type('stty size\r');
  // The shell draws its prompt again at a new size, and TinTin++ shows it as a second one.
  await term.waitFor(/\n37 101\n(ready\$ ?)+$/);
  await term.type('exit\r');
  await term.waitFor(/\nexit\n*#SESSION 't' DIED\./);
  const { groups } = await server.waitForLog(/ended: .* in (?<in>\d+) B, out (?<out>\d+) kB/);
  // 15,000 lines of 7 bytes each would be 105 kB.
  assert.ok(Number(groups?.out) < 70, `${groups?.out} kB`);
});
