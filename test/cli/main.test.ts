import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { commands } from '../../src/cli/help/command-table.ts';
import { commandHelp } from '../../src/cli/help/help.ts';
import { findProgram, loginShell } from '../../src/cli/serve/program.ts';
import { TelptyError } from '../../src/errors.ts';
import { lazily, runCommands } from '../support/clients/command-lines.ts';
import { isAlive, untilTrue } from '../support/leaks.ts';
import { CLI } from '../support/servers/server.ts';
import { requireRoot } from '../support/system/tools.ts';

const command = [process.execPath, CLI] as const;

function telpty(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(command[0], [...command.slice(1), ...args], {
    encoding: 'utf8',
    timeout: 300_000,
  });
  return { status, stdout, stderr };
}

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'telpty-cli-'));
});
after(() => rmSync(directory, { recursive: true }));

describe('telpty', () => {
  it('--version', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    const expected = { status: 0, stdout: `${version}\n`, stderr: '' };
    assert.deepEqual(telpty('--version'), expected);
    assert.deepEqual(runCommands([['--version'], ['-V']]), [expected, expected]);
  });
  it('help', () => {
    const { status, stdout } = telpty('help');
    assert.equal(status, 0);
    assert.match(stdout, /telpty serve/);
    for (const same of runCommands([['--help'], ['-h'], ['help', 'help']])) assert.equal(same.stdout, stdout);
  });
  it('help serve and serve --help', () => {
    const help = commandHelp(commands.get('serve') ?? assert.fail());
    const lines = [
      ['help', 'serve'],
      ['serve', '--port', '0', '--help'],
      ['serve', '-h'],
    ];
    for (const result of runCommands(lines)) assert.deepEqual(result, { status: 0, stdout: help, stderr: '' });
  });
  it('prints no error when the reader of its help closes the pipe', async () => {
    const child = spawn('sh', ['-c', `"$@" | true`, 'sh', ...command, 'help', 'serve'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', chunk => {
      errors += chunk;
    });
    await once(child, 'close');
    assert.equal(errors, '');
  });
  for (const args of [['--version'], ['help'], ['completion', 'bash'], ['render', 'docs/picture.cast', '--at', '1s']]) {
    it(`${args[0]} fails if its output is lost on a full disk`, { skip: !existsSync('/dev/full') }, () => {
      const full = openSync('/dev/full', 'w');
      try {
        const { status, stderr } = spawnSync(command[0], [...command.slice(1), ...args], {
          encoding: 'utf8',
          stdio: ['ignore', full, 'pipe'],
          timeout: 300_000,
        });
        assert.equal(stderr, 'telpty: cannot write to standard output: no space left on device\n');
        assert.equal(status, 1);
      } finally {
        closeSync(full);
      }
    });
  }
  it('names the cause if the current directory was removed', () => {
    const gone = mkdtempSync(join(directory, 'gone-'));
    const script = 'cd "$1" && rmdir "$1" && shift && exec "$@"';
    const args = ['-c', script, 'sh', gone, ...command, 'serve', '--port', '0', '--', './mine'];
    const { status, stderr } = spawnSync('sh', args, { encoding: 'utf8', timeout: 300_000 });
    assert.equal(stderr, 'telpty: the current directory no longer exists; change to another one (cd)\n');
    assert.equal(status, 1);
  });
  it('names the option that forbids addons', () => {
    const args = ['--no-addons', CLI, 'serve', '--port', '0', '--', 'sh'];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 300_000 });
    assert.match(stderr, /^telpty: pseudo-terminals are not available: .*; remove --no-addons /);
    assert.equal(status, 1);
  });

  const misuse: [args: string[], line: string | RegExp][] = [
    [[], /^telpty: no command given/],
    [['sreve'], 'telpty: unknown command sreve (did you mean serve?)\n'],
    [['launch'], 'telpty: unknown command launch (telpty help lists the commands)\n'],
    [['--port', '0'], 'telpty: unknown option --port (telpty help lists the commands)\n'],
    [['--verison'], 'telpty: unknown option --verison (did you mean --version?)\n'],
    [['help', 'sreve'], 'telpty: unknown command sreve (did you mean serve?)\n'],
    [['connect', '--encodnig', 'x', 'host'], 'telpty: unknown option --encodnig (did you mean --encoding?)\n'],
    [['serve', '--port', '70000'], 'telpty: --port: 70000 is not a port (0 to 65535)\n'],
    [['serve', '--spectators', '80'], /^telpty: unknown option --spectators /],
    [['serve', '--tls-cert', 'x'], 'telpty: --tls-cert needs --tls-key\n'],
    [['serve', '--tls-key', 'x'], 'telpty: --tls-key needs --tls-cert\n'],
    [['serve', '--tls-auto'], 'telpty: --tls-auto needs --tls-cert and --tls-key\n'],
    [['serve', '--tls-client-ca', 'x'], 'telpty: --tls-client-ca needs --tls-cert and --tls-key\n'],
    [['serve', '--proxy-protocol', '10.0.0.0/33'], /^telpty: --proxy-protocol: '10\.0\.0\.0\/33' is neither /],
    [['serve', '--metrics', ':9100'], /^telpty: --metrics: ':9100' is not \[ADDR:\]PORT /],
    [['serve', '--metrics', '6023'], "telpty: --metrics: 6023 is the clients' port (choose another one)\n"],
    [['serve', '--encoding', 'klingon'], /^telpty: --encoding: /],
    [['serve', '--program-encoding', 'klingon'], /^telpty: --program-encoding: /],
    [['serve', '--host', '0.0.0.0'], /^telpty: --host: 0\.0\.0\.0 is not loopback/],
  ];
  const misused = lazily(() => runCommands(misuse.map(([args]) => args)));
  for (const [index, [args, line]] of misuse.entries()) {
    it(`telpty ${args.join(' ')}: exit 2`, () => failed(misused()[index]!, 2, line));
  }

  it('no pseudo-terminals: exit 1 before the first session', () => {
    requireRoot();
    const serve = [...command, 'serve', '--port', '0', '--', '/bin/true'];
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      ['--mount', 'sh', '-c', 'mount -t tmpfs none /dev && exec "$@"', 'sh', ...serve],
      { encoding: 'utf8', timeout: 300_000 },
    );
    const advice = '/dev/ptmx is missing; mount devpts on /dev/pts and link /dev/ptmx to pts/ptmx';
    const expected = { status: 1, stdout: '', stderr: `telpty: cannot open a pseudo-terminal: ${advice}\n` };
    assert.deepEqual({ status, stdout, stderr }, expected);
  });

  it('something missing at run time: exit 1', () => {
    const loops = mkdtempSync(join(tmpdir(), 'telpty-loop-'));
    const loop = join(loops, 'loop');
    symlinkSync(loop, loop);
    const missing: [args: string[], line: string | RegExp][] = [
      [
        ['serve', '--config', '/nowhere.yaml'],
        'telpty: --config: cannot read /nowhere.yaml: no such file or directory\n',
      ],
      [['serve', '--port', '0', 'no-such-program'], "telpty: cannot find the program 'no-such-program'\n"],
      [['serve', '--port', '0', './no/such'], "telpty: cannot find the program './no/such'\n"],
      [
        ['serve', '--port', '0', '/etc/passwd'],
        "telpty: cannot run the program '/etc/passwd': permission denied; make it executable (chmod +x)\n",
      ],
      [['serve', '--port', '0', loop], `telpty: cannot run the program '${loop}': its symbolic links form a loop\n`],
      [['serve', '--port', '0', '--cwd', '/no/such', 'cat'], "telpty: --cwd: there is no directory '/no/such'\n"],
      [
        ['serve', '--cwd', `/${'x'.repeat(300)}`, 'cat'],
        /^telpty: --cwd: cannot be used \(name too long\): '\/x+…'\n$/,
      ],
      [['serve', '--user', '\u202ex', 'cat'], "telpty: --user: unknown user '\\u{202e}x'\n"],
      [['serve', '--port', '0', '--user', 'no such user', 'cat'], /^telpty: --user: unknown user 'no such user'\n$/],
      [
        ['serve', '--port', '0', '--host', '192.0.2.1', '--allow-root-program', 'cat'],
        /^telpty: --host: 192\.0\.2\.1 is not an address of/,
      ],
    ];
    try {
      const results = runCommands(missing.map(([args]) => args));
      for (const [index, [, line]] of missing.entries()) failed(results[index]!, 1, line);
    } finally {
      rmSync(loops, { recursive: true });
    }
  });
  it('a port in use: exit 1', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    failed(
      telpty('serve', '--port', String(port), 'cat'),
      1,
      new RegExp(`^telpty: --port: 127\\.0\\.0\\.1:${port} is already in use`),
    );
    other.close();
  });
  it('a broken configuration file: exit 2', () => {
    const file = join(directory, 'bad.yaml');
    writeFileSync(file, 'prot: 1\n');
    failed(telpty('serve', '--config', file), 2, `telpty: ${file}:1:1: prot: unknown option (did you mean port?)\n`);
  });

  function failed(result: ReturnType<typeof telpty>, status: number, line: string | RegExp): void {
    assert.equal(result.status, status, result.stderr);
    assert.equal(result.stdout, '');
    const said = result.stderr
      .split('\n')
      .filter(text => !isWarning(text))
      .join('\n');
    if (typeof line === 'string') assert.equal(said, line);
    else assert.match(said, line);
    assert.equal(said.split('\n').length, 2, said);
  }
});

