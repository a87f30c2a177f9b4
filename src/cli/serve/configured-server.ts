/** The server that the settings ask for, in whatever process it runs. */
import { boundYoungGeneration, compileEarly } from '../../native/node-internals.ts';
import { Cgroups } from '../../pty/index.ts';
import { onAbandoned } from '../../pty/program.ts';
import { type UserIdSource, UserRange } from '../../pty/user-range.ts';
import type { Shell } from '../../server/options.ts';
import { createServer, type Server } from '../../server/server.ts';
import { requestedNames } from '../../shells/environment/environment.ts';
import { limit } from '../../shells/guards/limit.ts';
import { robotCheck } from '../../shells/guards/robot-check.ts';
import type { Admission } from '../../shells/guards/session-limits.ts';
import { escapeText } from '../../shells/output/escape.ts';
import type { PtyShellOptions } from '../../shells/program/options.ts';
import { ptyShell } from '../../shells/program/pty-shell.ts';
import type { Log } from '../log/log.ts';
import { SessionLog } from '../log/session-log.ts';
import { DescriptorExhaustionLog } from '../system/descriptor-exhaustion.ts';
import { watchStarts } from '../system/start-watch.ts';
import type { Reloadables } from './reload.ts';
import type { ServeSettings } from './settings.ts';
import { shutdownNotice } from './shutdown-notice.ts';
import type { StartupChecks } from './startup-checks.ts';

/** After the programs were killed: how long clients may take to read what they are owed, in milliseconds. */
export const FLUSH_MS = 5_000;

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

/** Makes the server; whoever calls brings the connections. */
export function createHost(settings: ServeSettings, found: StartupChecks, log: Log, options: HostOptions): Server {
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
    shell: shutdownNotice(limit(limits, settings.robotCheck ? checked(shell, settings) : shell)),
    environ: requestedNames(settings),
    encoding: settings.encoding,
    compatibility: settings.compatibility,
    compression: settings.compression,
  });
  server.on('session', session => sessionLog.connected(session));
  server.on('settled', (session, outcome) => sessionLog.ended(session, outcome));
  server.on('refused', refusal => sessionLog.refused(refusal));
  const shortage = new DescriptorExhaustionLog(log);
  server.on('shortage', isShort => shortage.changed(isShort));
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
  return server.shutdown({ timeout: settings.killTimeout + FLUSH_MS });
}
