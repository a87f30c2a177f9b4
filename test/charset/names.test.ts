import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import iconv from 'iconv-lite';
import { canonicalCharset, charsetOfLocale, localeCodeset } from '../../src/charset/index.ts';

/** Every name that iconv-lite knows; its table is not in its types. */
function codecNames(): string[] {
  iconv.encodingExists('utf8');
  return Object.keys((iconv as unknown as { encodings: Record<string, unknown> }).encodings);
}

describe('canonicalCharset', () => {
  const cases: [canonical: string, ...names: string[]][] = [
    ['UTF-8', 'utf8', 'UTF-8', 'Utf_8', 'csUTF8', '65001', 'cp65001'],
    ['US-ASCII', 'us-ascii', 'ASCII', 'ANSI_X3.4-1968', 'ISO_646.irv:1991', '646', 'csASCII', 'IBM367'],
    ['ISO-8859-1', 'latin1', 'ISO8859-1', 'iso_8859-1:1987', 'l1', 'IBM819', 'cp819', 'csISOLatin1', '28591'],
    ['ISO-8859-2', 'latin-2', 'ISO-8859-2'],
    ['ISO-8859-9', 'latin5', 'ISO_8859-9'],
    ['ISO-8859-15', 'latin9', 'iso885915', 'ISO-8859-15'],
    ['KOI8-R', 'koi8r', 'KOI8-R', 'cp20866', 'csKOI8R'],
    ['KOI8-U', 'koi8-u'],
    ['Shift_JIS', 'sjis', 'SHIFT-JIS', 'shiftjis', 'csShiftJIS'],
    ['Windows-31J', 'cp932', 'MS932', 'windows-31j'],
    ['EUC-JP', 'eucJP', 'ujis', 'EUC-JP'],
    ['EUC-KR', 'euckr', 'EUC-KR', 'KS_C_5601-1987'],
    ['GB2312', 'gb2312', 'EUC-CN'],
    ['GBK', 'gbk', 'cp936', 'windows-936'],
    ['GB18030', 'gb18030'],
    ['Big5', 'big5', 'csBig5'],
    ['Big5-HKSCS', 'big5hkscs'],
    ['Big5-UAO', 'big5uao', 'uao', 'big5bbs', 'BIG5-BBS'],
    ['PETSCII', 'petscii', 'c64', 'Commodore', 'cbm'],
    ['ATASCII', 'atascii', 'atari-8bit'],
    ['ATARI-ST', 'AtariST', 'atari', 'TOS'],
    ['TIS-620', 'tis620'],
    ['windows-1250', 'cp1250', 'win1250', 'WINDOWS-1250', '1250'],
    ['windows-1251', 'CP1251', 'cswindows1251'],
    ['windows-1258', 'cp1258'],
    ['windows-874', 'cp874'],
    ['IBM437', 'cp437', 'IBM437', '437', 'ibm-437', 'csPC8CodePage437', 'dos-437'],
    ['IBM850', 'cp850'],
    ['IBM866', 'cp866', 'ibm866'],
    ['IBM00858', 'cp858', 'IBM00858', 'CCSID00858'],
    ['CP737', 'cp737', '737', 'ibm737'],
    ['CP1125', 'cp1125'],
    ['macintosh', 'mac', 'MacRoman'],
    ['VISCII', 'viscii'],
  ];
  for (const [canonical, ...names] of cases) {
    it(`${names.join(', ')} → ${canonical}`, () => {
      for (const name of [canonical, ...names]) assert.equal(canonicalCharset(name), canonical, name);
    });
  }

  it('ignores zeros before a number anywhere in the name, and spaces', () => {
    const spelled: [canonical: string, ...names: string[]][] = [
      ['ISO-8859-2', 'iso-8859-02', 'iso 8859-02', 'ISO_8859-02:1987', 'iso885902', 'iso8859-002', 'csISO885902'],
      ['ISO-8859-1', 'iso-8859-01', 'latin01', 'ISO 8859 1', 'iso-08859-01'],
      ['ISO-8859-15', 'iso-8859-015', 'ISO 8859-15'],
      ['ISO-8859-10', 'iso8859-10', 'iso 8859-010'],
      ['IBM437', 'cp0437', 'IBM 0437', 'cp00437'],
      ['windows-1252', 'windows-01252', 'Windows 1252', 'cp01252'],
      ['IBM00858', 'IBM858', 'ibm 00858', 'cp0858'],
      ['UTF-8', 'utf-08', 'UTF 8'],
      ['KOI8-R', 'koi08-r', 'KOI8 R'],
    ];
    for (const [canonical, ...names] of spelled) {
      for (const name of names) assert.equal(canonicalCharset(name), canonical, name);
    }
  });

  it('finds every set by its name with zeros before any of its numbers', () => {
    const names = codecNames()
      .map(canonicalCharset)
      .filter(name => name !== undefined);
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(3), fc.integer({ min: 1, max: 3 }), (name, which, zeros) => {
        let at = 0;
        const spelled = name.replace(/\d+/g, number => (at++ === which ? '0'.repeat(zeros) + number : number));
        assert.equal(canonicalCharset(spelled), name, spelled);
        assert.equal(canonicalCharset(name.replaceAll('-', ' ')), name);
      }),
    );
  });

  it('returns undefined for unknown sets, and for sets that a terminal cannot use', () => {
    const none = [
      'klingon',
      '',
      ' ',
      'base64',
      'hex',
      'binary',
      'utf-16',
      'UTF-16LE',
      'ucs2',
      'utf-32',
      'utf7',
      'utf7-imap',
    ];
    none.push(
      '__proto__',
      'constructor',
      'toString',
      '_internal',
      '_sbcs',
      '_dbcs',
      '99999',
      'cp1',
      'latin1\n',
      'läteen1',
    );
    none.push('latin❤1', 'utf-8 ', 'utf8\0', '-', 'cs', '.'.repeat(100), `utf8${'-'.repeat(100)}`);
    for (const name of none) assert.equal(canonicalCharset(name), undefined, JSON.stringify(name));
  });

  it('resolves every name of iconv-lite except those listed here', () => {
    const unfit = /^(_.*|ascii8bit|binary|base64|hex|ucs.*|utf16.*|utf32.*|utf7.*|unicode11utf7|cesu8|mac.+|100\d\d)$/;
    const lost = codecNames().filter(name => canonicalCharset(name) === undefined && !unfit.test(name));
    assert.deepEqual(lost, []);
  });

  it('returns only stable names that iconv-lite can convert and that have a locale name', () => {
    for (const name of codecNames()) {
      const canonical = canonicalCharset(name);
      if (canonical === undefined) continue;
      // iconv-lite does not know two names of IANA, but it knows their aliases.
      const alias = {
        'KZ-1048': 'rk1048',
        PTCP154: 'pt154',
        IBM00858: 'cp858',
        'GB_1988-80': 'cn',
        'JIS_C6220-1969-ro': 'jp',
      };
      const codec = (alias as Record<string, string>)[canonical] ?? canonical;
      assert.ok(iconv.encodingExists(codec), canonical);
      assert.equal(canonicalCharset(canonical), canonical);
      assert.equal(canonicalCharset(localeCodeset(canonical) ?? ''), canonical);
    }
  });

  it('treats only the year of a standard as a year', () => {
    assert.equal(canonicalCharset('ISO_8859-1:1987'), canonicalCharset('ISO-8859-1'));
    assert.equal(canonicalCharset('cp2:8606'), canonicalCharset('cp28606'));
    assert.equal(canonicalCharset('cp:1129'), canonicalCharset('cp1129'));
    assert.equal(canonicalCharset('KS_C_5601:1987'), canonicalCharset('ksc56011987'));
  });

  it('ignores case and punctuation (property)', () => {
    const names = codecNames().filter(name => canonicalCharset(name) !== undefined);
    const noise = fc.array(fc.constantFrom('', '', '-', '_', '.', ':'), { minLength: 24, maxLength: 24 });
    fc.assert(
      fc.property(fc.constantFrom(...names), noise, fc.infiniteStream(fc.boolean()), (name, marks, upper) => {
        const spelled = [...name].map((c, i) => (upper.next().value ? c.toUpperCase() : c) + (marks[i] ?? '')).join('');
        assert.equal(canonicalCharset(spelled), canonicalCharset(name));
      }),
    );
  });

  it('never throws, and its result is valid in a locale (property)', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...codecNames())), name => {
        const codeset = localeCodeset(name);
        assert.equal(codeset === undefined, canonicalCharset(name) === undefined);
        if (codeset !== undefined) assert.match(codeset, /^[A-Za-z0-9][A-Za-z0-9_-]*$/);
      }),
    );
  });
});

