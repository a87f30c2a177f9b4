/**
 * `npm run soak`: clients of all kinds connect and leave for a given time, in rounds with a pause after each. In a
 * pause the server must hold what it held after the first round: no more programs, terminals, descriptors or memory.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Random } from '../fuzz/lib/random.ts';
import { Bystander, startObedient, told } from '../test/faults/support.ts';
import { untilTrue } from '../test/support/leaks.ts';
import { VISITS } from './soak/visits.ts';
import { describeSample, processesOf, type Sample, sample, verdict } from './soak/watch.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    sessions: { type: 'string', default: '50' },
    workers: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
  },
});
const [minutes, sessions, workers, seed] = [values.minutes, values.sessions, values.workers, values.seed].map(Number);
if (!(minutes! > 0) || !(sessions! > 0) || !(workers! > 0) || !Number.isInteger(seed)) {
  process.stderr.write('usage: npm run soak -- [--minutes N] [--sessions N] [--workers N] [--seed N]\n');
  process.exit(2);
}

/** The first warms the server up. */
const ROUNDS = Math.max(4, Math.min(12, Math.round(minutes!)));
const REPORT_MS = 5_000;
const REST_MS = 30_000;

const started = performance.now();
const say = (words: string) =>
  process.stdout.write(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${words}\n`);
const options = [
  '--compression',
  '--linger',
  '100ms',
  '--kill-timeout',
  '500ms',
  '--log-level',
  'warn',
  '--metrics',
  '0',
];
const server = await startObedient([...options, '--workers', String(workers)]);
await untilTrue(() => /listening http/.test(server.stdout));
const [metrics] = /http:\/\/\S+/.exec(server.stdout)!;
const random = new Random(seed!);
const counts = new Map<string, number>();
const failures = new Map<string, number>();

/** One client after another until the round has ended. */
async function seat(end: number): Promise<void> {
  const kinds = Object.keys(VISITS);
  while (performance.now() < end) {
    const kind = random.of(kinds);
    try {
      await VISITS[kind]!(server, random);
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    } catch (error) {
      const words = `${kind}: ${(error as Error).message.slice(0, 200)}`;
      failures.set(words, (failures.get(words) ?? 0) + 1);
    }
  }
}

/** A client that sometimes types a key, and waits for its echo: the delays of a round, in milliseconds. */
async function type(end: number): Promise<number[]> {
  await using wire = await told(server, 'exec cat', {}, REST_MS);
  const delays: number[] = [];
  while (performance.now() < end) {
    const { length } = wire.data;
    const began = performance.now();
    wire.type('x');
    await wire.untilData(length + 1, REST_MS);
    delays.push(performance.now() - began);
    await sleep(20);
  }
  return delays.sort((a, b) => a - b);
}

const percentile = (sorted: readonly number[], part: number) => sorted[Math.floor(part * (sorted.length - 1))] ?? 0;

/** Metrics of the server: its heap, and the delays of its event loop since it was asked last. */
async function inside(): Promise<string> {
  const text = await (await fetch(`${metrics}metrics`)).text();
  const of = (name: string, stat = '') =>
    Number(new RegExp(`^telpty_${name}(?:\\{[^}]*${stat}[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  const loop = of('event_loop_delay_seconds', 'stat="p99"') * 1_000;
  return `heap ${(of('process_heap_bytes') / 2 ** 20).toFixed(1)} MB, loop p99 ${loop.toFixed(1)} ms`;
}

async function round(number: number): Promise<Sample> {
  const end = performance.now() + (minutes! * 60_000) / ROUNDS;
  let reported = Promise.resolve();
  const report = setInterval(() => {
    reported = reported.then(async () => {
      say(`${describeSample(sample(server.pid, workers!))}, ${await inside()}; ${total()} sessions`);
    });
  }, REPORT_MS);
  const bystander = await Bystander.start(server);
  const [delays] = await Promise.all([type(end), ...Array.from({ length: sessions! }, () => seat(end))]);
  await bystander.leave();
  clearInterval(report);
  // The last one must not ask a server that has been stopped.
  await reported;
  await untilTrue(() => sample(server.pid, workers!).programs === 0, REST_MS);
  // What closes after the last program: connections that wait for the other end, an idle connection for metrics.
  let now = sample(server.pid, workers!);
  const least = () => Math.min(...rests.map(({ descriptors }) => descriptors), now.descriptors);
  for (let turn = 0; turn < 100 && now.descriptors > least(); turn++) {
    await sleep(100);
    now = sample(server.pid, workers!);
  }
  const ms = (part: number) => `${percentile(delays, part).toFixed(1)} ms`;
  say(
    `round ${number} of ${ROUNDS}, idle: ${describeSample(now)}; echo p50 ${ms(0.5)}, p99 ${ms(0.99)}; ${total()} sessions`,
  );
  return now;
}

const total = () => [...counts.values()].reduce((sum, count) => sum + count, 0);
const rests: Sample[] = [];
for (let number = 1; number <= ROUNDS; number++) rests.push(await round(number));

say([...counts].map(([kind, count]) => `${count} ${kind}`).join(', '));
const wrong = verdict(rests[0]!, rests.at(-1)!, processesOf(server.pid, workers!).length);
for (const [words, count] of failures) wrong.push(`${count} times ${words}`);
await server.stop();
say(wrong.length === 0 ? 'no resource has grown' : `NOT idle: ${wrong.join('; ')}`);
process.exit(wrong.length === 0 ? 0 : 1);
