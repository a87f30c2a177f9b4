import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { OPT, Wire } from '../support/clients/test-client.ts';
import { childrenOf, openFds, untilTrue } from '../support/leaks.ts';
import { startServer } from '../support/servers/server.ts';

const SESSIONS = 200;
/** Bytes that each session sends and must receive back. */
const BYTES = 64 * 1024;

/**
 * Bytes that no other session sends: hashes of the session's number. All values except LF, because CR LF is one key in
 * Telnet.
 */
function pattern(session: number): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at < BYTES / 32; at++) blocks.push(createHash('sha256').update(`${session}/${at}`).digest());
  return Buffer.concat(blocks).map(byte => (byte === 10 ? 11 : byte)) as Buffer;
}

/** Made once: to make them takes longer than the sessions. */
const PATTERNS = Array.from({ length: SESSIONS }, (_, session) => pattern(session));

/** Sends the pattern in uneven pieces, some in one packet, some in the next turn of the event loop. */
async function sendInPieces(wire: Wire, session: number): Promise<void> {
  const bytes = PATTERNS[session]!;
  let seed = session + 1;
  for (let at = 0; at < bytes.length; ) {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    const size = 1 + (seed % 4096);
    wire.type(bytes.subarray(at, at + size));
    at += size;
    if (seed % 3 === 0) await turn();
  }
}

for (const binary of [false, true]) {
  const how = binary ? 'over BINARY' : 'as NVT text';
  test(`${SESSIONS} sessions at once each get their own bytes back, ${how}`, { timeout: 600_000 }, async () => {
    const program = ['/bin/sh', '-c', 'stty raw -echo; echo ready; exec cat'];
    await using server = await startServer(['--mode', 'raw'], { program });
    const script = { ttype: ['xterm'], size: [80, 24] as const, ...(binary ? {} : { refuse: [OPT.BINARY] }) };
    const wires = await Promise.all(Array.from({ length: SESSIONS }, () => Wire.connect(server.port, script)));
    try {
      await Promise.all(wires.map(wire => wire.expect('ready\n', 240_000)));
      if (binary) {
        for (const wire of wires) {
          wire.propose('WILL', OPT.BINARY);
          wire.propose('DO', OPT.BINARY);
        }
        await Promise.all(
          wires.map(wire =>
            wire.until(() => wire.isEnabled(OPT.BINARY, 'ours') && wire.isEnabled(OPT.BINARY, 'theirs')),
          ),
        );
      }
      assert.equal(childrenOf(server.pid).length, SESSIONS);
      const starts = wires.map(wire => wire.data.length);
      await Promise.all(wires.map(sendInPieces));
      await Promise.all(wires.map((wire, at) => wire.untilData(starts[at]! + BYTES, 240_000)));
      wires.forEach((wire, at) => {
        const back = wire.data.bytes.subarray(starts[at]!);
        assert.ok(back.equals(PATTERNS[at]!), `session ${at} got something else (${back.length} bytes)`);
      });
    } finally {
      await Promise.all(wires.map(wire => wire.close()));
    }
    await server.assertNoLeaks();
    await untilTrue(() => openFds(server.pid).size <= server.baseline!.fds.size);
  });
}
