/**
 * Privileges of a program that receives hostile input: it runs with the promised identity or not at all. Each refusal
 * here is the kernel's own.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, describe, it } from 'node:test';
import { lookupUser, spawnPty } from '../../src/pty/index.ts';
import { isRoot, nodeArguments, readAll, run } from '../pty/support.ts';
import { Wire } from '../support/clients/test-client.ts';
import { XTERM } from '../support/servers/host.ts';
import { startServer } from '../support/servers/server.ts';
import { requireTool } from '../support/system/tools.ts';

const nobody = lookupUser('nobody');
/** A user that owns no other process. */
const LONER = 64_321;

const scratch = mkdtempSync(join(tmpdir(), 'telpty-privileges-'));
chmodSync(scratch, 0o777);
after(() => rmSync(scratch, { recursive: true }));

/** Without root the identity cannot change, and the kernel refuses the first step. */
const asRoot = (name: string, body: () => Promise<void> | void) =>
  it(name, async () => {
    if (isRoot) await body();
    else assert.throws(() => spawnPty('true', [], { user: 'root' }), { step: 'setgroups', systemCode: 'EPERM' });
  });

const NODE_ENV = { PATH: process.env.PATH };

/** Runs an ES module, in which `pty` is `telpty/pty`, in a separate Node process started by a wrapper. */
function inWrapper(wrapper: readonly string[], body: string): string {
  const [file, ...args] = [...wrapper, process.execPath, ...nodeArguments(body)];
  const { stdout, stderr, status } = spawnSync(file!, args, { encoding: 'utf8', cwd: '/', env: NODE_ENV });
  assert.equal(status, 0, `${stdout}${stderr}`);
  return stdout;
}

/** A program, started with these options, that creates a file when it runs; prints the step that failed. */
const marking = (mark: string, options: object) => `
  try {
    const p = pty.spawnPty('sh', ['-c', ': > ${mark}'], ${JSON.stringify(options)});
    await p.resume().exited;
    console.log('started');
  } catch (e) { console.log(e.code, e.step, e.systemCode); }`;

let marks = 0;
const newMark = () => join(scratch, `mark-${++marks}`);

/** Python that tries every way to regain privileges, and prints those that succeeded. */
const UNDO = `
import os, ctypes
libc = ctypes.CDLL(None)
done = []
for name, way in {
  'setuid': lambda: os.setuid(0), 'seteuid': lambda: os.seteuid(0), 'setreuid': lambda: os.setreuid(0, 0),
  'setresuid': lambda: os.setresuid(0, 0, 0), 'setgid': lambda: os.setgid(0), 'setegid': lambda: os.setegid(0),
  'setresgid': lambda: os.setresgid(0, 0, 0), 'setgroups': lambda: os.setgroups([0]),
  'chown': lambda: os.chown('${scratch}', 0, 0), 'shadow': lambda: open('/etc/shadow').close(),
  'bind': lambda: __import__('socket').socket().bind(('127.0.0.1', 1)), 'nice': lambda: os.nice(-1),
  'init': lambda: os.kill(1, 0),
  'ambient': lambda: libc.prctl(47, 2, 7, 0, 0) == 0 or os.close(-1),
}.items():
  try:
    way(); done.append(name)
  except OSError: pass
print('undone by', done, os.getresuid(), os.getresgid(), os.getgroups())
`;
const undo = join(scratch, 'undo.py');
writeFileSync(undo, UNDO);
const nothingUndone = (user: { uid: number; gid: number }) =>
  `undone by [] ${`(${user.uid}, ${user.uid}, ${user.uid})`} ${`(${user.gid}, ${user.gid}, ${user.gid})`} [${user.gid}]`;

const undoing = (options: object) => `
  const p = pty.spawnPty('${requireTool('python3')}', ['${undo}'], ${JSON.stringify(options)});
  let text = '';
  for await (const chunk of p) text += chunk;
  console.log(text.trim());`;

