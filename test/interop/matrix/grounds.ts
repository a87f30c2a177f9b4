/** Servers of the matrix: started for the first visitor, shared by all tests of a file, and stopped at its end. */
import { after } from 'node:test';
import { preparePty } from '../../../src/pty/index.ts';
import { assertNoLeaks, holdings } from '../../support/leaks.ts';

export interface Ground extends AsyncDisposable {
  readonly port: number;
}

preparePty();
const before = holdings(process.pid);
const grounds = new Map<string, Promise<Ground>>();
after(async () => {
  // An error of one must not leave the others running.
  const ends = await Promise.allSettled(
    [...grounds.values()].map(async ground => (await ground)[Symbol.asyncDispose]()),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  await assertNoLeaks(process.pid, before);
});

export function shared<T extends Ground>(name: string, start: () => Promise<T>): Promise<T> {
  let ground = grounds.get(name) as Promise<T> | undefined;
  if (ground === undefined) {
    ground = start();
    grounds.set(name, ground);
  }
  return ground;
}
