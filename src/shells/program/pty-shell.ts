import { canonicalCharset, charsetOfLocale } from '../../charset/index.ts';
import { TelptyError } from '../../errors.ts';
import { check } from '../../options.ts';
import { type CommandEvent, Option } from '../../protocol/index.ts';
import {
  type Cgroup,
  type ExitStatus,
  type Limits,
  type Pty,
  preparePty,
  type RangeUser,
  type User,
} from '../../pty/index.ts';
import { startChecked } from '../../pty/start.ts';
import { ownUser, userName } from '../../pty/users.ts';
import { loadScreens, machineOf } from '../../screen/machines/index.ts';
import { linemodeOption } from '../../session/option-table.ts';
import type { Session } from '../../session/session.ts';
import { DEFAULT_COLUMNS, DEFAULT_ROWS, dimension, isTerminalFamily } from '../../session/terminal.ts';
import { expectDescriptors, SESSION_DESCRIPTORS } from '../../transport/tcp/descriptors.ts';
import { programEnvironment } from '../environment/environment.ts';
import { InstalledLocales } from '../environment/locales.ts';
import { firstKnownTerminal, isUnspecific } from '../environment/terminal-names.ts';
import { Terminfo } from '../environment/terminfo.ts';
import { reject } from '../guards/refusal.ts';
import { offerEcho, refusesEcho } from '../line-editing/echo.ts';
import { eraseCharacter } from '../line-editing/erase-key.ts';
import { clientControls } from '../line-editing/linemode-client.ts';
import { Translation } from '../output/translation.ts';
import { Bridge, type BridgeOptions, type StartedWith } from './bridge.ts';
import { earlyDeath, earlyDeaths } from './early-death.ts';
import { keyOf } from './interrupts.ts';
import { type ModeName, SHELL_MODES, speedMode } from './modes.ts';
import { type PtyShellOptions, type PtyShellSettings, readPtyShellOptions } from './options.ts';
import { readyToStart } from './readiness.ts';

/** The result of a session's program: its exit code or the signal that ended it; neither if it never started. */
export interface PtyResult extends ExitStatus {
  /** With `cgroup`, if any: how many processes the kernel killed because the cgroup ran out of memory. */
  readonly outOfMemory?: number;
  /** With `userRange`, if all user ids were in use: no program was started. */
  readonly refused?: 'no-user-id';
}

/**
 * A shell that runs a program for each session on its own pseudo-terminal. The program gets the values negotiated with
 * the client: terminal type, window size and its changes, character set, language.
 *
 * The program is looked up in the PATH of *its* environment, like `execvp` does. If it cannot be started, the client
 * gets one line of text, and the shell rejects with `ERR_PTY_SPAWN`.
 *
 * @throws `ERR_INVALID_ARGUMENT` for invalid options; `ERR_PTY_UNSUPPORTED` if pseudo-terminals are not available here,
 *   so that a server fails at its start and not at its first client.
 */
export function ptyShell(
  file: string,
  args: readonly string[] = [],
  options: PtyShellOptions = {},
): (session: Session) => Promise<PtyResult> {
  // Invalid arguments are reported here, once, and not when the first client connects or disconnects.
  check(typeof file === 'string' && file !== '', 'file must be the name of a program');
  check(Array.isArray(args) && args.every(arg => typeof arg === 'string'), 'args must be an array of strings');
  const settings = readPtyShellOptions(options);
  const { env, cwd = ownDirectory(), programEncoding } = settings;
  const mode = SHELL_MODES[settings.mode];
  const encoding = canonicalCharset(settings.encoding)!;
  const own = programEncoding === 'client' ? undefined : canonicalCharset(programEncoding);
  const bridge: BridgeOptions = { ...settings, mode, lineMode: mode.mayEdit && settings.linemode !== 'never' };
  preparePty();
  // With a range, each session's program has a different user; these have no home directory.
  const user = settings.user ?? (settings.userRange === undefined ? ownUser() : { ...ownUser(), home: '/' });
  const terminfo = env.TERM === undefined ? new Terminfo({ HOME: user.home, ...env }, cwd) : undefined;
  const locales = new InstalledLocales(env.LOCPATH);
  const program: Program = { file, args, options: settings, mode, bridge, encoding, own, user, terminfo, locales };
  return session => serve(session, program);
}

/**
 * The working directory of the server, for relative names in TERMINFO_DIRS. If it was removed, such names name nothing,
 * and programs start nevertheless: they inherit the directory.
 */
function ownDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return '/';
  }
}

/** Limit of the first program's wait for the terminfo directories, which may be on a slow file system. */
const TERMINFO_LIMIT_MS = 1_000;

