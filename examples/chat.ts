/**
 * A chat: what one user types, all others read. It needs no programs: `readLine()`, `readLines()`, and `unsent` for
 * slow readers.
 *
 *     npx tsx examples/chat.ts
 *     telnet 127.0.0.1 6023           (from several windows)
 */
import { createServer, type Session } from 'telpty';

/** Names of the users by session. */
const names = new Map<Session, string>();

function broadcast(text: string, except?: Session): void {
  for (const session of names.keys()) {
    if (session === except) continue;
    // The output for a client that does not read would be kept in memory without limit.
    if (session.unsent > 64 * 1024) session.destroy();
    else session.write(`${text}\r\n`);
  }
}

async function askName(session: Session): Promise<string | undefined> {
  for (;;) {
    const name = await session.readLine({ prompt: 'What is your name? ', maxLength: 20 });
    if (name === undefined) return undefined;
    if (!/^\w+$/.test(name)) session.write('Use letters and digits only.\r\n');
    else if ([...names.values()].includes(name)) session.write(`The name ${name} is taken.\r\n`);
    else return name;
  }
}

const server = createServer(async session => {
  const name = await askName(session);
  if (name === undefined) return;
  names.set(session, name);
  session.write(`Here: ${[...names.values()].join(', ')}. Leave by /quit.\r\n`);
  broadcast(`* ${name} joins`, session);
  try {
    for await (const line of session.readLines()) {
      if (line === '/quit') break;
      if (line !== '') broadcast(`${name}: ${line}`, session);
    }
  } finally {
    names.delete(session);
    broadcast(`* ${name} leaves`);
  }
});

const { port } = await server.listen(Number(process.env.PORT ?? 6023));
console.log(`telnet 127.0.0.1 ${port}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.shutdown());
