/** A program that a resource limit ends: the log and the client name the limit. */
import { describe, it } from 'node:test';
import { Wire } from '../../support/clients/test-client.ts';
import { startServer } from '../../support/servers/server.ts';

const XTERM = { ttype: ['xterm'], size: [80, 24] } as const;

describe('telpty serve with an --rlimit that is too small', { timeout: 600_000 }, () => {
  for (const [limit, program, words] of [
    ['as=100K', ['/bin/cat'], /killed by SIG(KILL|SEGV) within 1 s of its start; --rlimit as=102400 may be too small/],
    [
      'fsize=0',
      ['sh', '-c', 'f=$(mktemp -u); trap "" HUP; exec sh -c "echo x > $f"'],
      /killed by SIGXFSZ within 1 s of its start; --rlimit fsize=0 may be too small/,
    ],
    // The kernel starts the program, and its loader fails.
    [
      'as=1M',
      ['/bin/cat'],
      /stopped by its loader \(exit 127\) for lack of memory or files; --rlimit as=1048576 may be too small/,
    ],
    [
      'nofile=3',
      ['/bin/cat'],
      /stopped by its loader \(exit 127\) for lack of memory or files; --rlimit nofile=3 may be too small/,
    ],
    // If both limits are the same, the kernel sends no SIGXCPU.
    [
      'cpu=1',
      ['sh', '-c', 'while :; do :; done'],
      /killed by SIGKILL after [01]\.\d s of CPU time; --rlimit cpu=1 may be reached/,
    ],
    [
      'cpu=1:9',
      ['sh', '-c', 'while :; do :; done'],
      /killed by SIGXCPU(?: within 1 s of its start)?; --rlimit cpu=1:9 /,
    ],
  ] as const) {
    it(`is reported in the log and to the client: ${limit}`, async () => {
      await using server = await startServer(['--rlimit', limit], { program });
      await using wire = await Wire.connect(server.port, XTERM);
      await wire.expect(new RegExp(`telpty: the program was ${words.source}`));
      await server.waitForLog(words);
    });
  }

  it('does not blame the CPU time limit for a SIGKILL of another cause', async () => {
    // The limit kills the child; the program itself has used no time.
    const script = 'sh -c "while :; do :; done"; kill -9 $$';
    await using server = await startServer(['--rlimit', 'cpu=1'], { program: ['sh', '-c', script] });
    await using wire = await Wire.connect(server.port, XTERM);
    await wire.untilClose();
    await server.waitForLog(/session 1 ended: .* SIGKILL"}/);
  });

  it('does not confuse the exit code of a shell with that of a loader', async () => {
    await using server = await startServer(['--rlimit', 'as=4G'], { program: ['sh', '-c', 'no-such-command'] });
    await using wire = await Wire.connect(server.port, XTERM);
    await wire.untilClose();
    await server.waitForLog(/session 1 ended: .* exit 127"}/);
  });
});
