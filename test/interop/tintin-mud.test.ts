import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Session } from '../../src/index.ts';
import { clientKind, gmcp, mssp, Option } from '../../src/protocol/index.ts';
import { Host } from '../support/servers/host.ts';
import { requireTool } from '../support/system/tools.ts';
import { Desk } from './matrix/desk.ts';

// The MUD options with TinTin++, which passes each of them to its scripts as an event.

test('TinTin++: MTTS, GMCP both ways, MSSP', { timeout: 600_000 }, async () => {
  const [packages, status] = [gmcp({ local: true }), mssp({ provide: () => ({ NAME: 'Telpty', PLAYERS: 3 }) })];
  let told = '';
  const shell = async (session: Session): Promise<void> => {
    const { telnet } = session;
    for (const option of [packages, status]) telnet.request(option.code, 'local', true);
    await session.waitFor({ option: Option.GMCP, side: 'local' });
    await session.waitFor(() => session.terminal.typesComplete);
    session.write(`kind ${clientKind(session.terminal.types, session.terminal.mtts)}\r\n`);
    telnet.handler(packages).send('Char.Vitals', { hp: 42 });
    await new Promise<void>(resolve => {
      session.on('telnet', event => {
        if (event.type !== 'gmcp') return;
        told = `${event.name} ${JSON.stringify(event.data)}`;
        resolve();
      });
    });
    session.write(`told ${told}\r\n`);
    await session.readUntil('bye');
  };
  await using host = await Host.start({ shell, telnetOptions: [packages, status] });
  await using desk = Desk.open([requireTool('tt++'), '-G']);
  // DO, which it sends only if a script does so.
  desk.enter('#event {IAC WILL GMCP} {#send {\\xFF\\xFD\\xC9\\}}');
  desk.enter('#event {IAC WILL MSSP} {#send {\\xFF\\xFD\\x46\\}}');
  desk.enter('#event {IAC SB GMCP Char.Vitals IAC SE} {#show VITALS %0}');
  desk.enter('#event {IAC SB MSSP} {#show MSSP %0=%1}');
  desk.enter(`#session t 127.0.0.1 ${host.port}`);
  await desk.waitFor(/\nkind mud(\n|$)/);
  await desk.waitFor(/VITALS .*42/);
  await desk.waitFor(/MSSP NAME=Telpty/);
  desk.enter('#send {\\xFF\\xFA\\xC9Core.Supports.Set ["Char 1"]\\xFF\\xF0\\}');
  await desk.waitFor(/told Core\.Supports\.Set \["Char 1"\]/);
  desk.enter('bye');
  await desk.waitFor(/#SESSION 't' DIED/);
  assert.equal(told, 'Core.Supports.Set ["Char 1"]');
});
