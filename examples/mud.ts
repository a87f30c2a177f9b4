/**
 * A small MUD with the options of MUD clients: rooms and messages as data (GMCP), status for lists of games (MSSP), the
 * capabilities of the client (MTTS), prompts marked by EOR, and compression (MCCP).
 *
 *     npx tsx examples/mud.ts
 *     tt++ -e '#session mud 127.0.0.1 6023'       (or any other MUD client, or telnet)
 */
import { createServer, type Session } from 'telpty';
import { clientKind, decodeMtts, gmcp, mssp, Option } from 'telpty/protocol';

interface Room {
  readonly name: string;
  readonly text: string;
  readonly exits: Readonly<Record<string, string>>;
}

const world: Readonly<Record<string, Room>> = {
  quay: { name: 'The quay', text: 'Ropes, tar and gulls.', exits: { north: 'square', east: 'light' } },
  square: { name: 'The square', text: 'A dry fountain; people wait for news.', exits: { south: 'quay' } },
  light: { name: 'The lighthouse', text: 'From up here the sea looks finished.', exits: { west: 'quay' } },
};

interface Player {
  readonly name: string;
  room: string;
}

const players = new Map<Session, Player>();

const data = gmcp({ local: true });
const facts = mssp({ provide: () => ({ NAME: 'The Quay', PLAYERS: players.size, UPTIME: started, GMCP: true }) });
const started = Math.floor(Date.now() / 1000);

/** Sends a GMCP message, if the client has enabled GMCP. */
function send(session: Session, message: string, value: unknown): void {
  if (session.telnet.isEnabled(Option.GMCP, 'local')) session.telnet.handler(data).send(message, value);
}

/** Whether the client shows colours: by MTTS, which MUD clients send, else by the terminal type. */
function hasColours({ terminal }: Session): boolean {
  if (terminal.mtts !== undefined) return decodeMtts(terminal.mtts).includes('ANSI');
  return clientKind(terminal.types) !== 'minimal';
}

function say(session: Session, text: string): void {
  session.write(`${text}\r\n`);
}

function look(session: Session, { room }: Player): void {
  const { name, text, exits } = world[room]!;
  say(session, hasColours(session) ? `\x1b[1;32m${name}\x1b[0m` : name);
  say(session, `${text}\r\nExits: ${Object.keys(exits).join(', ')}.`);
  for (const [other, player] of players) {
    if (other !== session && player.room === room) say(session, `${player.name} is here.`);
  }
  send(session, 'Room.Info', { num: room, name, exits });
}

function others(session: Session, { room }: Player): Session[] {
  return [...players].filter(([other, player]) => other !== session && player.room === room).map(([other]) => other);
}

function move(session: Session, player: Player, direction: string, to: string): void {
  for (const other of others(session, player)) say(other, `${player.name} goes ${direction}.`);
  player.room = to;
  for (const other of others(session, player)) say(other, `${player.name} comes in.`);
  look(session, player);
}

/** Executes a command. Returns false if the player quits. */
function obey(session: Session, player: Player, line: string): boolean {
  const [, verb = '', rest = ''] = /^\s*(\S*)\s*(.*)$/.exec(line) ?? [];
  const { exits } = world[player.room]!;
  const direction = Object.keys(exits).find(name => verb !== '' && name.startsWith(verb));
  if (verb === 'quit') return false;
  if (verb === 'look' || verb === 'l') look(session, player);
  else if (direction !== undefined) move(session, player, direction, exits[direction]!);
  else if (verb === 'say' && rest !== '') {
    say(session, `You say: ${rest}`);
    for (const other of others(session, player)) {
      say(other, `${player.name} says: ${rest}`);
      send(other, 'Comm.Channel.Text', { channel: 'say', talker: player.name, text: rest });
    }
  } else if (verb !== '') say(session, 'You can look, say something, go where there is an exit, and quit.');
  return true;
}

const server = createServer({
  telnetOptions: [data, facts],
  compression: true,
  shell: async session => {
    // The server requests all other options by itself. A plain client refuses these three.
    for (const option of [Option.GMCP, Option.MSSP, Option.EOR]) session.telnet.request(option, 'local', true);
    session.on('gmcp', ({ name }) => {
      // Clients measure the round-trip time with it.
      if (name.toLowerCase() === 'core.ping') send(session, 'Core.Ping', undefined);
    });
    say(session, 'THE QUAY');
    const name = await session.readLine({ prompt: 'Your name? ', maxLength: 20 });
    if (name === undefined || !/^\w+$/.test(name)) return;
    const player = { name, room: 'quay' };
    players.set(session, player);
    try {
      send(session, 'Char.Name', { name });
      look(session, player);
      for await (const line of session.readLines({ prompt: '> ' })) if (!obey(session, player, line)) break;
    } finally {
      players.delete(session);
      for (const other of others(session, player)) say(other, `${name} fades away.`);
    }
  },
});

const { port } = await server.listen(Number(process.env.PORT ?? 6023));
console.log(`telnet 127.0.0.1 ${port}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.shutdown());
