import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Option, type Side, type TelnetLimits } from '../../src/protocol/index.ts';
import { Charset } from '../../src/protocol/options/charset.ts';
import { Environ } from '../../src/protocol/options/environ.ts';
import { FlowControl } from '../../src/protocol/options/flow-control.ts';
import { Linemode } from '../../src/protocol/options/linemode.ts';
import { SendLocation } from '../../src/protocol/options/send-location.ts';
import { Status } from '../../src/protocol/options/status.ts';
import { WindowSize } from '../../src/protocol/options/window-size.ts';
import { literal, octets } from './support/notation.ts';
import { cuts, Recorder } from './support/recorder.ts';
import { definitionOf } from './support/tables.ts';

// Runs test/vectors/*.txt (their notation: README.txt there). Each case runs with each input whole, byte by byte, and cut
// at random places, and must come out the same.

const directory = new URL('../vectors/', import.meta.url);

interface Case {
  readonly title: string;
  readonly line: number;
  words: string[];
  limits: Partial<Record<keyof TelnetLimits, number>>;
  /** `>` and `!` lines, each with the lines expected after it. */
  readonly steps: { readonly mark: string; readonly text: string; readonly expected: string[] }[];
}

function parse(source: string): Case[] {
  const cases: Case[] = [];
  let common: string[] = [];
  let current: Case | undefined;
  for (const [index, raw] of source.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const mark = line.split(' ')[0]!;
    const text = line.slice(mark.length).trim();
    if (mark === '==') {
      current = { title: text, line: index + 1, words: common, limits: {}, steps: [] };
      cases.push(current);
    } else if (mark === 'with') {
      if (current === undefined) common = text.split(/\s+/);
      else current.words = text.split(/\s+/);
    } else if (mark === 'limit') {
      const [name, value] = text.split(/\s+/);
      current!.limits[name as keyof TelnetLimits] = Number(value);
    } else if (mark === '>' || mark === '!') {
      current!.steps.push({ mark, text, expected: [] });
    } else if (mark === '<') {
      current!.steps.at(-1)!.expected.push(`< ${literal(octets(text))}`);
    } else if (mark === '=') {
      const expected = text.startsWith('data ') ? `data ${literal(octets(text.slice(5)))}` : text;
      current!.steps.at(-1)!.expected.push(`= ${expected}`);
    } else {
      throw new Error(`line ${index + 1}: unknown mark ${mark}`);
    }
  }
  return cases;
}

/** What an `!` line makes the application do. */
const ACTIONS: Readonly<Record<string, (recorder: Recorder, words: string[], text: string) => void>> = {
  request: ({ telnet }, [name, side, on]) => telnet.request(code(name!), side as Side, on === 'on'),
  write: ({ telnet }, _words, text) => telnet.write(octets(text)),
  flush: ({ telnet }) => telnet.flush(),
  command: ({ telnet }, _words, text) => telnet.command(octets(text)[0]!),
  subnegotiate: ({ telnet }, [name, ...rest]) => telnet.subnegotiate(code(name!), octets(rest.join(' '))),
  report: ({ telnet }, [columns, rows]) =>
    part(telnet.find(Option.NAWS), WindowSize).report(Number(columns), Number(rows)),
  inform: ({ telnet }, names) => part(telnet.find(Option.NEW_ENVIRON), Environ).inform(names),
  'ask-status': ({ telnet }) => part(telnet.find(Option.STATUS), Status).ask(),
  propose: ({ telnet }, words) =>
    part(telnet.find(Option.LINEMODE), Linemode).propose(Object.fromEntries(words.map(word => [word, true]))),
  set: ({ telnet }, [name, octet]) =>
    part(telnet.find(Option.LINEMODE), Linemode).setCharacters({ [name!]: octet === '-' ? null : Number(octet) }),
  import: ({ telnet }, [which]) =>
    part(telnet.find(Option.LINEMODE), Linemode).importCharacters(which as 'current' | 'default'),
  forward: ({ telnet }, words) =>
    part(telnet.find(Option.LINEMODE), Linemode).forward(words.includes('none') ? undefined : words.map(Number)),
  control: ({ telnet }, words) =>
    part(telnet.find(Option.LFLOW), FlowControl).control({
      ...(words.includes('on') || words.includes('off') ? { enabled: words.includes('on') } : undefined),
      ...(words.includes('any') ? { restart: 'any' } : words.includes('xon') ? { restart: 'xon' } : undefined),
    }),
  locate: ({ telnet }, _words, text) => part(telnet.find(Option.SNDLOC), SendLocation).report(text.trim()),
  'ask-charset': ({ telnet }, names) => part(telnet.find(Option.CHARSET), Charset).ask(names),
  send: ({ telnet }, [name, ...rest]) =>
    ofOption(telnet.find(code(name!)), 'send')(...JSON.parse(`[${rest.join(' ')}]`)),
  start: ({ telnet }, [name]) => ofOption(telnet.find(code(name!)), 'start')(),
};

