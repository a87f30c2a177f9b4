/**
 * Variables from the network that telnet daemons since 1999 have passed to login(1), shells and loaders. However they
 * are sent, the program has the environment of an ordinary client and the arguments that the operator configured.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { parseServe } from '../../src/cli/serve/settings.ts';
import { isForbiddenName } from '../../src/shells/environment/environment.ts';
import { disposeAll } from '../support/cleanup.ts';
import { subnegotiation } from '../support/clients/test-client.ts';
import { CLI } from '../support/servers/server.ts';
import { bytes, PROGRAM, START_NOW, Target } from './support.ts';

/** Variables of the server's own environment; programs must not see them. */
const SERVER_SECRETS = {
  AWS_SECRET_ACCESS_KEY: 'server-secret',
  CREDENTIALS_DIRECTORY: '/run/credentials/server-secret',
  INVOCATION_ID: 'server-secret',
  JOURNAL_STREAM: '8:server-secret',
  LISTEN_FDNAMES: 'server-secret',
  LISTEN_FDS: '1',
  LISTEN_PID: '1',
  NODE_OPTIONS: '--no-warnings',
  TELPTY_TEST_SECRET: 'server-secret',
};

let target: Target;
let innocent: Record<string, string>;

before(async () => {
  // The limit would start programs before a slow test sends its attack.
  target = await Target.start(['--negotiation-timeout', '60s'], { env: SERVER_SECRETS });
  innocent = { ...(await target.programAfter(START_NOW)).environ };
});
after(() => disposeAll(target));

/** Fails unless the program has the same environment, arguments and descriptors as without an attack. */
async function assertInnocent(attack: Uint8Array, size?: number): Promise<void> {
  const program = await target.programAfter(Buffer.concat([attack, START_NOW]), size);
  assert.deepEqual(program.environ, innocent);
  assert.deepEqual(program.argv, PROGRAM);
  assert.deepEqual(program.fds, [0, 1, 2]);
  assert.equal(program.cwd, process.cwd());
}

