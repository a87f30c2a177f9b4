import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  defaultLocale,
  type EnvironmentFacts,
  type EnvironmentPolicy,
  isForbiddenName,
  isTerminalName,
  programEnvironment,
  requestedNames,
} from '../../../src/shells/environment/environment.ts';
import { escapeText } from '../../../src/shells/output/escape.ts';

const alice = { name: 'alice', home: '/home/alice', shell: '/bin/zsh', uid: 1000 };

/** The environment of a program whose client sent these variables. */
function build(
  environ: Record<string, string> = {},
  policy: EnvironmentPolicy = {},
  facts: Partial<EnvironmentFacts> = {},
) {
  return programEnvironment({ user: alice, environ: new Map(Object.entries(environ)), ...facts }, policy);
}

const termOf = (terminalType: string, policy: EnvironmentPolicy = {}) => build({}, policy, { terminalType }).env.TERM;

describe('programEnvironment', () => {
  it('is clean by default', () => {
    process.env.TELPTY_TEST_LEAK = 'x';
    const { env, rejected } = build();
    delete process.env.TELPTY_TEST_LEAK;
    assert.deepEqual(env, {
      PATH: '/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games',
      HOME: '/home/alice',
      SHELL: '/bin/zsh',
      USER: 'alice',
      LOGNAME: 'alice',
      TERM: 'xterm',
      LANG: 'en_US.UTF-8',
      LC_ALL: 'en_US.UTF-8',
    });
    assert.deepEqual(rejected, []);
  });

  it("has root's PATH for root, and a shell for a user without one", () => {
    const { env } = build({}, {}, { user: { name: 'root', home: '/root', shell: '', uid: 0 } });
    assert.equal(env.PATH, '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/games:/usr/games');
    assert.equal(env.SHELL, '/bin/sh');
  });

  it('has DISPLAY from XDISPLOC, with the same check, unless the client sends the variable', () => {
    assert.equal(build({}, {}, { display: 'ada.example:0.0' }).env.DISPLAY, 'ada.example:0.0');
    assert.equal(build({ DISPLAY: 'b:1' }, {}, { display: 'a:0' }).env.DISPLAY, 'b:1');
    assert.equal(build({}, { env: { DISPLAY: 'c:2' } }, { display: 'a:0' }).env.DISPLAY, 'c:2');
    const { env, rejected } = build({}, {}, { display: '/tmp/evil:0' });
    assert.ok(!('DISPLAY' in env), 'a path is refused');
    assert.deepEqual(rejected, [{ name: 'DISPLAY', value: '/tmp/evil:0', reason: 'is not host:display.screen' }]);
    assert.ok(!('DISPLAY' in build({}, {}, { display: '' }).env), 'an empty value is not a display');
  });

  it('contains the address of the client, if it is valid', () => {
    for (const address of ['192.0.2.1', '2001:db8::1']) {
      assert.equal(build({}, {}, { remoteAddress: address }).env.TELPTY_REMOTE_ADDRESS, address);
    }
    for (const address of ['', 'x\n', '$(id)', undefined]) {
      assert.ok(!('TELPTY_REMOTE_ADDRESS' in build({}, {}, { remoteAddress: address }).env));
    }
  });

  it('exports LINES and COLUMNS only with sizeEnv', () => {
    const size = { columns: 132, rows: 50 };
    assert.ok(!('LINES' in build({}, {}, size).env));
    assert.ok(!('COLUMNS' in build({}, {}, size).env));
    const { env } = build({}, { sizeEnv: true }, size);
    assert.deepEqual([env.COLUMNS, env.LINES], ['132', '50']);
  });

  it("contains the operator's variables instead of all others", () => {
    const own = { PATH: '/opt/bin', TERM: 'linux', LANG: 'C', TZ: 'UTC', LD_LIBRARY_PATH: '/opt/lib', EMPTY: '' };
    const { env } = build({ TZ: 'Europe/Berlin', LANG: 'de_DE.UTF-8' }, { env: own }, { terminalType: 'vt220' });
    for (const [name, value] of Object.entries(own)) assert.equal(env[name], value);
  });

  it('treats the names of Object.prototype like any others', () => {
    const names = ['__proto__', 'constructor', 'toString'];
    const environ = new Map(names.map(name => [name, 'x']));
    const closed = programEnvironment({ user: alice, environ });
    assert.deepEqual(
      closed.rejected.map(({ name }) => name),
      names,
    );
    const open = programEnvironment({ user: alice, environ }, { acceptEnv: names });
    for (const name of names) assert.equal(Object.getOwnPropertyDescriptor(open.env, name)?.value, 'x');
    assert.equal(Object.getPrototypeOf(open.env), Object.prototype);
  });
});

