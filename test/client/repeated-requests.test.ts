/**
 * Servers that request options again that are already enabled: games that restart on existing connections, and peers
 * that never stop.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../../src/index.ts';
import { Peer } from '../support/clients/peer.ts';
import { CMD, OPT, type Wire } from '../support/clients/test-client.ts';
import { assertNothingHeld } from '../support/leaks.ts';

after(assertNothingHeld);

const { WILL, WONT, DO, DONT } = CMD;
/** An unknown option: the client's answer to it shows that all before it has been read. */
const QUESTION = 200;

const count = (wire: Wire, command: number, option: number) =>
  wire.events.filter(event => event.type === 'negotiate' && event.command === command && event.option === option)
    .length;

const RESTARTS: Readonly<Record<string, (wire: Wire) => Promise<void>>> = {
  // The test is about elapsed time, so it cannot wait for an event.
  'after a while': () => delay(60),
  'behind text': wire => wire.sent('The game is back.\r\n'),
};

for (const [how, restart] of Object.entries(RESTARTS)) {
  test(`a game that restarts and asks again, ${how}, is answered each time`, async () => {
    await using peer = await Peer.listen();
    const session = await connect({ port: peer.port, terminal: { type: 'xterm', columns: 80, rows: 24 } });
    session.resume();
    const wire = await peer.accept();
    const requests = [
      [WILL, OPT.ECHO, DO],
      [WILL, OPT.SGA, DO],
      [DO, OPT.TTYPE, WILL],
      [DO, OPT.NAWS, WILL],
      [WILL, OPT.EOR, DO],
    ] as const;
    for (let time = 1; time <= 8; time++) {
      if (time > 1) await restart(wire);
      for (const [verb, option] of requests) wire.negotiate(verb, option);
      for (const [, option, answer] of requests) await wire.until(() => count(wire, answer, option) === time);
    }
    session.destroy();
  });
}

type Policy = (verb: number) => readonly number[];
const POLICIES: Readonly<Record<string, Policy>> = {
  'two positives to each of ours': () => [WILL, DO],
  'two of the same': verb => (verb === DO ? [WILL, WILL] : [DO, DO]),
  'an answer to each answer': verb => (verb === DO ? [WILL] : verb === WILL ? [DO] : []),
  'two positives to DO, one to WILL': verb => (verb === DO ? [WILL, DO] : verb === WILL ? [WILL] : []),
  'a mirror': verb => [verb],
};

for (const [name, policy] of Object.entries(POLICIES)) {
  test(`a server with ${name} stops`, async () => {
    await using peer = await Peer.listen();
    const session = await connect({ port: peer.port });
    session.resume();
    const wire = await peer.accept();
    let answered = 0;
    const said = () => wire.events.filter(event => event.type === 'negotiate' && event.option === OPT.SGA);
    const react = () => {
      for (const event of said().slice(answered)) {
        answered++;
        if (event.type !== 'negotiate') continue;
        for (const verb of policy(event.command)) wire.negotiate(verb, OPT.SGA);
      }
    };
    wire.socket.on('data', react);
    wire.negotiate(WILL, OPT.SGA);
    wire.negotiate(DO, OPT.SGA);
    // It has stopped when no negotiation took place between two questions.
    for (let round = 1, before = -1; before !== said().length; round++) {
      before = said().length;
      assert.ok(before < 100, `${before} without an end`);
      wire.negotiate(DO, QUESTION);
      await wire.until(() => count(wire, WONT, QUESTION) >= round);
    }
    wire.socket.off('data', react);
    wire.negotiate(WONT, OPT.SGA);
    await wire.until(() => count(wire, DONT, OPT.SGA) > 0);
    session.destroy();
  });
}
