/** Other servers, which telpty's client visits. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { atExit } from '../../support/cleanup.ts';
import { untilTrue } from '../../support/leaks.ts';
import { type Certificate, selfSigned } from '../../support/servers/certificates.ts';
import { Inetd } from '../../support/servers/inetd.ts';
import { requireTool } from '../../support/system/tools.ts';
import { type Ground, shared } from './grounds.ts';
import { VISIT } from './ours.ts';

const NAMES = 'DNS:localhost,IP:127.0.0.1';

export function gnuTelnetd(): Promise<Ground> {
  const accept = ['--accept-env=DISPLAY'];
  return shared('telnetd', () => Inetd.start([requireTool('telnetd'), '-h', ...accept, '-E', VISIT]));
}

/** The same, requesting line mode. */
export function gnuTelnetdLines(): Promise<Ground> {
  return shared('telnetd -l', () => Inetd.start([requireTool('telnetd'), '-h', '-l', '-E', VISIT]));
}

export interface TlsInetd extends Ground {
  readonly certificate: Certificate;
}

/** Netkit's telnetd supports only RSA keys. */
async function netkit(...options: readonly string[]): Promise<TlsInetd> {
  const certificate = selfSigned(NAMES, 'rsa');
  const files = ['-z', `cert=${certificate.certFile}`, '-z', `key=${certificate.keyFile}`];
  const inetd = await Inetd.start([requireTool('in.telnetd'), '-h', '-L', VISIT, ...options, ...files]);
  return {
    port: inetd.port,
    certificate,
    async [Symbol.asyncDispose]() {
      await inetd[Symbol.asyncDispose]();
      certificate[Symbol.dispose]();
    },
  };
}

export function telnetdSsl(): Promise<Ground> {
  return shared('in.telnetd', () => netkit());
}

export function telnetdTls(): Promise<TlsInetd> {
  return shared('in.telnetd in TLS', () => netkit('-z', 'ssl', '-z', 'secure'));
}

/** It does not request the terminal type; the program gets the TERM of the server. */
export function busyboxTelnetd(): Promise<Ground> {
  const command = [requireTool('busybox'), 'telnetd', '-i', '-K', '-f', '/dev/null', '-l', VISIT];
  return shared('busybox telnetd', () => Inetd.start(command));
}

export function twisted(): Promise<Ground> {
  return shared('twisted', async () => {
    const script = fileURLToPath(new URL('fixtures/twisted_visit.py', import.meta.url));
    const child = new Child(requireTool('python3'), ['-W', 'ignore', script]);
    const [port] = (await once(createInterface(child.process.stdout!), 'line')) as [string];
    return { port: Number(port), [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
  });
}

/** The example server of libtelnet. It does not survive every end of a connection, so each visitor gets its own. */
export async function chatd(): Promise<Ground> {
  const port = await freePort();
  const child = new Child(requireTool('telnet-chatd'), [String(port)]);
  await untilTrue(() => isListening(port));
  return { port, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

export interface SerialGround extends Ground {
  /** The device file of the serial line that ser2net opens. */
  readonly device: string;
}

/**
 * ser2net, which opens one end of a serial line when a client connects; until then the line buffers the output of the
 * program at the other end. It serves one visitor at a time, so each gets its own.
 */
export async function ser2net(certificate?: Certificate): Promise<SerialGround> {
  const directory = mkdtempSync(join(tmpdir(), 'telpty-serial-'));
  const device = join(directory, 'tty');
  const port = await freePort();
  const layers = certificate && `ssl(key=${certificate.keyFile},cert=${certificate.certFile}),`;
  const config = join(directory, 'ser2net.yaml');
  writeFileSync(
    config,
    `%YAML 1.1\n---\nconnection: &serial\n  accepter: telnet(rfc2217=true),${layers ?? ''}tcp,127.0.0.1,${port}\n` +
      `  connector: serialdev,${device},9600n81,local\n`,
  );
  const program = `EXEC:"/bin/sh ${VISIT}",pty,setsid,ctty,stderr`;
  const line = new Child(requireTool('socat'), [`PTY,rawer,link=${device}`, program]);
  await untilTrue(() => existsSync(device));
  const server = new Child(requireTool('ser2net'), ['-n', '-d', '-c', config]);
  await untilTrue(() => isListening(port));
  return {
    port,
    device,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await line[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A server that runs as a separate process. */
class Child implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly #forget: () => void;

  constructor(command: string, args: readonly string[]) {
    this.process = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#forget = atExit(() => this.process.kill('SIGKILL'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL');
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, 'exit');
    this.process.stdout?.destroy();
    this.#forget();
  }
}

/** For servers that cannot choose a port themselves. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Asks the kernel, not the server: some servers fail after a connection that sends nothing. */
function isListening(port: number): boolean {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A `;
  return readFileSync('/proc/net/tcp', 'latin1').includes(local);
}
