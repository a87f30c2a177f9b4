/** Recordings of sessions: what is in them, and what becomes of the sessions and the files. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  openRecording,
  ptyShell,
  type RecordingEnd,
  type RecordOptions,
  record,
  type Session,
  type Shell,
} from '../../src/index.ts';
import type { RecordingEvent } from '../../src/recording/recording.ts';
import { outputDecoder } from '../../src/recording/writing/output-decoder.ts';
import { type FileEnd, type LiveRecording, recorderThread } from '../../src/recording/writing/recorder.ts';
import {
  createPart,
  deleteRecordings,
  finalName,
  prepareDirectory,
  publishPart,
  repairRecordings,
} from '../../src/recording/writing/recording-directory.ts';
import { RecordingWriter } from '../../src/recording/writing/recording-writer.ts';
import '../support/recorder.ts';
import { OPT, type WireOptions } from '../support/clients/test-client.ts';
import { untilTrue } from '../support/leaks.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { Host, XTERM } from '../support/servers/host.ts';

const LIMIT = { timeout: 600_000 };
const root = mkdtempSync(join(tmpdir(), 'telpty-record-'));
after(() => rmSync(root, { recursive: true }));

function promiseOf<T>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>(done => {
    resolve = done;
  });
  return { promise, resolve };
}

const endOfRecording = () => promiseOf<RecordingEnd>();

let directories = 0;
/** A directory that does not exist yet. */
const directory = (): string => join(root, `${directories++}`);

const NOTICE = 'telpty: this session is recorded\r\n';

/** Runs one session of a script, and returns its recording. */
async function recorded(
  script: string,
  options: Partial<RecordOptions> = {},
  wireOptions: WireOptions = XTERM,
  visit: (wire: Awaited<ReturnType<Host['connect']>>) => Promise<void> = async () => {},
  encoding = 'utf-8',
) {
  const path = options.directory ?? directory();
  const ended = endOfRecording();
  const use = [record({ ...options, directory: path, onEnd: (_session, end) => ended.resolve(end) })];
  await using host = await Host.start({ shell: ptyShell('/bin/sh', ['-c', script], { encoding }), use, encoding });
  const wire = await host.connect(wireOptions);
  await visit(wire);
  await wire.untilClose();
  const { file, error } = await ended.promise;
  assert.equal(error, undefined);
  const recording = await openRecording(file!);
  const events: RecordingEvent[] = [];
  for await (const event of recording) events.push(event);
  const textOf = (type: 'output' | 'input') => events.map(event => (event.type === type ? event.data : '')).join('');
  return { file: file!, path, recording, events, output: textOf('output'), input: textOf('input'), text: wire.text };
}

test(
  'a recording has the output that the client was sent, and the exit status; only its owner can read it',
  LIMIT,
  async () => {
    const { file, path, recording, events, output } = await recorded('echo hello; exit 3', { command: 'sh -c x' });
    assert.equal(output, `${NOTICE}hello\r\n`);
    assert.deepEqual(
      events.filter(({ type }) => type === 'exit').map(event => 'status' in event && event.status),
      [3],
    );
    assert.match(file.slice(path.length + 1), /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-session-1\.cast$/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(path).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(path).length, 1);
    const { columns, rows, term, command, encoding } = recording;
    assert.deepEqual([columns, rows, term, command, encoding], [100, 30, 'xterm-256color', 'sh -c x', 'UTF-8']);
  },
);

test('changes of the size of the window are in the recording, and input is not', LIMIT, async () => {
  const { events, input } = await recorded('read a; read b', { quietly: true }, XTERM, async wire => {
    wire.type('secret\r');
    await wire.expect('secret');
    wire.resize(70, 20);
    wire.type('more\r');
  });
  const sizes = events.flatMap(event => (event.type === 'resize' ? [[event.columns, event.rows]] : []));
  assert.deepEqual(sizes, [[70, 20]]);
  assert.equal(input, '');
});

test('sizes are recorded as programs get them: bounded, without unknown ones and repeats', LIMIT, async () => {
  const { events, recording } = await recorded('read a', {}, { ...XTERM, size: [65_535, 0] }, async wire => {
    await wire.expect(NOTICE.trim());
    for (const [columns, rows] of [
      [65_535, 0],
      [0, 65_535],
      [90, 0],
      [90, 4096],
    ] as const) {
      wire.resize(columns, rows);
      wire.type(`${columns}x${rows} `);
      await wire.expect(`${columns}x${rows} `);
    }
    wire.type('\r');
  });
  assert.deepEqual([recording.columns, recording.rows], [4096, 24]);
  const sizes = events.flatMap(event => (event.type === 'resize' ? [[event.columns, event.rows]] : []));
  assert.deepEqual(sizes, [
    [4096, 4096],
    [90, 4096],
  ]);
});

