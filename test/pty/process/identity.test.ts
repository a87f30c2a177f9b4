import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookupUser, type PtyOptions, spawnPty } from '../../../src/pty/index.ts';
import { requireRoot } from '../../support/system/tools.ts';
import { asNobody, isRoot, readAll, run } from '../support.ts';

/**
 * The output of `id` and the kernel for a program with these options; the step and errno of the error if it cannot
 * start.
 */
async function identityOf(options: PtyOptions): Promise<string> {
  try {
    const pty = spawnPty('sh', ['-c', 'grep -E "^(Uid|Gid|Groups)" /proc/self/status'], options);
    return (await readAll(pty))
      .toString()
      .replace(/[\t ]+/g, ' ')
      .replace(/ ?\r\n/g, ';');
  } catch (error) {
    const { step, systemCode } = error as { step: string; systemCode: string };
    return `${step} ${systemCode}`;
  }
}

const nobody = lookupUser('nobody');
const dropped = `Uid: ${`${nobody.uid} `.repeat(4)}Gid: ${`${nobody.gid} `.repeat(4)}`
  .replace(' Gid', ';Gid')
  .trimEnd();

test('a program runs as another user, with all four ids and only the groups of that user', async () => {
  const cases: [PtyOptions, number[]][] = [
    [{ user: 'nobody' }, nobody.groups],
    [{ user: nobody.uid }, nobody.groups],
    [{ user: nobody }, nobody.groups],
    [{ uid: nobody.uid }, nobody.groups],
    [{ uid: nobody.uid, gid: nobody.gid }, [nobody.gid]],
    [{ uid: nobody.uid, gid: nobody.gid, groups: [] }, []],
    [{ uid: nobody.uid, gid: nobody.gid, groups: [3, 1] }, [1, 3]],
    [{ user: 'nobody', groups: [2] }, [2]],
  ];
  if (!isRoot) return assert.equal(await identityOf({ user: 'root' }), 'setgroups EPERM');
  for (const [options, groups] of cases) {
    const expected = `${dropped};Groups:${groups.map(group => ` ${group}`).join('')};`;
    assert.equal(await identityOf(options), expected, JSON.stringify(options));
  }
});

test('the terminal belongs to the user of the program', async () => {
  requireRoot();
  const { output } = await run('stat -c "%u %a" $(tty); : > $(tty) && echo writable', { user: 'nobody' });
  assert.match(output, new RegExp(`^${nobody.uid} 6[0-9]0\nwritable\n$`));
});

test('the directory is entered as that user', async () => {
  requireRoot();
  assert.throws(() => spawnPty('true', [], { user: 'nobody', cwd: '/root' }), { step: 'chdir', systemCode: 'EACCES' });
});

test('an unprivileged server may name its own user', () => {
  const output = asNobody(`
    const me = process.getuid();
    for (const options of [{ user: me }, { uid: me, gid: process.getgid() }, { uid: me }]) {
      const p = pty.spawnPty('id', ['-u'], options);
      let text = '';
      for await (const chunk of p) text += chunk;
      console.log(text.trim() === String(me));
    }`);
  assert.equal(output, 'true\ntrue\ntrue\n');
});

test('lookupUser() finds users by name and by id', () => {
  const root = lookupUser('root');
  assert.deepEqual([root.name, root.uid, root.gid, root.home], ['root', 0, 0, '/root']);
  assert.ok(root.shell.startsWith('/'));
  assert.ok(root.groups.includes(0));
  assert.deepEqual(lookupUser(0), root);
  for (const name of ['no-such-user', 'x'.repeat(10_000), 3_999_999_999]) {
    assert.throws(() => lookupUser(name), { code: 'ERR_UNKNOWN_USER' });
    assert.throws(() => spawnPty('true', [], { user: name }), { code: 'ERR_UNKNOWN_USER' });
  }
  for (const name of ['', 'a\0b', -1, 1.5, Number.NaN, 2 ** 32]) {
    assert.throws(() => lookupUser(name), { code: 'ERR_INVALID_ARGUMENT' });
  }
});

test('limits can be soft and hard, and unlimited', async () => {
  const show = 'for l in "-n" "-t" "-v" "-c"; do echo $(ulimit -S $l) $(ulimit -H $l); done';
  const limits = { nofile: [100, 200], cpu: 60, as: 1024 * 1024 * 1024, core: 0 } as const;
  assert.equal((await run(show, { limits })).output, '100 200\n60 60\n1048576 1048576\n0 0\n');
  // A start works even with limits as small as these.
  assert.equal(
    (await run('echo ok', { limits: { stack: 256 * 1024, memlock: 0, nofile: 8, fsize: 0 } })).output,
    'ok\n',
  );
  if (isRoot) assert.equal((await run('ulimit -c', { limits: { core: Infinity } })).output, 'unlimited\n');
  const { signal } = await run('while :; do :; done', { limits: { cpu: [1, 2] } });
  assert.equal(signal, 'SIGXCPU');
});
