/**
 * Where the cgroups of sessions go: a cgroup (version 2) of the operator's, looked at once, when a server starts, so that
 * what is missing is told then, with what to do about it, and not to each client.
 *
 * The rules behind it are those of cgroups(7): a controller works in a cgroup only where the one above passes it on
 * (`cgroup.subtree_control`), and who passes on may have no processes of its own.
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

/** What `statfs` says of version 2. */
const CGROUP2_MAGIC = 0x63677270;

/** Where a server goes that is in the way of its own programs: see {@link makeWay}. */
const SERVER = 'telpty-server';

function fail(message: string, file: string, cause?: unknown): TelptyError {
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  return new TelptyError('ERR_CGROUP', message, { file, cause, ...(code === undefined ? {} : { errno: code }) });
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'it is mounted read-only',
  EINVAL: 'the kernel does not take that',
  ERANGE: 'the kernel does not take that',
  ENOENT: 'there is no such file',
  EAGAIN: 'no more are allowed there (cgroup.max.descendants)',
};

/** Why something about a cgroup failed, in words. */
export function reason(error: unknown): string {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException;
  return REASONS[code] ?? code;
}

const DELEGATE_HINT = 'a systemd unit says Delegate=yes, and then --cgroup self';

/** The place where version 2 is mounted, by `/proc/self/mountinfo`. */
export function mountOf(mountinfo: string): string | undefined {
  const mounts = mountinfo
    .split('\n')
    .filter(line => line.includes(' - cgroup2 '))
    .map(line =>
      (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8))),
    );
  return ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find(usual => mounts.includes(usual)) ?? mounts[0];
}

/** The cgroup that this process is in, or was started in; undefined where it is out of sight. */
function ownCgroup(mount: string): string | undefined {
  const path = /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
  if (path === undefined || path.startsWith('/..')) return undefined;
  // Made way for programs before.
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
 * Sees to it that the cgroup `directory` can be shared out among sessions with these limits.
 *
 * @param path relative to where cgroups are mounted, or absolute; made if it is missing. `self`: the server's own, which
 *   then goes into a cgroup below it, if it has to.
 * @returns its absolute path.
 * @throws TelptyError `ERR_CGROUP`, with what to do, in one line; `ERR_INVALID_ARGUMENT` for limits that cannot be meant.
 */
export function prepareCgroup(path: string, limits: CgroupLimits): string {
  const files = limitFiles(limits);
  if (process.platform !== 'linux') throw fail('only Linux has cgroups', path);
  const mount = mountOf(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (mount === undefined) throw fail('cgroup version 2 is not mounted (mount -t cgroup2 none /sys/fs/cgroup)', path);
  const own = ownCgroup(mount);
  if (path === 'self' && own === undefined)
    throw fail("the server's own cgroup is out of sight in this container", path);
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

/** Has `directory` pass the controllers on. Exported for tests. */
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
  makeWay(directory, own);
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
    throw fail(`cannot share out ${directory}: ${why}`, directory, error);
  }
}

/**
 * Sees to it that nobody is in the cgroup itself. The kernel refuses some controllers then; with others it lets cgroups be made
 * that no process can enter. The topmost is exempt from the rule, and has no type.
 */
function makeWay(directory: string, own: string | undefined): void {
  if (!existsSync(join(directory, 'cgroup.type'))) return;
  if (own === directory) {
    // systemd starts a service right in what it delegates to it.
    try {
      mkdirSync(join(directory, SERVER), { recursive: true });
      writeFileSync(join(directory, SERVER, 'cgroup.procs'), '0');
    } catch (error) {
      throw fail(`cannot make way in ${directory}: ${reason(error)} (${DELEGATE_HINT})`, directory, error);
    }
  }
  if (words(directory, 'cgroup.procs').some(Boolean)) {
    const message = `there are processes in ${directory}: name an empty cgroup, for example one below it`;
    throw fail(message, directory, { code: 'EBUSY' });
  }
}

/** Makes one as sessions will have them. */
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

/** Who moves a process needs the right to at the nearest cgroup above both places. */
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
