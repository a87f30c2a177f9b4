/** The engine as it is shipped: compiled, not run through tsx, which instruments what it translates. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Failure } from '../failure.ts';
import { root } from '../paths.ts';

type Protocol = typeof import('../../../src/protocol/index.ts');

const file = join(root, 'dist/protocol/index.js');
if (!existsSync(file)) throw new Failure('telpty is not built: npm run compile', 1);
const { binary, charset, echo, newEnviron, Option, suppressGoAhead, Telnet, terminalType, windowSize } = (await import(
  pathToFileURL(file).href
)) as Protocol;

/** A connection that sends and delivers to nowhere, with the options that a server of terminals has. */
const config = {
  options: [
    binary({ local: true, remote: true }),
    echo({ local: 'request' }),
    suppressGoAhead({ local: true, remote: true }),
    terminalType({ collect: true }),
    windowSize({ receive: true }),
    newEnviron({ request: ['LANG', 'COLORTERM'] }),
    charset({ role: 'server' }),
  ],
} as const;

/** How many bytes have come out, so that no optimizer can think the work needless. */
export const produced = { bytes: 0 };

const count = (bytes: Uint8Array): void => {
  produced.bytes += bytes.length;
};
const handlers = { send: count, data: count, event: () => {} };

export type Engine = InstanceType<Protocol['Telnet']>;

/** @param peer the kind of the other end: its lines end in CR LF, which is a key to a server and text to a client. */
export function newEngine(peer: 'client' | 'server' = 'client'): Engine {
  return new Telnet(handlers, { ...config, carriageReturn: peer === 'client' ? 'key' : 'text' });
}

const IAC = 255;
const [WILL, WONT, DO, DONT, SB, SE] = [251, 252, 253, 254, 250, 240] as const;

/** The same with BINARY on both ways. */
export function newBinaryEngine(): Engine {
  const engine = newEngine();
  engine.receive(Uint8Array.of(IAC, DO, Option.BINARY, IAC, WILL, Option.BINARY));
  return engine;
}

const terminal = [IAC, SB, Option.TTYPE, 0, ...Buffer.from('XTERM-256COLOR'), IAC, SE];

/** What a client such as PuTTY answers to the requests below. */
const answers = [
  [IAC, WONT, Option.NEW_ENVIRON, IAC, DONT, Option.CHARSET],
  [IAC, WILL, Option.NAWS, IAC, SB, Option.NAWS, 0, 80, 0, 24, IAC, SE, IAC, WILL, Option.TTYPE],
  [IAC, DO, Option.ECHO, IAC, DO, Option.SGA],
  terminal,
  terminal,
].map(bytes => Uint8Array.from(bytes));

/** A connection from its first request to the last answer. */
export function negotiate(): Engine {
  const engine = newEngine();
  engine.request(Option.NEW_ENVIRON, 'remote', true);
  engine.request(Option.CHARSET, 'local', true);
  engine.request(Option.NAWS, 'remote', true);
  engine.request(Option.TTYPE, 'remote', true);
  engine.request(Option.ECHO, 'local', true);
  engine.request(Option.SGA, 'local', true);
  for (const bytes of answers) engine.receive(bytes);
  return engine;
}
