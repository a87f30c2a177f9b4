/** The packets that `telpty connect` sends for keys. */
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { Keyboard } from '../../../src/cli/connect/keys/keyboard.ts';
import { Session } from '../../../src/session/session.ts';

test('Return is sent in one packet with its NUL: a server that ends at it would reset the connection because of unread input', async () => {
  const packets: string[] = [];
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      packets.push(chunk.toString('latin1'));
      done();
    },
  });
  const session = new Session(wire, { telnet: { options: [] } });
  const keyboard = new Keyboard(session, undefined);
  keyboard.keys(Buffer.from('exit\r'));
  await new Promise(resolve => setImmediate(resolve));
  keyboard.keys(Buffer.from('x'));
  await new Promise(resolve => setImmediate(resolve));
  assert.deepEqual(packets, ['exit\r\0', 'x']);
  session.destroy();
});