/** Everything about a program that all sessions share. */
interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly options: PtyShellSettings;
  readonly mode: (typeof SHELL_MODES)[ModeName];
  readonly bridge: BridgeOptions;
  readonly encoding: string;
  /** The character set of the program, if it is independent of the client's. */
  readonly own: string | undefined;
  /** Unless `userRange` provides a user for each session. */
  readonly user: EnvironmentUser;
  /** The terminals that the program knows. Undefined if the operator has set TERM. */
  readonly terminfo: Terminfo | undefined;
  readonly locales: InstalledLocales;
}

type EnvironmentUser = Parameters<typeof programEnvironment>[0]['user'];

async function serve(session: Session, program: Program): Promise<PtyResult> {
  const { options, mode } = program;
  const opened = expectDescriptors(SESSION_DESCRIPTORS - 1);
  if (mode.echo === 'always') session.telnet.request(Option.ECHO, 'local', true);
  for (const [code, side] of mode.requests) session.telnet.request(code, side, true);
  const echoNow = mode.echo === 'unless misunderstood' ? offerEcho(session) : nothing;
  if (program.bridge.lineMode && session.telnet.has(linemodeOption))
    session.telnet.request(Option.LINEMODE, 'remote', true);
  // Nothing reads the session yet, so input stays in its read-ahead, in order, including keys that arrive as commands.
  // Keys that are signals are ignored: there is no process to signal yet.
  const typeKey = ({ command }: CommandEvent): void => {
    const key = keyOf(command);
    if (key !== undefined && key.signal === undefined)
      session.insertInput(Buffer.of(mode.terminal[key.name] ?? key.usual));
  };
  session.on('command', typeKey);
  const { terminfo } = program;
  await readyToStart(session, options.negotiationTimeout, type => isUsable(type, terminfo));
  // Not listed only if clients connect while the server starts.
  if (terminfo?.isListed === false) await terminfo.listed(TERMINFO_LIMIT_MS);
  echoNow();
  if (session.destroyed || session.hangupReason !== undefined) {
    session.off('command', typeKey);
    opened();
    return { code: null, signal: null };
  }
  // A request to end the session during the start is not lost: the bridge checks for it once there is a program to hang
  // up.
  session.on('hangup', nothing);
  try {
    const started = await startAsUser(session, program).finally(opened);
    if (started === undefined) {
      reject(session, 'no-user-id');
      return { code: null, signal: null, refused: 'no-user-id' };
    }
    const { pty, cgroup, own, ...startedWith } = started;
    const bridge = new Bridge(session, pty, program.bridge, startedWith);
    const status = bridge.run();
    const { limits = {} } = options;
    if (Object.keys(limits).length > 0) explainEarlyDeath(session, pty, bridge, status, limits);
    return cgroup === undefined && own === undefined ? status : endAll(started, status);
  } finally {
    session.off('hangup', nothing);
    session.off('command', typeKey);
  }
}

function nothing(): void {}

/** Reports the limit that has ended the program to the client, and to the log. */
function explainEarlyDeath(
  session: Session,
  pty: Pty,
  bridge: Bridge,
  status: Promise<ExitStatus>,
  limits: Limits,
): void {
  const begun = performance.now();
  void status.then(result => {
    const { firstOutput } = bridge;
    const { cpuTimeMs } = pty.master.program;
    const age = performance.now() - begun;
    const why = earlyDeath({ ...result, age, cpuTimeMs, output: firstOutput ?? '' }, limits);
    if (why === undefined || session.hangupReason !== undefined) return;
    earlyDeaths.set(session, why);
    const isSilent = firstOutput === undefined || result.code !== null;
    if (isSilent && session.writable) session.write(`telpty: the program was ${why}\r\n`);
  });
}

/** Whether the program can use this terminal type of the client. If it cannot be looked up, its form decides. */
function isUsable(type: string, terminfo: Terminfo | undefined): boolean {
  if (terminfo === undefined) return true;
  const isKnown = firstKnownTerminal([type], name => terminfo.has(name)) !== undefined;
  return isKnown || (terminfo.has(type.toLowerCase()) === undefined && isTerminalFamily(type) && !isUnspecific(type));
}

interface Started extends StartedWith {
  readonly pty: Pty;
  readonly cgroup?: Cgroup;
  /** With `userRange`. */
  readonly own?: RangeUser;
}

/** Starts the program; `undefined` if no user id is free. */
async function startAsUser(session: Session, program: Program): Promise<Started | undefined> {
  const { userRange } = program.options;
  if (userRange === undefined) return startInCgroup(session, program);
  const own = await userRange.take();
  if (own === undefined) return undefined;
  try {
    return { ...(await startInCgroup(session, program, own.user)), own };
  } catch (error) {
    await own.end();
    throw error;
  }
}

