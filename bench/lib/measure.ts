/** One test: its servers, started and stopped, and its rounds. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sample } from './load.ts';
import { stealSince, ticks } from './machine.ts';
import type { TestResult } from './report.ts';
import { type RunningServer, type ServerKind, startServer } from './servers.ts';
import { figure } from './statistics.ts';
import { remark, type Sizes, type Test } from './tests.ts';

const progress = (line: string): void => void process.stderr.write(`${line}\n`);

export interface Plan {
  readonly rounds: number;
  /** Whether a round that does not count comes first. */
  readonly warm: boolean;
  /**
   * A server that fails this often in one test is not tried again: every further failure would take its whole time
   * limit.
   */
  readonly failures: number;
  readonly sizes: Sizes;
}

/** The servers of one kind that run at once: one, except in tests of copies. */
type Group = readonly RunningServer[];

const stopAll = (group: Group): Promise<unknown> => Promise.all(group.map(server => server.stop()));

async function startGroup(kind: ServerKind, test: Test, sizes: Sizes): Promise<Group> {
  const group: RunningServer[] = [];
  try {
    for (let i = 0; i < (test.copies ?? 1); i++) {
      const core = test.copies === undefined ? undefined : i;
      const purpose = { program: test.program(sizes), binary: test.binary ?? false, path: test.path ?? 'plain' };
      group.push(await startServer(kind, purpose, core));
    }
  } catch (error) {
    await stopAll(group);
    throw error;
  }
  return group;
}

/** Measures a test on these servers, in interleaved rounds. */
export async function measure(test: Test, present: readonly ServerKind[], plan: Plan): Promise<TestResult> {
  const { rounds, warm, failures, sizes } = plan;
  const began = Date.now();
  const before = ticks();
  const runs = new Map<string, Sample[]>(present.map(({ name }) => [name, []]));
  const running = new Map<ServerKind, Group>();
  const start = async (kind: ServerKind) => {
    try {
      running.set(kind, await startGroup(kind, test, sizes));
    } catch (error) {
      runs.get(kind.name)!.push({ error: (error as Error).message });
    }
  };
  try {
    if (!test.fresh) for (const kind of present) await start(kind);
    for (let round = warm ? 0 : 1; round <= rounds; round++) {
      for (const kind of present) {
        const samples = runs.get(kind.name)!;
        if (samples.filter(isFailure).length >= failures) continue;
        if (test.fresh) await start(kind);
        const group = running.get(kind);
        if (group === undefined) continue;
        await sleep((test.uptime ?? 0) * 1000);
        const sample = await runGroup(test, group, sizes);
        // A failure while warming up is kept for its remark; round 0 is in no median.
        if (round > 0 || isFailure(sample)) samples.push({ ...sample, round });
        progress(`${test.name} ${round}/${rounds} ${kind.name}: ${summary(test, sample)}`);
        if (!test.fresh) continue;
        running.delete(kind);
        await stopAll(group);
      }
    }
  } finally {
    await Promise.all([...running.values()].map(stopAll));
  }
  return { test, runs, steal: stealSince(before), seconds: (Date.now() - began) / 1000 };
}

async function runGroup(test: Test, group: Group, sizes: Sizes): Promise<Sample> {
  if (!group.every(server => server.alive())) return { error: 'the server has died' };
  const samples = await Promise.all(group.map(server => test.run(server, sizes)));
  const odd = samples.find(isFailure) ?? samples.find(sample => remark(sample) !== undefined);
  if (samples.length === 1 || odd?.error !== undefined) return odd ?? samples[0]!;
  const sums = test.rows.map(({ key }) => [key, samples.reduce((sum, sample) => sum + Number(sample[key]), 0)]);
  return { ...(odd ?? samples[0]!), ...Object.fromEntries(sums) };
}

const isFailure = (sample: Sample): boolean => sample.error !== undefined || sample.complete === false;

function summary(test: Test, sample: Sample): string {
  const numbers = test.rows.map(({ key }) => `${key} ${typeof sample[key] === 'number' ? figure(sample[key]) : '–'}`);
  return [...(sample.error === undefined ? numbers : []), remark(sample)].filter(Boolean).join(', ');
}
