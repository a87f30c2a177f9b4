/** LANG and LC_*: the locales that clients name, their character sets, and the locales that the host has installed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { canonicalCharset, charsetOfLocale } from '../../../src/charset/index.ts';
import { type EnvironmentPolicy, programEnvironment } from '../../../src/shells/environment/environment.ts';
import type { HostLocales } from '../../../src/shells/environment/locale-names.ts';
import { InstalledLocales } from '../../../src/shells/environment/locales.ts';
import { Wire } from '../../support/clients/test-client.ts';
import { hostScript, XTERM } from '../../support/servers/host.ts';
import { startServer } from '../../support/servers/server.ts';
import { compileLocales } from '../../support/system/locales.ts';
import { requireTool } from '../../support/system/tools.ts';

/** A host with these locales, whose names contain their character sets. */
class FakeHost implements HostLocales {
  readonly own: string | undefined;
  readonly asked: string[] = [];
  readonly #names: ReadonlyMap<string, string | undefined>;

  constructor(names: string, own?: string) {
    this.own = own;
    const installed = names.split(' ').filter(Boolean);
    this.#names = new Map([
      ['C', 'US-ASCII'],
      ['POSIX', 'US-ASCII'],
      ...installed.map((name): [string, string | undefined] => [name, charsetOfLocale(name) ?? 'ISO-8859-1']),
    ]);
  }

  charsetOf(name: string): string | undefined {
    this.asked.push(name);
    return this.#names.get(name);
  }
}

const user = { name: 'alice', home: '/', shell: '', uid: 1000 };

/** LANG and LC_* of the program of a client, as `NAME=value`. */
function given(
  locales: HostLocales,
  environ: Record<string, string>,
  charset?: string,
  policy: EnvironmentPolicy = {},
): string {
  const { env } = programEnvironment({ user, environ: new Map(Object.entries(environ)), charset, locales }, policy);
  const names = Object.keys(env).filter(name => name === 'LANG' || name.startsWith('LC_'));
  // LC_ALL repeats LANG if nothing else was set.
  return names
    .filter(name => name !== 'LC_ALL' || env.LC_ALL !== env.LANG)
    .map(name => `${name}=${env[name]}`)
    .join(' ');
}

