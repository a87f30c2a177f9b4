/** MCCP2 and MCCP3: zlib below the session, at either end. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { after, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import {
  constants,
  createDeflate,
  createInflate,
  type Deflate,
  deflateRawSync,
  deflateSync,
  gzipSync,
  type InflateRaw,
  inflateSync,
} from 'node:zlib';
import fc from 'fast-check';
import { createServer, type Session as SessionType } from '../../src/index.ts';
import { sendUrgent } from '../../src/native/sockets.ts';
import { binary, mccp2, mccp3, Option } from '../../src/protocol/index.ts';
import { Session } from '../../src/session/session.ts';
import { CMD, OPT, subnegotiation, type Wire } from '../support/clients/test-client.ts';
import { assertNothingHeld, untilTrue } from '../support/leaks.ts';
import { Host, hostScript, XTERM } from '../support/servers/host.ts';

const { WILL, DO, DONT, IAC, AYT, DM } = CMD;
const START2 = subnegotiation(OPT.MCCP2, []);
const START3 = subnegotiation(OPT.MCCP3, []);

after(assertNothingHeld);

/** Two ends of a connection that delivers written bytes in pieces of the given sizes, repeatedly. */
function pair(sizes: readonly number[]): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  let next = 0;
  const end = (other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, callback) {
        for (let at = 0; at < chunk.length; ) {
          const size = sizes[next++ % sizes.length]!;
          other().push(chunk.subarray(at, at + size));
          at += size;
        }
        callback();
      },
      final(callback) {
        other().push(null);
        callback();
      },
    });
  ends.push(
    end(() => ends[1]!),
    end(() => ends[0]!),
  );
  return ends as [Duplex, Duplex];
}

const SERVER = { options: [binary({ local: true, remote: true }), mccp2({ local: true }), mccp3({ local: true })] };
const CLIENT = {
  options: [binary({ local: true, remote: true }), mccp2({ remote: true }), mccp3({ remote: true })],
  carriageReturn: 'text',
} as const;

/** All bytes that a session has read so far. */
function reading(session: SessionType): () => Buffer {
  const heard: Buffer[] = [];
  session.on('data', (chunk: Buffer) => heard.push(chunk)).on('error', () => {});
  return () => Buffer.concat(heard);
}

/** The client's side of a compressed connection to a real server, with a separate zlib. */
async function compressedWire(host: Host): Promise<{ wire: Wire; inflated: () => string }> {
  const wire = await host.connect({ silent: true });
  await wire.expectNegotiation(WILL, OPT.MCCP2);
  await wire.expectNegotiation(WILL, OPT.MCCP3);
  wire.negotiate(DO, OPT.MCCP2);
  wire.negotiate(DO, OPT.MCCP3);
  await wire.expect(START2);
  const start = wire.raw.bytes.indexOf(START2) + START2.length;
  const inflated = (): string => {
    const bytes = wire.raw.bytes.subarray(start);
    return bytes.length === 0 ? '' : inflateSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).toString('latin1');
  };
  return { wire, inflated };
}

/** A host whose sessions echo their input. */
function echoHost(onSession?: (session: SessionType) => void): Promise<Host> {
  return Host.start({
    compression: true,
    shell: async session => {
      onSession?.(session);
      session.on('data', (chunk: Buffer) => session.write(chunk));
      await Promise.race([once(session, 'end'), once(session, 'hangup'), once(session, 'close')]);
    },
  });
}

test('any text, cut anywhere, arrives; with both directions compressed, and switched off and on meanwhile', async () => {
  const piece = fc.uint8Array({ minLength: 1, maxLength: 3_000 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 8 }),
      fc.array(fc.tuple(piece, piece, fc.constantFrom('on', 'off', 'keep', 'keep', 'turn')), {
        minLength: 1,
        maxLength: 12,
      }),
      async (sizes, steps) => {
        const [near, far] = pair(sizes);
        const server = new Session(near, { telnet: SERVER });
        const client = new Session(far, { telnet: CLIENT });
        const atServer = reading(server);
        const atClient = reading(client);
        for (const side of ['local', 'remote'] as const) server.telnet.request(Option.BINARY, side, true);
        await untilTrue(() => client.telnet.isEnabled(Option.BINARY, 'local'));
        await untilTrue(() => server.telnet.isEnabled(Option.BINARY, 'local'));
        const down: Uint8Array[] = [];
        const up: Uint8Array[] = [];
        for (const [toClient, toServer, what] of steps) {
          if (what === 'on' || what === 'off') {
            server.telnet.request(Option.MCCP2, 'local', what === 'on');
            server.telnet.request(Option.MCCP3, 'local', what === 'on');
          } else if (what === 'turn') {
            await new Promise(setImmediate);
          }
          server.write(toClient);
          client.write(toServer);
          down.push(toClient);
          up.push(toServer);
        }
        const ends = [once(server, 'end'), once(client, 'end')];
        server.end();
        client.end();
        await Promise.all(ends);
        assert.deepEqual(atClient(), Buffer.concat(down));
        assert.deepEqual(atServer(), Buffer.concat(up));
        assert.equal(server.hangupReason ?? client.hangupReason, undefined);
      },
    ),
    { numRuns: 60 },
  );
});