test('input of a session without output is written before the session ends, and is not collected', LIMIT, async () => {
  const path = directory();
  const started = new Promise<string>(resolve => {
    const use = [record({ directory: path, input: true, quietly: true, onStart: (_session, file) => resolve(file) })];
    const shell = async (session: Session) => {
      for await (const _ of session);
    };
    void Host.start({ shell, use }).then(async host => {
      await using _ = host;
      const wire = await host.connect();
      wire.type('x'.repeat(5_000));
      await started;
      wire.close();
      await host.outcome();
    });
  });
  assert.match(await started, /session-1\.cast\.\d+-\d+\.part$/);
});

test('input is recorded if it is requested, and a line says so', LIMIT, async () => {
  const { input, output } = await recorded('stty -echo; echo ready; read a', { input: true }, XTERM, async wire => {
    await wire.expect('ready');
    wire.type('secret\r');
  });
  assert.equal(input, 'secret\r');
  assert.ok(output.startsWith('telpty: this session and everything you type are recorded\r\n'));
});

test('the line for users can be left out', LIMIT, async () => {
  const { output } = await recorded('echo hello', { quietly: true });
  assert.equal(output, 'hello\r\n');
});

for (const format of ['asciicast-v2', 'ttyrec'] as const) {
  test(`the format ${format} is written`, LIMIT, async () => {
    const { recording, output } = await recorded('echo hello', { format });
    assert.deepEqual([recording.columns, recording.rows], [100, 30]);
    assert.ok(output.endsWith(`${NOTICE}hello\r\n`));
  });
}

test('the recording of a session in another character set is in UTF-8', LIMIT, async () => {
  const script = "printf '\\201\\304\\n'";
  const { output, recording } = await recorded(script, {}, { ttype: ['ansi'] }, undefined, 'cp437');
  assert.equal(recording.encoding, 'IBM437');
  assert.equal(output, `${NOTICE}ü─\r\n`);
});