describe('the locale of a program', () => {
  const bare = new FakeHost('C.UTF-8');
  const none = new FakeHost('');
  const german = new FakeHost('C.UTF-8 en_US.UTF-8 de_DE.UTF-8 de_DE.ISO-8859-1 de_DE', 'de_DE.UTF-8');
  const many = new FakeHost('C.UTF-8 en_US.UTF-8 ja_JP.SJIS ru_RU.KOI8-R pl_PL.ISO-8859-2 zh_TW.BIG5 ru_RU.CP866');

  const cases: [
    what: string,
    host: FakeHost,
    environ: Record<string, string>,
    charset: string | undefined,
    is: string,
  ][] = [
    ["without a request, the server's own", german, {}, undefined, 'LANG=de_DE.UTF-8'],
    ["the server's own is in another set", new FakeHost('C.UTF-8 de_DE', 'de_DE'), {}, undefined, 'LANG=C.UTF-8'],
    ["the server's own is not installed", new FakeHost('C.UTF-8', 'fr_FR.UTF-8'), {}, undefined, 'LANG=C.UTF-8'],
    ['the server has no locale', new FakeHost('C.UTF-8 en_US.UTF-8'), {}, undefined, 'LANG=C.UTF-8'],
    ['without C.UTF-8', new FakeHost('en_US.UTF-8'), {}, undefined, 'LANG=en_US.UTF-8'],
    ['without any locale', none, {}, undefined, 'LANG=C'],
    ["a negotiated set, in the server's own language", german, {}, 'latin1', 'LANG=de_DE.ISO-8859-1'],
    ['a negotiated set, in another language', many, {}, 'KOI8-R', 'LANG=ru_RU.KOI8-R'],
    ['a negotiated set, under another name', many, {}, 'Shift_JIS', 'LANG=ja_JP.SJIS'],
    ['a code page', many, {}, 'cp866', 'LANG=ru_RU.CP866'],
    ['a set without a locale', bare, {}, 'KOI8-R', 'LANG=C'],
    ['ASCII', german, {}, 'us-ascii', 'LANG=C'],
    ["the client's, installed", german, { LANG: 'de_DE.ISO-8859-1' }, 'UTF-8', 'LANG=de_DE.ISO-8859-1'],
    ["the client's, not installed", german, { LANG: 'fr_FR.UTF-8' }, undefined, 'LANG=de_DE.UTF-8'],
    ["the client's, in another spelling", german, { LANG: 'de_DE.utf8' }, undefined, 'LANG=de_DE.UTF-8'],
    ["the client's set, in another language", many, { LANG: 'uk_UA.KOI8-R' }, undefined, 'LANG=ru_RU.KOI8-R'],
    ["the client's set, without a locale", bare, { LANG: 'ja_JP.eucJP' }, undefined, 'LANG=C'],
    ['a name without a set', german, { LANG: 'fr_FR' }, undefined, 'LANG=de_DE.UTF-8'],
    ['a name without a language', german, { LANG: 'C' }, undefined, 'LANG=C'],
    ['LC_ALL', bare, { LC_ALL: 'de_DE.UTF-8' }, undefined, 'LANG=C.UTF-8'],
    ['a category', bare, { LC_TIME: 'de_DE.UTF-8', LC_CTYPE: 'C' }, undefined, 'LC_CTYPE=C LANG=C.UTF-8'],
    ['LC_CTYPE', bare, { LC_CTYPE: 'de_DE.UTF-8' }, undefined, 'LC_CTYPE=C.UTF-8 LANG=C.UTF-8'],
  ];
  for (const [what, host, environ, charset, is] of cases) {
    test(`${what}: ${is}`, () => {
      assert.equal(given(host, environ, charset), is);
      for (const name of host.asked) assert.match(name, /^[A-Za-z0-9_][A-Za-z0-9._+@-]*$/);
    });
  }

  test("is in the program's own character set", () => {
    assert.equal(
      given(german, { LANG: 'de_DE.ISO-8859-1' }, 'latin1', { programEncoding: 'utf8' }),
      'LANG=de_DE.UTF-8',
    );
    assert.equal(given(bare, { LANG: 'de_DE.UTF-8' }, undefined, { programEncoding: 'utf8' }), 'LANG=C.UTF-8');
    assert.equal(given(many, {}, 'UTF-8', { programEncoding: 'koi8-r' }), 'LANG=ru_RU.KOI8-R');
    assert.equal(given(bare, { LANG: 'de_DE.UTF-8' }, 'UTF-8', { programEncoding: 'koi8-r' }), 'LANG=C');
  });

  test("is the operator's, if set", () => {
    const policy = { env: { LANG: 'xx_XX.klingon' } };
    assert.equal(given(bare, { LANG: 'de_DE.UTF-8', LC_TIME: 'x' }, 'latin1', policy), 'LANG=xx_XX.klingon');
    assert.equal(given(german, {}, undefined, { locale: 'en_US.UTF-8' }), 'LANG=en_US.UTF-8');
    assert.equal(given(bare, {}, undefined, { locale: 'fr_FR.UTF-8' }), 'LANG=C.UTF-8');
  });

  test('a locale of the client that was not accepted is reported', () => {
    const environ = new Map([
      ['LANG', 'de_DE.UTF-8'],
      ['LC_TIME', 'C'],
    ]);
    const { rejected } = programEnvironment({ user, environ, locales: bare });
    const reason = 'not installed on this host: C.UTF-8 is used';
    assert.deepEqual(rejected, [{ name: 'LANG', value: 'de_DE.UTF-8', reason }]);
  });
});

describe('the C library', () => {
  test('knows the character sets of its locales', () => {
    const locales = new InstalledLocales(undefined);
    assert.equal(locales.charsetOf('C'), 'US-ASCII');
    assert.equal(locales.charsetOf('xx_YY.UTF-8'), undefined);
  });

  test('is never passed a path', () => {
    const locales = new InstalledLocales(undefined);
    for (const name of ['/usr/lib/locale/C.utf8', '../C.UTF-8', 'C/../C', 'C\0', '', '-C', '.', '..', 'x'.repeat(65)]) {
      assert.equal(locales.charsetOf(name), undefined, name);
    }
  });
});

