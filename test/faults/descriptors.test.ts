/** A server without descriptors: nobody is turned away, nobody who has a session notices, and no CPU is burnt. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { CMD, OPT, Wire } from '../support/clients/test-client.ts';
import { childrenOf, openFds, untilTrue } from '../support/leaks.ts';
import type { TestServer } from '../support/servers/server.ts';
import { Bystander, shareOfSpinning, startObedient, told, XTERM } from './support.ts';

const LIMIT = { timeout: 180_000 };
/** Room for Node.js itself and for some sessions. */
const DESCRIPTORS = 100;
/** More than can be served. */
const CLIENTS = 60;

/** Each gets its program in the end, and leaves room for the next. */
async function serveAll(wires: readonly Wire[]): Promise<void> {
  await Promise.all(
    wires.map(async wire => {
      await wire.expect('ready', 40_000);
      wire.type('exit 7\r');
      await wire.untilClose();
      assert.equal(wire.error, undefined);
    }),
  );
}

describe('out of descriptors', LIMIT, () => {
  it('clients wait, are all served in the end, and others go on', async () => {
    await using server = await startObedient(['--log-format', 'json'], { descriptors: DESCRIPTORS });
    await using bystander = await Bystander.start(server);
    const wires = await Promise.all(Array.from({ length: CLIENTS }, () => Wire.connect(server.port, XTERM)));
    await server.waitForLog(/out of descriptors: clients wait/);
    const isServed = (wire: Wire): boolean => wire.data.bytes.includes('ready');
    const served = (): number => wires.filter(isServed).length;
    // Those who were let in get their programs.
    await untilTrue(() => served() > 3 && wires.every(wire => isServed(wire) === wire.raw.length > 0));
    assert(served() < CLIENTS / 2, `${served()} are served`);
    assert(openFds(server.pid).size < DESCRIPTORS, 'something is kept back');
    await bystander.progress();

    // While clients wait and nobody says anything, next to no CPU is used.
    await bystander.pause();
    const share = await shareOfSpinning(server.pid);
    assert(share < 0.4, `it uses ${share} of the CPU that a process that spins has beside it`);
    bystander.resume();

    // As each leaves, the next comes in.
    await serveAll(wires);
    await bystander.leave();
    await untilAllEnded(server);
    assert.equal(server.stderr.match(/out of descriptors/g)?.length, 1, 'and one line was enough');
  });

  it('a limit that is lowered meanwhile: who has a connection is told, who has none waits', async () => {
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

  it('a client for which there is no descriptor when it comes waits, and costs no CPU time', async () => {
    await using server = await startObedient();
    await using bystander = await Bystander.start(server);
    limitDescriptors(server.pid, 3);
    const wire = await Wire.connect(server.port, XTERM);
    await server.waitForLog(/out of descriptors: clients wait/);
    await bystander.progress();
    await bystander.pause();
    const share = await shareOfSpinning(server.pid);
    assert(share < 0.4, `it uses ${share} of the CPU that a process that spins has beside it`);
    bystander.resume();
    limitDescriptors(server.pid, 1_000);
    await serveAll([wire]);
    await bystander.leave();
  });

  it('with workers: none is given more than it can take, and clients wait for whoever can', async () => {
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

  it('a worker that has not even one for a client gives it back, and another serves it', async () => {
    await using server = await startObedient(['--workers', '2', '--max-sessions', '6']);
    const [short] = childrenOf(server.pid);
    const bystanders = await Promise.all([Bystander.start(server), Bystander.start(server)]);
    limitDescriptors(short!.pid, 3);
    const wires = await Promise.all(Array.from({ length: 4 }, () => told(server, 'exec cat')));
    assert.equal(childrenOf(short!.pid).length, 1, 'it has only its first');
    for (const bystander of bystanders) await bystander.progress();
    // No place is lost by what went to and fro.
    const refused = await Wire.connect(server.port, XTERM);
    await refused.expect('too many sessions');
    await refused.untilClose();
    limitDescriptors(short!.pid, 1_000);
    const leaving = wires.pop()!;
    const { localPort } = leaving.socket;
    await leaving.close();
    // Its program has been reaped before that, but its slot is free only now.
    await server.waitForLog(new RegExp(`session \\d+ ended: 127\\.0\\.0\\.1:${localPort} `));
    const more = await told(server, 'exec cat');
    for (const wire of [...wires, more]) await wire.close();
    for (const bystander of bystanders) await bystander.leave();
  });

  it('is foreseen at the start, in one line that says what to do', async () => {
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

/** Waits until the log has the end of every client's program. */
async function untilAllEnded(server: TestServer): Promise<void> {
  const ended = () => server.stderr.match(/"exit":7/g)?.length ?? 0;
  await untilTrue(
    () => ended() >= CLIENTS,
    10_000,
    () => `${ended()} of ${CLIENTS} had their program`,
  );
  assert.equal(ended(), CLIENTS);
}

function limitDescriptors(pid: number, count: number): void {
  const result = spawnSync('prlimit', ['--pid', String(pid), `--nofile=${count}:`], { encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
}
