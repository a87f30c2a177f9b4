/** Hostile servers: whatever they send, `telpty connect` ends when they do, cleanly. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { type Pty, spawnPty } from '../../../src/pty/index.ts';
import { closed } from '../../pty/support.ts';
import { Peer } from '../../support/clients/peer.ts';
import { assertNothingHeld, untilTrue } from '../../support/leaks.ts';
import { CLI } from '../../support/servers/server.ts';

after(assertNothingHeld);

/** A client on its own terminal. */
function open(port: number): Pty {
  const env = { PATH: process.env.PATH ?? '', TERM: 'xterm', LANG: 'C.UTF-8', SECRET: 'never to be told' };
  const pty = spawnPty(process.execPath, [CLI, 'connect', '127.0.0.1', String(port)], { env });
  pty.resume();
  return pty;
}

// Weighted towards bytes with a meaning: IAC, verbs, SB and SE, the options of a client with a terminal.
const byte = fc.oneof(
  { weight: 4, arbitrary: fc.constant(255) },
  { weight: 4, arbitrary: fc.constantFrom(236, 239, 240, 242, 244, 246, 250, 251, 252, 253, 254) },
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 3, 5, 6, 18, 24, 25, 31, 33, 34, 36, 39, 42) },
  { weight: 2, arbitrary: fc.constantFrom(0, 1, 2, 3, 10, 13) },
  { weight: 3, arbitrary: fc.nat(255) },
);

test('random bytes, while a user types', { timeout: 600_000 }, async () => {
  await using peer = await Peer.listen();
  await fc.assert(
    fc.asyncProperty(fc.array(byte, { minLength: 500, maxLength: 4_000 }), async bytes => {
      const pty = open(peer.port);
      const wire = await peer.accept();
      // LINEMODE first, so that the server can change modes and keys of the terminal.
      wire.send([255, 253, 34, 255, 253, 33], bytes.slice(0, 250));
      pty.write('abc\r\x04\x16\x1a');
      await wire.sent(bytes.slice(250));
      wire.halfClose();
      const { code } = await pty.exited;
      await closed(pty);
      assert.equal(code, 0);
      assert.ok(!wire.raw.bytes.includes('never to be told'));
    }),
    { numRuns: 12 },
  );
});

test('modes and keys that change all the time', { timeout: 600_000 }, async () => {
  await using peer = await Peer.listen();
  const pty = open(peer.port);
  const wire = await peer.accept();
  wire.negotiate(253, 34);
  await wire.expectNegotiation(251, 34);
  for (let n = 0; n < 5_000; n++) {
    wire.subnegotiate(34, [1, n & 3]);
    wire.subnegotiate(34, [3, 1 + (n % 30), 2 | (n & 96), n & 255]);
  }
  wire.negotiate(253, 6);
  await wire.expectNegotiation(251, 6, 240_000);
  wire.halfClose();
  assert.deepEqual(await pty.exited, { code: 0, signal: null });
  await closed(pty);
});

test('a server that toggles its echo all the time: a typed password is never shown', async () => {
  await using peer = await Peer.listen();
  const pty = open(peer.port);
  const wire = await peer.accept();
  const flips = [255, 251, 1, 255, 252, 1];
  for (const [round, hides] of [true, false, true].entries()) {
    const sent = Buffer.concat([
      Buffer.alloc(500 * flips.length, Buffer.from(flips)),
      Buffer.of(255, hides ? 251 : 252, 1),
      // The answer follows the processing of everything before it.
      Buffer.of(255, 253, 200),
    ]);
    wire.send(sent);
    await wire.until(() => wire.events.filter(e => e.type === 'negotiate' && e.option === 200).length > round);
    await untilTrue(() => pty.modes().echo === !hides);
    // It stays so after the late answer.
    const answer = hides ? 253 : 254;
    await wire.until(() => {
      const last = wire.events.findLast(e => e.type === 'negotiate' && e.option === 1);
      return last?.type === 'negotiate' && last.command === answer;
    });
    assert.equal(pty.modes().echo, !hides);
  }
  wire.halfClose();
  await closed(pty);
});
