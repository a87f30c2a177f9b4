/** The attributes of a program besides its identity: umask, niceness, no_new_privs, the usual number of descriptors. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { type PtyOptions, spawnPty } from '../../../src/pty/index.ts';
import { asNobody, inNode, isRoot, run } from '../support.ts';

test('the umask is set for the program only', async () => {
  const own = process.umask();
  for (const umask of [0, 0o27, 0o77, 0o777]) {
    assert.equal((await run('umask', { umask })).output, `${umask.toString(8).padStart(4, '0')}\n`);
  }
  assert.equal((await run('umask')).output, `${own.toString(8).padStart(4, '0')}\n`);
  assert.equal(process.umask(), own);
});

test('the niceness is set for the program, and for the group that the kernel creates for its session', async () => {
  const own = getPriority();
  const show = 'nice; cat /proc/$$/autogroup 2>/dev/null';
  const grouped = readFileSync('/proc/self/autogroup', { encoding: 'utf8', flag: 'r' });
  for (const nice of isRoot ? [-20, -7, 0, 1, 10, 19] : [19]) {
    const { output } = await run(show, { nice });
    assert.equal(output.split('\n')[0], String(nice));
    if (isRoot && grouped !== '') assert.match(output, new RegExp(` nice ${nice}\n$`));
  }
  assert.equal((await run('nice')).output, `${own}\n`);
  assert.equal(getPriority(), own);
});

test("a priority above the server's needs a privilege, and without it no program is started", () => {
  const output = asNobody(`
    import { setPriority } from 'node:os';
    setPriority(5);
    for (const nice of [5, 6, 4]) {
      try { const p = pty.spawnPty('nice', [], { nice }); let t = ''; for await (const c of p) t += c; console.log(t.trim()); }
      catch (e) { console.log(e.step, e.systemCode); }
    }`);
  assert.equal(output, '5\n6\nnice EACCES\n');
});

test('no_new_privs is set if a user is named, unless the options say otherwise', async () => {
  const me = process.getuid!();
  const cases: [PtyOptions, string][] = [
    [{}, '0'],
    [{ noNewPrivs: true }, '1'],
    [{ noNewPrivs: false }, '0'],
    [{ user: me }, '1'],
    [{ uid: me }, '1'],
    [{ user: me, noNewPrivs: false }, '0'],
  ];
  for (const [options, expected] of cases) {
    const { output } = await run('grep NoNewPrivs /proc/self/status', options);
    assert.equal(output, `NoNewPrivs:\t${expected}\n`, JSON.stringify(options));
  }
});

test('the soft limit of descriptors is not the one that Node.js has raised', async () => {
  const show = 'echo $(ulimit -Sn) $(ulimit -Hn)';
  const hard = (await run('ulimit -Hn')).output.trim();
  const usual = Number(hard) > 1024 ? '1024' : hard;
  assert.equal((await run(show)).output, `${usual} ${hard}\n`);
  // If the hard limit is lower, all of it; and an explicit limit takes precedence.
  const { output } = await inNode(
    'sh -c \'ulimit -n 300; exec "$@"\' sh',
    `
    for (const limits of [{}, { nofile: [200, 250] }]) {
      const p = pty.spawnPty('sh', ['-c', ${JSON.stringify(show)}], { limits });
      let text = '';
      for await (const chunk of p) text += chunk;
      console.log(text.trim());
    }`,
  );
  assert.equal(output, '300 300\n200 250\n');
  assert.equal((await run(show, { limits: { nofile: [2000, 3000] } })).output, '2000 3000\n');
});

test('invalid attributes are refused', () => {
  const bad: PtyOptions[] = [
    ...[-1, 0o1000, 1.5, Number.NaN, '77'].map(umask => ({ umask: umask as number })),
    ...[-21, 20, 0.5, Number.NaN, '1'].map(nice => ({ nice: nice as number })),
    ...[1, 'true', null].map(noNewPrivs => ({ noNewPrivs: noNewPrivs as unknown as boolean })),
  ];
  for (const options of bad) {
    assert.throws(() => spawnPty('true', [], options), { code: 'ERR_INVALID_ARGUMENT' }, JSON.stringify(options));
  }
});
