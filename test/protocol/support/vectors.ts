/**
 * Parses and runs test/vectors/*.txt (their notation: README.txt there). This file does not use Node, since the vectors
 * also run in a browser (test/browser/).
 */
import { Option, type Side, type TelnetLimits } from '../../../src/protocol/index.ts';
import { literal, octets } from './notation.ts';
import { cuts, Recorder } from './recorder.ts';
import { definitionOf, markAnswers } from './tables.ts';

/** One case of a file of vectors. */
export interface Vector {
  readonly title: string;
  readonly line: number;
  words: string[];
  limits: Partial<Record<keyof TelnetLimits, number>>;
  /** `>` and `!` lines, each with the lines expected after it. */
  readonly steps: { readonly mark: string; readonly text: string; readonly expected: string[] }[];
}

/** The cases of a file. */
export function parseVectors(source: string): Vector[] {
  const cases: Vector[] = [];
  let common: string[] = [];
  let current: Vector | undefined;
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

/** All bytes that the peer sends in a case. */
export function vectorInput({ steps }: Vector): Uint8Array {
  return Uint8Array.from(steps.flatMap(({ mark, text }) => (mark === '>' ? [...octets(text)] : [])));
}

/** The action of the application for a `!` line. */
const ACTIONS: Readonly<Record<string, (recorder: Recorder, words: string[], text: string) => void>> = {
  request: ({ telnet }, [name, side, on]) => telnet.request(code(name!), side as Side, on === 'on'),
  write: ({ telnet }, _words, text) => telnet.write(octets(text)),
  flush: ({ telnet }) => telnet.flush(),
  'send-deferred': ({ telnet }) => telnet.sendDeferred(),
  command: ({ telnet }, _words, text) => telnet.command(octets(text)[0]!),
  subnegotiate: ({ telnet }, [name, ...rest]) => telnet.subnegotiate(code(name!), octets(rest.join(' '))),
  report: ({ telnet }, [columns, rows]) => ofOption(telnet.find(Option.NAWS), 'report')(Number(columns), Number(rows)),
  inform: ({ telnet }, names) => ofOption(telnet.find(Option.NEW_ENVIRON), 'inform')(names),
  'ask-status': ({ telnet }) => ofOption(telnet.find(Option.STATUS), 'ask')(),
  propose: ({ telnet }, words) =>
    ofOption(telnet.find(Option.LINEMODE), 'propose')(Object.fromEntries(words.map(word => [word, true]))),
  set: ({ telnet }, [name, octet]) =>
    ofOption(telnet.find(Option.LINEMODE), 'setCharacters')({ [name!]: octet === '-' ? null : Number(octet) }),
  import: ({ telnet }, [which]) =>
    ofOption(telnet.find(Option.LINEMODE), 'importCharacters')(which as 'current' | 'default'),
  forward: ({ telnet }, words) =>
    ofOption(telnet.find(Option.LINEMODE), 'forward')(words.includes('none') ? undefined : words.map(Number)),
  control: ({ telnet }, words) =>
    ofOption(
      telnet.find(Option.LFLOW),
      'control',
    )({
      ...(words.includes('on') || words.includes('off') ? { enabled: words.includes('on') } : undefined),
      ...(words.includes('any') ? { restart: 'any' } : words.includes('xon') ? { restart: 'xon' } : undefined),
    }),
  'ask-charset': ({ telnet }, names) => ofOption(telnet.find(Option.CHARSET), 'ask')(names),
  send: ({ telnet }, [name, ...rest]) => ofOption(telnet.find(code(name!)), 'send')(...values(rest)),
  call: ({ telnet }, [name, method, ...rest]) => ofOption(telnet.find(code(name!)), method!)(...values(rest)),
  answer: (_recorder, [number]) => markAnswers[Number(number) - 1]!(),
  start: ({ telnet }, [name]) => ofOption(telnet.find(code(name!)), 'start')(),
};

/** A method of an option's handler, without its type. */
function ofOption(handler: unknown, call: string): (...args: unknown[]) => void {
  const found = (handler as Record<string, (...args: unknown[]) => void> | undefined)?.[call];
  if (found === undefined) throw new Error(`the option has no ${call}`);
  return found.bind(handler);
}

/** Arguments in JSON, with commas between them. */
function values(words: readonly string[]): unknown[] {
  return JSON.parse(`[${words.join(' ')}]`);
}

function code(name: string): number {
  return octets(`DO ${name}`)[1]!;
}

/** Words of a `with` line that are not options. */
const ENGINE_WORDS: ReadonlySet<string> = new Set(['text', 'key', 'tolerant']);

export type Cutter = (bytes: Uint8Array) => Iterable<Uint8Array>;

/** The actions of an engine, and the actions that the vector expects, line by line. */
export function runVector(vector: Vector, cut: Cutter): { actual: string[]; expected: string[] } {
  const text = vector.words.includes('text');
  const isTolerant = vector.words.includes('tolerant');
  const definitions = vector.words.filter(word => !ENGINE_WORDS.has(word)).map(definitionOf);
  // Late answers are sent only by `! send-deferred`, so that the result does not depend on the cut of the input.
  const recorder = new Recorder(
    definitions,
    text ? 'text' : 'key',
    vector.limits,
    isTolerant ? 'tolerant' : 'strict',
    () => {},
  );
  const actual: string[] = [];
  const expected: string[] = [];
  for (const step of vector.steps) {
    actual.push(`${step.mark} ${step.text}`);
    expected.push(`${step.mark} ${step.text}`, ...step.expected);
    if (step.mark === '>') {
      for (const piece of cut(octets(step.text))) {
        recorder.telnet.receive(piece);
        piece.fill(0xee); // reveals a view that is still in use
      }
    } else {
      const [name, ...words] = step.text.split(/\s+/);
      const action = ACTIONS[name!];
      if (action === undefined) throw new Error(`no such action: ${name}`);
      action(recorder, words, step.text.slice(name!.length));
    }
    actual.push(...recorder.take());
  }
  return { actual, expected };
}

/** A small generator (Park and Miller), so that failures can be reproduced. */
function* sizes(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (state * 48_271) % 2_147_483_647;
    yield 1 + (state % 7);
  }
}

/** Variants of cutting each input; all must have the same result. */
export const WAYS: Readonly<Record<string, Cutter>> = {
  whole: bytes => [bytes],
  'byte by byte': bytes => cuts(bytes, Array(bytes.length).fill(1)),
  'cut at random (1)': bytes => cuts(bytes, sizes(1)),
  'cut at random (2)': bytes => cuts(bytes, sizes(20_250)),
  'cut at random (3)': bytes => cuts(bytes, sizes(4_711)),
};
