/** A cgroup (version 2) of the test's own, where the system gives one. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mountOf } from '../../../src/pty/cgroup/place.ts';
import { atExit } from '../cleanup.ts';
import { isAlive, untilTrue } from '../leaks.ts';
import { PATIENCE_MS } from '../patience.ts';

/** Where version 2 is mounted. */
export const mount = mountOf(readFileSync('/proc/self/mountinfo', 'utf8'));

/** Removes a cgroup and those below it, with all that is in them. */
function remove(path: string): void {
  try {
    writeFileSync(join(path, 'cgroup.kill'), '1', { flag: 'r+' });
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) remove(join(path, entry.name));
    }
    rmdirSync(path);
  } catch {}
}

/** A new cgroup; `using` removes it. Nothing may be left in it then. */
export class TestCgroup implements Disposable {
  readonly path: string;
  readonly #forget: () => void;

  constructor() {
    this.path = mkdtempSync(join(mount!, 'test-'));
    this.#forget = atExit(() => remove(this.path));
  }

  /** The cgroups in it. */
  get leaves(): string[] {
    return cgroupsIn(this.path);
  }

  [Symbol.dispose](): void {
    rmdirSync(this.path);
    this.#forget();
  }
}

/** The cgroups in one. */
export function cgroupsIn(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(({ name }) => name);
}

/** Whether cgroups can be made here: on a machine, as root; not in most containers. */
export const canMake = ((): boolean => {
  if (mount === undefined) return false;
  const path = join(mount, `test-${process.pid}`);
  try {
    mkdirSync(path);
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
})();

/** Waits until none of these lives. A zombie counts as dead: init may reap its children late. */
export function assertDead(pids: readonly number[]): Promise<void> {
  return untilTrue(
    () => !pids.some(isAlive),
    PATIENCE_MS,
    () => `alive: ${pids.filter(isAlive).join(' ')}`,
  );
}
