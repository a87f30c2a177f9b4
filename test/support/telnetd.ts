import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { atExit } from './cleanup.ts';
import { requireTool } from './tools.ts';

/**
 * GNU telnetd, one process for each connection as inetd would start it: `await using telnetd = await Telnetd.start(command)`.
 * The command takes the place of login(1); telnetd cuts it at spaces.
 */
export class Telnetd implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #children = new Set<ChildProcess>();

  private constructor(server: Server, command: string) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    const telnetd = requireTool('telnetd');
    server.on('connection', socket => {
      const child = spawn(telnetd, ['-h', '-E', command], { stdio: [socket, socket, 'ignore'] });
      socket.destroy();
      this.#children.add(child);
      const forget = atExit(() => child.kill('SIGKILL'));
      child.once('close', () => {
        this.#children.delete(child);
        forget();
      });
    });
  }

  static async start(command: string): Promise<Telnetd> {
    const server = createServer({ pauseOnConnect: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Telnetd(server, command);
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
