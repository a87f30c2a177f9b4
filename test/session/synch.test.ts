/** The Synch of RFC 854, both ways: on real sockets, with real urgent data. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import type { Session } from '../../src/index.ts';
import { sendUrgent, setOobInline } from '../../src/native/sockets.ts';
import { CMD, naws, OPT, type Wire } from '../support/clients/test-client.ts';
import { assertNothingHeld, untilTrue } from '../support/leaks.ts';
import { Host, hostScript, XTERM } from '../support/servers/host.ts';
import { requireTool } from '../support/system/tools.ts';

const { IAC, DM, IP, NOP, SB, SE, WILL, EC, AYT } = CMD;

after(assertNothingHeld);

function descriptor(socket: Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd;
}

/** Sends the urgent half of a Synch, or the given bytes, of which the last is urgent. */
async function urgent(wire: Wire, ...bytes: number[]): Promise<void> {
  // It bypasses Node's own queue.
  await wire.sent([]);
  await untilTrue(() => sendUrgent(descriptor(wire.socket), Uint8Array.from(bytes)) === bytes.length);
}

/** A host whose sessions read all input, or (if `reads` is false) nothing. */
async function listener(reads: boolean) {
  let session: Session | undefined;
  const heard: Buffer[] = [];
  const host = await Host.start({
    shell: async given => {
      session = given;
      if (reads) given.on('data', (chunk: Buffer) => heard.push(chunk));
      await once(given, 'close');
    },
  });
  const wire = await host.connect({ silent: true });
  await wire.expectNegotiation(CMD.DO, OPT.TTYPE);
  return { host, wire, session: session!, heard: () => Buffer.concat(heard).toString('latin1') };
}

test('waiting output is dropped, negotiation is not, and a waiting writer continues', async () => {
  const { host, wire, session } = await listener(true);
  await using _ = host;
  setOobInline(descriptor(wire.socket));
  wire.pause();
  // More than the kernel accepts, so that the rest is queued in the stream, with negotiations in between.
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const written: Promise<void>[] = [];
  for (let i = 0; i < 200; i++) {
    written.push(new Promise(resolve => session.write(chunk, () => resolve())));
    session.telnet.announce(100 + (i % 50), 'local', false);
  }
  assert.ok(session.unsent > 1 << 20);
  assert.ok(session.undelivered >= session.unsent - chunk.length);
  const before = session.bytesWritten;
  const dropped = session.sendSynch();
  assert.ok(dropped > 1 << 20, `${dropped} bytes dropped`);
  assert.ok(session.bytesWritten <= before + 2);
  assert.ok(session.unsent < 64 * 1024 + 1024, `${session.unsent} bytes still wait`);
  const last = new Promise<void>(resolve => session.write('after', () => resolve()));
  wire.resume();
  await Promise.all([...written, last]);
  await wire.expect(Buffer.from([IAC, DM, ...Buffer.from('after')]));
  assert.equal(wire.events.filter(event => event.type === 'negotiate' && event.option >= 100).length, 200);
  assert.equal(wire.data.length + dropped, 200 * chunk.length + 'after'.length);
  await untilTrue(() => session.undelivered === 0);
  await wire.close();
});

test('the urgent mark is at the DM, and the client is notified before it reads up to it', async () => {
  await using host = await Host.start({
    shell: async session => {
      session.write('stale');
      await once(session, 'data');
      session.sendSynch();
      session.write('fresh');
    },
  });
  const script = `import socket,select,fcntl
s=socket.create_connection(('127.0.0.1',${host.port}))
s.setsockopt(socket.SOL_SOCKET,socket.SO_OOBINLINE,1)
s.send(b'go')
p=select.poll(); p.register(s,select.POLLPRI); p.poll()
at=lambda: fcntl.ioctl(s,0x8905,b'\\0\\0\\0\\0')[0]
before=b''
while not at(): before+=s.recv(1)
after=b''
while True:
  d=s.recv(4096)
  if not d: break
  after+=d
print(before[-6:].hex(), after.hex())`;
  const { stdout } = await promisify(execFile)(requireTool('python3'), ['-c', script]);
  assert.equal(stdout.trim(), `${Buffer.from('stale').toString('hex')}ff f2${Buffer.from('fresh').toString('hex')}`);
});

