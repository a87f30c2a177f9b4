/**
 * Cgroups (version 2): one for each program, with limits, and killed as a whole. Processes cannot leave it by `setsid`
 * or by forking twice, as they leave a session. Leaving it needs write access to the cgroup's files, which programs of
 * other users than the server's do not have.
 */
import { rmdirSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TelptyError } from '../../errors.ts';
import { emptyCgroup, prepareWatch } from './kill.ts';
import { type CgroupLimits, limitFiles } from './limits.ts';
import { isOrphan, leafName } from './names.ts';
import { prepareCgroup, reason } from './place.ts';

/** The result of a cgroup's end. */
export interface CgroupEnd {
  /** Processes that the kernel killed because the cgroup had no memory left. */
  readonly outOfMemory: number;
}

/** Cgroups that are not removed yet. */
const open = new Set<string>();
let atExit = false;

/**
 * process.exit() and uncaught errors do not wait for promises. Cgroups that cannot be removed then are removed at the
 * next start.
 */
function killAtExit(): void {
  if (atExit) return;
  atExit = true;
  process.once('exit', () => {
    for (const path of open) {
      try {
        writeFileSync(join(path, 'cgroup.kill'), '1', { flag: 'r+' });
        rmdirSync(path);
      } catch {
        // Go on with the others.
      }
    }
  });
}

/** The cgroup of one program. */
export class Cgroup {
  /** The absolute path: `cgroup` of {@link PtyOptions}. */
  readonly path: string;
  #end: Promise<CgroupEnd> | undefined;

  /** @internal See {@link Cgroups.create}. */
  constructor(path: string) {
    this.path = path;
    open.add(path);
  }

  /**
   * Kills all processes in it and removes it. Never rejects: a cgroup that cannot be removed now, because a process is
   * stuck in the kernel, is removed by the next {@link Cgroups.create}, or at the next start of a server.
   */
  end(): Promise<CgroupEnd> {
    this.#end ??= this.#kill();
    return this.#end;
  }

  async #kill(): Promise<CgroupEnd> {
    await emptyCgroup(this.path);
    const events = await readFile(join(this.path, 'memory.events'), 'utf8').catch(() => '');
    const outOfMemory = Number(/^oom_kill (\d+)$/m.exec(events)?.[1] ?? 0);
    if (await remove(this.path)) open.delete(this.path);
    else stuck.add(this.path);
    return { outOfMemory };
  }
}

const stuck = new Set<string>();

/** A cgroup in which each program gets its own: the value of `cgroup` of `ptyShell`. */
export class Cgroups {
  /** The absolute path. */
  readonly path: string;
  readonly #files: readonly (readonly [file: string, text: string])[];

  /** @param path the result of `prepareCgroup`, in this process or another. */
  constructor(path: string, limits: CgroupLimits = {}) {
    this.path = path;
    this.#files = limitFiles(limits);
    prepareWatch(path);
    killAtExit();
  }

  /**
   * Creates a cgroup with the limits.
   *
   * @param session part of its name; a number is added if the name exists.
   * @throws (rejects) TelptyError `ERR_CGROUP`.
   */
  async create(session: string | number): Promise<Cgroup> {
    for (const path of stuck) {
      if (!(await remove(path))) continue;
      stuck.delete(path);
      open.delete(path);
    }
    let cgroup: Cgroup | undefined;
    try {
      cgroup = new Cgroup(await this.#make(leafName(session)));
      for (const [file, text] of this.#files) await writeFile(join(cgroup.path, file), text, { flag: 'r+' });
      return cgroup;
    } catch (error) {
      await cgroup?.end();
      const { code = '' } = error as NodeJS.ErrnoException;
      throw new TelptyError('ERR_CGROUP', `cannot make a cgroup: ${reason(error)}`, {
        ...{ cause: error, systemCode: code, file: this.path },
      });
    }
  }

  async #make(name: string): Promise<string> {
    for (let number = 1; ; number++) {
      const path = join(this.path, number === 1 ? name : `${name}.${number}`);
      try {
        await mkdir(path);
        return path;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }
}

/**
 * Finds or creates a cgroup and prepares it for cgroups of programs. Cgroups that servers left in it when they ended
 * are removed, with all their processes.
 *
 * @param path relative to the mount point of cgroups, or absolute; `self` is the server's own. Several servers may
 *   share it, but nothing else may use it.
 * @param limits the limits of each program.
 * @throws TelptyError `ERR_CGROUP`: cgroups are not available here or cannot be delegated, or a controller is missing;
 *   the message says what to do. `ERR_INVALID_ARGUMENT` for invalid limits.
 */
export function openCgroups(path: string, limits: CgroupLimits = {}): Cgroups {
  const cgroups = new Cgroups(prepareCgroup(path, limits), limits);
  void removeOrphans(cgroups.path);
  return cgroups;
}

/** Kills and removes the cgroups that servers left in `path` when they ended. Never rejects. */
export async function removeOrphans(path: string): Promise<void> {
  const names = await readdir(path).catch(() => []);
  await Promise.all(
    names
      .filter(name => isOrphan(path, name))
      .map(async name => {
        await emptyCgroup(join(path, name));
        await remove(join(path, name));
      }),
  );
}

/**
 * Removes a cgroup and those below it, which a program of the server's own user can create. Returns whether it is gone.
 */
async function remove(path: string): Promise<boolean> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await remove(join(path, entry.name));
  return rmdir(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  );
}
