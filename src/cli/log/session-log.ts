/** Log lines about sessions: one at the start, one at the end, and between them those of the log level. */
import { basename } from 'node:path';
import type { TelptyError } from '../../errors.ts';
import type { RecordingEnd } from '../../recording/record.ts';
import { finalName } from '../../recording/writing/recording-directory.ts';
import type { SessionOutcome } from '../../server/server.ts';
import type { Session } from '../../session/session.ts';
import type { RejectedVariable } from '../../shells/environment/environment.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { earlyDeaths } from '../../shells/program/early-death.ts';
import type { PtyShellOptions, StartedProgram } from '../../shells/program/options.ts';
import type { Refusal } from '../../transport/pre-session/stage.ts';
import { describeRecord, dumpLines } from './describe.ts';
import { endOf, exitFields, isRefused, type SessionEnd } from './exit-fields.ts';
import { formatBytes, formatDuration, remoteOf } from './format.ts';
import type { Log } from './log.ts';
import { RefusalLog } from './refusal-log.ts';

/** The maximum number of a client's refused variables that a line names. */
const MAX_REJECTED = 8;

/** The most files that one line names. */
const MAX_NAMED = 8;

/** Logs sessions. All text that comes from the client is escaped. */
export class SessionLog {
  readonly #log: Log;
  readonly #programName: string;
  readonly #refusals: RefusalLog;
  readonly #started = new WeakMap<Session, StartedProgram>();
  /** The names of the files, without the directory. */
  readonly #recordings = new WeakMap<Session, string>();
  /** Sessions whose shell has settled. Their recordings may not be complete yet. */
  readonly #ended = new WeakSet<Session>();

  /** @param programName the name of the program in log lines. */
  constructor(log: Log, programName: string) {
    this.#log = log;
    this.#refusals = new RefusalLog(log);
    this.#programName = escapeText(programName, 60);
  }

  /** The hooks of the shell that log programs. */
  get hooks(): Required<Pick<PtyShellOptions, 'onStart' | 'onReject'>> {
    return {
      onStart: (session, program) => this.#programStarted(session, program),
      onReject: (session, rejected) => this.#rejected(session, rejected),
    };
  }

  /** Called for a new connection. */
  connected(session: Session): void {
    const log = this.#log;
    if (!log.isLevelEnabled('debug')) return;
    const fields = { session: session.id };
    const debug = (words: string) => log.debug(fields, `session ${session.id}: ${words}`);
    debug(`connection from ${remoteOf(session)}`);
    session.on('telnet', event => {
      if (event.type === 'warning') debug(`warning: ${escapeText(event.message, 200)}`);
    });
    session.link.fastPath.onChange = blocks =>
      debug(blocks.length === 0 ? 'fast path open' : `fast path blocked by ${blocks.join(', ')}`);
    session.trace = {
      telnet: (direction, record) => debug(`${direction} ${describeRecord(record)}`),
      // These bytes include what people type, passwords too: they are logged at `trace` only.
      ...(log.isLevelEnabled('trace') ? { bytes: this.#dump(session) } : {}),
    };
  }

  /** Called for a connection that did not become a session. */
  refused(refusal: Refusal): void {
    this.#refusals.refusedConnection(refusal);
  }

  /** Called when the recording of a session has begun. */
  recorded(session: Session, file: string): void {
    this.#recordings.set(session, finalName(file));
  }

  /** Called when the recording of a session is complete, or an error has ended it. */
  recordingEnded(session: Session, { file, size, error }: RecordingEnd): void {
    const { id } = session;
    const fields = { session: id, recording: file && basename(file), size };
    if (error === undefined) {
      this.#log.debug(fields, `session ${id}: recorded, ${formatBytes(size)}`);
      return;
    }
    // The name is not that of a file if it was deleted.
    if (file === undefined) this.#recordings.delete(session);
    const { systemCode: errno } = error;
    const effect = this.#ended.has(session) ? '' : '; the session continues';
    this.#log.warn({ ...fields, errno }, `session ${id}: ${error.message}${effect}`);
  }

  /** Called with recordings that were repaired or deleted. */
  recordingsTidied(what: 'repaired' | 'deleted', files: readonly string[]): void {
    const names = files.map(file => basename(file));
    const words = `${what} ${names.length} recording${names.length === 1 ? '' : 's'}`;
    const why = what === 'repaired' ? ', which a server that was killed has left' : ' (--record-keep, --record-max)';
    this.#log.info({ recordings: names.slice(0, MAX_NAMED) }, words + why);
  }

  /** Called when the shell of a session has settled. The client may still keep its side of the connection open. */
  ended(session: Session, outcome: SessionOutcome): void {
    this.#ended.add(session);
    const { result } = outcome;
    const end = endOf(session, outcome);
    const isLogged = this.#log.isLevelEnabled(outcome.error === undefined ? 'info' : 'error');
    const program = this.#started.get(session);
    this.#started.delete(session);
    if (!isLogged && !isRefused(result)) return;
    const { id, bytesRead, bytesWritten } = session;
    const duration = Math.round(session.age);
    const fields = {
      ...{ session: id, remote: remoteOf(session), ...webUser(session) },
      ...{ duration, bytesIn: bytesRead, bytesOut: bytesWritten },
    };
    if (end.outcome === 'probe') {
      this.#log.debug({ ...fields, ...end }, `session ${id} ended: ${fields.remote} no program, probe`);
      return;
    }
    if (isRefused(result)) {
      this.#refusals.refused({ session: id, remote: fields.remote, refused: result.refused }, fields);
      return;
    }
    const words = [
      `session ${id} ended: ${fields.remote} ${program ? this.#programName : 'no program'}`,
      ...(program ? [terminalOf(session, program)] : []),
      formatDuration(duration),
      `in ${formatBytes(bytesRead)}`,
      `out ${formatBytes(bytesWritten)}`,
      (isProgramEnd(end) && earlyDeaths.get(session)) || wordsOf(session, outcome, end),
    ].join(', ');
    const recording = this.#recordings.get(session);
    const more = {
      ...fields,
      ...(recording && { recording }),
      ...exitFields(result),
      ...end,
    };
    if (outcome.error === undefined) this.#log.info(more, words);
    else {
      const { code, step, systemCode: errno, file } = outcome.error as Partial<TelptyError>;
      this.#log.error({ ...more, code, step, errno, file }, words);
    }
  }

  #programStarted(session: Session, program: StartedProgram): void {
    this.#started.set(session, program);
    if (!this.#log.isLevelEnabled('info')) return;
    const { pid, uid, term, columns, rows } = program;
    const user = uid === undefined ? '' : `, user id ${uid}`;
    const remote = remoteOf(session);
    this.#log.info(
      {
        ...{ session: session.id, remote, ...webUser(session) },
        ...{ program: program.file, pid, ...(user && { uid }), term, columns, rows },
      },
      `session ${session.id} started: ${remote} ${this.#programName}, ${terminalOf(session, program)}, pid ${pid}${user}`,
    );
  }

  #rejected(session: Session, rejected: readonly RejectedVariable[]): void {
    const named = rejected.slice(0, MAX_REJECTED).map(({ name, value, reason }) => `${name}="${value}" (${reason})`);
    const more = rejected.length > named.length ? `, and ${rejected.length - named.length} more` : '';
    this.#log.info(
      { session: session.id, remote: remoteOf(session), rejected: rejected.slice(0, MAX_REJECTED) },
      `session ${session.id}: not taken from the client: ${named.join(', ')}${more}`,
    );
  }

  #dump(session: Session): (direction: 'sent' | 'received', bytes: Uint8Array) => void {
    return (direction, bytes) => {
      for (const line of dumpLines(bytes)) {
        this.#log.trace({ session: session.id, direction }, `session ${session.id}: ${direction.padEnd(8)} ${line}`);
      }
    };
  }
}

