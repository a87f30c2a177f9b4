/**
 * An arcade, as dgamelaunch runs it: users register, log in, play the games of this machine, and watch each other play.
 *
 *     npx tsx examples/arcade.ts      (HOST, PORT; ARCADE_DATA: directory for accounts and the directories of users)
 *     telnet 127.0.0.1 6023
 *
 * If root starts it, which port 23 needs, it runs as the user `games` once it listens.
 */
import { chownSync, existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createServer, limit, ptyShell, type Session } from 'telpty';
import { clientKind, Option } from 'telpty/protocol';
import { lookupUser } from 'telpty/pty';
import { Accounts } from './arcade-accounts.ts';

const { HOST = '127.0.0.1', PORT = '6023', ARCADE_DATA = 'arcade-data', ARCADE_GAMES = '/usr/games' } = process.env;
const data = resolve(ARCADE_DATA);
mkdirSync(data, { recursive: true, mode: 0o700 });
const accounts = new Accounts(join(data, 'accounts.json'), Number(process.env.ARCADE_ACCOUNTS ?? 1_000));

const games = ['nethack', 'tetris-bsd', 'robots', 'worm'].filter(game => existsSync(join(ARCADE_GAMES, game)));
/**
 * With nproc, fork() fails, so a shell escape starts nothing. But a game runs as the same user as the arcade, and can
 * read and write accounts.json and the files of all users. On a public port run games that hostile input may take over
 * in a sandbox without that directory (docs/sandbox.md).
 */
const limits = { nproc: 1, core: 0, fsize: 16 << 20, as: 512 << 20, cpu: 3_600 };

/**
 * Ends what a game may have left on (modes, colours, alternate screen, mouse, hidden cursor), and clears the screen.
 */
const CLEAR = '\x1b[!p\x1b[m\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?25h\x1b[2J\x1b[H';

/** The next of these keys. Cursor keys end in capital letters, which are never among them. */
async function press(session: Session, keys: string): Promise<string | undefined> {
  const options = { timeout: 0, signal: session.signal };
  const found = await session.readUntil(new RegExp(`[${keys}]`), options).catch(() => undefined);
  // The Return of a client that sends whole lines.
  session.discardInput();
  return found?.match;
}

