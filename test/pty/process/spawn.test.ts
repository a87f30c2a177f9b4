import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TelptyError } from '../../../src/errors.ts';
import { addon } from '../../../src/native/load.ts';
import { spawnPty } from '../../../src/pty/index.ts';
import { processInfo } from '../../support/leaks.ts';
import { asNobody, inNode, readAll, run } from '../support.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-'));
after(() => rmSync(directory, { recursive: true }));

function script(name: string, text: string, mode = 0o755): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

test('size, modes and control characters are set before the first instruction', async () => {
  const pty = spawnPty('stty', ['-a'], {
    columns: 132,
    rows: 43,
    modes: { echo: false, icanon: false, iutf8: false, verase: 0x08, vintr: null, vmin: 5, vtime: 7 },
  });
  const text = (await readAll(pty)).toString();
  for (const expected of [
    'rows 43; columns 132;',
    '38400 baud',
    '-echo ',
    '-icanon',
    '-iutf8',
    'erase = ^H;',
    'intr = <undef>;',
    'min = 5; time = 7;',
  ]) {
    assert.ok(text.includes(expected), `${expected} in ${text}`);
  }
});

test('the defaults are 80×24 and the modes of stty sane, with UTF-8', async () => {
  const sane = 'before=$(stty -g); stty sane; test "$before" = "$(stty -g)" && stty size';
  assert.equal((await run(sane, { modes: { iutf8: false } })).output, '24 80\n');
  assert.match((await run('stty -a')).output, / iutf8\n/);
});

test('the program leads its own session, with the terminal as its controlling terminal', async () => {
  const pty = spawnPty('sh', ['-c', 'cut -d" " -f1,5,6,8 /proc/$$/stat; tty; ps -o tty= -p $$ | cut -c1-3']);
  const [numbers, tty, ps] = (await readAll(pty)).toString().split('\r\n');
  const { pid } = pty;
  // pid, process group, session, foreground process group
  assert.equal(numbers, `${pid} ${pid} ${pid} ${pid}`);
  assert.match(tty!, /^\/dev\/pts\/\d+$/);
  assert.equal(ps, 'pts');
});

test('signals that are ignored or blocked in the server are at their defaults in the program', async () => {
  const none = 'SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n';
  // Node ignores SIGPIPE.
  assert.equal((await run('grep -E "^Sig(Blk|Ign)" /proc/self/status')).output, none);
  // A server that was itself started with other signals ignored and blocked.
  const { output } = await inNode(
    'env --block-signal=USR1,RTMIN --ignore-signal=HUP,USR2,RTMIN,RTMAX',
    `pty.spawnPty('grep', ['-E', '^Sig(Blk|Ign)', '/proc/self/status']).pipe(process.stdout)`,
  );
  assert.equal(output.replaceAll('\r', ''), none);
});

test('no descriptor except 0, 1 and 2 is inherited', async () => {
  // Node's own descriptors are close-on-exec; 7 and 9 are not, and Node does not have them.
  const look = 'n=0; while [ $n -lt 256 ]; do [ -e /proc/$$/fd/$n ] && echo $n; n=$((n+1)); done';
  const { output } = await inNode(
    '',
    `pty.spawnPty('sh', ['-c', '${look}']).pipe(process.stdout)`,
    '7</dev/null 9>/dev/null',
  );
  assert.deepEqual(output.split(/\s+/), ['0', '1', '2', '']);
});

test('a start works in a server whose own standard descriptors are closed', async () => {
  const { output, code } = await inNode(
    '',
    `import { closeSync, writeSync } from 'node:fs';
    closeSync(0);
    closeSync(2);
    pty.spawnPty('sh', ['-c', 'echo well; exit 3']).on('data', d => writeSync(1, d));`,
  );
  assert.match(output, /^well/);
  assert.equal(code, 0);
});

test('the environment is exactly the given one', async () => {
  assert.equal((await readAll(spawnPty('env'))).toString(), '');
  const env = { TERM: 'vt220', EMPTY: '', UTF: 'grüße', GONE: undefined };
  assert.equal((await readAll(spawnPty('env', [], { env }))).toString(), 'TERM=vt220\r\nEMPTY=\r\nUTF=grüße\r\n');
});

