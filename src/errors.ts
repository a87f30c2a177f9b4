/**
 * The one error class of telpty. `code` is stable and meant for programs; `message` is for people and may change.
 *
 * Every layer imports this file, so it imports nothing and uses only the language itself.
 */

/** Every code a {@link TelptyError} can carry. */
export type TelptyErrorCode =
  /** An argument is invalid, or the call is not valid in the present state. */
  | 'ERR_INVALID_ARGUMENT'
  /** The Telnet option is not in the engine's table, or is not enabled on the required side. */
  | 'ERR_OPTION'
  /** This platform or installation has no pseudo-terminal addon. */
  | 'ERR_PTY_UNSUPPORTED'
  /**
   * A program could not be started; `step`, `systemCode` and `file` identify the failed step, the cause and the file.
   */
  | 'ERR_PTY_SPAWN'
  /** A call on a pseudo-terminal failed; `systemCode` is the cause. */
  | 'ERR_PTY_IO'
  /**
   * A cgroup for a program could not be made; the message contains the remedy, `systemCode` and `file` the cause and
   * the place.
   */
  | 'ERR_CGROUP'
  /**
   * User ids cannot be assigned to sessions: they are in use, or have a name; `file` is the database that lists them.
   */
  | 'ERR_USER_RANGE'
  /** The user to run a program as does not exist. */
  | 'ERR_UNKNOWN_USER'
  /** The server has been shut down. */
  | 'ERR_SERVER_STATE'
  /** The session was closed before the call could complete. */
  | 'ERR_SESSION_CLOSED'
  /** A connection could not be made; `systemCode` is the cause (`'ECONNREFUSED'`, `'ENOTFOUND'`). */
  | 'ERR_CONNECT'
  /** The TLS handshake failed, or the server's certificate was not accepted; `systemCode` is the code of Node.js. */
  | 'ERR_TLS'
  /** The time limit of a call was reached; for calls that read, `text` is the text read until then. */
  | 'ERR_TIMEOUT'
  /** The expected text did not arrive within the maximum length; `text` is the text read until then. */
  | 'ERR_TOO_LONG'
  /** The server did not accept the name or the password; `text` is its output. */
  | 'ERR_LOGIN'
  /** The command line or the configuration file is invalid. */
  | 'ERR_USAGE'
  /** A program, file or port that the command needs at run time is not available. */
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
  /** The error that caused this one. */
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

/** The fields of a system error of Node.js; nothing for other errors. */
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