/** The user who has logged in at the web gateway. */
function webUser({ peer }: Session): { user?: string } {
  return peer?.kind === 'ip' && peer.user !== undefined ? { user: peer.user } : {};
}

/** The TERM of the program, and the current size. */
function terminalOf(session: Session, program: StartedProgram): string {
  const { columns, rows } = session.terminal;
  return `${escapeText(program.term, 64)} ${columns || program.columns}x${rows || program.rows}`;
}

/** Whether the program ended by itself. */
function isProgramEnd({ reason }: SessionEnd): boolean {
  return reason === 'program-exit' || reason === 'program-signal';
}

function wordsOf(session: Session, outcome: SessionOutcome, end: SessionEnd): string {
  const { reason } = end;
  if (outcome.error !== undefined) {
    const { code, message, systemCode, cause } = outcome.error as Partial<TelptyError>;
    // The client reads the message, so details about the machine are only in the cause.
    const more = code === 'ERR_PTY_SPAWN' && cause instanceof Error ? `: ${escapeText(cause.message, 200)}` : '';
    return `${escapeText(String(message ?? 'failed'), 200)}${more}${typeof systemCode === 'string' ? ` (${systemCode})` : ''}`;
  }
  const exit = exitFields(outcome.result);
  const how =
    exit.signal !== undefined
      ? `killed by ${exit.signal}`
      : exit.exit !== undefined
        ? `exit ${exit.exit}`
        : 'not started';
  const detail = reason === 'protocol-error' ? `: ${escapeText(session.hangupReason ?? '')}` : '';
  const why = [outOfMemory(exit), isProgramEnd(end) ? undefined : reason + detail].filter(Boolean);
  return why.length === 0 ? how : `${how} (${why.join('; ')})`;
}

/** Describes how many processes the kernel has killed for lack of memory: the program, or others that it started. */
function outOfMemory({ signal, outOfMemory: killed }: ReturnType<typeof exitFields>): string | undefined {
  if (killed === undefined) return undefined;
  if (signal === 'SIGKILL') return 'out of memory: memory.max of its cgroup';
  return `${killed} ${killed === 1 ? 'process' : 'processes'} killed out of memory: memory.max of its cgroup`;
}
