/**
 * A server is replaced by another one while clients keep coming: no client is refused, reset, or left without an
 * answer.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type StartOptions, startServer } from '../../support/servers/server.ts';
import { OpenSocket } from '../../support/servers/service-manager.ts';
import { Load } from '../../support/system/load.ts';

const LIMIT = { timeout: 600_000 };
/** The number of concurrent clients, and of those that connect and leave between two steps. */
const CLIENTS = 12;
const SOME = 30;

/**
 * Starts a server whose programs print its name. The clients do not negotiate, so the programs start when the server
 * stops waiting for them: without a wait, the clients would take all processors from the server that starts.
 */
function start(name: string, args: readonly string[], options: StartOptions = {}) {
  const program = ['/bin/echo', `I am ${name}`];
  const always = ['--drain-timeout', '1h', '--negotiation-timeout', '400ms', '--log-level', 'error'];
  return startServer([...always, ...args], { program, ...options });
}

/**
 * Checks that each client was answered once. Returns the servers that answered, in the order in which the clients left.
 */
function answers(load: Load): string[] {
  for (const { heard, error } of load.visits) {
    assert.equal(error, undefined);
    assert.match(heard, /I am \w+\r\n/);
  }
  return load.visits.map(({ heard }) => /I am (\w+)/.exec(heard)![1]!);
}

for (const workers of ['1', '2']) {
  describe(`--reuse-port, workers: ${workers}`, LIMIT, () => {
    it('the next server takes the port over, again and again', async () => {
      const args = ['--workers', workers, '--reuse-port'];
      let old = await start('zero', args);
      const { port } = old;
      const load = new Load(port, CLIENTS);
      await load.more(SOME);
      for (const name of ['one', 'two']) {
        const next = await start(name, [...args, '--port', String(port)]);
        // The clients that the old server had accepted leave, and all others have reached the new one.
        await load.renewed();
        const at = load.visits.length;
        await load.more(SOME);
        assert.deepEqual([...new Set(answers(load).slice(at))], [name]);
        old.process.kill('SIGTERM');
        await load.more(SOME);
        assert.deepEqual(await old.exited, { code: 0, signal: null });
        await load.more(SOME);
        old = next;
      }
      await load.stop();
      assert.deepEqual([...new Set(answers(load))], ['zero', 'one', 'two']);
      await old.stop();
    });
  });

  describe(`a socket of the service manager's, workers: ${workers}`, LIMIT, () => {
    it('is served by one server after the other; clients wait in between', async () => {
      using socket = await OpenSocket.open();
      const load = new Load(socket.port, CLIENTS);
      for (const name of ['one', 'two']) {
        const server = await start(name, ['--workers', workers], { sockets: [socket.fd] });
        assert.equal(server.port, socket.port);
        await load.more(SOME);
        server.process.kill('SIGTERM');
        assert.deepEqual(await server.exited, { code: 0, signal: null });
      }
      const last = await start('last', ['--workers', workers], { sockets: [socket.fd] });
      await load.more(SOME);
      await load.stop();
      assert.deepEqual([...new Set(answers(load))], ['one', 'two', 'last']);
      last.process.kill('SIGTERM');
      assert.deepEqual(await last.exited, { code: 0, signal: null });
    });
  });
}

describe('--reuse-port', LIMIT, () => {
  it('if the server that has taken over fails, the previous one gets the port again', async () => {
    const one = await start('one', ['--reuse-port']);
    const two = await start('two', ['--reuse-port', '--port', String(one.port)]);
    two.process.kill('SIGKILL');
    await two.exited;
    const load = new Load(one.port, CLIENTS);
    await load.more(SOME);
    await load.stop();
    assert.deepEqual([...new Set(answers(load))], ['one']);
    await one.stop();
  });

  it('works at addresses of IPv6, and on all addresses', async () => {
    for (const host of ['::', '::1', '0.0.0.0']) {
      const one = await start('one', ['--reuse-port', '--host', host, '--allow-root-program']);
      const two = await start('two', [
        '--reuse-port',
        '--allow-root-program',
        '--host',
        host,
        '--port',
        String(one.port),
      ]);
      const load = new Load(one.port, CLIENTS, host === '::1' ? '::1' : '127.0.0.1');
      await load.more(SOME);
      await load.stop();
      assert.deepEqual([...new Set(answers(load))], ['two']);
      one.process.kill('SIGTERM');
      assert.deepEqual(await one.exited, { code: 0, signal: null });
      await two.stop();
    }
  });
});
