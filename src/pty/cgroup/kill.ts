/** The end of a cgroup: all that is in it, at once, and to know when that is done. */
import { type FSWatcher, watch } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long killed processes may take to vanish, in ms; only one stuck in the kernel takes longer. */
const PATIENCE = 2_000;
/** Where it takes more than one round, and where the system has no watcher left: between two looks, in ms. */
const LOOK = 20;
/** How many processes are signalled in one turn of the event loop, which this holds for less than a millisecond. */
const KILLED_IN_ONE_TURN = 256;

/**
 * Has the system keep what all watchers of a process share, a descriptor, which else the first of them makes: so that a
 * server holds after its first session what it held before.
 */
export function prepareWatch(path: string): void {
  try {
    watch(path).close();
  } catch {
    // Where nothing can be watched, it is looked at again and again instead.
  }
}

/** Kills until nobody is left in the cgroup at `path`, or below it; gives up on those that cannot die. Never rejects. */
export async function emptyCgroup(path: string): Promise<void> {
  const end = performance.now() + PATIENCE;
  for (let left = PATIENCE; left > 0 && (await isPopulated(path)); left = end - performance.now()) {
    if (await killWhole(path)) await whenEmpty(path, left);
    else {
      await killEach(path);
      await whenEmpty(path, LOOK);
    }
  }
}

/** Whether a process is in it or below it, zombies aside. One that is gone has none. */
async function isPopulated(path: string): Promise<boolean> {
  const events = await readFile(join(path, 'cgroup.events'), 'utf8').catch(() => '');
  return /^populated 1$/m.test(events);
}

/** Waits until nobody is left in it, but no longer than `patience`. The kernel tells; it is not asked again and again. */
function whenEmpty(path: string, patience: number): Promise<void> {
  return new Promise(resolve => {
    let watcher: FSWatcher | undefined;
    let looks: NodeJS.Timeout | undefined;
    const done = () => {
      clearTimeout(timer);
      clearInterval(looks);
      watcher?.close();
      resolve();
    };
    const look = () => void isPopulated(path).then(populated => populated || done());
    const timer = setTimeout(done, patience);
    const poll = () => {
      looks ??= setInterval(look, LOOK);
    };
    try {
      watcher = watch(join(path, 'cgroup.events'), look).on('error', poll);
    } catch {
      // The system has a number of watchers, and all may be taken.
      poll();
    }
    look();
  });
}

/** By the kernel, which misses nobody, whoever forks meanwhile. False where it cannot (before Linux 5.14). */
function killWhole(path: string): Promise<boolean> {
  return writeFile(join(path, 'cgroup.kill'), '1', { flag: 'r+' }).then(
    () => true,
    () => false,
  );
}

/**
 * One after the other; frozen, so that nobody forks meanwhile (from Linux 5.2), and those that are killed go all the same.
 *
 * @internal Exported for tests: where there is a `cgroup.kill` this is not needed.
 */
export async function killEach(path: string): Promise<void> {
  await writeFile(join(path, 'cgroup.freeze'), '1', { flag: 'r+' }).catch(() => {});
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await killEach(join(path, entry.name));
  const members = await readFile(join(path, 'cgroup.procs'), 'utf8').catch(() => '');
  for (const [index, pid] of members.split('\n').map(Number).entries()) {
    if (index > 0 && index % KILLED_IN_ONE_TURN === 0) await nextTurn();
    // 0 is one that cannot be seen from here; to `kill` it would be ourselves.
    if (pid > 1 && pid !== process.pid) tryKill(pid);
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already; whether anybody is left is looked at afterwards.
  }
}