// Each attack starts with WILL NEW-ENVIRON (27) or WILL ENVIRON (24). IS is 00, VAR 00, VALUE 01, USERVAR 03.
const attacks: readonly (readonly [id: string, wentWrong: string, notation: string])[] = [
  ['CVE-1999-0073', 'telnetd passed LD_* to login', 'FF FB 24  FF FA 24 00 00 "LD_PRELOAD" 01 "/tmp/evil.so" FF F0'],
  [
    'CVE-1999-0192',
    'tgetent() copied a long TERMCAP onto the stack of telnetd',
    'FF FB 24  FF FA 24 00 00 "TERMCAP" 01 "x|y:" "A" x2000 ":tc=z:" FF F0',
  ],
  ['CVE-1999-0740', 'a malformed TERM stopped in.telnetd', 'FF FB 18  FF FA 18 00 1B "]" FF FF 00 "%s/" FF F0'],
  [
    'CVE-2000-0268',
    'ENVIRON before the daemon was ready for it restarted Cisco IOS',
    'FF FA 24 00 00 "USER" 01 "x" FF F0  FF FB 24  FF FA 24 01 FF F0  FF FA 24 FF F0  FF FA 27 02 FF F0',
  ],
  [
    'CVE-2000-0733',
    'IRIX telnetd took the name of a refused variable for the format of its log line',
    'FF FB 24  FF FA 24 00 00 "_RLD%n%n%n%n%.8000x" 01 "%n%hn%s%s%s%s" FF F0',
  ],
  [
    'CVE-2000-0844',
    'the C library took formats from the catalogue that LANGUAGE and NLSPATH named',
    'FF FB 27  FF FA 27 00 03 "LANGUAGE" 01 "en/../../tmp" 03 "NLSPATH" 01 "/tmp/%N" 03 "LC_MESSAGES" 01 "en/../tmp" FF F0',
  ],
  [
    'CVE-2001-0170',
    'glibc read the file named by RESOLV_HOST_CONF in privileged programs',
    'FF FB 27  FF FA 27 00 03 "RESOLV_HOST_CONF" 01 "/etc/shadow" 03 "HOSTALIASES" 01 "/etc/shadow" FF F0',
  ],
  [
    'CVE-2001-0797',
    'System V login kept variables in a fixed array; in.telnetd accepted TTYPROMPT',
    'FF FB 27  FF FA 27 00 00 "TTYPROMPT" 01 "abcdef" 00 "USER" 01 "bin" " c" x64 FF F0',
  ],
  ['CVE-2007-0882', 'Solaris telnetd: login -fbin', 'FF FB 27  FF FA 27 00 00 "USER" 01 "-fbin" FF F0'],
  ['CVE-2007-0956', 'krb5 telnetd: login -e', 'FF FB 27  FF FA 27 00 00 "USER" 01 "-e" FF F0'],
  [
    'CVE-2009-0641',
    'FreeBSD telnetd no longer took LD_* out of its own environment (FreeBSD-SA-09:05)',
    'FF FB 27  FF FA 27 00 00 "LD_PRELOAD" 01 "/tmp/libno_ex.so.1.0" FF F0',
  ],
  [
    'CVE-2010-3847',
    'the loader expanded $ORIGIN for setuid programs',
    'FF FB 27  FF FA 27 00 03 "LD_AUDIT" 01 "$ORIGIN" 03 "PCPROFILE_OUTPUT" 01 "/etc/cron.d/x" FF F0',
  ],
  [
    'CVE-2014-0475',
    'LC_ALL with .. made the C library load a locale of the attacker',
    'FF FB 27  FF FA 27 00 03 "LC_ALL" 01 "../../../../tmp/evil" 03 "LANG" 01 "../../../../tmp/evil" FF F0',
  ],
  [
    'CVE-2014-6271',
    'bash executed the text after a function in a variable (Shellshock)',
    'FF FB 27  FF FA 27 00 03 "LANG" 01 "() { :;}; /bin/id" 03 "LC_ALL" 01 "() { :;}; /bin/id" 03 "TZ" 01 "() { :;}; /bin/id" FF F0',
  ],
  [
    'CVE-2014-9680',
    'sudo passed TZ, whose file the C library opens and reads',
    'FF FB 27  FF FA 27 00 03 "TZ" 01 ":/dev/tty" FF F0  FF FA 27 02 03 "TZ" 01 "../../../etc/shadow" FF F0',
  ],
  [
    'CVE-2017-3881',
    'Cisco IOS: an overflow in what CISCO_KITS is told, from anyone',
    'FF FA 24 00 03 "CISCO_KITS" 01 "2:" "A" x116 D5 AA 95 01 ":1:" FF F0',
  ],
  [
    'CVE-2023-4911',
    'GLIBC_TUNABLES overflowed a buffer of the loader',
    'FF FB 27  FF FA 27 00 03 "GLIBC_TUNABLES" 01 "glibc.malloc.mxfast=glibc.malloc.mxfast=A" FF F0',
  ],
  [
    'CVE-2024-2961',
    'iconv() of ISO-2022-CN-EXT wrote behind its buffer: the set is not known here, and not agreed to',
    'FF FD 2A FF FB 2A  FF FA 2A 01 ";ISO-2022-CN-EXT" FF F0  FF FA 2A 02 "ISO-2022-CN-EXT" FF F0',
  ],
  [
    'CVE-2026-24061',
    'inetutils telnetd: login -h host -f root',
    'FF FB 27  FF FA 27 00 00 "USER" 01 "-f root" FF F0  FF FC 20 FF FC 23 FF FC 24',
  ],
  [
    'CVE-2026-28372',
    'inetutils telnetd: login of util-linux reads $CREDENTIALS_DIRECTORY/login.noauth',
    'FF FB 27  FF FA 27 00 03 "CREDENTIALS_DIRECTORY" 01 "/home/weakuser/fake_cred" 00 "USER" 01 "root" FF F0',
  ],
  [
    'FreeBSD-SA-00:69',
    'telnetd read any file as a terminal database (CVE-2000-1184)',
    'FF FB 27  FF FA 27 00 00 "TERMCAP" 01 "/boot/kernel/kernel" 00 "TERMPATH" 01 "/dev/zero" 00 "TERMINFO" 01 "/" FF F0',
  ],
];

describe('historical vulnerabilities', { concurrency: 8 }, () => {
  for (const [id, wentWrong, notation] of attacks) {
    it(`${id}: ${wentWrong}`, async () => {
      const attack = bytes(notation);
      await Promise.all([assertInnocent(attack), assertInnocent(attack, 1), assertInnocent(attack, 7)]);
    });
  }
});

