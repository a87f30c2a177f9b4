import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Telnet } from 'telnet-client';
import { startServer } from '../support/servers/server.ts';
import { hermeticBash, INTERRUPTIBLE, PROMPT, startBashServer } from '../support/system/programs.ts';
import { requireTool } from '../support/system/tools.ts';

// Telnet libraries that are used in scripts.

const TIMEOUT = { timeout: 600_000 };
const run = promisify(execFile);

/** Asks for a name and a password like a device, then starts a shell. */
function loginProgram(): { args: string[]; program: string[] } {
  const { args, program } = hermeticBash();
  const script =
    'printf "login: "; read -r name; stty -echo; printf "Password: "; read -r word; stty echo; echo; ' +
    'if [ "$name:$word" = "ada:s3cret" ]; then echo "Welcome, $name"; exec "$@"; else echo "Login incorrect"; fi';
  return { args, program: ['/bin/sh', '-c', script, 'sh', ...program] };
}

const PYTHON = `
import sys, telnetlib
port = int(sys.argv[1])
with telnetlib.Telnet('127.0.0.1', port, 10) as tn:
    tn.read_until(b'login: ', 10)
    tn.write(b'ada\\n')
    tn.read_until(b'Password: ', 10)
    tn.write(b's3cret\\n')
    index, match, text = tn.expect([rb'Welcome, (\\w+)'], 10)
    assert index == 0, text
    assert match.group(1) == b'ada', text
    assert b's3cret' not in text, text
    tn.read_until(b'ready$ ', 10)
    tn.write(b'echo $((6 * 7)); stty size\\n')
    text = tn.read_until(b'ready$ ', 10)
    assert b'42\\r\\n24 80\\r\\n' in text, text
    tn.write('printf "%s" é漢 | od -An -tx1\\n'.encode())
    text = tn.read_until(b'ready$ ', 10)
    assert b' c3 a9 e6 bc a2' in text, text
    tn.write(b'seq 1 5000; exit\\n')
    text = tn.read_all().replace(b'\\r', b'')
    expected = b''.join(b'%d\\n' % n for n in range(1, 5001))
    assert expected in text, text[-300:]
print('fine')
`;

test("Python's telnetlib: login, commands, UTF-8, the end", TIMEOUT, async () => {
  const { args, program } = loginProgram();
  await using server = await startServer(args, { program });
  const { stdout } = await run(requireTool('python3'), ['-W', 'ignore', '-c', PYTHON, String(server.port)], {
    timeout: 300_000,
  });
  assert.equal(stdout, 'fine\n');
});

const PERL = `
use strict; use warnings; use Net::Telnet;
my $t = Net::Telnet->new(Host => '127.0.0.1', Port => $ARGV[0], Timeout => 15, Prompt => '/ready\\$ $/');
$t->login('ada', 's3cret');
my @lines = $t->cmd('echo $((6 * 7)); stty size');
die "answer: @lines" unless join('', @lines) =~ /42\\n24 80\\n/;
@lines = $t->cmd('seq 1 3000');
@lines = grep { /^\\d+$/ } map { s/\\e\\[\\?2004l\\r?//r } @lines;
die 'got ' . scalar(@lines) . " lines" unless @lines == 3000 && $lines[-1] == 3000;
$t->print($ARGV[1]);
$t->waitfor('/started\r?\n/');
$t->break;
$t->waitfor($t->prompt) or die 'no prompt after BRK';
@lines = $t->cmd('echo still here');
die "answer: @lines" unless join('', @lines) =~ /still here/;
$t->print('exit');
1 while defined $t->get(Errmode => 'return');
die 'no end of file' unless $t->eof;
print "fine\\n";
`;

test('Perl Net::Telnet: login, commands, break, the end', TIMEOUT, async () => {
  const { args, program } = loginProgram();
  await using server = await startServer(args, { program });
  const { stdout } = await run(requireTool('perl'), ['-e', PERL, String(server.port), INTERRUPTIBLE], {
    timeout: 300_000,
  });
  assert.equal(stdout, 'fine\n');
});

test('npm telnet-client: login, exec and the end', TIMEOUT, async () => {
  const { args, program } = loginProgram();
  await using server = await startServer(args, { program });
  const client = new Telnet();
  await client.connect({
    host: '127.0.0.1',
    port: server.port,
    shellPrompt: /ready\$ $/,
    loginPrompt: /login: $/,
    passwordPrompt: /Password: $/,
    username: 'ada',
    password: 's3cret',
    timeout: 300_000,
    execTimeout: 300_000,
  });
  // The sequences with which readline switches bracketed paste remain in the answers.
  const exec = async (command: string): Promise<string> =>
    (await client.exec(command)).replaceAll(/\x1b\[\?2004[hl]\r?\0?/g, '').trim();
  try {
    assert.equal(await exec('echo $((6 * 7))'), '42');
    assert.equal(await exec('stty size'), '24 80');
    const numbers = Array.from({ length: 2000 }, (_, at) => at + 1);
    assert.equal((await exec('seq 1 2000')).replaceAll('\r', ''), numbers.join('\n'));
    const closed = new Promise<void>(resolve => client.once('close', () => resolve()));
    await client.send('exit', { waitFor: false, timeout: 5000 }).catch(() => {});
    await closed;
  } finally {
    await client.destroy();
  }
});

test('npm telnet-client: a wrong password is reported', TIMEOUT, async () => {
  const { args, program } = loginProgram();
  await using server = await startServer(args, { program });
  const client = new Telnet();
  try {
    await assert.rejects(
      client.connect({
        host: '127.0.0.1',
        port: server.port,
        shellPrompt: PROMPT,
        loginPrompt: /login: $/,
        passwordPrompt: /Password: $/,
        failedLoginMatch: 'Login incorrect',
        username: 'ada',
        password: 'wrong',
        timeout: 300_000,
      }),
      /Failed login/,
    );
  } finally {
    await client.destroy();
  }
});

test("npm telnet-client's shell stream", TIMEOUT, async () => {
  await using server = await startBashServer();
  const client = new Telnet();
  await client.connect({ host: '127.0.0.1', port: server.port, negotiationMandatory: false, timeout: 300_000 });
  try {
    const stream = await client.shell();
    let text = '';
    const seen = new Promise<void>(resolve => {
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (/[\r\n]42\r\n/.test(text)) resolve();
      });
    });
    stream.write('echo $((6 * 7))\n');
    await seen;
  } finally {
    await client.destroy();
  }
});