function part<T>(handler: unknown, type: abstract new (...args: never[]) => T): T {
  assert(handler instanceof (type as abstract new (...args: unknown[]) => T));
  return handler;
}

/** A call of an option's handler, whichever it is. */
function ofOption(handler: unknown, call: string): (...args: unknown[]) => void {
  const found = (handler as Record<string, (...args: unknown[]) => void> | undefined)?.[call];
  assert(found, `the option has no ${call}`);
  return found.bind(handler);
}

function code(name: string): number {
  return octets(`DO ${name}`)[1]!;
}

type Cutter = (bytes: Uint8Array) => Iterable<Uint8Array>;

function run(vector: Case, cut: Cutter): { actual: string[]; expected: string[] } {
  const text = vector.words.includes('text');
  const definitions = vector.words.filter(word => word !== 'text' && word !== 'key').map(definitionOf);
  const recorder = new Recorder(definitions, text ? 'text' : 'key', vector.limits);
  const actual: string[] = [];
  const expected: string[] = [];
  for (const step of vector.steps) {
    actual.push(`${step.mark} ${step.text}`);
    expected.push(`${step.mark} ${step.text}`, ...step.expected);
    if (step.mark === '>') {
      for (const piece of cut(octets(step.text))) {
        recorder.telnet.receive(piece);
        piece.fill(0xee); // whoever kept a view is found out
      }
    } else {
      const [name, ...words] = step.text.split(/\s+/);
      const action = ACTIONS[name!];
      assert(action, `no such action: ${name}`);
      action(recorder, words, step.text.slice(name!.length));
    }
    actual.push(...recorder.take());
  }
  return { actual, expected };
}

/** A small generator (Park and Miller), so that a failure comes again. */
function* sizes(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (state * 48_271) % 2_147_483_647;
    yield 1 + (state % 7);
  }
}

const WAYS: Readonly<Record<string, Cutter>> = {
  whole: bytes => [bytes],
  'byte by byte': bytes => cuts(bytes, Array(bytes.length).fill(1)),
  'cut at random (1)': bytes => cuts(bytes, sizes(1)),
  'cut at random (2)': bytes => cuts(bytes, sizes(20_250)),
  'cut at random (3)': bytes => cuts(bytes, sizes(4_711)),
};

for (const file of readdirSync(directory).sort()) {
  if (!file.endsWith('.txt') || file === 'README.txt') continue;
  for (const vector of parse(readFileSync(new URL(file, directory), 'utf8'))) {
    test(`${file}:${vector.line} ${vector.title}`, () => {
      assert(vector.steps.length > 0, 'a case without steps');
      for (const [way, cut] of Object.entries(WAYS)) {
        const { actual, expected } = run(vector, cut);
        assert.deepEqual(actual, expected, way);
      }
    });
  }
}
