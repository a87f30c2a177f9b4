/** The servers that are measured: how each is started, and whether it is installed. */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { binary, build, certificate, logs, peer, telpty } from './paths.ts';
import { isListening, serverTree, start, stop } from './processes.ts';

/** How the client comes to the server: `proxy` means with a PROXY header before everything. */
export type Path = 'plain' | 'tls' | 'proxy';

/** What a server is started for. */
export interface Purpose {
  /** The path of the program. */
  readonly program: string;
  /** Its output is not text. */
  readonly binary: boolean;
  readonly path: Path;
}

export interface ServerKind {
  readonly name: string;
  /** What the load client speaks to it. */
  readonly protocol: 'telnet' | 'raw' | 'ttyd' | 'gateway';
  /** The paths other than the plain one that it serves. */
  readonly paths?: readonly Path[];
  /** Among how many processes it divides its sessions, if it was set to. */
  readonly workers?: number;
  /** The only tests that it is in unless it is asked for by name; all if undefined. */
  readonly tests?: readonly string[];
  /** Why it cannot be measured here, if it cannot. */
  missing(): string | undefined;
  /** The command that serves a program on a port. */
  command(port: number, purpose: Purpose): string[];
}

/** The server that ratios are against unless another one is asked for. */
export const FLOOR = 'floor';

export interface RunningServer {
  readonly kind: ServerKind;
  /** Where the client connects: with TLS, the near end of its tunnel. */
  readonly port: number;
  readonly path: Path;
  /** The one core that it and its clients are to keep to, if so. */
  readonly core?: number | undefined;
  /** Its processes at this moment, without the programs it hosts. */
  processes(): number[];
  /** The programs it hosts at this moment. */
  hosted(): number[];
  alive(): boolean;
  stop(): Promise<void>;
}

/** A program of this name in PATH or where system programs are. */
function which(name: string): string | undefined {
  for (const directory of [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']) {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return join(directory, name);
    } catch {
      // Not there.
    }
  }
  return undefined;
}

const succeeds = (file: string, args: readonly string[]): boolean =>
  spawnSync(file, args, { stdio: 'ignore' }).status === 0;
const output = (file: string, args: readonly string[]): string =>
  spawnSync(file, args, { encoding: 'utf8' }).stdout ?? '';
const unlessFound = (name: string) => (which(name) === undefined ? `no ${name}` : undefined);

