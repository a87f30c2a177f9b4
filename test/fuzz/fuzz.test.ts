/** The fuzzer, shortly: the same inputs each time. `npm run fuzz` goes on from here. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { campaign, TARGETS } from '../../fuzz/lib/campaign.ts';
import { readFound } from '../../fuzz/lib/found.ts';
import { nameOf } from '../../fuzz/lib/fuzzer.ts';
import type { Target } from '../../fuzz/lib/target.ts';

/** The seeds included; a second or two each. */
const RUNS = { engine: 1_200, session: 500, text: 5_000 } as const;
const LIMIT = { timeout: 600_000 };

describe('the fuzzer', LIMIT, () => {
  for (const target of TARGETS) {
    it(`finds nothing in the first inputs for ${target}`, async () => {
      const { report } = await campaign({ target, seed: 1, bounds: { runs: RUNS[target] } });
      assert.deepEqual(
        report.failures.map(({ input, stack }) => `${Buffer.from(input).toString('hex')}\n${stack}`),
        [],
      );
      assert(report.runs >= RUNS[target]);
      assert(report.reached > 300, `no way was new: ${report.reached} counters`);
    });
  }

  it('notices what fails, and makes it small', async () => {
    const { Fuzzer } = await import('../../fuzz/lib/fuzzer.ts');
    const target: Target = {
      name: 'planted',
      longest: 64,
      seeds: () => [],
      run: input => assert(!Buffer.from(input).includes(Buffer.of(255, 250)), 'planted'),
    };
    const fuzzer = new Fuzzer(target, 1);
    await fuzzer.run([Uint8Array.from([1, 2, 3, 255, 250, 4, 5]), Uint8Array.of(7)], { runs: 200 });
    assert.deepEqual(
      fuzzer.failures.map(({ input }) => [...input]),
      [[255, 250]],
    );
    assert.equal(nameOf(Uint8Array.of(255, 250)).length, 12);
  });
});

const modules: Readonly<Record<string, () => Promise<{ target: Target }>>> = {
  engine: () => import('../../fuzz/targets/engine.ts'),
  session: () => import('../../fuzz/targets/session.ts'),
  text: () => import('../../fuzz/targets/text.ts'),
};

describe('what the fuzzer once found', LIMIT, () => {
  it('does not fail again', async () => {
    for (const { file, target, input } of readFound()) {
      const { target: tested } = await modules[target]!();
      await assert.doesNotReject(async () => tested.run(input), file);
    }
  });
});
