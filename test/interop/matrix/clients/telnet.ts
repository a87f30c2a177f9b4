/** The Telnet clients named `telnet`: GNU's, Netkit's with TLS, and busybox's. */
import { requireTool } from '../../../support/system/tools.ts';
import { no, type Peer, yes } from '../rows.ts';
import type { Visitor } from '../visit.ts';
import * as visit from '../visit.ts';

const GNU: Visitor = {
  command: port => [requireTool('telnet'), '127.0.0.1', String(port)],
  options: { env: { DISPLAY: 'desk:7.1' } },
  edits: true,
};
const GNU_BINARY: Visitor = {
  command: port => [requireTool('telnet'), '-8', '-E', '127.0.0.1', String(port)],
  edits: true,
};

export const gnuTelnet: Peer = {
  name: 'GNU telnet',
  source: 'inetutils-telnet',
  cells: {
    connects: yes(() => visit.connects(GNU)),
    types: yes(() => visit.types(GNU)),
    size: yes(() => visit.size(GNU)),
    terminal: yes(() => visit.terminal(GNU)),
    environment: yes(() => visit.environment(GNU, 'DISPLAY', 'desk:7.1')),
    password: yes(() => visit.password(GNU)),
    resize: yes(() => visit.resize(GNU)),
    binary: yes(() => visit.bytes(GNU_BINARY), 'with `-8 -E`'),
    interrupt: yes(() => visit.interrupt(GNU)),
    line: yes(() => visit.line(GNU)),
    charset: yes(() => visit.charset(GNU)),
    tls: no('it does not support TLS'),
  },
};

const NETKIT: Visitor = {
  command: port => [requireTool('telnet-ssl'), '127.0.0.1', String(port)],
  options: { env: { DISPLAY: 'desk:7.1' } },
  edits: true,
};
const NETKIT_BINARY: Visitor = {
  command: port => [requireTool('telnet-ssl'), '-8', '-E', '127.0.0.1', String(port)],
  edits: true,
};

/** It answers a request for named variables with an empty list, whatever it has. */
const netkitTellsNothing = () => visit.environment(NETKIT, 'DISPLAY', '');

export const telnetSsl: Peer = {
  name: 'telnet-ssl',
  source: 'telnet-ssl',
  cells: {
    connects: yes(() => visit.connects(NETKIT, 1)),
    types: yes(() => visit.types(NETKIT)),
    size: yes(() => visit.size(NETKIT)),
    terminal: yes(() => visit.terminal(NETKIT)),
    environment: no('it answers only a request for all variables; telpty requests them by name', netkitTellsNothing),
    password: yes(() => visit.password(NETKIT)),
    resize: yes(() => visit.resize(NETKIT)),
    binary: yes(() => visit.bytes(NETKIT_BINARY), 'with `-8 -E`'),
    interrupt: yes(() => visit.interrupt(NETKIT)),
    line: yes(() => visit.line(NETKIT)),
    charset: yes(() => visit.charset(NETKIT)),
    tls: yes(() =>
      visit.tls(certificate => ({
        command: port => [
          requireTool('telnet-ssl'),
          '-z',
          'ssl',
          '-z',
          `cacert=${certificate}`,
          'localhost',
          String(port),
        ],
        edits: true,
      })),
    ),
  },
};

const BUSYBOX: Visitor = {
  command: port => [requireTool('busybox'), 'telnet', '-l', 'ada', '127.0.0.1', String(port)],
};

/** ^] opens a menu wherever it appears in the input. */
async function busyboxEscape(): Promise<void> {
  await using desk = await visit.arrive(BUSYBOX);
  desk.enter('bytes');
  await desk.waitFor(/\ngo$/);
  desk.type(visit.ALL_BYTES.subarray(0, 30));
  await desk.waitFor(/\nConsole escape\. Commands are:\n/);
}

export const busyboxTelnet: Peer = {
  name: 'busybox telnet',
  source: 'busybox-static',
  cells: {
    connects: yes(() => visit.connects(BUSYBOX, 1)),
    types: yes(() => visit.types(BUSYBOX)),
    size: yes(() => visit.size(BUSYBOX)),
    terminal: yes(() => visit.terminal(BUSYBOX)),
    environment: yes(() => visit.environment(BUSYBOX, 'USER', 'ada'), 'USER, as given by `-l`'),
    password: yes(() => visit.password(BUSYBOX)),
    resize: no('it sends its size once', () => visit.sizeStays(BUSYBOX)),
    binary: no('its escape key, ^], cannot be disabled', busyboxEscape),
    interrupt: yes(() => visit.interrupt(BUSYBOX)),
    line: yes(() => visit.line(BUSYBOX)),
    charset: yes(() => visit.charset(BUSYBOX)),
    tls: no('it does not support TLS'),
  },
};
