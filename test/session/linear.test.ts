/**
 * Many times the input is about as many times the work, for readers and writers of a session. See also search.test.ts.
 */
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createServer, type Session } from '../../src/index.ts';
import { EchoFinder } from '../../src/session/conversation/command-echo.ts';
import { GrowingText } from '../../src/session/conversation/growing-text.ts';
import { render } from '../../src/session/conversation/prompts.ts';
import { LineInput } from '../../src/shells/line-editing/line-input.ts';
import { Inflation } from '../../src/transport/stream/inflation.ts';
import { UnsentQueue } from '../../src/transport/stream/unsent-queue.ts';

/** Processor time of `run`, in microseconds. */
async function cost(run: (n: number) => Promise<void> | void, n: number): Promise<number> {
  const before = process.cpuUsage();
  await run(n);
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** How many times the input is compared with it. */
const MORE = 16;
/** Processor time of the smaller input, in microseconds: what is much shorter is mostly the noise of the machine. */
const LEAST_US = 4_000;

/** The limit for it. A quadratic loop costs 256 times as much. A linear one with much garbage takes up to 60 times. */
const LIMIT = 128;

/** How many sizes of the input are tried, each twice as large as the one before. */
const SIZES = 4;

/**
 * For 16 times the input, a linear loop costs 16 times as much, and more if it needs much memory: the garbage collector
 * copies what lives longer. The input is doubled until its cost can be measured. Other work on the machine only adds to
 * a cost, so the least of several counts. Memory that is collected for the larger input only makes a linear loop seem
 * worse, so larger inputs are tried, for which it is collected, too. A quadratic loop fails with each.
 */
async function assertLinear(run: (n: number) => Promise<void> | void, least: number): Promise<void> {
  const leastOf = async (count: number, n: number, enough = 0): Promise<number> => {
    let cheapest = Number.POSITIVE_INFINITY;
    for (let round = 0; round < count && cheapest > enough; round++) cheapest = Math.min(cheapest, await cost(run, n));
    return cheapest;
  };
  let n = least;
  while ((await leastOf(5, n)) < LEAST_US && n < 64 * least) n *= 2;
  const costs: string[] = [];
  for (let size = 0; size < SIZES; size++, n *= 2) {
    const once = await leastOf(5, n);
    const more = await leastOf(3, MORE * n, LIMIT * once);
    if (more <= LIMIT * once) return;
    costs.push(`${n} cost ${once} us, and ${MORE} times as many ${more} us`);
  }
  assert.fail(costs.join('; '));
}

/** A transport that accepts everything. */
class Wire extends Duplex {
  constructor() {
    super({ readableHighWaterMark: 1024 ** 3 });
  }
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    callback();
  }
}

async function withSession(block: (session: Session, wire: Wire) => Promise<void>): Promise<void> {
  const wire = new Wire();
  let end = (): void => {};
  const server = createServer(() => new Promise<void>(resolve => (end = resolve)));
  const session = server.handle(wire);
  try {
    await block(session, wire);
  } finally {
    end();
    session.destroy();
  }
}

/** Sends text in packets. A server decodes CR NUL as CR. */
async function send(wire: Wire, text: string, size: number): Promise<void> {
  const bytes = Buffer.from(text.replaceAll('\r\n', '\r\0\n'));
  for (let at = 0; at < bytes.length; at += size) {
    wire.push(bytes.subarray(at, at + size));
    if ((at / size) % 8 === 0) await turn();
  }
}

const LINE = 'lorem ipsum dolor sit amet\r\n';

const READERS: Record<string, (n: number) => Promise<void>> = {
  'for await': n =>
    withSession(async (session, wire) => {
      void send(wire, LINE.repeat(n), 80).then(() => wire.push(null));
      let length = 0;
      for await (const chunk of session) length += chunk.length;
      assert.equal(length, n * LINE.length);
    }),
  'readUntil, one long text': n =>
    withSession(async (session, wire) => {
      void send(wire, `${LINE.repeat(n)}end`, 80);
      await session.readUntil(/end$/, { maxLength: 1e9 });
    }),
  'readUntil, many lines of one packet': n =>
    withSession(async (session, wire) => {
      void send(wire, LINE.repeat(n), 1024 ** 2);
      for (let at = 0; at < n; at++) await session.readUntil('\n');
    }),
  'readLine, many lines of one packet': n =>
    withSession(async (session, wire) => {
      wire.push(Buffer.from(LINE.repeat(n)));
      for (let at = 0; at < n; at++) assert.equal(await session.readLine(), LINE.trimEnd());
    }),
  'readLine, a long line in keys': n =>
    withSession(async (session, wire) => {
      void send(wire, `${'x'.repeat(8 * n)}\r`, 1);
      assert.equal((await session.readLine({ maxLength: 1e9 }))?.length, 8 * n);
    }),
  'readLine, marks on one letter': n =>
    withSession(async (session, wire) => {
      void send(wire, `e${'\u0301'.repeat(8 * n)}\r`, 1024);
      assert.equal((await session.readLine({ maxLength: 1e9 }))?.length, 8 * n + 1);
    }),
};

for (const [name, run] of Object.entries(READERS)) test(`${name}: linear`, () => assertLinear(run, 500));

