/**
 * The one error class of telpty. `code` is stable and meant for programs; `message` is for people and may change.
 *
 * This file is the ground every room stands on, so it uses nothing but the language itself.
 */

/** Every code a {@link TelptyError} can carry. */
export type TelptyErrorCode =
  /** A caller passed a value that cannot be meant, or called in a state where the call has no meaning. */
  | 'ERR_INVALID_ARGUMENT'
  /** The Telnet option is not in the engine's table, or not enabled on the side the call needs. */
  | 'ERR_OPTION'
  /** This platform or installation has no pseudo-terminal addon. */
  | 'ERR_PTY_UNSUPPORTED'
  /** A program could not be started; `step`, `systemCode` and `file` say where, why and what. */
  | 'ERR_PTY_SPAWN'
  /** A call on a pseudo-terminal failed; `systemCode` says why. */
  | 'ERR_PTY_IO'
  /** There is no cgroup for a program; the message says what to do, `systemCode` and `file` why and where. */
  | 'ERR_CGROUP'
  /** User ids cannot be given to sessions: they are in use, or have a name; `file` says where. */
  | 'ERR_USER_RANGE'
  /** The user to run a program as does not exist. */
  | 'ERR_UNKNOWN_USER'
  /** The server has been shut down. */
  | 'ERR_SERVER_STATE'
  /** The session was closed before what was asked for could happen. */
  | 'ERR_SESSION_CLOSED'
  /** A connection could not be made; `systemCode` says why (`'ECONNREFUSED'`, `'ENOTFOUND'`). */
  | 'ERR_CONNECT'
  /** The TLS handshake failed, or the server's certificate was not accepted; `systemCode` is the code of Node.js. */
  | 'ERR_TLS'
  /** The time for what was asked for is over; `text` is what was read meanwhile, if anything was to be read. */
  | 'ERR_TIMEOUT'
  /** What was waited for did not come within the most that is read for it; `text` is what came. */
  | 'ERR_TOO_LONG'
  /** The other end did not accept the name or the password; `text` is what it said. */
  | 'ERR_LOGIN'
  /** A command line or configuration file that cannot be meant. */
  | 'ERR_USAGE'
  /** Something the command needs at run time is missing (a program, a file, a port). */
  | 'ERR_RUNTIME';

/** Facts about a {@link TelptyError} beyond its code. */
export interface TelptyErrorDetails {
  /** The step that failed, e.g. `'open'`, `'chdir'`, `'setuid'`, `'exec'`. */
  readonly step?: string;
  /** The code of the system's, Node.js' or OpenSSL's error, e.g. `'ENOENT'`. Default: that of a cause with `errno`. */
  readonly systemCode?: string;
  /** The error number of the system, negative as in Node.js, e.g. -2. Default: that of the cause. */
  readonly errno?: number;
  /** The system call that failed, e.g. `'connect'`. Default: that of the cause. */
  readonly syscall?: string;
  /** The file, directory or user concerned. */
  readonly file?: string;
  /** What was read from the other end before it failed. */
  readonly text?: string;
  /** The error behind this one. */
  readonly cause?: unknown;
}

/** The error that all of telpty throws and rejects with. */
export class TelptyError extends Error {
  readonly code: TelptyErrorCode;
  readonly step: string | undefined;
  readonly systemCode: string | undefined;
  readonly errno: number | undefined;
  readonly syscall: string | undefined;
  readonly file: string | undefined;
  readonly text: string | undefined;

  constructor(code: TelptyErrorCode, message: string, details: TelptyErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'TelptyError';
    this.code = code;
    this.step = details.step;
    const { errno, code: causeCode, syscall } = systemFields(details.cause);
    this.systemCode = details.systemCode ?? causeCode;
    this.errno = details.errno ?? errno;
    this.syscall = details.syscall ?? syscall;
    this.file = details.file;
    this.text = details.text;
  }
}

/** What a system error of Node.js says of itself; nothing for other errors. */
function systemFields(cause: unknown): { errno?: number; code?: string; syscall?: string } {
  if (!(cause instanceof Error)) return {};
  const { errno, code, syscall } = cause as { errno?: unknown; code?: unknown; syscall?: unknown };
  if (typeof errno !== 'number') return {};
  return {
    errno,
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof syscall === 'string' ? { syscall } : {}),
  };
}
