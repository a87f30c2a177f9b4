/**
 * `npm run bench:engine`: the Telnet engine alone, without a socket or a terminal, in one process. Of the
 * server it shows which part of the cost is not the engine's: see docs/performance.md.
 */
import { parseArgs } from 'node:util';
import { makeInputs } from './lib/engine/inputs.ts';
import { measureMemory } from './lib/engine/memory.ts';
import { measureNegotiation, measureSpeed, subjects } from './lib/engine/speed.ts';
import { hasTelnetStream } from './lib/engine/telnet-stream.ts';
import { command, Failure } from './lib/failure.ts';
import { describe, doubts, examine } from './lib/machine.ts';
import { figure, markdownTable } from './lib/statistics.ts';

const MEGABYTES = 4;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

function isQuick(): boolean {
  try {
    return parseArgs({ options: { quick: { type: 'boolean' } } }).values.quick ?? false;
  } catch (error) {
    throw new Failure(`${(error as Error).message.split(/[\n.] ?/)[0]} (there is only --quick)`, 2);
  }
}

await command('bench:engine', async () => {
  const quick = isQuick();
  const [rounds, milliseconds] = quick ? [2, 50] : [7, 150];
  const machine = await examine();
  say(describe(machine));
  for (const doubt of doubts(machine)) say(`warning: ${doubt}`);
  if (!hasTelnetStream) say('without telnet-stream: not resolvable (NODE_PATH is looked at)');

  const speeds = [['GB/s', ...subjects.map(({ name }) => name)]];
  for (const input of makeInputs(MEGABYTES * 2 ** 20)) {
    const found = await measureSpeed(input, rounds, milliseconds);
    speeds.push([input.name, ...subjects.map(({ name }) => figure(found.get(name)!))]);
  }
  say(`\nMedians of ${rounds} interleaved rounds, in chunks of 64 KiB.\n\n${markdownTable(speeds)}\n`);

  const memory = measureMemory();
  if (memory !== undefined) {
    const lines = Object.entries(memory.perMegabyte).map(([name, work]) => [name, ...Object.values(work).map(figure)]);
    const head = Object.keys(Object.values(memory.perMegabyte)[0]!);
    say(`${markdownTable([['bytes allocated for each MB', ...head], ...lines])}\n`);
  }
  say(`negotiation of a connection, first request to last answer: ${figure(measureNegotiation(rounds, 5000))} µs`);
  if (memory !== undefined) say(`memory that a negotiated connection keeps: ${figure(memory.perConnection)} bytes`);
});
