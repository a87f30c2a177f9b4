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
import { isTerminalFamily } from '../../session/terminal.ts';
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
import { DEFAULT_COLUMNS, DEFAULT_ROWS, dimension } from './resize.ts';

/** What became of a session's program: its exit code or the signal that ended it; neither if it never started. */
export interface PtyResult extends ExitStatus {
  /** With `cgroup`, where it happened: how many processes the kernel killed because the cgroup had no memory left. */
  readonly outOfMemory?: number;
  /** With `userRange`, where there was no user id left: then there was no program. */
  readonly refused?: 'no-user-id';
}

/**
 * A shell that gives each session its own program on a pseudo-terminal, with what the client negotiated: terminal type,
 * window size and its changes, character set, language.
 *
 * The program is looked up in the PATH of *its* environment, as `execvp` does. Where it cannot be started, the client
 * reads one line, and the shell rejects with `ERR_PTY_SPAWN`.
 *
 * @throws `ERR_INVALID_ARGUMENT` for invalid options; `ERR_PTY_UNSUPPORTED` if pseudo-terminals are not available here, so that a
 *   server fails when it is set up and not at its first client.
 */
export function ptyShell(
  file: string,
  args: readonly string[] = [],
  options: PtyShellOptions = {},
): (session: Session) => Promise<PtyResult> {
  // What is wrong with them shows here, once, and not when the first client comes, or goes.
  check(typeof file === 'string' && file !== '', 'file must be the name of a program');
  check(Array.isArray(args) && args.every(arg => typeof arg === 'string'), 'args must be an array of strings');
  const settings = readPtyShellOptions(options);
  const { env, cwd = process.cwd(), programEncoding } = settings;
  const mode = SHELL_MODES[settings.mode];
  const encoding = canonicalCharset(settings.encoding)!;
  const own = programEncoding === 'client' ? undefined : canonicalCharset(programEncoding);
  const bridge: BridgeOptions = { ...settings, mode, lineMode: mode.mayEdit && settings.linemode !== 'never' };
  preparePty();
  // In a range each session's program has another one; these have no home.
  const user = settings.user ?? (settings.userRange === undefined ? ownUser() : { ...ownUser(), home: '/' });
  const terminfo = env.TERM === undefined ? new Terminfo({ HOME: user.home, ...env }, cwd) : undefined;
  const locales = new InstalledLocales(env.LOCPATH);
  const program: Program = { file, args, options: settings, mode, bridge, encoding, own, user, terminfo, locales };
  return session => serve(session, program);
}

/** How long the first client's program waits for the terminfo directories, which may be on a slow file system. */
const TERMINFO_LIMIT_MS = 1_000;

/** Everything about a program that is the same for all sessions. */
interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly options: PtyShellSettings;
  readonly mode: (typeof SHELL_MODES)[ModeName];
  readonly bridge: BridgeOptions;
  readonly encoding: string;
  /** The character set that the program runs in whatever the client's. */
  readonly own: string | undefined;
  /** Where no `userRange` has another one for each session. */
  readonly user: EnvironmentUser;
  /** The terminals that the program knows. Undefined where the operator has decided what TERM is. */
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
  // Nothing reads the session yet, so what is typed meanwhile stays in its look-ahead, in order: keys typed by a command,
  // too. One that is a signal has nobody to reach yet.
  const typeKey = ({ command }: CommandEvent): void => {
    const key = keyOf(command);
    if (key !== undefined && key.signal === undefined)
      session.insertInput(Buffer.of(mode.terminal[key.name] ?? key.usual));
  };
  session.on('command', typeKey);
  const { terminfo } = program;
  await readyToStart(session, options.negotiationTimeout, type => isUsable(type, terminfo));
  // So it is but for clients that come while the server starts.
  if (terminfo?.isListed === false) await terminfo.listed(TERMINFO_LIMIT_MS);
  echoNow();
  if (session.destroyed || session.hangupReason !== undefined) {
    session.off('command', typeKey);
    opened();
    return { code: null, signal: null };
  }
  // Whoever asks for an end meanwhile is heard: the bridge looks for it once there is a program to be hung up.
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

/** Tells the client, and the log, of a limit that has ended the program. */
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

/** Whether the program can have this terminal type of the client's. What cannot be looked up is judged by its look. */
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

/** Starts the program; `undefined` where there is no user left for it. */
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
  const cgroup = await told(session, cgroups.create(session.id));
  try {
    return { ...(await start(session, program, user, cgroup.path)), cgroup };
  } catch (error) {
    await cgroup.end();
    throw error;
  }
}

/** Whatever the program has left behind ends with it. */
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
  // The last column of a machine's screen is better not written (screen/machines/painter.ts).
  const spare = program.own === undefined ? 0 : 1;
  const columns = dimension(terminal.columns, machine === undefined ? DEFAULT_COLUMNS : machine.columns - spare);
  const rows = dimension(terminal.rows, machine?.rows ?? DEFAULT_ROWS);
  const { env, rejected } = programEnvironment(
    {
      user: user ?? program.user,
      // A machine is made into a terminal here, and its own name is none that a program would know.
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
    // IUTF8 makes the erase key take a whole character; in any other set than the one the program is told, it would eat the wrong number of bytes.
    modes: {
      ...mode.terminal,
      ...(mode.echoFollows ? { echo } : {}),
      verase: erase,
      iutf8: charset === 'UTF-8',
      ...speedMode(terminal.speed),
      ...(program.bridge.lineMode ? clientControls(session) : {}),
    },
  });
  const pty = await told(session, starting);
  session.emit('started');
  const own = user === undefined ? {} : { uid: user.uid };
  const times = { negotiationTime, startTime: session.age - negotiationTime };
  options.onStart?.(session, { pid: pty.pid, file, args, term: env.TERM ?? '', columns, rows, ...own, ...times });
  const translation =
    program.own === undefined ? undefined : new Translation(session, pty, program.own, program.encoding, erase);
  return { pty, erase, echo, translation };
}

/** The name of the user at the other end of a UNIX socket; the number where it has none. */
function remoteUser({ peer }: Session): string | undefined {
  return peer?.kind === 'local' && peer.uid !== undefined ? userName(peer.uid) : undefined;
}

/** Of the variables that can name a character set, the one that does (POSIX, 8.2). */
const decisive = ({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv): string => LC_ALL || LC_CTYPE || LANG || '';

/** The character set in which a client types whose program got the locale C, for want of one in that set. */
function terminalCharset({ environ, charset }: Session['terminal'], encoding: string): string | undefined {
  return charsetOfLocale(decisive(Object.fromEntries(environ))) ?? canonicalCharset(charset ?? encoding);
}

/** What the client calls its terminal, and which of that the program knows. */
function namesOf({ type, types }: Session['terminal'], terminfo: Terminfo | undefined) {
  const knowsTerminal = terminfo === undefined ? undefined : (name: string) => terminfo.has(name);
  return { terminalType: type, terminalTypes: types, knowsTerminal };
}

/** Tells the client in one line if there will be no program, and why. */
async function told<T>(session: Session, starting: Promise<T>): Promise<T> {
  try {
    return await starting;
  } catch (error) {
    const why = error instanceof TelptyError ? error.message : 'cannot start the program';
    session.write(`telpty: ${why}\r\n`);
    throw error;
  }
}
