/** `telpty serve --robot-check` with real clients: a terminal gets its program, and so does a person without one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Wire } from '../../support/clients/test-client.ts';
import { Terminal } from '../../support/clients/tmux.ts';
import { startServer } from '../../support/servers/server.ts';
import { requireTool } from '../../support/system/tools.ts';

const LIMIT = { timeout: 600_000 };
const SHELL = ['/bin/sh', '-i'];
const start = (...args: string[]) =>
  startServer(['--robot-check', '--env', 'PS1=ready$ ', '--env', 'ENV=', '--log-format', 'json', ...args], {
    program: SHELL,
  });

/** The words that a person is asked to type. */
async function words(term: Terminal): Promise<string> {
  const screen = await term.waitFor(/words [a-z]+ [a-z]+ and press/);
  return /words ([a-z]+ [a-z]+) and/.exec(screen)![1]!;
}

const clients: Readonly<Record<string, (port: number) => string[]>> = {
  'GNU telnet': port => [requireTool('telnet'), '127.0.0.1', String(port)],
  'BSD telnet': port => [requireTool('telnet-ssl'), '127.0.0.1', String(port)],
  PuTTY: port => [requireTool('plink'), '-telnet', '-P', String(port), '127.0.0.1'],
  'telpty connect': port => [process.execPath, 'dist/cli/main.js', 'connect', '127.0.0.1', String(port)],
};

describe('--robot-check', LIMIT, () => {
  for (const [client, command] of Object.entries(clients)) {
    it(`${client}: its terminal answers, and the user is not asked`, async () => {
      await using server = await start();
      await using term = await Terminal.start(command(server.port));
      const screen = await term.waitFor(/^ready\$$/m);
      assert.doesNotMatch(screen, /words|\[\d+;\d+R|[水山天女米竹馬空海]/);
      // Clients that can are asked to edit lines. The settings of PuTTY's terminal do not change.
      if (client !== 'PuTTY') await term.untilModes('icanon');
      await term.type('stty size\r');
      await term.waitFor(/ready\$ stty size\n24 80\nready\$$/);
      await server.waitForLog(/"msg":"session 1 started/);
    });
  }

  it('a terminal without UTF-8 gets another request, or its user is asked', async () => {
    await using server = await start('--encoding', 'latin1');
    await using term = await Terminal.start(clients['GNU telnet']!(server.port), { env: { LANG: 'C', LC_ALL: 'C' } });
    await term.waitFor(/^ready\$$/m);
  });

  it('nc, which is not a Telnet client: a person types two words', async () => {
    await using server = await start('--negotiation-timeout', '100ms');
    await using term = await Terminal.start([requireTool('nc'), '127.0.0.1', String(server.port)]);
    await term.type(`${(await words(term)).toUpperCase()}\r`);
    await term.waitFor(/ready\$$/);
    await term.type('echo $((20 + 3))\r');
    await term.waitFor(/^23$/m);
  });

  it('TinTin++: a person types two words, in a line of his own', async () => {
    await using server = await start();
    await using term = await Terminal.start([requireTool('tt++'), '-G']);
    await term.untilModes('-icanon');
    await term.type(`#session t 127.0.0.1 ${server.port}\r`);
    await term.type(`${await words(term)}\r`);
    await term.waitFor(/ready\$$/);
    await term.type('echo one-two\r');
    await term.waitFor(/^one-two$/m);
  });

  it('mode line: people are asked, in lines', async () => {
    await using server = await start('--mode', 'line');
    await using term = await Terminal.start(clients['GNU telnet']!(server.port));
    await term.type(`${await words(term)}\r`);
    await term.waitFor(/ready\$$/);
  });

  for (const workers of ['1', '2']) {
    it(`a robot reads one line and is logged as one, workers: ${workers}`, async () => {
      await using server = await start('--workers', workers, '--negotiation-timeout', '100ms');
      await using wire = await Wire.connect(server.port, { silent: true });
      for (let attempt = 0; attempt < 3; attempt++) {
        await wire.expect(/press Enter\.\r\n> /);
        wire.send('root\r\n');
      }
      await wire.expect('telpty: this server is for people');
      await wire.untilEnd();
      await wire.close();
      await server.waitForLog(/"refused":"robot".*session 1 refused: 127\.0\.0\.1:\d+, robot"/);
      assert.doesNotMatch(server.stderr, /session 1 started/);
    });
  }
});
