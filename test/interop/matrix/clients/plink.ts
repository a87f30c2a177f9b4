/** PuTTY's engine without its window. */
import { requireTool } from '../../../support/system/tools.ts';
import { no, type Peer, yes } from '../rows.ts';
import type { Visitor } from '../visit.ts';
import * as visit from '../visit.ts';

const PLINK: Visitor = { command: port => [requireTool('plink'), '-telnet', '-P', String(port), '127.0.0.1'] };

/** A saved session, as written by PuTTY's window: the only way to configure environment variables. */
const SAVED: Visitor = {
  command: port => [
    '/bin/sh',
    '-c',
    'mkdir -p .putty/sessions; printf "Environment=COLORTERM=truecolor\\n" >.putty/sessions/saved; exec "$@"',
    'sh',
    requireTool('plink'),
    ...['-load', 'saved', '-telnet', '-P', String(port), '127.0.0.1'],
  ],
};

export const plink: Peer = {
  name: 'plink',
  source: 'putty-tools',
  cells: {
    connects: yes(() => visit.connects(PLINK)),
    types: yes(() => visit.types(PLINK)),
    size: yes(() => visit.size(PLINK)),
    terminal: yes(() => visit.terminal(PLINK, 'xterm'), "PuTTY's own setting, not TERM"),
    environment: yes(
      () => visit.environment(SAVED, 'COLORTERM', 'truecolor'),
      'the variables that a saved session lists',
    ),
    password: yes(() => visit.password(PLINK)),
    resize: yes(() => visit.resize(PLINK)),
    binary: yes(() => visit.bytes(PLINK)),
    interrupt: yes(() => visit.interrupt(PLINK)),
    line: yes(() => visit.line(PLINK)),
    charset: yes(() => visit.charset(PLINK)),
    tls: no('it does not support TLS'),
  },
};
