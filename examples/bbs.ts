/**
 * A bulletin board: a menu, a wall to write on, and doors, which are programs of this machine. When a program ends, its
 * caller is back at the menu: `ptyShell()`, `limit()`.
 *
 *     npx tsx examples/bbs.ts
 *     telnet 127.0.0.1 6023           (or PuTTY, or SyncTERM)
 */
import { createServer, limit, type PtyResult, ptyShell, type Session } from 'telpty';

interface Door {
  readonly name: string;
  readonly shell: (session: Session) => Promise<PtyResult>;
}

/**
 * Doors by the key that starts them. Each program runs on its own pseudo-terminal, of the caller's type and size.
 * Callers can do whatever the program can: top gets `-s`, without which they could kill processes of the server.
 */
const doors: Readonly<Record<string, Door>> = {
  w: { name: 'Worm', shell: ptyShell('/usr/games/worm') },
  n: { name: 'NetHack', shell: ptyShell('/usr/games/nethack') },
  t: { name: 'Who uses this machine', shell: ptyShell('top', ['-s'], { env: { TOPRC: '/dev/null' } }) },
};

/** Lines of the wall, newest last. */
const wall: string[] = [];

const CLEAR = '\x1b[2J\x1b[H';
const TITLE = '\x1b[1;37;44m';
const KEY = '\x1b[1;33m';
const PLAIN = '\x1b[0m';

function menu(session: Session): string {
  const width = Math.min(Math.max(session.terminal.columns || 80, 20), 80);
  const entries = Object.entries(doors).map(([key, { name }]) => [key, name] as const);
  const lines = [...entries, ['l', 'Leave a line on the wall'] as const, ['g', 'Good-bye'] as const];
  return [
    `${CLEAR}${TITLE}${'  THE SILENT MODEM'.padEnd(width)}${PLAIN}`,
    '',
    ...wall.map(line => `  ${[...line].slice(0, width - 4).join('')}`),
    '',
    ...lines.map(([key, name]) => `  [${KEY}${key.toUpperCase()}${PLAIN}] ${name}`),
    '',
    '',
  ].join('\r\n');
}

/**
 * Runs the program of a door. Returns false if it failed: the caller should read its output before the menu clears the
 * screen.
 */
async function open(door: Door, session: Session): Promise<boolean> {
  session.write(CLEAR);
  try {
    return (await door.shell(session)).code === 0;
  } catch {
    // ptyShell has written to the caller why the program could not be started.
    return false;
  }
}

async function bbs(session: Session): Promise<void> {
  for (;;) {
    // The caller may have hung up while a program ran.
    if (session.hangupReason !== undefined || session.destroyed) return;
    session.write(menu(session));
    const choice = (await session.readLine({ prompt: '  Your choice: ', maxLength: 1 }))?.toLowerCase();
    if (choice === undefined || choice === 'g') break;
    if (choice === 'l') {
      const line = await session.readLine({ prompt: '  Your line: ', maxLength: 70 });
      if (line) wall.push(line);
      if (wall.length > 10) wall.shift();
    }
    const door = doors[choice];
    if (door !== undefined && !(await open(door, session))) await session.readLine({ prompt: '\r\n  Press Return. ' });
  }
  session.write(`${PLAIN}\r\n  NO CARRIER\r\n`);
}

const server = createServer({ shell: bbs, use: [limit({ maxSessions: 50, idleTimeout: 10 * 60_000 })] });
server.on('session-end', (session, { error }) => {
  if (error !== undefined) console.error(`caller ${session.id}:`, error);
});

const { port } = await server.listen(Number(process.env.PORT ?? 6023));
console.log(`telnet 127.0.0.1 ${port}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.shutdown({ timeout: 2_000 }));
