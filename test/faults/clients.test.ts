/** Clients that stop, vanish or break off anywhere: what they began is cleared away, and nobody else notices. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CMD, naws, OPT, subnegotiation, Wire } from '../support/clients/test-client.ts';
import { childrenOf, residentBytes, untilTrue } from '../support/leaks.ts';
import { Bystander, startObedient, told } from './support.ts';

const LIMIT = { timeout: 120_000 };
const STALLED = 200;
/** What a client that reads nothing may cost, in bytes: buffers of its session, and what V8 does not give back at once. */
const COST = 512 * 1024;

/** How long it takes until 64 KiB of a bystander have come back, in ms. */
async function time(bystander: Bystander): Promise<number> {
  const began = performance.now();
  await bystander.progress(64 * 1024);
  return performance.now() - began;
}

describe('clients that stop reading, by the hundred', LIMIT, () => {
  it('cost a bounded memory, and nobody else anything', async () => {
    await using server = await startObedient([]);
    await using bystander = await Bystander.start(server);
    const alone = Math.max(await time(bystander), await time(bystander), await time(bystander));
    const wires = await Promise.all(Array.from({ length: STALLED }, () => told(server, 'exec yes 0123456789')));
    const before = residentBytes(server.pid);
    for (const wire of wires) wire.pause();
    // All of them are stuck: what nobody takes is not made.
    await untilTrue(() => !childrenOf(server.pid).some(({ name, state }) => name === 'yes' && state === 'R'), 60_000);
    const now = Math.min(await time(bystander), await time(bystander), await time(bystander));
    assert(now < 5 * alone, `others are served as if they were alone: ${now} ms, and ${alone} ms alone`);
    const grown = residentBytes(server.pid) - before;
    assert(grown < STALLED * COST, `${Math.round(grown / STALLED)} bytes for each that stopped`);
    for (const wire of wires) wire.reset();
    await untilTrue(() => childrenOf(server.pid).length === 1);
    await bystander.leave();
  });
});

/** What a client says in a whole session: negotiation, a window, its environment, a command cut in parts, keys, a line, an end. */
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
/** Sessions at a time. */
const AT_ONCE = 12;

describe('a scripted session that breaks off behind every byte', LIMIT, () => {
  for (const how of ['reset', 'FIN', 'half-close'] as const) {
    it(`by ${how}`, async () => {
      // What a program does with the end of its input is its own affair: it is hung up.
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
    // The server has accepted it.
    await wire.until(() => wire.raw.length > 0);
    if (cut > 0) await wire.sent(SCRIPT.subarray(0, cut));
    if (how === 'reset') wire.reset();
    else if (how === 'FIN') wire.socket.destroy();
    else {
      wire.halfClose();
      await wire.untilEnd();
      assert.equal(wire.error, undefined, `behind byte ${cut}`);
      wire.socket.destroy();
    }
    await wire.untilClose();
  }
});

describe('a client that half-closes', LIMIT, () => {
  it('is given all that its program has to say, while others go on', async () => {
    await using server = await startObedient(['--linger', '2s']);
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
