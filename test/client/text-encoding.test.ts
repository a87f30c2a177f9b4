/** The encoding of text that is written to a session. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '../../src/index.ts';
import { Peer } from '../support/clients/peer.ts';
import { CMD, OPT } from '../support/clients/test-client.ts';

test('text is written in the encoding of the session, or in a given encoding of Node.js; bytes are written unchanged', async () => {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port, encoding: 'KOI8-R' });
  const wire = await peer.accept();
  let isCalled = false;
  session.write('ж1');
  session.write('ж2', 'utf8');
  session.write('é3', 'latin1');
  session.write('d0b6', 'hex');
  session.write(Buffer.from('ж4'));
  session.write('«ж»', () => {
    isCalled = true;
  });
  wire.negotiate(CMD.WILL, OPT.CHARSET);
  await wire.expectNegotiation(CMD.DO, OPT.CHARSET);
  wire.subnegotiate(OPT.CHARSET, Buffer.from('\x01;UTF-8', 'latin1'));
  await session.waitFor(({ encoding }) => encoding === 'UTF-8');
  session.write('ж5');
  session.write('ж6', 'utf8');
  session.end('ж7');
  await wire.untilEnd();
  const before = [
    0xd6,
    0x31,
    0xd0,
    0xb6,
    0x32,
    0xe9,
    0x33,
    0xd0,
    0xb6,
    0xd0,
    0xb6,
    0x34,
    ...Buffer.from('<\xd6>', 'latin1'),
  ];
  assert.deepEqual([...wire.data.bytes], [...before, ...Buffer.from('ж5ж6ж7')]);
  assert.ok(isCalled, 'the callback is called if it is given in place of the encoding');
});

test('text for home computers ends its lines in the Return of the machine, also under BINARY', async () => {
  for (const { encoding, lines } of [
    { encoding: 'petscii', lines: { plain: [0xc8, 0x49, 13, 0], binary: [0xc8, 0x49, 13] } },
    { encoding: 'atascii', lines: { plain: [0x48, 0x69, 0x9b], binary: [0x48, 0x69, 0x9b] } },
  ]) {
    await using peer = await Peer.listen();
    const session = await connect({ port: peer.port, encoding });
    const wire = await peer.accept();
    session.write('Hi\r\n');
    session.sendLine('Hi');
    session.write(Buffer.of(0x91));
    const { plain, binary } = lines;
    await wire.expect(Uint8Array.from([...plain, ...plain, 0x91]));
    wire.negotiate(CMD.DO, OPT.BINARY);
    await wire.expectNegotiation(CMD.WILL, OPT.BINARY);
    session.sendLine('Hi');
    session.end('.');
    await wire.expect(Uint8Array.from([...binary, 0x2e]));
    await wire.untilEnd();
  }
});
