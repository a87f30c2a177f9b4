/** Calls on file descriptors of any kind. */
import { addon, loadAddon } from './load.ts';

/** The descriptors that this process may have: RLIMIT_NOFILE. Infinity without the addon. */
export function descriptorLimit(): number {
  return loadAddon()?.descriptorLimit() ?? Number.POSITIVE_INFINITY;
}

/**
 * Writes as much as the descriptor takes without blocking, whatever its type, and without changing its flags, which
 * other processes may share.
 *
 * @returns how many bytes were written, or a negative error number if none was: that of `EAGAIN` if it takes none at
 *   the moment.
 * @throws TelptyError `ERR_PTY_UNSUPPORTED` without the addon.
 */
export function writeNonblocking(fd: number, bytes: Uint8Array): number {
  return addon().writeNonblocking(fd, bytes);
}
