/** How much memory a hostile client can make the server use, and how long it can delay other clients. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Session } from '../../../src/index.ts';
import { CMD } from '../../support/clients/test-client.ts';
import { Host, hostScript, XTERM } from '../../support/servers/host.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Memory in use after a collection, in MB. */
function memory(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}

/** Fails if more than `limit` MB above `before` remain in use: memory outside the heap is freed a little later. */
async function assertMemory(before: number, limit: number): Promise<void> {
  let more = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 50 && more > limit; i++) {
    more = Math.min(more, memory() - before);
    await new Promise(resolve => setImmediate(resolve));
  }
  assert.ok(more <= limit, `${more} MB more`);
}

/** Waits until the server has read this many bytes of a session, or has paused because enough input is queued. */
async function read(session: Session, bytes: number): Promise<void> {
  while (session.bytesRead < bytes && session.inputLength < 128 * 1024)
    await new Promise(resolve => setImmediate(resolve));
}

/** A program that neither reads nor prints. */
const STUCK = 'stty raw -echo -isig; echo ok; exec sleep 1000';

for (const [name, command] of [
  ['EC', CMD.EC],
  ['EL', CMD.EL],
  ['EOF', CMD.EOF],
  ['IP where signals are off', CMD.IP],
] as const) {
  test(`a flood of ${name} to a program that does not read uses no more memory than data`, async () => {
    await using host = await hostScript(STUCK);
    await using wire = await host.connect(XTERM);
    await wire.expect('ok');
    const session = [...host.server.sessions][0]!;
    const before = memory();
    wire.send(Buffer.alloc(4 << 20, Buffer.from([CMD.IAC, command])));
    await read(session, 4 << 20);
    assert.ok(session.inputLength < 512 * 1024, `${session.inputLength} bytes wait`);
    // This includes the client's own copy of the data.
    await assertMemory(before, 24);
  });
}

test('one byte of data between subnegotiations keeps one byte, not all of them', async () => {
  await using host = await hostScript('echo ok; sleep 1000', { negotiationTimeout: 60_000 });
  await using wire = await host.connect({ silent: true });
  await wire.expectNegotiation(CMD.DO, 24);
  const [session] = host.server.sessions;
  const unit = Buffer.concat([
    Buffer.from([0x61, CMD.IAC, CMD.SB, 99]),
    Buffer.alloc(60_000, 'z'),
    Buffer.from([CMD.IAC, CMD.SE]),
  ]);
  const before = memory();
  for (let i = 0; i < 500; i++) await wire.sent(unit);
  await read(session!, 500 * unit.length);
  assert.equal(session!.inputLength, 500);
  await assertMemory(before, 12);
});

test('the same while a program runs that does not read', async () => {
  await using host = await hostScript(STUCK);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const session = [...host.server.sessions][0]!;
  const unit = Buffer.concat([
    Buffer.from([0x61, CMD.IAC, CMD.SB, 99]),
    Buffer.alloc(60_000, 'z'),
    Buffer.from([CMD.IAC, CMD.SE]),
  ]);
  const filler = Buffer.alloc(80_000, 'x');
  await wire.sent(filler);
  const before = memory();
  for (let i = 0; i < 500; i++) await wire.sent(unit);
  await read(session, filler.length + 500 * unit.length);
  await assertMemory(before, 16);
});

test('output for a stalled client waits in the kernel, not in one piece for each write of the program', async () => {
  const script = 'stty raw -echo; printf ok; head -c 8000000 /dev/zero; while :; do printf x; done';
  await using host = await hostScript(script);
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const [session] = host.server.sessions;
  wire.pause();
  while (session!.unsent === 0) await new Promise(resolve => setImmediate(resolve));
  const held = session!.unsent;
  const before = memory();
  // The program continues to write until the terminal's queue is full; the server must not read from it.
  for (let i = 0; i < 2_000; i++) await new Promise(resolve => setImmediate(resolve));
  assert.ok(session!.unsent <= held + 128 * 1024, `${session!.unsent} bytes are unsent`);
  await assertMemory(before, 8);
});

test('while one client floods with commands, another is served', async () => {
  for (const command of [CMD.BRK, CMD.EC, CMD.NOP]) {
    await using host = await hostScript('trap "" INT; stty raw -echo isig; echo ok; exec cat');
    await using flooding = await host.connect(XTERM);
    await flooding.expect('ok');
    await using other = await host.connect(XTERM);
    await other.expect('ok');
    const [session] = host.server.sessions;
    // Large enough to take some time: ignored commands take almost none.
    const flood = Buffer.alloc(command === CMD.NOP ? 2 << 20 : 512 << 10, Buffer.from([0x61, CMD.IAC, command]));
    flooding.send(flood);
    let served = 0;
    while (session!.bytesRead < flood.length / 2) {
      other.type(`ping${served};`);
      await other.expect(`ping${served};`);
      served++;
    }
    assert.ok(served >= 10, `${served} answers during half of a flood of ${command}`);
  }
});

test('NOP keeps a connection alive for routers, not for the idle timeout', async () => {
  const { limit, ptyShell } = await import('../../../src/index.ts');
  await using host = await Host.start({ shell: limit({ idleTimeout: 400 })(ptyShell('/bin/cat')) });
  await using wire = await host.connect(XTERM);
  const alive = setInterval(() => wire.command(CMD.NOP), 50);
  await wire.untilEnd();
  clearInterval(alive);
  assert.match(wire.text(), /no input for too long/);
});

test('transferring the ArrayBuffer of an output chunk does not detach the memory that all sessions share', async () => {
  await using host = await hostScript('head -c 100000 /dev/zero; read x');
  await using wire = await host.connect(XTERM);
  const { spawnPty } = await import('../../../src/pty/index.ts');
  const pty = spawnPty('/bin/sh', ['-c', 'head -c 20000 /dev/zero']);
  const [chunk] = (await once(pty, 'data')) as [Buffer];
  const { buffer, length } = chunk;
  assert.ok(buffer.byteLength > length, 'the chunk is a part of a larger buffer');
  try {
    structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
  } catch (error) {
    // Newer versions of Node.js throw; older ones copy it.
    assert.equal((error as Error).name, 'DataCloneError');
  }
  assert.equal(chunk.length, length, 'the chunk is still attached');
  pty.resume();
  await once(pty, 'close');
  await wire.untilData(90_000);
});
