/**
 * Peers that react to each of our commands with up to two of theirs, by a simulated clock: the engine and the pace of
 * its late answers together, as in a session. For any policy, such an exchange practically stops, and every request is
 * answered.
 */
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { connect } from '../../src/index.ts';
import { defineOption, type Side } from '../../src/protocol/index.ts';
import { LateAnswers } from '../../src/session/late-answers.ts';
import { Recorder } from '../protocol/support/recorder.ts';
import { Peer } from '../support/clients/peer.ts';
import type { Wire } from '../support/clients/test-client.ts';
import { assertNothingHeld } from '../support/leaks.ts';
import { Host } from '../support/servers/host.ts';

after(assertNothingHeld);

const KNOWN = 200;
const REFUSED = 201;
const UNKNOWN = 202;
const [WILL, WONT, DO, DONT] = [251, 252, 253, 254] as const;
const VERBS = [WILL, WONT, DO, DONT] as const;
const HOUR = 3_600_000;

type Policy = Readonly<Record<number, readonly number[]>>;
const answer = fc.array(fc.constantFrom(...VERBS), { maxLength: 2 });
const policies = fc.record({ [WILL]: answer, [WONT]: answer, [DO]: answer, [DONT]: answer });

/** A clock and its timers, in place of those of the process. */
class Clock {
  now = 1;
  readonly #timers = new Map<number, { at: number; run: () => void }>();
  #count = 0;

  constructor(t: TestContext) {
    t.mock.method(performance, 'now', () => this.now);
    t.mock.method(globalThis, 'setTimeout', (run: () => void, ms: number) => {
      this.#timers.set(++this.#count, { at: this.now + ms, run });
      return this.#count;
    });
  }

