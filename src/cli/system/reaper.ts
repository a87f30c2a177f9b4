/**
 * The duty of the first process of a container (pid 1): orphans become its children, and stay zombies until it reaps
 * them. A `waitpid(-1)` would take the exit statuses of sessions and of Node's child_process, so this lists the
 * zombies, and the addon reaps those that no other code waits for.
 */
import { readdir, readFile } from 'node:fs/promises';
import { addon } from '../../native/load.ts';

/**
 * The interval between two scans, in milliseconds. (SIGCHLD is not sent once for each child: pending ones are merged.)
 */
const PAUSE_MS = 1_000;

/** Reaps orphans from now on if this process has pid 1; else does nothing. */
export function reapOrphansAsInit(): void {
  if (process.pid !== 1 || process.platform !== 'linux') return;
  let looking = false;
  const look = async () => {
    if (looking) return;
    looking = true;
    addon().reapOrphans(Int32Array.from(await zombies()));
    looking = false;
  };
  setInterval(() => void look(), PAUSE_MS).unref();
}

/** The children of this process that have ended. */
async function zombies(): Promise<number[]> {
  const found: number[] = [];
  const names = await readdir('/proc').catch(() => []);
  for (const name of names.filter(each => /^\d+$/.test(each))) {
    const stat = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' && parent === '1') found.push(Number(name));
  }
  return found;
}
