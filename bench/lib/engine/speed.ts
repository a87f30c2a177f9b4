/** Speed: gigabytes per second through the engine, and connections per second. */
import { median } from '../statistics.ts';
import type { Input } from './inputs.ts';
import { CHUNK } from './inputs.ts';
import { negotiate, newBinaryEngine, newEngine } from './protocol.ts';
import { feed, hasTelnetStream, newStream } from './telnet-stream.ts';

export interface Subject {
  readonly name: string;
  /** Which form of the input it takes. */
  readonly takes: 'plain' | 'wire';
  run(chunks: readonly Buffer[]): void | Promise<void>;
}

const target = Buffer.alloc(2 * CHUNK);

const server = newEngine('client');
const client = newEngine('server');
const binary = newBinaryEngine();

export const subjects: Subject[] = [
  { name: 'memory copy', takes: 'wire', run: chunks => each(chunks, chunk => chunk.copy(target)) },
  { name: 'parse, client', takes: 'wire', run: chunks => each(chunks, chunk => client.receive(chunk)) },
  { name: 'parse, server', takes: 'wire', run: chunks => each(chunks, chunk => server.receive(chunk)) },
  { name: 'escape', takes: 'plain', run: chunks => each(chunks, chunk => server.write(chunk)) },
  { name: 'escape, BINARY', takes: 'plain', run: chunks => each(chunks, chunk => binary.write(chunk)) },
];

if (hasTelnetStream) {
  const [input, output] = [newStream('TelnetInput'), newStream('TelnetOutput')];
  subjects.push(
    { name: 'telnet-stream in', takes: 'wire', run: chunks => feed(input, chunks) },
    { name: 'telnet-stream out', takes: 'plain', run: chunks => feed(output, chunks) },
  );
}

function each(chunks: readonly Buffer[], work: (chunk: Buffer) => unknown): void {
  for (const chunk of chunks) work(chunk);
}

/** GB/s of each subject on one input: medians of interleaved rounds of at least `milliseconds` each. */
export async function measureSpeed(input: Input, rounds: number, milliseconds: number): Promise<Map<string, number>> {
  const speeds = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
  // Round 0 warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const { name, takes, run } of subjects) {
      const chunks = input[takes];
      const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      const began = performance.now();
      let passed = 0;
      let elapsed = 0;
      for (; elapsed < milliseconds; elapsed = performance.now() - began) {
        await run(chunks);
        passed += size;
      }
      if (round > 0) speeds.get(name)!.push(passed / elapsed / 1e6);
    }
  }
  return new Map([...speeds].map(([name, all]) => [name, median(all)]));
}

/** Microseconds from the first request to the last answer of one connection. */
export function measureNegotiation(rounds: number, connections: number): number {
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const began = performance.now();
    for (let i = 0; i < connections; i++) negotiate();
    if (round > 0) times.push(((performance.now() - began) * 1000) / connections);
  }
  return median(times);
}
