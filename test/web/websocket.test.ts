/** The end of a WebSocket whose client is slow. */
import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import type { Transport, TransportUser } from '../../src/transport/stream/transport.ts';
import { WebSocketTransport } from '../../src/web/websocket/transport.ts';
import { frame } from '../support/clients/web-client.ts';

const CLOSE = 0x88;

/** A WebSocket above a connection that has `unsent` bytes in its queue. */
function openAbove(unsent: number) {
  let user: TransportUser | undefined;
  const carrier = {
    ...{ unsent, undelivered: 0, mark: 16_384, encrypted: true },
    finished: false as boolean,
    destroyed: false as boolean,
    open: (opened: TransportUser) => {
      user = opened;
    },
    pause() {},
    resume() {},
    send() {},
    discardData: () => 0,
    end() {
      carrier.finished = true;
    },
    destroy() {
      carrier.finished = carrier.destroyed = true;
    },
  } satisfies Transport;
  const options = { takesText: false, needsPacing: false, isSecure: true, read: Buffer.alloc(0) };
  const webSocket = new WebSocketTransport(carrier, options);
  const ignore = () => {};
  webSocket.open({ arrived: ignore, urgent: ignore, ended: ignore, room: ignore, finishing: ignore, closed: ignore });
  return { carrier, webSocket, receive: (bytes: Buffer) => user!.arrived(bytes) };
}

describe('the end of a WebSocket', { timeout: 60_000 }, () => {
  it('waits for all that was sent, and then two seconds for the client', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { carrier, webSocket } = openAbove(1_000);
    const done = mock.fn();
    webSocket.end(done);
    t.mock.timers.tick(60_000);
    assert.deepEqual([carrier.destroyed, done.mock.callCount()], [false, 0]);
    carrier.unsent = 0;
    t.mock.timers.tick(2_000);
    await new Promise(setImmediate);
    assert.deepEqual([carrier.destroyed, done.mock.callCount()], [false, 1]);
    t.mock.timers.tick(2_000);
    assert.deepEqual([carrier.destroyed, done.mock.callCount()], [true, 1]);
  });

  it('does not wait for more than two seconds after the client has closed it', t => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { carrier, receive } = openAbove(1_000);
    receive(frame(CLOSE, Buffer.alloc(0)));
    t.mock.timers.tick(1_999);
    assert.equal(carrier.destroyed, false);
    t.mock.timers.tick(1);
    assert.equal(carrier.destroyed, true);
  });
});
