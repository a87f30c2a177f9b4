/**
 * Shows a client everything that it has negotiated, and switches options on request. For developers of Telnet clients:
 * `requestEnviron`, `session.telnet`, `session.terminal`.
 *
 *     npx tsx examples/who-are-you.ts
 *     telnet 127.0.0.1 6023           (then: do naws, dont naws, will echo, wont echo …)
 */
import { createServer, type Session, TelptyError } from 'telpty';
import { clientKind, decodeMtts, Option, optionName, type Side } from 'telpty/protocol';

/** Values that the client has sent may hold control characters, which must not reach the terminal. */
const safe = (text: string) =>
  JSON.stringify(text)
    .slice(1, -1)
    .replace(/[\x7f-\x9f]/g, '?');

function page(session: Session): string {
  const { terminal, telnet } = session;
  const rows: [string, string][] = [
    ['address', `${session.remoteAddress} port ${session.remotePort}`],
    ['client', terminal.typesComplete ? clientKind(terminal.types, terminal.mtts) : 'not known yet'],
    ['types', terminal.types.join(', ')],
    ['MTTS', terminal.mtts === undefined ? '' : decodeMtts(terminal.mtts).join(', ')],
    ['window', terminal.columns === undefined ? '' : `${terminal.columns} columns, ${terminal.rows} rows`],
    ['charset', session.charset ?? ''],
    ['speed', terminal.speed === undefined ? '' : `${terminal.speed.transmit} bit/s`],
    ['X display', terminal.display ?? ''],
    ['location', terminal.location ?? ''],
    ...session.environ,
  ];
  const known = rows.filter(([, value]) => value !== '');
  const side = (code: number, of: Side) =>
    telnet.isPending(code, of) ? 'asked' : telnet.isEnabled(code, of) ? 'on' : telnet.isSettled(code, of) ? 'off' : '-';
  const options = telnet.codes().map(code => [optionName(code), side(code, 'local'), side(code, 'remote')] as const);
  return [
    '\x1b[2J\x1b[HWHO ARE YOU?',
    '',
    ...known.map(([name, value]) => `${safe(name).padEnd(12)} ${safe(value)}`),
    '',
    `${'option'.padEnd(16)}${'we'.padEnd(8)}you`,
    ...options.map(([name, we, you]) => `${name.padEnd(16)}${we.padEnd(8)}${you}`),
    '',
    'will X, wont X: what we do; do X, dont X: what you do; X: the other way round; quit',
    '> ',
  ].join('\r\n');
}

/** Commands: one of these and the name of an option, as in `will echo`. */
const VERBS: Readonly<Record<string, readonly [Side, boolean]>> = {
  will: ['local', true],
  wont: ['local', false],
  do: ['remote', true],
  dont: ['remote', false],
};

function obey({ telnet }: Session, line: string): void {
  const words = line.toLowerCase().split(' ');
  const name = words.at(-1);
  const code = telnet.codes().find(code => optionName(code).toLowerCase() === name);
  if (code === undefined) return;
  const verb = words.length === 2 ? VERBS[words[0]!] : undefined;
  if (verb !== undefined) telnet.request(code, ...verb);
  else if (telnet.isEnabled(code, 'local')) telnet.request(code, 'local', false);
  else telnet.request(code, 'remote', !telnet.isEnabled(code, 'remote'));
}

const server = createServer({
  requestEnviron: ['LANG', 'COLORTERM', 'DISPLAY', 'TZ', 'USER', 'EDITOR'],
  shell: async session => {
    let due: NodeJS.Immediate | undefined;
    const show = () => {
      // Several answers in one packet redraw the page once.
      clearImmediate(due);
      due = setImmediate(() => session.writable && session.write(page(session)));
    };
    session.on('telnet', show);
    for (const option of [Option.TSPEED, Option.XDISPLOC, Option.SNDLOC, Option.SGA, Option.BINARY]) {
      session.telnet.request(option, 'remote', true);
    }
    show();
    for await (const line of session.readLines()) {
      if (line === 'quit') return;
      try {
        obey(session, line);
        show();
      } catch (error) {
        if (!(error instanceof TelptyError)) throw error;
        session.write(`${error.message}\r\n> `);
      }
    }
  },
});

const { port } = await server.listen(Number(process.env.PORT ?? 6023));
console.log(`telnet 127.0.0.1 ${port}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.shutdown());
