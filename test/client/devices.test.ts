/**
 * Typical automation jobs on scripted devices (lab/): the output of each command is returned, complete and without
 * other text. The last test does the same jobs with npm's telnet-client, for comparison.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, type Session } from '../../src/index.ts';
import { busybox } from './lab/busybox.ts';
import { Device, type Script } from './lab/device.ts';
import { IOS_CONFIGURATION, ios } from './lab/ios.ts';
import { JUNOS_ROUTES, junos } from './lab/junos.ts';
import { mud } from './lab/mud.ts';
import { PROCURVE_STATUS, procurve } from './lab/procurve.ts';
import { routeros } from './lab/routeros.ts';
import { terminalServer } from './lab/terminal-server.ts';
import { VRP_INTERFACES, vrp } from './lab/vrp.ts';
import { windows } from './lab/windows.ts';

const ADA = { username: 'ada', password: 'secret' };
const lines = (...all: readonly string[]) => all.map(line => `${line}\n`).join('');

/** Runs a job in a session with a device. */
async function operate(script: Script, job: (session: Session) => Promise<void>): Promise<void> {
  await using device = await Device.start(script);
  const session = await connect({ host: '127.0.0.1', port: device.port });
  try {
    await job(session);
  } finally {
    session.destroy();
  }
}

test('Cisco IOS: a backup with enable and a pager; the banner and the output have lines that end like prompts', () =>
  operate(ios(), async session => {
    await session.login(ADA);
    assert.equal(await session.findPrompt(), 'sw1>');
    assert.equal(await session.exec('show mail'), lines('To: <ops@example.net>', 'subject #', 'router>', 'end'));
    await session.enable({ password: 'enable-me' });
    assert.equal(await session.exec('show running-config', { pager: true }), lines(...IOS_CONFIGURATION));
    assert.equal(await session.exec('terminal length 0'), '');
    assert.equal(await session.exec('show running-config'), lines(...IOS_CONFIGURATION));
    assert.match(await session.exec('configure terminal'), /^Enter configuration/);
    assert.equal(await session.exec('interface Gi1/0/1'), '');
    await session.exec('end');
    assert.equal(await session.exec('show clock'), lines('*00:07:13.021 UTC Mon Mar 1 1993'));
  }));

test('Cisco IOS: enable reports that the second password was wrong, and the session continues', () =>
  operate(ios(), async session => {
    await session.login(ADA);
    await assert.rejects(session.enable({ password: 'wrong' }), { code: 'ERR_LOGIN', text: /Password/ });
    assert.equal(await session.exec('show clock'), lines('*00:07:13.021 UTC Mon Mar 1 1993'));
  }));

test('Cisco IOS: only a password is asked for', () =>
  operate(ios({ asksForName: false }), async session => {
    await session.login({ password: 'secret' });
    assert.equal(await session.exec('show clock'), lines('*00:07:13.021 UTC Mon Mar 1 1993'));
  }));

test('Huawei VRP: prompts in angle and square brackets, a pager that moves the cursor, a yes/no question', () =>
  operate(vrp(), async session => {
    await session.login(ADA);
    assert.equal(await session.exec('display interface brief', { pager: true }), lines(...VRP_INTERFACES));
    assert.match(await session.exec('system-view'), /^Enter system view/);
    assert.equal(await session.exec('interface GigabitEthernet0/0/1'), '');
    assert.equal(await session.exec('return'), '');
    assert.match(await session.exec('save', { prompt: /\[Y\/N\]$/ }), /^The current configuration/);
    assert.match(await session.exec('y'), /^Save the configuration successfully/);
    const { text } = await session.exec('quit').catch(error => error);
    assert.match(text, /Configuration console exit, please retry to log on/);
  }));

test('Junos: a pager that counts, output that begins with the mark of the prompt, a line above the prompt', () =>
  operate(junos(), async session => {
    await session.login(ADA);
    assert.equal(await session.exec('show route', { pager: true }), lines(...JUNOS_ROUTES));
    assert.equal(await session.exec('configure', { clean: true }), lines('Entering configuration mode', '', '[edit]'));
    assert.equal(await session.exec('exit'), lines('Exiting configuration mode'));
    assert.equal(await session.exec('set cli screen-length 0'), lines('Screen length set to 0'));
    assert.equal(await session.exec('show route'), lines(...JUNOS_ROUTES));
  }));

test('MikroTik RouterOS: each word is coloured, the prompt is drawn repeatedly, the line is redrawn at each key', () =>
  operate(routeros(), async session => {
    await session.login({ username: 'admin', password: '' });
    assert.equal(await session.findPrompt(), '[admin@MikroTik] > ');
    assert.equal(await session.exec('/system identity print', { clean: true }), lines('  name: MikroTik'));
    assert.match(
      await session.exec('/nonsense', { clean: true }),
      /^bad command name \/nonsense \(line 1 column 1\)\n$/,
    );
  }));

test('a terminal server: nothing is sent before a key, line ends are LF CR, the echo is late', () =>
  operate(terminalServer(), async session => {
    assert.equal(await session.findPrompt(), 'OpenWrt:/$ ');
    assert.equal(
      await session.exec('uptime', { clean: true }),
      lines(' 09:15:41 up 3 days,  2:11, load average: 0.00'),
    );
    assert.equal(await session.exec('cat table', { clean: true }), lines('name\tvalue', 'a\t1'));
  }));

test('a MUD: the prompt differs each time, and GA marks it', () =>
  operate(mud(), async session => {
    await session.login({ username: 'Ada', password: 'secret', loginPrompt: 'known? ', prompt: /exits: [A-Z ]+$/ });
    assert.equal(
      await session.exec('look', { until: 'go-ahead' }),
      lines('A small room. There is a door to the north.', ''),
    );
    assert.match(
      await session.exec('kill rat', { until: 'go-ahead' }),
      /^You hit the rat\.\nThe rat bites you > hard <\.\nThe rat is dead\.\n/,
    );
  }));

test('BusyBox: the line editor asks for the cursor at each prompt, and output pauses after text that looks like a prompt', () =>
  operate(busybox(), async session => {
    await session.login({ username: 'root', password: 'secret' });
    assert.match(await session.exec('df'), /^Filesystem .*\n\/dev\/root .* 100% \/\ntmpfs .*\/tmp\n$/);
    assert.equal(await session.exec('printf x'), 'x');
  }));

test("Microsoft's Telnet service: output is painted on a screen", () =>
  operate(windows(), async session => {
    await session.login(ADA);
    assert.equal((await session.exec('echo hi', { clean: true })).trim(), 'hi');
    assert.match(await session.exec('ver', { clean: true }), /Microsoft Windows \[Version 6\.1\.7601\]/);
  }));

test('HP ProCurve: the login starts after a key, and the prompt is placed on the last row', () =>
  operate(procurve(), async session => {
    await session.login({ password: 'secret', wake: ' ' });
    assert.equal(await session.findPrompt(), 'sw2# ');
    const output = await session.exec('show interfaces brief', { pager: true, clean: true });
    assert.equal(output.trim(), PROCURVE_STATUS.join('\n').trim());
  }));