async function startInCgroup(session: Session, program: Program, user?: User): Promise<Started> {
  const { cgroup: cgroups } = program.options;
  if (cgroups === undefined) return start(session, program, user);
  const cgroup = await reportingFailure(session, cgroups.create(session.id));
  try {
    return { ...(await start(session, program, user, cgroup.path)), cgroup };
  } catch (error) {
    await cgroup.end();
    throw error;
  }
}

/** Ends all processes that the program has left. */
async function endAll({ cgroup, own }: Started, running: Promise<ExitStatus>): Promise<PtyResult> {
  const status = await running;
  const [end] = await Promise.all([cgroup?.end(), own?.end()]);
  return end !== undefined && end.outOfMemory > 0 ? { ...status, ...end } : status;
}

async function start(session: Session, program: Program, user?: User, cgroup?: string): Promise<Started> {
  const { options, mode, file, args } = program;
  const { terminal } = session;
  const machine = machineOf(terminal.encoding(program.encoding));
  if (machine !== undefined && program.own !== undefined) await loadScreens();
  // The last column of a home computer's screen is better not used (screen/machines/painter.ts).
  const spare = program.own === undefined ? 0 : 1;
  const columns = dimension(terminal.columns, machine === undefined ? DEFAULT_COLUMNS : machine.columns - spare);
  const rows = dimension(terminal.rows, machine?.rows ?? DEFAULT_ROWS);
  const { env, rejected } = programEnvironment(
    {
      user: user ?? program.user,
      // A home computer is presented as a terminal here; programs would not know its own name.
      ...(machine !== undefined && program.own !== undefined ? {} : namesOf(terminal, program.terminfo)),
      columns,
      rows,
      charset: terminal.charset,
      environ: terminal.environ,
      display: terminal.display,
      remoteAddress: session.remoteAddress,
      remoteUser: remoteUser(session),
      locales: program.locales,
    },
    options,
  );
  if (rejected.length > 0) options.onReject?.(session, rejected);

  const erase = mode.terminal.verase ?? eraseCharacter(env.TERM ?? '');
  const echo = !refusesEcho(session);
  const charset = program.own ?? charsetOfLocale(decisive(env)) ?? terminalCharset(terminal, program.encoding);
  const negotiationTime = session.age;
  const starting = startChecked(file, args, {
    cwd: options.cwd,
    env,
    columns,
    rows,
    argv0: options.argv0,
    user: user ?? options.user,
    limits: options.limits ?? {},
    umask: options.umask,
    nice: options.nice,
    noNewPrivs: options.noNewPrivs,
    cgroup,
    // With IUTF8 the erase key deletes a whole character. In a character set other than the program's it would delete
    // the wrong number of bytes.
    modes: {
      ...mode.terminal,
      ...(mode.echoFollows ? { echo } : {}),
      verase: erase,
      iutf8: charset === 'UTF-8',
      ...speedMode(terminal.speed),
      ...(program.bridge.lineMode ? clientControls(session) : {}),
    },
  });
  const pty = await reportingFailure(session, starting);
  session.link.programStarts(program.encoding);
  session.emit('started');
  const own = user === undefined ? {} : { uid: user.uid };
  const times = { negotiationTime, startTime: session.age - negotiationTime };
  options.onStart?.(session, { pid: pty.pid, file, args, term: env.TERM ?? '', columns, rows, ...own, ...times });
  const translation =
    program.own === undefined ? undefined : new Translation(session, pty, program.own, program.encoding, erase);
  return { pty, erase, echo, translation };
}

/**
 * The name of the user at the other end: of a UNIX socket, its number if it has no name; of the web gateway, the name
 * that it has checked.
 */
function remoteUser({ peer }: Session): string | undefined {
  if (peer?.kind === 'ip') return peer.user;
  return peer?.kind === 'local' && peer.uid !== undefined ? userName(peer.uid) : undefined;
}

/** The variable that determines the character set (POSIX, 8.2). */
const decisive = ({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv): string => LC_ALL || LC_CTYPE || LANG || '';

/** The character set of a client whose program got the locale C because none is installed in that set. */
function terminalCharset({ environ, charset }: Session['terminal'], encoding: string): string | undefined {
  return charsetOfLocale(decisive(Object.fromEntries(environ))) ?? canonicalCharset(charset ?? encoding);
}

/** The names of the client's terminal, and which of them the program knows. */
function namesOf({ type, types }: Session['terminal'], terminfo: Terminfo | undefined) {
  const knowsTerminal = terminfo === undefined ? undefined : (name: string) => terminfo.has(name);
  return { terminalType: type, terminalTypes: types, knowsTerminal };
}

/** If no program can be started, sends the reason to the client in one line. */
async function reportingFailure<T>(session: Session, starting: Promise<T>): Promise<T> {
  try {
    return await starting;
  } catch (error) {
    const why = error instanceof TelptyError ? error.message : 'cannot start the program';
    session.write(`telpty: ${why}\r\n`);
    throw error;
  }
}
