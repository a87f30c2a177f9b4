import { type Outcome, outcomes } from './outcomes.ts';

// The page's script: what it has to tell goes back to the test.

async function run(): Promise<Outcome[]> {
  // Nothing of Node may be had in here, or the test would show nothing.
  if ('process' in globalThis || 'Buffer' in globalThis) throw new Error('this is no browser');
  const vectors = (await (await fetch('/vectors.json')).json()) as [string, string][];
  return outcomes(vectors);
}

const report = await run().then(
  outcomes => ({ outcomes }),
  error => ({ error: String(error?.stack ?? error) }),
);
await fetch('/report', { method: 'POST', body: JSON.stringify(report) });
