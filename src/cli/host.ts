/** The server that the settings ask for, in whatever process it runs. */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { onAbandoned } from '../pty/abandoned.ts';
import { Cgroups } from '../pty/index.ts';
import { type UserIdSource, UserRange } from '../pty/user-range.ts';
import { createServer, type Server, type Shell } from '../server/server.ts';
import { requestedNames } from '../shells/environment.ts';
import { escapeText } from '../shells/escape.ts';
import { limit } from '../shells/limit.ts';
import type { Admission } from '../shells/places.ts';
import { type PtyShellOptions, ptyShell } from '../shells/pty-shell.ts';
import { robotCheck } from '../shells/robot-check.ts';
import { farewell } from './farewell.ts';
import type { Log } from './log.ts';
import type { Preparation } from './preparation.ts';
import type { Reloadables } from './reload.ts';
import { SessionLog } from './session-log.ts';
import type { ServeSettings } from './settings.ts';
import { ShortageLog } from './shortage.ts';
import { watchStarts } from './start-watch.ts';

/** After the programs were killed: how long clients may take to read what they are owed, in milliseconds. */
export const flushTimeout = 5_000;

/** What the process adds to the settings. */
export interface HostOptions {
  /** Where sessions are counted. */
  readonly admission: Admission;
  readonly onStart?: PtyShellOptions['onStart'];
  /** Of `--user-range`. */
  readonly userIds: UserIdSource | undefined;
  /** Called when starts of programs begin to hang, and when none does any more. */
  readonly onStartsHang?: (hang: boolean) => void;
  /** Where what can take up new settings while it serves is added. */
  readonly reloadables?: Reloadables;
}

/** The young generation of V8's heap, in bytes a half; and how many objects are made at most until it has grown to that. */
const YOUNG_BYTES = 2 * 1024 * 1024;
const MOST_SURVIVORS = 100_000;

/**
 * Keeps V8's young generation small: 2 MB a half.
 *
 * By itself V8 doubles it, from 1 MB up to 16 MB, when many new objects survive, and does not give that back. New sessions are
 * objects that survive: a burst of 200 costs 8 KB each only for that. What dies young here, views and callbacks, needs no
 * more room: starts, floods and echo take the same time. With 1 MB a start spends half as much again in the collector.
 *
 * `--max-semi-space-size` says the same, but only to a process that is about to begin, and neither NODE_OPTIONS nor an
 * argument in a shebang line is ours to set. So objects that survive are made until V8
 * has doubled it once, before more is forbidden. Where a later V8 does not know the flag, it complains in one line and goes on.
 */
function boundYoungGeneration(): void {
  const survivors: object[] = [];
  while (youngBytes() < YOUNG_BYTES && survivors.length < MOST_SURVIVORS) {
    for (let index = 0; index < 5_000; index++) survivors.push({ index });
  }
  setFlagsFromString('--semi-space-growth-factor=1');
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find(space => space.space_name === 'new_space')?.space_size ?? YOUNG_BYTES;
}

/**
 * Lets V8 compile what runs often thirteen times as early as by itself: its measure is bytes of bytecode that a function has
 * run through, 67,584 before it is compiled. A session's start is a long way that is gone once, so that most of it would
 * still be interpreted after a thousand sessions, which is all that many a server ever sees.
 *
 * The compilers have the same work to do, in the first hundred sessions instead of the first thousand, which therefore take
 * longer: see docs/performance.md. Where a later V8 does not know the flag, it complains in one line and goes on.
 */
function compileEarly(): void {
  setFlagsFromString('--interrupt-budget=5000');
}

/** Makes the server; whoever calls brings the connections. */
export function createHost(settings: ServeSettings, found: Preparation, log: Log, options: HostOptions): Server {
  boundYoungGeneration();
  compileEarly();
  const { program } = found;
  const sessionLog = new SessionLog(log, program.name);
  const { hooks } = sessionLog;
  const shell = ptyShell(program.file, program.args, {
    mode: settings.mode,
    linemode: settings.linemode,
    encoding: settings.encoding,
    programEncoding: settings.programEncoding,
    term: settings.term,
    negotiationTimeout: settings.negotiationTimeout,
    neverSendGa: settings.neverSendGa,
    cwd: found.cwd,
    env: settings.env,
    acceptEnv: settings.acceptEnv,
    sizeEnv: settings.sizeEnv,
    user: found.user,
    userRange: options.userIds && new UserRange(options.userIds),
    limits: settings.limits,
    umask: settings.umask,
    nice: settings.nice,
    noNewPrivs: settings.noNewPrivs,
    cgroup: found.cgroup === undefined ? undefined : new Cgroups(found.cgroup, settings.cgroupLimits),
    killTimeout: settings.killTimeout,
    linger: settings.linger,
    argv0: program.argv0,
    ...hooks,
    onStart(session, started) {
      options.onStart?.(session, started);
      hooks.onStart(session, started);
    },
  });
  const { idleTimeout, sessionTimeout } = settings;
  const { admission } = options;
  const limits = { admission, idleTimeout, sessionTimeout };
  const server = createServer({
    shell: farewell(limit(limits, settings.robotCheck ? checked(shell, settings) : shell)),
    environ: requestedNames(settings),
    encoding: settings.encoding,
    compatibility: settings.compatibility,
    compression: settings.compression,
  });
  server.on('session', session => sessionLog.connected(session));
  server.on('settled', (session, outcome) => sessionLog.ended(session, outcome));
  server.on('refused', refusal => sessionLog.refused(refusal));
  const shortage = new ShortageLog(log);
  server.on('shortage', isShort => shortage.told(isShort));
  watchStarts(log, options.onStartsHang);
  onAbandoned(pid =>
    log.error(
      { pid },
      `program ${pid} does not die of SIGKILL, or cannot be reaped; its session ends without it ` +
        '(a file system does not answer, or another process traces it)',
    ),
  );
  server.on('error', error => log.error(`listener: ${escapeText(error.message, 200)}`));
  return server;
}

/** In mode line clients edit and echo, and send nothing of what a terminal answers. */
function checked(shell: Shell, { mode, negotiationTimeout }: ServeSettings): Shell {
  return robotCheck(shell, { askTerminal: mode !== 'line', negotiationTimeout });
}

/** Ends all sessions as politely as the settings' times allow. */
export function endHost(server: Server, settings: ServeSettings): Promise<void> {
  return server.shutdown({ timeout: settings.killTimeout + flushTimeout });
}