  /** Advances to the next timer and runs it; returns false if there is none up to `until`. */
  step(until: number): boolean {
    const [first] = [...this.#timers].sort(([, a], [, b]) => a.at - b.at);
    if (first === undefined || first[1].at > until) return false;
    this.#timers.delete(first[0]);
    this.now = Math.max(this.now, first[1].at);
    first[1].run();
    return true;
  }
}

interface Conditions {
  readonly code: number;
  readonly compatibility: 'strict' | 'tolerant';
  /** How long the peer takes to react, in milliseconds. */
  readonly lag: number;
  /** Whether the peer sends data before each reaction. */
  readonly isTalkative: boolean;
}

/** An exchange of two hours. Returns the number of our commands in each hour, and the last commands of both ends. */
function play(clock: Clock, peer: Policy, begin: number, { code, compatibility, lag, isTalkative }: Conditions) {
  let chunks = 0;
  const recorder: Recorder = new Recorder(
    [defineOption(KNOWN, { local: true, remote: true }), defineOption(REFUSED, {})],
    'key',
    undefined,
    compatibility,
    () => late.defer(),
    () => clock.now,
  );
  const late = new LateAnswers(
    () => recorder.telnet.sendDeferred(),
    () => chunks,
    () => recorder.telnet.lateRequests,
    clock.now,
  );
  const started = clock.now;
  const counts = [0, 0];
  const last = new Map<Side, { asked: boolean | undefined; said: boolean | undefined }>([
    ['local', { asked: undefined, said: undefined }],
    ['remote', { asked: undefined, said: undefined }],
  ]);
  const receive = (words: readonly number[]) => {
    chunks++;
    for (const verb of words)
      last.get(verb === WILL || verb === WONT ? 'remote' : 'local')!.asked = verb === WILL || verb === DO;
    recorder.telnet.receive(
      Uint8Array.from([...(isTalkative ? [65] : []), ...words.flatMap(verb => [255, verb, code])]),
    );
  };
  receive([begin]);
  while (clock.now < started + 2 * HOUR) {
    const said = [...recorder.sent()].filter((_, at) => at % 3 === 1);
    recorder.entries.length = 0;
    if (said.length === 0) {
      if (!clock.step(started + 2 * HOUR)) break;
      continue;
    }
    counts[clock.now < started + HOUR ? 0 : 1]! += said.length;
    for (const verb of said)
      last.get(verb === WILL || verb === WONT ? 'local' : 'remote')!.said = verb === WILL || verb === DO;
    const reaction = said.flatMap(verb => peer[verb]!);
    const at = clock.now + lag;
    while (clock.step(at));
    clock.now = at;
    if (reaction.length > 0) receive(reaction);
    if (counts[0]! > 600_000) break;
  }
  late.stop();
  return { counts, last, telnet: recorder.telnet };
}

for (const code of [KNOWN, REFUSED, UNKNOWN]) {
  for (const compatibility of ['strict', 'tolerant'] as const) {
    const name = { [KNOWN]: 'agreed', [REFUSED]: 'refused', [UNKNOWN]: 'unknown' }[code];
    test(`${compatibility}, an option that is ${name}: an exchange with a peer that sends up to two commands for each of ours stops`, t => {
      const clock = new Clock(t);
      fc.assert(
        fc.property(
          policies,
          fc.constantFrom(...VERBS),
          fc.constantFrom(0.02, 0.05),
          fc.boolean(),
          (peer, begin, lag, isTalkative) => {
            const { counts, last, telnet } = play(clock, peer, begin, { code, compatibility, lag, isTalkative });
            const text = JSON.stringify({ peer, begin, lag, isTalkative, counts });
            // A burst at the start, and a little for each doubling of the time.
            assert.ok(counts[0]! < 280_000, `commands in the first hour: ${text}`);
            assert.ok(counts[1]! <= 4 * 65, `commands in the second hour: ${text}`);
            if (counts[1]! > 0) return;
            for (const side of ['local', 'remote'] as const) {
              const { asked, said } = last.get(side)!;
              const isOn = telnet.isEnabled(code, side);
              // After the end of an exchange, both ends agree on the state.
              if (asked === true) assert.equal(said, isOn, `the last request is answered: ${text}`);
              else if (asked === false) assert.equal(isOn, false, text);
            }
          },
        ),
        { numRuns: 150 },
      );
    });
  }
}

test('a peer that asks again at each refusal of an unknown option is slowed down after some thousand commands', t => {
  const clock = new Clock(t);
  const peer = { [WILL]: [], [WONT]: [DO], [DO]: [], [DONT]: [WILL] };
  const { counts } = play(clock, peer, WILL, { code: UNKNOWN, compatibility: 'strict', lag: 0.05, isTalkative: false });
  assert.ok(counts[0]! > 500 && counts[0]! < 5_000, `${counts}`);
  assert.ok(counts[1]! <= 2, `${counts}`);
});

test('a peer that polls a refused option less often than four times per second is refused immediately each time', t => {
  const clock = new Clock(t);
  for (const code of [REFUSED, UNKNOWN]) {
    const recorder: Recorder = new Recorder([defineOption(REFUSED, {})], 'key', undefined, 'strict', () =>
      late.defer(),
    );
    const late = new LateAnswers(
      () => recorder.telnet.sendDeferred(),
      () => 0,
      () => recorder.telnet.lateRequests,
      clock.now,
    );
    for (let poll = 0; poll < 5_000; poll++) {
      clock.now += 260;
      recorder.telnet.receive(Uint8Array.of(255, DO, code));
      assert.deepEqual([...recorder.sent()], [255, WONT, code], `poll ${poll}`);
      recorder.entries.length = 0;
    }
    late.stop();
  }
});

/** Answers each refusal until none arrives for longer than the first window of late answers. Returns their number. */
async function refusals(wire: Wire, code: number, reaction: readonly number[]): Promise<number> {
  let seen = wire.events.length;
  let count = 0;
  for (;;) {
    const began = performance.now();
    await wire.until(() => wire.events.length > seen);
    const news = wire.events.slice(seen).filter(event => event.type === 'negotiate' && event.option === code);
    seen = wire.events.length;
    count += news.length;
    if (count > 4_000 && performance.now() - began > 400) return count;
    if (news.length > 0) wire.send(Buffer.concat(news.map(() => Buffer.from(reaction))));
  }
}

for (const reaction of [
  [255, WILL, UNKNOWN],
  [255, WILL, UNKNOWN, 255, WILL, UNKNOWN],
]) {
  const name = `${reaction.length / 3} for each refusal`;
  test(`a server, and a client that asks for an unknown option again, ${name}: it stops`, async () => {
    await using host = await Host.start({
      shell: async session => {
        session.write('ready');
        for await (const chunk of session) session.write(chunk);
      },
    });
    await using wire = await host.connect({ silent: true });
    await wire.expect('ready');
    wire.send(reaction);
    assert.ok((await refusals(wire, UNKNOWN, reaction)) < 270_000, 'it is bounded');
    wire.send('still here');
    await wire.expect('still here');
  });

  test(`a client, and a server that asks for an unknown option again, ${name}: it stops`, async () => {
    await using peer = await Peer.listen();
    const session = await connect({ port: peer.port });
    const wire = await peer.accept();
    wire.send(reaction);
    assert.ok((await refusals(wire, UNKNOWN, reaction)) < 270_000, 'it is bounded');
    wire.send('still here');
    await session.readUntil('still here');
    session.destroy();
  });
}
