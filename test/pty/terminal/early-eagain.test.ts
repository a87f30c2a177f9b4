/**
 * Reads of a terminal that return EAGAIN too early, as Linux sometimes does (see read.c): nothing is lost, and no CR LF
 * is split.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { OPT, Wire } from '../../support/clients/test-client.ts';
import { XTERM } from '../../support/servers/host.ts';
import { startServer } from '../../support/servers/server.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-eagain-'));
after(() => rmSync(directory, { recursive: true }));
const preload = join(directory, 'early-eagain.so');
const source = fileURLToPath(new URL('early-eagain.c', import.meta.url));
execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', preload, source, '-ldl']);

/** The output of `seq` on a terminal. */
const numbers = (last: number) => Array.from({ length: last }, (_, n) => `${n + 1}\r\n`).join('');

test('an early EAGAIN neither splits a CR LF nor ends the output, whether it is a screen or a flood', async () => {
  for (const last of [1_500, 2_500, 100_000]) {
    await using server = await startServer([], { program: ['seq', String(last)], env: { LD_PRELOAD: preload } });
    // A client that does not agree to BINARY, under which a CR has no NUL.
    await using wire = await Wire.connect(server.port, { ...XTERM, refuse: [OPT.BINARY], allowHalfOpen: true });
    await wire.untilEnd(240_000);
    assert.equal(wire.raw.bytes.toString('latin1').split('\r\0').length - 1, 0, `cuts in ${last} lines`);
    assert.ok(wire.text().endsWith(numbers(last).slice(-4_096)), `the end of ${last} lines`);
    assert.ok(wire.text().includes(numbers(last)), `${last} lines`);
  }
});
