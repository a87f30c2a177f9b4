/**
 * Cgroups for programs. On systems that do not allow creating one (most containers), the error messages are tested
 * instead. For the effects of memory, pids and cpu see limits.test.ts, which runs its own kernel.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { removeOrphans } from '../../../src/pty/cgroup/cgroup.ts';
import { killEach } from '../../../src/pty/cgroup/kill.ts';
import { type CgroupLimits, limitFiles } from '../../../src/pty/cgroup/limits.ts';
import { leafName } from '../../../src/pty/cgroup/names.ts';
import { enable, mountOf, prepareCgroup } from '../../../src/pty/cgroup/place.ts';
import { Cgroups, openCgroups, spawnPty } from '../../../src/pty/index.ts';
import { untilTrue } from '../../support/leaks.ts';
import { assertDead, canMake, mount, TestCgroup } from '../../support/system/cgroups.ts';
import { LOADER } from '../../support/typescript.ts';
import { asNobody, isRoot, readAll, run, until } from '../support.ts';

const scratch = mkdtempSync(join(tmpdir(), 'telpty-cgroup-'));
after(() => rmSync(scratch, { recursive: true }));

/** Daemons of three kinds, which print their process ids: in another session, orphaned, in another cgroup below. */
const daemons = `
  setsid sleep 1000 & echo pid $!
  (setsid sh -c 'echo pid $$; exec sleep 1000' &)
  (sh -c 'trap "" HUP TERM; echo pid $$; while :; do sleep 1000; done' &)`;

const pidsIn = (text: string) => [...text.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));

