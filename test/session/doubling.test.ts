/** For every reader and writer of a session, twice the text is twice the work, however small the pieces. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { after, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { connect, type Session } from '../../src/index.ts';
import { createRecording } from '../../src/recording/writing/recording-writer.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-doubling-'));
after(() => rmSync(directory, { recursive: true }));

const LINE = `${'x'.repeat(79)}\n`;
const ALL = { maxLength: 1 << 30 };

/** Functions whose cost grows with their input, and the cost of a call in bytes or characters. */
const COSTS: readonly [owner: object, name: string, cost: (self: never, args: never, result: never) => number][] = [
  [Buffer, 'concat', (_self, _args, result: Buffer) => result.length],
  [Buffer, 'from', (_self, _args, result: Buffer) => result.length],
  [Uint8Array.prototype, 'set', (_self, [source]: [ArrayLike<number>]) => source.length],
  [Array.prototype, 'join', (_self, _args, result: string) => result.length],
  // A concatenated string is copied when it is read.
  [String.prototype, 'slice', (self: string) => self.length],
  [String.prototype, 'indexOf', (self: string, [, from = 0]: [string, number?]) => self.length - from],
  [RegExp.prototype, 'exec', (self: RegExp, [text]: [string]) => text.length - (self.global ? self.lastIndex : 0)],
];

/**
 * A separate clock, since searches take only a share of the elapsed time. It advances with each turn of the event loop
 * and with the work done, so it is the same on every machine. Timers use it, too.
 */
const TURN_MS = 0.1;
const WORK_PER_MS = 100_000;

/** Counts the input of these functions while `block` runs, by that clock. */
async function workOf(block: () => Promise<unknown>): Promise<number> {
  let work = 0;
  let turns = 0;
  let isOver = false;
  const now = () => turns * TURN_MS + work / WORK_PER_MS;
  const timers = new Set<{ at: number; run(): void }>();
  const replacements: [owner: object, name: string, value: unknown][] = COSTS.map(([owner, name, cost]) => {
    const original = Reflect.get(owner, name) as (...args: unknown[]) => unknown;
    const counted = function (this: unknown, ...args: unknown[]): unknown {
      const result = original.apply(this, args);
      work += cost(this as never, args as never, result as never);
      return result;
    };
    return [owner, name, counted];
  });
  const setTimer = (callback: (...args: unknown[]) => void, ms = 1, ...args: unknown[]) => {
    const timer = { at: now() + ms, run: () => callback(...args), ref: () => timer, unref: () => timer };
    timers.add(timer);
    return timer;
  };
  replacements.push([performance, 'now', now], [globalThis, 'setTimeout', setTimer]);
  replacements.push([globalThis, 'clearTimeout', (timer: never) => void timers.delete(timer)]);
  const restorations = replacements.map(([owner, name, value]) => {
    const original = Object.getOwnPropertyDescriptor(owner, name);
    Object.defineProperty(owner, name, { value, configurable: true, writable: true });
    return () =>
      original === undefined ? Reflect.deleteProperty(owner, name) : Object.defineProperty(owner, name, original);
  });
  try {
    const done = block().finally(() => {
      isOver = true;
    });
    while (!isOver) {
      await turn();
      turns++;
      for (const timer of timers) if (timer.at <= now() && timers.delete(timer)) timer.run();
    }
    await done;
  } finally {
    for (const restore of restorations) restore();
  }
  return work;
}

/** The maximum that a network delivers at once, in bytes. */
const PIECE_BYTES = 65_536;

/**
 * A connection in memory to a peer that sends nothing by itself. A network would cut the text at different positions
 * each time, and the test counts how often the session reads it.
 */
class Line extends Duplex {
  sent = '';

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.sent += chunk.toString('latin1');
    callback();
  }

  /** Sends text to the session, in pieces of the maximum size. */
  bring(text: string): void {
    for (let at = 0; at < text.length; at += PIECE_BYTES) this.push(text.slice(at, at + PIECE_BYTES), 'latin1');
  }
}

/** Sends a piece in each turn of the event loop. */
async function feed(line: Line, piece: string, count: number, end: string): Promise<void> {
  for (let sent = 0; sent < count; sent++) {
    line.bring(piece);
    await turn();
  }
  line.bring(end);
}

/** Waits until the peer has all written output. */
async function untilSent(session: Session): Promise<void> {
  while (session.undelivered > 0) await turn();
}

/** Each case transfers `count` lines. */
const cases: Readonly<Record<string, (session: Session, line: Line, count: number) => Promise<unknown>>> = {
  'readUntil with a string': (session, line, count) =>
    Promise.all([session.readUntil('end#', ALL), feed(line, LINE, count, 'end#')]),
  'readUntil with regular expressions': (session, line, count) =>
    Promise.all([session.readUntil([/\d+#/, /^end# $/m], ALL), feed(line, LINE, count, 'end# ')]),
  'readUntil for each of many lines': async (session, line, count) => {
    line.bring(LINE.repeat(count));
    for (let read = 0; read < count; read++) await session.readUntil('\n');
  },
  exec: async (session, line, count) => {
    const output = session.exec('show', ALL);
    while (!line.sent.includes('show')) await turn();
    await Promise.all([output, feed(line, LINE, count, 'router# ')]);
  },
  login: (session, line, count) =>
    Promise.all([session.login({ username: 'ada', ...ALL }), feed(line, LINE, count, 'router# ')]),
  'readLine of one long line': (session, line, count) =>
    Promise.all([session.readLine(ALL), feed(line, LINE.trim(), count, '\r\n')]),
  'readLines of many lines': async (session, line, count) => {
    line.bring(LINE.repeat(count));
    let read = 0;
    for await (const _ of session.readLines()) if (++read === count) break;
  },
  'the events of the stream': async (session, line, count) => {
    let read = 0;
    session.on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
    await feed(line, LINE, count, '');
    while (read < count * LINE.length) await turn();
  },
  'input that waits for its reader': async (session, line, count) => {
    await feed(line, LINE, count, '');
    while (session.inputLength < count * LINE.length) await turn();
    for (let read = 0; read < count * LINE.length; read += LINE.length) session.read(LINE.length);
  },
  'write, sendLine and tap': async (session, _line, count) => {
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
  recording: async (_session, _line, count) => {
    const writer = createRecording(join(directory, `${count}`), 'asciicast', { columns: 80, rows: 24 }, assert.fail);
    for (let written = 0; written < count; written++) {
      writer.data('output', Buffer.from(LINE), 'UTF-8', written);
      writer.flush();
    }
    writer.end();
  },
};

for (const [name, move] of Object.entries(cases)) {
  test(`twice the text is twice the work: ${name}`, async () => {
    const works: number[] = [];
    for (const count of [500, 1_000]) {
      const line = new Line();
      const session = await connect({ stream: line });
      const closed = once(session, 'close');
      works.push(await workOf(() => move(session, line, count)));
      session.destroy();
      await closed;
    }
    const [single, twice] = works as [number, number];
    assert.ok(twice < 2.7 * single, `${single} bytes and characters, and ${twice} for twice the text`);
  });
}