function resolvable(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** A directory for recordings. Those of earlier servers on the port are removed. */
function newRecordings(port: number): string {
  const directory = join(build, 'recordings', String(port));
  rmSync(directory, { recursive: true, force: true });
  return directory;
}

/** telpty with several processes: for what is bound by one. */
function workers(count: number, tests: readonly string[]): ServerKind {
  const name = `telpty-${count}`;
  return {
    name,
    protocol: 'telnet',
    workers: count,
    tests,
    missing: () =>
      /--workers/.test(output(process.execPath, [telpty, 'serve', '--help'])) ? undefined : 'dist/ knows no --workers',
    command: (port, purpose) => serve(port, purpose, ['--workers', String(count)]),
  };
}

/** The header has one address for all sessions. As root, programs of root need a permission. */
const behindProxy: readonly string[] = [
  ...['--proxy-protocol', '127.0.0.1', '--max-per-ip', '0', '--connect-rate', '0'],
  ...(process.getuid?.() === 0 ? ['--allow-root-program'] : []),
];

/** The limits on numbers are lifted: the curve of sessions goes beyond the defaults, and the others have none. */
const serve = (port: number, { program, path }: Purpose, more: readonly string[] = []): string[] => [
  ...[process.execPath, telpty, 'serve', '--port', String(port), '--max-sessions', '0', '--max-negotiating', '0'],
  ...(path === 'tls' ? ['--tls-cert', certificate, '--tls-key', certificate] : []),
  ...(path === 'proxy' ? behindProxy : []),
  ...[...more, '--', program],
];

/** The floor; for TLS with stunnel in front, as a server without TLS is run. */
function floor(port: number, { program, path }: Purpose): string[] {
  if (path !== 'tls') return [binary('floor'), ...(path === 'proxy' ? ['-p'] : []), String(port), program];
  const inner = port + 1;
  const front = tunnel(`floor-${port}`, { server: true, accept: port, connect: inner });
  return ['sh', '-c', '"$0" "$1" "$2" & shift 2; exec "$@"', binary('floor'), String(inner), program, ...front];
}

/** In the order of the table; `floor` is what the others are compared with. */
export const kinds: readonly ServerKind[] = [
  {
    name: 'floor',
    protocol: 'raw',
    missing: () => undefined,
    paths: ['tls', 'proxy'],
    command: floor,
  },
  {
    name: 'telpty',
    protocol: 'telnet',
    missing: () => undefined,
    paths: ['tls', 'proxy'],
    command: (port, purpose) => serve(port, purpose),
  },
  {
    name: 'telpty-web',
    protocol: 'gateway',
    tests: ['ascii', 'ansi', 'binary', 'latency', 'latency-8', 'starts', 'first-byte', 'slow-reader', 'idle'],
    missing: () => undefined,
    command: (port, { program }) => [
      ...[process.execPath, telpty, 'serve', '--port', 'none', '--web', String(port)],
      ...['--max-sessions', '0', '--max-per-ip', '0', '--max-negotiating', '0', '--', program],
    ],
  },
  workers(2, ['latency-8', 'starts']),
  workers(4, []),
  {
    name: 'telpty-recorded',
    protocol: 'telnet',
    tests: [],
    missing: () => undefined,
    command: (port, purpose) => serve(port, purpose, ['--record', newRecordings(port), '--record-max', '1G']),
  },
  {
    name: 'inetutils',
    protocol: 'telnet',
    missing() {
      if (which('telnetd') === undefined) return 'no telnetd';
      return /inetutils/i.test(output(which('telnetd')!, ['--version']))
        ? undefined
        : 'telnetd is not the one of inetutils';
    },
    command: (port, { program }) => [binary('inetd'), String(port), which('telnetd')!, '-h', '-E', program],
  },
  {
    name: 'busybox',
    protocol: 'telnet',
    missing() {
      if (which('busybox') === undefined) return 'no busybox';
      return /^telnetd$/m.test(output(which('busybox')!, ['--list'])) ? undefined : 'busybox has no telnetd';
    },
    command: (port, { program }) => [
      which('busybox')!,
      'telnetd',
      '-F',
      '-K',
      '-b',
      '127.0.0.1',
      '-p',
      String(port),
      '-l',
      program,
    ],
  },
  {
    name: 'socat',
    protocol: 'raw',
    missing: () => unlessFound('socat'),
    command: (port, { program }) => [
      which('socat')!,
      '-b65536',
      `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr,nodelay,backlog=1024`,
      `EXEC:${program},pty,raw,echo=0,setsid,ctty`,
    ],
  },
  {
    name: 'ttyd',
    protocol: 'ttyd',
    missing: () => unlessFound('ttyd'),
    command: (port, { program }) => [which('ttyd')!, '-d', '1', '-W', '-i', 'lo', '-p', String(port), program],
  },
  {
    name: 'telnetlib3',
    protocol: 'telnet',
    missing: () => (succeeds('python3', ['-c', 'import telnetlib3.server']) ? undefined : 'python3 cannot import it'),
    command: (port, { program, binary }) => [
      ...['python3', '-m', 'telnetlib3.server', '127.0.0.1', String(port), '--loglevel', 'error'],
      ...(binary ? ['--encoding', 'latin1'] : []),
      ...['--pty-exec', program],
    ],
  },
  {
    name: 'node-pty',
    protocol: 'raw',
    missing: () => (resolvable('node-pty') ? undefined : 'not resolvable (NODE_PATH is looked at)'),
    command: (port, { program }) => [process.execPath, peer('node-pty.mjs'), String(port), program],
  },
];

/**
 * Starts a server and waits until it listens. Rejects if it does not.
 *
 * @param purpose its program is a name in bench/build/bin here.
 * @param core for a server that is to have this core and no other, with all that it starts and its client.
 */
export async function startServer(kind: ServerKind, purpose: Purpose, core?: number): Promise<RunningServer> {
  const { program, path } = purpose;
  const port = await freePort();
  const log = `${kind.name}-${program}`;
  const child = await listening(log, port, [
    ...onCore(core),
    ...kind.command(port, { ...purpose, program: binary(program) }),
  ]);
  const tree = () => serverTree(child.pid!);
  const server = {
    ...{ kind, port, path, core },
    alive: () => isRunning(child),
    processes: () => tree().server,
    hosted: () => tree().hosted,
    stop: () => stop(child),
  };
  if (path !== 'tls') return server;
  // The load client has no TLS: it gets a tunnel of its own, which is not measured.
  try {
    const near = await freePort();
    const front = await listening(log, near, tunnel(`client-${near}`, { server: false, accept: near, connect: port }));
    const stopBoth = async () => void (await Promise.all([stop(front), stop(child)]));
    return { ...server, port: near, alive: () => isRunning(child) && isRunning(front), stop: stopBoth };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

const isRunning = (child: ChildProcess): boolean =>
  child.pid !== undefined && child.exitCode === null && child.signalCode === null;

/** Starts a command and waits until it listens on the port. */
async function listening(name: string, port: number, command: readonly string[]): Promise<ChildProcess> {
  const log = openSync(join(logs, `${name}.log`), 'a');
  const child = start(command, { stdio: ['ignore', log, log] });
  closeSync(log);
  const end = Date.now() + 15_000;
  while (!isListening(port)) {
    await sleep(20);
    if (isRunning(child) && Date.now() < end) continue;
    await stop(child);
    throw new Error(`did not start (${name}.log in bench/build/log)`);
  }
  await sleep(100);
  return child;
}

/** The command of one end of a TLS tunnel. */
function tunnel(name: string, ends: { server: boolean; accept: number; connect: number }): string[] {
  const file = join(build, `tunnel-${name}.conf`);
  const lines = [
    ...['foreground = yes', 'pid =', 'debug = err', 'socket = l:TCP_NODELAY=1', 'socket = r:TCP_NODELAY=1'],
    ...['[tunnel]', `client = ${ends.server ? 'no' : 'yes'}`],
    ...[`accept = 127.0.0.1:${ends.accept}`, `connect = 127.0.0.1:${ends.connect}`],
    ...(ends.server ? [`cert = ${certificate}`] : []),
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return [which('stunnel')!, file];
}

/** Why a path cannot be measured here, if it cannot. */
export function pathMissing(path: Path): string | undefined {
  if (path !== 'tls') return undefined;
  return unlessFound('stunnel') ?? unlessFound('openssl');
}

/** What goes before a command that is to keep to one core. */
export const onCore = (core: number | undefined): string[] =>
  core === undefined ? [] : ['taskset', '-c', String(core)];

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