if (!canMake) {
  test('if no cgroup can be created, the error is one line', () => {
    assert.throws(() => openCgroups('telpty-test'), { code: 'ERR_CGROUP', message: /^[^\n]{20,}$/ });
  });
} else {
  test('a program is in its cgroup from its first instruction, and all its processes end with the cgroup', async () => {
    using parent = new TestCgroup();
    const cgroups = openCgroups(parent.path);
    const cgroup = await cgroups.create(7);
    assert.deepEqual(parent.leaves, [leafName(7)]);
    assert.equal(cgroup.path, join(parent.path, leafName(7)));
    const pty = spawnPty('sh', ['-c', `cat /proc/self/cgroup; ${daemons}\nwait`], {
      env: { PATH: process.env.PATH },
      cgroup: cgroup.path,
    });
    const [text] = await until(pty, /(pid \d+[^p]*){3}/);
    void text;
    const inside = readFileSync(join(cgroup.path, 'cgroup.procs'), 'utf8').trim().split('\n').map(Number);
    assert.ok(inside.includes(pty.pid));
    assert.ok(inside.length >= 4, inside.join(' '));
    assert.deepEqual(await cgroup.end(), { outOfMemory: 0 });
    assert.deepEqual(await pty.exited, { code: null, signal: 'SIGKILL' });
    await assertDead(inside);
    assert.deepEqual(parent.leaves, []);
  });

  test('processes left by an ended program are killed, too, and an empty cgroup is only removed', async () => {
    using parent = new TestCgroup();
    const cgroups = openCgroups(parent.path);
    const cgroup = await cgroups.create('x');
    const { output } = await run(`grep -c ${leafName('x')} /proc/self/cgroup; ${daemons}`, {
      env: { PATH: process.env.PATH },
      cgroup: cgroup.path,
    });
    assert.match(output, /^1\n/);
    const [first, second] = await Promise.all([cgroup.end(), cgroup.end()]);
    assert.deepEqual([first, second], [{ outOfMemory: 0 }, { outOfMemory: 0 }]);
    await assertDead(pidsIn(output));
    assert.deepEqual(await cgroup.end(), { outOfMemory: 0 });
    assert.deepEqual(parent.leaves, []);
  });

  test('fork bombs are ended, also without cgroup.kill, and so are cgroups below', async () => {
    using parent = new TestCgroup();
    const cgroups = openCgroups(parent.path);
    const bomb = 'f() { sleep 1000 & sleep 0.01; f & }; for i in 1 2 3 4 5; do f & done; echo ready; wait; sleep 1000';
    for (const kill of [undefined, killEach]) {
      const cgroup = await cgroups.create(1);
      mkdirSync(join(cgroup.path, 'below'));
      const pty = spawnPty('sh', ['-c', bomb], {
        env: { PATH: process.env.PATH },
        cgroup: cgroup.path,
        limits: { nproc: 4000 },
      });
      await until(pty, /ready/);
      writeFileSync(join(cgroup.path, 'below/cgroup.procs'), String(pty.pid));
      await kill?.(cgroup.path);
      if (kill) await untilTrue(() => /^populated 0$/m.test(readFileSync(join(cgroup.path, 'cgroup.events'), 'utf8')));
      await cgroup.end();
      assert.deepEqual(parent.leaves, []);
      await pty.exited;
    }
  });

  test('a number is added to a name that exists', async () => {
    using parent = new TestCgroup();
    const cgroups = openCgroups(parent.path);
    const three = await Promise.all([cgroups.create(1), cgroups.create(1), cgroups.create(1)]);
    assert.deepEqual(parent.leaves.sort(), [leafName(1), `${leafName(1)}.2`, `${leafName(1)}.3`]);
    for (const cgroup of three) await cgroup.end();
  });

  test('cgroups left by an ended server are removed, and those of a running server are kept', async () => {
    using parent = new TestCgroup();
    // The number of a process that began at another time, an unused number, and names of other programs.
    const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))![0];
    const dead = [
      `telpty-${process.pid}.1.${namespace}-3`,
      `telpty-999999999.5.${namespace}-1`,
      `telpty-999999999.5.${namespace}-1.2`,
    ];
    const others = [leafName(1), 'telpty-server', 'user.slice', 'telpty-1-2'];
    for (const name of [...dead, ...others]) mkdirSync(join(parent.path, name));
    const daemon = spawn('sleep', ['1000'], { stdio: 'ignore' });
    writeFileSync(join(parent.path, dead[0]!, 'cgroup.procs'), String(daemon.pid));
    openCgroups(parent.path);
    assert.deepEqual(await once(daemon, 'exit'), [null, 'SIGKILL']);
    await untilTrue(() => parent.leaves.length === others.length);
    assert.deepEqual(parent.leaves.sort(), others.sort());
    await removeOrphans(join(parent.path, 'missing'));
    for (const name of others) rmdirSync(join(parent.path, name));
  });

  test('a server in another container that shares the cgroup keeps its cgroups and programs', async () => {
    using parent = new TestCgroup();
    const index = JSON.stringify(new URL('../../../src/pty/index.ts', import.meta.url).href);
    const body = `
      import { openCgroups, spawnPty } from ${index};
      const cgroup = await openCgroups(${JSON.stringify(parent.path)}).create(1);
      const pty = spawnPty('cat', [], { cgroup: cgroup.path, env: process.env });
      pty.exited.then(status => console.log(JSON.stringify(status)));
      process.stdin.once('data', () => pty.hangup().then(() => cgroup.end()).then(() => process.exit(0)));
      console.log('started');`;
    const namespace = ['--pid', '--fork', '--mount-proc', '--kill-child'];
    const container = spawn(
      'unshare',
      [...namespace, process.execPath, '--import', LOADER, '--input-type=module', '-e', body],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    const exit = once(container, 'exit');
    assert.equal(String((await once(container.stdout!, 'data'))[0]), 'started\n');
    const [leaf] = parent.leaves;
    // A name of an older version, without a namespace.
    const old = join(parent.path, 'telpty-999999999.5-1');
    mkdirSync(old);
    openCgroups(parent.path);
    await removeOrphans(parent.path);
    assert.match(readFileSync(join(parent.path, leaf!, 'cgroup.events'), 'utf8'), /^populated 1$/m);
    assert.ok(parent.leaves.includes('telpty-999999999.5-1'));
    const output = once(container.stdout!, 'data');
    container.stdin!.end('end');
    // It was ended by the hangup, and not earlier.
    assert.equal(String((await output)[0]), '{"code":null,"signal":"SIGHUP"}\n');
    assert.deepEqual(await exit, [0, null]);
    rmdirSync(old);
    assert.deepEqual(parent.leaves, []);
  });

  test('process.exit() kills at once', async () => {
    using parent = new TestCgroup();
    const { output } = await run(`exec '${process.execPath}' --import '${LOADER}' --input-type=module -e "$MODULE"`, {
      cwd: process.cwd(),
      env: {
        PATH: process.env.PATH,
        MODULE: `
          import { openCgroups, spawnPty } from ${JSON.stringify(new URL('../../../src/pty/index.ts', import.meta.url).href)};
          const cgroup = await openCgroups(${JSON.stringify(parent.path)}).create(1);
          const pty = spawnPty('sh', ['-c', 'setsid sleep 1000 & echo pid $!; sleep 1000'], { cgroup: cgroup.path, env: process.env });
          pty.on('data', text => { process.stdout.write(String(text)); if (/pid [0-9]+/.test(String(text))) process.exit(3); });`,
      },
    });
    await assertDead(pidsIn(output));
    await removeOrphans(parent.path);
    assert.deepEqual(parent.leaves, []);
  });

  test('if a cgroup is gone or belongs to another user, no program starts and the error names the step', async () => {
    using parent = new TestCgroup();
    const cgroups = openCgroups(parent.path);
    const cgroup = await cgroups.create(1);
    await cgroup.end();
    assert.throws(() => spawnPty('true', [], { cgroup: cgroup.path }), { step: 'cgroup', systemCode: 'ENOENT' });
    if (isRoot) {
      chmodSync(parent.path, 0o755);
      const output = asNobody(`
        for (const f of [() => pty.spawnPty('true', [], { cgroup: ${JSON.stringify(parent.path)} }),
          () => pty.openCgroups(${JSON.stringify(parent.path)})])
          try { f(); } catch (e) { console.log(e.code, e.step, e.systemCode, e.message); }`);
      assert.match(
        output,
        /^ERR_PTY_SPAWN cgroup EACCES .*\nERR_CGROUP undefined EACCES cannot make cgroups below .*: permission denied \(.*Delegate=yes.*\)\n$/,
      );
    }
    const gone = new Cgroups(join(parent.path, 'gone'));
    await assert.rejects(gone.create(1), { code: 'ERR_CGROUP', systemCode: 'ENOENT' });
  });

  test('limits are set before the program is started, and a missing or refused limit is reported at once', async () => {
    using parent = new TestCgroup();
    const cgroups = openCgroups(parent.path, { pids: undefined });
    await (await cgroups.create(1)).end();
    const limited = new Cgroups(parent.path, { 'no.such': '1' });
    await assert.rejects(limited.create(1), { code: 'ERR_CGROUP', systemCode: 'ENOENT' });
    assert.deepEqual(parent.leaves, []);
    const controllers = readFileSync(join(mount!, 'cgroup.controllers'), 'utf8');
    const missing = controllers.includes('memory')
      ? 'has no controller for memory: echo'
      : 'has no controller for memory: version 1';
    assert.throws(() => openCgroups(parent.path, { memory: 1 << 20 }), {
      code: 'ERR_CGROUP',
      message: new RegExp(`${missing}[^\\n]*$`),
    });
  });

  test('a missing cgroup is created, also by its name relative to the mount point', () => {
    using parent = new TestCgroup();
    const name = parent.path.slice(mount!.length + 1);
    assert.equal(prepareCgroup(name, {}), parent.path);
    assert.equal(prepareCgroup(`${name}/made`, {}), `${parent.path}/made`);
    assert.deepEqual(parent.leaves, ['made']);
    rmdirSync(`${parent.path}/made`);
    assert.throws(() => prepareCgroup(`${name}/a/b`, {}), { code: 'ERR_CGROUP' });
  });
}

