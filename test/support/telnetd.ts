import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { atExit } from './cleanup.ts';
import { requireTool } from './tools.ts';

/** What is started for a connection that is descriptor 0, by what runs in the place of login(1). */
const SERVERS = {
  /** GNU's; it cuts the command at spaces. */
  gnu: (command: string) => [requireTool('telnetd'), '-h', '-E', command],
  /** Busybox's; the command is one word, the path of a program. */
  busybox: (command: string) => [requireTool('busybox'), 'telnetd', '-i', '-f', '/dev/null', '-l', command],
} as const;

/** A telnetd, one process for each connection as inetd would start it: `await using telnetd = await Telnetd.start(command)`. */
export class Telnetd implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #children = new Set<ChildProcess>();

  private constructor(server: Server, [file, ...args]: readonly string[]) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', socket => {
      const child = spawn(file!, args, { stdio: [socket, socket, 'ignore'] });
      socket.destroy();
      this.#children.add(child);
      const forget = atExit(() => child.kill('SIGKILL'));
      child.once('close', () => {
        this.#children.delete(child);
        forget();
      });
    });
  }

  static async start(command: string, which: keyof typeof SERVERS = 'gnu'): Promise<Telnetd> {
    const words = SERVERS[which](command);
    const server = createServer({ pauseOnConnect: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Telnetd(server, words);
  }

  /** The processes of the connections that are open. */
  get pids(): number[] {
    return [...this.#children].map(child => child.pid!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await Promise.all(
      [...this.#children].map(async child => {
        child.kill('SIGKILL');
        await once(child, 'close');
      }),
    );
  }
}
