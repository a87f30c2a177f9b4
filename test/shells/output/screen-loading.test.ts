/** xterm.js is loaded only for clients whose screen the server emulates. */
import assert from 'node:assert/strict';
import { Session as Inspector } from 'node:inspector';
import { before, test } from 'node:test';
import { areScreensLoaded } from '../../../src/screen/xterm.ts';
import { CMD, OPT } from '../../support/clients/test-client.ts';
import { hostScript, XTERM } from '../../support/servers/host.ts';

const UTF8 = { programEncoding: 'utf-8', locale: 'C.UTF-8' } as const;
/** Switches a C64 to lower case and clears its screen. */
const START = Uint8Array.of(14, 147);

/** The files of xterm.js that this process has loaded. */
const loaded: string[] = [];

before(() => {
  const inspector = new Inspector();
  inspector.connect();
  inspector.on('Debugger.scriptParsed', ({ params }) => {
    if (/xterm-headless/.test(params.url)) loaded.push(params.url);
  });
  inspector.post('Debugger.enable');
});

test('sessions of other clients do not load it, whatever their character set', async () => {
  for (const options of [{}, UTF8, { ...UTF8, encoding: 'cp437' }]) {
    await using server = await hostScript('echo hello; read x', options);
    await using wire = await server.connect(XTERM);
    await wire.expect('hello');
  }
  assert.deepEqual(loaded, []);
  assert.equal(areScreensLoaded(), false);
});

test('a client that negotiates the set of a home computer later causes the load, and gets all output', async () => {
  await using server = await hostScript('stty -echo; echo ready; while read -r x; do echo "<$x>"; done', UTF8);
  await using wire = await server.connect({ ...XTERM, charset: 'UTF-8' });
  await wire.expect('ready');
  wire.send([CMD.IAC, CMD.SB, OPT.CHARSET, 1], ';PETSCII', [CMD.IAC, CMD.SE], 'ONE\rTWO\r');
  await wire.expect(START);
  await wire.expect(Buffer.from('<ONE>\r<TWO>\r', 'latin1'));
  assert.notDeepEqual(loaded, []);
});
