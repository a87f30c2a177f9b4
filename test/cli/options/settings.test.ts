import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectOptions, connectSections } from '../../../src/cli/connect/options.ts';
import { commands } from '../../../src/cli/help/command-table.ts';
import { commandHelp, overview } from '../../../src/cli/help/help.ts';
import { serveOptions, serveSections } from '../../../src/cli/options/serve/index.ts';
import { isLoopback, parseServe, type ServeSettings, type SettingsSources } from '../../../src/cli/serve/settings.ts';
import { TelptyError, type TelptyErrorCode } from '../../../src/errors.ts';
import { distance, nearest } from '../../../src/suggestion.ts';

function settings(argv: string[], sources: SettingsSources = {}): ServeSettings {
  const result = parseServe(argv, { environment: {}, ...sources });
  assert.ok(result !== 'help');
  return result;
}

const fromFile = (text: string, argv: string[] = []) =>
  settings(['--config', 'telpty.yaml', ...argv], { readFile: () => text });

function refuses(run: () => unknown, message: RegExp | string, code: TelptyErrorCode = 'ERR_USAGE'): void {
  assert.throws(run, error => {
    assert.ok(error instanceof TelptyError);
    assert.equal(error.code, code);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    assert.ok(!error.message.includes('\n'));
    return true;
  });
}

const defaults: ServeSettings = {
  host: '127.0.0.1',
  port: 6023,
  socket: undefined,
  socketMode: 0o600,
  reusePort: false,
  mode: 'character',
  linemode: 'auto',
  encoding: 'UTF-8',
  programEncoding: 'client',
  term: 'xterm',
  negotiationTimeout: 2_000,
  neverSendGa: false,
  cwd: undefined,
  env: {},
  acceptEnv: [],
  user: undefined,
  userRange: undefined,
  allowRootProgram: false,
  limits: {},
  umask: undefined,
  nice: undefined,
  noNewPrivs: undefined,
  cgroup: undefined,
  cgroupLimits: {},
  sizeEnv: false,
  killTimeout: 1_000,
  drainTimeout: 0,
  drainQuietly: false,
  linger: 500,
  maxSessions: 1_000,
  allow: [],
  deny: [],
  maxPerIp: 0,
  connectRate: 0,
  maxNegotiating: 512,
  robotCheck: false,
  idleTimeout: 0,
  sessionTimeout: 0,
  compatibility: 'strict',
  compression: false,
  keepAlive: 0,
  keepAliveTimeout: 0,
  tlsCert: undefined,
  tlsKey: undefined,
  tlsClientCa: undefined,
  tlsAuto: false,
  proxyProtocol: [],
  workers: 1,
  record: undefined,
  recordFormat: 'asciicast',
  recordInput: false,
  recordKeep: 0,
  recordMax: 10 * 2 ** 30,
  recordQuietly: false,
  metrics: undefined,
  logLevel: 'info',
  logFormat: undefined,
  localUser: undefined,
  web: undefined,
  webBase: '/',
  webOrigin: [],
  webTrust: [],
  webPassword: undefined,
  webUserHeader: undefined,
  webOperators: [],
  webRecordings: false,
  program: undefined,
};

