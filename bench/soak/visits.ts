/** What the clients of a soak do: each visit is one session, from its beginning to its end. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { mutate } from '../../fuzz/lib/mutate.ts';
import type { Random } from '../../fuzz/lib/random.ts';
import { told } from '../../test/faults/support.ts';
import { vectorFiles } from '../../test/protocol/support/vector-files.ts';
import { parseVectors, vectorInput } from '../../test/protocol/support/vectors.ts';
import { Wire } from '../../test/support/clients/test-client.ts';

export interface Place {
  readonly port: number;
}
export type Visit = (place: Place, random: Random) => Promise<void>;

/** All waits; the machine is busy. */
const PATIENCE = 60_000;
const seeds = vectorFiles()
  .flatMap(([, source]) => parseVectors(source))
  .map(vectorInput);

async function withSession(place: Place, command: string, visit: (wire: Wire) => Promise<void>): Promise<void> {
  await using wire = await told(place, command, {}, PATIENCE);
  await visit(wire);
}

/** By name, as they are counted. */
export const VISITS: Readonly<Record<string, Visit>> = {
  short: (place, random) =>
    withSession(place, 'read -r line; echo "read $line"; exit 3', async wire => {
      wire.type(`line ${random.below(1_000)}\n`);
      await wire.expect(/read line \d+\n/, PATIENCE);
      await wire.untilClose(PATIENCE);
      assert.equal(wire.error, undefined);
    }),
  flood: (place, random) => {
    const lines = 1_000 + random.below(40_000);
    return withSession(place, `seq 1 ${lines}; echo over`, async wire => {
      await wire.expect(`\n${lines}\nover\n`, PATIENCE);
      await wire.untilClose(PATIENCE);
    });
  },
  paste: (place, random) => {
    const bytes = Buffer.alloc(1_000 + random.below(100_000), 'pasted ');
    return withSession(place, `head -c ${bytes.length} | cksum; echo over`, async wire => {
      wire.type(bytes);
      await wire.expect(/\d+ \d+\nover\n/, PATIENCE);
      await wire.untilClose(PATIENCE);
    });
  },
  resize: (place, random) =>
    withSession(place, 'trap "stty size" WINCH; echo up; while :; do sleep 0.02; done', async wire => {
      await wire.expect('up', PATIENCE);
      for (let turn = 0; turn < 200; turn++) wire.resize(20 + random.below(200), 10 + random.below(90));
      wire.resize(123, 45);
      await wire.expect('45 123', PATIENCE);
    }),
  garbage: async (place, random) => {
    await using wire = await Wire.connect(place.port, { silent: random.below(2) === 0 });
    for (let turn = 1 + random.below(5); turn > 0 && !wire.closed; turn--) {
      wire.send(mutate(random.of(seeds), seeds, random, 4_096));
      await sleep(random.below(20));
    }
    if (random.below(2) === 0) wire.reset();
  },
  stall: (place, random) =>
    withSession(place, 'exec yes stalled', async wire => {
      wire.pause();
      await sleep(100 + random.below(400));
      if (random.below(2) === 0) wire.reset();
      else wire.resume();
    }),
  reset: async (place, random) => {
    await using wire = await Wire.connect(place.port, { ttype: ['xterm'], size: [80, 24] });
    await sleep(random.below(60));
    wire.reset();
  },
};
