/** docs/sandbox.md: its command runs and has the documented effects. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isRoot } from '../pty/support.ts';
import { Wire } from '../support/clients/test-client.ts';
import { processes, untilTrue } from '../support/leaks.ts';
import { XTERM } from '../support/servers/host.ts';
import { startServer } from '../support/servers/server.ts';
import { INTERRUPTIBLE } from '../support/system/programs.ts';
import { requireTool } from '../support/system/tools.ts';
import { commandOf, document } from './markdown.ts';

const secrets = mkdtempSync(join(tmpdir(), 'telpty-sandbox-'));
after(() => rmSync(secrets, { recursive: true }));

/** The arguments of the command, without `telpty serve`: the options and the program. */
function recipe(user: readonly string[] | undefined): { options: string[]; program: string[] } {
  const command = commandOf(document('docs/sandbox.md'), 'sandbox');
  const words = execFileSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' })
    .trim()
    .split('\n');
  assert.deepEqual(words.slice(0, 2), ['telpty', 'serve']);
  const end = words.indexOf('--');
  const options = words.slice(2, end);
  // Only root may change the user; any user may run the sandbox.
  const whom = isRoot ? user : [];
  if (whom !== undefined) options.splice(options.indexOf('--user'), 2, ...whom);
  return { options, program: words.slice(end + 1) };
}

for (const [name, user] of [
  ['the recipe', undefined],
  ['the recipe with a user id for each session', ['--user-range', '72000-72009', '--max-sessions', '10']],
] as const) {
  test(`${name}: a read-only system, a writable home, and no other processes`, () => recipeHolds(user));
}

async function recipeHolds(user: readonly string[] | undefined): Promise<void> {
  requireTool('bwrap');
  const { options, program } = recipe(user);
  const secret = join(secrets, 'secret');
  writeFileSync(secret, 'secret', { mode: 0o644 });
  await using server = await startServer(['--env', 'PS1=sandbox> ', '--env', 'LC_ALL=C.UTF-8', ...options], {
    program,
  });
  await using wire = await Wire.connect(server.port, XTERM);
  await wire.expect('sandbox> ');

  let asked = 0;
  /** Returns the output of a command. */
  const ask = async (command: string): Promise<string> => {
    const number = ++asked;
    // The quotes distinguish the output from the echo of the input.
    wire.type(`echo '<'${number}; ${command}; echo ${number}'>'\r`);
    await wire.expect(`${number}>\r\n`);
    const text = wire.text();
    const begin = `<${number}\r\n`;
    return text
      .slice(text.indexOf(begin) + begin.length, text.indexOf(`${number}>\r\n`))
      .replaceAll('\r\n', '\n')
      .trim();
  };

  assert.equal(await ask('pwd; hostname'), '/home/guest\nsandbox');
  assert.equal(await ask('echo hello > note; cp note /tmp; cat ~/note /tmp/note'), 'hello\nhello');
  assert.match(await ask('touch /usr/x /etc/x /x /home/x 2>&1 | grep -c Read-only'), /^4$/);
  assert.match(await ask(`cat ${secret}; ls /root /var /run 2>&1 | grep -c "No such"`), /No such file[\s\S]*3$/);
  assert.equal(await ask('grep -c : /proc/net/dev; grep -o "lo:" /proc/net/dev'), '1\nlo:');
  assert.match(await ask(`(: < /dev/tcp/127.0.0.1/${server.port}) 2>&1`), /refused|unreachable/i);
  assert.equal(await ask('cd /proc; echo [0-9]*; cd'), '1 2');
  assert.match(
    await ask('grep -E "NoNewPrivs|CapEff|CapPrm" /proc/self/status'),
    /^CapPrm:\s0+\nCapEff:\s0+\nNoNewPrivs:\s1$/,
  );
  assert.match(await ask('unshare -U true 2>&1'), /unshare failed/);
  for (const place of ['/home/guest', '/tmp', '/dev/shm']) {
    assert.match(await ask(`head -c 20M /dev/zero > ${place}/big; rm ${place}/big`), /No space left/, place);
  }
  assert.match(await ask('touch /dev/x'), /Read-only/);
  // Any other writable tmpfs would be as large as half of the machine's memory.
  assert.equal(await ask("grep ' tmpfs rw' /proc/mounts | grep -vc size=16384k"), '0');
  assert.equal(await ask('stty size'), '30 100');
  wire.resize(90, 20);
  wire.type(`${INTERRUPTIBLE}\r`);
  await wire.expect('started\r\n');
  wire.type('\x1a');
  await wire.expect(/Stopped +sh -c/);
  // The shell may report the end of the job before any later prompt; wait for it here.
  assert.match(await ask('jobs; kill %1; wait %1'), /Stopped/);
  await ask('until [ "$(stty size)" = "20 90" ]; do sleep 0.02; done');

  // The process is in another session, ignores SIGHUP, and has no parent.
  const marked = () => processes().filter(({ name }) => name === 'telpty-daemon');
  assert.equal(
    await ask(
      "cp /usr/bin/sleep ~/telpty-daemon; (trap '' HUP; setsid ~/telpty-daemon 1000 &); sleep 0.2; ps -A | grep -c telpty-daemon",
    ),
    '1',
  );
  assert.equal(marked().length, 1);
  await wire.close();
  await untilTrue(() => marked().every(({ state }) => state === 'Z'));
}
