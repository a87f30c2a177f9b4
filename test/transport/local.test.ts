/** `server.listen({ path })`: UNIX sockets. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createServer, type Refusal, type Server, type Session, type Shell } from '../../src/index.ts';
import { atExit } from '../support/cleanup.ts';
import { CMD, Wire } from '../support/clients/test-client.ts';
import { assertNothingHeld } from '../support/leaks.ts';
import { requireTool } from '../support/system/tools.ts';
import { LOADER } from '../support/typescript.ts';

const LIMIT = { timeout: 600_000 };
const directory = mkdtempSync(join(tmpdir(), 'telpty-local-'));
after(() => {
  assertNothingHeld();
  assert.deepEqual(readdirSync(directory), [], 'files are left');
  rmSync(directory, { recursive: true });
});
let count = 0;
const newPath = () => join(directory, `socket-${count++}`);

/** Servers to stop at the end of a test. */
const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map(server => server.shutdown({ timeout: 0 })));
});
function opened(shell: Shell): Server {
  const server = createServer(shell);
  servers.push(server);
  return server;
}

/** Greets, and repeats its input. */
const greeter = (name = 'hello') =>
  opened(async session => {
    session.write(`${name}\r\n`);
    for await (const text of session.setEncoding('utf8')) session.write(`<${text}>`);
  });

/** Leaves the file of a socket on which nothing listens, like a server that was killed. */
async function leaveStale(path: string): Promise<void> {
  const server = createNetServer().listen(path);
  await once(server, 'listening');
  renameSync(path, `${path}.kept`);
  server.close();
  await once(server, 'close');
  renameSync(`${path}.kept`, path);
}

const VISIT = `import socket, sys
with socket.socket(socket.AF_UNIX) as client:
    client.connect("\\0" + sys.argv[1])
    client.shutdown(socket.SHUT_WR)
    while received := client.recv(65536):
        sys.stdout.buffer.write(received)
`;

