/**
 * The cgroup (version 2) in which the cgroups of sessions are created. It is checked once, when a server starts, so
 * that errors are reported then, with what to do, and not to each client.
 *
 * The rules are those of cgroups(7): a controller works in a cgroup only if the one above enables it
 * (`cgroup.subtree_control`), and a cgroup that enables controllers for its children may not have processes itself.
 */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { TelptyError } from '../../errors.ts';
import { type CgroupLimits, controllersOf, limitFiles } from './limits.ts';
import { leafName } from './names.ts';

/** The type of `statfs` for version 2. */
const CGROUP2_MAGIC = 0x63677270;

/** The cgroup that a server moves to if it must not be in `directory` itself: see {@link moveServerOut}. */
const SERVER = 'telpty-server';

function fail(message: string, file: string, cause?: unknown): TelptyError {
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  return new TelptyError('ERR_CGROUP', message, { file, cause, ...(code === undefined ? {} : { systemCode: code }) });
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'it is mounted read-only',
  EINVAL: 'the kernel rejected the value',
  ERANGE: 'the kernel rejected the value',
  ENOENT: 'the file does not exist',
  EAGAIN: 'the number of cgroups is limited (cgroup.max.descendants)',
};

/** The reason for a failed operation on a cgroup, as text. */
export function reason(error: unknown): string {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException;
  return REASONS[code] ?? code;
}

const DELEGATE_HINT = 'in a systemd unit set Delegate=yes and use --cgroup self';

/** The mount point of version 2, according to `/proc/self/mountinfo`. */
export function mountOf(mountinfo: string): string | undefined {
  const mounts = mountinfo
    .split('\n')
    .filter(line => line.includes(' - cgroup2 '))
    .map(line =>
      (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8))),
    );
  return ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find(usual => mounts.includes(usual)) ?? mounts[0];
}

/** The cgroup that this process is in, or was started in; undefined if it is not visible here. */
function ownCgroup(mount: string): string | undefined {
  const path = /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
  if (path === undefined || path.startsWith('/..')) return undefined;
  // moveServerOut() has moved the server before.
  return resolve(mount, `.${basename(path) === SERVER ? dirname(path) : path}`);
}

function isCgroup(directory: string): boolean {
  try {
    return statfsSync(directory).type === CGROUP2_MAGIC;
  } catch {
    return false;
  }
}

function words(directory: string, name: string): string[] {
  const file = join(directory, name);
  try {
    return readFileSync(file, 'utf8').split(/\s+/);
  } catch (error) {
    throw fail(`cannot read ${file}: ${reason(error)} (${DELEGATE_HINT})`, directory, error);
  }
}

/**
 * Prepares the cgroup `directory` for cgroups of sessions with these limits.
 *
 * @param path relative to the mount point of cgroups, or absolute; created if it is missing. `self`: the server's own;
 *   if necessary, the server then moves to a cgroup below it.
 * @returns its absolute path.
 * @throws TelptyError `ERR_CGROUP`, with what to do, in one line; `ERR_INVALID_ARGUMENT` for invalid limits.
 */
