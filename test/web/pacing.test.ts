/** Flow control by TIMING-MARK: the terminal is not read while the page has too much output to process. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ptyShell, type Session } from '../../src/index.ts';
import { connectWeb, type WebWire } from '../support/clients/web-client.ts';
import { untilTrue } from '../support/leaks.ts';
import { startWeb } from './support.ts';

const [IAC, WILL, WONT, DO, DM, TIMING_MARK, NAWS] = [255, 251, 252, 253, 242, 6, 31] as const;
/** What the server may send without an answer at first: 64 KiB, and two pieces, each up to a mark. */
const MOST = (64 + 16) * 1024;
/** More than a window ever has. */
const WINDOWS = 600 * 1024;
const MEGABYTE = 1024 * 1024;

const flood = (bytes: number) => ({
  shell: ptyShell('/bin/sh', ['-c', `stty -echo raw; yes 0123456789 | head -c ${bytes}; echo END; read x`]),
});

/** The number of marks that the server has asked for. */
const marks = (wire: WebWire) =>
  wire.events.filter(e => e.type === 'negotiate' && e.command === DO && e.option === TIMING_MARK).length;

/** Answers all marks. A mark can come after the last data, so there is no event to wait for. */
function answerMarks(wire: WebWire, answer: number, answered: number): Disposable {
  let count = answered;
  const timer = setInterval(() => {
    for (const wanted = marks(wire); count < wanted; count++) wire.send([IAC, answer, TIMING_MARK]);
  }, 5);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

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
  it('is marked before it begins, and then some times in each window', async () => {
    await using host = await startWeb(flood(MEGABYTE));
    await using wire = await connectWeb(host.port, { silent: true });
    await wire.until(() => marks(wire) === 1);
    assert.equal(wire.data.length, 0);
    await wire.expect('END');
    // A client that has never answered is paced by the socket alone.
    assert.equal(marks(wire), 64);
  });

  for (const [name, answer] of [
    ['WILL', WILL],
    ['WONT', WONT],
  ] as const) {
    it(`stops at the window, and goes on with each ${name}`, async () => {
      await using host = await startWeb(flood(4 * MEGABYTE));
      await using wire = await connectWeb(host.port, { silent: true });
      let answered = 0;
      const answerAll = () => {
        for (const count = marks(wire); answered < count; answered++) wire.send([IAC, answer, TIMING_MARK]);
      };
      await wire.until(() => marks(wire) > 0);
      answerAll();
      await wire.untilData(64 * 1024);
      const [session] = host.server.sessions;
      await untilQuiet(session!);
      const stopped = wire.data.length;
      assert.ok(stopped >= 64 * 1024 && stopped <= MOST, `${stopped} bytes without an answer`);
      answerAll();
      await wire.untilData(stopped + 32 * 1024);
      await untilQuiet(session!);
      assert.ok(wire.data.length <= stopped + WINDOWS, `${wire.data.length - stopped} bytes without an answer`);
      using _answers = answerMarks(wire, answer, answered);
      await wire.expect('END');
      assert.equal(wire.data.length, 4 * MEGABYTE + 4);
    });
  }

  /** A session whose client answers nothing but the first mark, and has received all that it gets. */
  async function withSleepingPage(script: string) {
    const host = await startWeb({ shell: ptyShell('/bin/sh', ['-c', script]) });
    const wire = await connectWeb(host.port, { silent: true });
    await wire.until(() => marks(wire) > 0);
    wire.send([IAC, WILL, TIMING_MARK]);
    await wire.untilData(64 * 1024);
    const [session] = host.server.sessions;
    await untilQuiet(session!);
    return { host, wire, session: session! };
  }

  it('of a page that sleeps blocks the program, and its input still arrives', async () => {
    const { host, wire } = await withSleepingPage('trap : INT; yes; echo INTERRUPTED; read x');
    await using _host = host;
    await using _wire = wire;
    // Asleep. ^C flushes the terminal and ends the program.
    wire.send('\x03');
    using _answers = answerMarks(wire, WILL, 1);
    await wire.expect('INTERRUPTED');
  });

  it('that is never processed does not keep a session whose program has ended', async () => {
    const { host, wire, session } = await withSleepingPage('yes | head -c 2000000');
    await using _host = host;
    await using _wire = wire;
    session.hangup('idle-timeout');
    await wire.untilClose(240_000);
    assert.equal(wire.end?.code, 1000);
    assert.equal(wire.end?.reason, 'idle-timeout');
  });

  it('that a page has not processed is declared obsolete at ^C, and what waits for it is discarded', async () => {
    const { host, wire, session } = await withSleepingPage('trap : INT; yes; echo INTERRUPTED; read x');
    await using _host = host;
    await using _wire = wire;
    const isMark = (event: WebWire['events'][number]) => event.type === 'command' && event.command === DM;
    assert.equal(wire.events.some(isMark), false);
    // The answer to DO NAWS: a client that never answers gets no commands.
    wire.send([IAC, WONT, NAWS]);
    const before = session.bytesWritten;
    wire.send('\x03');
    await wire.until(() => wire.events.some(isMark));
    // The window is full: nothing but the mark was sent.
    assert.ok(session.bytesWritten - before < 16, `${session.bytesWritten - before} bytes after ^C`);
    using _answers = answerMarks(wire, WILL, 1);
    await wire.expect('INTERRUPTED');
    // What the terminal printed after it had discarded its output.
    assert.ok(session.bytesWritten - before < 16_000, `${session.bytesWritten - before} bytes after ^C`);
  });
});
