import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { mccp2, mccp3, Option, Telnet, type TelnetEvent } from '../../src/protocol/index.ts';
import { cuts } from './support/recorder.ts';
import { definitionOf } from './support/tables.ts';

// Compression begins in the middle of a chunk: the engine returns the bytes that are no longer Telnet.

const START = [255, 250, Option.MCCP2, 255, 240];
const WILL = [255, 251, Option.MCCP2];

/** A client's engine, with a session's handling of compression: the bytes after the marker are collected separately. */
class Receiver {
  readonly data: number[] = [];
  readonly compressed: number[] = [];
  readonly telnet: Telnet;
  onCompressed: ((rest: Uint8Array) => void) | undefined;
  #isCompressed = false;

  constructor() {
    const handlers = {
      send() {},
      data: (view: Uint8Array) => void this.data.push(...view),
      event: (event: TelnetEvent) => {
        if (event.type !== 'compression') return;
        this.#isCompressed = true;
        this.#take(this.telnet.takeUnread());
      },
    };
    this.telnet = new Telnet(handlers, { options: [mccp2({ remote: true }), definitionOf('gmcp')] });
  }

  chunk(bytes: Uint8Array): void {
    if (this.#isCompressed) this.#take(bytes);
    else this.telnet.receive(bytes);
    bytes.fill(0xee); // reveals a view that is still in use
  }

  #take(bytes: Uint8Array): void {
    this.compressed.push(...bytes);
    this.onCompressed?.(bytes);
  }
}

test('in any cut, the bytes before the marker are Telnet, and all bytes after it are returned', () => {
  const octets = fc.uint8Array({ maxLength: 60 });
  const plain = octets.map(bytes => Uint8Array.from(bytes, byte => (byte === 255 || byte === 13 ? 65 : byte)));
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(plain, octets, sizes, (before, behind, pieces) => {
      const wire = Uint8Array.from([...WILL, ...before, ...START, ...behind]);
      for (const cut of [[], Array<number>(wire.length).fill(1), pieces]) {
        const receiver = new Receiver();
        for (const piece of cuts(wire, cut)) receiver.chunk(piece);
        assert.deepEqual(receiver.data, [...before]);
        assert.deepEqual(receiver.compressed, [...behind]);
      }
    }),
  );
});

test('a zlib stream is inflated in the handler, and uncompressed data follows its end', () => {
  const inside = Uint8Array.from([...Buffer.from('inside '), 255, 255, 255, 250, 201, 65, 255, 240]);
  const stream = deflateSync(inside);
  const receiver = new Receiver();
  receiver.onCompressed = rest => {
    receiver.telnet.receive(inflateSync(rest.subarray(0, stream.length)));
    receiver.telnet.receive(rest.subarray(stream.length));
  };
  receiver.chunk(Uint8Array.from([...WILL, ...Buffer.from('before '), ...START, ...stream, ...Buffer.from(' after')]));
  assert.equal(Buffer.from(receiver.data).toString('latin1'), 'before inside \xff after');
});

test('input received in a handler in the meantime is returned, too, in its order', () => {
  const taken: number[] = [];
  const telnet: Telnet = new Telnet(
    {
      send() {},
      data: () => telnet.receive(Uint8Array.of(3, 4)),
      event: event => {
        if (event.type === 'compression') taken.push(...telnet.takeUnread());
      },
    },
    { options: [mccp2({ remote: true })] },
  );
  telnet.receive(Uint8Array.from([...WILL, 65, ...START, 1, 2]));
  assert.deepEqual(taken, [1, 2, 3, 4]);
  assert.equal(telnet.takeUnread().length, 0);
});

test('takeUnread() is empty between calls, except after a handler threw', () => {
  const seen: number[] = [];
  let throws = true;
  const handlers = {
    send() {},
    data: (view: Uint8Array) => void seen.push(...view),
    event() {
      if (throws) throw new Error('no');
    },
  };
  const telnet = new Telnet(handlers, { options: [] });
  telnet.receive(Uint8Array.of(65, 66));
  assert.equal(telnet.takeUnread().length, 0);
  assert.throws(() => telnet.receive(Uint8Array.of(67, 255, 241, 68)));
  throws = false;
  assert.deepEqual([...telnet.takeUnread()], [68]);
  telnet.receive(Uint8Array.of(69));
  assert.deepEqual(seen, [65, 66, 67, 69]);
});

test('a marker sent before our WONT arrived still begins compression; one for an option that was never offered does not', () => {
  const mark = [255, 250, Option.MCCP3, 255, 240];
  const events: string[] = [];
  const telnet = new Telnet(
    { send() {}, data() {}, event: event => events.push(event.type) },
    { options: [mccp3({ local: true })] },
  );
  telnet.receive(Uint8Array.from(mark));
  assert.deepEqual(events.splice(0), ['warning']);
  telnet.request(Option.MCCP3, 'local', true);
  telnet.receive(Uint8Array.of(255, 253, Option.MCCP3));
  telnet.request(Option.MCCP3, 'local', false);
  assert.deepEqual(events.splice(0), ['option']);
  telnet.receive(Uint8Array.from(mark));
  assert.deepEqual(events, ['compression']);
});