test('output is compressed from the marker on, flushed after each turn, and ends as a complete stream', async () => {
  await using host = await echoHost();
  const { wire, inflated } = await compressedWire(host);
  await using _ = wire;
  for (const word of ['one', 'two', 'three']) {
    wire.send(word);
    await wire.until(() => inflated().endsWith(word));
  }
  assert.doesNotMatch(wire.raw.bytes.toString('latin1'), /one|two|three/);
  wire.halfClose();
  await wire.untilEnd();
  const stream = wire.raw.bytes.subarray(wire.raw.bytes.indexOf(START2) + START2.length);
  // (inflateSync() throws for a stream that was cut off.)
  assert.match(inflateSync(stream).toString('latin1'), /onetwothree$/);
});

test('input is inflated from the marker on, in the same chunk and to the end of its stream, and is plain after it', async () => {
  let session: SessionType | undefined;
  await using host = await echoHost(given => {
    session = given;
  });
  const { wire, inflated } = await compressedWire(host);
  await using _ = wire;
  const typed = Buffer.from('abc'.repeat(1000));
  const sent = Buffer.concat([Buffer.from('before '), START3, deflateSync(typed), Buffer.from(' behind')]);
  wire.send(sent);
  await wire.until(() => inflated().endsWith(' behind'));
  assert.match(inflated(), new RegExp(`before ${typed} behind$`));
  // Counted in its compressed size.
  assert.ok(session!.bytesRead < sent.length + 100);
  // Compression may begin again, this time in pieces of one byte.
  for (const byte of Buffer.concat([START3, deflateSync(Buffer.from('second')), Buffer.from('!')]))
    await wire.sent([byte]);
  await wire.until(() => inflated().endsWith('second!'));
});

test('a client that withdraws its DO reads plain text after the end of the stream, and may agree again', async () => {
  await using host = await echoHost();
  const { wire, inflated } = await compressedWire(host);
  await using _ = wire;
  wire.send('packed');
  await wire.until(() => inflated().endsWith('packed'));
  wire.negotiate(DONT, OPT.MCCP2);
  wire.send('plain');
  await wire.expect(Buffer.from('plain'));
  const start = wire.raw.bytes.indexOf(START2) + START2.length;
  const stream = createInflate();
  stream.resume().write(wire.raw.bytes.subarray(start));
  await once(stream, 'end');
  assert.equal(wire.raw.bytes.subarray(start + stream.bytesWritten).toString(), 'plain');
  const { length } = wire.raw.bytes;
  wire.negotiate(DO, OPT.MCCP2);
  wire.send('packed again');
  await wire.until(() => wire.raw.length > length + 12);
  assert.doesNotMatch(wire.raw.bytes.toString('latin1'), /packed/);
});

const attacks: Readonly<Record<string, { input: () => Buffer; reason: string | undefined }>> = {
  'a bomb': { input: () => deflateSync(Buffer.alloc(300 << 20)), reason: 'compression-bomb' },
  'a bomb of commands': {
    input: () => deflateSync(Buffer.alloc(64 << 20, Buffer.from([IAC, CMD.NOP]))),
    reason: 'compression-bomb',
  },
  'text that is not a zlib stream': { input: () => Buffer.from('hello there'), reason: 'corrupt-compressed-input' },
  'a stream with an error in it': {
    input: () => {
      const stream = deflateSync(Buffer.from('abcdefgh'.repeat(10)));
      stream[stream.length - 1]! ^= 1;
      return stream;
    },
    reason: 'corrupt-compressed-input',
  },
  'compression inside compression': { input: () => deflateSync(START3), reason: 'nested-compression' },
};

