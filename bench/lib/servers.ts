/** The servers that are measured: how each is started, and whether it is installed. */
import { spawnSync } from 'node:child_process';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { binary, logs, peer, telpty } from './paths.ts';
import { isListening, serverTree, start, stop } from './processes.ts';

export interface ServerKind {
  readonly name: string;
  /** What the load client speaks to it. */
  readonly protocol: 'telnet' | 'raw' | 'ws';
  /** Among how many processes it divides its sessions, if it was set to. */
  readonly workers?: number;
  /** The only tests that it is in unless it is asked for by name; all if undefined. */
  readonly tests?: readonly string[];
  /** Why it cannot be measured here, if it cannot. */
  missing(): string | undefined;
  /** The command that serves a program, given by its path, on a port. `binary`: its output is not text. */
  command(port: number, program: string, binary: boolean): string[];
}

export interface RunningServer {
  readonly kind: ServerKind;
  readonly port: number;
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
    command: (port, program) => serve(port, program, ['--workers', String(count)]),
  };
}

/** The limits on numbers are lifted: the curve of sessions goes beyond the defaults, and the others have none. */
const serve = (port: number, program: string, more: readonly string[] = []): string[] => [
  ...[process.execPath, telpty, 'serve', '--port', String(port), '--max-sessions', '0', '--max-negotiating', '0'],
  ...[...more, '--', program],
];

/** In the order of the table; `floor` is what the others are compared with. */
export const kinds: readonly ServerKind[] = [
  {
    name: 'floor',
    protocol: 'raw',
    missing: () => undefined,
    command: (port, program) => [binary('floor'), String(port), program],
  },
  {
    name: 'telpty',
    protocol: 'telnet',
    missing: () => undefined,
    command: (port, program) => serve(port, program),
  },
  workers(2, ['latency-8', 'starts']),
  workers(4, []),
  {
    name: 'inetutils',
    protocol: 'telnet',
    missing() {
      if (which('telnetd') === undefined) return 'no telnetd';
      return /inetutils/i.test(output(which('telnetd')!, ['--version']))
        ? undefined
        : 'telnetd is not the one of inetutils';
    },
    command: (port, program) => [binary('inetd'), String(port), which('telnetd')!, '-h', '-E', program],
  },
  {
    name: 'busybox',
    protocol: 'telnet',
    missing() {
      if (which('busybox') === undefined) return 'no busybox';
      return /^telnetd$/m.test(output(which('busybox')!, ['--list'])) ? undefined : 'busybox has no telnetd';
    },
    command: (port, program) => [
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
    command: (port, program) => [
      which('socat')!,
      '-b65536',
      `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr,nodelay,backlog=1024`,
      `EXEC:${program},pty,raw,echo=0,setsid,ctty`,
    ],
  },
  {
    name: 'ttyd',
    protocol: 'ws',
    missing: () => unlessFound('ttyd'),
    command: (port, program) => [which('ttyd')!, '-d', '1', '-W', '-i', 'lo', '-p', String(port), program],
  },
  {
    name: 'telnetlib3',
    protocol: 'telnet',
    missing: () => (succeeds('python3', ['-c', 'import telnetlib3.server']) ? undefined : 'python3 cannot import it'),
    command: (port, program, binary) => [
      ...['python3', '-m', 'telnetlib3.server', '127.0.0.1', String(port), '--loglevel', 'error'],
      ...(binary ? ['--encoding', 'latin1'] : []),
      ...['--pty-exec', program],
    ],
  },
  {
    name: 'node-pty',
    protocol: 'raw',
    missing: () => (resolvable('node-pty') ? undefined : 'not resolvable (NODE_PATH is looked at)'),
    command: (port, program) => [process.execPath, peer('node-pty.mjs'), String(port), program],
  },
];

/**
 * Starts a server and waits until it listens. Rejects if it does not.
 *
 * @param core for a server that is to have this core and no other, with all that it starts and its client.
 */
export async function startServer(
  kind: ServerKind,
  program: string,
  binaryOutput: boolean,
  core?: number,
): Promise<RunningServer> {
  const port = await freePort();
  const log = openSync(join(logs, `${kind.name}-${program}.log`), 'a');
  const command = [...onCore(core), ...kind.command(port, binary(program), binaryOutput)];
  const child = start(command, { stdio: ['ignore', log, log] });
  closeSync(log);
  const alive = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  const end = Date.now() + 15_000;
  while (!isListening(port)) {
    await sleep(20);
    if (alive() && Date.now() < end) continue;
    await stop(child);
    throw new Error(`did not start (${kind.name}-${program}.log in bench/build/log)`);
  }
  await sleep(100);
  const tree = () => serverTree(child.pid!);
  const processes = () => tree().server;
  return { kind, port, core, alive, processes, hosted: () => tree().hosted, stop: () => stop(child) };
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
