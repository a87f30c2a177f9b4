/** The memory of a session, and that none is kept after its end. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Received } from '../../src/session/conversation/received.ts';
import { Wire } from '../support/clients/test-client.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { XTERM } from '../support/servers/host.ts';
import type { MemoryReport } from '../support/servers/memory-host.ts';

/** In bytes; it was 8,200 to 8,800 when this was written, and 13,000 before the first measurement. */
const SESSION_BYTES = 11_000;

async function ask(host: ChildProcess): Promise<MemoryReport> {
  const answer = once(host, 'message');
  host.send('report');
  return ((await answer) as [MemoryReport])[0];
}

/** Opens sessions that have had output and input, and are idle since. */
async function open(port: number, count: number): Promise<Wire[]> {
  const wires: Wire[] = [];
  for (let i = 0; i < count; i++) {
    const wire = await Wire.connect(port, XTERM);
    wires.push(wire);
    await wire.expect('ready');
    wire.type('x\r');
    await wire.expect('x\r\nx\r\n');
  }
  return wires;
}

test('an idle session keeps few bytes, and none after its end', async () => {
  const host = fork(fileURLToPath(new URL('../support/servers/memory-host.ts', import.meta.url)), { stdio: 'inherit' });
  const wires: Wire[] = [];
  try {
    const [{ port }] = (await once(host, 'message')) as [{ port: number }];
    // The first sessions include the cost of code and feedback.
    wires.push(...(await open(port, 40)));
    let before = await ask(host);
    assert.equal(before.sessions, 40);
    // The minimum over several hundreds counts. The memory of each session is in all of them; the code that the
    // compiler generates at some time for hot functions is not.
    const costs = { heap: Number.POSITIVE_INFINITY, external: Number.POSITIVE_INFINITY };
    for (let hundred = 1; hundred <= 4 && (costs.heap >= SESSION_BYTES || costs.external >= 1_000); hundred++) {
      wires.push(...(await open(port, 100)));
      const after = await ask(host);
      assert.equal(after.sessions, 40 + 100 * hundred);
      costs.heap = Math.min(costs.heap, (after.heap - before.heap) / 100);
      costs.external = Math.min(costs.external, (after.external - before.external) / 100);
      before = after;
    }
    assert.ok(costs.heap < SESSION_BYTES, `${costs.heap} bytes of heap per session`);
    assert.ok(costs.external < 1_000, `${costs.external} bytes outside the heap per session`);

    await Promise.all(wires.map(wire => wire.close()));
    const deadline = Date.now() + PATIENCE_MS;
    let last = await ask(host);
    // The server may need some time until it has seen the ends of all programs.
    while (last.sessions > 0 && Date.now() < deadline) last = await ask(host);
    assert.equal(last.sessions, 0);
  } finally {
    await Promise.all(wires.map(wire => wire.close()));
    const exit = once(host, 'exit');
    host.disconnect();
    await exit;
  }
});

test('text that is read in packets of one byte keeps about as much memory as its length', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const before = process.memoryUsage().arrayBuffers;
  const received = new Received();
  // As the input queue of a session returns it: a view of a block of 4 KiB.
  for (let count = 0; count < 20_000; count++)
    received.add(Buffer.allocUnsafeSlow(4096).fill('x').subarray(0, 1), 'UTF-8');
  // A thread frees the memory of buffers, some time after the collection.
  let kept = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 100 && kept >= 1024 * 1024; look++) {
    collect();
    await new Promise(resolve => setTimeout(resolve, 20));
    kept = process.memoryUsage().arrayBuffers - before;
  }
  assert.ok(kept < 1024 * 1024, `${kept} bytes are kept`);
  assert.equal(`${received.text}`, 'x'.repeat(20_000));
  received.consume(12_345);
  assert.equal(received.unused().toString(), 'x'.repeat(20_000 - 12_345));
});