describe('TERM', () => {
  const cases: [said: string, term: string][] = [
    ['XTERM-256COLOR', 'xterm-256color'],
    ['xterm', 'xterm'],
    ['VT220', 'vt220'],
    ['VT100', 'ansi'],
    ['vt52', 'ansi'],
    ['VTNT', 'ansi'],
    ['ANSI', 'ansi'],
    ['screen.xterm-256color', 'screen.xterm-256color'],
    ['xterm+256color', 'xterm+256color'],
    ['UNKNOWN', 'xterm'],
    ['', 'xterm'],
  ];
  for (const [said, term] of cases) it(`${said || '(empty)'} → ${term}`, () => assert.equal(termOf(said), term));

  const bad = [
    '../../etc/passwd',
    '/tmp/x',
    'a/b',
    '-x',
    '.x',
    'a..b',
    'x y',
    'x\n',
    'x\0',
    '\x1b[2J',
    'ü',
    '%n',
    '$x',
  ];
  for (const said of [...bad, 'x'.repeat(65), 'x'.repeat(100_000)]) {
    it(`refuses ${escapeText(said, 30)}`, () => {
      const { env, rejected } = build({}, { term: 'vt220' }, { terminalType: said });
      assert.equal(env.TERM, 'vt220');
      assert.equal(rejected.length, 1);
      assert.equal(rejected[0]?.name, 'TERM');
      assert.ok((rejected[0]?.value.length ?? 0) <= 65);
      assert.ok(!isTerminalName(said));
    });
  }

  it("does not change the operator's default", () => assert.equal(termOf('', { term: 'VT100' }), 'VT100'));
  it('is not accepted as a variable of the client', () => {
    assert.equal(build({ TERM: 'evil' }, { acceptEnv: ['TERM'] }).env.TERM, 'xterm');
  });
});