test('exec: the echo of a long command in small packets is followed once', async () => {
  const find = (n: number): void => {
    const command = `echo ${'abcdefg '.repeat(n)}`;
    const text = new GrowingText();
    const finder = new EchoFinder(command, 'host$ ', undefined);
    // In one piece: to put the text together must not be part of the cost.
    const shown = Buffer.from(`echo\x1b[m ${'abcdefg\x1b[m '.repeat(n)}\r\n`).toString();
    for (let at = 0; at < shown.length; at += 80) {
      text.add(shown.slice(at, at + 80));
      const found = finder.find(text);
      assert.equal(found?.end, at + 80 < shown.length ? undefined : shown.length);
      text.release(finder.needed);
    }
  };
  await assertLinear(find, 1_000);
});

/** Output that ends in a prompt, in packets. */
async function sendOutput(wire: Wire, lines: number, size: number): Promise<void> {
  await send(wire, `${LINE.repeat(lines)}${PROMPT}`, size);
}

const PROMPT = 'ada@host:~$ ';

test('exec: output without an echo costs about as much as a plain loop', async () => {
  const [lines, size] = [25_000, 65_536];
  const plain = (): Promise<void> =>
    withSession(async (session, wire) => {
      void sendOutput(wire, lines, size);
      let [text, end] = ['', ''];
      for await (const chunk of session) {
        const piece = chunk.toString();
        text += piece;
        end = end.slice(-PROMPT.length) + piece;
        if (end.includes(PROMPT)) break;
      }
      assert.equal(text.length, lines * LINE.length + PROMPT.length);
    });
  const exec = (prompt: string | RegExp | undefined): Promise<void> =>
    withSession(async (session, wire) => {
      wire.push(Buffer.from(PROMPT));
      await session.readUntil(PROMPT);
      const output = session.exec('show running-config', { prompt, maxLength: 1e9 });
      await turn();
      void sendOutput(wire, lines, size);
      assert.equal((await output).length, lines * (LINE.length - 1));
    });
  const runs = [plain, () => exec(PROMPT), () => exec(/\S+@host:\S+\$ $/), () => exec(undefined)];
  const costs = runs.map(() => Number.POSITIVE_INFINITY);
  const isCheap = () => Math.max(...costs.slice(1)) < 4 * costs[0]!;
  // Other work on the machine only adds to a cost: the least of as many rounds as it takes counts.
  for (let round = 0; round < 3 || (round < 30 && !isCheap()); round++)
    for (const [index, run] of runs.entries()) costs[index] = Math.min(costs[index]!, await cost(run, 0));
  assert.ok(isCheap(), `a plain loop cost ${costs[0]} us, and exec ${costs.slice(1)}`);
});

test('exec: an echo on a later line is found despite a control character in it', () => {
  const controls = [...Array(32).keys(), 0x7f].filter(code => !'\b\n\r\x1b'.includes(String.fromCharCode(code)));
  for (const code of controls) {
    const text = new GrowingText();
    const finder = new EchoFinder('show running-config', 'host$ ', undefined);
    const before = `${LINE}host$ `;
    const echo = `show ${String.fromCharCode(code)}running-config\r\n`;
    text.add(`${before}${echo}${LINE}`);
    const end = before.length + echo.length;
    assert.deepEqual(finder.find(text), { start: LINE.length, end }, `code ${code}`);
  }
});

test('exec: output of any number of packets arms as many timers as one packet', async context => {
  const { mock } = context.mock.method(globalThis, 'setTimeout');
  const armed = async (lines: number): Promise<number> => {
    const before = mock.callCount();
    await withSession(async (session, wire) => {
      const output = session.exec('show', { prompt: PROMPT, maxLength: 1e9 });
      await turn();
      void sendOutput(wire, lines, 80);
      await output;
    });
    return mock.callCount() - before;
  };
  assert.equal(await armed(1_000), await armed(1));
});

test('exec: a line whose end is moved back and forth is drawn in time linear in its length', async () => {
  await assertLinear(n => void render('\x1b[2000@\x1b[G'.repeat(n)), 100);
  await assertLinear(n => void render(`${'x'.repeat(n)}\r${'\x1b[@'.repeat(n)}`), 4_000);
  await assertLinear(n => void render(`${'x'.repeat(n)}\r${'\x1b[P\x1b[@'.repeat(n)}`), 4_000);
});

test('output that waits for the kernel: many small pieces', async () => {
  const run = (n: number): void => {
    const queue = new UnsentQueue();
    const piece = Buffer.from('x');
    for (let at = 0; at < n; at++) queue.push(piece, 0, 'data');
    let count = 0;
    for (let next = queue.next(); next !== undefined; next = queue.next()) {
      queue.advance(next.bytes.length);
      count++;
    }
    assert.deepEqual([count, queue.length, queue.isEmpty], [n, 0, true]);
  };
  await assertLinear(run, 12_500);
});

test('compressed input that waits: many small pieces', async () => {
  const user = { inflated: () => {}, drained: () => {}, finished: () => {}, failed: assert.fail };
  const run = (n: number): void => {
    const inflation = new Inflation(user, 'zlib');
    inflation.pause();
    for (let at = 1; at <= n; at++) {
      inflation.push(Buffer.from('x'), false);
      assert.equal(inflation.waiting, at);
    }
    inflation.destroy();
  };
  await assertLinear(run, 4_000);
});

test('lines edited by a client: many short ones', async () => {
  const pty = { master: { inputWaiting: 0, type: () => true } };
  const input = new LineInput(pty as never, () => {});
  await assertLinear(n => void assert.equal(input.type(Buffer.alloc(n, '\n'), {}), true), 8_192);
});

test('taps: many of them', async () => {
  const run = (n: number): Promise<void> =>
    withSession(async session => {
      const ends = Array.from({ length: n }, () => session.tap({}));
      for (const end of ends) end();
    });
  await assertLinear(run, 1_000);
});
