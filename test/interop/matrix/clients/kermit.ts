/** C-Kermit. */
import { requireTool } from '../../../support/system/tools.ts';
import { type Peer, yes } from '../rows.ts';
import type { Visitor } from '../visit.ts';
import * as visit from '../visit.ts';

const KERMIT: Visitor = {
  command: port => [requireTool('kermit'), '-Y', '-J', '127.0.0.1', String(port)],
  options: { env: { DISPLAY: 'desk:7.1' } },
};

/** `-Y`: without the user's settings. */
function commands(...lines: readonly string[]): string[] {
  return [requireTool('kermit'), '-Y', '-C', lines.join(', ')];
}

const BINARY: Visitor = {
  command: port => commands('set terminal escape-character disabled', `telnet 127.0.0.1 ${port}`),
};

const TLS = (certificate: string): Visitor => ({
  command: port =>
    commands(`set auth ssl verify-file ${certificate}`, `set host localhost ${port} /ssl`, 'if success connect'),
});

export const kermit: Peer = {
  name: 'kermit',
  source: 'ckermit',
  cells: {
    connects: yes(() => visit.connects(KERMIT)),
    types: yes(() => visit.types(KERMIT)),
    size: yes(() => visit.size(KERMIT)),
    terminal: yes(() => visit.terminal(KERMIT)),
    environment: yes(() => visit.environment(KERMIT, 'DISPLAY', 'desk:7.1')),
    password: yes(() => visit.password(KERMIT)),
    resize: yes(() => visit.resize(KERMIT)),
    binary: yes(() => visit.bytes(BINARY), 'with its escape character disabled'),
    interrupt: yes(() => visit.interrupt(KERMIT)),
    line: yes(() => visit.lineUnedited(KERMIT), 'it echoes, and the server edits'),
    charset: yes(() => visit.charset(KERMIT)),
    tls: yes(() => visit.tls(TLS)),
  },
};
