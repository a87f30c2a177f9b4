/** Frames of WebSockets: read from clients, and made for them. */
import assert from 'node:assert/strict';
import type { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import { binaryFrame, closeFrame, FrameReader, pongFrame } from '../../src/web/websocket/frames.ts';
import { frame } from '../support/clients/web-client.ts';

/** The reader of frames in ws, which its types leave out. */
const { Receiver } = createRequire(import.meta.url)('ws') as {
  readonly Receiver: new (options: ReceiverOptions) => NodeJS.WritableStream & EventEmitter;
};

interface ReceiverOptions {
  readonly isServer: boolean;
  readonly maxPayload?: number;
}

const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0x0, 0x1, 0x2, 0x8, 0x9, 0xa] as const;
const FIN = 0x80;
const MASK = Buffer.of(0x12, 0x34, 0xf5, 0x06);

/** A frame with a mask other than 0. */
function masked(first: number, payload: Uint8Array): Buffer {
  const bytes = frame(first, payload);
  const at = bytes.length - payload.length;
  MASK.copy(bytes, at - MASK.length);
  for (let index = 0; index < payload.length; index++) bytes[at + index]! ^= MASK[index % MASK.length]!;
  return bytes;
}

interface Result {
  readonly data: string;
  readonly pings: readonly string[];
  readonly pongs: boolean;
  readonly closed: number | undefined;
  readonly code: number | undefined;
}

/** Reads pieces of a stream. */
function read(pieces: readonly Buffer[], takesText = false): Result {
  const reader = new FrameReader(takesText);
  let data = '';
  let pongs = false;
  const pings: string[] = [];
  for (const piece of pieces) {
    const bytes = Buffer.from(piece);
    data += bytes.toString('latin1', 0, reader.read(bytes));
    if (reader.ping !== undefined) pings.push(reader.ping.toString());
    pongs ||= reader.hasPong;
  }
  return { data, pings, pongs, closed: reader.closed, code: reader.violation?.code };
}

const each = (bytes: Buffer) => Array.from(bytes, byte => Buffer.of(byte));

