/** Flow control by TIMING-MARK: the terminal is not read while the page has too much output to process. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ptyShell, type Session } from '../../src/index.ts';
import { connectWeb, type WebWire } from '../support/clients/web-client.ts';
import { untilTrue } from '../support/leaks.ts';
import { startWeb } from './support.ts';

const [IAC, WILL, WONT, DO, TIMING_MARK] = [255, 251, 252, 253, 6] as const;
/** What the server may send without an answer, and what is in transit besides: reads of the terminal are 64 KiB. */
const MOST = 512 * 1024 + 3 * 64 * 1024;
const MEGABYTE = 1024 * 1024;

const flood = (bytes: number) => ({
  shell: ptyShell('/bin/sh', ['-c', `stty -echo raw; yes 0123456789 | head -c ${bytes}; echo END; read x`]),
});

/** The number of marks that the server has asked for. */
const marks = (wire: WebWire) =>
  wire.events.filter(e => e.type === 'negotiate' && e.command === DO && e.option === TIMING_MARK).length;

/** Counts until nothing has come for some turns of a second. */
async function untilQuiet(session: Session): Promise<void> {
  let last = -1;
  await untilTrue(() => {
    const isQuiet = session.bytesWritten === last;
    last = session.bytesWritten;
    return isQuiet;
  });
}

describe('the output of a session over a WebSocket', { timeout: 600_000 }, () => {
  it('is marked after the first output and then after each 64 KiB', async () => {
    await using host = await startWeb(flood(MEGABYTE));
    await using wire = await connectWeb(host.port, { silent: true });
    await wire.expect('END');
    // A client that has never answered is paced by the socket alone.
    assert.ok(marks(wire) >= 10 && marks(wire) <= 18, `${marks(wire)} marks`);
  });

  for (const [name, answer] of [
    ['WILL', WILL],
    ['WONT', WONT],
  ] as const) {
    it(`stops at 512 KiB that are not answered, and goes on with each ${name}`, async () => {
      await using host = await startWeb(flood(4 * MEGABYTE));
      await using wire = await connectWeb(host.port, { silent: true });
      await wire.until(() => marks(wire) > 0);
      wire.send([IAC, answer, TIMING_MARK]);
      const [session] = host.server.sessions;
      await wire.untilData(300 * 1024);
      let answered = 1;
      const answerAll = () => {
        const more = marks(wire) - answered;
        for (let mark = 0; mark < more; mark++) wire.send([IAC, answer, TIMING_MARK]);
        answered += more;
      };
      await wire.untilData(500 * 1024);
      await untilQuiet(session!);
      const stopped = wire.data.length;
      assert.ok(stopped < MOST, `${stopped} bytes without an answer`);
      answerAll();
      await wire.untilData(stopped + 400 * 1024);
      await untilQuiet(session!);
      assert.ok(wire.data.length < stopped + MOST, `${wire.data.length - stopped} bytes without an answer`);
      wire.onData(() => answerAll());
      answerAll();
      await wire.expect('END');
      assert.equal(wire.data.length, 4 * MEGABYTE + 4);
    });
  }

  it('of a page that sleeps blocks the program, and its input still arrives', async () => {
    await using host = await startWeb({ shell: ptyShell('/bin/sh', ['-c', 'yes; echo INTERRUPTED; read x']) });
    await using wire = await connectWeb(host.port, { silent: true });
    await wire.until(() => marks(wire) > 0);
    wire.send([IAC, WILL, TIMING_MARK]);
    const [session] = host.server.sessions;
    await wire.untilData(500 * 1024);
    await untilQuiet(session!);
    // Asleep. ^C flushes the terminal and ends the program.
    const before = marks(wire);
    wire.send('\x03');
    for (let mark = 1; mark < before; mark++) wire.send([IAC, WILL, TIMING_MARK]);
    await wire.expect(/\^C|INTERRUPTED/);
    assert.ok(wire.data.length < 2 * MOST);
  });

  it('that is never processed does not keep a session whose program has ended', async () => {
    await using host = await startWeb({ shell: ptyShell('/bin/sh', ['-c', 'yes | head -c 2000000']) });
    await using wire = await connectWeb(host.port, { silent: true });
    await wire.until(() => marks(wire) > 0);
    wire.send([IAC, WILL, TIMING_MARK]);
    const [session] = host.server.sessions;
    await wire.untilData(500 * 1024);
    await untilQuiet(session!);
    session!.hangup('idle-timeout');
    await wire.untilClose(240_000);
    assert.equal(wire.end?.code, 1000);
    assert.equal(wire.end?.reason, 'idle-timeout');
  });
});