test(
  'output is recorded in the set in which it was written, also if that changes before it is read',
  LIMIT,
  async () => {
    const path = directory();
    const ended = endOfRecording();
    const shell = async (session: Session) => {
      await session.waitFor(({ charset }) => charset !== undefined);
      session.write(Buffer.from([0xc1, 0x31]));
      await session.waitFor(({ encoding }) => encoding === 'PETSCII');
      session.write(Buffer.from([0x93, 0x0e, 0x48, 0x32]));
      await session.waitFor(({ encoding }) => encoding === 'UTF-8');
      session.write('\x1b[m日');
    };
    const use = [record({ directory: path, quietly: true, onEnd: (_session, end) => ended.resolve(end) })];
    await using host = await Host.start({ shell, use });
    const wire = await host.connect({ ...XTERM, charset: 'KOI8-R' });
    for (const [shown, name] of [
      ['1', 'PETSCII'],
      ['2', 'UTF-8'],
    ] as const) {
      await wire.expect(shown);
      wire.subnegotiate(OPT.CHARSET, Buffer.from(`\x01;${name}`, 'latin1'));
    }
    await wire.untilClose();
    const { file, error } = await ended.promise;
    assert.equal(error, undefined);
    const recording = await openRecording(file!);
    const sizes: number[][] = [];
    let output = '';
    for await (const event of recording) {
      if (event.type === 'resize') sizes.push([event.columns, event.rows]);
      if (event.type === 'output') output += event.data;
    }
    assert.match(output, /^а1.*h2.*\x1b\[m日$/s);
    // The screen of the home computer, and that of the client again.
    assert.deepEqual(sizes, [
      [40, 25],
      [100, 30],
    ]);
  },
);

test(
  'output that waits to be converted for a home computer is recorded in its set when the client changes it',
  LIMIT,
  async () => {
    const path = directory();
    const ended = endOfRecording();
    const seen = { PETSCII: '', 'UTF-8': '' };
    let reading: Promise<void> | undefined;
    const read = async (session: Session) => {
      for await (const item of session.observe({ input: false })) {
        if (item.type === 'output') seen[item.encoding as 'UTF-8'] += item.data.toString('latin1');
      }
    };
    const script = 'head -c 200000 /dev/zero | tr "\\0" a; echo end';
    const shell = ptyShell('/bin/sh', ['-c', script], { programEncoding: 'utf-8', encoding: 'PETSCII' });
    const use = [
      record({ directory: path, quietly: true, onEnd: (_session, end) => ended.resolve(end) }),
      (inner: Shell) => (session: Session) => {
        reading = read(session);
        return inner(session);
      },
    ];
    await using host = await Host.start({ shell, use });
    const wire = await host.connect({ ...XTERM, charset: 'PETSCII' });
    // A lower-case letter of PETSCII.
    await wire.expect('AAAA');
    wire.subnegotiate(OPT.CHARSET, Buffer.from('\x01;UTF-8', 'latin1'));
    await wire.untilClose();
    const { file, error } = await ended.promise;
    assert.equal(error, undefined);
    assert.equal((await openRecording(file!)).encoding, 'PETSCII');
    await reading;
    assert.ok(seen.PETSCII.includes('A'));
    assert.ok(seen['UTF-8'].endsWith('aaa\r\nend\r\n') || seen['UTF-8'].endsWith('aaaend\r\n'));
    assert.ok(!seen['UTF-8'].includes('A'), 'output in PETSCII is labelled as UTF-8');
  },
);

test('the header has the character set of the program, and output is in that', LIMIT, async () => {
  const path = directory();
  const ended = endOfRecording();
  const shell = ptyShell('/bin/sh', ['-c', 'printf "\\341\\n"'], { encoding: 'iso-8859-2' });
  const use = [record({ directory: path, quietly: true, onEnd: (_session, end) => ended.resolve(end) })];
  await using host = await Host.start({ shell, use });
  const { charset: _, ...client } = XTERM;
  const wire = await host.connect(client);
  await wire.untilClose();
  const recording = await openRecording((await ended.promise).file!);
  assert.equal(recording.encoding, 'ISO-8859-2');
  let output = '';
  for await (const event of recording) if (event.type === 'output') output += event.data;
  assert.equal(output, 'á\r\n');
});

test('output for a home computer becomes output for a terminal', () => {
  const text = outputDecoder('PETSCII').write(Buffer.from([0x0e, 0x93, 0x48, 0x49, 0x0d, 0xc1]));
  assert.match(text, /^\x1b\[.*hi.*A/s);
});

test('what a client sends as its terminal type cannot change the file', LIMIT, async () => {
  const { recording, file } = await recorded('echo hello', {}, { ...XTERM, ttype: ['x"\n[0,"o","forged"]\n'] });
  assert.equal(recording.term, undefined);
  assert.doesNotMatch(readFileSync(file, 'utf8'), /forged/);
});

test('a client that leaves before the program starts leaves no file', LIMIT, async () => {
  const path = directory();
  const use = [record({ directory: path })];
  await using host = await Host.start({ shell: ptyShell('/bin/cat', [], { negotiationTimeout: PATIENCE_MS }), use });
  // One that answers could be so quick that its program starts.
  const wire = await host.connect({ silent: true });
  await wire.expect(NOTICE.trim());
  wire.close();
  await host.outcome();
  assert.deepEqual(readdirSync(path), []);
});

test('a flood is recorded completely, and the fast path stays open', LIMIT, async () => {
  const { output } = await recorded('head -c 20000000 /dev/zero | tr "\\0" x; echo end', { quietly: true });
  assert.equal(output.length, 20_000_000 + 'end\r\n'.length);
});

test('a directory that other users may use is refused, and one is created for its owner only', () => {
  const path = directory();
  mkdirSync(path);
  for (const mode of [0o755, 0o750, 0o722]) {
    chmodSync(path, mode);
    assert.throws(() => record({ directory: path }), /other users may use it/);
  }
  chmodSync(path, 0o700);
  record({ directory: path });
  writeFileSync(join(path, 'file'), '');
  assert.throws(() => record({ directory: join(path, 'file') }), /it is not a directory/);
  assert.throws(() => record({ directory: join(path, 'file', 'below') }), /it is not a directory/);
  symlinkSync('nowhere', join(path, 'link'));
  assert.throws(() => record({ directory: join(path, 'link') }), /it is not a directory/);
  record({ directory: join(path, 'a', 'b', 'c') });
  assert.equal(statSync(join(path, 'a', 'b')).mode & 0o777, 0o700);
});

test('a directory that cannot be created is refused at once, with the reason', {
  skip: process.platform !== 'linux',
}, () => {
  // mkdir(2) reports that the directory does not exist, although the one above it does.
  assert.throws(
    () => record({ directory: '/proc/telpty/recordings' }),
    /cannot record to "\/proc.*the directory does not exist/,
  );
});

const HEADER = { columns: 80, rows: 24, started: new Date('2026-12-01T20:15:03Z') };

/** Does all steps of a task. */
function finished<T>(task: Generator<void, T>): T {
  for (;;) {
    const { value, done } = task.next();
    if (done) return value;
  }
}

/** Writes a recording as a server does, up to some step. */
function writeRecording(path: string, format: 'asciicast' | 'ttyrec', text = 'hello') {
  const { fd, part } = createPart(path, format, HEADER.started, 17);
  const writer = new RecordingWriter(fd, format, HEADER, assert.fail);
  writer.event({ time: 1, type: 'output', data: text });
  writer.flush();
  return { writer, part };
}

test('recordings of the same session and second get different names, and no file is replaced', () => {
  const path = directory();
  mkdirSync(path);
  const names = [1, 2].map(() => {
    const { writer, part } = writeRecording(path, 'asciicast');
    writer.end();
    return finalName(publishPart(part));
  });
  assert.deepEqual(names, ['2026-12-01T20-15-03Z-session-17.cast', '2026-12-01T20-15-03Z-session-17-2.cast']);
});

for (const format of ['asciicast', 'ttyrec'] as const) {
  test(`${format}: a recording whose process was killed is repaired; that of a running one is left alone`, async () => {
    const path = directory();
    mkdirSync(path);
    const { writer, part } = writeRecording(path, format);
    const whole = readFileSync(part);
    assert.deepEqual(finished(repairRecordings(path)), []);
    writer.end();
    // No process has this id.
    const dead = part.replace(/\.\d+-\d+\.part$/, '.4194305-1.part');
    writeFileSync(dead, Buffer.concat([whole, whole.subarray(whole.length - 9, whole.length - 1)]));
    rmSync(part);
    const [repaired] = finished(repairRecordings(path));
    assert.equal(finalName(dead), finalName(repaired!));
    assert.deepEqual(readdirSync(path), [finalName(dead)]);
    const recording = await openRecording(repaired!);
    const events: RecordingEvent[] = [];
    for await (const event of recording) if (event.type !== 'resize') events.push(event);
    const last = events.at(-1)!;
    assert.equal(last.time, 1);
    if (format === 'ttyrec') assert.equal(readFileSync(repaired!).length, whole.length);
    else assert.deepEqual(last, { time: 1, type: 'mark', label: 'interrupted' });
    assert.deepEqual(finished(repairRecordings(path)), []);
  });
}

test('a recording is repaired whose process has ended and was not waited for', async () => {
  const path = directory();
  mkdirSync(path);
  const { writer, part } = writeRecording(path, 'asciicast');
  writer.end();
  // The second program does not wait for its child.
  const parent = spawn('sh', ['-c', 'exec 3<&0; cat <&3 & echo $!; exec sleep 100'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  try {
    const pid = Number(String((await once(parent.stdout, 'data'))[0]));
    await untilTrue(() => readFileSync(`/proc/${parent.pid}/comm`, 'utf8') === 'sleep\n');
    parent.stdin.end();
    const stat = () =>
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
    await untilTrue(() => stat()[0] === 'Z');
    renameSync(part, part.replace(/\.\d+-\d+\.part$/, `.${pid}-${stat()[19]}.part`));
    assert.equal(finished(repairRecordings(path)).length, 1);
  } finally {
    parent.kill();
    await once(parent, 'exit');
  }
});

for (const format of ['asciicast', 'ttyrec'] as const) {
  for (const [what, end] of [
    ['zeros', Buffer.alloc(10_000)],
    ['lines', Buffer.from('\n\n[1,"o"\n'.repeat(300_000))],
    ['noise', Buffer.alloc(5_000_000, '0123456789abcde')],
  ] as const) {
    test(`${format}: a recording that ends with ${what} after a loss of power is repaired`, async () => {
      const path = directory();
      mkdirSync(path);
      const { writer, part } = writeRecording(path, format);
      writer.end();
      const dead = part.replace(/\.\d+-\d+\.part$/, '.4194305-1.part');
      // Zeros are whole frames of ttyrec, of no length.
      const rest = format === 'ttyrec' && what === 'zeros' ? Buffer.alloc(11) : end;
      writeFileSync(dead, Buffer.concat([readFileSync(part), rest]));
      rmSync(part);
      const [repaired] = finished(repairRecordings(path));
      const events: RecordingEvent[] = [];
      for await (const event of await openRecording(repaired!)) events.push(event);
      assert.equal(
        events.map(event => (event.type === 'output' ? event.data : '')).at(format === 'ttyrec' ? -1 : -2),
        'hello',
      );
      if (format === 'asciicast') assert.equal(events.at(-1)?.type, 'mark');
    });
  }
}

test('only recordings are repaired: no other file, no link and no FIFO', () => {
  const path = directory();
  mkdirSync(path);
  const other = join(path, 'notes');
  writeFileSync(other, 'mine');
  const name = (session: number) => join(path, `2026-12-01T20-15-03Z-session-${session}.cast.4194305-1.part`);
  writeFileSync(name(1), '{"version":3,"term":{"cols":80,"rows":24},"timestamp":1}\n[0,"o"');
  spawnSync('ln', ['-s', other, name(2)]);
  spawnSync('mkfifo', [name(3)]);
  const before = readdirSync(path);
  assert.deepEqual(finished(repairRecordings(path)), []);
  finished(deleteRecordings(path, { keep: 1, maxSize: 1 }, Date.now() + 1e12));
  assert.deepEqual(readdirSync(path), before);
  assert.equal(readFileSync(other, 'utf8'), 'mine');
});

test('the oldest recordings are deleted first, by age and by size, and no other file is', () => {
  const path = directory();
  mkdirSync(path);
  const files = [1, 2, 3].map(day => {
    const started = new Date(`2026-12-0${day}T20:15:03Z`);
    const { fd, part } = createPart(path, 'asciicast', started, 17);
    const writer = new RecordingWriter(fd, 'asciicast', { ...HEADER, started }, assert.fail);
    writer.event({ time: 0, type: 'output', data: 'x'.repeat(10_000) });
    writer.end();
    const file = publishPart(part);
    utimesSync(file, started, started);
    return file;
  });
  // Other files do not count, whatever their names: one is finished, and the writer of one has died.
  const others = [
    'notes',
    '2026-11-01T20-15-03Z-session-1.cast',
    '2026-12-04T20-15-03Z-session-1.cast',
    '2026-12-04T20-15-03Z-session-1.cast.4194305-1.part',
  ];
  for (const [index, name] of others.entries()) {
    const begin = '{"version":3,"term":{"cols":80,"rows":24}}\n';
    writeFileSync(join(path, name), begin + '\n'.repeat(index * 20_000));
  }
  const now = Date.parse('2026-12-04T20:15:03Z');
  assert.deepEqual(finished(deleteRecordings(path, { keep: 2.5 * 86_400_000, maxSize: 0 }, now)).deleted, [files[0]]);
  assert.deepEqual(finished(deleteRecordings(path, { keep: 0, maxSize: 15_000 }, now)), {
    deleted: [files[1]],
    excess: 0,
  });
  assert.ok(existsSync(files[2]!));
  assert.deepEqual(finished(deleteRecordings(path, { keep: 0, maxSize: 15_000 }, now)), { deleted: [], excess: 0 });
  for (const name of others) assert.ok(existsSync(join(path, name)));
});

test('a disk on which nothing can be written ends the recording, and not the session', LIMIT, async () => {
  const path = directory();
  const ended = endOfRecording();
  const use = [record({ directory: path, onEnd: (_session, end) => ended.resolve(end) })];
  await using host = await Host.start({ shell: ptyShell('/bin/cat'), use });
  rmSync(path, { recursive: true });
  const wire = await host.connect(XTERM);
  wire.type('hello\r');
  const { error, file } = await ended.promise;
  assert.equal(error?.message, 'the recording ends here: the directory does not exist');
  assert.equal(file, undefined);
  wire.type('again\r');
  await wire.expect('again\r\nagain\r\n');
});

test('a recording whose file is deleted ends, and the session continues', LIMIT, async () => {
  const path = directory();
  const ended = endOfRecording();
  const started = promiseOf<string>();
  const onStart = (_session: Session, file: string) => started.resolve(file);
  // The files are looked at after each 4 KiB.
  const use = [record({ directory: path, maxSize: 256 * 1024, onStart, onEnd: (_session, end) => ended.resolve(end) })];
  await using host = await Host.start({ shell: ptyShell('/bin/cat'), use });
  const wire = await host.connect(XTERM);
  wire.type('hello\r');
  await wire.expect('hello\r\nhello\r\n');
  rmSync(await started.promise);
  const line = 'x'.repeat(1000);
  for (let count = 0; count < 8; count++) wire.type(`${line}\r`);
  const { error, file } = await ended.promise;
  assert.deepEqual(
    [error?.message, error?.systemCode, file],
    ['the recording ends here: its file was deleted or moved', 'ENOENT', undefined],
  );
  wire.type('again\r');
  await wire.expect('again\r\nagain\r\n');
  assert.deepEqual(readdirSync(path), []);
});

/** A recording that has no session. */
function withoutSession(path: string): { recording: LiveRecording; rooms: number[]; ended: Promise<FileEnd> } {
  const rooms: number[] = [];
  let resolve!: (end: FileEnd) => void;
  // The thread does not keep the process alive.
  const alive = setInterval(() => {}, 1_000);
  const ended = new Promise<FileEnd>(done => {
    resolve = done;
  }).finally(() => clearInterval(alive));
  const user = { begun: () => {}, room: () => rooms.push(1), exiting: () => {}, ended: resolve };
  const start = { directory: path, format: 'asciicast', session: 1, header: HEADER } as const;
  return { recording: recorderThread().begin(start, user), rooms, ended };
}

test('many small pieces that wait to be written are bounded like large ones, and so are sizes', LIMIT, async () => {
  const path = prepareDirectory(directory());
  for (const add of [
    ({ recording }: ReturnType<typeof withoutSession>) => recording.data('output', Buffer.from('x'), 'UTF-8', 0),
    ({ recording }: ReturnType<typeof withoutSession>) => recording.resize(80, 24, 0),
  ]) {
    const one = withoutSession(path);
    let count = 0;
    while (add(one)) count++;
    assert.ok(count > 1_000 && count < 20_000, `${count} pieces`);
    await untilTrue(() => one.rooms.length === 1);
    one.recording.end();
    assert.equal((await one.ended).problem, undefined);
  }
});

test('memory that is used again has been written before', LIMIT, async () => {
  const { recording, ended } = withoutSession(prepareDirectory(directory()));
  let text = '';
  for (let piece = 0; piece < 64; piece++) {
    const data = `${piece}`.padStart(200_000, '.');
    text += data;
    if (!recording.data('output', Buffer.from(data), 'UTF-8', 0)) await untilTrue(() => !recording.isPaused);
  }
  recording.end();
  const { file, problem } = await ended;
  assert.equal(problem, undefined);
  let output = '';
  for await (const event of await openRecording(file!)) if (event.type === 'output') output += event.data;
  assert.ok(output === text, `${output.length} of ${text.length} characters, or other ones`);
});

test('recordings that begin while too much waits to be written fail at once', LIMIT, async () => {
  const path = prepareDirectory(directory());
  const all: ReturnType<typeof withoutSession>[] = [];
  const bytes = Buffer.alloc(2 ** 16, '\u0001');
  for (;;) {
    const one = withoutSession(path);
    all.push(one);
    if (one.recording.isOver) break;
    // The thread needs much longer to convert these than this loop to copy them.
    for (let piece = 0; piece < 16; piece++) one.recording.data('output', bytes, 'windows-1252', 0);
  }
  assert.ok(all.length > 10 && all.length < 50, `${all.length} recordings`);
  assert.equal((await all.pop()!.ended).problem?.reason, 'the disk is too slow');
  for (const { recording } of all) recording.end();
  for (const { ended } of all) assert.equal((await ended).problem, undefined);
});

test('if the thread that writes fails, its recordings end and the next one starts another', LIMIT, async () => {
  const path = prepareDirectory(directory());
  const failed = withoutSession(path);
  failed.recording.data('output', Buffer.from('x'), 'no character set', 0);
  assert.match((await failed.ended).problem!.reason, /^the thread that writes has failed: /);
  const { file } = await recorded('echo hello', { directory: path });
  assert.match(readFileSync(file, 'utf8'), /hello/);
});

test('a recording without a character is closed once', () => {
  const path = directory();
  mkdirSync(path);
  const fd = openSync(join(path, 'empty'), 'wx');
  const writer = new RecordingWriter(fd, 'asciicast', HEADER, assert.fail);
  writer.end();
  writer.end();
  assert.throws(() => closeSync(fd), { code: 'EBADF' });
});