describe('the locale', () => {
  const locale = (environ: Record<string, string>, policy: EnvironmentPolicy = {}, charset?: string) => {
    const { env } = build(environ, policy, { charset });
    return Object.fromEntries(Object.entries(env).filter(([name]) => name === 'LANG' || name.startsWith('LC_')));
  };
  const both = (value: string) => ({ LANG: value, LC_ALL: value });

  it("is the client's LANG", () => {
    assert.deepEqual(locale({ LANG: 'de_DE.ISO-8859-1' }, {}, 'UTF-8'), both('de_DE.ISO-8859-1'));
    assert.deepEqual(locale({ LANG: 'C' }), both('C'));
  });
  it('is otherwise en_US in the negotiated set, or in the default one', () => {
    assert.deepEqual(locale({}, { encoding: 'latin1' }, 'KOI8-R'), both('en_US.KOI8-R'));
    assert.deepEqual(locale({}, { encoding: 'latin1' }), both('en_US.ISO-8859-1'));
    assert.deepEqual(locale({}, { encoding: 'cp437' }, 'klingon'), both('en_US.CP437'));
    assert.deepEqual(locale({}), both('en_US.UTF-8'));
    assert.equal(defaultLocale('windows-1251'), 'en_US.CP1251');
    assert.equal(defaultLocale('us-ascii'), 'C');
    assert.equal(defaultLocale('petscii'), 'C');
  });
  it("is in the program's own character set, if it has one, with the client's language", () => {
    const own = (environ: Record<string, string>, programEncoding = 'utf8', more: EnvironmentPolicy = {}) =>
      locale(environ, { programEncoding, encoding: 'latin1', ...more }, 'KOI8-R');
    assert.deepEqual(own({}), both('en_US.UTF-8'));
    assert.deepEqual(own({}, 'utf8', { locale: 'C.UTF-8' }), both('C.UTF-8'));
    assert.deepEqual(own({}, 'cp437'), both('en_US.CP437'));
    assert.deepEqual(own({ LANG: 'de_DE.ISO-8859-1@euro' }), both('de_DE.UTF-8'));
    assert.deepEqual(own({ LANG: 'sr_RS@latin', LC_TIME: 'C' }), { LANG: 'sr_RS.UTF-8@latin', LC_TIME: 'C.UTF-8' });
    assert.deepEqual(own({ LANG: 'POSIX' }, 'koi8-r'), both('C'));
    for (const set of ['us-ascii', 'big5-uao']) assert.deepEqual(own({ LANG: 'zh_TW.UTF-8' }, set), both('C'));
    assert.deepEqual(own({ LANG: 'zh_TW.UTF-8' }, 'client'), both('zh_TW.UTF-8'));
    assert.deepEqual(own({ LANG: 'de_DE' }, 'utf8', { env: { LANG: 'fr_FR' } }), { LANG: 'fr_FR' });
  });
  it("contains the client's own LC_ALL instead of the derived one", () => {
    assert.deepEqual(locale({ LC_ALL: 'C' }), { LANG: 'en_US.UTF-8', LC_ALL: 'C' });
    assert.deepEqual(locale({ LANG: 'de_DE', LC_ALL: 'C' }), { LANG: 'de_DE', LC_ALL: 'C' });
  });
  it('derives no LC_ALL that would hide a category of the client', () => {
    assert.deepEqual(locale({ LANG: 'de_DE.UTF-8', LC_TIME: 'C' }), { LANG: 'de_DE.UTF-8', LC_TIME: 'C' });
  });
  it("neither derives nor accepts a value that would override the operator's", () => {
    assert.deepEqual(locale({ LANG: 'de_DE', LC_ALL: 'de_DE', LC_TIME: 'C' }, { env: { LANG: 'fr_FR' } }), {
      LANG: 'fr_FR',
    });
    assert.deepEqual(locale({ LANG: 'de_DE' }, { env: { LC_ALL: 'fr_FR' } }), { LC_ALL: 'fr_FR' });
    assert.deepEqual(locale({ LANG: 'de_DE', LC_ALL: 'x' }, { env: { LC_TIME: 'C' } }), {
      LANG: 'de_DE',
      LC_TIME: 'C',
    });
  });
  for (const value of ['/etc/x', '../x', 'a..b', 'de_DE\n', '-x', '.x', 'de DE', 'x;y', '$(id)', 'x'.repeat(100_000)]) {
    it(`refuses LANG=${escapeText(value, 20)}`, () => {
      for (const name of ['LANG', 'LC_ALL', 'LC_CTYPE']) {
        const { env, rejected } = build({ [name]: value });
        assert.deepEqual([env.LANG, env.LC_ALL, env.LC_CTYPE], ['en_US.UTF-8', 'en_US.UTF-8', undefined]);
        assert.equal(rejected.length, 1);
      }
    });
  }
});