for (const [name, { input, reason }] of Object.entries(attacks)) {
  test(`${name} ends the session, and reports the reason`, { timeout: 600_000 }, async () => {
    let session: SessionType | undefined;
    let heard = 0;
    await using host = await Host.start({
      compression: true,
      shell: async given => {
        session = given;
        given.on('data', (chunk: Buffer) => {
          heard += chunk.length;
        });
        await once(given, 'hangup');
      },
    });
    const { wire } = await compressedWire(host);
    await using _ = wire;
    wire.send(START3, input());
    await wire.untilEnd(240_000);
    assert.equal(session!.hangupReason, reason);
    assert.ok(heard <= 2 << 20, `${heard} bytes`);
  });
}

test('a truncated stream is an ordinary end of the input', async () => {
  let heard = '';
  await using host = await Host.start({
    compression: true,
    shell: async session => {
      session.on('data', (chunk: Buffer) => {
        heard += chunk;
      });
      await once(session, 'end');
    },
  });
  const { wire } = await compressedWire(host);
  await using _ = wire;
  const deflate = createDeflate({ flush: constants.Z_SYNC_FLUSH });
  deflate.write('not the end');
  const [piece] = (await once(deflate, 'data')) as [Buffer];
  wire.send(START3, piece);
  wire.halfClose();
  await wire.untilEnd();
  assert.equal(heard, 'not the end');
  deflate.destroy();
});

test('a reader that does not read also stops inflation', async () => {
  let session: SessionType | undefined;
  await using host = await Host.start({
    compression: true,
    shell: async given => {
      session = given;
      await once(given, 'close');
    },
  });
  const { wire } = await compressedWire(host);
  await using _ = wire;
  const text = Buffer.from(randomBytes(4 << 20).toString('base64'));
  wire.send(START3, deflateSync(text));
  await untilTrue(() => session!.inputLength > 100_000);
  await new Promise(resolve => setTimeout(resolve, 200));
  assert.ok(session!.inputLength < 200_000, `${session!.inputLength} bytes wait`);
  let heard = 0;
  session!.on('data', (chunk: Buffer) => {
    heard += chunk.length;
  });
  await untilTrue(() => heard === text.length);
});

/** A session that reads nothing, while inflated input fills the look-ahead, and zlib's stream holds more. */
async function heldUp(length: number, isAll: boolean) {
  let session: SessionType | undefined;
  const host = await Host.start({
    compression: true,
    shell: async given => {
      session = given;
      await once(given, 'close');
    },
  });
  const { wire } = await compressedWire(host);
  const deflate = createDeflate({ flush: constants.Z_SYNC_FLUSH });
  wire.send(START3, await deflated(deflate, Buffer.alloc(length, 'x')));
  if (isAll) wire.halfClose();
  await untilTrue(() => session!.inputLength >= 128 * 1024);
  return { host, wire, session: session!, deflate };
}

/** Compresses bytes, up to a flush. */
async function deflated(deflate: Deflate, bytes: Uint8Array): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const collect = (piece: Buffer): unknown => pieces.push(piece);
  deflate.on('data', collect);
  await new Promise(resolve => deflate.write(bytes, resolve));
  deflate.off('data', collect);
  return Buffer.concat(pieces);
}

for (const beyond of [4, 12, 20]) {
  test(`the end waits for the ${beyond} KiB that are inflated and unread`, async () => {
    const length = (128 + beyond) * 1024;
    const { host, wire, session, deflate } = await heldUp(length, true);
    await using _host = host;
    await using _wire = wire;
    deflate.destroy();
    await untilTrue(() => session.inputFinished);
    let heard = 0;
    session.on('data', (chunk: Buffer) => {
      heard += chunk.length;
    });
    await once(session, 'end');
    assert.equal(heard, length);
    session.end();
  });
}

test('a Synch drops input that is inflated and unread', async () => {
  const { host, wire, session, deflate } = await heldUp(140 * 1024, false);
  await using _host = host;
  await using _wire = wire;
  const mark = await deflated(deflate, Uint8Array.of(IAC, DM));
  const after = await deflated(deflate, Buffer.from('after'));
  deflate.destroy();
  const synch = once(session, 'synch');
  assert.equal(sendUrgent((wire.socket as unknown as { _handle: { fd: number } })._handle.fd, mark), mark.length);
  await synch;
  let heard = '';
  session.on('data', (chunk: Buffer) => {
    heard += chunk;
  });
  wire.send(after);
  await untilTrue(() => heard.endsWith('after'));
  assert.equal(heard, 'after');
});

