/** MUD clients: they draw the text line by line, and have a separate input line. */
import { requireTool } from '../../../support/system/tools.ts';
import { no, type Peer, yes } from '../rows.ts';
import type { Visitor } from '../visit.ts';
import * as visit from '../visit.ts';

const TINTIN: Visitor = {
  command: () => [requireTool('tt++'), '-G'],
  first: port => `#session t 127.0.0.1 ${port}`,
};
const TINTIN_TLS: Visitor = { ...TINTIN, first: port => `#ssl t localhost ${port}` };

export const tintin: Peer = {
  name: 'TinTin++',
  source: 'tintin++',
  cells: {
    connects: yes(() => visit.connects(TINTIN, /#SESSION 't' DIED\./)),
    types: yes(() => visit.types(TINTIN)),
    size: yes(() => visit.size(TINTIN)),
    terminal: yes(() => visit.terminal(TINTIN)),
    environment: yes(
      () => visit.environment(TINTIN, 'CLIENT_NAME', 'TinTin++'),
      'the variables of MNES, which describe the client',
    ),
    password: yes(() => visit.password(TINTIN)),
    resize: yes(() => visit.resize(TINTIN)),
    binary: no('it displays text only'),
    interrupt: yes(() => visit.interrupt(TINTIN, '#send {\\x03\\}\r'), 'by a command of its script language'),
    line: yes(() => visit.line(TINTIN)),
    charset: yes(() => visit.charset(TINTIN), 'negotiated by CHARSET'),
    tls: yes(() => visit.tls(() => TINTIN_TLS), 'it remembers the first certificate, and does not verify any'),
  },
};

// Without -v it splits the screen, and shows input and prompts in another part than output.
const TF: Visitor = { command: port => [requireTool('tf5'), '-f/dev/null', '-v', '127.0.0.1', String(port)] };
const TF_TLS: Visitor = {
  command: port => [requireTool('tf5'), '-f/dev/null', '-v', '-n', `-c/connect -x localhost ${port}`],
};

export const tinyfugue: Peer = {
  name: 'TinyFugue',
  source: 'tf5',
  cells: {
    connects: yes(() => visit.connects(TF, /closed by foreign host/)),
    types: yes(() => visit.types(TF)),
    size: yes(() => visit.size(TF, '31 100'), 'it reserves the last column'),
    // It first sends ANSI-ATTR, which is not in terminfo.
    terminal: yes(() => visit.terminal(TF, 'ansi')),
    environment: no('it does not know the option', () => visit.environment(TF, 'CLIENT_NAME', '')),
    password: yes(() => visit.password(TF)),
    resize: yes(() => visit.resize(TF, '33 89')),
    binary: no('it displays text only'),
    interrupt: yes(() => visit.interrupt(TF, '/test send(char(3), "", 0)\r'), 'by a command of its script language'),
    line: yes(() => visit.line(TF)),
    charset: no('it supports only single-byte character sets'),
    tls: yes(() => visit.tls(() => TF_TLS)),
  },
};
