/**
 * The functions of the addon in `native/`, with their arguments, results and callbacks. Their C code describes them in
 * full.
 */

/** A pseudo-terminal with its program. Opaque. */
export interface NativePty {
  readonly nativePty: unique symbol;
}

/** The input of a start, in a layout that C uses without conversion. All text is UTF-8; each string ends with NUL. */
export interface SpawnRequest {
  /** The paths to try in turn, as `execvp` would. */
  readonly candidates: Buffer;
  readonly argv: Buffer;
  readonly envp: Buffer;
  /** Empty: the server's directory. */
  readonly cwd: Buffer;
  /** columns, rows, c_iflag, c_oflag, c_cflag, c_lflag, speed. */
  readonly terminal: Uint32Array;
  /** One entry for each control character, by its index: 0–255, or -1 for the system's default. */
  readonly cc: Int16Array;
  /** uid, gid, supplementary groups…; empty: the identity of the server. */
  readonly identity: Uint32Array;
  /** resource, soft, hard; resource, soft, hard; … `Infinity` is RLIM_INFINITY. */
  readonly limits: Float64Array;
  /** The path of `cgroup.procs` of the program's cgroup; empty: the server's cgroup. */
  readonly cgroup: Buffer;
  /** umask or -1; whether to set the niceness, and its value; whether to set no_new_privs. */
  readonly attributes: Int32Array;
  /** Filled in: on success the process id; on failure the error number and the index of the step in `Addon.steps`. */
  readonly result: Int32Array;
  /**
   * Filled in for some failures: text that ends with NUL, see native/process/explain.c and native/process/starter.c.
   */
  readonly detail: Buffer;
}

/**
 * Callbacks of the addon. One set for all pseudo-terminals of a thread; the first argument is the owner given to
 * `spawn`.
 */
export interface AddonCallbacks<Owner> {
  /** A start that `start` began has ended: the process id, or a negative error number and the index of the step. */
  readonly started: (owner: Owner, result: number, step: number) => void;
  /**
   * `length` bytes of output are at `offset` of the slab last given to `useSlab`. Returns whether they were only lent:
   * then the next output overwrites them.
   */
  readonly read: (owner: Owner, offset: number, length: number) => boolean;
  /**
   * Events of the terminal: bits of {@link Addon.notices}. Output that was read before a flush is not passed on
   * afterwards.
   */
  readonly notice: (owner: Owner, bits: number) => void;
  /** The rest of a `write` is written, or the terminal takes no more input. */
  readonly written: (owner: Owner) => void;
  /** A program has ended whose reaping `deferReap` defers; it waits for `reap`. */
  readonly left: (owner: Owner) => void;
  /**
   * The program was reaped, or is not waited for any more (`abandoned` is 1). `code` is -1 when a signal ended it,
   * `signal` 0 when none did. `cpuTimeMs` is the CPU time of a program that SIGKILL has ended, without that of its
   * children; -1 when it is not known.
   */
  readonly exit: (owner: Owner, code: number, signal: number, abandoned: number, cpuTimeMs: number) => void;
  /** The program was reaped and its last output delivered; the descriptors are closed. */
  readonly end: (owner: Owner) => void;
}

/** Accepts the connections of a listening socket. Opaque. */
export interface NativeAcceptor {
  readonly nativeAcceptor: unique symbol;
}

/** A TCP connection. Opaque. */
export interface NativeConnection {
  readonly nativeConnection: unique symbol;
}

/** A peek at the first bytes of a connection. Opaque. */
export interface NativePeek {
  readonly nativePeek: unique symbol;
}

