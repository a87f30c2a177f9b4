/** Packet mode: notices of the terminal are received among its output, which they do not change by a single byte. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { addon } from '../../../src/native/load.ts';
import { type Pty, type PtyOptions, spawnPty } from '../../../src/pty/index.ts';
import { requireTool } from '../../support/system/tools.ts';
import { closed } from '../support.ts';

/** The calls of a terminal's user, in order: notices as text, output unchanged. */
type Given = ('flushed' | 'modes' | Buffer)[];

interface Attached {
  readonly pty: Pty;
  readonly given: Given;
  /** Waits until the calls are as expected. */
  until(holds: () => boolean): Promise<void>;
  output(): string;
}

function attach(file: string, args: string[], options: PtyOptions = {}, look: () => void = () => {}): Attached {
  const pty = spawnPty(file, args, { env: { PATH: process.env.PATH }, ...options });
  const given: Given = [];
  const waiters = new Set<() => void>();
  const wake = () => {
    for (const waiter of waiters) waiter();
  };
  pty.master.attach({
    output(bytes) {
      given.push(Buffer.from(bytes));
      look();
      wake();
    },
    flushed() {
      given.push('flushed');
      wake();
    },
    modesSet() {
      given.push('modes');
      wake();
    },
    drained() {},
    ended() {},
  });
  return {
    pty,
    given,
    until: holds =>
      new Promise((resolve, reject) => {
        const check = () => {
          if (!holds()) return;
          waiters.delete(check);
          pty.off('end', ended);
          resolve();
        };
        const ended = () => reject(new Error(`the output ended: ${given.at(-1)}`));
        waiters.add(check);
        pty.on('end', ended);
        check();
      }),
    output: () => given.filter(piece => typeof piece !== 'string').join(''),
  };
}

const noticesOf = (given: Given) => given.filter(piece => typeof piece === 'string');

/**
 * Perl, where `flush()` makes the terminal discard its output, `ixon(0|1)` switches ^S and ^Q, and `say` is unbuffered.
 */
function perl(script: string): [string, string[]] {
  const help = `
    use POSIX; $| = 1; my $t = POSIX::Termios->new;
    sub flush { tcflush(1, TCOFLUSH) }
    sub ixon { $t->getattr(0); my $f = $t->getiflag; $t->setiflag($_[0] ? $f | IXON : $f & ~IXON); $t->setattr(0, TCSANOW) }
    sub record { my $out = ""; for (1 .. $_[0]) { my $n = $main::n++; $out .= sprintf("%07d %07d\\n", $n, 9999999 - $n) } syswrite(STDOUT, $out) == length $out or die }
  `;
  return [requireTool('perl'), ['-e', `${help}\n${script}`]];
}

const RAW = { modes: { opost: false, echo: false } };

test('a notice is received before the output that was printed after it', async () => {
  const script = 'print "before\\n"; <STDIN>; ixon(0); print "after\\n"; <STDIN>; ixon(1); print "last\\n"; <STDIN>';
  const { pty, given, until, output } = attach(...perl(script), RAW);
  await until(() => output() === 'before\n');
  pty.master.type(Buffer.from('\n'));
  await until(() => output() === 'before\nafter\n');
  pty.master.type(Buffer.from('\n'));
  await until(() => output() === 'before\nafter\nlast\n');
  assert.deepEqual(given.map(String), ['before\n', 'modes', 'after\n', 'modes', 'last\n']);
  await pty.hangup({ timeout: 0 });
});

test('a typed interrupt is noticed, and so is a flush of the output by us', async () => {
  const { pty, given, until, output } = attach('sh', [
    '-c',
    'trap "echo caught" INT; echo ok; while :; do read x; done',
  ]);
  await until(() => output() === 'ok\r\n');
  pty.master.type(Buffer.from('\x03'));
  await until(() => output().endsWith('caught\r\n'));
  assert.deepEqual(noticesOf(given), ['flushed']);
  assert.equal(pty.flushOutput(), true);
  await until(() => noticesOf(given).length === 2);
  assert.equal(given.at(-1), 'flushed');
  await pty.hangup({ timeout: 0 });
});

test('changes of the modes are noticed while EXTPROC is on, and when it is cleared', async () => {
  const { pty, given, until, output } = attach('sh', ['-c', 'echo ok; read x; stty -echo; read x; stty sane; read x']);
  await until(() => output() === 'ok\r\n');
  pty.setModes({ extproc: true });
  await until(() => noticesOf(given).length === 1);
  pty.master.type(Buffer.from('\n'));
  await until(() => noticesOf(given).length === 2);
  assert.equal(pty.mode('echo'), false);
  pty.master.type(Buffer.from('\n'));
  await until(() => pty.mode('extproc') === false);
  await until(() => noticesOf(given).length === 3);
  assert.deepEqual(noticesOf(given), ['modes', 'modes', 'modes']);
  await pty.hangup({ timeout: 0 });
});

