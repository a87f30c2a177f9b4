/**
 * Clients that stop reading, vanish or disconnect at any byte: their sessions are cleaned up, other sessions
 * unaffected.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CMD, naws, OPT, subnegotiation, Wire } from '../support/clients/test-client.ts';
import { childrenOf, residentBytes, untilTrue } from '../support/leaks.ts';
import { Bystander, startObedient, told } from './support.ts';

const LIMIT = { timeout: 600_000 };
const STALLED = 200;
/**
 * Memory limit for a client that reads nothing, in bytes: the buffers of its session and memory that V8 frees later.
 */
const COST = 512 * 1024;

/** Measures the time until 64 KiB of a bystander have been echoed, in ms. */
async function time(bystander: Bystander): Promise<number> {
  const began = performance.now();
  await bystander.progress(64 * 1024);
  return performance.now() - began;
}

describe('hundreds of clients that stop reading', LIMIT, () => {
  it('use bounded memory and do not slow down other clients', async () => {
    await using server = await startObedient([]);
    await using bystander = await Bystander.start(server);
    const alone = Math.max(await time(bystander), await time(bystander), await time(bystander));
    const wires = await Promise.all(Array.from({ length: STALLED }, () => told(server, 'exec yes 0123456789')));
    const before = residentBytes(server.pid);
    for (const wire of wires) wire.pause();
    // All of them are blocked: a program does not run while its output is not read.
    await untilTrue(() => !childrenOf(server.pid).some(({ name, state }) => name === 'yes' && state === 'R'), 240_000);
    const now = Math.min(await time(bystander), await time(bystander), await time(bystander));
    assert(now < 5 * alone, `others must be served as before: ${now} ms, ${alone} ms without them`);
    const grown = residentBytes(server.pid) - before;
    assert(grown < STALLED * COST, `${Math.round(grown / STALLED)} bytes per stopped client`);
    for (const wire of wires) wire.reset();
    await untilTrue(() => childrenOf(server.pid).length === 1);
    await bystander.leave();
  });
});

/**
 * A whole session of a client: negotiation, window size, environment, a command in several pieces, keys, a line, the
 * end.
 */
const SCRIPT = Buffer.concat([
  Buffer.of(CMD.IAC, CMD.WILL, OPT.TTYPE, CMD.IAC, CMD.WILL, OPT.NAWS, CMD.IAC, CMD.WILL, OPT.NEW_ENVIRON),
  subnegotiation(OPT.TTYPE, [0, ...Buffer.from('xterm')]),
  naws(100, 30),
  subnegotiation(OPT.NEW_ENVIRON, [0, 0, ...Buffer.from('LANG'), 1, ...Buffer.from('C')]),
  subnegotiation(OPT.TTYPE, [0, ...Buffer.from('xterm')]),
  Buffer.of(CMD.IAC, CMD.DO, OPT.ECHO, CMD.IAC, CMD.DO, OPT.SGA),
  Buffer.from('echo out; read -r x; seq 1 3000\r\0'),
  Buffer.of(CMD.IAC, CMD.AYT, CMD.IAC, CMD.IAC),
  Buffer.from('a line\r\nexit\r\0'),
]);
/** Concurrent sessions. */
const AT_ONCE = 12;

describe('a scripted session that disconnects after every byte', LIMIT, () => {
  for (const how of ['reset', 'FIN', 'half-close'] as const) {
    it(`by ${how}`, async () => {
      // The program may ignore the end of its input, so it must be hung up.
      await using server = await startObedient(['--linger', '20ms', '--kill-timeout', '100ms']);
      await using bystander = await Bystander.start(server);
      const cuts = Array.from({ length: SCRIPT.length + 1 }, (_, at) => at);
      const visit = async (): Promise<void> => {
        for (let cut = cuts.pop(); cut !== undefined; cut = cuts.pop()) await breakOff(server.port, cut, how);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, visit));
      await untilTrue(() => childrenOf(server.pid).length === 1);
      await bystander.leave();
      assert.doesNotMatch(server.stderr, /unexpected|Error:/);
    });
  }

  async function breakOff(port: number, cut: number, how: 'reset' | 'FIN' | 'half-close'): Promise<void> {
    const wire = await Wire.connect(port, { silent: true, allowHalfOpen: how === 'half-close' });
    // The server has accepted the connection.
    await wire.until(() => wire.raw.length > 0);
    if (cut > 0) await wire.sent(SCRIPT.subarray(0, cut));
    if (how === 'reset') wire.reset();
    else if (how === 'FIN') wire.socket.destroy();
    else {
      wire.halfClose();
      await wire.untilEnd();
      assert.equal(wire.error, undefined, `after byte ${cut}`);
      wire.socket.destroy();
    }
    await wire.untilClose();
  }
});

describe('a client that half-closes', LIMIT, () => {
  it('receives all output of its program, and others continue', async () => {
    await using server = await startObedient(['--linger', '20s']);
    await using bystander = await Bystander.start(server);
    const open = () => told(server, 'head -c 10 >/dev/null; seq 1 5000', { allowHalfOpen: true });
    const wires = await Promise.all(Array.from({ length: 20 }, open));
    for (const wire of wires) {
      wire.type('some input');
      wire.halfClose();
    }
    for (const wire of wires) {
      await wire.expect('\n5000\n');
      await wire.untilEnd();
      assert.equal(wire.error, undefined);
      wire.socket.destroy();
    }
    await bystander.leave();
  });
});
