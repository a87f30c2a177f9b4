// Runs in the machine of limits.test.ts, as root. It prints a line for each of its tests.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../../../../dist/', import.meta.url));
const { openCgroups, spawnPty } = await import(join(dist, 'pty/index.js'));

const top = '/sys/fs/cgroup';
const read = (...names) => readFileSync(join(top, ...names), 'utf8');
const env = { PATH: process.env.PATH };

async function test(name, run) {
  try {
    await run();
    console.log(`ok: ${name}`);
  } catch (error) {
    console.log(`not ok: ${name}: ${String(error.stack).replaceAll('\n', ' | ')}`);
  }
}

/** Runs a program in its own cgroup, until both have ended. */
async function run(cgroups, file, args, look = () => {}) {
  const cgroup = await cgroups.create(1);
  const pty = spawnPty(file, args, { env, cgroup: cgroup.path });
  const output = await text(pty);
  look(cgroup.path.slice(top.length + 1));
  return { output, ...(await pty.exited), ...(await cgroup.end()) };
}

/** Runs code in a separate process, as uid and in the cgroup. */
function elsewhere(cgroup, uid, code) {
  const script = `echo $$ > ${top}/${cgroup}/cgroup.procs; exec setpriv --reuid ${uid} --regid ${uid} --clear-groups node --input-type=module -e "$CODE"`;
  const CODE = `import { openCgroups, spawnPty } from '${dist}pty/index.js'; import { text } from 'node:stream/consumers'; ${code}`;
  const { stdout, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8', env: { ...env, CODE } });
  return stdout + stderr;
}

await test('the error for a controller that is not enabled says what to do, and that helps', () => {
  assert.throws(() => openCgroups('telpty', { memory: 1 << 26, pids: 10 }), {
    code: 'ERR_CGROUP',
    message: `${top}/telpty has no controller for memory and pids: echo +memory +pids > ${top}/cgroup.subtree_control (in a systemd unit set Delegate=yes and use --cgroup self)`,
  });
  writeFileSync(`${top}/cgroup.subtree_control`, '+memory +pids +cpu');
  openCgroups('telpty', { memory: 1 << 26, pids: 10, cpu: 1 });
  assert.deepEqual(read('telpty/cgroup.subtree_control').trim().split(' ').sort(), ['cpu', 'memory', 'pids']);
});

await test('memory: a program that takes more is killed, and that is reported', async () => {
  const cgroups = openCgroups('telpty', { memory: 1 << 25, 'memory.oom.group': '0' });
  assert.deepEqual(await run(cgroups, 'tail', ['/dev/zero']), {
    ...{ output: '', code: null },
    signal: 'SIGKILL',
    outOfMemory: 1,
  });
  const others = await run(cgroups, 'sh', ['-c', 'tail /dev/zero; tail /dev/zero; exit 3']);
  assert.deepEqual([others.code, others.outOfMemory], [3, 2]);
  assert.deepEqual(await run(cgroups, 'true', []), { output: '', code: 0, signal: null, outOfMemory: 0 });
});

await test('pids: a fork bomb stays small', async () => {
  const cgroups = openCgroups('telpty', { pids: 8 });
  let most = 0;
  const look = name => {
    most = Number(read(name, 'pids.current'));
    assert.match(read(name, 'pids.events'), /^max [1-9]/);
  };
  const bomb = 'trap "" HUP; i=0; while [ $i -lt 50 ]; do setsid sleep 1000 & i=$((i+1)); done';
  const { output } = await run(cgroups, 'sh', ['-c', bomb], look);
  assert.match(output, /fork/);
  assert.ok(most > 0 && most < 8, `${most} were left`);
});

await test('cpu: a loop is throttled', async () => {
  const cgroups = openCgroups('telpty', { cpu: 0.1 });
  const look = name => assert.match(read(name, 'cpu.stat'), /^nr_throttled [1-9]/m);
  await run(cgroups, 'timeout', ['1', 'sh', '-c', 'while :; do :; done'], look);
});

await test('an invalid value for a file is refused', () => {
  assert.throws(() => openCgroups('telpty', { 'memory.high': 'much' }), {
    message: 'cannot set memory.high to much: the kernel rejected the value',
  });
  assert.deepEqual(
    readdirSync(`${top}/telpty`, { withFileTypes: true }).filter(entry => entry.isDirectory()),
    [],
  );
});

await test('self: the server moves to a cgroup below', () => {
  mkdirSync(`${top}/service`);
  const limits = '{ memory: 1 << 26 }';
  const out = elsewhere(
    'service',
    0,
    `
    const cgroups = openCgroups('self', ${limits});
    const cgroup = await cgroups.create(1);
    const pty = spawnPty('sh', ['-c', 'tail -n1 /proc/self/cgroup; tail -n1 /proc/$PPID/cgroup'], { env: process.env, cgroup: cgroup.path });
    console.log((await text(pty)).replaceAll('\\r', ''), await cgroup.end());`,
  );
  assert.match(out, /^0::\/service\/telpty-\d+\.\d+\.\d+-1\n0::\/service\/telpty-server\n \{ outOfMemory: 0 \}\n$/);
  rmdirSync(`${top}/service/telpty-server`);
  rmdirSync(`${top}/service`);
});

await test('a cgroup with processes is refused', async () => {
  mkdirSync(`${top}/busy`);
  const sleeper = spawn('sleep', ['1000']);
  writeFileSync(`${top}/busy/cgroup.procs`, String(sleeper.pid));
  assert.throws(() => openCgroups('busy', { pids: 5 }), {
    systemCode: 'EBUSY',
    message: `there are processes in ${top}/busy: name an empty cgroup, for example one below it`,
  });
  sleeper.kill('SIGKILL');
  await once(sleeper, 'exit');
});

await test('a cgroup can be delegated to a user without privileges', () => {
  mkdirSync(`${top}/delegated`);
  for (const name of ['', 'cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads']) {
    chownSync(join(top, 'delegated', name), 65534, 65534);
  }
  const code = path => `
    try {
      const cgroups = openCgroups('${path}', { pids: 20 });
      const cgroup = await cgroups.create(1);
      const pty = spawnPty('sh', ['-c', 'setsid sleep 1000 & cat ${top}/delegated/*/pids.max'], { env: process.env, cgroup: cgroup.path });
      console.log((await text(pty)).trim(), await cgroup.end());
    } catch (e) { console.log(e.message); }`;
  assert.match(elsewhere('delegated', 65534, code('self')), /^20\r\nmax \{ outOfMemory: 0 \}\n$/);
  // The cgroup belongs to the user, but the process starts in another one.
  assert.match(
    elsewhere('', 65534, code('delegated')),
    /^cannot move programs from \/sys\/fs\/cgroup to \/sys\/fs\/cgroup\/delegated: \/sys\/fs\/cgroup\/cgroup.procs: permission denied \(.*\)\n$/,
  );
});

await test('telpty serve logs that the kernel has killed a program', async () => {
  const limits = ['--cgroup', 'telpty', '--cgroup-limit', 'memory=32M', '--cgroup-limit', 'pids=10'];
  const words = [
    `${dist}cli/main.js`,
    'serve',
    '--port',
    '0',
    '--negotiation-timeout',
    '1ms',
    ...limits,
    '--',
    'tail',
    '/dev/zero',
  ];
  const server = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [line] = await once(server.stdout, 'data');
  const log = text(server.stderr);
  const socket = connect(Number(/:(\d+)\n/.exec(String(line))[1]), '127.0.0.1').resume();
  await once(socket, 'close');
  server.kill('SIGTERM');
  assert.match(await log, /killed by SIGKILL \(out of memory: memory.max of its cgroup\)/);
});