describe('other variables of the client', () => {
  const good: Record<string, string[]> = {
    COLORTERM: ['truecolor', '24bit', 'gnome-terminal'],
    DISPLAY: [':0', ':0.1', 'localhost:10.0', 'unix:0', '192.0.2.1:0.0', 'host-1.example:99'],
    TZ: ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5', 'CET-1CEST', 'EST5EDT'],
    LC_CTYPE: ['de_DE.UTF-8@euro'],
    LC_PAPER: ['de_DE'],
  };
  for (const [name, values] of Object.entries(good)) {
    for (const value of values) it(`${name}=${value}`, () => assert.equal(build({ [name]: value }).env[name], value));
  }
  const bad: Record<string, string[]> = {
    COLORTERM: ['-x', 'a b', 'a/b', '\x1b', 'x'.repeat(129)],
    DISPLAY: ['host', '/tmp/x:0', '-x:0', 'a:b', ':0.0.0', 'host::0', 'tcp/host:0', ':123456', '..:0'],
    TZ: [
      ':/etc/passwd',
      '/etc/passwd',
      '../x',
      'a/../b',
      'a//b',
      'a/b/c/d',
      ':UTC',
      '-x',
      'Europe/',
      'x\n',
      '<x>5',
      'a.b',
    ],
  };
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      it(`not ${name}=${escapeText(value, 30)}`, () => {
        const { env, rejected } = build({ [name]: value });
        assert.ok(!(name in env));
        assert.equal(rejected.length, 1);
      });
    }
  }

  it('ignores an empty variable, without a report', () => {
    assert.deepEqual(build({ LANG: '', TZ: '', DISPLAY: '' }), build());
  });
  it('accepts no other variable unless it is listed, and checks it then', () => {
    const { rejected } = build({ USER: 'bob', FOO: 'x' });
    assert.deepEqual(
      rejected.map(({ name }) => name),
      ['USER', 'FOO'],
    );
    assert.equal(build({ USER: 'bob' }, { acceptEnv: ['USER'] }).env.USER, 'bob');
    for (const value of ['-f root', '-froot', 'a b', 'a\nb', 'a\0b', 'x'.repeat(257), '../x', 'a/b', '`id`']) {
      const { env, rejected } = build({ USER: value }, { acceptEnv: ['USER'] });
      assert.equal(env.USER, 'alice');
      assert.equal(rejected.length, 1);
    }
  });
  it('reports a refused variable once, escaped and truncated', () => {
    const { rejected } = build({ 'A\x1b[2J\n': `\r\n\0\u202e${'x'.repeat(1000)}` });
    assert.equal(rejected.length, 1);
    const [{ name, value, reason } = assert.fail()] = rejected;
    assert.equal(name, 'A\\x1b[2J\\x0a');
    assert.match(value, /^\\x0d\\x0a\\x00\\u\{202e\}x+…$/);
    assert.equal(reason, 'not a name of a variable');
  });
  it('requests the names that it accepts', () => {
    assert.deepEqual(requestedNames({ acceptEnv: ['FOO', 'LANG', 'LD_PRELOAD', 'a b'] }), [
      ...['LANG', 'LC_ALL', 'LC_CTYPE', 'LC_COLLATE', 'LC_MESSAGES', 'LC_MONETARY', 'LC_NUMERIC', 'LC_TIME'],
      ...['COLORTERM', 'DISPLAY', 'TZ', 'FOO'],
    ]);
  });
});

// Names that attackers sent from 1999 (CVE-1999-0073) to 2026 (CVE-2026-28372), and names that sudo and glibc remove.
const attacks = [
  'LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT LD_DEBUG_OUTPUT LD_ANYTHING DYLD_INSERT_LIBRARIES _RLD_LIST _RLDN32_LIST LIBPATH',
  'SHLIB_PATH GCONV_PATH LOCPATH NLSPATH PATH_LOCALE GETCONF_DIR GLIBC_TUNABLES MALLOC_TRACE MALLOC_CHECK_ TZDIR NIS_PATH',
  'HOSTALIASES RES_OPTIONS RESOLV_HOST_CONF LOCALDOMAIN TMPDIR BASH_ENV ENV BASH_FUNC_ls BASHOPTS SHELLOPTS IFS CDPATH',
  'PATH PS4 PROMPT_COMMAND GLOBIGNORE MAILPATH FPATH NULLCMD READNULLCMD ZDOTDIR TMPPREFIX INPUTRC HISTFILE HOME SHELL',
  'LOGNAME TERMINFO TERMINFO_DIRS TERMCAP TERMPATH NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NPM_CONFIG_PREFIX',
  'PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONINSPECT PYTHONUSERBASE PERL5LIB PERL5OPT PERLLIB PERL5DB PERLIO_DEBUG',
  'RUBYLIB RUBYOPT JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH LUA_INIT LUA_PATH LUA_CPATH TCLLIBPATH',
  'TCL_LIBRARY PHPRC PHP_INI_SCAN_DIR GODEBUG CREDENTIALS_DIRECTORY EDITOR VISUAL PAGER MANPAGER BROWSER LESS LESSOPEN',
  'LESSCLOSE GIT_SSH_COMMAND GIT_EDITOR SSH_AUTH_SOCK SSH_ASKPASS SUDO_ASKPASS TMUX TMUX_TMPDIR SCREENRC SCREENDIR',
  'KRB5_CONFIG KRB5CCNAME KRB5_KTNAME XAUTHORITY XDG_CONFIG_HOME DBUS_SESSION_BUS_ADDRESS TELPTY_REMOTE_ADDRESS',
  'OPENSSL_CONF SSL_CERT_FILE http_proxy HTTPS_PROXY all_proxy VIMINIT EXINIT AUTHSTATE VAR_ACE LISTEN_FDS NOTIFY_SOCKET',
].flatMap(line => line.split(' '));

