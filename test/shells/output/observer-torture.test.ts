/**
 * Observers of a session that come and go at random moments, while keys, pastes, floods, resizes, pauses and what the
 * server writes are mixed. A tap that is there all the time is compared with the client. All others must have seen the
 * same bytes in the same order, from the moment at which they were added to the moment at which they were removed.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { ObservedEvents, Session } from '../../../src/index.ts';
import { OPT, type Wire } from '../../support/clients/test-client.ts';
import { assertNothingHeld } from '../../support/leaks.ts';
import { type Host, hostScript, XTERM } from '../../support/servers/host.ts';

after(assertNothingHeld);

const ECHO = 'stty raw -echo; printf ok; exec cat';
const STEPS = 300;

/** A generator of numbers below a limit, the same for the same seed (mulberry32). */
function dice(seed: number): (limit: number) => number {
  let state = seed;
  return limit => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

const turn = () => new Promise(resolve => setImmediate(resolve));

/** Bytes of both directions in order: output as it is, and input with its highest bit inverted. */
class Log {
  readonly #chunks: Buffer[] = [];
  readonly output: Buffer[] = [];
  length = 0;

  add(direction: 'input' | 'output', bytes: Uint8Array): void {
    const copy = Buffer.from(bytes);
    if (direction === 'output') this.output.push(copy);
    else for (let at = 0; at < copy.length; at++) copy[at]! ^= 0x80;
    this.#chunks.push(copy);
    this.length += copy.length;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

function tap(session: Session): { log: Log; untap: () => void } {
  const log = new Log();
  const untap = session.tap({
    input: bytes => log.add('input', bytes),
    output: bytes => log.add('output', bytes),
  });
  return { log, untap };
}

/** A part of the reference that an observer has seen: its bytes, or how many it has missed. */
type Seen = { readonly from: number; readonly to: number; readonly parts: (Buffer | number)[] };

/** Reads events, sometimes slowly, until the reader is destroyed or the session has ended. */
async function follow(reader: ObservedEvents, parts: (Buffer | number)[], random: (limit: number) => number) {
  for await (const event of reader) {
    if (event.type === 'dropped') {
      parts.push(event.bytes);
    } else if (event.type !== 'resize') {
      const log = new Log();
      log.add(event.type, event.data);
      parts.push(log.bytes);
    }
    for (let turns = random(4) === 0 ? random(5) : 0; turns > 0; turns--) await turn();
  }
}

/** Whether `parts` are `reference`, with gaps of the given lengths. */
function assertSame(parts: (Buffer | number)[], reference: Buffer, who: string): void {
  let at = 0;
  for (const part of parts) {
    if (typeof part === 'number') {
      at += part;
      continue;
    }
    assert.ok(part.equals(reference.subarray(at, at + part.length)), `${who}: other bytes at ${at}`);
    at += part.length;
  }
  assert.equal(at, reference.length, `${who}: the length`);
}

async function torture(host: Host, wire: Wire, seed: number): Promise<{ passed: number; observers: number }> {
  const random = dice(seed);
  const [session] = host.server.sessions;
  const all = tap(session!);
  const taps = new Set<{ log: Log; untap: () => void; from: number }>();
  const seen: Seen[] = [];
  const readers: Promise<void>[] = [];
  const began = wire.data.length;
  let isPaused = false;
  let observers = 0;
  const steps: readonly (() => void)[] = [
    () => wire.type('abcdefgh'.slice(0, 1 + random(8))),
    () => wire.type('some keys '.repeat(1 + random(6)).slice(0, 64)),
    () => wire.type(['\r', '\xff', '\r\n', '\x1b[?2026hframe\x1b[?2026l', '\x1b'][random(5)]!),
    () => wire.type('pasted text, '.repeat(1 + random(4_000))),
    () => wire.resize(40 + random(100), 10 + random(50)),
    () => session!.write(`[note ${random(1000)}]`),
    () => {
      if (isPaused) wire.resume();
      else wire.pause();
      isPaused = !isPaused;
    },
    () => {
      const one = tap(session!);
      // The reference was added before, so it has seen everything until now.
      taps.add({ ...one, from: all.log.length });
      observers++;
    },
    () => {
      const [one] = taps;
      if (one === undefined) return;
      taps.delete(one);
      one.untap();
      seen.push({ from: one.from, to: all.log.length, parts: [one.log.bytes] });
      const { length } = one.log;
      setImmediate(() => assert.equal(one.log.length, length, 'a removed tap was called'));
    },
    () => {
      const whenFull = random(2) === 0 ? 'drop' : 'pause';
      const reader = session!.observe({ input: true, highWaterMark: 1024 << random(9), whenFull });
      const parts: (Buffer | number)[] = [];
      // Until the end of the session.
      const entry = { from: all.log.length, to: Number.POSITIVE_INFINITY, parts };
      seen.push(entry);
      readers.push(follow(reader, parts, random));
      observers++;
    },
  ];
  for (let step = 0; step < STEPS; step++) {
    const chosen = steps[random(steps.length)]!;
    // Readers stay, so there are few of them.
    if (chosen === steps.at(-1) && random(8) > 0) continue;
    chosen();
    for (let turns = random(4); turns > 0; turns--) await turn();
  }
  if (isPaused) wire.resume();
  wire.type('[the end]');
  await wire.until(() => wire.data.bytes.includes('[the end]'), 240_000);
  const { fromTerminal, toTerminal } = session!.link.fastPath.counts;
  for (const one of taps) {
    one.untap();
    seen.push({ from: one.from, to: all.log.length, parts: [one.log.bytes] });
  }
  await wire.close();
  await host.outcome(host.outcomes.length + (host.server.sessions.size > 0 ? 1 : 0));
  await Promise.all(readers);
  const reference = all.log.bytes;
  const shown = Buffer.concat(all.log.output);
  assert.ok(shown.equals(wire.data.bytes.subarray(began)), `seed ${seed}: a tap saw other output than the client`);
  for (const { from, to, parts } of seen) assertSame(parts, reference.subarray(from, to), `seed ${seed}`);
  return { passed: fromTerminal + toTerminal, observers };
}

for (const [name, seeds] of [
  ['with BINARY', [1, 2, 3, 4, 5, 6]],
  ['without BINARY', [7, 8, 9, 10, 11, 12]],
] as const) {
  test(`torture: observers see what passes, whichever code path it takes, ${name}`, async () => {
    let passed = 0;
    let observers = 0;
    for (const seed of seeds) {
      await using host = await hostScript(ECHO);
      await using wire = await host.connect(name === 'with BINARY' ? XTERM : { ...XTERM, refuse: [OPT.BINARY] });
      await wire.expect('ok');
      const result = await torture(host, wire, seed);
      passed += result.passed;
      observers += result.observers;
    }
    assert.ok(passed > 0, 'no byte took the fast path');
    assert.ok(observers > 50, `only ${observers} observers`);
  });
}