/** Callbacks about connections; the first argument is the owner given to `connOpen`. */
export interface ConnectionCallbacks<Owner> {
  /**
   * `result` bytes have arrived and are in the inbox until this returns; 0: end of input; negative: an error number.
   * `stale` is 1 if they are before the mark of urgent data.
   */
  readonly input: (owner: Owner, result: number, stale?: number) => void;
  /** There is room again after `connSend` did not take all bytes. */
  readonly writable: (owner: Owner) => void;
  /**
   * Urgent data has arrived, or is announced (1): once for each mark, before the bytes before it are read. While input
   * is not read, also for another event of the connection (0).
   */
  readonly urgent: (owner: Owner, marked: number) => void;
  /** Copies that `connTee` requested wait. */
  readonly passed: (owner: Owner) => void;
}

/** A user of the system's database: the identity of a program, and the source of its environment. */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
  /** All groups of the user, the primary one among them. */
  readonly groups: number[];
}

/** A user or group of the system's database. */
export interface NamedId {
  readonly kind: 'user' | 'group';
  readonly name: string;
  readonly id: number;
}

/** Functions of the addon. Those that return a number return a negative error number when they fail. */
export interface Addon {
  /** Names of the steps of a start, in order. */
  readonly steps: readonly string[];
  /** Values of this platform's terminal constants, by lower-case POSIX name. */
  readonly termios: {
    readonly iflag: Readonly<Record<string, number>>;
    readonly oflag: Readonly<Record<string, number>>;
    readonly cflag: Readonly<Record<string, number>>;
    readonly lflag: Readonly<Record<string, number>>;
    /** Indices into the control characters. */
    readonly cc: Readonly<Record<string, number>>;
    /** The length of the control characters' array (NCCS). */
    readonly nccs: number;
    /** The value of a disabled control character (_POSIX_VDISABLE). */
    readonly vdisable: number;
    /** The codes of line speeds, by bits per second. */
    readonly speeds: Readonly<Record<string, number>>;
    readonly csize: number;
    /** The values of CS5 … CS8. */
    readonly cs: readonly [number, number, number, number];
  };
  /** Resource numbers by lower-case name without `RLIMIT_`. */
  readonly rlimits: Readonly<Record<string, number>>;

  /** Bits of packet mode's notices; 0 where the system has none. */
  readonly notices: {
    /** The terminal has dropped its unread output (TIOCPKT_FLUSHWRITE). */
    readonly flushed: number;
    /** ^S and ^Q now stop and restart output, or no longer do (TIOCPKT_DOSTOP, TIOCPKT_NOSTOP). */
    readonly flow: number;
    /** Output was stopped, by ^S or tcflow(TCOOFF) (TIOCPKT_STOP). */
    readonly stopped: number;
    /** The modes were set while EXTPROC was on, before or after (TIOCPKT_IOCTL). */
    readonly modes: number;
  };

  setup<Owner>(callbacks: AddonCallbacks<Owner>): void;
  /**
   * From now on output is put into `slab`, from its beginning; more than `drainLimit` bytes of it must be left at any
   * time.
   */
  useSlab(slab: Buffer): void;
  /** The most bytes that one `read` callback reports. */
  readonly drainLimit: number;

