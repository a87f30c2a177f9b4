/** A log that cannot be written stops no session; lost lines are counted, and later lines are complete. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { atExit } from '../support/cleanup.ts';
import { untilTrue } from '../support/leaks.ts';
import { CLI } from '../support/servers/server.ts';
import { Bystander, OBEY, told } from './support.ts';

const LIMIT = { timeout: 600_000 };

/** A server whose standard error is a descriptor of the test, as in `telpty serve … 2>log`. */
async function startLogging(stderr: number, args: readonly string[] = []) {
  const words = [CLI, 'serve', '--port', '0', '--log-format', 'json', ...args, '--', ...OBEY];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', stderr] });
  child.once(
    'close',
    atExit(() => child.kill('SIGKILL')),
  );
  const [line] = await once(child.stdout!.setEncoding('utf8'), 'data');
  const port = Number(/:(\d+)\n/.exec(line)![1]);
  return {
    port,
    child,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      const [code, signal] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
      assert.deepEqual([code, signal ?? null], [0, null]);
    },
  };
}

/** Runs this many sessions in sequence; each logs two lines. */
async function visits(server: { port: number }, count: number): Promise<void> {
  for (let visit = 0; visit < count; visit++) {
    const wire = await told(server, 'exit');
    await wire.untilClose();
  }
}

/** Parses the lines; each must be a complete record. */
const recordsOf = (text: string): { msg: string; lines?: number }[] =>
  text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));

describe('the log', LIMIT, () => {
  it('is a pipe without a reader: no session waits, and the lost lines are reported later', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-log-'));
    const pipe = join(directory, 'pipe');
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    // Open for reading and writing, the pipe works without a reader and has no end of file.
    const fd = openSync(pipe, 'r+');
    try {
      await using server = await startLogging(fd, ['--log-level', 'trace']);
      await using bystander = await Bystander.start(server);
      // At this level every typed byte logs four.
      await bystander.progress(256 * 1024);
      await visits(server, 3);
      await bystander.leave();
      const reader = spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'inherit'] });
      reader.once(
        'close',
        atExit(() => reader.kill()),
      );
      let text = '';
      reader.stdout.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      await untilTrue(() => /of the log lost here.*\n$/s.test(text));
      await visits(server, 1);
      await untilTrue(() => /lost here.*exit 0"}\n$/s.test(text));
      const lost = recordsOf(text).filter(({ msg }) => msg.includes('lost here'));
      assert(lost.length > 0 && lost.every(({ lines }) => lines! > 0));
      reader.kill();
      await once(reader, 'close');
    } finally {
      closeSync(fd);
      rmSync(directory, { recursive: true });
    }
  });

  it('is a pipe whose reader has exited: sessions continue', async () => {
    const reader = spawn('head', ['-n', '1'], { stdio: ['pipe', 'ignore', 'inherit'] });
    const { fd } = (reader.stdin as Socket & { _handle: { fd: number } })._handle;
    await using server = await startLogging(fd);
    reader.stdin.destroy();
    await using bystander = await Bystander.start(server);
    if (reader.exitCode === null) await once(reader, 'exit');
    await visits(server, 3);
    await bystander.leave();
  });

  it('is on a full disk: sessions continue, and logging resumes when space is free', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-disk-'));
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory], { encoding: 'utf8' });
    assert.equal(mounted.status, 0, mounted.stderr);
    const unmount = atExit(() => spawnSync('umount', ['-l', directory]));
    const [log, ballast] = [join(directory, 'log'), join(directory, 'ballast')];
    const fd = openSync(log, 'a');
    try {
      await using server = await startLogging(fd);
      await using bystander = await Bystander.start(server);
      await visits(server, 1);
      const before = recordsOf(readFileSync(log, 'utf8')).length;
      spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4k'], { stdio: 'ignore' });
      // More than the free part of the last page.
      await visits(server, 20);
      await bystander.progress();
      unlinkSync(ballast);
      await visits(server, 2);
      await bystander.leave();
      const lines = (): string[] => readFileSync(log, 'utf8').split('\n');
      // One line may be incomplete: the one at which the disk became full.
      const records = () =>
        recordsOf(
          lines()
            .filter(line => line.endsWith('}'))
            .join('\n'),
        );
      const missing = () => records().reduce((sum, record) => sum + (record.lines ?? 0), 0);
      const told = () => records().filter(({ msg }) => /^session \d+ (started|ended)/.test(msg)).length;
      // Every session has a line at its start and one at its end, except those that are counted as lost.
      await untilTrue(() => missing() > 0 && told() + missing() === 2 * (1 + 1 + 20 + 2));
      assert(lines().filter(line => line !== '').length <= records().length + 1);
      const at = records().findIndex(({ msg }) => msg.includes('lost here'));
      assert(at >= before && records().length >= at + 4);
    } finally {
      closeSync(fd);
      assert.equal(spawnSync('umount', [directory]).status, 0);
      unmount();
      rmdirSync(directory);
    }
  });

  it('is /dev/full: sessions continue', async () => {
    const fd = openSync('/dev/full', 'w');
    try {
      await using server = await startLogging(fd, ['--workers', '2']);
      await using bystander = await Bystander.start(server);
      await visits(server, 3);
      await bystander.leave();
    } finally {
      closeSync(fd);
    }
  });
});
