/** What the addon in `native/` offers: its functions, and what it takes and gives. What each does in full stands with its C. */

/** A pseudo-terminal with its program, as the addon knows it. Opaque. */
export interface NativePty {
  readonly nativePty: unique symbol;
}

/** Everything a start needs, laid out so that C only has to point at it. All text is UTF-8, each string ended by NUL. */
export interface SpawnRequest {
  /** The paths to try in turn, as `execvp` would. */
  readonly candidates: Buffer;
  readonly argv: Buffer;
  readonly envp: Buffer;
  /** Empty: stay in the server's directory. */
  readonly cwd: Buffer;
  /** columns, rows, c_iflag, c_oflag, c_cflag, c_lflag, speed. */
  readonly terminal: Uint32Array;
  /** One entry for each control character, by its index: 0–255, or -1 to leave the system's own. */
  readonly cc: Int16Array;
  /** uid, gid, supplementary groups…; empty: stay who we are. */
  readonly identity: Uint32Array;
  /** resource, soft, hard; resource, soft, hard; … `Infinity` is RLIM_INFINITY. */
  readonly limits: Float64Array;
  /** The path of `cgroup.procs` of the cgroup that the program is put into; empty: the server's. */
  readonly cgroup: Buffer;
  /** umask or -1; whether there is a niceness, and which; whether no_new_privs is to be set. */
  readonly attributes: Int32Array;
  /** Filled in: on success the process id; on failure the error number and the index of the step in `Addon.steps`. */
  readonly result: Int32Array;
  /** Filled in where more is known of a failure: text that ends with NUL, as native/process/explain.c and native/process/starter.c have it. */
  readonly detail: Buffer;
}

/** What the addon calls. One set for all pseudo-terminals of a thread; the first argument is the owner given to `spawn`. */
export interface AddonCallbacks<Owner> {
  /** What `start` began has come to its end: the process id, or a negative error number and the index of the step. */
  readonly started: (owner: Owner, result: number, step: number) => void;
  /**
   * `length` bytes of output were put at `offset` of the slab last given to `useSlab`. Returns whether they were only lent:
   * then the next output is put in the same place.
   */
  readonly read: (owner: Owner, offset: number, length: number) => boolean;
  /** What the terminal tells in packet mode: bits of {@link Addon.notices}. What was read before a flush is not given any more. */
  readonly notice: (owner: Owner, bits: number) => void;
  /** The rest of a `write` has gone out, or the terminal takes no more. */
  readonly written: (owner: Owner) => void;
  /** A program has ended whose reaping `deferReap` defers; it waits for `reap`. */
  readonly left: (owner: Owner) => void;
  /**
   * The program was reaped, or is not waited for any more (`abandoned` is 1). `code` is -1 when a signal ended it, `signal` 0
   * when none did. `cpuTimeMs` is the CPU time of a program that SIGKILL has ended, without that of its children; -1 when it is
   * not known.
   */
  readonly exit: (owner: Owner, code: number, signal: number, abandoned: number, cpuTimeMs: number) => void;
  /** The program was reaped and its last output delivered; the descriptors are closed. */
  readonly end: (owner: Owner) => void;
}

/** What accepts the connections of a listening socket, as the addon knows it. Opaque. */
export interface NativeAcceptor {
  readonly nativeAcceptor: unique symbol;
}

/** A TCP connection, as the addon knows it. Opaque. */
export interface NativeConnection {
  readonly nativeConnection: unique symbol;
}

/** A look at what a connection begins with, as the addon knows it. Opaque. */
export interface NativePeek {
  readonly nativePeek: unique symbol;
}

/** What the addon calls about connections; the first argument is the owner given to `connOpen`. */
export interface ConnectionCallbacks<Owner> {
  /**
   * So many bytes have arrived and are in the inbox, until this returns; 0: no more will; negative: an error number. `stale`
   * is 1 where they stand before the mark of urgent data.
   */
  readonly input: (owner: Owner, result: number, stale?: number) => void;
  /** There is room again for what `connSend` did not take. */
  readonly writable: (owner: Owner) => void;
  /**
   * Urgent data has come, or is coming (1): once for each mark, before anything that stands before it is read. While nobody
   * reads also where something else has happened to the connection (0).
   */
  readonly urgent: (owner: Owner, marked: number) => void;
}

