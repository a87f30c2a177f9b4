/** Conditions for a short time from a key to its echo. No time is measured here: `npm run bench` does that. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, read as readFile, rmSync, stat, writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Session } from '../../../src/index.ts';
import { addon } from '../../../src/native/load.ts';
import { CMD, type Wire } from '../../support/clients/test-client.ts';
import { type Host, hostScript, XTERM } from '../../support/servers/host.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** A raw terminal whose program prints what it reads. */
const ECHO = 'stty raw -echo; printf ok; exec cat';

/** The session of the only client, and a count of the event loop turns in which it got input. */
function onlySession(host: Host): { session: Session; turns: () => number } {
  const [session] = host.server.sessions;
  let turns = 0;
  const { link } = session!;
  const receive = link.receive.bind(link);
  link.receive = (chunk, stale) => {
    turns++;
    receive(chunk, stale);
  };
  return { session: session!, turns: () => turns };
}

/** Types one key and waits for its echo, so that each is alone in its packet. */
async function key(wire: Wire, byte: string | number): Promise<void> {
  const before = wire.data.length;
  wire.type(typeof byte === 'number' ? [byte] : byte);
  await wire.until(() => wire.data.length > before);
}

/** A client that types the next key when the echo of the last one has arrived. */
async function typist(port: number, keys: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const text = Buffer.from('the quick brown fox jumps over the lazy dog ');
  const pieces = Array.from(text, (_, at) => text.subarray(at, at + 1));
  let typed = 0;
  let begun = false;
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', chunk => {
      if (!begun && !chunk.includes('ok')) return;
      begun = true;
      if (typed === keys) resolve();
      else socket.write(pieces[typed++ % pieces.length]!);
    });
  });
  return socket;
}

for (const way of ['the fast path', 'JavaScript'] as const) {
  test(`50,000 keys on the code path ${way} leave no memory in use`, async () => {
    await using host = await hostScript(ECHO, { negotiationTimeout: 1 });
    if (way === 'JavaScript')
      host.server.on('session', session => {
        session.trace = {};
      });
    // The first sessions and keys cause compilation, and the growth of the heap to its usual size.
    const CLIENTS = 10;
    const round = async (keys: number): Promise<void> => {
      const sockets = await Promise.all(Array.from({ length: CLIENTS }, () => typist(host.port, keys)));
      const over = host.outcome(host.outcomes.length + CLIENTS);
      for (const socket of sockets) socket.destroy();
      await over;
    };
    await round(500);
    // The minimum of several rounds: memory that keys leave is in all of them, memory of the compiler is not.
    let more = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 4 && more >= 128 * 1024; i++) {
      const before = heap();
      await round(5_000);
      more = Math.min(more, (await settled(() => heap())) - before);
    }
    assert.ok(more < 128 * 1024, `${more} bytes more`);
    assert.equal(addon().counts().connections, 0);
  });
}

function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** The minimum of several samples: memory that is freed a little later is not growth. */
async function settled(look: () => number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20; i++) {
    least = Math.min(least, look());
    await new Promise(resolve => setImmediate(resolve));
  }
  return least;
}

test('keys need no thread of the libuv pool', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'telpty-'));
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const fd = openSync(fifo, constants.O_RDWR);
  try {
    await using host = await hostScript(ECHO);
    await using wire = await host.connect(XTERM);
    await wire.expect('ok');
    const { session } = onlySession(host);
    // More reads than there are threads: each sleeps in the kernel until there is a byte for it.
    const threads = Number(process.env.UV_THREADPOOL_SIZE ?? 4);
    const reads = Array.from({ length: threads }, () => {
      return new Promise<void>(resolve => readFile(fd, Buffer.alloc(1), 0, 1, null, () => resolve()));
    });
    let free = false;
    const next = new Promise<void>(resolve => {
      stat('/', () => {
        free = true;
        resolve();
      });
    });
    for (const byte of 'by the fast path') await key(wire, byte);
    session.trace = {};
    for (const byte of 'by JavaScript') await key(wire, byte);
    wire.type('in one piece '.repeat(10_000));
    await wire.until(() => wire.data.length >= 130_000);
    assert.equal(free, false, 'the pool was busy all the time');
    writeSync(fd, Buffer.alloc(threads));
    await Promise.all([...reads, next]);
  } finally {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  }
});