describe('frames from a client', () => {
  const long = Buffer.from(Array.from({ length: 40_000 }, (_, index) => index % 251));
  const stream = Buffer.concat([
    masked(FIN | BINARY, Buffer.from('one ')),
    masked(FIN | BINARY, Buffer.alloc(0)),
    masked(BINARY, Buffer.from('two ')),
    masked(FIN | PING, Buffer.from('between')),
    masked(CONTINUATION, Buffer.from('three ')),
    masked(FIN | PONG, Buffer.alloc(0)),
    masked(FIN | CONTINUATION, Buffer.from('four')),
    masked(FIN | BINARY, long.subarray(0, 300)),
    masked(FIN | BINARY, long),
    masked(FIN | CLOSE, Buffer.of(3, 232, 98, 121, 101)),
    masked(FIN | BINARY, Buffer.from('after the end')),
  ]);
  const whole: Result = {
    data: `one two three four${long.toString('latin1', 0, 300)}${long.toString('latin1')}`,
    pings: ['between'],
    pongs: true,
    closed: 1000,
    code: undefined,
  };

  it('are read as one stream', () => {
    assert.deepEqual(read([stream]), whole);
  });

  it('are the same however the network divides them', () => {
    assert.deepEqual(read(each(stream)), whole);
    for (const size of [2, 3, 5, 7, 11, 127, 4_096]) {
      const pieces = Array.from({ length: Math.ceil(stream.length / size) }, (_, index) =>
        stream.subarray(index * size, (index + 1) * size),
      );
      assert.deepEqual(read(pieces), whole, `pieces of ${size}`);
    }
  });

  it('that ping are answered once for each read: the last ping counts', () => {
    const pings = ['a', 'b', 'c'].map(text => masked(FIN | PING, Buffer.from(text)));
    assert.deepEqual(read([Buffer.concat(pings)]).pings, ['c']);
    assert.deepEqual(read(pings).pings, ['a', 'b', 'c']);
  });

  it('may be text only if the subprotocol allows it', () => {
    const text = masked(FIN | TEXT, Buffer.from('text'));
    assert.deepEqual([read([text]).data, read([text]).code], ['', 1003]);
    assert.deepEqual([read([text], true).data, read([text], true).code], ['text', undefined]);
  });

  it('end a message of 64 KiB at most, in however many fragments', () => {
    const pieces = Array.from({ length: 64 }, (_, index) =>
      masked(index === 0 ? BINARY : CONTINUATION, long.subarray(0, 1_024)),
    );
    assert.equal(read(pieces).code, undefined);
    assert.equal(read([...pieces, masked(FIN | CONTINUATION, Buffer.of(1))]).code, 1009);
    const messages = Array.from({ length: 64 }, () => masked(FIN | BINARY, long.subarray(0, 2_048)));
    assert.equal(read(messages).code, undefined);
    for (const length of [65_537, 2 ** 32, 2 ** 53 - 1]) {
      assert.equal(read([frame(FIN | BINARY, Buffer.alloc(10), { length })]).code, 1009, `${length}`);
    }
  });

  it('with a mistake end the stream, and nothing after it is read', () => {
    const data = Buffer.from('x');
    const mistakes: readonly (readonly [name: string, bytes: Buffer])[] = [
      ['no mask', frame(FIN | BINARY, data, { isMasked: false })],
      ['a reserved bit', frame(FIN | 0x40 | BINARY, data)],
      ['an unknown opcode', frame(FIN | 0x3, data)],
      ['an unknown opcode of control', frame(FIN | 0xb, data)],
      ['control in fragments', frame(PING, data)],
      ['long control', frame(FIN | PING, Buffer.alloc(126))],
      ['a fragment without a beginning', frame(FIN | CONTINUATION, data)],
      ['a message within a message', Buffer.concat([frame(BINARY, data), frame(FIN | BINARY, data)])],
      ['half a close code', frame(FIN | CLOSE, data)],
      ...[999, 1004, 1005, 1006, 1015, 2999, 5000].map(
        code => [`close code ${code}`, frame(FIN | CLOSE, Buffer.of(code >> 8, code & 255))] as const,
      ),
    ];
    for (const [name, bytes] of mistakes) {
      const { code, data: got, closed } = read([Buffer.concat([bytes, masked(FIN | BINARY, Buffer.from('later'))])]);
      assert.deepEqual([code, closed, got.includes('later')], [1002, undefined, false], name);
    }
    for (const code of [1000, 1001, 1011, 1014, 3000, 4999]) {
      assert.equal(read([masked(FIN | CLOSE, Buffer.of(code >> 8, code & 255))]).closed, code);
    }
    assert.equal(read([masked(FIN | CLOSE, Buffer.alloc(0))]).closed, 1005);
  });
});

/** Random numbers that are the same in each run. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

/** A frame with a mask of its own, or with one mistake. */
function randomFrame(random: Random, first: number, payload: Buffer): Buffer {
  const bytes = masked(first, payload);
  if (random.below(40) > 0) return bytes;
  const change = random.below(5);
  if (change === 0) bytes[0]! ^= 1 << random.below(8);
  else if (change === 1) bytes[1]! ^= 0x80;
  else if (change === 2) return masked(random.below(256), payload);
  else if (change === 3) return frame(first, payload, { length: random.of([126, 65_536, 65_537, 2 ** 40, 2 ** 60]) });
  else return masked(FIN | CLOSE, Buffer.from([random.below(256), random.below(256), ...payload.subarray(0, 20)]));
  return bytes;
}

/** Frames of a client that mostly keeps the rules: messages in fragments, with control frames between them. */
function randomStream(random: Random): Buffer {
  const frames: Buffer[] = [];
  const control = () => {
    while (random.below(3) === 0) {
      const payload = Buffer.alloc(random.of([0, 1, 5, 125, 126]), 'ping');
      frames.push(randomFrame(random, FIN | random.of([PING, PONG]), payload));
    }
  };
  for (let messages = random.below(12); messages > 0; messages--) {
    const opcode = random.of([TEXT, BINARY]);
    const size = random.of([0, 1, 3, 40, 125, 126, 127, 1_000, 32_767]);
    const payload = Buffer.from('aé漢👍🏽'.repeat(Math.ceil(size / 15)));
    const fragments = 1 + random.below(4);
    for (let index = 0; index < fragments; index++) {
      const [from, to] = [index, index + 1].map(at => Math.floor((payload.length * at) / fragments)) as [
        number,
        number,
      ];
      const first = (index === fragments - 1 ? FIN : 0) | (index === 0 ? opcode : CONTINUATION);
      frames.push(randomFrame(random, first, payload.subarray(from, to)));
      control();
    }
  }
  if (random.below(2) === 0) frames.push(randomFrame(random, FIN | CLOSE, Buffer.of(3, 232, 0x6f, 0x6b)));
  return Buffer.concat(frames);
}

