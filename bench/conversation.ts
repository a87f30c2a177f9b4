/**
 * `npm run bench:conversation`: what `exec` and `readUntil` cost beside a plain loop over the same session, in CPU
 * time. The transport is in the same process, so the network costs nothing.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Session } from '../src/index.ts';
import { command, Failure } from './lib/failure.ts';
import { describe, doubts, examine } from './lib/machine.ts';
import { root } from './lib/paths.ts';
import { figure, markdownTable, median } from './lib/statistics.ts';

const file = join(root, 'dist/index.js');
if (!existsSync(file)) throw new Failure('telpty is not built: npm run compile', 1);
// As it is shipped: compiled, not run through tsx.
const { createServer } = (await import(pathToFileURL(file).href)) as typeof import('../src/index.ts');

const PROMPT = 'ada@host:~$ ';
const COMMAND = 'show running-config';
/** A server takes CR NUL for CR. */
const LINE = `${'lorem ipsum dolor sit amet '.repeat(3).slice(0, 78)}\r\0\n`;
const ALL = { maxLength: 2 ** 30, timeout: 0 };
/** The first rounds are not counted: the code is not compiled yet. */
const WARM_UP = 2;

/** What the other end sends, and how. */
interface Output {
  readonly name: string;
  readonly size: number;
  readonly packet: number;
  /** Packets in each turn of the event loop. */
  readonly together: number;
  /** In each measurement. */
  readonly runs: number;
}

const OUTPUTS: readonly Output[] = [
  { name: '1 MB in 80-byte packets', size: 2 ** 20, packet: 80, together: 1, runs: 2 },
  { name: 'the same, 8 at a time', size: 2 ** 20, packet: 80, together: 8, runs: 4 },
  { name: '16 MB in 64 KiB packets', size: 2 ** 24, packet: 2 ** 16, together: 1, runs: 1 },
];

class Wire extends Duplex {
  constructor() {
    super({ readableHighWaterMark: 2 ** 30 });
  }
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    callback();
  }
}

type Read = (session: Session, start: () => void, wire: Wire) => Promise<unknown>;

/** Looks for the prompt only in what is new and a prompt's length before that. */
const loop: Read = async (session, start) => {
  start();
  let [text, end] = ['', ''];
  const decoder = new TextDecoder();
  for await (const chunk of session) {
    const piece = decoder.decode(chunk as Buffer, { stream: true });
    text += piece;
    end = end.slice(-PROMPT.length) + piece;
    if (end.includes(PROMPT)) break;
  }
  return text;
};

/** @param isKnown whether a prompt was shown before. */
const exec =
  (prompt: string | RegExp | undefined, isKnown: boolean): Read =>
  async (session, start, wire) => {
    if (isKnown) {
      wire.push(PROMPT);
      await session.readUntil(PROMPT);
    }
    const output = session.exec(COMMAND, { ...ALL, ...(prompt && { prompt }) });
    await turn();
    start();
    await output;
  };

const READERS: Readonly<Record<string, Read>> = {
  'plain loop': loop,
  readUntil: async (session, start) => {
    start();
    await session.readUntil(PROMPT, ALL);
  },
  'exec, string': exec(PROMPT, false),
  'exec, RegExp': exec(/\S+@host:\S+\$ $/, false),
  'exec, short RegExp': exec(/\$ $/, false),
  'exec, string, known': exec(PROMPT, true),
  'exec, known': exec(undefined, true),
  exec: exec(undefined, false),
};

async function send(wire: Wire, bytes: Buffer, { packet, together }: Output): Promise<void> {
  for (let at = 0, sent = 1; at < bytes.length; at += packet, sent++) {
    wire.push(bytes.subarray(at, at + packet));
    if (sent % together === 0) await turn();
  }
}

/** CPU time of one run, in milliseconds, that of the collector's threads included. */
async function measure(read: Read, output: Output, bytes: Buffer): Promise<number> {
  const before = process.cpuUsage();
  for (let run = 0; run < output.runs; run++) {
    const wire = new Wire();
    let end = (): void => {};
    const session = createServer(() => new Promise<void>(resolve => (end = resolve))).handle(wire);
    await read(session, () => void send(wire, bytes, output), wire);
    end();
    session.destroy();
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / output.runs;
}

function options(): { rounds: number } {
  try {
    const { rounds } = parseArgs({ options: { rounds: { type: 'string', default: '10' } } }).values;
    return { rounds: Math.max(1, Math.trunc(Number(rounds)) || 10) };
  } catch (error) {
    throw new Failure(`${(error as Error).message.split(/[\n.] ?/)[0]} (there is only --rounds)`, 2);
  }
}

await command('bench:conversation', async () => {
  const { rounds } = options();
  const machine = await examine();
  process.stdout.write(`${describe(machine)}\n`);
  for (const doubt of doubts(machine)) process.stdout.write(`warning: ${doubt}\n`);
  for (const hasEcho of [false, true]) {
    const table = [
      [`CPU time, ${hasEcho ? 'with' : 'without'} an echo`, 'plain loop', ...Object.keys(READERS).slice(1)],
    ];
    for (const output of OUTPUTS) {
      const echo = hasEcho ? `${COMMAND}\r\0\n` : '';
      const bytes = Buffer.from(`${echo}${LINE.repeat(output.size / LINE.length)}${PROMPT}`);
      const times = new Map(Object.keys(READERS).map(name => [name, [] as number[]]));
      for (let round = 0; round < rounds + WARM_UP; round++)
        for (const [name, read] of Object.entries(READERS)) {
          const time = await measure(read, output, bytes);
          if (round >= WARM_UP) times.get(name)!.push(time);
        }
      const [plain, ...others] = [...times.values()].map(median) as [number, ...number[]];
      table.push([output.name, `${figure(plain)} ms`, ...others.map(time => `${figure(time / plain)}×`)]);
    }
    process.stdout.write(`\n${markdownTable(table)}\n`);
  }
  process.stdout.write(`\nMedians of ${rounds} interleaved rounds.\n`);
});