test('a directory that is not a cgroup is refused', () => {
  for (const path of [scratch, `${scratch}/new`, '/proc', '/sys/fs/cgroup/telpty/no/where']) {
    assert.throws(() => openCgroups(path), { code: 'ERR_CGROUP', message: /^[^\n]{20,}$/ });
  }
});

test('the mount point of version 2 is found', () => {
  const line = (place: string, type = 'cgroup2') => `33 24 0:28 / ${place} rw,nosuid shared:9 - ${type} cgroup2 rw\n`;
  assert.equal(mountOf(''), undefined);
  assert.equal(mountOf(line('/sys/fs/cgroup', 'cgroup')), undefined);
  assert.equal(mountOf(line('/a\\040b')), '/a b');
  assert.equal(mountOf(line('/x') + line('/sys/fs/cgroup/unified') + line('/y')), '/sys/fs/cgroup/unified');
  assert.equal(mountOf(line('/x') + line('/sys/fs/cgroup/unified') + line('/sys/fs/cgroup')), '/sys/fs/cgroup');
});

test('limits are converted to the format of the kernel', () => {
  assert.deepEqual(
    limitFiles({ memory: 1 << 28, swap: 0, pids: 64, cpu: 0.5, 'memory.high': '200M', 'io.max': '8:0 rbps=1' }),
    [
      ['memory.max', '268435456'],
      ['memory.swap.max', '0'],
      ['pids.max', '64'],
      ['cpu.max', '50000 100000'],
      ['memory.high', '200M'],
      ['io.max', '8:0 rbps=1'],
    ],
  );
  assert.deepEqual(limitFiles({ memory: Infinity, cpu: Infinity, pids: undefined }), [
    ['memory.max', 'max'],
    ['cpu.max', 'max 100000'],
  ]);
  const bad: object[] = [
    ...[-1, 1.5, Number.NaN, '1'].flatMap(value => [{ memory: value }, { pids: value }]),
    ...[0, 0.001, -1, Number.NaN, '1'].map(cpu => ({ cpu })),
    ...['cgroup.procs', 'cgroup.kill', '../memory.max', 'memory', 'a/b.c', '__proto__.x'].map(name => ({
      [name]: '1',
    })),
    ...['', 'a\nb', 'x'.repeat(300), 1].map(value => ({ 'memory.high': value })),
  ];
  for (const limits of bad) {
    assert.throws(() => limitFiles(limits as CgroupLimits), { code: 'ERR_INVALID_ARGUMENT' }, JSON.stringify(limits));
  }
});

