/**
 * UNIX sockets. The kernel knows the user and the process at the other end, so the users of this machine can be
 * identified without addresses or passwords. The file mode decides which users can connect at all.
 */
import { closeSync, lstatSync, unlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listenLocal as listenNatively } from '../native/sockets.ts';
import { systemFailure } from '../native/system-error.ts';
import type { LocalListenSettings } from './listen-options.ts';
import { type ListenerEvents, SocketListener } from './listener.ts';

/**
 * How long to wait for another process that is about to listen on the same path, and how often to retry, in
 * milliseconds.
 */
const LOCK_MS = 2_000;
const LOCK_LOOK_MS = 10;

/**
 * Accepts connections on a UNIX socket.
 *
 * @throws (rejects) the system's own error: `EADDRINUSE` if a server listens there, `ENOTSOCK` if the file is not a
 *   socket; TelptyError `ERR_INVALID_ARGUMENT`; `ERR_PTY_UNSUPPORTED` without the addon.
 */
export async function listenLocal(options: LocalListenSettings, events: ListenerEvents): Promise<SocketListener> {
  const { path, mode, backlog } = options;
  const isInherited = options.fd !== undefined;
  const fd = options.fd ?? (await bind(path, mode, backlog));
  const file = isInherited || path.startsWith('@') ? undefined : SocketFile.at(path);
  try {
    return await SocketListener.open({ fd, backlog }, {}, events, () => ({
      // Before the socket closes: while it is open, no other server takes the file for stale and puts its own there.
      beforeClose: () => file?.remove(),
    }));
  } catch (error) {
    file?.remove();
    try {
      closeSync(fd);
    } catch {
      // Node has already closed it.
    }
    throw error;
  }
}

async function bind(path: string, mode: number, backlog: number): Promise<number> {
  const deadline = performance.now() + LOCK_MS;
  for (;;) {
    const fd = listenNatively(path, mode, backlog);
    if (fd >= 0) return fd;
    const isLocked = fd === -constants.errno.EWOULDBLOCK && performance.now() < deadline;
    if (!isLocked) throw Object.assign(systemFailure('listen', fd), { address: path });
    await sleep(LOCK_LOOK_MS);
  }
}

/** Files to remove when the process exits before the listener is closed. */
const files = new Set<SocketFile>();

function removeAll(): void {
  for (const file of files) file.remove();
}

/** The file of a socket that listens here. While it listens, the kernel gives its inode number to no other file. */
class SocketFile {
  readonly #path: string;
  readonly #device: number;
  readonly #inode: number;

  private constructor(path: string, device: number, inode: number) {
    this.#path = path;
    this.#device = device;
    this.#inode = inode;
  }

  /** @returns undefined if the file was removed in the meantime. */
  static at(path: string): SocketFile | undefined {
    // The working directory may change.
    const absolute = resolve(path);
    const found = lstatSync(absolute, { throwIfNoEntry: false });
    if (found === undefined) return undefined;
    const file = new SocketFile(absolute, found.dev, found.ino);
    if (files.size === 0) process.on('exit', removeAll);
    files.add(file);
    return file;
  }

  /** Removes the file if it is still the one of this socket. */
  remove(): undefined {
    if (!files.delete(this)) return;
    if (files.size === 0) process.off('exit', removeAll);
    try {
      const { dev, ino } = lstatSync(this.#path);
      if (dev === this.#device && ino === this.#inode) unlinkSync(this.#path);
    } catch {
      // The file or its directory is gone; the file of a closed socket does no harm.
    }
  }
}