test('the program is looked up in its own PATH, as by execvp', async () => {
  script('tool', '#!/bin/sh\necho found "$@"\n');
  const path = `/nonexistent:/etc/passwd:${directory}:/bin`;
  assert.equal((await readAll(spawnPty('tool', ['a b', ''], { env: { PATH: path } }))).toString(), 'found a b \r\n');
  const missing = { code: 'ERR_PTY_SPAWN', systemCode: 'ENOENT', errno: -constants.errno.ENOENT };
  assert.throws(() => spawnPty('tool'), missing);
  // An empty entry means the program's working directory.
  assert.equal((await readAll(spawnPty('tool', [], { env: { PATH: '' }, cwd: directory }))).toString(), 'found\r\n');
  // A file that is not executable is distinguished from a missing one, and does not end the search.
  script('locked', '#!/bin/sh\n', 0o644);
  assert.throws(() => spawnPty('locked', [], { env: { PATH: path } }), { systemCode: 'EACCES' });
  assert.throws(() => spawnPty('locked', [], { env: { PATH: `${directory}:/nonexistent` } }), { systemCode: 'EACCES' });
});

test('a script without an interpreter line is run by the shell', async () => {
  const path = script('plain', 'echo "$0" "$@"\n');
  assert.equal((await readAll(spawnPty(path, ['x'], { argv0: '-other' }))).toString(), `${path} x\r\n`);
});

test('argv0 sets the name of the program', async () => {
  assert.equal(
    (await readAll(spawnPty('sh', ['-c', 'tr "\\0" " " < /proc/$$/cmdline'], { argv0: '-sh' }))).toString().slice(0, 7),
    '-sh -c ',
  );
});

test('the error names the step that failed, its errno and the file', () => {
  const cases: [() => unknown, object][] = [
    [
      () => spawnPty('does-not-exist'),
      {
        step: 'exec',
        systemCode: 'ENOENT',
        file: 'does-not-exist',
        message: "cannot start 'does-not-exist': no such file or directory",
      },
    ],
    [
      () => spawnPty('/etc/passwd'),
      { step: 'exec', systemCode: 'EACCES', message: "cannot start '/etc/passwd': permission denied" },
    ],
    [() => spawnPty('/etc/passwd/x'), { step: 'exec', systemCode: 'ENOTDIR' }],
    [() => spawnPty('/'), { step: 'exec', systemCode: 'EACCES' }],
    [() => spawnPty(script('loop', '#!/bin/sh/no\n')), { step: 'exec', systemCode: 'ENOTDIR' }],
    [() => spawnPty('sh', ['x'.repeat(4 << 20)]), { step: 'exec', systemCode: 'E2BIG' }],
    [
      () => spawnPty('sh', [], { cwd: '/nonexistent' }),
      {
        step: 'chdir',
        systemCode: 'ENOENT',
        file: 'sh',
        message: "cannot start 'sh': /nonexistent: no such file or directory",
      },
    ],
    [() => spawnPty('sh', [], { cwd: '/etc/passwd' }), { step: 'chdir', systemCode: 'ENOTDIR' }],
    [() => spawnPty('sh', [], { limits: { nofile: 1e12 } }), { step: 'rlimit', systemCode: 'EPERM' }],
  ];
  for (const [start, expected] of cases) {
    assert.throws(start, (error: unknown) => {
      assert.ok(error instanceof TelptyError);
      assert.equal(error.code, 'ERR_PTY_SPAWN');
      for (const [name, value] of Object.entries(expected)) assert.equal(error[name as keyof TelptyError], value);
      return true;
    });
  }
});

test('the error names the step for which the server has no privileges', () => {
  const output = asNobody(`
    for (const options of [{ uid: 1, gid: 1 }, { gid: 0 }, { groups: [0] }, { user: 'root' }, { limits: { nofile: [10, Infinity] } }]) {
      try { pty.spawnPty('true', [], options); console.log('started'); }
      catch (e) { console.log(e.code, e.step, e.systemCode, e.message); }
    }`);
  const group =
    "ERR_PTY_SPAWN setgroups EPERM cannot start 'true': setgroups: operation not permitted; a change of groups needs root (or CAP_SETGID) in the server\n";
  assert.equal(
    output,
    `${group.repeat(4)}ERR_PTY_SPAWN rlimit EPERM cannot start 'true': rlimit: operation not permitted; a limit above the server's own needs root (or CAP_SYS_RESOURCE) in the server\n`,
  );
});

