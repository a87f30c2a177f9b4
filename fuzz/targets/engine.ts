/**
 * The engine with all options: as a server, as a client, and without options. The result does not depend on how the
 * input is cut, and the size of the answers is bounded. Two engines settle and agree, whatever they request from each
 * other.
 */
import assert from 'node:assert/strict';
import type { Side, Telnet } from '../../src/protocol/index.ts';
import { cuts, Recorder } from '../../test/protocol/support/recorder.ts';
import { CLIENT_WORDS, definitionOf, SERVER_WORDS, TIGHT } from '../../test/protocol/support/tables.ts';
import { vectorFiles } from '../../test/protocol/support/vector-files.ts';
import { parseVectors, vectorInput } from '../../test/protocol/support/vectors.ts';
import { Random } from '../lib/random.ts';
import type { Target } from '../lib/target.ts';

const SERVER = SERVER_WORDS.map(definitionOf);
const CLIENT = CLIENT_WORDS.map(definitionOf);
const TABLES = [SERVER, CLIENT, []];
const CODES = [...new Set([...SERVER, ...CLIENT].map(({ code }) => code)), 99];
/**
 * Where answers are late the cut shows, in what the application knows meanwhile: see
 * test/protocol/late-answers.test.ts.
 */
const LIMITS = { ...TIGHT, optionChanges: 1_024 };
/**
 * The longest answer to a few octets: STATUS lists every option, SLC every function, ENVIRON every variable.
 */
const ANSWER = 200;
const FREE = 4_096;
/** With the peer's answers coming back at once. */
const MOST_TURNS = 200;

export const target: Target = {
  name: 'engine',
  longest: 1_024,
  seeds: () =>
    vectorFiles()
      .flatMap(([, source]) => parseVectors(source))
      .flatMap(vector => {
        const input = vectorInput(vector);
        return [0, 1].map(header => Uint8Array.from([header, 1, ...input]));
      }),
  run(input) {
    const [header = 0, seed = 0] = input;
    const rest = input.subarray(2);
    if ((header & 0x80) !== 0) talk(rest);
    else receive(header, seed, rest);
  },
};

function receive(header: number, seed: number, bytes: Uint8Array): void {
  const table = TABLES[(header & 3) % 3]!;
  const make = () =>
    new Recorder(
      table,
      (header & 4) !== 0 ? 'text' : 'key',
      (header & 8) !== 0 ? LIMITS : {},
      (header & 16) !== 0 ? 'tolerant' : 'strict',
    );
  const whole = make();
  whole.telnet.receive(bytes.slice());
  const { length } = whole.sent();
  assert(length <= FREE + ANSWER * bytes.length, 'more is sent than was asked for');
  const expected = whole.take().join('\n');
  for (const sizes of [Array<number>(bytes.length).fill(1), atRandom(seed, bytes.length)]) {
    const other = make();
    for (const piece of cuts(bytes, sizes)) {
      other.telnet.receive(piece);
      piece.fill(0xee);
    }
    assert.equal(other.take().join('\n'), expected, 'the cut of the input shows');
  }
}

function atRandom(seed: number, length: number): number[] {
  const random = new Random(seed);
  return Array.from({ length }, () => 1 + random.below(9));
}

/** Each three octets are a request of one end, and how much of what is under way arrives. */
function talk(script: Uint8Array): void {
  const [server, client] = [new Recorder(SERVER, 'key'), new Recorder(CLIENT, 'text')];
  const [toServer, toClient]: [number[], number[]] = [[], []];
  server.wire = bytes => void toClient.push(...bytes);
  client.wire = bytes => void toServer.push(...bytes);
  for (let at = 0; at + 2 < script.length; at += 3) {
    const [what, which, amount] = [script[at]!, script[at + 1]!, script[at + 2]!];
    const { telnet } = (what & 1) !== 0 ? server : client;
    ask(telnet, CODES[which % CODES.length]!, (what & 2) !== 0 ? 'local' : 'remote', (what & 4) !== 0);
    server.telnet.receive(Uint8Array.from(toServer.splice(0, amount & 15)));
    client.telnet.receive(Uint8Array.from(toClient.splice(0, amount >> 4)));
  }
  for (let turns = 0; toServer.length + toClient.length > 0; turns++) {
    assert(turns < MOST_TURNS, 'two ends do not settle');
    server.telnet.receive(Uint8Array.from(toServer.splice(0)));
    client.telnet.receive(Uint8Array.from(toClient.splice(0)));
  }
  for (const code of CODES) {
    for (const [side, other] of [
      ['local', 'remote'],
      ['remote', 'local'],
    ] as const) {
      const state = server.telnet.stateOf(code, side);
      assert.equal(client.telnet.stateOf(code, other), state, 'two ends do not agree');
      assert(state === 'YES' || state === 'NO', 'an answer is outstanding');
    }
  }
}

function ask(telnet: Telnet, code: number, side: Side, on: boolean): void {
  try {
    telnet.request(code, side, on);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'ERR_OPTION');
  }
}
