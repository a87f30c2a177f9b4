import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFds, untilTrue } from '../support/leaks.ts';
import { startServer } from '../support/server.ts';
import { Wire } from '../support/wire.ts';

/** Room for Node.js itself and for some sessions. */
const DESCRIPTORS = 80;
/** More than fit, whatever a session needs: it has a socket and a terminal at least. */
const TOO_MANY = DESCRIPTORS / 2;

const program = ['/bin/sh', '-c', 'echo ready; exec cat'];
const isReady = (wire: Wire): boolean => wire.data.bytes.includes('ready');

test('without free descriptors a session is told so, the others go on, and later ones start', async () => {
  await using server = await startServer(['--negotiation-timeout', '60s'], { program, descriptors: DESCRIPTORS });
  const wires: Wire[] = [];
  const open = async (): Promise<Wire> => {
    const wire = await Wire.connect(server.port, { ttype: ['xterm'], size: [80, 24] });
    wires.push(wire);
    await wire.until(() => isReady(wire) || wire.ended);
    return wire;
  };
  try {
    let refused = await open();
    while (isReady(refused)) {
      assert.ok(wires.length < TOO_MANY, 'all sessions started');
      refused = await open();
    }
    if (refused.data.length === 0) {
      // There was none left for its socket, so there was nobody to speak to it. One session less, and connections that wait
      // for their terminals, until there are some left, but too few for a whole session.
      await wires[2]!.close();
      await server.waitForLog(/session 3 ended/);
      do {
        assert.ok(wires.length < TOO_MANY, 'no session came as far as its terminal');
        const waiting = await Wire.connect(server.port, { silent: true });
        wires.push(waiting);
        // Not before it is accepted: else its descriptors would not be among those that stay.
        await waiting.until(() => waiting.raw.length > 0 || waiting.ended);
        const before = openFds(server.pid).size;
        refused = await open();
        if (!isReady(refused)) continue;
        await refused.close();
        await untilTrue(() => openFds(server.pid).size <= before);
      } while (isReady(refused));
    }
    assert.match(refused.data.bytes.toString(), /cannot start '\/bin\/sh': .*too many open files/);
    await server.waitForLog(/no program.*\(EMFILE\)/);
    await refused.close();

    wires[0]!.type('still here\r');
    await wires[0]!.expect('still here');
    for (const [i, wire] of wires.slice(0, 2).entries()) {
      await wire.close();
      await server.waitForLog(new RegExp(`session ${i + 1} ended`));
    }
    assert.ok(isReady(await open()));
  } finally {
    await Promise.all(wires.map(wire => wire.close()));
  }
});

test('a connection for which there is no second descriptor is dropped, and the log says so', async () => {
  // Who waits for its terminal holds one descriptor. So the first for whom there are not two finds one.
  await using server = await startServer(['--negotiation-timeout', '60s'], { program, descriptors: DESCRIPTORS });
  const wires: Wire[] = [];
  try {
    let last: Wire;
    do {
      assert.ok(wires.length < DESCRIPTORS, 'all were taken');
      last = await Wire.connect(server.port, { silent: true });
      wires.push(last);
      await last.until(() => last.raw.length > 0 || last.ended);
    } while (!last.ended);
    assert.equal(last.raw.length, 0);
    const dropped = /listener: dup EMFILE: too many open files/g;
    await server.waitForLog(dropped);
    await wires[0]!.close();
    await server.waitForLog(/session 1 ended/);
    const next = await Wire.connect(server.port, { silent: true });
    wires.push(next);
    await next.until(() => next.raw.length > 0);
    assert.equal(server.stderr.match(dropped)?.length, 1);
  } finally {
    await Promise.all(wires.map(wire => wire.close()));
  }
});
