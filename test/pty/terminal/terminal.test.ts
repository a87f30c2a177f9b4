import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addon } from '../../../src/native/load.ts';
import { type Modes, saneModes, spawnPty } from '../../../src/pty/index.ts';
import { applyModes, blankModes, nameModes } from '../../../src/pty/modes.ts';
import { closed, until } from '../support.ts';

test('resize sets the size, and the program gets SIGWINCH', async () => {
  const pty = spawnPty(
    'bash',
    [
      '-c',
      'trap changed=1 WINCH; echo ready; while :; do read -t 0.05; [ $changed ] && { changed=; stty size; }; done',
    ],
    {
      modes: { echo: false },
    },
  );
  // Not `trap "stty size"`: bash loses a signal that arrives while it runs the trap for the previous one.
  assert.deepEqual([pty.columns, pty.rows], [80, 24]);
  await until(pty, /ready/);
  for (const [cols, rows] of [
    [132, 43],
    [1, 1],
    [65535, 65535],
  ] as const) {
    const seen = until(pty, new RegExp(`\\b${rows} ${cols}\\r`));
    pty.resize(cols, rows);
    await seen;
    assert.deepEqual([pty.columns, pty.rows], [cols, rows]);
  }
  for (const [cols, rows] of [
    [0, 24],
    [80, 0],
    [65536, 24],
    [80.5, 24],
    [Number.NaN, 24],
    ['80' as unknown as number, 24],
  ] as const) {
    assert.throws(() => pty.resize(cols, rows), { code: 'ERR_INVALID_ARGUMENT' });
  }
  await pty.hangup({ timeout: 0 });
  pty.resize(10, 10);
});

test('modes() returns the modes that the program has set, and setModes() changes only the given ones', async () => {
  const pty = spawnPty('sh', ['-c', 'stty -echo -icanon erase ^H min 3; echo one; read x; stty -a; echo two; read x'], {
    modes: { opost: false },
  });
  await until(pty, /one/);
  const modes = pty.modes();
  assert.deepEqual(
    [modes.echo, modes.icanon, modes.verase, modes.vmin, modes.isig, modes.veol, modes.csize, modes.opost],
    [false, false, 8, 3, true, null, 8, false],
  );
  pty.setModes({ icanon: true, vintr: 0x19, vsusp: null });
  const text = until(pty, /intr = ([^;]*);[\s\S]*two/);
  pty.write('\n');
  const [shown] = await text;
  for (const expected of ['intr = ^Y;', 'susp = <undef>;', ' icanon', '-echo '])
    assert.ok(shown.includes(expected), expected);
  assert.deepEqual(pty.modes(), { ...modes, icanon: true, vintr: 0x19, vsusp: null });
  assert.throws(() => pty.setModes({ nonsense: true } as Modes), { code: 'ERR_INVALID_ARGUMENT' });
  await pty.hangup({ timeout: 0 });
  await closed(pty.resume());
  pty.setModes({ echo: true });
  assert.throws(() => pty.modes(), { code: 'ERR_PTY_IO' });
});

test('every name can be set in the system and read again', () => {
  const { iflag, oflag, cflag, lflag, cc, vdisable } = addon().termios;
  const flags = Object.keys({ ...iflag, ...oflag, ...cflag, ...lflag });
  const counts = ['vmin', 'vtime'];
  const characters = Object.keys(cc).filter(name => !counts.includes(name));
  const byte = fc.integer({ min: 0, max: 255 });
  const optional = <T>(names: string[], value: fc.Arbitrary<T>) =>
    fc.record(Object.fromEntries(names.map(name => [name, value])), { requiredKeys: [] });
  const partial = fc
    .tuple(
      optional(flags, fc.boolean()),
      optional(characters, fc.option(byte.filter(value => value !== vdisable))),
      optional(counts, byte),
      optional(['csize'], fc.constantFrom(5, 6, 7, 8)),
    )
    .map(parts => Object.assign({}, ...parts) as Modes);
  fc.assert(
    fc.property(partial, partial, (first, second) => {
      const raw = blankModes();
      applyModes(raw, saneModes);
      const sane = nameModes(raw);
      applyModes(raw, first);
      assert.deepEqual(nameModes(raw), { ...sane, ...first });
      applyModes(raw, second);
      assert.deepEqual(nameModes(raw), { ...sane, ...first, ...second });
    }),
  );
});

test('names that only other systems have are accepted and have no effect', () => {
  const raw = blankModes();
  applyModes(raw, { vdsusp: 25, vstatus: 20, echo: undefined, vintr: undefined });
  const blank = blankModes();
  assert.deepEqual(raw, blank);
});

test('a signal to the foreground group precedes unread input, whatever its key', async () => {
  const pty = spawnPty(
    'bash',
    [
      '-c',
      'trap "echo parent" INT; set -m; (trap "echo child; exit" INT; echo ready; while :; do sleep 0.05; done); echo after; read x',
    ],
    {
      modes: { vintr: null, echo: false },
    },
  );
  await until(pty, /ready/);
  pty.write('typed ahead\n');
  const seen = until(pty, /child\r\n[\s\S]*after/);
  assert.equal(pty.signalForeground('SIGINT'), true);
  assert.doesNotMatch((await seen)[0], /parent/);
  await closed(pty.resume());
});

test('input typed before EXTPROC is set keeps its meaning', async () => {
  const script = 'trap "echo caught" INT; echo ok; while :; do sleep 0.01; done';
  const pty = spawnPty('sh', ['-c', script], { modes: { echo: false } });
  await until(pty, /ok\r\n/);
  for (let i = 0; i < 100; i++) {
    const seen = until(pty, /caught\r\n/);
    pty.master.type(Buffer.from('\x03'));
    pty.master.setExternalProcessing(true);
    await seen;
    pty.master.setExternalProcessing(false);
  }
  await pty.hangup({ timeout: 0 });
});

test('signals that the terminal itself cannot send are sent to the group as well', async () => {
  const pty = spawnPty('bash', [
    '-c',
    'set -m; sh -c "trap \'echo usr1; exit\' USR1; echo ready; while :; do sleep 0.05; done"',
  ]);
  await until(pty, /ready/);
  const seen = until(pty, /usr1/);
  assert.equal(pty.signalForeground('SIGUSR1'), true);
  await seen;
  await pty.exited;
  assert.equal(pty.signalForeground('SIGUSR1'), false);
  assert.equal(pty.signalForeground('SIGINT'), false);
});
