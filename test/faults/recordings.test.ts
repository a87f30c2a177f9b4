/** Recordings of `telpty serve` on a full disk, on one that does not answer, and after SIGKILL. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openRecording } from '../../src/index.ts';
import type { RecordingEvent } from '../../src/recording/recording.ts';
import { atExit } from '../support/cleanup.ts';
import { Wire } from '../support/clients/test-client.ts';
import { holdings, untilTrue } from '../support/leaks.ts';
import { startServer } from '../support/servers/server.ts';

const LIMIT = { timeout: 600_000 };
const SHELL = ['sh', '-c', 'stty -echo; while read -r line; do eval "$line"; done'];

async function eventsOf(file: string): Promise<RecordingEvent[]> {
  const events: RecordingEvent[] = [];
  for await (const event of await openRecording(file)) events.push(event);
  return events;
}

const outputOf = (events: readonly RecordingEvent[]): string =>
  events.map(event => (event.type === 'output' ? event.data : '')).join('');

/** The recordings in a directory. */
const filesIn = (directory: string): string[] => readdirSync(directory).map(name => join(directory, name));

describe('recordings', LIMIT, () => {
  it('end with a mark on a full disk, and the session continues', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-recordings-'));
    const words = ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'tmpfs', directory];
    const mounted = spawnSync('mount', words, { encoding: 'utf8' });
    assert.equal(mounted.status, 0, mounted.stderr);
    const unmount = atExit(() => spawnSync('umount', ['-l', directory]));
    try {
      await using server = await startServer(['--record', directory], { program: SHELL });
      await using wire = await Wire.connect(server.port);
      wire.type('seq 100000; echo all\r');
      await wire.expect('all');
      await server.waitForLog(/the recording ends here: the disk is full; the session continues/);
      wire.type('echo still "here"\r');
      await wire.expect('still here');
      const [file] = filesIn(directory);
      const events = await eventsOf(file!);
      assert.deepEqual(events.at(-1)?.type === 'mark' && events.at(-1), {
        type: 'mark',
        time: events.at(-1)!.time,
        label: 'recording ended: the disk is full',
      });
      assert.ok(outputOf(events).includes('\r\n1\r\n2\r\n3\r\n'));
      assert.match(file!, /-session-1\.cast$/);
      // Not even the header of the next one has room.
      spawnSync('dd', ['if=/dev/zero', `of=${join(directory, 'rest')}`, 'bs=1k']);
      await using other = await Wire.connect(server.port);
      other.type('echo still "there"\r');
      await other.expect('still there');
      const [line] = await server.waitForLog(/.*session 2: the recording ends here: the disk is full.*/);
      assert.equal(JSON.parse(line).recording, undefined);
      assert.deepEqual(filesIn(directory).sort(), [file, join(directory, 'rest')].sort());
    } finally {
      assert.equal(spawnSync('umount', [directory]).status, 0);
      unmount();
      rmdirSync(directory);
    }
  });

  it('end with a line in the log if their file is deleted', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-recordings-'));
    try {
      await using server = await startServer(['--record', directory], { program: SHELL });
      await using wire = await Wire.connect(server.port);
      await untilTrue(() => filesIn(directory).length === 1);
      rmSync(filesIn(directory)[0]!);
      wire.type('exit\r');
      await wire.untilClose();
      const [line] = await server.waitForLog(/.*session 1: the recording ends here.*/);
      const { msg, recording, errno } = JSON.parse(line);
      // The recording may end before the session.
      assert.match(msg, /: its file was deleted or moved(?:; the session continues)?$/);
      assert.deepEqual([recording, errno], [undefined, 'ENOENT']);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('are complete after SIGKILL of the server, and are repaired at the next start', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-recordings-'));
    try {
      const killed = await startServer(['--record', directory], { program: SHELL });
      const wire = await Wire.connect(killed.port);
      wire.type('echo the last "words"\r');
      await wire.expect('the last words');
      await untilTrue(() => filesIn(directory).some(file => readFileSync(file, 'utf8').includes('the last words')));
      killed.process.kill('SIGKILL');
      await killed.exited;
      await wire.untilClose();
      assert.match(filesIn(directory)[0]!, /\.part$/);
      await using server = await startServer(['--record', directory], { program: SHELL });
      await server.waitForLog(/repaired 1 recording/);
      // The descriptors of the thread that repairs may not have been open when the server began to listen.
      server.baseline = holdings(server.pid);
      const [file] = filesIn(directory);
      assert.match(file!, /-session-1\.cast$/);
      const events = await eventsOf(file!);
      assert.ok(outputOf(events).includes('the last words'));
      assert.equal(events.at(-1)?.type, 'mark');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('have the last bytes and the exit status when the server ends', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-recordings-'));
    try {
      for (const workers of ['1', '2']) {
        const path = join(directory, workers);
        mkdirSync(path, { mode: 0o700 });
        const program = ['sh', '-c', 'trap "echo good-bye; exit 7" HUP; echo ready; while :; do sleep 0.1; done'];
        const server = await startServer(['--record', path, '--workers', workers], { program });
        const wires = await Promise.all([1, 2, 3].map(() => Wire.connect(server.port)));
        for (const wire of wires) await wire.expect('ready');
        server.process.kill('SIGTERM');
        await server.exited;
        const files = filesIn(path);
        assert.equal(files.length, 3);
        for (const file of files) {
          assert.match(file, /-session-\d+\.cast$/);
          const events = await eventsOf(file);
          assert.match(outputOf(events), /ready\r\n.*good-bye\r\n/s);
          const { type } = events.at(-1)!;
          assert.equal(type, 'exit');
        }
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('of which the disk does not answer end, and neither their sessions nor the end of the server wait', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-recordings-'));
    try {
      // The thread that writes waits for the reader of a FIFO, as it would wait for the disk.
      const server = await startServer(['--record', join(directory, 'files')], {
        program: SHELL,
        env: { NODE_OPTIONS: `--import ${JSON.stringify(stuckWrites(directory))}` },
      });
      const wire = await Wire.connect(server.port);
      wire.type('echo first\r');
      await wire.expect('first');
      wire.type('seq 1000000; echo all\r');
      await wire.expect('all', 240_000);
      await server.waitForLog(/the recording ends here: the disk is too slow; the session continues/);
      server.process.kill('SIGTERM');
      const { signal } = await server.exited;
      assert.equal(signal, 'SIGTERM');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

/** A module that makes writes of threads wait for the reader of a FIFO, which never comes. */
function stuckWrites(directory: string): string {
  const fifo = join(directory, 'fifo');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  const code = `
    import { isMainThread } from 'node:worker_threads';
    import { createRequire, syncBuiltinESMExports } from 'node:module';
    const fs = createRequire('/')('node:fs');
    if (!isMainThread) {
      const { openSync } = fs;
      fs.writeSync = () => openSync(${JSON.stringify(fifo)}, 'w');
      syncBuiltinESMExports();
    }`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}
