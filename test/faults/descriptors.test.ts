/** A server without free descriptors: it refuses no client, existing sessions continue, and it does not busy-loop. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { CMD, OPT, Wire } from '../support/clients/test-client.ts';
import { childrenOf, openFds, untilTrue } from '../support/leaks.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import type { TestServer } from '../support/servers/server.ts';
import { Bystander, shareOfSpinning, startObedient, told, XTERM } from './support.ts';

const LIMIT = { timeout: 600_000 };
/** Enough for Node.js itself and for some sessions. */
const DESCRIPTORS = 100;
/** More clients than the server can serve at once. */
const CLIENTS = 60;

/** Waits until each client gets its program, and ends it to make room for the next. */
async function serveAll(wires: readonly Wire[]): Promise<void> {
  await Promise.all(
    wires.map(async wire => {
      await wire.expect('ready', 240_000);
      wire.type('exit 7\r');
      await wire.untilClose();
      assert.equal(wire.error, undefined);
    }),
  );
}

describe('out of descriptors', LIMIT, () => {
  it('clients wait, are all served later, and others continue', async () => {
    await using server = await startObedient(['--log-format', 'json'], { descriptors: DESCRIPTORS });
    await using bystander = await Bystander.start(server);
    const wires = await Promise.all(Array.from({ length: CLIENTS }, () => Wire.connect(server.port, XTERM)));
    await server.waitForLog(/out of descriptors: clients wait/);
    const isServed = (wire: Wire): boolean => wire.data.bytes.includes('ready');
    const served = (): number => wires.filter(isServed).length;
    // The accepted clients get their programs.
    await untilTrue(() => served() > 3 && wires.every(wire => isServed(wire) === wire.raw.length > 0));
    assert(served() < CLIENTS / 2, `${served()} are served`);
    assert(openFds(server.pid).size < DESCRIPTORS, 'some descriptors must stay in reserve');
    await bystander.progress();

    // While clients wait and no client sends anything, the server uses almost no CPU time.
    await bystander.pause();
    const share = await shareOfSpinning(server.pid);
    assert(share < 0.4, `it uses ${share} of the CPU time of a process that spins at the same time`);
    bystander.resume();

    // When a session ends, the next client is accepted.
    await serveAll(wires);
    await bystander.leave();
    await untilAllEnded(server);
    assert.equal(server.stderr.match(/out of descriptors/g)?.length, 1, 'the message must be logged once');
  });

  it('if the limit is lowered, an accepted client gets a message and a new one waits', async () => {
    await using server = await startObedient(['--negotiation-timeout', '1h']);
    await using bystander = await Bystander.start(server);
    const early = await Wire.connect(server.port, { silent: true });
    await early.until(() => early.raw.length > 0);
    limitDescriptors(server.pid, openFds(server.pid).size);
    early.subnegotiate(OPT.TTYPE, [0, ...Buffer.from('xterm')]);
    early.send([CMD.IAC, CMD.WONT, OPT.NAWS], [CMD.IAC, CMD.WONT, OPT.TTYPE]);
    await early.expect(/cannot start '\/bin\/sh': .*too many open files/);
    await early.untilClose();
    await server.waitForLog(/no program.*\(EMFILE\)/);
    await bystander.progress();
    limitDescriptors(server.pid, 1_000);
    const late = await told(server, 'exit');
    await late.untilClose();
    await bystander.leave();
  });

  it('a client that connects when no descriptor is free waits without CPU use', async () => {
    await using server = await startObedient();
    await using bystander = await Bystander.start(server);
    limitDescriptors(server.pid, 3);
    const wire = await Wire.connect(server.port, XTERM);
    await server.waitForLog(/out of descriptors: clients wait/);
    await bystander.progress();
    await bystander.pause();
    const share = await shareOfSpinning(server.pid);
    assert(share < 0.4, `it uses ${share} of the CPU time of a process that spins at the same time`);
    bystander.resume();
    limitDescriptors(server.pid, 1_000);
    await serveAll([wire]);
    await bystander.leave();
  });

  it('no worker gets more clients than it can serve, and clients wait for a free worker', async () => {
    await using server = await startObedient(['--workers', '2'], { descriptors: DESCRIPTORS });
    await using bystander = await Bystander.start(server);
    const wires = await Promise.all(Array.from({ length: CLIENTS }, () => Wire.connect(server.port, XTERM)));
    await server.waitForLog(/out of descriptors: clients wait/);
    await bystander.progress();
    await serveAll(wires);
    await bystander.leave();
    await untilAllEnded(server);
    assert.equal(server.stderr.match(/out of descriptors/g)?.length, 1);
  });

  it('a worker without a free descriptor returns a client, and another worker serves it', async () => {
    await using server = await startObedient(['--workers', '2', '--max-sessions', '6']);
    const [short] = childrenOf(server.pid);
    const bystanders = await Promise.all([Bystander.start(server), Bystander.start(server)]);
    limitDescriptors(short!.pid, 3);
    const wires = await Promise.all(Array.from({ length: 4 }, () => told(server, 'exec cat')));
    assert.equal(childrenOf(short!.pid).length, 1, 'the worker must have only its first program');
    for (const bystander of bystanders) await bystander.progress();
    // Returned clients must not use up session slots.
    const refused = await Wire.connect(server.port, XTERM);
    await refused.expect('too many sessions');
    await refused.untilClose();
    limitDescriptors(short!.pid, 1_000);
    const leaving = wires.pop()!;
    const { localPort } = leaving.socket;
    await leaving.close();
    // The program was reaped earlier, but its slot is free only now.
    await server.waitForLog(new RegExp(`session \\d+ ended: 127\\.0\\.0\\.1:${localPort} `));
    const more = await told(server, 'exec cat');
    for (const wire of [...wires, more]) await wire.close();
    for (const bystander of bystanders) await bystander.leave();
  });

  it('the server warns at startup in one line that names the remedy', async () => {
    await using server = await startObedient(['--max-sessions', '500'], { descriptors: DESCRIPTORS });
    const [line] = await server.waitForLog(/.*descriptors are enough for .*/);
    assert.match(
      line,
      /^.*100 descriptors are enough for 1\d sessions, --max-sessions allows 500: raise the limit \(LimitNOFILE/,
    );
    await using quiet = await startObedient(['--max-sessions', '9'], { descriptors: DESCRIPTORS });
    assert.doesNotMatch(quiet.stderr, /descriptors/);
  });
});

/** Waits until the log contains the end of every client's program. */
async function untilAllEnded(server: TestServer): Promise<void> {
  const ended = () => server.stderr.match(/"exit":7/g)?.length ?? 0;
  await untilTrue(
    () => ended() >= CLIENTS,
    PATIENCE_MS,
    () => `${ended()} of ${CLIENTS} had their program`,
  );
  assert.equal(ended(), CLIENTS);
}

function limitDescriptors(pid: number, count: number): void {
  const result = spawnSync('prlimit', ['--pid', String(pid), `--nofile=${count}:`], { encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
}
