/** The servers named telnetd: GNU's, Netkit's with TLS, and busybox's. */
import assert from 'node:assert/strict';
import { connect } from '../../../../src/index.ts';
import type { Ground } from '../grounds.ts';
import { no, type Peer, yes } from '../rows.ts';
import { busyboxTelnetd, gnuTelnetd, gnuTelnetdLines, telnetdSsl, telnetdTls } from '../theirs.ts';
import * as visit from '../visit.ts';
import { DISPLAY, telptyConnect } from './visitor.ts';

const NO_TLS = 'it does not support TLS';

/** With the library: a session transfers bytes, without a terminal in between. */
async function sessionBytes(ground: () => Promise<Ground>): Promise<void> {
  const session = await connect({ port: (await ground()).port, encoding: 'ISO-8859-1', timeout: 300_000 });
  try {
    await session.readUntil('ready> ');
    session.sendLine('bytes');
    await session.readUntil('go\r\n');
    session.write(visit.ALL_BYTES);
    await session.readUntil(`received ${visit.ALL_BYTES.toString('hex')}\r\n`);
    const { before } = await session.readUntil('done\r\n');
    assert.equal(Buffer.from(before, 'latin1').toString('hex'), visit.ALL_BYTES.toString('hex'));
  } finally {
    session.destroy();
  }
}

const GNU = telptyConnect(gnuTelnetd);
const GNU_LINES = telptyConnect(gnuTelnetdLines);

/** Input is edited and shown locally until Enter. */
async function gnuLine(): Promise<void> {
  await using desk = await visit.arrive(GNU_LINES);
  desk.type('say helo');
  await desk.waitFor(/\bsay helo$/);
  desk.type('\x7flo');
  await desk.waitFor(/\bsay hello$/);
  desk.type('\r');
  await desk.waitFor(/\nheard <hello>\nready>$/);
}

export const gnu: Peer = {
  name: 'GNU telnetd',
  source: 'inetutils-telnetd',
  cells: {
    connects: yes(() => visit.connects(GNU)),
    types: yes(() => visit.types(GNU)),
    size: yes(() => visit.size(GNU)),
    terminal: yes(() => visit.terminal(GNU)),
    environment: yes(() => visit.environment(GNU, 'DISPLAY', DISPLAY), 'the variables that `--accept-env` permits'),
    password: yes(() => visit.password(GNU)),
    resize: yes(() => visit.resize(GNU)),
    binary: yes(
      () => sessionBytes(gnuTelnetd),
      'with `connect()`; in `telpty connect` the terminal handles ^S and ^Q (LFLOW)',
    ),
    interrupt: yes(() => visit.interrupt(GNU)),
    line: yes(gnuLine, 'LINEMODE, with `-l`; GNU telnetd then echoes each line again, and does not announce passwords'),
    charset: yes(() => visit.charset(GNU)),
    tls: no(NO_TLS),
  },
};

const NETKIT = telptyConnect(telnetdSsl);
const NETKIT_LINES = telptyConnect(telnetdSsl, '--mode', 'line');
const BARE = telptyConnect(telnetdSsl, '--escape', 'none');

export const netkit: Peer = {
  name: 'telnetd-ssl',
  source: 'telnetd-ssl',
  cells: {
    connects: yes(() => visit.connects(NETKIT)),
    types: yes(() => visit.types(NETKIT)),
    size: yes(() => visit.size(NETKIT)),
    terminal: yes(() => visit.terminal(NETKIT)),
    environment: yes(() => visit.environment(NETKIT, 'DISPLAY', DISPLAY)),
    password: yes(() => visit.password(NETKIT)),
    resize: yes(() => visit.resize(NETKIT)),
    binary: yes(() => visit.bytes(BARE), 'with `--escape none`'),
    interrupt: yes(() => visit.interrupt(NETKIT)),
    line: yes(() => visit.lineUnseen(NETKIT_LINES), 'with `--mode line`; the server does not request LINEMODE'),
    charset: yes(() => visit.charset(NETKIT)),
    tls: yes(async () => {
      const { certificate } = await telnetdTls();
      await visit.types(telptyConnect(telnetdTls, '--tls', '--tls-ca', certificate.certFile));
    }),
  },
};

const BUSYBOX = telptyConnect(busyboxTelnetd);
const BUSYBOX_BARE = telptyConnect(busyboxTelnetd, '--escape', 'none');

export const busybox: Peer = {
  name: 'busybox telnetd',
  source: 'busybox-static',
  cells: {
    // It does not read up to the client's FIN, so the connection may be reset.
    connects: yes(() => visit.connects(BUSYBOX, /closed by foreign host|reset/)),
    types: yes(() => visit.types(BUSYBOX)),
    size: yes(() => visit.size(BUSYBOX)),
    terminal: no('it does not request it', () => visit.terminal(BUSYBOX, 'vt100')),
    environment: no('it does not request it', () => visit.environment(BUSYBOX, 'DISPLAY', '')),
    password: yes(() => visit.password(BUSYBOX)),
    resize: yes(() => visit.resize(BUSYBOX)),
    binary: yes(() => visit.bytes(BUSYBOX_BARE), 'with `--escape none`'),
    interrupt: yes(() => visit.interrupt(BUSYBOX)),
    line: no('it always echoes'),
    charset: yes(() => visit.charset(BUSYBOX)),
    tls: no(NO_TLS),
  },
};
