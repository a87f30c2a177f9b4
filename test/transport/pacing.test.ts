/** The pace of output, with simulated clients and a simulated clock. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Pacing } from '../../src/transport/stream/pacing.ts';

const KIB = 1024;
/** What one read of a terminal returns. */
const CHUNK = Buffer.alloc(17 * 3_855, '0123456789abcde\r\n');

interface ClientOptions {
  /** What it processes, in bytes per millisecond. */
  readonly rate: number;
  /** In milliseconds. */
  readonly roundTrip?: number;
  /** It works for a moment, and then paints for this time: all its answers come together. In milliseconds. */
  readonly paintMs?: number;
  readonly answers?: boolean;
}

/** A client, the network, and the server's side of both. Times in milliseconds, steps of one. */
class Simulation {
  readonly pacing: Pacing;
  rate: number;
  now = 0;
  sent = 0;
  processed = 0;
  /** Marks of the server: what precedes each. */
  readonly marks: number[] = [];
  received = Buffer.alloc(0);
  readonly #options: Required<ClientOptions>;
  /** Whether the program waits until it is called. */
  isWaiting = false;
  /** Sent, and not processed. */
  readonly #queue: { readonly at: number; bytes: number; readonly answered?: () => void }[] = [];
  readonly #answers: { readonly at: number; readonly answered: () => void }[] = [];

  constructor(options: ClientOptions) {
    this.#options = { roundTrip: 2, paintMs: 0, answers: true, ...options };
    this.rate = options.rate;
    const way = this.#options.roundTrip / 2;
    this.pacing = new Pacing(
      {
        pass: bytes => {
          this.sent += bytes.length;
          if (this.sent <= 4 * CHUNK.length) this.received = Buffer.concat([this.received, bytes]);
          this.#queue.push({ at: this.now + way, bytes: bytes.length });
        },
        request: answered => {
          this.marks.push(this.sent);
          this.#queue.push({ at: this.now + way, bytes: 0, answered });
        },
        batch: block => block(),
        opened: () => {
          this.isWaiting = false;
        },
      },
      () => this.now,
    );
    this.pacing.start();
    // A program starts after the negotiation, when the first mark has been answered.
    this.run(1_000, false);
  }

  /** How long the client would need for what it has not processed, in milliseconds. */
  get delay(): number {
    return (this.sent - this.processed) / this.rate;
  }

  /** @param isFlood whether the program writes all the time. */
  run(ms: number, isFlood: boolean): void {
    for (const end = this.now + ms; this.now < end; this.now++) {
      while (this.#answers[0] !== undefined && this.#answers[0].at <= this.now) this.#answers.shift()!.answered();
      // (Of a client without limits, one chunk for each turn of the event loop.)
      for (let chunks = 0; isFlood && !this.isWaiting && chunks < 4; chunks++) this.write(CHUNK.length);
      this.#process();
    }
  }

  /** The program writes once. */
  write(bytes: number): void {
    this.pacing.write(CHUNK.subarray(0, bytes));
    this.isWaiting = this.pacing.isClosed;
  }

  #process(): void {
    const { paintMs, roundTrip, answers } = this.#options;
    if (paintMs > 0 && this.now % paintMs !== 0) return;
    let room = this.rate * Math.max(paintMs, 1);
    for (let first = this.#queue[0]; first !== undefined && first.at <= this.now; first = this.#queue[0]) {
      const bytes = Math.min(room, first.bytes);
      room -= bytes;
      first.bytes -= bytes;
      this.processed += bytes;
      if (first.bytes > 0) return;
      this.#queue.shift();
      const { answered } = first;
      if (answered !== undefined && answers) this.#answers.push({ at: this.now + roundTrip / 2, answered });
    }
  }
}

