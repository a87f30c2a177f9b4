import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Terminal } from '../support/clients/tmux.ts';
import { startServer } from '../support/servers/server.ts';
import { hermeticBash } from '../support/system/programs.ts';
import { requireTool } from '../support/system/tools.ts';

// The example client of libtelnet, as packaged by Debian. It refuses BINARY, and prints data only up to a NUL: the rest
// of the data that it has read, up to the next IAC, is lost.

test("libtelnet's telnet-client shows the output of commands of a login shell", { timeout: 600_000 }, async () => {
  const { args, program } = hermeticBash();
  await using server = await startServer(args, { program: [...program, '-l'] });
  await using term = await Terminal.start([requireTool('telnet-client'), '127.0.0.1', String(server.port)]);
  await term.waitFor(/ready\$$/);
  // The output must come later than the CR after which readline leaves the terminal.
  for (const [at, command] of ['sleep 0.1; echo one', '(sleep 0.1; seq 2 3)', 'sleep 0.1; echo four'].entries()) {
    await term.type(`${command}\r`);
    await term.waitFor(screen => (screen.match(/ready\$/g)?.length ?? 0) === at + 2);
  }
  const shown = (await term.capture()).split('\n').filter(line => !line.includes('ready$'));
  assert.deepEqual(shown, ['one', '2', '3', 'four']);
});

test("libtelnet's telnet-client shows the immediate output of shell builtins", { timeout: 600_000 }, async () => {
  const { args, program } = hermeticBash();
  await using server = await startServer(args, { program: [...program, '-l'] });
  const client = [requireTool('telnet-client'), '127.0.0.1', String(server.port)];
  await using term = await Terminal.start(client, { rows: 100 });
  await term.waitFor(/ready\$$/);
  const numbers = Array.from({ length: 20 }, (_, at) => at + 1);
  for (const number of numbers) {
    await term.type(`echo line ${number}\r`);
    await term.waitFor(screen => screen.split('ready$').length === number + 2);
  }
  const shown = (await term.capture()).split('\n').filter(line => line.startsWith('line'));
  assert.deepEqual(
    shown,
    numbers.map(number => `line ${number}`),
  );
});

test("libtelnet's telnet-client shows a progress bar", { timeout: 600_000 }, async () => {
  const { args, program } = hermeticBash();
  await using server = await startServer(args, { program: [...program, '-l'] });
  await using term = await Terminal.start([requireTool('telnet-client'), '127.0.0.1', String(server.port)]);
  await term.waitFor(/ready\$$/);
  await term.type("printf '10%%\\r20%%\\r30%% %s\\n' done\r");
  await term.waitFor(/^30% done\nready\$$/m);
});
