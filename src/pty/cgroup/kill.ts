/** Kills all processes of a cgroup and waits for their end. */
import { type FSWatcher, watch } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Time limit for killed processes to end, in ms; only one that is stuck in the kernel takes longer. */
const MAX_WAIT_MS = 2_000;
/** Interval between two checks, in ms, if one round is not enough, and if the system has no watcher left. */
const LOOK = 20;
/** The number of processes to signal in one turn of the event loop, in less than a millisecond. */
const KILLED_IN_ONE_TURN = 256;

/**
 * Creates the descriptor that all watchers of a process share, and that otherwise the first watcher creates: so a
 * server has as many descriptors after its first session as before.
 */
export function prepareWatch(path: string): void {
  try {
    watch(path).close();
  } catch {
    // Without a watcher, whenEmpty() polls.
  }
}

/**
 * Kills until the cgroup at `path`, and those below it, have no process; gives up on processes that cannot die. Never
 * rejects.
 */
export async function emptyCgroup(path: string): Promise<void> {
  const end = performance.now() + MAX_WAIT_MS;
  for (let left = MAX_WAIT_MS; left > 0 && (await isPopulated(path)); left = end - performance.now()) {
    if (await killWhole(path)) await whenEmpty(path, left);
    else {
      await killEach(path);
      await whenEmpty(path, LOOK);
    }
  }
}

/** Whether a process other than zombies is in it or below it. False if the cgroup does not exist. */
async function isPopulated(path: string): Promise<boolean> {
  const events = await readFile(join(path, 'cgroup.events'), 'utf8').catch(() => '');
  return /^populated 1$/m.test(events);
}

/** Waits until it has no process, at most `timeoutMs` ms. The kernel reports it, so this does not poll. */
function whenEmpty(path: string, timeoutMs: number): Promise<void> {
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
    const timer = setTimeout(done, timeoutMs);
    const poll = () => {
      looks ??= setInterval(look, LOOK);
    };
    try {
      watcher = watch(join(path, 'cgroup.events'), look).on('error', poll);
    } catch {
      // The system's limit of watchers is reached.
      poll();
    }
    look();
  });
}

/** Makes the kernel kill all, including processes that fork meanwhile. False if it cannot (before Linux 5.14). */
function killWhole(path: string): Promise<boolean> {
  return writeFile(join(path, 'cgroup.kill'), '1', { flag: 'r+' }).then(
    () => true,
    () => false,
  );
}

/**
 * Kills one process after the other. The cgroup is frozen meanwhile, so that none forks (from Linux 5.2); SIGKILL also
 * ends frozen processes.
 *
 * @internal Exported for tests: with `cgroup.kill` this is not needed.
 */
export async function killEach(path: string): Promise<void> {
  await writeFile(join(path, 'cgroup.freeze'), '1', { flag: 'r+' }).catch(() => {});
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await killEach(join(path, entry.name));
  const members = await readFile(join(path, 'cgroup.procs'), 'utf8').catch(() => '');
  for (const [index, pid] of members.split('\n').map(Number).entries()) {
    if (index > 0 && index % KILLED_IN_ONE_TURN === 0) await nextTurn();
    // 0 is a process of another pid namespace; kill(0) would signal our own process group.
    if (pid > 1 && pid !== process.pid) tryKill(pid);
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already; the caller checks what is left.
  }
}