describe('localeCodeset', () => {
  const cases = {
    utf8: 'UTF-8',
    latin1: 'ISO-8859-1',
    'koi8-r': 'KOI8-R',
    IBM437: 'CP437',
    'windows-1251': 'CP1251',
    Shift_JIS: 'SJIS',
    'EUC-JP': 'EUC-JP',
    Big5: 'BIG5',
    'US-ASCII': 'US-ASCII',
    klingon: undefined,
    // No system has a locale for these.
    PETSCII: undefined,
    ATASCII: undefined,
    'ATARI-ST': undefined,
    'Big5-UAO': undefined,
  };
  for (const [name, codeset] of Object.entries(cases)) {
    it(`${name} → ${codeset}`, () => assert.equal(localeCodeset(name), codeset));
  }
});

describe('charsetOfLocale', () => {
  const cases: [locale: string, charset: string | undefined][] = [
    ['de_DE.ISO-8859-1@euro', 'ISO-8859-1'],
    ['en_US.UTF-8', 'UTF-8'],
    ['C.utf8', 'UTF-8'],
    ['ru_RU.KOI8-R', 'KOI8-R'],
    ['ja_JP.eucJP', 'EUC-JP'],
    ['be_BY.CP1251', 'windows-1251'],
    ['C', undefined],
    ['POSIX', undefined],
    ['ja_JP', undefined],
    ['de_DE@euro', undefined],
    ['de_DE@euro.UTF-8', undefined],
    ['de_DE.', undefined],
    ['', undefined],
    ['de_DE.klingon', undefined],
    ['de_DE.UTF-8\n', undefined],
    [`${'a'.repeat(100_000)}.UTF-8`, undefined],
    [`a.${'UTF-8'.repeat(20_000)}`, undefined],
  ];
  for (const [locale, charset] of cases) {
    it(`${JSON.stringify(locale).slice(0, 40)} → ${charset}`, () => assert.equal(charsetOfLocale(locale), charset));
  }
});