  spawn(owner: object, request: SpawnRequest): NativePty | undefined;
  /**
   * As `spawn`, but a thread of the addon starts the program while the loop goes on; `started` is called with the
   * result. Until then the returned object cannot be used. `undefined` if no thread can be created.
   */
  start(owner: object, request: SpawnRequest): NativePty | undefined;
  pauseOutput(pty: NativePty): void;
  resumeOutput(pty: NativePty): void;
  /** Whether `notice` is called: also while output is paused. */
  setPacketMode(pty: NativePty, on: boolean): number;
  /** Writes what the terminal takes now and keeps a copy of the rest for later. Returns the bytes taken. */
  write(pty: NativePty, bytes: Uint8Array): number;
  /** The bytes that `write` kept and has not written yet. */
  unwritten(pty: NativePty): number;
  /** Forgets what `write` kept and drops what the program has not read. */
  flushInput(pty: NativePty): number;
  /** Makes the terminal drop its unread output. */
  flushOutput(pty: NativePty): number;
  /**
   * Restarts output that was stopped by ^S or tcflow(TCOOFF). Returns 1 if a program that writes may have been waiting,
   * else 0.
   */
  restartOutput(pty: NativePty): number;
  resize(pty: NativePty, columns: number, rows: number): number;
  /** Fills `words` with c_iflag, c_oflag, c_cflag, c_lflag, speed, and `cc`. */
  getModes(pty: NativePty, words: Uint32Array, cc: Int16Array): number;
  setModes(pty: NativePty, words: Uint32Array, cc: Int16Array): number;
  /** As `getModes`, for the terminal of a descriptor that this addon did not open. */
  getTtyModes(fd: number, words: Uint32Array, cc: Int16Array): number;
  /** As `setModes`, likewise. */
  setTtyModes(fd: number, words: Uint32Array, cc: Int16Array): number;
  /** Whether `notice` is called when, at output, the flags differ from those that `getModes` returned last. */
  followModes(pty: NativePty, on: boolean): void;
  /** Sets or clears EXTPROC, with as little time as possible between reading and writing the modes. */
  setExtproc(pty: NativePty, on: boolean): number;
  /** Bytes of input that the program has not read. */
  inputWaiting(pty: NativePty): number;
  /** Signals the foreground process group, as if the key were typed, but ahead of unread input. */
  signalForeground(pty: NativePty, signal: number): number;
  /** Signals the program only; ESRCH once it has been reaped. */
  kill(pty: NativePty, signal: number): number;
  /**
   * Signals the program's own process group and the foreground group. Returns 0, or the number of a foreground group
   * whose session is unknown because its leader is gone (see `signalMember`).
   */
  signalGroups(pty: NativePty, signal: number): number;
  /** Sends SIGKILL to every program of this thread and its foreground group. No `start` completes after it. */
  killAll(): void;
  /** From now on an ended program stays a zombie, which reserves its session's number, until `reap`. */
  deferReap(pty: NativePty): void;
  reap(pty: NativePty): void;
  /**
   * Ends the wait for a program that was killed and does not die: `exit` is called at once; the program is reaped when
   * it dies.
   */
  abandon(pty: NativePty): void;
  /** Closes the terminal's descriptors. The program is still watched, and `exit` called. */
  close(pty: NativePty): void;

  /** Replaces each process id by the id of its session, 0 if the process does not exist. */
  sessionsOf(pids: Int32Array): void;
  /** Replaces the ids of processes that are gone or zombies by 0, on a thread of libuv's pool. Resolves with `pids`. */
  keepLiving(pids: Int32Array): Promise<Int32Array>;
  /** Signals process `pid` only if it still belongs to session `session` and, unless `group` is 0, to `group`. */
  signalMember(session: number, group: number, pid: number, signal: number): number;