describe('no program starts after a failed step (CVE-2023-40303, CVE-2006-3083)', () => {
  const options = { user: nobody };

  for (const [capability, step] of [
    ['setgid', 'setgroups'],
    ['setuid', 'setuid'],
  ] as const) {
    asRoot(`${step}, without the capability`, () => {
      const mark = newMark();
      const output = inWrapper(['setpriv', '--bounding-set', `-${capability}`], marking(mark, options));
      assert.equal(output, `ERR_PTY_SPAWN ${step} EPERM\n`);
      assert.ok(!existsSync(mark));
    });
  }

  /** In a user namespace where only id 0 exists and setgroups is allowed. */
  for (const [step, ids] of [
    ['setgroups', { uid: 0, gid: 0, groups: [5] }],
    ['setgid', { uid: 0, gid: 5, groups: [0] }],
    ['setuid', { uid: 5, gid: 0, groups: [0] }],
  ] as const) {
    asRoot(`${step}, to an id that does not exist there`, async () => {
      const mark = newMark();
      const words = [
        '-U',
        'sh',
        '-c',
        'read go; exec "$@"',
        'sh',
        process.execPath,
        ...nodeArguments(marking(mark, ids)),
      ];
      const child = spawn('unshare', words, { stdio: ['pipe', 'pipe', 'inherit'], cwd: '/', env: NODE_ENV });
      const output = text(child.stdout);
      await once(child, 'spawn');
      // The shell runs in its namespace before it reads; it waits for the line that is written after the mapping.
      await mapRoot(child.pid!);
      child.stdin.end('go\n');
      assert.equal(await output, `ERR_PTY_SPAWN ${step} EINVAL\n`);
      assert.ok(!existsSync(mark));
    });
  }

  asRoot('too many processes of the user', async () => {
    const identity = { uid: LONER, gid: LONER };
    const first = spawnPty('sleep', ['1000'], { ...identity, env: { PATH: '/usr/bin:/bin' } });
    const mark = newMark();
    // setuid() itself succeeds over the process limit; execve() then fails (Linux 3.1).
    assert.throws(() => spawnPty('sh', ['-c', `: > ${mark}`], { ...identity, limits: { nproc: 0 } }), {
      code: 'ERR_PTY_SPAWN',
      systemCode: 'EAGAIN',
    });
    assert.ok(!existsSync(mark));
    first.destroy();
    await first.exited;
  });

  asRoot('each client gets a one-line message', async () => {
    const mark = newMark();
    await using server = await startServer(['--user', 'nobody'], {
      wrapper: ['setpriv', '--bounding-set', '-setuid'],
      program: ['sh', '-c', `: > ${mark}`],
    });
    for (let time = 0; time < 2; time++) {
      const wire = await Wire.connect(server.port, XTERM);
      await wire.expect(
        /telpty: cannot start '[^']+': setuid: operation not permitted; .* needs root \(or CAP_SETUID\)[^\r]*\r\n$/,
      );
      await wire.untilEnd();
      await wire.close();
    }
    assert.ok(!existsSync(mark));
    await server.waitForLog(/EPERM/);
  });
});

