import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { createServer, type Server } from '../../src/index.ts';
import { atExit } from '../support/cleanup.ts';
import { assertNothingHeld, assertPortFree } from '../support/leaks.ts';
import { requireTool } from '../support/system/tools.ts';

after(assertNothingHeld);

/** Sends its name to each client and closes the session. */
const named = (name: string): Server =>
  createServer(session => {
    session.write(name);
  });

async function read(port: number, host = '127.0.0.1'): Promise<string> {
  const socket = connect(port, host);
  let text = '';
  socket.setEncoding('latin1').on('data', chunk => {
    text += chunk;
  });
  await once(socket, 'close');
  return text;
}

test('two servers share a port, and each gets connections', async () => {
  const servers = [named('first'), named('second')] as const;
  const { port, address } = await servers[0].listen({ port: 0, reusePort: true });
  assert.equal(address, '127.0.0.1');
  assert.equal((await servers[1].listen({ port, reusePort: true })).port, port);
  const heard = await Promise.all(Array.from({ length: 64 }, () => read(port)));
  const count = (name: string) => heard.filter(text => text.includes(name)).length;
  assert.equal(count('first') + count('second'), 64);
  // The kernel uses a hash of the client's port: it is practically impossible that all 64 go to one server.
  assert.ok(count('first') > 0 && count('second') > 0);
  await servers[0].shutdown();
  assert.match(await read(port), /second/);
  await servers[1].shutdown();
  await assertPortFree(port);
});

test('a server that takes over a port gets all connections, and the previous one gets them again when it stops', async () => {
  const servers = [named('first'), named('second')] as const;
  const { port } = await servers[0].listen({ port: 0, reusePort: 'takeover' });
  await servers[1].listen({ port, reusePort: 'takeover' });
  const everybody = async () => new Set(await Promise.all(Array.from({ length: 64 }, () => read(port))));
  const taken = [...(await everybody())].join();
  assert.ok(taken.includes('second') && !taken.includes('first'), taken);
  await servers[1].shutdown();
  assert.match(await read(port), /first/);
  await servers[0].shutdown();
  await assertPortFree(port);
});

test('a port is shared only among servers that set the option', async () => {
  const [one, other] = [named('one'), named('other')];
  const { port } = await one.listen({ port: 0, reusePort: true });
  await assert.rejects(other.listen({ port }), { code: 'EADDRINUSE' });
  await other.listen({ port: 0 }).then(({ port: taken }) =>
    assert.rejects(one.listen({ port: taken, reusePort: true }), {
      code: 'EADDRINUSE',
      syscall: 'bind',
      address: '127.0.0.1',
      port: taken,
    }),
  );
  await one.shutdown();
  await other.shutdown();
});

test('a shared port on all addresses accepts both families', async () => {
  const server = named('both');
  const { port, address } = await server.listen({ host: '::', port: 0, reusePort: true });
  assert.equal(address, '::');
  assert.match(await read(port, '127.0.0.1'), /both/);
  assert.match(await read(port, '::1'), /both/);
  await server.shutdown();
});

test('an unknown host is an error of a shared port, too', async () => {
  await assert.rejects(named('x').listen({ host: 'no.such.host.invalid', port: 0, reusePort: true }), {
    syscall: 'getaddrinfo',
  });
});

/** Listens on the inherited sockets, and prints its addresses to standard output until its standard input ends. */
const INHERITOR = `
import { createServer } from '${new URL('../../src/index.ts', import.meta.url)}';
const server = createServer(session => { session.write('inherited'); });
for (const fd of [3, 4, 5]) console.log(JSON.stringify(await server.listen({ fd }).catch(error => error.code)));
process.stdin.on('end', () => server.shutdown()).resume();
`;
const ACTIVATOR = `
import fcntl, os, socket, sys
kinds = [(socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, "\\0telpty-%d" % os.getpid())]
sockets = [socket.socket(family) for family, _ in kinds]
for s, (_, address) in zip(sockets, kinds):
    s.bind(address)
    s.listen()
# Out of the way first: one of them may be where another has to go.
copies = [fcntl.fcntl(s, fcntl.F_DUPFD_CLOEXEC, 10) for s in sockets]
for number, copy in enumerate(copies):
    os.dup2(copy, 3 + number)
os.execv(sys.argv[1], sys.argv[1:])
`;

import { LOADER } from '../support/typescript.ts';

test('inherited listening sockets are used one after the other, and one that is not a TCP socket is refused', async () => {
  const node = [process.execPath, '--import', LOADER, '--input-type=module', '-e', INHERITOR];
  const child = spawn(requireTool('python3'), ['-c', ACTIVATOR, ...node], { stdio: ['pipe', 'pipe', 'inherit'] });
  const forget = atExit(() => child.kill('SIGKILL'));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const told = async () => JSON.parse((await lines.next()).value) as { address: string; port: number };
  const places = [await told(), await told()];
  assert.equal(await told(), 'ERR_INVALID_ARGUMENT');
  for (const { address, port } of places) {
    assert.equal(address, '127.0.0.1');
    assert.match(await read(port), /inherited/);
  }
  child.stdin.end();
  assert.deepEqual(await once(child, 'close'), [0, null]);
  forget();
  for (const { port } of places) await assertPortFree(port);
});

test('invalid options are refused', async () => {
  const server = named('x');
  const invalid = { code: 'ERR_INVALID_ARGUMENT' };
  await assert.rejects(server.listen({}), invalid);
  await assert.rejects(server.listen({ port: 65_536 }), invalid);
  await assert.rejects(server.listen({ fd: -1 }), invalid);
  await assert.rejects(server.listen({ fd: 3, port: 23 }), invalid);
  await assert.rejects(server.listen({ port: 0, prot: 1 } as object), invalid);
});
