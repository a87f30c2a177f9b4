/** The server that the settings ask for, in whatever process it runs. */
import { boundYoungGeneration, compileEarly } from '../../native/node-internals.ts';
import { Cgroups } from '../../pty/index.ts';
import { onAbandoned } from '../../pty/program.ts';
import { type UserIdSource, UserRange } from '../../pty/user-range.ts';
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

/** After the programs were killed: how long clients may take to read what they are owed, in milliseconds. */
export const FLUSH_MS = 5_000;

/** What the process adds to the settings. */
export interface HostOptions {
  /** Where sessions are counted. */
  readonly admission: AdmissionControl;
  readonly onStart?: PtyShellOptions['onStart'];
  /** Of `--user-range`. */
  readonly userIds: UserIdSource | undefined;
  /** Called when starts of programs begin to hang, and when none does any more. */
  readonly onStartsHang?: (hang: boolean) => void;
  /** Where what can take up new settings while it serves is added. */
  readonly reloadables?: Reloadables;
}

/** Makes the server; whoever calls brings the connections. */
export function createHost(settings: ServeSettings, found: StartupChecks, log: Log, options: HostOptions): Server {
  boundYoungGeneration();
  compileEarly();
  const { program } = found;
  const sessionLog = new SessionLog(log, program.name);
  const { hooks } = sessionLog;
  const shell = ptyShell(program.file, program.args, {
    ...optionsFor(ptyShellOptions, settings),
    // What is made of several settings, or was looked up.
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
    use: [shutdownNotice, limit(limits), ...(settings.robotCheck ? [checkFor(settings)] : [])],
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

/** In mode line clients edit and echo, and send nothing of what a terminal answers. */
function checkFor(settings: ServeSettings): Middleware {
  return robotCheck({ ...optionsFor(robotCheckOptions, settings), askTerminal: settings.mode !== 'line' });
}

/** Ends all sessions as politely as the settings' times allow. */
export function endHost(server: Server, settings: ServeSettings): Promise<void> {
  return server.shutdown({ timeout: settings.killTimeout + FLUSH_MS });
}