/** Cuts a stream where the network might. */
function randomPieces(random: Random, stream: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  const most = random.of([2, 7, 200, 100_000]);
  for (let at = 0; at < stream.length; at += pieces.at(-1)!.length) {
    pieces.push(stream.subarray(at, at + 1 + random.below(most)));
  }
  return pieces;
}

interface Judgement {
  /** The contents of complete messages. */
  readonly messages: string;
  readonly hasPong: boolean;
  readonly closed: number | undefined;
  readonly code: number | undefined;
}

/** What ws makes of a stream. */
async function judge(pieces: readonly Buffer[]): Promise<Judgement> {
  const receiver = new Receiver({ isServer: true, maxPayload: 65_536 });
  let messages = '';
  let hasPong = false;
  let closed: number | undefined;
  receiver.on('message', (data: Buffer) => {
    messages += data.toString('latin1');
  });
  receiver.on('pong', () => {
    hasPong = true;
  });
  receiver.on('conclude', (code: number) => {
    closed = code;
  });
  const error = await new Promise<object | undefined>(resolve => {
    receiver.once('error', resolve);
    receiver.once('finish', () => resolve(undefined));
    for (const piece of pieces) receiver.write(Buffer.from(piece));
    receiver.end();
  });
  const status = error && Object.getOwnPropertySymbols(error).find(({ description }) => description === 'status-code');
  return { messages, hasPong, closed, code: status && (error as Record<symbol, number>)[status] };
}

describe('random frames from a client', () => {
  it('have the messages, the end and the close code that ws finds', async () => {
    const seen = new Map<number | undefined, number>();
    for (let seed = 0; seed < 400; seed++) {
      const random = new Random(seed);
      const stream = randomStream(random);
      const pieces = randomPieces(random, stream);
      const ours = read(pieces, true);
      const theirs = await judge(pieces);
      const words = `seed ${seed}`;
      // A mistake can make text invalid. Messages are a stream here, which is not decoded before the terminal.
      if (theirs.code === 1007) continue;
      seen.set(theirs.code, (seen.get(theirs.code) ?? 0) + 1);
      assert.deepEqual([ours.code, ours.closed, ours.pongs], [theirs.code, theirs.closed, theirs.hasPong], words);
      // The beginning of a message is passed on before its end has arrived.
      assert.ok(ours.data.startsWith(theirs.messages), words);
      if (theirs.closed === 1000) assert.equal(ours.data, theirs.messages, words);
    }
    for (const code of [undefined, 1002, 1009]) assert.ok(seen.get(code)! > 10, `${code}: ${seen.get(code)}`);
  });
});

describe('frames for a client', () => {
  it('are what a client reads, for all sizes of lengths', async () => {
    for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 70_000, 200_000]) {
      const payload = Buffer.from(Array.from({ length }, (_, index) => index % 253));
      const receiver = new Receiver({ isServer: false });
      const received = new Promise<Buffer>(resolve => receiver.once('message', (data: Buffer) => resolve(data)));
      const cut = Math.floor(length / 3);
      receiver.write(Buffer.from(binaryFrame([payload.subarray(0, cut), payload.subarray(cut)])));
      assert.deepEqual(await received, payload, `${length} bytes`);
    }
    const receiver = new Receiver({ isServer: false });
    const ponged = new Promise(resolve => receiver.once('pong', resolve));
    const closed = new Promise(resolve =>
      receiver.once('conclude', (code: number, reason: Buffer) => resolve(`${code} ${reason}`)),
    );
    receiver.write(Buffer.from(pongFrame(Buffer.from('ping'))));
    receiver.write(Buffer.from(closeFrame(1001, 'shutdown')));
    assert.deepEqual([String(await ponged), await closed], ['ping', '1001 shutdown']);
    assert.deepEqual([...closeFrame(1005, '')], [0x88, 0]);
  });
});
