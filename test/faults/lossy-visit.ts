/**
 * Run by test/faults/network.test.ts in its network: a server on ADDRESS, and clients that connect through NEIGHBOUR.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Wire } from '../support/clients/test-client.ts';
import { startObedient, XTERM } from './support.ts';

const [address, neighbour] = process.argv.slice(2);
const CLIENTS = 4;
const LINES = 20_000;
const TYPED = 16 * 1024;

await using server = await startObedient(['--host', address!, '--allow-root-program']);
const host = { ...XTERM, host: neighbour! };

async function visit(number: number): Promise<void> {
  await using wire = await Wire.connect(server.port, host);
  await wire.expect('ready', 240_000);
  wire.type(`seq ${number} ${LINES}; echo done; exec cat\r`);
  await wire.expect('done\n', 240_000);
  const expected = Array.from({ length: LINES - number + 1 }, (_, at) => `${number + at}\n`).join('');
  assert.ok(wire.text().endsWith(`${expected}done\n`), 'the output must be complete and in order');
  // The other direction: all typed input is echoed, in pieces of one byte and in long ones.
  const from = wire.data.length;
  const typed = Buffer.concat(
    Array.from({ length: TYPED / 64 }, (_, at) => createHash('sha512').update(`${number}/${at}`).digest()),
  ).map(byte => (byte === 10 || byte === 13 ? 11 : byte)) as Buffer;
  for (let at = 0; at < 64; at++) await wire.sent(Buffer.of(typed[at]! === 255 ? 254 : typed[at]!));
  wire.type(typed.subarray(64));
  await wire.untilData(from + typed.length, 240_000);
  assert.ok(wire.data.bytes.subarray(from + 64).equals(typed.subarray(64)), 'the typed input must be echoed');
}

await Promise.all(Array.from({ length: CLIENTS }, (_, number) => visit(number + 1)));
await server.stop();
process.exit(0);