describe('the command line of serve', () => {
  it('has the defaults of the contract', () => assert.deepEqual(settings([]), defaults));

  it('accepts a range of user ids, on the command line and from a file', () => {
    const range = { from: 70_000, to: 70_999 };
    assert.deepEqual(settings(['--user-range', '70000-70999']).userRange, range);
    const read = (text: string) => settings(['--config', 'c.yaml'], { readFile: () => text });
    assert.deepEqual(read('user-range: 70000-70999').userRange, range);
    assert.deepEqual(settings(['--user-range', '70000-70000']).userRange, { from: 70_000, to: 70_000 });
    assert.throws(() => read('user: games\nuser-range: 70000-70999'), { code: 'ERR_USAGE' });
    for (const text of [
      '',
      '1',
      '-',
      '1-',
      '-1',
      '1-2-3',
      '1:2',
      '0x10-0x20',
      '1-70000',
      '65534-65534',
      ' 70000-70001',
    ]) {
      assert.throws(() => settings([`--user-range=${text}`]), { code: 'ERR_USAGE', message: /^--user-range: / }, text);
    }
  });

  it('accepts every option', () => {
    const argv = [
      ...['--record', 'recordings', '--record-format', 'ttyrec', '--record-input', '--record-keep', '30d'],
      ...['--record-max', '2G', '--record-quietly'],
      ...['--host', '::1', '--port=0', '--mode', 'raw', '--encoding', 'latin1', '--term', 'linux', '--cwd', '/tmp'],
      ...['--program-encoding', 'utf8'],
      ...['--linemode', 'never'],
      ...['--negotiation-timeout', '500ms', '--never-send-ga', '--env', 'A=1', '--env=B=2', '--env', 'A=3'],
      ...[
        '--pass-env',
        'P',
        '--pass-env',
        'B',
        '--pass-env',
        'MISSING',
        '--accept-env',
        'USER',
        '--accept-env',
        'USER',
      ],
      ...['--user', 'games', '--rlimit', 'cpu=60', '--rlimit', 'cpu=61', '--rlimit', 'as=1M:2M', '--size-env'],
      ...['--tls-cert', 'c.pem', '--tls-key', 'k.pem', '--tls-client-ca', 'ca.pem'],
      ...['--proxy-protocol', '10.0.0.0/8,::1'],
      ...['--umask', '027', '--nice=-5', '--no-new-privs=false'],
      ...['--cgroup', 'self', '--cgroup-limit', 'memory=256M', '--cgroup-limit', 'cpu=150%'],
      ...['--cgroup-limit', 'io.weight=50'],
      ...['--drain-timeout', '5m', '--drain-quietly', '--reuse-port'],
      ...['--socket', '/run/telpty.sock', '--socket-mode', '0660'],
      ...['--kill-timeout', '0', '--linger', '1s', '--max-sessions', '0', '--idle-timeout', '10m'],
      '--allow-root-program',
      ...['--allow', '10.0.0.0/8, ::1', '--allow', '@good', '--deny', '192.0.2.1'],
      ...['--max-per-ip', '4', '--connect-rate', '0.5', '--max-negotiating', '0', '--robot-check'],
      ...['--local-user', 'any'],
      ...['--web', '8080', '--web-base', '/term', '--web-origin', 'https://play.example.org/, HTTP://10.0.0.1:8080'],
      ...['--web-trust', '10.0.0.0/8', '--web-user-header', 'X-User'],
      ...['--web-recordings', '--web-operators', 'ada,grace@example.org'],
      ...[
        '--session-timeout',
        '1000h',
        '--compatibility',
        'strict',
        '--compression',
        '--keep-alive',
        '90s',
        '--keep-alive-timeout',
        '20s',
        '--workers',
        '4',
        '--metrics',
        '[::1]:9100',
        '--log-level',
        'trace',
        '--log-format',
        'json',
      ],
      ...['nethack', '-u', 'x'],
    ];
    assert.deepEqual(settings(argv, { environment: { P: 'p', B: 'b', Q: 'q' } }), {
      host: '::1',
      port: 0,
      socket: '/run/telpty.sock',
      socketMode: 0o660,
      reusePort: true,
      mode: 'raw',
      linemode: 'never',
      encoding: 'ISO-8859-1',
      programEncoding: 'UTF-8',
      term: 'linux',
      negotiationTimeout: 500,
      neverSendGa: true,
      cwd: '/tmp',
      env: { A: '3', B: '2', P: 'p' },
      acceptEnv: ['USER'],
      user: 'games',
      userRange: undefined,
      allowRootProgram: true,
      limits: { cpu: [61, 61], as: [1_048_576, 2_097_152] },
      tlsCert: 'c.pem',
      tlsKey: 'k.pem',
      tlsClientCa: 'ca.pem',
      tlsAuto: false,
      proxyProtocol: ['10.0.0.0/8', '::1'],
      umask: 0o27,
      nice: -5,
      noNewPrivs: false,
      cgroup: 'self',
      cgroupLimits: { memory: 268_435_456, cpu: 1.5, 'io.weight': '50' },
      sizeEnv: true,
      killTimeout: 0,
      drainTimeout: 300_000,
      drainQuietly: true,
      linger: 1_000,
      maxSessions: 0,
      allow: [['10.0.0.0/8', '::1'], ['@good']],
      deny: [['192.0.2.1']],
      maxPerIp: 4,
      connectRate: 0.5,
      maxNegotiating: 0,
      robotCheck: true,
      idleTimeout: 600_000,
      sessionTimeout: 3_600_000_000,
      compatibility: 'strict',
      compression: true,
      keepAlive: 90_000,
      keepAliveTimeout: 20_000,
      record: 'recordings',
      recordFormat: 'ttyrec',
      recordInput: true,
      recordKeep: 30 * 86_400_000,
      recordMax: 2 * 2 ** 30,
      recordQuietly: true,
      workers: 4,
      metrics: { host: '::1', port: 9100 },
      logLevel: 'trace',
      logFormat: 'json',
      web: { host: '127.0.0.1', port: 8080 },
      webBase: '/term/',
      webOrigin: ['https://play.example.org', 'http://10.0.0.1:8080'],
      webTrust: ['10.0.0.0/8'],
      webPassword: undefined,
      webUserHeader: 'X-User',
      webOperators: ['ada', 'grace@example.org'],
      webRecordings: true,
      localUser: 'any',
      program: { name: 'nethack', args: ['-u', 'x'] },
    });
  });

  const programs: [argv: string[], program: string[] | undefined][] = [
    [
      ['bash', '-l'],
      ['bash', '-l'],
    ],
    [
      ['--port', '0', 'bash', '--port', '70000', '--help'],
      ['bash', '--port', '70000', '--help'],
    ],
    [
      ['--', 'bash', '-l'],
      ['bash', '-l'],
    ],
    [['--', '--help'], ['--help']],
    [
      ['bash', '--', '-x'],
      ['bash', '--', '-x'],
    ],
    [['--never-send-ga', 'true'], ['true']],
    [
      ['-', 'x'],
      ['-', 'x'],
    ],
    [['--'], undefined],
  ];
  for (const [argv, program] of programs) {
    it(`${argv.join(' ')} serves ${program?.join(' ') ?? 'the login shell'}`, () => {
      const { program: found } = settings(argv);
      assert.deepEqual(found && [found.name, ...found.args], program);
    });
  }

  it('lets the last of a repeated option win', () => assert.equal(settings(['--port', '1', '--port', '2']).port, 2));
  it('switches a flag off again', () => assert.equal(settings(['--size-env', '--size-env=false']).sizeEnv, false));
  it('accepts --help anywhere before the program', () => {
    assert.equal(parseServe(['--port', '0', '--help', '--nonsense']), 'help');
    assert.notEqual(parseServe(['bash', '--help']), 'help');
  });

  const bad: [argv: string[], message: RegExp | string][] = [
    [['--port', '70000'], '--port: 70000 is not a port (0 to 65535)'],
    [['--port='], "--port: '' is not a port (0 to 65535)"],
    [['--kill-timeout', 'soon'], "--kill-timeout: 'soon' is not a duration (write 500ms, 30s, 10m, 2h, or 0)"],
    [['--linger', '5'], "--linger: '5' has no unit (write 500ms, 30s, 10m, 2h, or 0)"],
    [['--encoding', 'klingon'], /^--encoding: 'klingon' is not a known character set/],
    [['--program-encoding', 'klingon'], /^--program-encoding: 'klingon' is not a known character set/],
    [['--program-encoding', 'c64'], /^--program-encoding: programs cannot use PETSCII/],
    [['--mode', 'kludge'], "--mode: 'kludge' is not one of character, raw, line"],
    [['--rlimit', 'speed=1'], /^--rlimit: 'speed' is not a limit \(as, core, cpu/],
    [['--umask', '8'], "--umask: '8' is not a umask (octal: 077, 022, 0)"],
    [['--nice', '20'], "--nice: '20' is not a whole number (-20 to 19)"],
    [['--no-new-privs=no'], "--no-new-privs: 'no' is neither true nor false"],
    [['--allow', '10.0.0.0/33'], "--allow: '10.0.0.0/33' is neither an IP address nor a range like 10.0.0.0/8"],
    [['--deny', '::1,'], "--deny: '' is neither an IP address nor a range like 10.0.0.0/8"],
    [['--deny', '@'], "--deny: '@' is neither an IP address nor a range like 10.0.0.0/8"],
    [['--connect-rate', 'often'], /^--connect-rate: 'often' is not a rate per second/],
    [['--max-per-ip=-1'], "--max-per-ip: '-1' is not a whole number (from 0 up)"],
    [['--cgroup-limit', 'pids=4'], '--cgroup-limit: needs --cgroup'],
    [['--keep-alive-timeout', '4s'], '--keep-alive-timeout: needs --keep-alive'],
    [['--cgroup-limit', 'speed=1'], /^--cgroup-limit: 'speed' is not a limit \(memory, swap, pids, cpu, or a file/],
    [['--accept-env', 'LD_PRELOAD'], /^--accept-env: LD_PRELOAD controls/],
    [['--env', 'A'], "--env: 'A' is not NAME=VALUE"],
    [['--term', '../x'], /^--term: /],
    [['--port'], '--port: needs a value'],
    [['--user', '--port', '0'], /^--user: needs a value \(one that begins with '-' is written --user=--port\)$/],
    [['--size-env=maybe'], "--size-env: 'maybe' is neither true nor false"],
    [['--nonsense'], 'unknown option --nonsense (--help lists the options)'],
    [['-p', '1'], 'unknown option -p (--help lists the options)'],
    [['-port', '1'], 'unknown option -p (did you mean --port?)'],
    [['--prot', '1'], 'unknown option --prot (did you mean --port?)'],
    [['--idleTimeout=1s'], 'unknown option --idleTimeout (did you mean --idle-timeout?)'],
    [['-l'], /^unknown option -l /],
    [['--__proto__', 'x'], /^unknown option --__proto__ /],
    [['--constructor=x'], /^unknown option --constructor /],
    [['--no-size-env'], /^unknown option --no-size-env /],
    [['--\x1b[2J'], /^unknown option --\\x1b\[2J /],
    [['--', ''], 'PROGRAM is empty; name a program or leave it out'],
    [['--host', '0.0.0.0'], /^--host: 0\.0\.0\.0 is not loopback: name a PROGRAM/],
    [['--host', '::'], /^--host: :: is not loopback/],
  ];
  for (const [argv, message] of bad) it(`refuses ${argv.join(' ')}`, () => refuses(() => settings(argv), message));

  const later = 'dashboard program version';
  for (const name of later.split(' ')) {
    it(`does not know --${name} yet`, () =>
      refuses(() => settings([`--${name}`, 'x']), new RegExp(`^unknown option --${name} `)));
  }

  it('reports which variables of --pass-env are not set', () => {
    const doubts: string[] = [];
    const argv = [
      '--pass-env',
      'P',
      '--pass-env',
      'MISSING',
      '--pass-env',
      'EMPTY',
      '--pass-env',
      'OTHER',
      '--env',
      'OTHER=1',
    ];
    const found = settings(argv, { environment: { P: 'p', EMPTY: '' }, onDoubt: line => void doubts.push(line) });
    assert.deepEqual(found.env, { P: 'p', EMPTY: '', OTHER: '1' });
    assert.deepEqual(doubts, ["--pass-env: MISSING is not set in the server's environment, so programs do not get it"]);
  });

  it('reports options of its own that follow the program, unless -- was written', () => {
    const doubtsOf = (argv: string) => {
      const doubts: string[] = [];
      settings(argv.split(' '), { onDoubt: line => void doubts.push(line) });
      return doubts;
    };
    assert.deepEqual(doubtsOf('nethack --port 23'), [
      '--port after PROGRAM is passed to nethack; put it before PROGRAM, or write -- before PROGRAM if that is meant',
    ]);
    assert.deepEqual(doubtsOf('--port 0 nethack -u me --tls-cert=c.pem --robot-check --tls-cert=d.pem'), [
      '--tls-cert, --robot-check after PROGRAM are passed to nethack; put them before PROGRAM, or write -- before PROGRAM if that is meant',
    ]);
    const meant = [
      '-- nethack --port 23',
      'ssh host -- --port 23',
      'nethack --ports --portal=1 -port port --PORT ---port',
    ];
    for (const argv of meant) assert.deepEqual(doubtsOf(argv), []);
  });

  it('says in an error that a missing option follows the program', () => {
    refuses(
      () => settings('--tls-cert c.pem nethack --tls-key k.pem'.split(' ')),
      /^--tls-cert needs --tls-key \(--tls-key after PROGRAM is passed to nethack; put it before PROGRAM, or write -- [^()]*\)$/,
    );
    refuses(() => settings('--tls-cert c.pem -- nethack --tls-key k.pem'.split(' ')), /^--tls-cert needs --tls-key$/);
  });

  it('serves a named program on any address', () =>
    assert.equal(settings(['--host', '0.0.0.0', 'cat']).host, '0.0.0.0'));
  it('distinguishes loopback from other addresses', () => {
    for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopback(host));
    for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.example.com', 'localhost.example.com'])
      assert.ok(!isLoopback(host));
  });
});

describe('--config', () => {
  it('reads YAML', () => {
    const text = [
      '# a comment',
      'port: 2323',
      'host: "::1"',
      'idle-timeout: 10m',
      'session-timeout: 0',
      'never-send-ga: true',
      'env:',
      '  VERSION: 1.10',
      '  YES: yes',
      '  __proto__: x',
      'accept-env: [USER, FOO]',
      'rlimit: {cpu: 60, nofile: "256:512"}',
      'program: [nethack, -u, bob]',
    ].join('\n');
    const result = fromFile(text);
    assert.deepEqual(
      { ...result, env: Object.entries(result.env) },
      {
        ...defaults,
        port: 2323,
        host: '::1',
        idleTimeout: 600_000,
        neverSendGa: true,
        env: [
          ['VERSION', '1.10'],
          ['YES', 'yes'],
          ['__proto__', 'x'],
        ],
        acceptEnv: ['USER', 'FOO'],
        limits: { cpu: [60, 60], nofile: [256, 512] },
        program: { name: 'nethack', args: ['-u', 'bob'] },
      },
    );
  });

  it('reads JSON', () => {
    const text = JSON.stringify(
      { port: 2323, 'size-env': true, env: ['A=1', 'B=2'], program: 'cat', encoding: 'cp437' },
      null,
      '\t',
    );
    assert.deepEqual(fromFile(text), {
      ...defaults,
      port: 2323,
      sizeEnv: true,
      env: { A: '1', B: '2' },
      encoding: 'IBM437',
      program: { name: 'cat', args: [] },
    });
  });

  it('is overridden by the command line', () => {
    const text = 'port: 1\nsize-env: true\nenv: {A: file, B: file}\naccept-env: USER\nprogram: [cat, -v]';
    const result = fromFile(text, [
      '--port',
      '2',
      '--size-env=false',
      '--env',
      'A=line',
      '--accept-env',
      'FOO',
      'bash',
    ]);
    assert.equal(result.port, 2);
    assert.equal(result.sizeEnv, false);
    assert.deepEqual(result.env, { A: 'line', B: 'file' });
    assert.deepEqual(result.acceptEnv, ['USER', 'FOO']);
    assert.deepEqual(result.program, { name: 'bash', args: [] });
  });

  it('may be empty', () => {
    for (const text of ['', '\n', '# nothing\n', '{}', '---\n']) assert.deepEqual(fromFile(text), defaults, text);
  });

  const bad: [text: string, message: RegExp | string][] = [
    ['prot: 1', 'telpty.yaml:1:1: prot: unknown option (did you mean port?)'],
    ['dashboard: 80', 'telpty.yaml:1:1: dashboard: unknown option'],
    ['neverSendGa: true', 'telpty.yaml:1:1: neverSendGa: unknown option (did you mean never-send-ga?)'],
    ['__proto__: x', 'telpty.yaml:1:1: __proto__: unknown option'],
    ['{"constructor": 1}', 'telpty.yaml:1:2: constructor: unknown option'],
    ['? [a]\n: 1', /unknown option$/],
    ['config: x', 'telpty.yaml:1:1: config: is only allowed on the command line'],
    ['help: true', 'telpty.yaml:1:1: help: is only allowed on the command line'],
    ['port: 70000', 'telpty.yaml:1:1: port: 70000 is not a port (0 to 65535)'],
    ['port: [1, 2]', 'telpty.yaml:1:1: port: takes a single value'],
    ['port: {a: 1}', 'telpty.yaml:1:1: port: takes a single value'],
    ['port:', /^telpty\.yaml:1:1: port: '' is not a port/],
    ['size-env: yes', "telpty.yaml:1:1: size-env: 'yes' is neither true nor false"],
    ['env: {A: {B: 1}}', 'telpty.yaml:1:1: env: must contain plain values only'],
    ['env: [[A]]', 'telpty.yaml:1:1: env: must contain plain values only'],
    ['accept-env: {A: b}', 'telpty.yaml:1:1: accept-env: takes a list'],
    ['accept-env: [LD_PRELOAD]', /^telpty\.yaml:1:1: accept-env: LD_PRELOAD controls/],
    ['program: []', 'telpty.yaml:1:1: program: does not name a program'],
    ['program: {a: b}', /^telpty\.yaml:1:1: program: /],
    ['--- {}\n--- {}', 'telpty.yaml:2:1: has two documents in it: take out the second ---'],
    ['- port', 'telpty.yaml:1:1: is not a mapping of options to values'],
    ['just text', 'telpty.yaml:1:1: is not a mapping of options to values'],
    ['port: 1\nport: 2', /^telpty\.yaml:2:1: .*unique/],
    ['{"port": 1', /^telpty\.yaml:1:\d+: /],
    ['a: &x [*x]\nb: *y', /^telpty\.yaml:/],
    ['env: *x', /^telpty\.yaml:1:\d+: /],
    ['mode: raw\n\n  # more\nport: 70000', 'telpty.yaml:4:1: port: 70000 is not a port (0 to 65535)'],
    ['host: 0.0.0.0', /^--host: 0\.0\.0\.0 is not loopback/],
  ];
  for (const [text, message] of bad)
    it(`refuses ${JSON.stringify(text)}`, () => refuses(() => fromFile(text), message));

  it('must be readable', () => {
    refuses(
      () => settings(['--config', '/nowhere/x\n']),
      '--config: cannot read /nowhere/x\\x0a: no such file or directory',
      'ERR_RUNTIME',
    );
  });
});

describe('help', () => {
  for (const [name, command] of commands) {
    const help = commandHelp(command);
    it(`lists exactly the options of ${name}, in its sections`, () => {
      const listed = [...help.matchAll(/^ {2}(?:-[a-z], )?--([a-z-]+)/gm)].map(([, option]) => option);
      assert.deepEqual(
        listed,
        command.sections.flatMap(({ options }) => Object.keys(options)),
      );
      for (const { title } of command.sections) assert.ok(help.includes(`\n${title}:\n  `), title);
    });
    it(`has two examples of ${name}`, () => {
      const [, examples = ''] = help.split('\nExamples:\n');
      assert.equal([...examples.matchAll(/^ {2}\S.*telpty|^ {2}telpty/gm)].length, 2, examples);
    });
    it(`of ${name} fits a terminal of 80 columns`, () => {
      for (const line of help.split('\n')) assert.ok(line.length <= 80, line);
    });
  }
  it('of telpty names every command and fits a terminal', () => {
    for (const name of commands.keys()) assert.match(overview(), new RegExp(`^  ${name} +\\S`, 'm'));
    for (const line of overview().split('\n')) assert.ok(line.length <= 80, line);
  });
  it('shows the defaults', () => {
    const help = commandHelp(commands.get('serve') ?? assert.fail('no command serve'));
    assert.match(help, /--port N\|none [\s\S]*?\(default: 6023\)/);
    assert.match(help, /--env NAME=VALUE .*\n? *\(repeatable\)/);
  });
  it('has the options of serve in one section each', () => {
    const inSections = serveSections.flatMap(({ options }) => Object.entries(options));
    assert.deepEqual(Object.fromEntries(inSections), serveOptions);
    assert.equal(inSections.length, Object.keys(serveOptions).length);
  });
  it('has the options of connect in one section each', () => {
    const inSections = connectSections.flatMap(({ options }) => Object.entries(options));
    assert.deepEqual(Object.fromEntries(inSections), connectOptions);
    assert.equal(inSections.length, Object.keys(connectOptions).length);
  });
});

describe('the nearest word', () => {
  const words = ['port', 'host', 'encoding', 'negotiation-timeout', 'max-sessions', 'tls-cert', 'tls-auto'];
  const cases: [word: string, found: string | undefined][] = [
    ['prot', 'port'],
    ['pot', 'port'],
    ['hots', 'host'],
    ['Encoding', 'encoding'],
    ['negotationtimeout', 'negotiation-timeout'],
    ['negotiationTimeout', 'negotiation-timeout'],
    ['max_sessions', 'max-sessions'],
    ['tls-crt', 'tls-cert'],
    ['maximum-session', 'max-sessions'],
    ['p', undefined],
    ['', undefined],
    ['xy', undefined],
    ['web', undefined],
    ['compression', undefined],
    ['x'.repeat(1_000_000), undefined],
  ];
  for (const [word, found] of cases) {
    it(`to ${JSON.stringify(word.slice(0, 30))} is ${found}`, () => assert.equal(nearest(word, words), found));
  }
  it('counts letters inserted, deleted, replaced and exchanged', () => {
    const distances: [string, string, number][] = [
      ['', '', 0],
      ['', 'abc', 3],
      ['abc', '', 3],
      ['abc', 'acb', 1],
      ['ca', 'abc', 3],
      ['kitten', 'sitting', 3],
    ];
    for (const [a, b, expected] of distances) assert.equal(distance(a, b), expected, `${a} ${b}`);
  });
});