test('a plain key and its echo take the fast path without JavaScript, and are counted', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  await key(wire, 'x');
  const { session, turns } = onlySession(host);
  const { bytesRead, bytesWritten } = session;
  for (const byte of 'hello') await key(wire, byte);
  assert.equal(turns(), 0);
  assert.ok(session.idleTime < session.age);
  assert.equal(session.bytesRead, bytesRead + 5);
  assert.equal(session.bytesWritten, bytesWritten + 5);

  // Bytes with a meaning for Telnet, or for the server, do not.
  for (const byte of ['\r', '\n', '\0', '\b', '\x7f', 0xff]) {
    await key(wire, 'a');
    const before = turns();
    await key(wire, byte);
    assert.ok(turns() > before, JSON.stringify(byte));
  }
});

test('a frame is held whichever code path its parts take', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const { session, turns } = onlySession(host);
  const type = async (piece: string): Promise<void> => {
    const { bytesRead } = session;
    wire.send(piece);
    while (session.bytesRead === bytesRead) await new Promise(resolve => setImmediate(resolve));
  };
  const parts: string[] = [];
  wire.onData(bytes => parts.push(Buffer.from(bytes).toString('latin1')));
  for (let round = 0; round < 20; round++) {
    // An arrow key is not a frame.
    await key(wire, 'a');
    const before = turns();
    await key(wire, '\x1b[A');
    assert.equal(turns(), before);
    parts.length = 0;
    const begun = performance.now();
    for (const piece of ['\x1b[?2026h', 'in', 'side', '\x1b[?202', '6l']) await type(piece);
    await wire.expect('\x1b[?2026l');
    // It is released after a second.
    if (performance.now() - begun < 900) assert.deepEqual(parts, ['\x1b[?2026hinside\x1b[?2026l']);
  }
});

test('as soon as a tap or trace is set, it receives everything', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const { session } = onlySession(host);
  await key(wire, 'a');
  await key(wire, 'b');
  const seen: string[] = [];
  const untap = session.tap({
    input: bytes => seen.push(`in ${Buffer.from(bytes)}`),
    output: bytes => seen.push(`out ${Buffer.from(bytes)}`),
  });
  await key(wire, 'c');
  await key(wire, 'd');
  untap();
  await key(wire, 'e');
  await key(wire, 'f');
  session.trace = { bytes: (direction, bytes) => seen.push(`${direction} ${Buffer.from(bytes)}`) };
  await key(wire, 'g');
  session.trace = undefined;
  await key(wire, 'h');
  assert.deepEqual(seen, ['in c', 'out c', 'in d', 'out d', 'received g', 'sent g']);
  assert.equal(wire.data.length, 'ok'.length + 8);
});

test('keys, commands and ends of lines stay in order, whichever code path they take', async () => {
  await using host = await hostScript(ECHO);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const { session } = onlySession(host);
  const pieces: [sent: Uint8Array | string, typed: string][] = [
    ['a', 'a'],
    ['\r', '\r'],
    ['\0', ''],
    ['b', 'b'],
    [Buffer.of(CMD.IAC), ''],
    [Buffer.of(CMD.NOP), ''],
    ['c', 'c'],
    [Buffer.of(CMD.IAC), ''],
    [Buffer.of(CMD.IAC), '\xff'],
    ['d\r', 'd\r'],
    ['e', 'e'],
    [Buffer.of(CMD.IAC, CMD.SB, 200), ''],
    ['not data', ''],
    [Buffer.of(CMD.IAC, CMD.SE), ''],
    [Buffer.of(CMD.IAC, CMD.EOF), '\x04'],
    ['f', 'f'],
    ['long '.repeat(20), 'long '.repeat(20)],
    ['g\x7f', 'g\x7f'],
  ];
  // Without BINARY, so that CR NUL is one key.
  wire.send(CMD.IAC, CMD.WONT, 0);
  let expected = '';
  for (let round = 0; round < 20; round++) {
    for (const [sent, typed] of pieces) {
      const { bytesRead } = session;
      await wire.sent(sent);
      while (session.bytesRead === bytesRead) await new Promise(resolve => setImmediate(resolve));
      expected += typed;
      if (round % 2 === 0) await wire.until(() => wire.data.length >= 'ok'.length + expected.length);
    }
  }
  await wire.until(() => wire.data.length >= 'ok'.length + expected.length);
  assert.equal(wire.data.bytes.toString('latin1'), `ok${expected}`);
});

