/** Several shells in sequence on one session, and the input between them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { createServer, limit, ptyShell, type Session } from '../../../src/index.ts';
import { CMD, OPT, subnegotiation } from '../../support/clients/test-client.ts';
import { Host, hostScript, XTERM } from '../../support/servers/host.ts';
import { compileLocales } from '../../support/system/locales.ts';

test('a menu: any number of programs, with keys read in between', async () => {
  const program = ptyShell('/bin/sh', ['-c', 'echo go; read line; echo "program got <$line>"']);
  const menu = async (session: Session): Promise<string> => {
    for (let i = 0; i < 12; i++) {
      session.write(`menu ${i}> `);
      const [key] = (await once(session, 'data')) as [Buffer];
      session.pause();
      session.releaseReader();
      if (key.toString() === 'q') return 'quit';
      await program(session);
    }
    return 'enough';
  };
  await using host = await Host.start({ shell: menu });
  await using wire = await host.connect(XTERM);
  const [session] = host.server.sessions;
  const listeners = session!.eventNames().reduce((sum, name) => sum + session!.listenerCount(name), 0);
  for (let i = 0; i < 12; i++) {
    await wire.expect(`menu ${i}> `);
    wire.type('p');
    await wire.expect('go');
    wire.type(`line ${i}\r`);
    await wire.expect(`program got <line ${i}>`);
  }
  await wire.untilEnd();
  assert.deepEqual(await host.outcome(), { result: 'enough' });
  const left = session!.eventNames().reduce((sum, name) => sum + session!.listenerCount(name), 0);
  assert.ok(left <= listeners + 2, `${left} listeners, ${listeners} at the beginning`);
});

test('after a program the idle timeout still ends a session without listeners', async () => {
  const program = ptyShell('/bin/sh', ['-c', 'echo done']);
  const shell = limit({ idleTimeout: 300 })(async (session: Session) => {
    await program(session);
    await once(session, 'data', { signal: session.signal }).catch(() => {});
  });
  await using host = await Host.start({ shell });
  await using wire = await host.connect(XTERM);
  await wire.expect('done');
  await wire.untilEnd();
});

test('EOF and EC keep their position after the input that was typed before them', async () => {
  await using host = await hostScript('stty -echo; echo ok; sleep 0.3; cat | wc -c');
  await using wire = await host.connect(XTERM);
  await wire.expect('ok\r\n');
  wire.send(Buffer.alloc(8_000 * 13, 'line of text\n'), [CMD.IAC, CMD.EOF]);
  const counted = Number(await wire.expect(/\d+/));
  assert.equal(counted, 8_000 * 13);
});

test('EOF typed before the program starts reaches it', async () => {
  await using host = await hostScript('stty -echo; cat; echo END', { negotiationTimeout: 300 });
  await using wire = await host.connect({ silent: true });
  wire.send('hello\r', [CMD.IAC, CMD.EOF]);
  await wire.expect('hello');
  await wire.expect('END');
});

test('the program does not wait for a client that has closed its sending half', async () => {
  await using host = await hostScript('cat', { negotiationTimeout: 60_000, linger: 200 });
  await using wire = await host.connect({ silent: true, allowHalfOpen: true });
  wire.send('hi there\n');
  wire.halfClose();
  await wire.expect('hi there');
  await wire.untilEnd();
});

test('a client that agrees to CHARSET but does not support subnegotiation is not sent one', async () => {
  await using host = await hostScript('echo started; read x');
  await using wire = await host.connect({ refuse: [OPT.TTYPE, OPT.NAWS, OPT.NEW_ENVIRON], charset: 'UTF-8' });
  await wire.expect('started');
  assert.ok(!wire.events.some(event => event.type === 'subnegotiation'));
  wire.negotiate(CMD.WILL, OPT.TTYPE);
  await wire.expectEvent(event => event.type === 'subnegotiation' && event.option === OPT.CHARSET);
});

test('a client may propose its own character set, and the program gets it', async () => {
  const LOCPATH = compileLocales(['en_US.KOI8-R', 'en_US', 'KOI8-R']);
  await using host = await hostScript('read x; echo "$LANG"', { negotiationTimeout: 30_000, env: { LOCPATH } });
  await using wire = await host.connect({ silent: true });
  wire.negotiate(CMD.WILL, OPT.CHARSET);
  await wire.expectNegotiation(CMD.DO, OPT.CHARSET);
  wire.send(subnegotiation(OPT.CHARSET, [1, ...Buffer.from(';X-UNHEARD-OF;koi8-r;UTF-8')]));
  await wire.expectEvent(event => event.type === 'subnegotiation' && event.option === OPT.CHARSET);
  wire.negotiate(CMD.WONT, OPT.TTYPE);
  wire.negotiate(CMD.WONT, OPT.NAWS);
  wire.send('\r\n');
  await wire.expect('en_US.KOI8-R');
});

test('shutdown does not wait for a shell that never settles', async () => {
  const server = createServer(() => new Promise(() => {}));
  const { port } = await server.listen(0);
  const { Wire } = await import('../../support/clients/test-client.ts');
  await using wire = await Wire.connect(port);
  await wire.expectNegotiation(CMD.DO, OPT.TTYPE);
  await server.shutdown({ timeout: 100 });
  await wire.untilEnd();
});

test('invalid options throw when they are passed', () => {
  const wrong = { code: 'ERR_INVALID_ARGUMENT' };
  const shell = () => {};
  for (const options of [
    { killTimeout: -5 },
    { killTimeout: 30 * 24 * 3600 * 1000 },
    { linger: 2 ** 31 },
    { negotiationTimeout: Number.NaN },
    { killTimout: 5 },
    { mode: 'half' },
    { mode: '__proto__' },
    { encoding: 'klingon' },
    { term: '../x' },
    { user: 'nobody' },
    { acceptEnv: ['LD_PRELOAD'] },
    { acceptEnv: ['a b'] },
    { env: { A: 1 } },
    { onStart: 'x' },
  ]) {
    assert.throws(() => ptyShell('cat', [], options as never), wrong, JSON.stringify(options));
  }
  assert.throws(() => ptyShell(''), wrong);
  assert.throws(() => ptyShell('cat', 'x' as never), wrong);
  for (const options of [undefined, {}, { shell: 'x' }, { shell, encoding: 'klingon' }, { shell, shel: 1 }]) {
    assert.throws(() => createServer(options as never), wrong, JSON.stringify(options));
  }
  for (const options of [{ idleTimeout: -1 }, { maxSessions: 1.5 }, { sessionTimeout: Number.NaN }]) {
    assert.throws(() => limit(options), wrong, JSON.stringify(options));
  }
});