/** Maps id 0 of the new user namespace of a process. Waits for the namespace. */
async function mapRoot(pid: number): Promise<void> {
  const outside = spawnSync('readlink', ['/proc/self/ns/user'], { encoding: 'utf8' }).stdout;
  for (;;) {
    const inside = spawnSync('readlink', [`/proc/${pid}/ns/user`], { encoding: 'utf8' }).stdout;
    if (inside !== '' && inside !== outside) break;
  }
  for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${pid}/${map}`, '0 0 1\n');
}

describe('--user cannot be undone', () => {
  const options = { user: { ...nobody, groups: [nobody.gid] } };

  asRoot('by a program of a server that runs as root with supplementary groups', () => {
    const wrapper = ['setpriv', '--groups', '0,4,6,27'];
    assert.equal(inWrapper(wrapper, undoing(options)), `${nothingUndone(nobody)}\n`);
    assert.equal(inWrapper(wrapper, undoing({ ...options, noNewPrivs: false })), `${nothingUndone(nobody)}\n`);
  });

  asRoot('when securebits keep capabilities across setuid()', () => {
    const wrapper = ['setpriv', '--securebits', '+no_setuid_fixup'];
    assert.equal(inWrapper(wrapper, undoing({ ...options, noNewPrivs: false })), `${nothingUndone(nobody)}\n`);
  });

  asRoot('when the server is not root, but may change users', () => {
    const may = '+setuid,+setgid,+dac_override,+net_bind_service,+kill,+sys_nice';
    const wrapper = [
      'setpriv',
      '--reuid',
      '1',
      '--regid',
      '1',
      '--clear-groups',
      '--inh-caps',
      may,
      '--ambient-caps',
      may,
    ];
    assert.equal(inWrapper(wrapper, undoing({ ...options, noNewPrivs: false })), `${nothingUndone(nobody)}\n`);
    // A capability that the server has, for its port for example, is not passed to its programs.
    const same = inWrapper(wrapper, undoing({}));
    assert.equal(same, `${nothingUndone({ uid: 1, gid: 1 }).replace('[1]', '[]')}\n`);
  });

  asRoot('by a set-user-ID program such as sudo or su', async () => {
    const suid = join(scratch, 'suid-id');
    copyFileSync('/usr/bin/id', suid);
    chmodSync(suid, 0o4755);
    const script = `grep NoNewPrivs /proc/self/status; ${suid} -u`;
    const env = { PATH: '/usr/bin:/bin' };
    assert.equal((await run(script, { user: nobody, env })).output, `NoNewPrivs:\t1\n${nobody.uid}\n`);
    assert.equal((await run(script, { user: nobody, env, noNewPrivs: false })).output, 'NoNewPrivs:\t0\n0\n');
    const { output, code } = await run('su -c id nobody 2>&1 </dev/null', { user: nobody, env });
    assert.doesNotMatch(output, /uid=0/);
    assert.notEqual(code, 0);
  });

  asRoot("the server's kernel keys are not available", () => {
    const calls = process.arch === 'arm64' ? { add: 217, ctl: 219 } : { add: 248, ctl: 250 };
    // Session keyring -3; KEYCTL_JOIN_SESSION_KEYRING 1, KEYCTL_SEARCH 10, KEYCTL_READ 11; 0x3f: all rights to the
    // possessor.
    const withKey = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall(${calls.ctl}, 1, None)
assert libc.syscall(${calls.add}, b'user', b'telpty', b'secret', 6, -3) > 0
os.execvp(sys.argv[1], sys.argv[1:])`;
    const search = `
import ctypes
libc = ctypes.CDLL(None)
key = libc.syscall(${calls.ctl}, 10, -3, b'user', b'telpty', 0)
buffer = ctypes.create_string_buffer(20)
libc.syscall(${calls.ctl}, 11, key, buffer, 20)
print(buffer.value.decode() if key > 0 else 'no key')`;
    const looking = (options: object) => `
      const p = pty.spawnPty('${requireTool('python3')}', ['-c', ${JSON.stringify(search)}], ${JSON.stringify(options)});
      let text = '';
      for await (const chunk of p) text += chunk;
      console.log(text.trim());`;
    const wrapper = [requireTool('python3'), '-c', withKey];
    assert.equal(inWrapper(wrapper, looking({})), 'secret\n');
    assert.equal(inWrapper(wrapper, looking(options)), 'no key\n');
  });
});

describe('the privileges of a program of telpty serve --user', () => {
  const show = [
    'grep -E "^(Uid|Gid|Groups|Cap(Inh|Prm|Eff|Amb)|NoNewPrivs)" /proc/self/status; umask; nice; ulimit -Sn',
    'for fd in /proc/$$/fd/*; do basename $fd; done; ls -l /proc/self/fd | grep -c shadow; echo end',
  ].join('; ');

  asRoot('its user, its groups, nothing else of the server', async () => {
    await using server = await startServer(['--user', 'nobody', '--umask', '077', '--nice', '3'], {
      wrapper: ['setpriv', '--groups', '0,4,27', 'sh', '-c', 'exec "$@" 9</etc/shadow', 'sh'],
      program: ['sh', '-c', show],
    });
    const wire = await Wire.connect(server.port, XTERM);
    await wire.expect('end\r\n');
    const output = wire
      .text()
      .replaceAll('\r', '')
      .replace(/[\t ]+/g, ' ');
    const four = (id: number) => `${id} ${id} ${id} ${id}`;
    const none = '0000000000000000';
    const identity = `Uid: ${four(nobody.uid)}\nGid: ${four(nobody.gid)}\nGroups: ${nobody.groups.join(' ')} \n`;
    const privileges = `CapInh: ${none}\nCapPrm: ${none}\nCapEff: ${none}\nCapAmb: ${none}\nNoNewPrivs: 1\n`;
    // Descriptor 3 is the directory while it is read.
    assert.ok(output.includes(`${identity}${privileges}0077\n3\n1024\n0\n1\n2\n3\n0\n`), output);
    await wire.close();
  });

  it('--no-new-privs=false leaves the flag off', async () => {
    await using server = await startServer(['--no-new-privs=false'], {
      program: ['sh', '-c', 'grep NoNewPrivs /proc/self/status; echo end'],
    });
    const wire = await Wire.connect(server.port, XTERM);
    await wire.expect('end\r\n');
    assert.match(wire.text(), /NoNewPrivs:\t0\r\n/);
    await wire.close();
  });

  it('noNewPrivs works without a change of the user', async () => {
    const pty = spawnPty('grep', ['NoNewPrivs', '/proc/self/status'], { noNewPrivs: true });
    assert.equal((await readAll(pty)).toString(), 'NoNewPrivs:\t1\r\n');
  });
});
