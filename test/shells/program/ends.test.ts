/** Every kind of end of a session: nothing is lost, nothing is left. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limit, ptyShell } from '../../../src/index.ts';
import { OPT, type Wire } from '../../support/clients/test-client.ts';
import { isAlive, untilTrue } from '../../support/leaks.ts';
import { Host, hostScript, XTERM } from '../../support/servers/host.ts';

test('the program ends: all its output arrives, then the connection closes, and its code is the result', async () => {
  await using host = await hostScript('seq 1 100000; exit 7');
  await using wire = await host.connect({ ...XTERM, allowHalfOpen: true });
  await wire.untilEnd();
  const lines = wire.text().split('\r\n');
  assert.equal(lines.length, 100_001);
  assert.equal(lines[99_999], '100000');
  wire.halfClose();
  assert.deepEqual((await host.outcome()).result, { code: 7, signal: null });
});

test('the program ends while the client reads nothing: the output waits for it', async () => {
  await using host = await hostScript('head -c 8000000 /dev/zero | tr "\\0" x; printf END');
  await using wire = await host.connect(XTERM);
  await wire.expect('x');
  wire.pause();
  const [session] = host.server.sessions;
  await new Promise<void>(resolve => {
    const look = (): void => (session!.unsent > 0 ? resolve() : void setImmediate(look));
    look();
  });
  wire.resume();
  await wire.untilEnd(240_000);
  assert.equal(wire.data.length, 8_000_003);
});

test('killed by a signal: its name is the result', async () => {
  await using host = await hostScript('kill -KILL $$');
  await using wire = await host.connect(XTERM);
  await wire.untilEnd();
  assert.deepEqual((await host.outcome()).result, { code: null, signal: 'SIGKILL' });
});

test('a client that types while the program ends still gets the last output', async () => {
  for (let i = 0; i < 20; i++) {
    await using host = await hostScript('printf ok; read x; head -c 300000 /dev/zero | tr "\\0" y; printf END');
    await using wire = await host.connect(XTERM);
    await wire.expect('ok');
    wire.type('\r');
    const typing = setInterval(() => wire.type('more and more'), 1);
    await wire.untilEnd();
    clearInterval(typing);
    // The terminal also echoes the input, before and after the end.
    const text = wire.text();
    assert.equal(text.split('y').length - 1, 300_000, `run ${i}`);
    assert.match(text, /END/, `run ${i}`);
    assert.equal(wire.error, undefined);
  }
});

test('half-closed: the input is delivered, and output is sent until the program ends', async () => {
  await using host = await Host.start({
    shell: ptyShell('/bin/sh', ['-i'], { env: { PS1: '' }, linger: 5_000, negotiationTimeout: 50 }),
  });
  await using wire = await host.connect({ silent: true, allowHalfOpen: true });
  wire.send('echo hi there\nexit\n');
  wire.halfClose();
  await wire.untilEnd();
  assert.match(wire.text(), /\r\nhi there\r\n/);
  assert.deepEqual((await host.outcome()).result, { code: 0, signal: null });
});

test('half-closed: a program that waits for input is hung up after the linger time, not before', async () => {
  await using host = await hostScript('echo ok; read x; sleep 100', { linger: 300, negotiationTimeout: 50 });
  await using wire = await host.connect({ silent: true, allowHalfOpen: true });
  await wire.expect('ok');
  const before = performance.now();
  wire.halfClose();
  await wire.untilEnd();
  assert.ok(performance.now() - before >= 295);
  assert.deepEqual((await host.outcome()).result, { code: null, signal: 'SIGHUP' });
});

test('the client resets: the program is hung up at once, and nothing is left', async () => {
  await using host = await hostScript('echo "pid $$"; trap "" INT; sleep 100; read x', { killTimeout: 60_000 });
  await using wire = await host.connect(XTERM);
  const pid = Number((await wire.expect(/pid \d+\r/)).slice(4));
  wire.reset();
  // Long before the kill timeout.
  const { result } = await host.outcome();
  assert.deepEqual(result, { code: null, signal: 'SIGHUP' });
  assert.ok(!isAlive(pid));
});

test('a reset is detected even while the input is blocked and the program is silent', async () => {
  await using host = await hostScript('stty raw -echo; echo ok; sleep 100');
  await using wire = await host.connect(XTERM);
  await wire.expect('ok');
  const [session] = host.server.sessions;
  wire.send(Buffer.alloc(1_000_000, 'x'));
  await new Promise<void>(resolve => {
    const look = (): void => (session!.inputLength >= 128 * 1024 ? resolve() : void setImmediate(look));
    look();
  });
  wire.reset();
  await host.outcome();
});

test('the client closes after input that the program does not read: hung up after the linger time', async () => {
  // If the input exceeds the window of the socket, the FIN has not even been sent.
  for (const length of [100, 20_000, 150_000]) {
    await using host = await hostScript('stty raw -echo; echo ok; exec sleep 1000', { linger: 200 });
    await using wire = await host.connect({ ...XTERM, allowHalfOpen: true });
    await wire.expect('ok');
    wire.send(Buffer.alloc(length, 'x'));
    wire.halfClose();
    await wire.untilEnd();
    assert.deepEqual((await host.outcome()).result, { code: null, signal: 'SIGHUP' }, `${length} bytes`);
  }
});

test('the client closes after input that the program reads slowly: all of it is delivered first', async () => {
  const script =
    'stty raw -echo; echo ok; i=0; while [ $i -lt 75 ]; do dd bs=4000 count=1 iflag=fullblock 2>/dev/null; sleep 0.04; i=$((i+1)); done | wc -c';
  // Half of the time of the whole input, and more than the time of the input that fits into the terminal.
  await using host = await hostScript(script, { linger: 1_500 });
  await using wire = await host.connect({ ...XTERM, allowHalfOpen: true });
  await wire.expect('ok');
  wire.send(Buffer.alloc(300_000, 'x'));
  wire.halfClose();
  await wire.expect('300000');
});

test('a program that ignores SIGHUP is killed after the kill timeout, its children too', async () => {
  await using host = await hostScript(
    'trap "" HUP; sh -c \'trap "" HUP; echo "child $$"; while :; do sleep 1; done\' & echo "pid $$"; while :; do sleep 1; done',
    {
      killTimeout: 300,
    },
  );
  await using wire = await host.connect(XTERM);
  await wire.until(() => /pid \d+\r/.test(wire.text()) && /child \d+\r/.test(wire.text()));
  const pid = Number(/pid (\d+)/.exec(wire.text())?.[1]);
  const child = Number(/child (\d+)/.exec(wire.text())?.[1]);
  await wire.close();
  assert.deepEqual((await host.outcome()).result, { code: null, signal: 'SIGKILL' });
  assert.ok(!isAlive(pid) && !isAlive(child));
});

test('limits: idle and session timeouts end the program with a message; sessions above the maximum get a message', async () => {
  await using idle = await Host.start({ shell: limit({ idleTimeout: 300 })(ptyShell('/bin/cat')) });
  await using one = await idle.connect(XTERM);
  await one.untilEnd();
  assert.match(one.text(), /telpty: closed: no input for too long\r\n$/);

  await using session = await Host.start({
    shell: limit({ sessionTimeout: 400, idleTimeout: 0 })(ptyShell('/bin/cat')),
  });
  await using two = await session.connect(XTERM);
  const typing = setInterval(() => two.type('x'), 50);
  await two.untilEnd();
  clearInterval(typing);
  assert.match(two.text(), /telpty: closed: the session time limit was reached\r\n$/);

  await using few = await Host.start({ shell: limit({ maxSessions: 1 })(ptyShell('/bin/cat')) });
  await using first = await few.connect(XTERM);
  await using second = await few.connect(XTERM);
  await second.expect('telpty: too many sessions, try again later\r\n');
  await second.untilEnd();
  await first.close();
  await few.outcome(2);
  await using third = await few.connect(XTERM);
  await third.expectNegotiation(253, OPT.TTYPE);
  await new Promise(resolve => setImmediate(resolve));
  assert.ok(!third.text().includes('too many'));
});

test('shutdown hangs up the programs, delivers pending output and closes every connection', async () => {
  await using host = await hostScript('trap "echo goodbye; exit 0" HUP; echo ok; while :; do sleep 0.02; done');
  const wires = await Promise.all(Array.from({ length: 5 }, () => host.connect(XTERM)));
  await Promise.all(wires.map(wire => wire.expect('ok')));
  const closing = host.server.shutdown();
  await Promise.all(wires.map(wire => wire.expect('goodbye')));
  await Promise.all(wires.map(wire => wire.untilEnd()));
  await closing;
  assert.equal(host.server.sessions.size, 0);
  await assert.rejects(host.server.listen({ port: 0 }), { code: 'ERR_SERVER_STATE' });
});

test('a client that does not read is disconnected after the shutdown timeout', async () => {
  const start = async (): Promise<[Host, Wire]> => {
    const host = await hostScript('yes');
    const wire = await host.connect(XTERM);
    await wire.expect('y');
    wire.pause();
    // Until no more is sent: while the kernel still accepts the output, the end does not depend on the client.
    const [session] = host.server.sessions;
    let written = -1;
    let looks = 0;
    await untilTrue(() => {
      looks = session!.unsent > 0 && session!.bytesWritten === written ? looks + 1 : 0;
      written = session!.bytesWritten;
      return looks === 10;
    });
    return [host, wire];
  };
  const [longHost, longWire] = await start();
  const [shortHost, shortWire] = await start();
  await using _ = longHost;
  await using __ = shortHost;
  const ends: string[] = [];
  // The one with the long timeout starts first, and would end first if the timeout had no effect.
  await Promise.all([
    longHost.server.shutdown({ timeout: 3_000 }).then(() => ends.push('long')),
    shortHost.server.shutdown({ timeout: 300 }).then(() => ends.push('short')),
  ]);
  assert.deepEqual(ends, ['short', 'long']);
  await Promise.all([longWire.close(), shortWire.close()]);
});

test('a program that never reads: memory does not grow, and other sessions are served', async () => {
  await using host = await hostScript('echo ok; sleep 100');
  await using stuck = await host.connect(XTERM);
  await stuck.expect('ok');
  await using busy = await hostScript('stty raw -echo; echo ok; exec cat');
  await using other = await busy.connect(XTERM);
  await other.expect('ok\r\n'.slice(0, 2));
  stuck.send(Buffer.alloc(32 << 20, 'x'));
  const [session] = host.server.sessions;
  for (let i = 0; i < 100; i++) {
    other.type(`ping${i};`);
    await other.expect(`ping${i};`);
    assert.ok(session!.inputLength <= 256 * 1024, `${session!.inputLength} bytes are held`);
  }
});

test('the number of clients that the server waits for to close their side is bounded, and no client loses a byte', async () => {
  await using host = await Host.start({ shell: session => void session.write('all of it') });
  const wires = await Promise.all(
    Array.from({ length: 70 }, () => host.connect({ silent: true, allowHalfOpen: true })),
  );
  await Promise.all(wires.map(wire => wire.untilEnd()));
  for (const wire of wires) assert.equal(wire.text(), 'all of it');
  // The wait for each of the others goes on.
  await host.outcome(6, 240_000);
  assert.equal(host.server.sessions.size, 64);
  await Promise.all(wires.map(wire => wire.close()));
});