/** Shows a page, and returns the next of these keys. */
function choose(session: Session, lines: readonly string[], keys: string): Promise<string | undefined> {
  const title = ` ARCADE - ${plays.size} playing`.padEnd(Math.min(session.terminal.columns || 80, 80));
  const page = [`${CLEAR}\x1b[1;37;44m${title}\x1b[m`, '', ...lines.map(line => ` ${line}`), '', ' => '].join('\r\n');
  session.write(clientKind(session.terminal.types) === 'minimal' ? page.replace(/\x1b\[[^a-z]*[a-z]/gi, '') : page);
  return press(session, keys);
}

interface Play {
  readonly user: string;
  readonly game: string;
  readonly session: Session;
  readonly viewers: Set<Session>;
  readonly over: Promise<unknown>;
  /** The output since the game last cleared the screen, at most 32 KiB: what new viewers are shown. */
  recent: Buffer;
}
/** The games that run, by user. Two games of one user would write the same files. */
const plays = new Map<string, Play>();

function record(play: Play, bytes: Buffer): void {
  const cleared = Math.max(bytes.lastIndexOf('\x1b[2J'), bytes.lastIndexOf('\x1b[H\x1b[J'));
  play.recent = Buffer.concat(cleared < 0 ? [play.recent, bytes] : [bytes.subarray(cleared)]).subarray(-32_768);
  // A viewer that does not read misses output.
  for (const viewer of play.viewers) if (viewer.writable && viewer.unsent < 65_536) viewer.write(bytes);
}

async function play(session: Session, user: string, game: string): Promise<void> {
  // The same user's game in another session, whose connection may be dead, gets SIGHUP, at which games save.
  for (let other = plays.get(user); other !== undefined; other = plays.get(user)) {
    other.session.hangup('replaced');
    await other.over;
  }
  const cwd = join(data, 'users', user);
  mkdirSync(cwd, { recursive: true, mode: 0o700 });
  const env = { HOME: cwd, USER: user, LOGNAME: user, SHELL: '/bin/false' };
  const args = game === 'nethack' ? ['-u', user] : [];
  const shell = ptyShell(join(ARCADE_GAMES, game), args, { cwd, env, limits, umask: 0o077, killTimeout: 5_000 });
  session.write(CLEAR);
  const over = shell(session).catch((error: Error) => console.log(`${game}: ${error.message}`));
  const play: Play = { user, game, session, viewers: new Set(), over, recent: Buffer.alloc(0) };
  plays.set(user, play);
  const untap = session.tap({ output: bytes => record(play, Buffer.from(bytes)) });
  await over;
  untap();
  plays.delete(user);
  record(play, Buffer.from('\r\n[The game has ended: q]'));
  if (session.writable) session.write('\r\n[Press a key]');
  await press(session, '^');
}

/** Shows who plays what, and after a letter that game as its player sees it. */
async function watch(session: Session): Promise<void> {
  const shown = [...plays.values()].slice(0, 16);
  const keys = 'abcdefghijklmnop'.slice(0, shown.length);
  const row = (...cells: unknown[]) => cells.map(cell => `${cell}`.padEnd(12)).join('');
  const lines = shown.map(({ user, game, session: { terminal, idleTime } }, at) => {
    const size = `${terminal.columns ?? '?'}x${terminal.rows ?? '?'}`;
    return `${keys[at]}) ${row(user, game, size, `${Math.floor(idleTime / 1_000)} s`)}`;
  });
  const page = [`   ${row('User', 'Game', 'Screen', 'Idle')}`, ...lines, '', 'Letter) Watch, until q', 'q) Back'];
  const play = shown[keys.indexOf((await choose(session, page, `${keys}q`)) ?? 'q')];
  if (play === undefined) return;
  session.write(CLEAR);
  session.write(play.recent);
  play.viewers.add(session);
  await press(session, 'q');
  play.viewers.delete(session);
}

async function arcade(session: Session): Promise<void> {
  // Clients then send each key at once.
  for (const option of [Option.ECHO, Option.SGA]) session.telnet.request(option, 'local', true);
  await session.waitFor(({ terminal }) => terminal.typesComplete, { timeout: 2_000 }).catch(() => {});
  let user: string | undefined;
  let notice: string | undefined;
  for (;;) {
    const entries = games.map((game, at) => `${at + 1}) Play ${game}`);
    const own = user === undefined ? ['l) Login', 'r) Register'] : [...entries, 'c) Change password'];
    const menu = [...own, 'w) Who is playing, watch', 'q) Quit'];
    const heading = user === undefined ? 'Not logged in.' : `Logged in as ${user}.`;
    const key = await choose(session, [heading, '', ...menu, '', notice ?? ''], menu.map(entry => entry[0]).join(''));
    notice = undefined;
    if (key === undefined || key === 'q') return;
    if (key === 'w') await watch(session);
    else if (key === 'l') ({ user, notice } = await accounts.login(session));
    else if (key === 'r') ({ user, notice } = await accounts.register(session));
    else if (key === 'c') ({ notice } = await accounts.changePassword(session, user!));
    else await play(session, user!, games[Number(key) - 1]!);
  }
}

const guard = limit({ maxSessions: 100, maxPerAddress: 4, connectRate: 0.2, idleTimeout: 30 * 60_000 });
const server = createServer({ shell: arcade, use: [guard] });
server.on('session-end', (session, { error }) => {
  if (error !== undefined) console.error(`session ${session.id}:`, error);
});
const { port } = await server.listen({ host: HOST, port: Number(PORT) });
if (process.getuid?.() === 0) {
  const { uid, gid } = lookupUser('games');
  chownSync(data, uid, gid);
  process.setgroups!([]);
  process.setgid!(gid);
  process.setuid!(uid);
}
console.log(`telnet ${HOST} ${port}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.shutdown({ timeout: 6_000 }));