test('a Synch drops unread input; input after its mark is read, commands before it are obeyed', async () => {
  const { host, wire, session } = await listener(false);
  await using _ = host;
  const commands: number[] = [];
  let synchs = 0;
  session.on('command', ({ command }) => commands.push(command));
  session.on('synch', () => synchs++);
  await wire.sent('unread');
  await untilTrue(() => session.inputLength === 'unread'.length);
  wire.socket.cork();
  wire.send('stale', [IAC, EC, IAC, NOP, IAC, WILL, OPT.NAWS], naws(99, 33), 'stale', [IAC]);
  wire.socket.uncork();
  await urgent(wire, DM);
  wire.send('fresh');
  await untilTrue(() => session.inputLength > 0 && commands.includes(DM) && session.terminal.columns === 99);
  const [input] = (await once(session, 'data')) as [Buffer];
  assert.match(input.toString(), /^fresh$/);
  // EC has nothing to erase, unless it was read before the notification of the mark.
  assert.deepEqual(
    commands.filter(command => command !== EC),
    [NOP, DM],
  );
  assert.equal(synchs, 1);
  await wire.close();
});

test('DM without urgent data does nothing', async () => {
  const { host, wire, session, heard } = await listener(true);
  await using _ = host;
  let synchs = 0;
  session.on('synch', () => synchs++);
  wire.send('one', [IAC, DM], 'two');
  await untilTrue(() => heard() === 'onetwo');
  assert.equal(synchs, 0);
  await wire.close();
});

test('a program that reads nothing is interrupted after a megabyte of input', { timeout: 600_000 }, async () => {
  await using host = await hostScript('trap "echo interrupted; exit 7" INT; echo ready; while :; do sleep 60; done');
  await using wire = await host.connect(XTERM);
  await wire.expect('ready');
  await wire.sent(Buffer.alloc(1 << 20, 'typed ahead\r'));
  wire.command(IP);
  await wire.sent([IAC]);
  await urgent(wire, DM);
  await wire.expect('interrupted');
  assert.deepEqual(await host.outcome(), { result: { code: 7, signal: null } });
});

test('the same if the client has closed its sending half after that', { timeout: 600_000 }, async () => {
  await using host = await hostScript('trap "echo interrupted; exit 7" INT; echo ready; while :; do sleep 60; done', {
    linger: 0,
  });
  await using wire = await host.connect({ ...XTERM, allowHalfOpen: true });
  await wire.expect('ready');
  await wire.sent(Buffer.alloc(1 << 20, 'typed ahead\r'), [IAC, IP, IAC]);
  await urgent(wire, DM);
  wire.halfClose();
  await wire.expect('interrupted');
  assert.deepEqual(await host.outcome(), { result: { code: 7, signal: null } });
});

test('urgent data inside subnegotiations, in any number, does not damage the stream', async () => {
  const { host, wire, session } = await listener(true);
  await using _ = host;
  let warnings = 0;
  session.on('warning', () => warnings++);
  wire.negotiate(WILL, OPT.NAWS);
  for (let i = 1; i <= 300; i++) {
    await wire.sent([IAC, SB, OPT.NAWS, 0]);
    await urgent(wire, 1 + (i % 200));
    await wire.sent([0, 24, IAC]);
    await urgent(wire, SE);
  }
  wire.command(AYT);
  await wire.expect('[telpty: yes]');
  assert.equal(session.terminal.columns, 1 + (300 % 200));
  assert.equal(warnings, 0);
  await wire.close();
});

test('a storm of urgent bytes costs no memory, does not spin, and has no effect after its end', async () => {
  const { host, wire, session } = await listener(false);
  await using _ = host;
  for (let i = 0; i < 3_000; i++) await urgent(wire, 'x'.charCodeAt(0));
  // A mark that is never reached: the sender continues after it, but the server must not poll for it in a loop.
  await untilTrue(() => session.inputLength <= 3_000);
  // Turns of the loop are counted, not CPU time, of which a spinning process gets little on a loaded machine. The
  // minimum of several intervals counts: the rest of the storm, and the test runner, turn the loop in one or two of
  // them.
  const turns = () => performance.nodeTiming.uvMetricsInfo.loopCount;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 10 && least >= 50; i++) {
    const before = turns();
    await new Promise(resolve => setTimeout(resolve, 300));
    least = Math.min(least, turns() - before);
  }
  assert.ok(least < 50, `${least} turns of the loop in 300 ms without input`);
  wire.command(AYT);
  await wire.expect('[telpty: yes]');
  await wire.close();
});