// Variables of such vulnerabilities: they control loaders, libraries, shells and runtimes.
const STEERING = [
  'LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT LD_DEBUG_OUTPUT LD_PROFILE GCONV_PATH BASH_ENV ENV IFS PATH NODE_OPTIONS NODE_PATH',
  'PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONINSPECT TERMINFO TERMINFO_DIRS TERMCAP LOCPATH NLSPATH PROMPT_COMMAND',
  'CREDENTIALS_DIRECTORY HOME SHELL LOGNAME PWD MAIL CDPATH PS4 SHELLOPTS BASHOPTS BASH_FUNC_ls%% PERL5LIB PERL5OPT',
  'RUBYOPT RUBYLIB JAVA_TOOL_OPTIONS LUA_INIT LESSOPEN LESSCLOSE EDITOR VISUAL PAGER GIT_SSH_COMMAND SSH_AUTH_SOCK',
  'KRB5_CONFIG KRB5CCNAME KRBTKFILE KRB5_KTNAME OPENSSL_CONF SSLKEYLOGFILE http_proxy ALL_PROXY XAUTHORITY',
  'GLIBC_TUNABLES MALLOC_TRACE TMPDIR TTYPROMPT USER TERM LINES COLUMNS PCPROFILE_OUTPUT HOSTALIASES CISCO_KITS LANGUAGE',
  'TELPTY_REMOTE_ADDRESS TELPTY_SESSION LISTEN_FDS NOTIFY_SOCKET SUDO_COMMAND',
].flatMap(line => line.split(' '));

/** The names, and members of the families, in src/shells/environment/forbidden-variables.ts. */
const FORBIDDEN = (() => {
  const source = readFileSync('src/shells/environment/forbidden-variables.ts', 'utf8').replace(/^ *\/\/.*$/gm, '');
  const list = (start: string, end: string) => {
    const from = source.indexOf(start);
    return [...source.slice(from, source.indexOf(end, from)).matchAll(/'([^']+)'/g)].flatMap(([, words]) =>
      words!.split(' '),
    );
  };
  const prefixes = list('const FORBIDDEN_PREFIXES', '].flat');
  const suffixes = list('const FORBIDDEN_SUFFIXES', ';\n');
  const names = list('const FORBIDDEN_NAMES', '].flat');
  assert.ok(
    prefixes.length > 150 && suffixes.length >= 7 && names.length > 50,
    'the lists of forbidden-variables.ts must be readable',
  );
  return [...names, ...prefixes.map(name => `${name}X`), ...suffixes.map(name => `X${name}`)];
})();

const EVERY_NAME = [
  ...new Set(
    [...STEERING, ...FORBIDDEN].flatMap(name => [
      name,
      name.toLowerCase(),
      `${name[0]!.toLowerCase()}${name.slice(1)}`,
    ]),
  ),
];

const NEW_ENVIRON = 39;
const OLD_ENVIRON = 36;
const [IS, INFO] = [0, 2];
const [VAR, VALUE, ESC, USERVAR] = [0, 1, 2, 3];

interface Way {
  readonly option: number;
  readonly verb?: number;
  readonly kind: number;
  readonly value?: number;
  /** Every octet after an ESC, as RFC 1572 allows. */
  readonly escaped?: boolean;
}

/** Returns messages of 200 variables each for all names; WILL comes first unless `unasked`. */
function messages(names: readonly string[], way: Way, unasked = false): Buffer {
  const { option, verb = IS, kind, value = VALUE, escaped = false } = way;
  const text = (word: string) => [...Buffer.from(word)].flatMap(octet => (escaped ? [ESC, octet] : [octet]));
  const parts: Buffer[] = unasked ? [] : [Buffer.of(255, 251, option)];
  for (let at = 0; at < names.length; at += 200) {
    const variables = names.slice(at, at + 200).flatMap(name => [kind, ...text(name), value, ...text('evil')]);
    parts.push(subnegotiation(option, [verb, ...variables]));
  }
  return Buffer.concat(parts);
}