test('a client that does not read stops a writer that compresses; a Synch drops output that is not compressed yet', async () => {
  let session: SessionType | undefined;
  await using host = await Host.start({
    compression: true,
    shell: async given => {
      session = given;
      given.resume();
      await once(given, 'close');
    },
  });
  const { wire } = await compressedWire(host);
  await using _ = wire;
  wire.pause();
  // Data that cannot be compressed.
  const chunk = randomBytes(256 * 1024);
  let written = 0;
  const fill = (): void => {
    while (written < 400 && session!.write(chunk)) written++;
  };
  session!.on('drain', fill);
  fill();
  await untilTrue(() => session!.writableNeedDrain && session!.unsent > chunk.length);
  let last = -1;
  while (written !== last) {
    last = written;
    await new Promise(resolve => setTimeout(resolve, 200));
  }
  assert.ok(written < 100, `${written} of 256 KiB were written`);
  session!.off('drain', fill);
  session!.write(chunk);
  const dropped = session!.sendSynch();
  assert.ok(dropped >= chunk.length, `${dropped} bytes dropped`);
  session!.write('after');
  wire.resume();
  const start = wire.raw.bytes.indexOf(START2) + START2.length;
  const text = (): Buffer => inflateSync(wire.raw.bytes.subarray(start), { finishFlush: constants.Z_SYNC_FLUSH });
  await wire.until(() => text().includes(Buffer.from([IAC, CMD.DM, ...Buffer.from('after')])), 240_000);
});

test('a program’s echo is compressed, key by key, along with floods', async () => {
  await using host = await hostScript('echo ready; read x; seq 1 20000; echo got "$x"', {}, { compression: true });
  const wire = await host.connect({ ...XTERM, accept: [OPT.MCCP2] });
  await using _ = wire;
  await wire.expect(START2);
  const start = wire.raw.bytes.indexOf(START2) + START2.length;
  // The offer of MCCP3 may arrive between any two keys.
  const text = (): string =>
    inflateSync(wire.raw.bytes.subarray(start), { finishFlush: constants.Z_SYNC_FLUSH })
      .toString('latin1')
      .replace('\xff\xfbW', '');
  await wire.until(() => text().includes('ready'));
  for (const key of 'hello') {
    const { length } = text();
    wire.send(key);
    await wire.until(() => text().length > length);
  }
  wire.type('\r');
  await wire.untilEnd();
  assert.match(text(), /hello\r\n1\r\n2\r\n(.*\r\n)*20000\r\ngot hello\r\n/);
  // The ratio depends on the sizes in which the output is read, and so on the load.
  assert.ok(wire.raw.length < text().length, `${wire.raw.length} bytes for ${text().length}`);
});

test('nothing is offered on an encrypted connection, nor by a server without the option `compression`', async () => {
  const offers = async (compression: boolean, encrypted: boolean, told: boolean): Promise<boolean> => {
    const server = createServer({ shell: session => once(session, 'end'), compression });
    const sent: Buffer[] = [];
    const transport = new Duplex({
      read() {},
      write(chunk, _encoding, callback) {
        sent.push(chunk);
        callback();
      },
    });
    if (encrypted && !told) Object.assign(transport, { encrypted: true });
    server.handle(transport, told ? { encrypted } : {}).resume();
    transport.push(Buffer.of(IAC, DO, Option.MCCP2));
    await new Promise(setImmediate);
    transport.push(null);
    await server.shutdown();
    const all = Buffer.concat(sent);
    assert.equal(all.includes(START2), compression && !encrypted);
    return all.includes(Buffer.of(IAC, WILL, OPT.MCCP2));
  };
  assert.equal(await offers(true, false, false), true);
  assert.equal(await offers(true, false, true), true);
  assert.equal(await offers(true, true, false), false);
  assert.equal(await offers(true, true, true), false);
  assert.equal(await offers(false, false, false), false);
});

