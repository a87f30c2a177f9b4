/**
 * The options of a server's table that not every session uses: which end may request them, and where their facts are
 * stored.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Session } from '../../src/index.ts';
import { gmcp, mssp, Option } from '../../src/protocol/index.ts';
import { flowControlOption, linemodeOption, statusOption } from '../../src/session/option-table.ts';
import { CMD, OPT } from '../support/clients/test-client.ts';
import { Host } from '../support/servers/host.ts';

const { WILL, DO, DONT } = CMD;
const SNDLOC = 23;
const SEND = 1;

/** A host with one session that lasts until the client closes. */
async function hostOf(
  begin: (session: Session) => void,
  telnetOptions: Parameters<typeof Host.start>[0]['telnetOptions'] = [],
) {
  return Host.start({
    telnetOptions,
    shell: async session => {
      begin(session);
      session.resume();
      await once(session, 'close');
    },
  });
}

test('only a client that offers terminal speed, X display or location is asked for it', async () => {
  let session: Session | undefined;
  await using host = await hostOf(given => {
    session = given;
  });
  await using wire = await host.connect({ silent: true });
  await wire.expectNegotiation(DO, OPT.TTYPE);
  for (const option of [OPT.TSPEED, OPT.XDISPLOC, SNDLOC]) {
    assert.ok(!wire.events.some(event => event.type === 'negotiate' && event.option === option));
    wire.negotiate(WILL, option);
    await wire.expectNegotiation(DO, option);
  }
  for (const option of [OPT.TSPEED, OPT.XDISPLOC]) {
    const { payload } = (await wire.expectEvent(e => e.type === 'subnegotiation' && e.option === option)) as {
      payload: Buffer;
    };
    assert.deepEqual([...payload], [SEND]);
  }
  wire.subnegotiate(OPT.TSPEED, Buffer.from('\0' + '38400,19200'));
  wire.subnegotiate(OPT.XDISPLOC, Buffer.from('\0unix:0.0'));
  const told = once(session!, 'location');
  wire.subnegotiate(SNDLOC, Buffer.from('Room 4.01'));
  assert.deepEqual(await told, [{ type: 'location', location: 'Room 4.01' }]);
  const { speed, display, location } = session!.terminal;
  assert.deepEqual(
    { speed, display, location },
    { speed: { transmit: 38400, receive: 19200 }, display: 'unix:0.0', location: 'Room 4.01' },
  );
});

test('LINEMODE and LFLOW are refused until the shell requests them; STATUS works both ways', async () => {
  let session: Session | undefined;
  await using host = await hostOf(given => {
    session = given;
  });
  await using wire = await host.connect({ silent: true });
  await wire.expectNegotiation(DO, OPT.TTYPE);
  wire.negotiate(WILL, OPT.LINEMODE);
  wire.negotiate(WILL, OPT.LFLOW);
  await wire.expectNegotiation(DONT, OPT.LINEMODE);
  await wire.expectNegotiation(DONT, OPT.LFLOW);
  const { telnet } = session!;
  assert.ok(telnet.has(linemodeOption) && telnet.has(flowControlOption));
  telnet.handler(linemodeOption).propose({ edit: true, trapsig: true });
  telnet.handler(flowControlOption).control({ enabled: false });
  telnet.request(Option.LINEMODE, 'remote', true);
  telnet.request(Option.LFLOW, 'remote', true);
  await wire.expectNegotiation(DO, OPT.LINEMODE);
  await wire.expectNegotiation(DO, OPT.LFLOW);
  wire.negotiate(WILL, OPT.LINEMODE);
  wire.negotiate(WILL, OPT.LFLOW);
  await wire.expectEvent(
    e => e.type === 'subnegotiation' && e.option === OPT.LINEMODE && e.payload.equals(Buffer.of(1, 3)),
  );
  await wire.expectEvent(e => e.type === 'subnegotiation' && e.option === OPT.LFLOW && e.payload.equals(Buffer.of(0)));

  wire.negotiate(WILL, OPT.STATUS);
  await wire.expectNegotiation(DO, OPT.STATUS);
  telnet.handler(statusOption).ask();
  await wire.expectEvent(
    e => e.type === 'subnegotiation' && e.option === OPT.STATUS && e.payload.equals(Buffer.of(SEND)),
  );
  const told = once(session!, 'status');
  wire.subnegotiate(OPT.STATUS, [0, WILL, OPT.LFLOW]);
  assert.deepEqual((await told)[0].options, [{ option: OPT.LFLOW, side: 'remote', enabled: true }]);
});

test('a game uses GMCP and MSSP: options, requests in the first packet, messages and typed events', async () => {
  const messages = gmcp({ local: true });
  const crawled: string[] = [];
  await using host = await hostOf(
    session => {
      const { telnet } = session;
      telnet.request(Option.GMCP, 'local', true);
      telnet.request(Option.MSSP, 'local', true);
      session.on('option', ({ option, side, enabled }) => {
        if (option === Option.MSSP && side === 'local' && enabled) crawled.push('asked');
      });
      session.on('gmcp', ({ name, data }) => {
        telnet.handler(messages).send('Echo.Reply', { name, data });
      });
    },
    [messages, mssp({ provide: () => ({ NAME: 'A game', PLAYERS: 3 }) })],
  );
  await using wire = await host.connect({ silent: true });
  await wire.expectNegotiation(WILL, OPT.GMCP);
  await wire.expectNegotiation(WILL, OPT.MSSP);
  wire.negotiate(DO, OPT.GMCP);
  wire.negotiate(DO, OPT.MSSP);
  const told = await wire.expectEvent(e => e.type === 'subnegotiation' && e.option === OPT.MSSP);
  assert.equal((told as { payload: Buffer }).payload.toString(), '\x01NAME\x02A game\x01PLAYERS\x023');
  assert.deepEqual(crawled, ['asked']);
  wire.subnegotiate(OPT.GMCP, Buffer.from('Core.Hello {"client":"x"}'));
  const reply = await wire.expectEvent(e => e.type === 'subnegotiation' && e.option === OPT.GMCP);
  assert.equal(
    (reply as { payload: Buffer }).payload.toString(),
    'Echo.Reply {"name":"Core.Hello","data":{"client":"x"}}',
  );
});

test('listeners are typed by the name of the event', () => {
  // Never called: the compiler checks it.
  const listen = (session: Session): void => {
    session.on('resize', ({ columns, rows }) => columns.toFixed(rows));
    session.once('gmcp', ({ name, data }) => [name.length, data]);
    session.on('an event of an application', (one, two) => [one, two]);
    session.on('data', (chunk: Buffer) => chunk.length);
    // @ts-expect-error: columns are numbers
    session.on('resize', ({ columns }: { columns: string }) => columns);
    // @ts-expect-error: a resize has a size
    session.emit('resize', 'wide');
  };
  assert.equal(typeof listen, 'function');
});