/** Whether a line is the warning about a locale that this machine lacks. */
const isWarning = (line: string) => line.startsWith('{"level":40');

describe('telpty serve', { timeout: 600_000 }, () => {
  const children: ChildProcess[] = [];
  after(() => {
    for (const child of children) child.kill('SIGKILL');
  });
  const start = async (...args: string[]) => {
    const child = spawn(command[0], [...command.slice(1), 'serve', '--port', '0', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', chunk => {
      output.stdout += chunk;
    });
    child.stderr.on('data', chunk => {
      output.stderr += chunk;
    });
    await Promise.race([once(child.stdout, 'data'), once(child, 'close')]);
    return { child, output };
  };
  const end = async (child: ChildProcess, signal: NodeJS.Signals) => {
    const closed = once(child, 'close');
    child.kill(signal);
    return closed;
  };

  const portOf = (ready: string) => Number(/:(\d+)\n$/.exec(ready)?.[1]);

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`prints that it listens, in one line, and ends on ${signal} with 0`, async () => {
      const { child, output } = await start('cat');
      assert.deepEqual(await end(child, signal), [0, null]);
      assert.match(output.stdout, /^listening telnet:\/\/127\.0\.0\.1:\d+\n$/);
      assert.match(output.stderr, /connect with: telnet 127\.0\.0\.1 \d+/);
    });
  }
  it('puts an IPv6 address in brackets', async t => {
    const { child, output } = await start('--host', '::1', 'cat');
    if (child.exitCode !== null) {
      assert.match(output.stderr, /--host: /);
      t.diagnostic('no IPv6 here');
      return;
    }
    await end(child, 'SIGTERM');
    assert.match(output.stdout, /^listening telnet:\/\/\[::1\]:\d+\n$/);
  });
  it('logs the start and the end of a session, and no typed key even at debug', async () => {
    const { child, output } = await start(
      '--log-level',
      'debug',
      '--log-format',
      'json',
      '--negotiation-timeout',
      '1ms',
      'sh',
    );
    const socket = connect(portOf(output.stdout), '127.0.0.1');
    let seen = '';
    socket.on('data', chunk => {
      seen += chunk.toString('latin1');
    });
    socket.end('echo sec""ret-$TELPTY_REMOTE_ADDRESS\r\nexit 3\r\n');
    await once(socket, 'close');
    await end(child, 'SIGTERM');
    assert.match(seen, /secret-127\.0\.0\.1/);
    assert.match(output.stderr, /"msg":"session 1: sent DO TTYPE"/);
    assert.match(output.stderr, /"msg":"session 1 started: 127\.0\.0\.1:\d+ sh, xterm 80x24, pid \d+"/);
    assert.match(
      output.stderr,
      /"msg":"session 1 ended: 127\.0\.0\.1:\d+ sh, xterm 80x24, \d+m?s, in 4\d B, out \d+ B, exit 3"/,
    );
    assert.doesNotMatch(output.stderr, /sec""ret|secret|echo/);
  });
  it('hangs up its sessions on the first signal, and does not wait after the second', async () => {
    const { child, output } = await start(
      '--log-format',
      'json',
      '--negotiation-timeout',
      '1ms',
      'sh',
      '-c',
      'trap "" HUP; echo up; while :; do sleep 1; done',
    );
    const socket = connect(portOf(output.stdout), '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'data');
    while (!output.stderr.includes('session 1 started')) await once(child.stderr, 'data');
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    while (!output.stderr.includes('stopping: SIGTERM, 1 session')) await once(child.stderr, 'data');
    child.kill('SIGTERM');
    assert.deepEqual(await closed, [1, null]);
    const pid = Number(/"pid":(\d+)/.exec(output.stderr)?.[1]);
    // The kernel's SIGHUP, which it ignores, would not have ended it.
    await untilTrue(() => !isAlive(pid));
    socket.destroy();
  });
  it('is silent with --log-level silent', async () => {
    const { child, output } = await start('--log-level', 'silent', 'cat');
    await end(child, 'SIGTERM');
    assert.equal(output.stderr, '');
  });
});