/** Plain files instead of the kernel's: the messages for each state. */
test('the error says what is missing and what to do', () => {
  const [top, below] = [join(scratch, 'top'), join(scratch, 'top/below')];
  mkdirSync(below, { recursive: true });
  const state = (all: string, has: string, passed: string) => {
    writeFileSync(join(top, 'cgroup.controllers'), all);
    writeFileSync(join(below, 'cgroup.controllers'), has);
    writeFileSync(join(below, 'cgroup.subtree_control'), passed);
  };
  state('memory pids\n', 'pids\n', '\n');
  assert.throws(() => enable(below, ['memory', 'pids'], top, undefined), {
    code: 'ERR_CGROUP',
    message: `${below} has no controller for memory: echo +memory > ${top}/cgroup.subtree_control (in a systemd unit set Delegate=yes and use --cgroup self)`,
  });
  state('pids\n', 'pids\n', '\n');
  assert.throws(() => enable(below, ['memory', 'pids'], top, undefined), {
    message: `${top} has no controller for memory: version 1 has it (boot with cgroup_no_v1=all), or the container was given none`,
  });
  state('memory pids\n', 'memory pids\n', 'pids\n');
  enable(below, ['memory', 'pids'], top, undefined);
  assert.equal(readFileSync(join(below, 'cgroup.subtree_control'), 'utf8'), '+memory');
  state('memory pids\n', 'memory pids\n', 'pids memory\n');
  enable(below, ['memory', 'pids'], top, undefined);
  assert.equal(readFileSync(join(below, 'cgroup.subtree_control'), 'utf8'), 'pids memory\n');
});

test('an invalid cgroup is refused', () => {
  for (const cgroup of ['relative', 'a\0b', '/a\0b', 1]) {
    assert.throws(() => spawnPty('true', [], { cgroup: cgroup as string }), { code: 'ERR_INVALID_ARGUMENT' });
  }
});

test("without a cgroup a program is in the server's", async () => {
  const pty = spawnPty('cat', ['/proc/self/cgroup']);
  assert.equal((await readAll(pty)).toString().replaceAll('\r', ''), readFileSync('/proc/self/cgroup', 'utf8'));
});