test('a session of an encrypted transport never compresses, regardless of its table', async () => {
  const [near, far] = pair([100]);
  Object.assign(near, { encrypted: true });
  const session = new Session(near, { telnet: SERVER });
  const sent: Buffer[] = [];
  far.on('data', (chunk: Buffer) => sent.push(chunk));
  session.telnet.request(Option.MCCP2, 'local', true);
  far.write(Buffer.of(IAC, DO, OPT.MCCP2, IAC, AYT));
  await untilTrue(() => Buffer.concat(sent).includes('[telpty: yes]'));
  session.destroy();
});

test('the offer of MCCP3 is the last and in its own packet: a client may go on in plain text to the end of its chunk', async () => {
  // Programs need an echo, which is requested in the same packet as all other options.
  await using host = await echoHost(session => session.telnet.request(Option.ECHO, 'local', true));
  const wire = await host.connect({ silent: true });
  await using _ = wire;
  const { socket } = wire;
  let deflate: Deflate | undefined;
  const offered: string[] = [];
  // Answers, and (like telnetlib3) compresses only after it has processed the whole chunk.
  let seen = 0;
  const look = () => {
    const answers: number[][] = [];
    let begins = false;
    for (const event of wire.events.slice(seen)) {
      if (event.type !== 'negotiate') continue;
      const { option, command } = event;
      if (command === WILL) {
        offered.push(`WILL ${option}`);
        answers.push([IAC, option === OPT.MCCP2 ? DONT : DO, option]);
        if (option === OPT.MCCP3) {
          answers.push([...START3]);
          begins = true;
        }
      } else if (command === DO) {
        offered.push(`DO ${option}`);
        answers.push([IAC, WILL, option]);
        if (option === OPT.NAWS) answers.push([...subnegotiation(OPT.NAWS, [0, 80, 0, 24])]);
      }
    }
    seen = wire.events.length;
    if (answers.length > 0) socket.write(Buffer.from(answers.flat()));
    if (!begins) return;
    deflate = createDeflate({ flush: constants.Z_SYNC_FLUSH });
    deflate.on('data', bytes => socket.write(bytes));
    deflate.write('packed');
  };
  socket.on('data', look);
  await wire.expect('packed');
  assert.equal(offered.at(-1), `WILL ${OPT.MCCP3}`);
  assert.ok(offered.length > 4, offered.join());
  deflate!.destroy();
});

/** gzip with all optional fields of its header. */
function adornedGzip(data: Buffer): Buffer {
  const plain = gzipSync(data);
  const more = Buffer.from('\x05\x00extraname\0comment\0\x12\x34', 'latin1');
  const header = Buffer.from(plain.subarray(0, 10));
  header[3] = 2 | 4 | 8 | 16;
  return Buffer.concat([header, more, plain.subarray(10)]);
}

for (const [name, pack] of [
  ['zlib', deflateSync],
  ['gzip', gzipSync],
  ['gzip with all fields', adornedGzip],
  ['bare deflate', deflateRawSync],
] as const) {
  test(`a client reads MCCP2 as ${name}, cut anywhere, and plain text after its end`, async () => {
    const text = randomBytes(300).toString('hex');
    const packed = Buffer.concat([START2, pack(Buffer.from(text)), Buffer.from('plain again')]);
    for (const size of [1, 2, 3, 7, 1_000]) {
      const [near, far] = pair([size]);
      const client = new Session(far, { telnet: CLIENT });
      const read = reading(client);
      near.on('data', () => {});
      near.write(Buffer.of(IAC, WILL, OPT.MCCP2));
      near.write(packed);
      await untilTrue(() => read().toString().endsWith('plain again'));
      assert.equal(read().toString(), `${text}plain again`);
      client.destroy();
      near.destroy();
    }
  });
}

for (const [name, pack] of [
  ['zlib', deflateSync],
  ['gzip', gzipSync],
  ['bare deflate', deflateRawSync],
] as const) {
  test(`nothing after the end of ${name} is lost while inflated data takes long turns`, async () => {
    const [near, far] = pair([10_000]);
    const client = new Session(far, { telnet: CLIENT });
    const read = reading(client);
    client.tap({
      input: () => {
        const end = performance.now() + 5;
        while (performance.now() < end);
      },
    });
    near.on('data', () => {});
    near.write(Buffer.of(IAC, WILL, OPT.MCCP2));
    const text = randomBytes(20_000).toString('hex');
    near.write(Buffer.concat([START2, pack(Buffer.from(text)), Buffer.from('plain again')]));
    await untilTrue(() => read().toString().endsWith('plain again'));
    assert.equal(read().toString(), `${text}plain again`);
    client.destroy();
    near.destroy();
  });
}

