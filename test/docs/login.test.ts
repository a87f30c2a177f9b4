/**
 * docs/login.md: its command, with the system's login. The users and all files that a login changes are in a mount
 * namespace of the server: nothing remains on the system.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isRoot } from '../pty/support.ts';
import { Wire, type WireOptions } from '../support/clients/test-client.ts';
import { XTERM } from '../support/servers/host.ts';
import { startServer, type TestServer } from '../support/servers/server.ts';
import { commandOf, document } from './markdown.ts';

const scratch = mkdtempSync(join(tmpdir(), 'telpty-login-'));
after(() => rmSync(scratch, { recursive: true }));

/** Two accounts with passwords that exist for the server only. A wrong password causes no delay. */
const PREPARE = `
set -e
cp -a /etc ${scratch}/etc-$$
mount --bind ${scratch}/etc-$$ /etc
mount -t tmpfs log /var/log
mount -t tmpfs run /run
: > /run/utmp; : > /var/log/wtmp; : > /var/log/lastlog
sed -i /pam_faildelay/d /etc/pam.d/login
sed -i 's/^FAIL_DELAY.*/FAIL_DELAY 0/' /etc/login.defs
useradd -M -d / -s /bin/sh visitor
printf 'visitor:let-me-in\\nroot:be-root\\n' | chpasswd
eval "$EXTRA"
exec "$@"`;

/** Starts the command of the document; `extra` runs before it and changes the server's `/etc`. */
function startLogin(options: readonly string[] = [], extra = ''): Promise<TestServer> {
  const command = commandOf(document('docs/login.md'), 'login');
  const { stdout } = spawnSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' });
  const words = stdout.trim().split('\n');
  assert.deepEqual(words.slice(0, 2), ['telpty', 'serve']);
  const end = words.indexOf('--');
  return startServer([...words.slice(2, end), '--connect-rate', '0', ...options], {
    program: words.slice(end + 1),
    wrapper: ['unshare', '--mount', 'sh', '-c', PREPARE, 'sh'],
    env: { EXTRA: extra },
  });
}

async function logIn(wire: Wire, name: string, password: string): Promise<void> {
  await wire.expect(/login: $/);
  wire.type(`${name}\r`);
  await wire.expect(/Password: $/);
  wire.type(`${password}\r`);
}

/** The arguments of the program of a session. */
async function argvOf(server: TestServer, session: number): Promise<string> {
  const [, pid] = await server.waitForLog(new RegExp(`session ${session} started: .*pid (\\d+)`));
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
}

const ARGV = 'login -p -h 127.0.0.1';

if (!isRoot) {
  test('login works only for root', () => {
    const { status } = spawnSync('login', ['-p', '-h', '127.0.0.1'], { encoding: 'utf8', input: '' });
    assert.notEqual(status, 0);
  });
} else {
  test('a wrong password is refused, the right one gives a shell as that user, with su and sudo', async () => {
    await using server = await startLogin();
    await using wire = await Wire.connect(server.port, XTERM);
    await logIn(wire, 'visitor', 'wrong');
    await wire.expect('Login incorrect');
    assert.equal(await argvOf(server, 1), ARGV);
    await logIn(wire, 'visitor', 'let-me-in');
    // Not earlier: login discards input that is typed ahead.
    await wire.expect(/\$ $/);
    wire.type(
      'echo "<$(id -un) $(stty size) $TERM $REMOTEHOST $TELPTY_REMOTE_ADDRESS $(grep -c "NoNewPrivs:.0" /proc/self/status)>"\r',
    );
    await wire.expect('<visitor 30 100 xterm-256color 127.0.0.1 127.0.0.1 1>');
    wire.type('exit\r');
    await wire.untilEnd();
    await server.waitForLog(/exit 0/);
  });

  const names = ['-froot', '-f root', 'root', '-f', '--', '-h'];
  test('CVE-2007-0882, CVE-2026-24061: login asks for the name and gets no arguments, whatever user the client sends', async () => {
    await using server = await startLogin(['--accept-env', 'USER', '--max-per-ip', '0']);
    for (const [index, name] of names.entries()) {
      const options: WireOptions = { ...XTERM, environ: { USER: name, LOGNAME: name, CREDENTIALS_DIRECTORY: '/tmp' } };
      await using wire = await Wire.connect(server.port, options);
      await wire.expect(/login: $/);
      assert.equal(await argvOf(server, index + 1), ARGV, name);
    }
  });

  test('an option that is typed as a name is treated as a name', async () => {
    await using server = await startLogin();
    await using wire = await Wire.connect(server.port, XTERM);
    for (const name of ['-froot', '-f root']) {
      await wire.expect(/login: $/);
      wire.type(`${name}\r`);
      // As a name that does not exist: some versions ask for its password, all refuse it.
      const answer = await wire.expect(/Password: $|incorrect|[Ii]nvalid|login: $/);
      if (answer.includes('Password')) {
        wire.type('x\r');
        await wire.expect('Login incorrect');
      }
    }
    await wire.close();
  });

  test('root logs in with its password, but not with pam_securetty', async () => {
    const securetty = 'sed -i "1i auth requisite pam_securetty.so" /etc/pam.d/login; echo tty1 > /etc/securetty';
    {
      await using server = await startLogin();
      await using wire = await Wire.connect(server.port, XTERM);
      await logIn(wire, 'root', 'be-root');
      await wire.expect(/# $/);
    }
    await using server = await startLogin([], securetty);
    await using wire = await Wire.connect(server.port, XTERM);
    await wire.expect(/login: $/);
    wire.type('root\r');
    // login refuses it without asking for a password.
    await wire.expect(/root\r\n\r\nLogin incorrect\r\n/);
    await logIn(wire, 'visitor', 'let-me-in');
    await wire.expect(/\$ $/);
  });
}