const ways: Readonly<Record<string, Way>> = {
  'NEW-ENVIRON VAR': { option: NEW_ENVIRON, kind: VAR },
  'NEW-ENVIRON USERVAR': { option: NEW_ENVIRON, kind: USERVAR },
  'NEW-ENVIRON VAR, escaped': { option: NEW_ENVIRON, kind: VAR, escaped: true },
  'NEW-ENVIRON USERVAR, escaped': { option: NEW_ENVIRON, kind: USERVAR, escaped: true },
  'NEW-ENVIRON INFO VAR': { option: NEW_ENVIRON, verb: INFO, kind: VAR },
  'NEW-ENVIRON INFO USERVAR': { option: NEW_ENVIRON, verb: INFO, kind: USERVAR },
  'NEW-ENVIRON, VAR and VALUE exchanged': { option: NEW_ENVIRON, kind: VALUE, value: VAR },
  'ENVIRON VAR': { option: OLD_ENVIRON, kind: VAR },
  'ENVIRON USERVAR': { option: OLD_ENVIRON, kind: USERVAR },
  'ENVIRON VAR, escaped': { option: OLD_ENVIRON, kind: VAR, escaped: true },
  'ENVIRON INFO VAR': { option: OLD_ENVIRON, verb: INFO, kind: VAR },
  'ENVIRON of BSD, VAR and VALUE exchanged': { option: OLD_ENVIRON, kind: VALUE, value: VAR },
  'ENVIRON of BSD, INFO': { option: OLD_ENVIRON, verb: INFO, kind: VALUE, value: VAR },
};

describe(`${EVERY_NAME.length} dangerous names never reach the environment`, { concurrency: 8 }, () => {
  for (const [name, way] of Object.entries(ways)) {
    it(`as ${name}, in one packet, split, and without WILL`, async () => {
      // A harmless variable does arrive by the same encoding, except by NEW-ENVIRON with its codes exchanged: it has no
      // names.
      const { environ } = await target.programAfter(Buffer.concat([messages(['COLORTERM'], way), START_NOW]));
      assert.equal(environ.COLORTERM, way.option === NEW_ENVIRON && way.kind === VALUE ? undefined : 'evil');
      await Promise.all([
        assertInnocent(messages(EVERY_NAME, way)),
        assertInnocent(messages(EVERY_NAME, way), 61),
        assertInnocent(messages(EVERY_NAME, way, true)),
        assertInnocent(messages(STEERING, way), 1),
      ]);
    });
  }
  it('after SEND, and as INFO while the program runs', async () => {
    await using wire = await target.connect();
    wire.send(bytes('FF FB 27'));
    await wire.expect(bytes('FF FA 27 01'));
    wire.send(messages(EVERY_NAME, ways['NEW-ENVIRON VAR']!, true), START_NOW);
    const { environ, pid } = await target.program(wire);
    assert.deepEqual(environ, innocent);
    await wire.sent(messages(EVERY_NAME, ways['NEW-ENVIRON INFO VAR']!, true), 'x');
    await wire.expect('x');
    assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'latin1'), /evil/);
  });
  it('an operator cannot allow them', () => {
    for (const name of EVERY_NAME.filter(isForbiddenName)) {
      assert.throws(() => parseServe(['--accept-env', name, 'cat']), /--accept-env/, name);
    }
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'serve', '--accept-env', 'LD_PRELOAD', 'cat']);
    assert.deepEqual([status, String(stdout), String(stderr).split('\n').length], [2, '', 2]);
  });
});

// Values for <name> of a VAR and a USERVAR that setenv(), a shell or a KEY=VALUE parser might read as another name.
const names = [
  '""', // empty
  '"="',
  '"=LD_PRELOAD"',
  '"LANG=C" 00', // an empty name follows
  '"X=/tmp/evil" 0A "LD_PRELOAD"',
  '"LD_PRELOAD=/tmp/evil"',
  '"LD_PRELOAD" 02 00 "X"', // NUL, escaped
  '"LD_PRELOAD" 0A',
  '20 "LD_PRELOAD"',
  '09 "PATH"',
  '"LD_PRELOAD" 0D 0A "X"',
  '"LD" 02 02 "_PRELOAD"', // ESC ESC
  'EF BC AC "D_PRELOAD"', // a full-width L
  'C5 BF "HELL"', // U+017F, upper case: S
  '"L" C4 B1 "BPATH"', // U+0131, upper case: I
  'EF BB BF "PATH"', // a byte order mark
  'E2 80 AE "HTAP"', // right-to-left override
  'C0 AF "PATH"', // overlong
  'ED A0 80 "PATH"', // a surrogate
  'FF FF "PATH"', // 255, doubled
  '"BASH_FUNC_id%%"',
  '"__proto__"',
  '"constructor"',
  '"A" x256',
  '"A" x257',
  '"A" x8000',
  '"$(id)"',
  '"%n%n%n"',
];