describe('the pace of output', () => {
  for (const paintMs of [0, 50, 110]) {
    const how = paintMs === 0 ? 'steadily' : `in bunches every ${paintMs} ms`;
    it(`limits what a slow client has to process to about 100 ms, if it answers ${how}`, () => {
      for (const rate of [250, 500, 1_000]) {
        const client = new Simulation({ rate, paintMs });
        client.run(1_500, true);
        const before = client.processed;
        let longest = 0;
        for (let n = 0; n < 1_000; n++) {
          client.run(1, true);
          longest = Math.max(longest, client.delay);
        }
        assert.ok(longest <= 150 + paintMs, `${Math.round(longest)} ms at ${rate} bytes/ms`);
        const speed = (client.processed - before) / 1_000;
        assert.ok(speed > 0.7 * rate || client.pacing.window === 32 * KIB, `${speed} of ${rate} bytes/ms`);
      }
    });
  }

  it('does not limit a fast client', () => {
    for (const roundTrip of [2, 20]) {
      const client = new Simulation({ rate: 20_000, roundTrip });
      client.run(500, true);
      const before = client.processed;
      client.run(500, true);
      const speed = (client.processed - before) / 500;
      assert.equal(client.pacing.window, 512 * KIB);
      assert.ok(speed > 0.95 * Math.min(20_000, (512 * KIB) / (roundTrip + 1)), `${speed} bytes/ms`);
    }
  });

  it('grows for a distant client, whose answers take longer than 100 ms', () => {
    const client = new Simulation({ rate: 20_000, roundTrip: 300 });
    client.run(5_000, true);
    assert.equal(client.pacing.window, 512 * KIB);
    client.run(2_000, false);
    client.run(1_000, true);
    assert.equal(client.pacing.window, 512 * KIB);
  });

  it('does not shrink because there is little to send, or nothing', () => {
    const client = new Simulation({ rate: 20_000, roundTrip: 20 });
    client.run(1_000, true);
    assert.equal(client.pacing.window, 512 * KIB);
    client.run(10_000, false);
    for (let n = 0; n < 500; n++) {
      client.write(3_000);
      client.run(40, false);
    }
    assert.equal(client.pacing.window, 512 * KIB);
  });

  it('does not grow because small outputs are answered at once', () => {
    // As a page that parses at once, and paints in the pause after it.
    const client = new Simulation({ rate: 10_000 });
    for (let n = 0; n < 40; n++) {
      client.write(9_000);
      client.run(30, false);
    }
    const before = client.pacing.window;
    assert.ok(before <= 128 * KIB, `${before}`);
  });

  it('follows a client that becomes slow, and one that becomes fast again', () => {
    const client = new Simulation({ rate: 20_000 });
    client.run(1_000, true);
    client.rate = 250;
    client.run(4_000, true);
    assert.equal(client.pacing.window, 32 * KIB);
    client.rate = 20_000;
    client.run(1_000, true);
    assert.equal(client.pacing.window, 512 * KIB);
  });

  it('is that of the transport for a client that has never answered, with a limited number of marks', () => {
    const client = new Simulation({ rate: 20_000, answers: false });
    for (let n = 0; n < 100; n++) client.write(CHUNK.length);
    assert.equal(client.pacing.isClosed, false);
    assert.equal(client.sent, 100 * CHUNK.length);
    assert.equal(client.pacing.unanswered, 0);
    assert.equal(client.marks.length, 64);
  });

  it('keeps the order of what waits, and no mark separates CR and LF', () => {
    const client = new Simulation({ rate: 100 });
    for (let n = 0; n < 4; n++) client.pacing.write(CHUNK);
    assert.ok(client.pacing.waiting > 0 && client.sent < 2 * CHUNK.length);
    client.run(10_000, false);
    assert.equal(client.pacing.waiting, 0);
    assert.deepEqual(client.received, Buffer.concat([CHUNK, CHUNK, CHUNK, CHUNK]));
    assert.ok(client.marks.length > 20);
    assert.ok(client.marks.every(position => position === 0 || client.received[position - 1] !== 13));
  });

  it('is resumed whenever it opens, whatever was written, discarded and measured', () => {
    let seed = 1;
    const random = (most: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % most;
    };
    for (let run = 0; run < 30; run++) {
      const client = new Simulation({ rate: 100 + random(5_000), roundTrip: 2 + random(50), paintMs: random(80) });
      for (let n = 0; n < 200; n++) {
        if (random(3) === 0) client.rate = 100 + random(5_000);
        const before = client.sent;
        for (let writes = random(4); writes > 0 && !client.isWaiting; writes--) client.write(1 + random(CHUNK.length));
        if (random(4) === 0) client.pacing.discard();
        client.run(1 + random(300), random(2) === 0);
        assert.ok(!client.isWaiting || client.pacing.isClosed, `waits after ${before} bytes`);
      }
    }
  });

  it('drops what waits, or sends it without regard to the client', () => {
    const client = new Simulation({ rate: 100 });
    client.pacing.write(CHUNK);
    client.pacing.write(CHUNK);
    const { waiting } = client.pacing;
    assert.equal(client.sent + waiting, 2 * CHUNK.length);
    assert.equal(client.pacing.discard(), waiting);
    assert.equal(client.pacing.waiting, 0);
    client.pacing.write(CHUNK);
    client.pacing.flush();
    assert.equal(client.sent, 3 * CHUNK.length - waiting);
  });
});
