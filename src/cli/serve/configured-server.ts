/** Creates the server from the settings, in the main process or in a worker. */
import { boundYoungGeneration, compileEarly } from '../../native/node-internals.ts';
import { Cgroups } from '../../pty/index.ts';
import { onAbandoned } from '../../pty/program.ts';
import { type UserIdSource, UserRange } from '../../pty/user-range.ts';
import { record, recordOptions } from '../../recording/record.ts';
import { type Middleware, serverOptions } from '../../server/options.ts';
import { createServer, type Server } from '../../server/server.ts';
import { requestedNames } from '../../shells/environment/environment.ts';
import { limit, limitOptions } from '../../shells/guards/limit.ts';
import { robotCheck, robotCheckOptions } from '../../shells/guards/robot-check.ts';
import type { AdmissionControl } from '../../shells/guards/session-limits.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { type PtyShellOptions, ptyShellOptions } from '../../shells/program/options.ts';
import { ptyShell } from '../../shells/program/pty-shell.ts';
import type { Log } from '../log/log.ts';
import { SessionLog } from '../log/session-log.ts';
import { DescriptorExhaustionLog } from '../system/descriptor-exhaustion.ts';
import { watchStarts } from '../system/start-watch.ts';
import type { Reloadables } from './reload.ts';
import { optionsFor, type ServeSettings } from './settings.ts';
import { shutdownNotice } from './shutdown-notice.ts';
import type { StartupChecks } from './startup-checks.ts';

/** After the programs were killed: how long clients may take to read the remaining output, in milliseconds. */
export const FLUSH_MS = 5_000;

/** Additions of the process to the settings. */
export interface HostOptions {
  /** Counts the sessions. */
  readonly admission: AdmissionControl;
  readonly onStart?: PtyShellOptions['onStart'];
  /** The source of user ids for `--user-range`. */
  readonly userIds: UserIdSource | undefined;
  /** Called when starts of programs begin to hang, and when they no longer do. */
  readonly onStartsHang?: (hang: boolean) => void;
  /** Receives the parts of the server that a reload can change. */
  readonly reloadables?: Reloadables;
}

/** Creates the server; the caller supplies the connections. */
export function createHost(settings: ServeSettings, found: StartupChecks, log: Log, options: HostOptions): Server {
  boundYoungGeneration();
  compileEarly();
  const { program } = found;
  const sessionLog = new SessionLog(log, program.name);
  const { hooks } = sessionLog;
  const shell = ptyShell(program.file, program.args, {
    ...optionsFor(ptyShellOptions, settings),
    // Options that depend on several settings, or that were looked up.
    cwd: found.cwd,
    env: settings.env,
    user: found.user,
    userRange: options.userIds && new UserRange(options.userIds),
    limits: settings.limits,
    cgroup: found.cgroup === undefined ? undefined : new Cgroups(found.cgroup, settings.cgroupLimits),
    argv0: program.argv0,
    ...hooks,
    onStart(session, started) {
      options.onStart?.(session, started);
      hooks.onStart(session, started);
    },
  });
  const limits = { ...optionsFor(limitOptions, settings), admission: options.admission };
  const server = createServer({
    ...optionsFor(serverOptions, settings),
    shell,
    use: [
      shutdownNotice,
      limit(limits),
      ...(settings.robotCheck ? [checkFor(settings)] : []),
      ...(found.recordings === undefined ? [] : [recorderFor(found.recordings, settings, found, sessionLog)]),
    ],
    requestEnviron: requestedNames(settings),
  });
  server.on('session', session => sessionLog.connected(session));
  server.on('settled', (session, outcome) => sessionLog.ended(session, outcome));
  server.on('refused', refusal => sessionLog.refused(refusal));
  const shortage = new DescriptorExhaustionLog(log);
  server.on('shortage', ({ isShort }) => shortage.changed(isShort));
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

function recorderFor(directory: string, settings: ServeSettings, found: StartupChecks, log: SessionLog): Middleware {
  const { argv0, args } = found.program;
  return record({
    ...optionsFor(recordOptions, settings),
    directory,
    command: [argv0, ...args].map(quoted).join(' '),
    onStart: (session, file) => log.recorded(session, file),
    onEnd: (session, end) => log.recordingEnded(session, end),
    onTidy: (what, files) => log.recordingsTidied(what, files),
  });
}

/** An argument as a shell would need it. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** In mode line clients edit and echo, and do not send the answers of their terminal. */
function checkFor(settings: ServeSettings): Middleware {
  return robotCheck({ ...optionsFor(robotCheckOptions, settings), askTerminal: settings.mode !== 'line' });
}

/** Ends all sessions cleanly, as far as the time limits of the settings allow. */
export function endHost(server: Server, settings: ServeSettings): Promise<void> {
  return server.shutdown({ timeout: settings.killTimeout + FLUSH_MS });
}
