/**
 * A chat: everybody who connects talks to everybody else.
 *
 *     npx tsx examples/chat.ts
 *     telnet 127.0.0.1 6023           (from several windows)
 */
import { createServer, type Session } from 'telpty';

/** Who is here, by session. */
const names = new Map<Session, string>();

function tell(text: string, except?: Session): void {
  for (const session of names.keys()) {
    if (session === except) continue;
    // Somebody who does not read would have us keep all that is said.
    if (session.unsent > 64 * 1024) session.destroy();
    else session.write(`${text}\r\n`);
  }
}

async function askName(session: Session): Promise<string | undefined> {
  for (;;) {
    const name = await session.readLine({ prompt: 'What is your name? ', maxLength: 20 });
    if (name === undefined) return undefined;
    if (!/^\w+$/.test(name)) session.write('Letters and digits, please.\r\n');
    else if ([...names.values()].includes(name)) session.write(`There is a ${name} already.\r\n`);
    else return name;
  }
}

const server = createServer(async session => {
  const name = await askName(session);
  if (name === undefined) return;
  names.set(session, name);
  session.write(`Here: ${[...names.values()].join(', ')}. Leave by /quit.\r\n`);
  tell(`* ${name} comes in`, session);
  try {
    for await (const line of session.readLines()) {
      if (line === '/quit') break;
      if (line !== '') tell(`${name}: ${line}`, session);
    }
  } finally {
    names.delete(session);
    tell(`* ${name} leaves`);
  }
});

const { port } = await server.listen(Number(process.env.PORT ?? 6023));
console.log(`telnet 127.0.0.1 ${port}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.shutdown());