describe('the served program', () => {
  it('is found in PATH, then in the default PATH of programs', () => {
    const file = join(directory, 'mine');
    writeFileSync(file, '#!/bin/sh\n');
    chmodSync(file, 0o755);
    assert.deepEqual(findProgram('mine', ['x'], { path: `relative::${directory}` }), {
      file,
      args: ['x'],
      argv0: 'mine',
      name: 'mine',
    });
    assert.equal(findProgram('./mine', [], { cwd: directory }).file, file);
    assert.match(findProgram('sh', [], { path: '' }).file, /^\/.*\/sh$/);
    assert.throws(() => findProgram('mine', [], { path: '' }), TelptyError);
    assert.throws(() => findProgram('mine', [], { path: '.', cwd: directory }), TelptyError);
    assert.throws(() => findProgram('./', [], { cwd: directory }), /it is not a file/);
  });
  it('starts in a current directory that was removed', async () => {
    const gone = mkdtempSync(join(directory, 'gone-'));
    const script = 'cd "$1" && rmdir "$1" && shift && exec "$@"';
    const serve = [...command, 'serve', '--port', '0', '--', 'echo', 'started'];
    const server = spawn('sh', ['-c', script, 'sh', gone, ...serve], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [line] = await Promise.race([once(server.stdout, 'data'), once(server, 'exit').then(() => [''])]);
      const [, port] = /^listening telnet:\/\/127\.0\.0\.1:(\d+)/.exec(String(line)) ?? assert.fail('it has ended');
      const client = connect(Number(port), '127.0.0.1');
      let text = '';
      for await (const chunk of client) text += chunk;
      assert.match(text, /started\r\n/);
    } finally {
      server.kill();
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
    }
  });
  it('is the login shell if none is named', () => {
    assert.deepEqual(loginShell('/bin/sh'), { file: '/bin/sh', args: [], argv0: '-sh', name: 'sh' });
    assert.equal(loginShell(null).file, '/bin/sh');
  });
});