describe('names that control programs', () => {
  for (const name of attacks) {
    it(`${name} is never accepted, even if listed`, () => {
      assert.ok(isForbiddenName(name));
      for (const spelled of [name, name.toLowerCase()]) {
        const base = build();
        const { env, rejected } = build({ [spelled]: 'x' }, { acceptEnv: [spelled] });
        assert.deepEqual(env, base.env);
        assert.equal(rejected.length, 1);
      }
    });
  }
  it('does not forbid ordinary names', () => {
    const names =
      'USER LANG LC_ALL TZ DISPLAY COLORTERM FOO NETHACKOPTIONS CHARACTER MUD_NAME LANGUAGE NO_COLOR TERM_PROGRAM';
    for (const name of names.split(' ')) assert.ok(!isForbiddenName(name), name);
  });

  it('no accepted value has a forbidden character, and no accepted name is forbidden (property)', () => {
    const name = fc.oneof(
      fc.constantFrom(...attacks, 'LANG', 'LC_ALL', 'LC_TIME', 'TZ', 'DISPLAY', 'COLORTERM', 'USER', 'TERM'),
      fc.string(),
    );
    const hostile = fc.constantFrom(
      '-',
      '/',
      '..',
      ':',
      '\n',
      '\0',
      '\x1b',
      ' ',
      '$',
      '`',
      'de_DE',
      'UTC',
      ':0',
      '%',
      '=',
      '\u202e',
      'A',
    );
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(hostile, { maxLength: 8 }).map(parts => parts.join('')),
    );
    const own = new Set(Object.keys(build().env));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), value, fc.boolean(), (variables, terminalType, listed) => {
        const environ = new Map(variables);
        const acceptEnv = listed ? [...environ.keys()] : [];
        const { env, rejected } = programEnvironment({ user: alice, environ, terminalType }, { acceptEnv });
        for (const [key, content] of Object.entries(env)) {
          if (own.has(key) && content === build().env[key]) continue;
          assert.ok(!isForbiddenName(key), key);
          assert.match(
            content,
            key === 'TZ' ? /^[A-Za-z0-9_+][A-Za-z0-9_+/-]*$/ : /^[A-Za-z0-9._+:@][A-Za-z0-9._+:@-]{0,255}$/,
          );
          assert.ok(!content.includes('..') && !content.startsWith('/'));
        }
        for (const entry of rejected)
          assert.match(entry.name + entry.value + entry.reason, /^[^\p{Cc}\p{Cf}\p{Cs}]*$/u);
        // Every variable is either accepted, reported, or empty.
        for (const [key, content] of environ) {
          const reported = rejected.some(entry => entry.name === escapeText(key, 64));
          assert.ok(content === '' || reported || env[key] === content, key);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('escapeText', () => {
  const cases: [text: string, escaped: string][] = [
    ['plain äöü 日本 🙂', 'plain äöü 日本 🙂'],
    ['\x00\x07\r\n\x1b\x7f\x9b', '\\x00\\x07\\x0d\\x0a\\x1b\\x7f\\x9b'],
    ['\u202a\u202e\u2066\u2069\u200e\u200f\u2028', '\\u{202a}\\u{202e}\\u{2066}\\u{2069}\\u{200e}\\u{200f}\\u{2028}'],
    ['\ud800x\udc00', '\\u{d800}x\\u{dc00}'],
    ['\\x1b', '\\\\x1b'],
    ['\u{e0041}', '\\u{e0041}'],
  ];
  for (const [text, escaped] of cases) it(escaped, () => assert.equal(escapeText(text), escaped));

  it('truncates, but never inside an escape', () => {
    assert.equal(escapeText('abcdef', 6), 'abcdef');
    assert.equal(escapeText('abcdefg', 6), 'abcdef…');
    assert.equal(escapeText('abcd\x1b', 6), 'abcd…');
    assert.equal(escapeText('x'.repeat(10_000_000), 3), 'xxx…');
  });
  it('is printable and short for any text (property)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(40), (text, max) => {
        const escaped = escapeText(text, max);
        assert.match(escaped, /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u);
        assert.ok(escaped.length <= max + 1);
      }),
    );
  });
});
