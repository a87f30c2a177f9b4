/** `telpty connect --always-will` and `--always-do`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runConnect } from '../../support/clients/connect.ts';
import { Peer } from '../../support/clients/peer.ts';
import { CMD } from '../../support/clients/test-client.ts';

test('options are offered and requested before anything else is sent', async () => {
  await using peer = await Peer.listen();
  const client = runConnect(['--always-will', 'gmcp,91', '--always-do=77', '127.0.0.1', peer.port]);
  const wire = await peer.accept();
  await wire.expectNegotiation(CMD.DO, 77);
  assert.deepEqual([...wire.raw.bytes], [CMD.IAC, CMD.WILL, 201, CMD.IAC, CMD.WILL, 91, CMD.IAC, CMD.DO, 77]);
  wire.close();
  assert.equal((await client.done).status, 0);
});

test('an option that needs an implementation is wrong usage', async () => {
  const { status, stderr } = await runConnect(['--always-do', 'mccp2', '127.0.0.1', 9]).done;
  assert.equal(status, 2);
  assert.match(
    stderr,
    /^telpty: --always-do: MCCP2 changes the encoding of the bytes that follow it, and is not in use here\n$/,
  );
});