  /** Once per thread: the callbacks, and the buffer for received bytes. */
  connSetup<Owner>(callbacks: ConnectionCallbacks<Owner>, inbox: Buffer): void;
  /**
   * Takes over the connection of a connected socket, or returns a negative error number. `isCopied`: by a copy of its
   * descriptor; otherwise the caller no longer owns `fd`, whatever is returned.
   */
  connOpen(owner: object, fd: number, isCopied: boolean): NativeConnection | number;
  /**
   * Whether `input` is called; off at first, and after `input` was called with 0 or an error. While it is off, `urgent`
   * is called once, at urgent data or another event of the connection.
   */
  connRead(connection: NativeConnection, on: boolean): void;
  /** Returns the bytes taken; `writable` follows if that is not all. */
  connSend(connection: NativeConnection, bytes: Uint8Array): number;
  /** The same for urgent data, with the mark at the last byte. */
  connSendUrgent(connection: NativeConnection, bytes: Uint8Array): number;
  /** The bytes that the kernel has taken and the peer has not acknowledged. */
  connUndelivered(connection: NativeConnection): number;
  /** Whether there is new urgent data that no event has reported. For connections that are not read. */
  connFindMark(connection: NativeConnection): boolean;
  /** Sends FIN. */
  connFinish(connection: NativeConnection): number;
  connClose(connection: NativeConnection): void;
  /**
   * From now on plain bytes may pass between the two without a call, after `connOpenFastPath` and until the next event.
   * Ends with `connPart`, or when either is closed.
   */
  connJoin(connection: NativeConnection, pty: NativePty): void;
  connPart(connection: NativeConnection): void;
  /** @param escaping 1: output passes that only has to be escaped for the NVT; 2: for BINARY; 0: only plain output */
  connOpenFastPath(connection: NativeConnection, on: boolean, escaping: 0 | 1 | 2): void;
  /** Fills in the bytes that took the fast path to the terminal and from it, and the ms since the last one to it. */
  connFastPathCounts(connection: NativeConnection, result: Float64Array): void;
  /**
   * From now on bytes that take the fast path in these directions (bits of `Direction`) are also copied, and `passed`
   * is called 10 ms after the first of them, or earlier. With 0 copies that wait are dropped. Closes the fast path.
   * Returns whether there was memory for it.
   */
  connTee(connection: NativeConnection, directions: number): boolean;
  /**
   * Moves the copies that wait into `memory`, of `teeBytes`, and returns their length; `age` is set to the ms since the
   * first. The layout is in native/socket/tee.c. Also for a connection that is closed.
   */
  connTakeTee(connection: NativeConnection, memory: Buffer, age: Float64Array): number;
  /** The most bytes that `connTakeTee` moves. */
  readonly teeBytes: number;
  connDescriptor(connection: NativeConnection): number;

  /**
   * Accepts connections of the listening socket `fd`, by a copy of its descriptor; or returns a negative error number,
   * as on other systems than Linux.
   *
   * @param accepted called with the descriptor of a connection, which is non-blocking, and the address and port of the
   *   peer (`''` and 0 on a UNIX socket); or with a negative error number where the system has no descriptor or no
   *   memory for it.
   * @param keepAlive seconds of silence before the kernel sends keep-alive probes; 0 for a UNIX socket.
   */
  acceptOpen(
    accepted: (result: number, address?: string, port?: number) => void,
    fd: number,
    keepAlive: number,
  ): NativeAcceptor | number;
  /** While it is paused, connections wait in the kernel's queue. */
  acceptPause(acceptor: NativeAcceptor, paused: boolean): void;
  acceptClose(acceptor: NativeAcceptor): void;

  /** Once per thread: the callback, and the buffer for the bytes that are seen. */
  peekSetup<Owner>(peeked: (owner: Owner, result: number) => void, buffer: Buffer): void;
  /**
   * Looks at the bytes that arrive on a socket, by a copy of its descriptor, without reading them. `peeked` is called
   * once: with the number of bytes, 0 at the end, or a negative error number. May return a negative error number
   * itself.
   */
  peekOpen(owner: object, fd: number): NativePeek | number;
  /** `peeked` is called once more: when there are more bytes than `seen`, or with `seen` if no more will arrive. */
  peekMore(peek: NativePeek, seen: number): number;
  /** Reads bytes that were seen. Returns how many. */
  peekTake(peek: NativePeek, count: number): number;
  peekClose(peek: NativePeek): void;