describe('a UNIX socket', LIMIT, () => {
  it('serves sessions, which know the user and the process at the other end', async () => {
    const path = newPath();
    const server = greeter();
    const sessions: Session[] = [];
    server.on('session', session => sessions.push(session));
    assert.equal((await server.listen({ path })).path, path);
    const wire = await Wire.connectTo(path, { ttype: ['xterm'] });
    await wire.expect('hello\r\n');
    wire.send('typed');
    await wire.expect('<typed>');
    const [session] = sessions;
    const own = { kind: 'local', uid: process.getuid!(), pid: process.pid };
    assert.deepEqual(session?.peer, own);
    assert.equal(session.remoteAddress, undefined);
    assert.equal(session.remotePort, undefined);
    await server.shutdown();
    await wire.untilClose();
    assert.equal(existsSync(path), false, 'the file is removed');
    assert.equal(existsSync(`${path}.lock`), false, 'so is the lock');
  });

  it('sends the data mark of a Synch in line: nothing is lost, and nothing is out of band', async () => {
    const path = newPath();
    const server = opened(session => {
      session.write('before');
      session.sendSynch();
      session.write('after');
    });
    await server.listen({ path });
    const wire = await Wire.connectTo(path, { silent: true });
    await wire.untilEnd();
    const marks = wire.raw.bytes.toString('latin1').split(String.fromCharCode(CMD.IAC, CMD.DM));
    assert.equal(marks.length, 2, JSON.stringify(marks));
    assert.match(marks[1]!, /^after/);
    wire.socket.destroy();
    await server.shutdown();
  });

  it('has its mode from the moment at which the file appears, with any umask', async () => {
    for (const [mode, expected] of [
      [undefined, 0o600],
      [0o660, 0o660],
      [0o666, 0o666],
    ] as const) {
      for (const umask of [0, 0o077]) {
        const path = newPath();
        const changes: string[] = [];
        const watcher = watch(directory, (event, name) => changes.push(`${event} ${name}`));
        const before = process.umask(umask);
        const server = greeter();
        try {
          await server.listen({ path, ...(mode === undefined ? {} : { mode }) });
          assert.equal(process.umask(umask), umask, 'the umask of the process is unchanged');
        } finally {
          process.umask(before);
        }
        assert.equal(lstatSync(path).mode & 0o777, expected);
        // All earlier events have arrived before the event of this file.
        writeFileSync(`${path}.end`, '');
        const name = path.slice(directory.length + 1);
        while (!changes.some(change => change.endsWith(` ${name}.end`))) await once(watcher, 'change');
        watcher.close();
        rmSync(`${path}.end`);
        const own = changes.filter(change => change.endsWith(` ${name}`));
        // A chmod() would cause a `change` event.
        assert.deepEqual(own, [`rename ${name}`]);
        await server.shutdown();
      }
    }
  });

  it('replaces the file of a server that was killed', async () => {
    const path = newPath();
    await leaveStale(path);
    const server = greeter();
    await server.listen({ path });
    const wire = await Wire.connectTo(path);
    await wire.expect('hello');
    await server.shutdown();
    assert.equal(existsSync(path), false);
  });

  it('does not replace a server that listens, or a file that is not a socket', async () => {
    const path = newPath();
    const first = greeter('first');
    await first.listen({ path });
    const second = greeter('second');
    await assert.rejects(second.listen({ path }), { code: 'EADDRINUSE', address: path });
    const wire = await Wire.connectTo(path);
    await wire.expect('first');
    await first.shutdown();

    writeFileSync(path, 'precious');
    await assert.rejects(second.listen({ path }), { code: 'ENOTSOCK' });
    assert.equal(readFileSync(path, 'utf8'), 'precious');
    rmSync(path);
    // A lock file that is not empty belongs to the user.
    writeFileSync(`${path}.lock`, 'precious');
    await second.listen({ path });
    await second.shutdown();
    assert.equal(readFileSync(`${path}.lock`, 'utf8'), 'precious');
    rmSync(`${path}.lock`);
    await assert.rejects(greeter().listen({ path: join(directory, 'none', 'socket') }), { code: 'ENOENT' });
    await assert.rejects(greeter().listen({ path: `/tmp/${'x'.repeat(200)}` }), { code: 'ENAMETOOLONG' });
  });

  it('removes only its own file at the end', async () => {
    const path = newPath();
    const server = greeter('old');
    await server.listen({ path });
    rmSync(path);
    const newer = greeter('new');
    await newer.listen({ path });
    await server.shutdown();
    const wire = await Wire.connectTo(path);
    await wire.expect('new');
    await newer.shutdown();
  });

  it('is served by exactly one of four processes that find it stale at the same time', async () => {
    const path = newPath();
    await leaveStale(path);
    const script = fileURLToPath(new URL('../support/clients/socket-racer.ts', import.meta.url));
    const racers = [1, 2, 3, 4].map(() => {
      const child = spawn(process.execPath, ['--import', LOADER, script], { stdio: ['pipe', 'pipe', 'inherit'] });
      child.once(
        'close',
        atExit(() => child.kill('SIGKILL')),
      );
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const ask = async (order: string): Promise<string> => {
        child.stdin.write(`${order}\n`);
        return (await lines.next()).value;
      };
      return { child, ask };
    });
    await Promise.all(racers.map(({ ask }) => ask('abandon')));
    for (let round = 0; round < 200; round++) {
      const answers = await Promise.all(racers.map(({ ask }) => ask(`listen ${path}`)));
      assert.deepEqual(answers.sort(), ['EADDRINUSE', 'EADDRINUSE', 'EADDRINUSE', 'listening'], `round ${round}`);
      assert.ok(statSync(path).isSocket(), 'the socket file exists');
      await Promise.all(racers.map(({ ask }) => ask('abandon')));
    }
    await Promise.all(
      racers.map(({ child }) => {
        child.stdin.end();
        return once(child, 'close');
      }),
    );
    rmSync(path);
  });

  it('may be abstract, without a file', async t => {
    if (process.platform !== 'linux') return t.skip('only Linux has abstract sockets');
    const path = `@telpty-test-${process.pid}`;
    const server = greeter();
    assert.equal((await server.listen({ path })).path, path);
    await assert.rejects(greeter().listen({ path }), { code: 'EADDRINUSE' });
    // Node.js 20 cannot connect to an abstract address: it pads the name.
    const python = requireTool('python3');
    const visit = () => promisify(execFile)(python, ['-c', VISIT, path.slice(1)]);
    assert.match((await visit()).stdout, /hello/);
    await server.shutdown();
    await assert.rejects(visit(), /ConnectionRefusedError/);
    assert.equal(existsSync(path), false);
  });

  it('calls checkAddress(), and reports the peer that it refuses', async () => {
    const path = newPath();
    const server = greeter();
    const refused: Refusal[] = [];
    server.on('refused', refusal => refused.push(refusal));
    const own = { kind: 'local', uid: process.getuid!(), pid: process.pid };
    await server.listen({
      path,
      checkAddress: ({ peer }) => (peer.kind === 'local' && peer.uid === own.uid ? 'denied' : undefined),
    });
    const wire = await Wire.connectTo(path, { silent: true });
    await wire.untilClose();
    const fields = { reason: 'denied', peer: own, remoteAddress: undefined, remotePort: undefined };
    assert.deepEqual(refused, [{ ...fields, message: 'not accepted from this address' }]);
    await server.shutdown();
  });

  it('drains: new clients are refused, and sessions continue', async () => {
    const path = newPath();
    const server = greeter();
    await server.listen({ path });
    const wire = await Wire.connectTo(path);
    await wire.expect('hello');
    const drained = server.drain();
    await assert.rejects(Wire.connectTo(path), { code: 'ENOENT' });
    wire.send('still here');
    await wire.expect('<still here>');
    wire.socket.end();
    assert.equal(await drained, true);
    await server.shutdown();
  });

  it('does not accept options of ports', async () => {
    const path = newPath();
    const server = greeter();
    for (const more of [{ port: 0 }, { tls: {} }, { proxyProtocol: ['::1'] }, { reusePort: true }, { mode: 0o1777 }]) {
      await assert.rejects(server.listen({ path, ...more }), { code: 'ERR_INVALID_ARGUMENT' });
    }
    await assert.rejects(server.listen({ path: '' }), { code: 'ERR_INVALID_ARGUMENT' });
    assert.equal(existsSync(path), false);
  });
});