test('keys that arrive while the terminal is full wait, in order, and none is lost', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'telpty-'));
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  try {
    await using host = await hostScript(`stty raw -echo; printf ok; cat ${fifo}; exec cat`);
    await using wire = await host.connect(XTERM);
    await wire.expect('ok');
    const { session } = onlySession(host);
    let expected = 'ok';
    for (let i = 0; i < 3_000; i++) {
      const piece = `${i} `.padEnd(50, '.');
      const { bytesRead } = session;
      wire.send(piece);
      expected += piece;
      while (session.bytesRead === bytesRead) await new Promise(resolve => setImmediate(resolve));
    }
    assert.ok(session.inputLength > 0, 'the terminal is full');
    assert.ok(session.inputLength <= 128 * 1024);
    const native = addon();
    const { write } = native;
    let writes = 0;
    native.write = (pty, bytes) => {
      writes++;
      return write(pty, bytes);
    };
    try {
      const fd = openSync(fifo, constants.O_WRONLY);
      closeSync(fd);
      await wire.until(() => wire.data.length >= expected.length);
    } finally {
      native.write = write;
    }
    assert.equal(wire.data.bytes.toString('latin1'), expected);
    assert.ok(writes < 20, `${writes} writes for ${expected.length} bytes`);
    await key(wire, 'x');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('an interrupt key in a paste interrupts the program, and nothing before it is echoed after that', async () => {
  await using host = await hostScript(
    `stty raw -echo isig; trap 'printf interrupted' INT; printf ok; cat; stty raw -echo isig; exec cat`,
  );
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  wire.send(Buffer.alloc(300_000, 'x'), [3]);
  await wire.expect('interrupted');
  await key(wire, 'y');
  // A Synch and its NUL may be within the echo.
  const text = wire.data.bytes.toString('latin1').replaceAll('\0', '');
  assert.equal(text.replaceAll(/x+/g, 'x'), 'okxinterruptedy');
});

test('IP in a paste discards the input before it, wherever that waits, and nothing after it', async () => {
  await using host = await hostScript(
    `stty raw -echo isig; trap 'printf interrupted; exec cat' INT; printf ok; while :; do sleep 60; done`,
  );
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const { session } = onlySession(host);
  for (let i = 1; i <= 10; i++) {
    // Some waits in the terminal, some in the addon, some in several blocks of the session.
    await wire.sent(Buffer.alloc(10_000, 'x'));
    while (session.bytesRead < i * 10_000) await new Promise(resolve => setImmediate(resolve));
  }
  assert.ok(session.inputLength > 64 * 1024);
  wire.send([CMD.IAC, CMD.IP], 'after it');
  await wire.expect('after it');
  assert.equal(wire.data.bytes.toString('latin1'), 'okinterruptedafter it');
});

test('the program ends when its client disconnects in the middle of input', async () => {
  await using host = await hostScript(ECHO);
  const wire = await host.connect(XTERM);
  await wire.expect('ok');
  for (const byte of 'abc') await key(wire, byte);
  wire.socket.write('d');
  wire.reset();
  await once(wire.socket, 'close');
  assert.deepEqual((await host.outcome()).result, { code: null, signal: 'SIGHUP' });
  assert.equal(addon().counts().connections, 0);
});