  lookupUser(name: string | number): User | number;
  /** The first user or group of the database whose id is in the range. */
  namedId(from: number, to: number): NamedId | undefined;
  /** Whether the user, by its real id, has a process. Zombies count. */
  isUserBusy(uid: number): boolean;
  /**
   * Kills all processes of a user other than root and the server's own. Resolves with 0 or a negative error number.
   */
  killUser(uid: number): Promise<number>;
  /** The same at once, for a process that ends. */
  killUserNow(uid: number): number;
  /**
   * The character set of a locale, as the C library names it; `undefined` where `setlocale` would refuse the locale.
   */
  localeCodeset(name: string): string | undefined;
  setOobInline(fd: number): number;
  limitUnsent(fd: number, bytes: number): number;
  isOobInline(fd: number): boolean;
  peerState(fd: number): number;
  /**
   * The user id of the process at the other end of a TCP connection, if that is on this machine (Linux); a negative
   * error number: that of `ENOENT` where no process has it, of `ENOTCONN` where the connection was reset.
   */
  peerUser(fd: number): number;
  bindShared(address: string, port: number): number;
  /**
   * Listens on a UNIX socket; a stale socket file is replaced. The descriptor, or a negative error number: of
   * `EADDRINUSE` if a server listens there, `ENOTSOCK` if the file is not a socket, `EWOULDBLOCK` while another process
   * is about to listen there.
   */
  listenLocal(path: string, mode: number, backlog: number): number;
  /** User id and process id of the peer of a UNIX socket, 0 for another socket, or a negative error number. */
  peerCredentials(fd: number): readonly [uid: number, pid: number] | number;
  sendUrgent(fd: number, bytes: Uint8Array): number;
  unwatchListener(fd: number, unwatched: boolean): number;
  descriptorLimit(): number;
  writeNonblocking(fd: number, bytes: Uint8Array): number;

  /**
   * Sends a datagram to a Unix socket; an address that begins with '@' is an abstract one. 0, or a negative error
   * number.
   */
  notify(address: Uint8Array, message: Uint8Array): number;
  /**
   * The address of a listening TCP socket; `unix:` and the path of a UNIX one (`@name`: abstract); 0 for any other
   * descriptor; or a negative error number. Sets FD_CLOEXEC.
   */
  listenerAddress(fd: number): string | number;
  /** Gives all clients of a shared port to the listener with this index. 0, or a negative error number. */
  preferListener(fd: number, index: number): number;
  /** Replaces the descriptor by one of a file, atomically. 0, or a negative error number. */
  replaceDescriptor(fd: number, path: string): number;

  /**
   * Writes UTF-8 as the text of a JSON string into `out`, from index `at` on, and returns the index after it. Invalid
   * bytes and an incomplete character become U+FFFD. `out` must have room for six times the length of `bytes`:
   * otherwise the result is -1, and nothing is written.
   */
  jsonText(bytes: Uint8Array, out: Uint8Array, at: number): number;

  /**
   * Copies bytes to index `at` of `out`. It may be shared memory: V8 copies to that word by word, which takes several
   * times as long.
   *
   * @throws RangeError if there is no room.
   */
  copyBytes(bytes: Uint8Array, out: Uint8Array, at: number): void;

  /** Reaps the children that have ended and that nothing in this thread waits for. Returns how many. */
  reapOrphans(pids: Int32Array): number;
  /** For tests: whether programs started from now on are watched by pidfd (if the system has it) or by SIGCHLD. */
  usePidfd(on: boolean): void;
  /**
   * From now on counts how long keys wait for the next output of their terminal. `counts` has one number for each of
   * `bounds` (upper bounds in seconds, ascending), one for longer times, and the sum in seconds. The addon keeps both
   * arrays; a second call replaces them.
   */
  measureDelays(bounds: Float64Array, counts: Float64Array): void;
  /**
   * The number of terminals, connections (`tees`: those with observers), peeks, programs and unfinished starts of this
   * thread; `teeMemory`: the memory of the tees, in bytes; `abandoned`: programs that it does not wait for any more and
   * has not reaped; `floods`: terminals that the flood reader reads; `sentByThread`: bytes that it has sent;
   * `unwritten`: bytes that `write` kept for all of them.
   */
  counts(): {
    terminals: number;
    children: number;
    connections: number;
    tees: number;
    teeMemory: number;
    peeks: number;
    floods: number;
    starting: number;
    abandoned: number;
    sentByThread: number;
    unwritten: number;
  };
  /**
   * `killed`: starts that took too long and were killed, in total. `stuck`: starts that hang, for a second by now or
   * forever; after a start was killed, at least 1 until another start succeeds or 10 s have passed.
   */
  starts(): { killed: number; stuck: number };
}