// Invalid values of the variables that are accepted from clients.
const values: Readonly<Record<string, readonly string[]>> = {
  LANG: [
    '"/etc/passwd"',
    '"../../tmp/x"',
    '"a/b"',
    '"-x"',
    '"C" 0A "LD_PRELOAD=/x"',
    '"C" 02 00 "X"',
    '"C;id"',
    '"C" x9000',
    '1B "[2J"',
  ],
  LC_ALL: ['"/tmp"', '".."', '"de_DE..UTF-8"', '"C" E2 80 AE', '"en_US.UTF-8/../x"', '"%n"', '"C" FF FF'],
  LC_CTYPE: ['"../x"', '"~"', '"x" C2 85'],
  TZ: [
    '":/etc/localtime"',
    '"/etc/shadow"',
    '"../../etc/shadow"',
    '"Europe/../../etc"',
    '"<+03>-3" 0A',
    '"A/B/C/D"',
    '"~root"',
    '":x"',
  ],
  DISPLAY: [
    '"/tmp/evil:0"',
    '"-x:0"',
    '"tcp/evil:0"',
    '"unix/:0;id"',
    '"x:0" 0A "PATH=/"',
    '"evil:0.0.0"',
    '":99999999"',
    '"a b:0"',
  ],
  COLORTERM: ['"/x"', '"../x"', '"-x"', '"a b"', '"true" 0A "color"', '"x" x129'],
};

describe('unusual names and values', { concurrency: 8 }, () => {
  it('names with =, NUL, line ends and other alphabets, and empty names', async () => {
    const all = names.map(name => `00 ${name} 01 "/tmp/evil"  03 ${name} 01 "/tmp/evil"`).join(' ');
    await assertInnocent(bytes(`FF FB 27  FF FA 27 00 ${all} FF F0`));
    await assertInnocent(bytes(`FF FB 24  FF FA 24 00 ${all} FF F0`));
    await Promise.all(
      names.map(name => assertInnocent(bytes(`FF FB 27  FF FA 27 00 03 ${name} 01 "/tmp/evil" FF F0`))),
    );
  });
  for (const [name, list] of Object.entries(values)) {
    it(`values of ${name}`, async () => {
      await Promise.all(
        list.map(value =>
          assertInnocent(bytes(`FF FB 27  FF FA 27 00 00 "${name}" 01 ${value} 03 "${name}" 01 ${value} FF F0`)),
        ),
      );
    });
  }
  it('a duplicate does not restore a refused value, and a refused duplicate not a valid one', async () => {
    const hostile = '03 "LANG" 01 "/tmp/x"';
    const good = '03 "LANG" 01 "C"';
    await assertInnocent(bytes(`FF FB 27  FF FA 27 00 ${hostile} ${good} ${hostile} FF F0`));
    await assertInnocent(bytes(`FF FB 27  FF FA 27 00 ${good} FF F0  FF FA 27 02 ${hostile} FF F0`));
  });
  it('terminal types with paths, control characters, and of 100 KB', async () => {
    const types = [
      '"../../../tmp/evil"',
      '"/dev/zero"',
      '"a/b"',
      '".."',
      '"-x"',
      '"xterm" 00',
      '"xterm" 0A "LD_PRELOAD=/x"',
      '1B "]0;x" 07',
      '"%n%n"',
      '"xterm" E2 80 AE',
      '"A" x41',
      '"A" x60000',
      '"A" x100000',
    ];
    await Promise.all(
      types.map(async type => {
        const attack = Buffer.concat([bytes(`FF FB 18  FF FA 18 00 ${type} FF F0`), START_NOW]);
        const { environ } = await target.programAfter(attack);
        assert.deepEqual(environ, innocent, type);
      }),
    );
  });
  it('terminal speed and location are not passed to the program', async () => {
    await assertInnocent(bytes('FF FB 20 FF FA 20 00 "38400,38400;id" FF F0  FF FB 17 FF FA 17 "$(id)" FF F0'));
  });
  it('the X display of XDISPLOC passes the checks of DISPLAY or is dropped', async () => {
    const odd = [...values.DISPLAY!, '"$(id):0"', '"A" x9000', '""', '"evil:0" 00 "x"'];
    await Promise.all(odd.map(value => assertInnocent(bytes(`FF FB 23 FF FA 23 00 ${value} FF F0`))));
    const display = bytes('FF FB 23 FF FA 23 00 "ws1.example:0" FF F0');
    const { environ } = await target.programAfter(Buffer.concat([display, START_NOW]));
    assert.deepEqual(environ, { ...innocent, DISPLAY: 'ws1.example:0' });
  });
});