export function prepareCgroup(path: string, limits: CgroupLimits): string {
  const files = limitFiles(limits);
  if (process.platform !== 'linux') throw fail('cgroups are supported on Linux only', path);
  const mount = mountOf(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (mount === undefined) throw fail('cgroup version 2 is not mounted (mount -t cgroup2 none /sys/fs/cgroup)', path);
  const own = ownCgroup(mount);
  if (path === 'self' && own === undefined)
    throw fail("the server's own cgroup is not visible in this container", path);
  const directory = path === 'self' ? own! : resolve(mount, path);
  find(directory, mount);
  const needed = controllersOf(files);
  if (needed.length > 0) enable(directory, needed, mount, own);
  tryLeaf(directory, files);
  if (own !== undefined) checkAncestor(directory, own);
  return directory;
}

function find(directory: string, mount: string): void {
  if (isCgroup(directory)) return;
  if (!isCgroup(dirname(directory))) {
    throw fail(`${directory} is not in a cgroup of version 2 (one is relative to ${mount}, or 'self')`, directory);
  }
  try {
    mkdirSync(directory);
  } catch (error) {
    throw fail(`cannot make ${directory}: ${reason(error)} (${DELEGATE_HINT})`, directory, error);
  }
}

/** Makes `directory` enable the controllers for its children. Exported for tests. */
export function enable(directory: string, needed: readonly string[], mount: string, own: string | undefined): void {
  const has = words(directory, 'cgroup.controllers');
  const missing = needed.filter(name => !has.includes(name));
  if (missing.length > 0) {
    const none = missing.filter(name => !words(mount, 'cgroup.controllers').includes(name));
    const list = missing.join(' and ');
    throw fail(
      none.length > 0
        ? `${mount} has no controller for ${none.join(' and ')}: version 1 has it (boot with cgroup_no_v1=all), or the container was given none`
        : `${directory} has no controller for ${list}: echo ${missing.map(name => `+${name}`).join(' ')} > ${join(dirname(directory), 'cgroup.subtree_control')} (${DELEGATE_HINT})`,
      directory,
    );
  }
  moveServerOut(directory, own);
  const on = words(directory, 'cgroup.subtree_control');
  const change = needed
    .filter(name => !on.includes(name))
    .map(name => `+${name}`)
    .join(' ');
  if (change === '') return;
  const file = join(directory, 'cgroup.subtree_control');
  try {
    writeFileSync(file, change);
  } catch (error) {
    const why = `${reason(error)} (echo ${change} > ${file}; ${DELEGATE_HINT})`;
    throw fail(`cannot enable controllers in ${directory}: ${why}`, directory, error);
  }
}

/**
 * Moves this server out of the cgroup if it is in it, and fails if other processes are in it. If a cgroup has
 * processes, the kernel refuses to enable some controllers; for others it succeeds, but no process can then enter the
 * cgroups below. The root cgroup is exempt, and has no type.
 */
function moveServerOut(directory: string, own: string | undefined): void {
  if (!existsSync(join(directory, 'cgroup.type'))) return;
  if (own === directory) {
    // systemd starts a service in the cgroup that it delegates to it.
    try {
      mkdirSync(join(directory, SERVER), { recursive: true });
      writeFileSync(join(directory, SERVER, 'cgroup.procs'), '0');
    } catch (error) {
      throw fail(
        `cannot move the server's processes within ${directory}: ${reason(error)} (${DELEGATE_HINT})`,
        directory,
        error,
      );
    }
  }
  if (words(directory, 'cgroup.procs').some(Boolean)) {
    const message = `there are processes in ${directory}: name an empty cgroup, for example one below it`;
    throw fail(message, directory, { code: 'EBUSY' });
  }
}

/** Creates a cgroup like those of sessions, as a test. */
function tryLeaf(directory: string, files: readonly (readonly [string, string])[]): void {
  const leaf = join(directory, `${leafName('0')}.try`);
  try {
    mkdirSync(leaf);
  } catch (error) {
    throw fail(`cannot make cgroups below ${directory}: ${reason(error)} (${DELEGATE_HINT})`, directory, error);
  }
  try {
    for (const [file, text] of files) {
      try {
        writeFileSync(join(leaf, file), text, { flag: 'r+' });
      } catch (error) {
        throw fail(`cannot set ${file} to ${text}: ${reason(error)}`, directory, error);
      }
    }
  } finally {
    rmdirSync(leaf);
  }
}

/** Moving a process needs write access to the nearest common ancestor of both cgroups. */
function checkAncestor(directory: string, own: string): void {
  const here = own.split('/');
  const there = directory.split('/');
  const apart = there.findIndex((name, index) => name !== here[index]);
  const above = apart < 0 ? directory : there.slice(0, apart).join('/');
  const file = join(above, 'cgroup.procs');
  try {
    accessSync(file, constants.W_OK);
  } catch (error) {
    throw fail(
      `cannot move programs from ${own} to ${directory}: ${file}: ${reason(error)} (${DELEGATE_HINT})`,
      directory,
      error,
    );
  }
}
