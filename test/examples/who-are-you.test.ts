import { test } from 'node:test';
import { Screen } from '../support/clients/screen.ts';
import { CMD, OPT } from '../support/clients/test-client.ts';
import { startExample } from './support.ts';

test('the visitor sees what was negotiated, and switches it', async () => {
  await using example = await startExample('who-are-you');
  await using wire = await example.connect({
    ttype: ['XTERM-256COLOR', 'XTERM'],
    size: [100, 40],
    charset: 'UTF-8',
    environ: { LANG: 'de_DE.UTF-8', USER: 'a\x1bda' },
  });
  const screen = new Screen(100, 40);
  wire.onData(bytes => void screen.feed(bytes));
  await screen.waitFor(/^address +127\.0\.0\.1 port \d+$/m);
  await screen.waitFor(
    /^client +terminal\ntypes +XTERM-256COLOR, XTERM\nwindow +100 columns, 40 rows\ncharset +UTF-8$/m,
  );
  await screen.waitFor(/^LANG +de_DE\.UTF-8\nUSER +a\\u001bda$/m);
  await screen.waitFor(/^NAWS +- +on$/m);
  await screen.waitFor(/^TSPEED +- +off$/m);

  wire.type('dont naws\r\n');
  await wire.expectNegotiation(CMD.DONT, OPT.NAWS);
  await screen.waitFor(/^NAWS +- +off$/m);
  wire.type('do naws\r\n');
  await screen.waitFor(/^NAWS +- +on$/m);
  wire.type('echo\r\n');
  await screen.waitFor(/^ECHO +- +-$|ECHO is not to be enabled/m);
  wire.type('will echo\r\n');
  await screen.waitFor(/^ECHO +on +-$/m);
  wire.type('echo\r\n');
  await screen.waitFor(/^ECHO +off +-$/m);
  wire.type('will naws\r\n');
  await screen.waitFor(/NAWS is not allowed on the local side/);
  wire.type('quit\r\n');
  await wire.untilEnd();
  screen.dispose();
});