/** A user of the system, as its database has it: who a program runs as, and what its environment is made from. */
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
    readonly b38400: number;
    readonly csize: number;
    /** The values of CS5 … CS8. */
    readonly cs: readonly [number, number, number, number];
  };
  /** Resource numbers by lower-case name without `RLIMIT_`. */
  readonly rlimits: Readonly<Record<string, number>>;

  /** Bits of packet mode's notices; 0 where the system has none. */
  readonly notices: {
    /** The terminal has dropped the output that nobody had read (TIOCPKT_FLUSHWRITE). */
    readonly flushed: number;
    /** ^S and ^Q have become, or ceased to be, what stops and restarts output (TIOCPKT_DOSTOP, TIOCPKT_NOSTOP). */
    readonly flow: number;
    /** Output was stopped, by ^S or tcflow(TCOOFF) (TIOCPKT_STOP). */
    readonly stopped: number;
    /** The modes were set while EXTPROC was on, before or after (TIOCPKT_IOCTL). */
    readonly modes: number;
  };

  setup<Owner>(callbacks: AddonCallbacks<Owner>): void;
  /** From now on output is put into `slab`, from its beginning; more than `drainLimit` bytes of it must be left at any time. */
  useSlab(slab: Buffer): void;
  /** The most bytes that one `read` callback reports. */
  readonly drainLimit: number;

  spawn(owner: object, request: SpawnRequest): NativePty | undefined;
  /**
   * As `spawn`, but the program is started by a thread of the addon while the loop goes on; `started` is called with what
   * came of it. Until then nothing can be done with what is returned. `undefined` where no thread can be had.
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
  /** Has the terminal drop what the program has printed and nobody has read. */
  flushOutput(pty: NativePty): number;
  /** Restarts output that was stopped by ^S or tcflow(TCOOFF). Returns 1 if a program that writes may have been waiting, else 0. */
  restartOutput(pty: NativePty): number;
  resize(pty: NativePty, cols: number, rows: number): number;
  /** Fills `words` with c_iflag, c_oflag, c_cflag, c_lflag, speed, and `cc`. */
  getModes(pty: NativePty, words: Uint32Array, cc: Int16Array): number;
  setModes(pty: NativePty, words: Uint32Array, cc: Int16Array): number;
  /** As `getModes`, of the terminal that the descriptor is open on: not one of ours. */
  getTtyModes(fd: number, words: Uint32Array, cc: Int16Array): number;
  /** As `setModes`, likewise. */
  setTtyModes(fd: number, words: Uint32Array, cc: Int16Array): number;
  /** Whether `notice` is called when, at a time of output, the flags are others than `getModes` has returned last. */
  followModes(pty: NativePty, on: boolean): void;
  /** Sets or clears EXTPROC, in as little time as can be between reading and writing the modes. */
  setExtproc(pty: NativePty, on: boolean): number;
  /** Bytes of input that the program has not read. */
  inputWaiting(pty: NativePty): number;
  /** To the foreground process group, as if its key had been typed, but ahead of unread input. */
  signalForeground(pty: NativePty, signal: number): number;
  /** To the program alone; ESRCH once it has been reaped. */
  kill(pty: NativePty, signal: number): number;
  /**
   * To the program's own process group and the foreground group. Returns 0, or the number of a foreground group that
   * cannot be vouched for because its leader is gone (see `signalMember`).
   */
  signalGroups(pty: NativePty, signal: number): number;
  /** SIGKILL to every program of this thread and its foreground group; no `start` is finished after it. */
  killAll(): void;
  /** From now on an ended program is kept as a zombie, which reserves its session's number, until `reap`. */
  deferReap(pty: NativePty): void;
  reap(pty: NativePty): void;
  /** Ends the wait for a program that was killed and does not die: `exit` is called at once, and it is reaped when it dies. */
  abandon(pty: NativePty): void;
  /** Closes the terminal's descriptors. The program is still watched, and `exit` called. */
  close(pty: NativePty): void;

  /** Replaces each process id by the id of its session, 0 where there is no such process. */
  sessionsOf(pids: Int32Array): void;
  /** Replaces the ids of processes that are gone or zombies by 0, on a thread of libuv's pool. Resolves with `pids`. */
  keepLiving(pids: Int32Array): Promise<Int32Array>;
  /** To process `pid` only if it still belongs to session `session` and, unless that is 0, to `group`. */
  signalMember(session: number, group: number, pid: number, signal: number): number;

  /** Once a thread: what to call, and where to put what arrives. */
  connSetup<Owner>(callbacks: ConnectionCallbacks<Owner>, inbox: Buffer): void;
  /**
   * Takes the connection of a connected socket over, or returns a negative error number. `isCopied`: by a copy of its
   * descriptor; else `fd` is the caller's no more, whatever is returned.
   */
  connOpen(owner: object, fd: number, isCopied: boolean): NativeConnection | number;
  /**
   * Whether `input` is to be called; not so at first, and no more after it was called with 0 or an error. While it is not,
   * `urgent` is called once, when urgent data has come or something has happened to the connection.
   */
  connRead(connection: NativeConnection, on: boolean): void;
  /** Returns the bytes taken; `writable` follows if that is not all. */
  connSend(connection: NativeConnection, bytes: Uint8Array): number;
  /** The same for urgent data, with the mark at the last byte. */
  connSendUrgent(connection: NativeConnection, bytes: Uint8Array): number;
  /** The bytes that the kernel has taken and the peer has not acknowledged. */
  connUndelivered(connection: NativeConnection): number;
  /** Whether there is urgent data, not known before, that no event tells of. For connections that nobody reads. */
  connFindMark(connection: NativeConnection): boolean;
  /** Sends FIN. */
  connFinish(connection: NativeConnection): number;
  connClose(connection: NativeConnection): void;
  /**
   * From now on plain bytes may pass between the two without a call, when `connOpenFastPath` was called and nothing else
   * happened since; until `connPart`, or either is closed.
   */
  connJoin(connection: NativeConnection, pty: NativePty): void;
  connPart(connection: NativeConnection): void;
  connOpenFastPath(connection: NativeConnection, on: boolean): void;
  /** Fills in how many bytes passed to the terminal and from it, and how long ago, in ms, the last did to it. */
  connFastPathCounts(connection: NativeConnection, result: Float64Array): void;
  connDescriptor(connection: NativeConnection): number;

  /**
   * Accepts connections of the listening socket `fd`, by a copy of its descriptor; or returns a negative error number, as outside Linux.
   *
   * @param accepted called with the descriptor of a connection, which is non-blocking, and the address and port of the peer
   *   (`''` and 0 on a UNIX socket); or with a negative error number where the system has no descriptor or no memory for it.
   * @param keepAlive seconds of silence after which the kernel asks whether the peer is there; 0 for a UNIX socket.
   */
  acceptOpen(
    accepted: (result: number, address?: string, port?: number) => void,
    fd: number,
    keepAlive: number,
  ): NativeAcceptor | number;
  /** While it is paused, connections wait in the kernel's queue. */
  acceptPause(acceptor: NativeAcceptor, paused: boolean): void;
  acceptClose(acceptor: NativeAcceptor): void;

  /** Once a thread: what to call, and where to put what is seen. */
  peekSetup<Owner>(peeked: (owner: Owner, result: number) => void, buffer: Buffer): void;
  /**
   * Looks at what arrives on a socket, by a copy of its descriptor, without reading it. `peeked` is called once: with how many
   * bytes are to be seen, 0 at their end, or a negative error number. Or it returns one.
   */
  peekOpen(owner: object, fd: number): NativePeek | number;
  /** `peeked` is called once more: when there are more bytes than `seen`; with no more if there will be none. */
  peekMore(peek: NativePeek, seen: number): number;
  /** Reads bytes that were seen. Returns how many. */
  peekTake(peek: NativePeek, count: number): number;
  peekClose(peek: NativePeek): void;

  lookupUser(name: string | number): User | number;
  /** The first user or group of the database whose id is in the range. */
  namedId(from: number, to: number): NamedId | undefined;
  /** Whether there is any process of the user, by its real id; a zombie is one. */
  isUserBusy(uid: number): boolean;
  /** SIGKILL to all processes of a user who is neither root nor the server's own. Resolves with 0 or a negative error number. */
  killUser(uid: number): Promise<number>;
  /** The same at once, for a process that ends. */
  killUserNow(uid: number): number;
  /** The character set of a locale, as the C library names it; `undefined` where `setlocale` would refuse the locale. */
  localeCodeset(name: string): string | undefined;
  setOobInline(fd: number): number;
  limitUnsent(fd: number, bytes: number): number;
  isOobInline(fd: number): boolean;
  peerState(fd: number): number;
  /**
   * The user id of the process at the other end of a TCP connection, if that is on this machine (Linux); a negative error
   * number: that of `ENOENT` where no process has it, of `ENOTCONN` where the connection was reset.
   */
  peerUser(fd: number): number;
  bindShared(address: string, port: number): number;
  /**
   * Listens on a UNIX socket; a stale socket file is replaced. The descriptor, or a negative error number: of `EADDRINUSE` if a
   * server listens there, `ENOTSOCK` if the file is not a socket, `EWOULDBLOCK` while another process is about to listen there.
   */
  listenLocal(path: string, mode: number, backlog: number): number;
  /** User id and process id of the peer of a UNIX socket, 0 for another socket, or a negative error number. */
  peerCredentials(fd: number): readonly [uid: number, pid: number] | number;
  sendUrgent(fd: number, bytes: Uint8Array): number;
  unwatchListener(fd: number, unwatched: boolean): number;
  descriptorLimit(): number;
  writeNonblocking(fd: number, bytes: Uint8Array): number;

  /** Sends a datagram to a Unix socket; an address that begins with '@' is an abstract one. 0, or a negative error number. */
  notify(address: Uint8Array, message: Uint8Array): number;
  /** The address of a listening TCP socket, 0 for anything else, or a negative error number. Sets FD_CLOEXEC. */
  listenerAddress(fd: number): string | number;
  /** Has the listener with this number be given all clients of a port that several share. 0, or a negative error number. */
  preferListener(fd: number, index: number): number;
  /** Makes the descriptor lead to a file, in one step. 0, or a negative error number. */
  replaceDescriptor(fd: number, path: string): number;

  /** Reaps those of these children that have ended and that nobody in this thread waits for. Returns how many. */
  reapOrphans(pids: Int32Array): number;
  /** For tests: whether ends of programs started from now on are noticed by pidfd (if the system has it) or by SIGCHLD. */
  usePidfd(on: boolean): void;
  /**
   * From now on it is counted how long keys wait for the next output of their terminal: in `counts` one number for each of
   * `bounds` (the most seconds that count there, ascending), one for what is longer, and the sum in seconds. Both arrays are
   * kept; a second call takes others in their place.
   */
  measureDelays(bounds: Float64Array, counts: Float64Array): void;
  /**
   * How many terminals, connections, looks at first bytes, programs and unfinished starts this thread holds, how many programs
   * it does not wait for any more and has not reaped, how many terminals flood and are read by a thread of their own, and how many bytes
   * `write` kept for all of them.
   */
  counts(): {
    terminals: number;
    children: number;
    connections: number;
    peeks: number;
    floods: number;
    starting: number;
    abandoned: number;
    unwritten: number;
  };
  /**
   * Starts that took too long and were killed, since the beginning; and starts that hang: for a second by now, or for good.
   * After one that was killed, `stuck` is at least 1 until another start succeeds or 10 s have passed.
   */
  starts(): { killed: number; stuck: number };
}