test('without free descriptors a start fails in the step open, and leaves nothing behind', () => {
  const output = asNobody(`
    import { openSync, closeSync, readdirSync } from 'node:fs';
    pty.spawnPty('true').destroy(); // the addon itself is loaded from a file
    const taken = [];
    try { for (;;) taken.push(openSync('/dev/null')); } catch {}
    // With any number of free descriptors, from none to enough.
    const steps = [];
    for (let free = 0; free < 6; free++) {
      try { const p = pty.spawnPty('true'); p.resume(); p.destroy(); steps.push('started'); break; }
      catch (e) { steps.push(e.step + ' ' + e.systemCode); }
      closeSync(taken.pop());
    }
    console.log(steps.join('\\n'));`);
  assert.equal(output, ['open EMFILE', 'open EMFILE', 'started', ''].join('\n'));
});

test('invalid arguments are refused before anything is opened', () => {
  const bad: [string, readonly string[], object][] = [
    ['', [], {}],
    ['sh\0', [], {}],
    ['sh', ['a\0b'], {}],
    ['sh', [1 as unknown as string], {}],
    ['sh', 'x' as unknown as string[], {}],
    ['sh', [], { cwd: 'a\0' }],
    ['sh', [], { argv0: '\0' }],
    ['sh', [], { env: { A: 'x\0' } }],
    ['sh', [], { env: { 'A\0': 'x' } }],
    ['sh', [], { env: { 'A=B': 'x' } }],
    ['sh', [], { env: { '': 'x' } }],
    ['sh', [], { env: { A: 1 } }],
    ['sh', [], { columns: 0 }],
    ['sh', [], { columns: 65536 }],
    ['sh', [], { rows: 1.5 }],
    ['sh', [], { rows: Number.NaN }],
    ['sh', [], { modes: { nonsense: true } }],
    ['sh', [], { modes: { echo: 1 } }],
    ['sh', [], { modes: { verase: 256 } }],
    ['sh', [], { uid: -1, gid: 0 }],
    ['sh', [], { uid: 0xffff_ffff, gid: 0 }],
    ['sh', [], { gid: 0xffff_ffff }],
    ['sh', [], { gid: 1, groups: [0.5] }],
    ['sh', [], { user: 'root', uid: 0 }],
    ['sh', [], { limits: { nonsense: 1 } }],
    ['sh', [], { limits: { cpu: -1 } }],
    ['sh', [], { limits: { cpu: Number.NaN } }],
    ['sh', [], { limits: { cpu: [2, 1] } }],
    ['sh', [], { limits: { toString: 1 } }],
  ];
  for (const [file, args, options] of bad) {
    assert.throws(
      () => spawnPty(file, args, options),
      { name: 'TelptyError', code: 'ERR_INVALID_ARGUMENT' },
      JSON.stringify([file, args, options]),
    );
  }
});

test('the exit code and the signal are reported', async () => {
  assert.deepEqual(await run('exit 0'), { output: '', code: 0, signal: null });
  assert.deepEqual(await run('exit 255'), { output: '', code: 255, signal: null });
  assert.deepEqual(await run('kill -SEGV $$'), { output: '', code: null, signal: 'SIGSEGV' });
  const pty = spawnPty('sleep', ['1000']);
  pty.resume();
  assert.equal(pty.kill(), true);
  assert.deepEqual(await pty.exited, { code: null, signal: 'SIGTERM' });
  assert.equal(pty.kill('SIGKILL'), false);
  assert.throws(() => pty.kill('SIGNONE' as NodeJS.Signals), { code: 'ERR_INVALID_ARGUMENT' });
});

test('a descriptor number that was freed meanwhile is not mistaken for a terminal', async () => {
  const pty = spawnPty('sh', ['-c', 'sleep 1000']);
  pty.destroy();
  const fds = Array.from({ length: 8 }, () => openSync('/dev/null', 'r'));
  pty.resize(10, 10);
  pty.flushInput();
  assert.equal(pty.signalForeground('SIGINT'), false);
  assert.throws(() => pty.modes(), { code: 'ERR_PTY_IO' });
  await pty.exited;
  for (const fd of fds) closeSync(fd);
});

test('children that are waited for are not reaped as orphans', async () => {
  const pty = spawnPty('sh', ['-c', 'exit 7']);
  const child = spawn('sh', ['-c', 'exit 5']);
  const exit = once(child, 'exit');
  // There is no turn of the event loop in which their ends could be noticed.
  while ([pty.pid, child.pid!].some(pid => processInfo(pid)?.state !== 'Z'));
  assert.equal(addon().reapOrphans(Int32Array.of(pty.pid, child.pid!)), 0);
  pty.resume();
  assert.deepEqual(await pty.exited, { code: 7, signal: null });
  assert.deepEqual(await exit, [5, null]);
});
