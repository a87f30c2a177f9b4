import { type Outcome, outcomes } from './outcomes.ts';

// The script of the page. It sends its results back to the test.

async function run(): Promise<Outcome[]> {
  // The globals of Node must not be available, otherwise the test would prove nothing.
  if ('process' in globalThis || 'Buffer' in globalThis) throw new Error('this is not a browser');
  const vectors = (await (await fetch('/vectors.json')).json()) as [string, string][];
  return outcomes(vectors);
}

const report = await run().then(
  outcomes => ({ outcomes }),
  error => ({ error: String(error?.stack ?? error) }),
);
await fetch('/report', { method: 'POST', body: JSON.stringify(report) });