test('while output is paused a flush is still noticed, and data that was read ahead is discarded', async () => {
  const script = '$SIG{INT} = sub { $over = 1 }; syswrite(STDOUT, "0123456\n") until $over; print "caught\n"; <STDIN>';
  for (const ahead of [false, true]) {
    let holding = !ahead;
    const { pty, given, until, output } = attach(...perl(script), RAW, () => {
      if (holding) pty.master.pauseOutput();
    });
    // In a flood the thread continues to read into its own buffers.
    await until(() => given.length > 0 && (!ahead || addon().counts().floods > 0));
    holding = true;
    pty.master.pauseOutput();
    const before = given.length;
    pty.master.type(Buffer.from('\x03'));
    await until(() => given.slice(before).includes('flushed'));
    holding = false;
    const length = output().length;
    pty.master.resumeOutput();
    await until(() => output().indexOf('caught\n', length) >= 0);
    // The rest of the kernel's buffer, and the output of the program before it received the interrupt.
    assert.ok(output().length - length < 16 * 1024, `${output().length - length} bytes after the flush`);
    await pty.hangup({ timeout: 0 });
    pty.destroy();
    await closed(pty);
  }
});

/** The numbers in an output of records, from which flushes may have cut pieces. Returns the number of cuts. */
function checkRecords(output: string, last: number): number {
  let expected = 0;
  let cuts = 0;
  for (const line of output.split('\n')) {
    assert.match(line, /^[\d ]*$/);
    const [, number = -1, complement = -1] = (/^(\d{7}) (\d{7})$/.exec(line) ?? []).map(Number);
    if (number + complement !== 9_999_999) {
      cuts++;
      continue;
    }
    assert.ok(number >= expected && number < last, `${line} where ${expected} was due`);
    if (number !== expected) cuts++;
    expected = number + 1;
  }
  return cuts;
}

test('property: in a flood with notices only a flush loses data, and the output contains no notice', async () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('record' as const), count: fc.integer({ min: 1, max: 500 }) }),
    fc.record({ type: fc.constant('ixon' as const), count: fc.integer({ min: 0, max: 1 }) }),
    fc.record({ type: fc.constant('flush' as const), count: fc.constant(0) }),
  );
  const stops = fc.array(fc.tuple(fc.nat({ max: 12 }), fc.nat({ max: 6 })), { maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), stops, async (steps, pauses) => {
      const flushes = steps.filter(({ type }) => type === 'flush').length;
      // Not before packet mode is set.
      const script = `<STDIN>; for my $round (1 .. 5) { ${steps.map(({ type, count }) => `${type}(${count});`).join(' ')} } print "end\\n"; <STDIN>`;
      let pieces = 0;
      const look = async () => {
        const [every, turns] = pauses[++pieces % (pauses.length + 1)] ?? [1, 0];
        if (turns === 0 || pieces % (every + 1) !== 0) return;
        pty.master.pauseOutput();
        for (let i = 0; i < turns; i++) await turn();
        pty.master.resumeOutput();
      };
      const { pty, given, until, output } = attach(...perl(script), RAW, look);
      try {
        pty.master.type(Buffer.from('\n'));
        await until(() => output().endsWith('end\n'));
        const text = output().slice(0, -'end\n'.length);
        const records = 5 * steps.reduce((sum, { type, count }) => sum + (type === 'record' ? count : 0), 0);
        const cuts = checkRecords(text.replace(/\n$/, ''), records);
        const noticed = noticesOf(given).filter(notice => notice === 'flushed').length;
        assert.ok(noticed <= 5 * flushes, `${noticed} notices`);
        if (flushes === 0) {
          assert.equal(text.length, 16 * records);
          assert.ok(cuts === 0 || records === 0);
        } else {
          assert.ok(noticed > 0);
        }
      } finally {
        await pty.hangup({ timeout: 0 });
        pty.destroy();
        await closed(pty);
      }
    }),
    { numRuns: 40 },
  );
});

test('a flood of 256 MiB with occasional notices is complete', async () => {
  const size = 256 * 2 ** 20;
  const script = `my $a = "a" x 65536; for (1 .. ${size / 65536}) { ixon($_ & 1) if $_ % 16 == 0; syswrite(STDOUT, $a) == 65536 or die }`;
  let length = 0;
  let strange = 0;
  const [file, args] = perl(script);
  const pty = spawnPty(file, args, { env: { PATH: process.env.PATH }, ...RAW });
  let notices = 0;
  const expected = Buffer.alloc(addon().drainLimit, 'a');
  pty.master.attach({
    output(bytes) {
      length += bytes.length;
      if (bytes.compare(expected, 0, bytes.length) !== 0) strange++;
    },
    flushed() {},
    modesSet() {
      notices++;
    },
    drained() {},
    ended() {},
  });
  await closed(pty);
  assert.equal(strange, 0);
  assert.equal(length, size);
  assert.ok(notices > 0);
});

test('a program that flushes without end does not block other sessions', async () => {
  const { pty, given, until } = attach(...perl('print "ok\\n"; flush() while 1'), RAW);
  await until(() => given.length > 10);
  const echo = attach('cat', [], { modes: { icanon: false, echo: false } });
  for (let i = 0; i < 50; i++) {
    echo.pty.master.type(Buffer.from(`<${i}>`));
    await echo.until(() => echo.output().endsWith(`<${i}>`));
  }
  await Promise.all([pty.hangup({ timeout: 0 }), echo.pty.hangup({ timeout: 0 })]);
});

test('without a user there is no packet mode, and none of its bytes are in the stream', async () => {
  const { pty, until, output } = attach(...perl('print "one\\n"; <STDIN>; ixon(0); print "two\\n"'), RAW);
  await until(() => output() === 'one\n');
  pty.master.attach(undefined);
  pty.write('\n');
  let text = '';
  for await (const piece of pty) text += piece;
  assert.equal(text, 'two\n');
});
