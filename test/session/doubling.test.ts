/** Every reader and writer of a session: twice the text is twice the work, however small the pieces. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { connect, readLine, readLines, type Session } from '../../src/index.ts';
import { AsciicastWriter } from '../../src/recording/asciicast.ts';
import { Peer } from '../support/clients/peer.ts';
import type { Wire } from '../support/clients/test-client.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-doubling-'));
after(() => rmSync(directory, { recursive: true }));

const LINE = `${'x'.repeat(79)}\n`;
const ALL = { maxLength: 1 << 30 };

/** Functions whose cost grows with what they are given, and how many bytes or characters that is. */
const COSTS: readonly [owner: object, name: string, cost: (self: never, args: never, result: never) => number][] = [
  [Buffer, 'concat', (_self, _args, result: Buffer) => result.length],
  [Buffer, 'from', (_self, _args, result: Buffer) => result.length],
  [Uint8Array.prototype, 'set', (_self, [source]: [ArrayLike<number>]) => source.length],
  [Array.prototype, 'join', (_self, _args, result: string) => result.length],
  // A string that was put together is copied when it is looked at.
  [String.prototype, 'slice', (self: string) => self.length],
  [String.prototype, 'indexOf', (self: string, [, from = 0]: [string, number?]) => self.length - from],
  [RegExp.prototype, 'exec', (self: RegExp, [text]: [string]) => text.length - (self.global ? self.lastIndex : 0)],
];

/** Counts what these functions are given while `block` runs. */
async function workOf(block: () => Promise<unknown>): Promise<number> {
  let work = 0;
  const originals = COSTS.map(([owner, name, cost]) => {
    const original = Reflect.get(owner, name) as (...args: unknown[]) => unknown;
    const counted = function (this: unknown, ...args: unknown[]): unknown {
      const result = original.apply(this, args);
      work += cost(this as never, args as never, result as never);
      return result;
    };
    Object.defineProperty(owner, name, { value: counted, configurable: true, writable: true });
    return () => Object.defineProperty(owner, name, { value: original, configurable: true, writable: true });
  });
  try {
    await block();
  } finally {
    for (const restore of originals) restore();
  }
  return work;
}

/** Sends a piece in each turn of the event loop. */
async function feed(wire: Wire, piece: string, count: number, end: string): Promise<void> {
  for (let sent = 0; sent < count; sent++) {
    wire.socket.write(piece);
    await turn();
  }
  wire.socket.write(end);
}

/** Waits until the peer has all that was written. */
async function untilSent(session: Session): Promise<void> {
  while (session.undelivered > 0) await turn();
}

/** Each moves `count` lines. */
const cases: Readonly<Record<string, (session: Session, wire: Wire, count: number) => Promise<unknown>>> = {
  'readUntil with a string': (session, wire, count) =>
    Promise.all([session.readUntil('end#', ALL), feed(wire, LINE, count, 'end#')]),
  'readUntil with regular expressions': (session, wire, count) =>
    Promise.all([session.readUntil([/\d+#/, /^end# $/m], ALL), feed(wire, LINE, count, 'end# ')]),
  'readUntil for each of many lines': async (session, wire, count) => {
    wire.socket.write(LINE.repeat(count));
    for (let read = 0; read < count; read++) await session.readUntil('\n');
  },
  exec: async (session, wire, count) => {
    const output = session.exec('show', ALL);
    await wire.expect('show');
    await Promise.all([output, feed(wire, LINE, count, 'router# ')]);
  },
  login: (session, wire, count) =>
    Promise.all([session.login({ username: 'ada', ...ALL }), feed(wire, LINE, count, 'router# ')]),
  'readLine of one long line': (session, wire, count) =>
    Promise.all([readLine(session, ALL), feed(wire, LINE.trim(), count, '\r\n')]),
  'readLines of many lines': async (session, wire, count) => {
    wire.socket.write(LINE.repeat(count));
    let read = 0;
    for await (const _ of readLines(session)) if (++read === count) break;
  },
  'the events of the stream': async (session, wire, count) => {
    let read = 0;
    session.on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
    await feed(wire, LINE, count, '');
    while (read < count * LINE.length) await turn();
  },
  'input that waits for its reader': async (session, wire, count) => {
    await feed(wire, LINE, count, '');
    while (session.inputLength < count * LINE.length) await turn();
    for (let read = 0; read < count * LINE.length; read += LINE.length) session.read(LINE.length);
  },
  'write, sendLine and tap': async (session, _wire, count) => {
    let seen = 0;
    const untap = session.tap({
      output: bytes => {
        seen += bytes.length;
      },
    });
    for (let written = 0; written < count; written += 2) {
      session.write(LINE);
      session.sendLine(LINE.trim());
    }
    await untilSent(session);
    untap();
    assert.ok(seen >= count * LINE.length, `${seen} bytes were seen`);
  },
  recording: async (_session, _wire, count) => {
    const writer = new AsciicastWriter(join(directory, `${count}`), { columns: 80, rows: 24, term: 'x' }, assert.fail);
    for (let written = 0; written < count; written++) writer.output(Buffer.from(LINE), 'UTF-8');
    writer.end();
  },
};

for (const [name, move] of Object.entries(cases)) {
  test(`twice the text is twice the work: ${name}`, async () => {
    const works: number[] = [];
    for (const count of [500, 1_000]) {
      await using peer = await Peer.listen();
      const session = await connect({ port: peer.port });
      const wire = await peer.accept();
      const closed = once(session, 'close');
      works.push(await workOf(() => move(session, wire, count)));
      session.destroy();
      await closed;
    }
    const [single, twice] = works as [number, number];
    // How the network cuts the text decides how often it is looked at: 160 for each byte is linear in any cut,
    // and quadratic would be 500 and more.
    const most = Math.max(2.7 * single, 160 * 1_000 * LINE.length);
    assert.ok(twice < most, `${single} bytes and characters, and ${twice} for twice the text`);
  });
}
