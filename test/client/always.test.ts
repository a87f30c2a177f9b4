/** Options that a client offers and requests whether or not it implements them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect, createServer } from '../../src/index.ts';
import { defineOption, gmcp, Option } from '../../src/protocol/index.ts';
import { Peer } from '../support/clients/peer.ts';
import { CMD, OPT, subnegotiation } from '../support/clients/test-client.ts';

const { WILL, WONT, DO, DONT } = CMD;
const UNKNOWN = 99;

test('options are offered and requested at once, and agreed to again after a refusal', async () => {
  await using peer = await Peer.listen();
  const session = await connect({
    port: peer.port,
    alwaysWill: [Option.GMCP, UNKNOWN],
    alwaysDo: [Option.SGA, UNKNOWN],
  });
  const wire = await peer.accept();
  await wire.expectNegotiation(DO, UNKNOWN);
  const said = wire.events.map(event => event.type === 'negotiate' && [event.command, event.option]);
  assert.deepEqual(said, [
    [WILL, OPT.GMCP],
    [WILL, UNKNOWN],
    [DO, OPT.SGA],
    [DO, UNKNOWN],
  ]);
  wire.negotiate(DO, OPT.GMCP);
  const told = once(session, 'subnegotiation');
  wire.send(subnegotiation(OPT.GMCP, Buffer.from('Core.Hello')));
  const [{ option, payload }] = await told;
  assert.equal(option, Option.GMCP);
  assert.equal(Buffer.from(payload).toString(), 'Core.Hello');
  const before = wire.events.length;
  wire.negotiate(DONT, UNKNOWN);
  wire.negotiate(WONT, UNKNOWN);
  wire.negotiate(WILL, UNKNOWN);
  wire.negotiate(DO, UNKNOWN);
  await wire.until(() => wire.events.length === before + 2);
  const answers = wire.events.slice(before).map(event => event.type === 'negotiate' && [event.command, event.option]);
  assert.deepEqual(answers, [
    [DO, UNKNOWN],
    [WILL, UNKNOWN],
  ]);
  session.destroy();
});

test('by default, an option that is not implemented is refused', async () => {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port });
  const wire = await peer.accept();
  wire.negotiate(DO, UNKNOWN);
  await wire.expectNegotiation(WONT, UNKNOWN);
  session.destroy();
});

/** Options that need an implementation. */
const EXCEPT: readonly number[] = [
  ...[Option.TIMING_MARK, Option.MCCP1, Option.MCCP2, Option.MCCP3, Option.START_TLS, Option.ENCRYPT],
];

test('a session continues with a server that agrees to every option, on both sides', async () => {
  // (With LOGOUT the server requests the end.)
  const isTried = (code: number) => !EXCEPT.includes(code) && code !== Option.LOGOUT;
  const codes = Array.from({ length: 256 }, (_, code) => code).filter(isTried);
  const server = createServer({
    telnetOptions: codes.map(code => defineOption(code, { local: true, remote: true })),
    shell: async session => void (await once(session.resume(), 'end')),
  });
  const { port } = await server.listen(0);
  const session = await connect({
    ...{ port, alwaysWill: codes, alwaysDo: codes, environ: { LANG: 'C' } },
    terminal: { columns: 80, rows: 24, speed: { transmit: 9_600, receive: 9_600 }, display: ':0', location: 'here' },
  });
  session.resume();
  const { telnet } = session;
  const isMissing = (code: number) => !telnet.isEnabled(code, 'local') || !telnet.isEnabled(code, 'remote');
  while (codes.some(isMissing)) await once(session, 'option');
  const [theirs] = server.sessions;
  for (const code of codes) theirs!.telnet.subnegotiate(code, Uint8Array.of(1, 2, 3));
  const marked = once(session, 'timing-mark');
  telnet.request(Option.TIMING_MARK, 'remote', true);
  await marked;
  assert.equal(session.errored, null);
  assert.equal(session.hangupReason, undefined);
  session.destroy();
  await server.close();
});

test('an option that needs an implementation is an error', async () => {
  const port = 9;
  const invalid = (message: RegExp) => ({ code: 'ERR_INVALID_ARGUMENT', message });
  for (const code of EXCEPT) {
    const name = code === Option.TIMING_MARK ? 'alwaysWill' : 'alwaysDo';
    await assert.rejects(connect({ port, [name]: [code] }), invalid(new RegExp(`^${name}: `)), `option ${code}`);
  }
  await assert.rejects(
    connect({ port, alwaysDo: [256] }),
    invalid(/^alwaysDo\[0\] must be a whole number from 0 to 255/),
  );
  const own = gmcp({ remote: true });
  const clash = connect({ port, telnetOptions: [own], alwaysWill: [Option.GMCP] });
  await assert.rejects(clash, invalid(/definition of GMCP in telnetOptions does not allow the local side/));
});

test('a definition of the caller keeps its handler, and compression may be requested if the client agrees to it', async () => {
  await using peer = await Peer.listen();
  const own = gmcp({ remote: true });
  const options = { telnetOptions: [own], alwaysDo: [Option.GMCP, Option.MCCP2], compression: true };
  const session = await connect({ port: peer.port, ...options });
  const wire = await peer.accept();
  await wire.expectNegotiation(DO, OPT.GMCP);
  await wire.expectNegotiation(DO, Option.MCCP2);
  wire.negotiate(WILL, OPT.GMCP);
  await session.waitFor({ option: Option.GMCP, side: 'remote' });
  session.telnet.handler(own).send('Core.Hello', { client: 'x' });
  await wire.until(() => wire.events.some(event => event.type === 'subnegotiation'));
  session.destroy();
});
