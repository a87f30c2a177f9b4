/** Real networks: packets are lost, delayed, duplicated and reordered; bytes arrive one at a time. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { atExit } from '../support/cleanup.ts';
import { requireTool } from '../support/system/tools.ts';
import { LOADER } from '../support/typescript.ts';
import { Bystander, startObedient, told } from './support.ts';

const LIMIT = { timeout: 600_000 };
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

describe('the network', LIMIT, () => {
  it('loses, delays, duplicates and reorders packets: sessions are still exact', async () => {
    // In a separate namespace with a TUN device: a kernel may lack netem, but TUN is always present.
    const [address, neighbour] = ['10.99.0.1', '10.99.0.2'];
    const visit = [process.execPath, '--import', LOADER, here('./lossy-visit.ts'), address, neighbour];
    // All processes of the namespace end with the process that created it.
    const alone = ['--net', '--pid', '--mount-proc', '--fork', '--kill-child'];
    const words = [...alone, requireTool('python3'), here('./lossy.py'), requireTool('ip'), address, ...visit];
    const child = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.once(
      'close',
      atExit(() => child.kill('SIGKILL')),
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (output += text));
    const [code] = await once(child, 'close');
    assert.equal(code, 0, output);
  });

  it('delivers one byte at a time: sessions are exact, and others do not wait', async () => {
    await using server = await startObedient();
    await using bystander = await Bystander.start(server);
    await using slow = await OneByOne.start(server.port);
    const wire = await told(slow, 'seq 1 2000; read -r line; echo "read $line"');
    await wire.expect('\n2000\n');
    wire.type('typed\n');
    await wire.expect('read typed\n');
    await wire.untilClose();
    assert.equal(wire.error, undefined);
    await bystander.leave();
  });
});

/**
 * Forwards a connection, one byte per packet in each direction; the next byte follows when the last one was written.
 */
class OneByOne implements AsyncDisposable {
  readonly port: number;
  readonly #close: () => Promise<unknown>;

  private constructor(port: number, close: () => Promise<unknown>) {
    this.port = port;
    this.#close = close;
  }

  static async start(port: number): Promise<OneByOne> {
    const listener = createServer({ noDelay: true, allowHalfOpen: true }, socket => {
      const other = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
      void pass(socket, other);
      void pass(other, socket);
    }).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return new OneByOne((listener.address() as AddressInfo).port, async () => {
      listener.close();
      await once(listener, 'close');
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

async function pass(from: Socket, to: Socket): Promise<void> {
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (const byte of chunk) await new Promise(resolve => to.write(Buffer.of(byte), resolve));
    }
    to.end();
  } catch {
    // One end has closed both directions.
    to.destroy();
  }
}