test('a waiting read reports why the session was ended', async () => {
  const [near, far] = pair([1_000]);
  const client = new Session(far, { telnet: CLIENT });
  near.resume().on('end', () => near.end());
  const rejected = assert.rejects(client.readUntil('never'), {
    code: 'ERR_SESSION_CLOSED',
    message: 'no "never" before the session ended (corrupt-compressed-input); nothing was received',
  });
  near.write(Buffer.concat([Buffer.of(IAC, WILL, OPT.MCCP2), START2, Buffer.alloc(20, 0xff)]));
  await rejected;
  client.destroy();
});

test('a client reads the trailer of gzip in several packets', async () => {
  const zlib = process.getBuiltinModule('node:zlib');
  const { createInflateRaw } = zlib;
  let stream: InflateRaw | undefined;
  const created = (...args: Parameters<typeof createInflateRaw>) => {
    stream = createInflateRaw(...args);
    return stream;
  };
  Object.defineProperty(zlib, 'createInflateRaw', { value: created, configurable: true });
  try {
    const packed = gzipSync('hello');
    for (let cut = 1; cut <= 8; cut++) {
      const [near, far] = pair([1_000]);
      const client = new Session(far, { telnet: CLIENT });
      const read = reading(client);
      near.on('data', () => {});
      near.write(Buffer.concat([Buffer.of(IAC, WILL, OPT.MCCP2), START2, packed.subarray(0, -8)]));
      await untilTrue(() => read().toString() === 'hello');
      // zlib's stream ends when it gets the first byte after its end.
      const end = once(stream!, 'end');
      near.write(packed.subarray(-8, packed.length - 8 + cut));
      await end;
      near.write(Buffer.concat([packed.subarray(packed.length - 8 + cut), Buffer.from('plain again')]));
      await untilTrue(() => read().toString() === 'helloplain again');
      client.destroy();
      near.destroy();
    }
  } finally {
    Object.defineProperty(zlib, 'createInflateRaw', { value: createInflateRaw, configurable: true });
  }
});

/** Counts the zlib streams created until the end of the block. */
function countStreams(name: 'createInflate' | 'createDeflate'): { readonly count: number } & Disposable {
  const zlib = process.getBuiltinModule('node:zlib');
  const create = zlib[name] as (options: object) => unknown;
  const replace = (value: unknown) => Object.defineProperty(zlib, name, { value, configurable: true });
  let count = 0;
  replace((options: object) => {
    count++;
    return create(options);
  });
  return {
    get count() {
      return count;
    },
    [Symbol.dispose]: () => void replace(create),
  };
}

/** Shows that other clients are served meanwhile. */
async function visits(host: Host, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    await using other = await host.connect(XTERM);
    other.send('hello');
    await other.expect('hello');
  }
}

test('a client that requests and withdraws compression repeatedly costs few zlib streams', async () => {
  let session: SessionType | undefined;
  await using host = await echoHost(given => {
    session ??= given;
  });
  await using wire = await host.connect({ silent: true });
  await wire.expectNegotiation(WILL, OPT.MCCP2);
  const heard = once(session!, 'data');
  using streams = countStreams('createDeflate');
  const times = 2_000;
  const pairs = Array<Uint8Array>(times).fill(Buffer.of(IAC, DONT, OPT.MCCP2, IAC, DO, OPT.MCCP2));
  await wire.sent(...pairs, 'done');
  await visits(host, 1);
  // The echo arrives after all streams that were begun and ended.
  await heard;
  await untilTrue(() => session!.undelivered === 0);
  assert.ok(streams.count < times / 10, `${streams.count} streams`);
});

test('a client that begins and ends compression repeatedly is read more slowly', async t => {
  await using host = await echoHost();
  const { wire } = await compressedWire(host);
  await using _ = wire;
  using streams = countStreams('createInflate');
  // The pause after each start beyond the free ones ends only when the test advances the timers.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  await wire.sent(Buffer.concat(Array<Uint8Array>(500).fill(Buffer.concat([START3, deflateSync('')]))));
  while (streams.count < 17) await turn();
  await visits(host, 2);
  assert.equal(streams.count, 17);
  t.mock.timers.tick(100);
  while (streams.count < 18) await turn();
  await visits(host, 2);
  assert.equal(streams.count, 18);
  t.mock.timers.reset();
});
