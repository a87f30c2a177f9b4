/** A program that a limit kills at its start: the log and the client say which limit. */
import { describe, it } from 'node:test';
import { startServer } from '../support/server.ts';
import { Wire } from '../support/wire.ts';

const XTERM = { ttype: ['xterm'], size: [80, 24] } as const;

describe('telpty serve with an --rlimit that is too small', { timeout: 60_000 }, () => {
  for (const [limit, program, signal] of [
    ['as=100K', ['/bin/cat'], 'SIG(KILL|SEGV)'],
    ['fsize=0', ['sh', '-c', 'f=$(mktemp -u); trap "" HUP; exec sh -c "echo x > $f"'], 'SIGXFSZ'],
  ] as const) {
    it(`says so in the log and to the client: ${limit}`, async () => {
      await using server = await startServer(['--rlimit', limit], { program });
      await using wire = await Wire.connect(server.port, XTERM);
      await wire.expect(new RegExp(`telpty: the program was killed by ${signal} within 1 s of its start; --rlimit `));
      await server.waitForLog(new RegExp(`killed by ${signal} within 1 s of its start; --rlimit .* may be too small`));
    });
  }
});