describe('--accept-env USER', () => {
  let open: Target;
  before(async () => {
    open = await Target.start(['--accept-env', 'USER', '--accept-env', 'FOO', '--negotiation-timeout', '60s']);
  });
  after(() => disposeAll(open));

  const told = async (...variables: string[]): Promise<Readonly<Record<string, string>>> => {
    const attack = bytes(`FF FB 27  FF FA 27 00 ${variables.join(' ')} FF F0`);
    const program = await open.programAfter(Buffer.concat([attack, START_NOW]));
    assert.deepEqual(program.argv, PROGRAM);
    return program.environ;
  };

  it('accepts a plain name, and no other variable', async () => {
    const plain = await open.programAfter(START_NOW);
    const environ = await told(
      '00 "USER" 01 "bob"',
      '03 "FOO" 01 "bar"',
      '03 "BAR" 01 "x"',
      '03 "user" 01 "x"',
      '03 "USERS" 01 "x"',
    );
    assert.deepEqual(environ, { ...plain.environ, USER: 'bob', FOO: 'bar' });
  });
  const refused = [
    ...['"-f root"', '"-froot"', '"-f" 09 "root"', '"-"', '"--"', '"-e"', '"-h" 20 "x"', '20 "-f root"', '09 "-froot"'],
    ...[
      '0A "-froot"',
      '0B "-f"',
      '02 00 "-froot"',
      'C2 A0 "-froot"',
      'EF BB BF "-froot"',
      'E2 88 92 "froot"',
      '"root" 20',
    ],
    ...[
      '"a b"',
      '"a" 0A "b"',
      '"a" 02 00 "b"',
      '"a" 0D',
      '1B "[31mroot"',
      '7F',
      'C2 9B "31m"',
      'E2 80 AE "toor"',
      '"a/b"',
    ],
    ...['"../x"', '"`id`"', '"$(id)"', '"$USER"', '";id"', '"a|id"', '"a&"', '"*"', '"~"', '"!!"', '"%n%n"', 'C3 A9'],
    ...['"A" x257', '"A" x8192', '"A" x60000', '"() { :;}; id"', 'FF FF', '"root" 02 01 "x"'],
  ];
  it(`refuses ${refused.length} other values: options, blanks, control characters, shell syntax, and long names`, async () => {
    const { USER } = (await open.programAfter(START_NOW)).environ;
    await Promise.all(
      refused.map(async value => {
        const environ = await told(`00 "USER" 01 ${value}`, `03 "FOO" 01 ${value}`);
        assert.deepEqual([environ.USER, environ.FOO], [USER, undefined], value);
      }),
    );
  });
  it('the last of several values is used, and is checked', async () => {
    const { USER } = (await open.programAfter(START_NOW)).environ;
    assert.equal((await told('00 "USER" 01 "bob"', '03 "USER" 01 "-froot"')).USER, USER);
    assert.equal((await told('00 "USER" 01 "-froot"', '03 "USER" 01 "bob"')).USER, 'bob');
  });
});

describe("the server's own environment", () => {
  it('is not passed to a program', () => {
    assert.doesNotMatch(JSON.stringify(innocent), /server-secret/);
    for (const name of Object.keys(SERVER_SECRETS)) assert.ok(!(name in innocent), name);
    const kept = ['HOME', 'LANG', 'LC_ALL', 'LOGNAME', 'PATH', 'SHELL', 'TELPTY_REMOTE_ADDRESS', 'TERM', 'USER'];
    assert.deepEqual(Object.keys(innocent).sort(), kept);
  });
  it('is not visible to the program itself', async () => {
    await using shown = await Target.start([], {
      program: ['/usr/bin/env', '-0'],
      env: SERVER_SECRETS,
      ordinary: () => {},
    });
    await using wire = await shown.attack(Buffer.concat([messages(STEERING, ways['NEW-ENVIRON VAR']!), START_NOW]));
    await wire.untilEnd();
    const lines = wire.text().split('\0').slice(0, -1);
    assert.deepEqual(Object.fromEntries(lines.map(line => line.split(/=(.*)/s, 2))), innocent);
  });
});
