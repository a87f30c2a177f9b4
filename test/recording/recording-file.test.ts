/** Recordings in files: read in any format, plain or compressed, and their screens. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { AsciicastEncoder } from '../../src/recording/asciicast.ts';
import type { RecordingEncoder, RecordingEvent } from '../../src/recording/recording.ts';
import { openRecording } from '../../src/recording/recording-file.ts';
import { ScreenIndex } from '../../src/recording/screen-index.ts';
import { TtyrecEncoder } from '../../src/recording/ttyrec.ts';
import { Screen } from '../../src/screen/screen.ts';
import { loadScreens } from '../../src/screen/xterm.ts';

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'telpty-recording-'));
});
after(() => rmSync(directory, { recursive: true }));

function file(name: string, contents: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, contents);
  return path;
}

const EVENTS: readonly RecordingEvent[] = [
  { time: 0.5, type: 'output', data: 'first' },
  { time: 1, type: 'resize', columns: 30, rows: 6 },
  { time: 1.5, type: 'output', data: '\r\nsecond' },
];

function encoded(encoder: RecordingEncoder, events: readonly RecordingEvent[] = EVENTS): Buffer {
  return Buffer.concat([encoder.begin({ columns: 20, rows: 5 }), ...events.map(event => encoder.event(event))]);
}

const outputs = async (path: string) => {
  const found: string[] = [];
  for await (const event of await openRecording(path)) if (event.type === 'output') found.push(event.data);
  return found.join('');
};

describe('openRecording', () => {
  it('reads asciicast v1, plain and compressed, and gives its screens', async () => {
    const stdout = [[0.5, 'first'], ...Array.from({ length: 3000 }, () => [0.001, 'x\r\n']), [1, 'last']];
    const v1 = JSON.stringify({ version: 1, width: 20, height: 5, stdout }, null, 2);
    for (const path of [file('v1.json', v1), file('v1.json.gz', gzipSync(v1))]) {
      const recording = await openRecording(path);
      assert.deepEqual([recording.columns, recording.rows], [20, 5]);
      assert.equal((await recording.screenAt(9)).text, 'x\nx\nx\nx\nlast');
      assert.equal((await recording.screenAt(0.5)).text, 'first');
      assert.equal((await recording.screenAt(3.6)).text, 'x\nx\nx\nx');
    }
  });

  for (const [name, contents] of [
    ['v3.cast', encoded(new AsciicastEncoder(3))],
    ['v2.txt', encoded(new AsciicastEncoder(2))],
    ['ttyrec', encoded(new TtyrecEncoder())],
  ] as const) {
    it(`reads ${name}, plain and compressed, whatever the name`, async () => {
      const plain = await openRecording(file(name, contents));
      assert.deepEqual([plain.columns, plain.rows], [20, 5]);
      assert.match(await outputs(plain.file), /first\r?\n?.*\r\nsecond$/s);
      assert.equal(await outputs(file(`${name}.gz`, gzipSync(contents))), await outputs(plain.file));
    });

    it(`gives the screens of ${name}`, async () => {
      const recording = await openRecording(file(name, contents));
      assert.equal((await recording.screenAt(0.4)).text, '');
      assert.equal((await recording.screenAt(0.5)).text, 'first');
      const last = await recording.screenAt(Number.POSITIVE_INFINITY);
      assert.deepEqual([last.columns, last.rows, last.text, last.lines.length], [30, 6, 'first\nsecond', 6]);
      assert.deepEqual(last.cursor, { row: 1, column: 6 });
    });
  }

  it('takes no ttyrec file for JSON, whatever its time is', async () => {
    // 0x7b, the first byte of the time, is also an opening brace.
    const started = new Date(0x6a22227b * 1000);
    const ttyrec = new TtyrecEncoder();
    const bytes = [ttyrec.begin({ columns: 20, rows: 5, started }), ttyrec.event(EVENTS[0]!)];
    assert.equal(String.fromCharCode(bytes[0]![0]!), '{');
    for (const [name, contents] of [
      ['brace', Buffer.concat(bytes)],
      ['brace.gz', gzipSync(Buffer.concat(bytes))],
    ] as const) {
      const recording = await openRecording(file(name, contents));
      assert.deepEqual(recording.started, started);
    }
  });

  it('gives what is before the place where a file is broken, then the place', async () => {
    const path = file('broken.cast', `${encoded(new AsciicastEncoder(3))}nonsense\n[1,"o","later"]\n`);
    const recording = await openRecording(path);
    const found: RecordingEvent[] = [];
    await assert.rejects(
      async () => {
        for await (const event of recording) found.push(event);
      },
      { code: 'ERR_RUNTIME', message: 'broken.cast:5: not an event [seconds, type, data]', file: path },
    );
    assert.deepEqual(found, EVENTS);
  });

  it('reads a compressed file that is cut up to that place', async () => {
    const noise = Array.from({ length: 200 }, (_, index): RecordingEvent => {
      return { time: index, type: 'output', data: randomBytes(600).toString('hex') };
    });
    const whole = gzipSync(encoded(new AsciicastEncoder(3), noise));
    const recording = await openRecording(file('cut.gz', whole.subarray(0, whole.length / 2)));
    let count = 0;
    await assert.rejects(
      async () => {
        for await (const _ of recording) count++;
      },
      { code: 'ERR_RUNTIME', message: /^cannot read .*cut\.gz: damaged gzip data/ },
    );
    assert.ok(count > 10, `${count} events`);
  });

  for (const [name, contents, message] of [
    ['empty', '', /^empty:1: not a header/],
    ['text', 'hello, this is a text and no recording\n', /^text:byte 0: not a recording in asciicast or ttyrec$/],
    ['other.json', '{"version":9}\n', /^other\.json:1: not a header/],
    [
      'a.bz2',
      'BZh91AY&SY0123456789',
      /^cannot read .*a\.bz2: it is compressed with bzip2; decompress it with bunzip2 first$/,
    ],
    ['a.xz', Buffer.from('fd377a585a000004e6d6b446', 'hex'), /compressed with xz; decompress it with unxz first$/],
    ['a.zst', Buffer.from('28b52ffd0458a10000224a3c', 'hex'), /compressed with zstd; decompress it with unzstd first$/],
  ] as const) {
    it(`refuses what is not a recording: ${name}`, async () => {
      await assert.rejects(openRecording(file(name, contents)), { code: 'ERR_RUNTIME', message });
    });
  }

  it('names a file that cannot be read', async () => {
    const missing = join(directory, 'missing');
    await assert.rejects(openRecording(missing), {
      message: `cannot read ${missing}: no such file or directory`,
      systemCode: 'ENOENT',
    });
    await assert.rejects(openRecording(directory), { systemCode: 'EISDIR' });
  });

  it('refuses a FIFO at once, which could be read only once', { skip: process.platform === 'win32' }, async () => {
    const path = join(directory, 'fifo');
    spawnSync('mkfifo', [path]);
    await assert.rejects(openRecording(path), {
      code: 'ERR_RUNTIME',
      message: `cannot read ${path}: it is not a regular file; write it to a file first`,
    });
  });

  it('has no screen at a time that is not a number', async () => {
    const recording = await openRecording(file('time.cast', encoded(new AsciicastEncoder(3))));
    await assert.rejects(recording.screenAt(Number.NaN), {
      code: 'ERR_INVALID_ARGUMENT',
      message: 'seconds must be a number of seconds, not NaN',
    });
    assert.equal((await recording.screenAt(-1)).text, '');
  });
});

describe('the screens of a long recording', () => {
  it('are the same from snapshots, in any order, as from the beginning', async () => {
    await loadScreens();
    const events: RecordingEvent[] = [];
    for (let time = 0; time < 200; time++) {
      const colour = `\x1b[${30 + (time % 8)};1m`;
      const data = `\x1b[${(time % 20) + 1};${(time % 60) + 1}H${colour}line ${time} ${'x'.repeat(8_000)}\x1b(0lqk`;
      events.push({ time, type: 'output', data });
      if (time % 37 === 0) events.push({ time, type: 'resize', columns: 60 + (time % 40), rows: 20 + (time % 9) });
    }
    const recording = await openRecording(file('long.cast', encoded(new AsciicastEncoder(3), events)));
    const expected = (until: number) => {
      const screen = new Screen(20, 5);
      for (const event of events) {
        if (event.time > until) break;
        if (event.type === 'output') screen.write(event.data);
        else if (event.type === 'resize') screen.resize(event.columns, event.rows);
      }
      const shown = screen.snapshot();
      screen.dispose();
      return shown;
    };
    for (const time of [199, 3, 120.5, 60, 198, 100, 0, 40]) {
      const { screen, rest } = await recording.screens.seek(time);
      assert.equal(screen.snapshot(), expected(time), `at ${time}`);
      const next = await rest.next();
      assert.equal(next.done ? 199 : next.value.time, Math.min(199, Math.floor(time) + 1));
      screen.dispose();
      await rest.return(undefined);
    }
    assert.ok(recording.screens.size >= 4, `${recording.screens.size} snapshots`);
  });

  it('are found while snapshots are taken ahead, and the search can be ended', async () => {
    const events = Array.from({ length: 300 }, (_, time): RecordingEvent => {
      return { time, type: 'output', data: `\x1b[2J\x1b[Hline ${time}${'\x1b[m'.repeat(2_000)}` };
    });
    for (const [name, contents] of [
      ['ahead.cast', encoded(new AsciicastEncoder(2), events)],
      ['ahead.cast.gz', gzipSync(encoded(new AsciicastEncoder(3), events))],
      ['ahead.ttyrec', encoded(new TtyrecEncoder(), events)],
    ] as const) {
      const recording = await openRecording(file(name, contents));
      const stop = new AbortController();
      const built = recording.screens.build(stop.signal);
      const ended = recording.screens.seek(299, { signal: AbortSignal.abort(new Error('ended')) });
      await assert.rejects(ended, { message: 'ended' });
      for (const time of [250, 20, 299]) assert.equal((await recording.screenAt(time)).text, `line ${time}`, name);
      await built;
      assert.ok(recording.screens.size > 4, `${recording.screens.size} snapshots of ${name}`);
      for (const time of [298, 0, 150]) assert.equal((await recording.screenAt(time)).text, `line ${time}`, name);
      stop.abort(new Error('stopped'));
      await assert.rejects(recording.screens.build(stop.signal), { message: 'stopped' });
    }
  });
});

describe('a search in a recording lets other events be handled', () => {
  const output: RecordingEvent = { time: 0, type: 'output', data: '\x1b[m'.repeat(2 ** 20) };
  const sizes = Array.from(
    { length: 2000 },
    (_, index): RecordingEvent => ({ time: 0, type: 'resize', columns: 2 + (index % 2), rows: 9 }),
  );
  before(() => loadScreens());

  for (const [name, events, least] of [
    ['during a long event', [output], 20],
    ['during many sizes', sizes, 100],
  ] as const) {
    it(`${name}, and can be ended there`, async () => {
      const index = new ScreenIndex({ columns: 20, rows: 5 }, () => ({
        async *batches() {
          yield [...events];
        },
        checkpoint: () => ({ events: 0, resume: undefined }),
      }));
      let turns = 0;
      let end = Number.POSITIVE_INFINITY;
      const stop = new AbortController();
      let timer = setImmediate(function turn() {
        turns++;
        if (turns === end) stop.abort(new Error('ended'));
        timer = setImmediate(turn);
      });
      try {
        const { screen } = await index.seek(5);
        screen.dispose();
        assert.ok(turns >= least, `${turns} turns`);
        [turns, end] = [0, 5];
        await assert.rejects(index.seek(5, { signal: stop.signal }), { message: 'ended' });
        assert.ok(turns <= 6, `${turns} turns`);
      } finally {
        clearImmediate(timer);
      }
    });
  }
});

describe('the facts about a recording', () => {
  it('have a bounded number of marks with bounded labels', async () => {
    const lines = Array.from({ length: 12_000 }, () => `[0,"m","${'m'.repeat(300)}"]`);
    const recording = await openRecording(
      file('marks.cast', ['{"version":2,"width":20,"height":5}', ...lines, '[3,"o","x"]\n'].join('\n')),
    );
    const { duration, marks } = await recording.scan();
    assert.deepEqual([duration, marks.length, marks.at(-1)?.label], [3, 10_000, 'm'.repeat(200)]);
  });

  it('are its duration, its marks, and the place where it is broken', async () => {
    const lines = ['[1,"m","one"]', '[2,"o","x"]', '[3,"m","two"]', 'nonsense\n'];
    const recording = await openRecording(
      file('facts.cast', ['{"version":2,"width":20,"height":5}', ...lines].join('\n')),
    );
    const { duration, marks, problem } = await recording.scan();
    assert.deepEqual(
      [duration, marks.map(({ time, label }) => [time, label])],
      [
        3,
        [
          [1, 'one'],
          [3, 'two'],
        ],
      ],
    );
    assert.equal(problem?.message, 'facts.cast:5: not an event [seconds, type, data]');
    await assert.rejects(recording.screens.seek(5), problem);
    const { screen, rest } = await recording.screens.seek(5, { isLenient: true });
    assert.equal(screen.line(0)?.translateToString(true), 'x');
    await assert.rejects(rest.next(), { message: problem?.message });
    screen.dispose();
  });
});
