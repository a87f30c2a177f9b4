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
  /** Processes that the kernel killed because there was no memory left for the cgroup. */
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
  /** Where it is, absolute: `cgroup` of {@link PtyOptions}. */
  readonly path: string;
  #end: Promise<CgroupEnd> | undefined;

  /** @internal See {@link Cgroups.create}. */
  constructor(path: string) {
    this.path = path;
    open.add(path);
  }

  /**
   * Kills all that is in it and removes it. Never rejects: a cgroup that cannot be removed now, because a process is
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
  /** Absolute. */
  readonly path: string;
  readonly #files: readonly (readonly [file: string, text: string])[];

  /** @param path what `prepareCgroup` has returned, in this process or another. */
  constructor(path: string, limits: CgroupLimits = {}) {
    this.path = path;
    this.#files = limitFiles(limits);
    prepareWatch(path);
    killAtExit();
  }

  /**
   * Makes a cgroup with the limits.
   *
   * @param session part of its name; a number is added if the name is taken.
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
 * Finds or creates a cgroup, prepares it for cgroups of programs, and removes those that servers have left in it that
 * do not run any more, with all their processes.
 *
 * @param path relative to where cgroups are mounted, or absolute; `self` is the server's own. Several servers may share
 *   it; nothing else may use it.
 * @param limits of each program's.
 * @throws TelptyError `ERR_CGROUP`: no cgroups here, none that may be shared out, a controller that is missing; the
 *   message says what to do. `ERR_INVALID_ARGUMENT` for invalid limits.
 */
export function openCgroups(path: string, limits: CgroupLimits = {}): Cgroups {
  const cgroups = new Cgroups(prepareCgroup(path, limits), limits);
  void removeOrphans(cgroups.path);
  return cgroups;
}

/** Kills and removes what servers that do not run any more have left in a cgroup. Never rejects. */
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

/** Removes a cgroup and what is below it (a program of the server's own user can make some). Whether it is gone. */
async function remove(path: string): Promise<boolean> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await remove(join(path, entry.name));
  return rmdir(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  );
}