describe('a program under installed locales', () => {
  // The first two have names that no system has.
  const directory = compileLocales(
    ['xa_XA.UTF-8', 'de_DE', 'UTF-8'],
    ['xa_XA.ISO-8859-1', 'de_DE', 'ISO-8859-1'],
    ['ru_RU.KOI8-R', 'ru_RU', 'KOI8-R'],
    ['ru_RU.CP866', 'ru_RU', 'IBM866'],
  );

  // Programs report a missing locale on their standard error.
  const look = () =>
    `locale charmap; ${requireTool('perl')} -e 1; bash -c "echo LANG=$LANG LC_ALL=$LC_ALL"; locale >/dev/null; echo done`;

  test('has one in the negotiated character set, and no program complains', async () => {
    await using host = await hostScript(look(), { env: { LOCPATH: directory } });
    for (const [charset, locale] of [
      ['KOI8-R', 'ru_RU.KOI8-R'],
      ['IBM866', 'ru_RU.CP866'],
    ] as const) {
      await using wire = await host.connect({ ...XTERM, charset });
      await wire.expect('done');
      const lines = [canonicalCharset(charset), `LANG=${locale} LC_ALL=${locale}`, 'done'];
      assert.equal(wire.text(), lines.map(line => `${line}\r\n`).join(''));
    }
  });

  test("has the client's, if that is installed, and otherwise another; no program complains in either case", async () => {
    await using host = await hostScript(look(), { env: { LOCPATH: directory } });
    for (const [locale, seen] of [
      ['xa_XA.ISO-8859-1', /^ISO-8859-1\r\nLANG=xa_XA.ISO-8859-1 LC_ALL=xa_XA.ISO-8859-1\r\ndone\r\n$/],
      ['xb_XB.KOI8-R', /^KOI8-R\r\nLANG=ru_RU.KOI8-R LC_ALL=ru_RU.KOI8-R\r\ndone\r\n$/],
      ['xb_XB.UTF-8', /^UTF-8\r\nLANG=(\S+) LC_ALL=\1\r\ndone\r\n$/],
      ['xb_XB.ARMSCII-8', /^ANSI_X3.4-1968\r\nLANG=C LC_ALL=C\r\ndone\r\n$/],
    ] as const) {
      await using wire = await host.connect({ ...XTERM, charset: 'refuse', environ: { LANG: locale } });
      await wire.expect('done');
      assert.match(wire.text(), seen);
    }
  });

  const tell = async (LANG: string | undefined, args: readonly string[], program: readonly string[]) => {
    const env = { LANG, LC_ALL: undefined, LC_CTYPE: undefined };
    // A login shell reads the profile in HOME.
    await using server = await startServer(['--env', `HOME=${directory}`, ...args], { env, program });
    await using wire = await Wire.connect(server.port, { ttype: ['xterm'], size: [80, 24] });
    await wire.expect('done');
    assert.doesNotMatch(server.stderr, /locale/);
    return wire.text();
  };

  test("has the server's own, if the program finds it and it is in UTF-8", async () => {
    const program = ['bash', '-lc', look()];
    const passed = await tell('xa_XA.UTF-8', ['--env', `LOCPATH=${directory}`], program);
    assert.match(passed, /^UTF-8\r\nLANG=xa_XA.UTF-8 LC_ALL=xa_XA.UTF-8\r\ndone/);
    for (const [own, args] of [
      ['xa_XA.UTF-8', []],
      ['xa_XA.ISO-8859-1', ['--env', `LOCPATH=${directory}`]],
      [undefined, []],
    ] as const) {
      assert.match(await tell(own, args, program), /^UTF-8\r\nLANG=(C|en_US)\.UTF-8 LC_ALL=(C|en_US)\.UTF-8\r\ndone/);
    }
  });

  test("has the operator's", async () => {
    const said = await tell('C', ['--env', 'LANG=xx_XX.klingon'], ['sh', '-c', 'echo "<$LANG|$LC_ALL>"; echo done']);
    assert.match(said, /^<xx_XX.klingon\|>\r\n/);
  });
});

// The last test, because it uses up the lookups for clients in this process.
test('the number of lookups for clients is bounded, and lookups for the server still succeed after that', () => {
  const locales = new InstalledLocales('/no/such/directory');
  const start = process.memoryUsage.rss();
  for (let i = 0; i < 100_000; i++) assert.equal(locales.charsetOf(`aa_BB.set${i}`, true), undefined);
  assert.ok(process.memoryUsage.rss() - start < 64 * 2 ** 20);
  assert.equal(locales.charsetOf('POSIX'), 'US-ASCII');
});
