/**
 * Conversion between character sets: exact where possible, similar otherwise, and independent of how the input is cut.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import iconv from 'iconv-lite';
import { Converter, canonicalCharset, decoder, encoder } from '../../src/charset/index.ts';
import { columnsOfText } from '../../src/charset/width.ts';

iconv.encodingExists('utf8');
const known = Object.keys((iconv as unknown as { encodings: Record<string, unknown> }).encodings);
const own = ['PETSCII', 'ATASCII', 'ATARI-ST', 'Big5-UAO'];
/** Every set that has a name here. */
const charsets = [...new Set([...known, ...own].flatMap(name => canonicalCharset(name) ?? []))];
const anyCharset = fc.constantFrom(...charsets);
const withoutOwnAscii = ['PETSCII', 'ATASCII', 'VISCII', 'TCVN5712-1', 'ARMSCII-8', 'IBM864', 'GB_1988-80'];
withoutOwnAscii.push('JIS_C6220-1969-ro');

const bytes = fc.uint8Array({ maxLength: 64 });
/** Bytes as in real text: many letters of the set, some of ASCII. */
const text = fc.string({ unit: 'grapheme', maxLength: 32 });
const cuts = fc.array(fc.nat({ max: 64 }), { maxLength: 8 });

function cutAt(whole: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [0, ...places.map(place => Math.min(place, whole.length)).sort((a, b) => a - b), whole.length];
  return sorted.slice(1).map((end, at) => whole.subarray(sorted[at], end));
}

const convert = (from: string, to: string, whole: Uint8Array, places: readonly number[] = []): Buffer => {
  const converter = new Converter(from, to, { halvesMayBeApart: true });
  const parts = cutAt(whole, places).map(part => Buffer.from(converter.write(part)));
  return Buffer.concat([...parts, converter.end()]);
};

describe('the decoder of UTF-8', () => {
  it('returns the same as TextDecoder, however the input is cut and with ASCII between (property)', () => {
    const parts = fc.array(
      fc.oneof(
        bytes,
        text.map(letters => Buffer.from(letters)),
        fc.string({ unit: 'grapheme-ascii' }).map(letters => Buffer.from(letters)),
      ),
    );
    fc.assert(
      fc.property(parts, cuts, (pieces, places) => {
        const whole = Buffer.concat(pieces);
        const utf8 = decoder('UTF-8');
        for (let round = 0; round < 2; round++) {
          const decoded = cutAt(whole, places).map(part => utf8.write(part));
          const expected = new TextDecoder('utf-8', { ignoreBOM: true }).decode(whole);
          assert.equal(decoded.join('') + utf8.end(), expected);
        }
      }),
    );
  });

  it('does not pass ASCII to TextDecoder, unless part of a character waits', context => {
    const { mock } = context.mock.method(TextDecoder.prototype, 'decode');
    const utf8 = decoder('UTF-8');
    const write = (...parts: (string | number[])[]) => parts.map(part => utf8.write(Buffer.from(part as string)));
    assert.deepEqual(write('plain ', 'é', 'text\r\n', [0xc3], 'a', 'b'), [
      'plain ',
      'é',
      'text\r\n',
      '',
      '\ufffda',
      'b',
    ]);
    assert.equal(mock.callCount(), 4);
    assert.deepEqual([...write([0xc3]), utf8.end(), ...write('c')], ['', '\ufffd', 'c']);
    assert.equal(mock.callCount(), 6);
  });
});

describe('Converter', () => {
  it('returns the same for any input, however it is cut (property)', () => {
    const mixed = fc.oneof(
      bytes,
      text.map(letters => Buffer.from(letters)),
    );
    fc.assert(
      fc.property(anyCharset, anyCharset, mixed, cuts, (from, to, whole, places) => {
        assert.deepEqual(convert(from, to, whole, places), convert(from, to, whole));
      }),
      { numRuns: 4_000 },
    );
  });

  it('returns the same if control sequences are within characters, however they are cut (property)', () => {
    const parts = fc.constantFrom('\xa4', '\x40', '\xa4\x40', '\x1b', '[', '[31m', '\x1b[1;31 m', ' ', '/', 'a', '\n');
    const coloured = fc.array(parts, { maxLength: 12 }).map(all => Buffer.from(all.join(''), 'latin1'));
    fc.assert(
      fc.property(coloured, cuts, (whole, places) => {
        assert.deepEqual(convert('Big5-UAO', 'UTF-8', whole, places), convert('Big5-UAO', 'UTF-8', whole));
      }),
      { numRuns: 4_000 },
    );
  });

  it('restores all characters that a set has (property)', () => {
    fc.assert(
      fc.property(anyCharset, bytes, (charset, whole) => {
        const said = decoder(charset);
        const letters = (said.write(whole) + said.end()).replaceAll('\ufffd', '');
        // In some sets several bytes stand for one character; the text is stable after it was encoded once.
        const written = encoder(charset).write(letters);
        const again = decoder(charset);
        assert.equal(
          encoder(charset)
            .write(again.write(written) + again.end())
            .equals(written),
          true,
          charset,
        );
        if (own.includes(charset) || charset === 'UTF-8') {
          const back = decoder(charset);
          assert.equal(back.write(written) + back.end(), letters, charset);
        }
      }),
      { numRuns: 4_000 },
    );
  });

  it('passes ASCII with its control sequences unchanged through all sets that contain it', () => {
    const ascii = Buffer.from(Array.from({ length: 128 }, (_, code) => code));
    for (const charset of charsets.filter(name => !withoutOwnAscii.includes(name))) {
      assert.deepEqual(convert('UTF-8', charset, ascii), ascii, charset);
      assert.deepEqual(convert(charset, 'UTF-8', ascii), ascii, charset);
    }
  });

  it('returns the same buffer if nothing changes', () => {
    const plain = Buffer.from('\x1b[1mplain\x1b[m\r\n');
    assert.equal(new Converter('UTF-8', 'KOI8-R').write(plain), plain);
  });

  it('keeps the width of a line (property)', () => {
    const printable = text.map(letters => letters.replace(/[\p{Cc}\p{Cs}\p{Cn}\p{Co}]/gu, ''));
    fc.assert(
      fc.property(anyCharset, printable, (charset, letters) => {
        const written = encoder(charset).write(letters);
        const read = decoder(charset);
        assert.equal(columnsOfText(read.write(written) + read.end()), columnsOfText(letters), charset);
      }),
      { numRuns: 4_000 },
    );
  });

  it('holds back only the beginning of a character', () => {
    const utf8 = new Converter('UTF-8', 'ISO-8859-1');
    assert.equal(utf8.write(Buffer.of(0xc3)).length, 0);
    assert.deepEqual([...utf8.write(Buffer.of(0xa9))], [0xe9]);
    assert.equal(utf8.write(Buffer.of(0xc3)).length, 0);
    assert.equal(Buffer.from(utf8.write(Buffer.from('\x1b[A'))).toString(), '?\x1b[A');
    // A letter of a one-byte set is complete at once, and so is ESC.
    const latin1 = new Converter('ISO-8859-1', 'UTF-8');
    assert.equal(Buffer.from(latin1.write(Buffer.of(0xe9))).toString(), 'é');
    assert.equal(Buffer.from(latin1.write(Buffer.of(0x1b))).toString(), '\x1b');
    const sjis = new Converter('Shift_JIS', 'UTF-8');
    assert.equal(sjis.write(Buffer.of(0x93)).length, 0);
    assert.equal(Buffer.from(sjis.write(Buffer.of(0xfa))).toString(), '日');
  });

  it('refuses an unknown set', () => {
    for (const make of [() => encoder('klingon'), () => decoder(''), () => new Converter('UTF-8', 'utf-16')])
      assert.throws(make, { code: 'ERR_INVALID_ARGUMENT' });
  });
});

describe('look-alikes', () => {
  const cases: [charset: string, text: string, shown: string][] = [
    ['US-ASCII', '┌─┬┐╔═╦╗╭╮', '+-+++=++++'],
    ['US-ASCII', '│┃║└┘├┼╋╱╲╳', '|||+++++/\\X'],
    ['US-ASCII', '“quoted” ‘text’ – — … • ·', '"quoted" \'text\' - - . * .'],
    ['US-ASCII', 'Ångström café naïve Żółć ﬁ', 'Angstrom cafe naive Zolc f'],
    ['US-ASCII', '←↑→↓ ▲▼◀▶ ■□●○★', '<^>v ^v<> ##*o*'],
    ['US-ASCII', '█▓▒░▀▄▌▐', '##%:"#||'],
    ['US-ASCII', '✓ ✗ ❯ ⠋ 5 €', 'v x > : 5 E'],
    ['US-ASCII', '日本 ｗｉｄｅ 😀', '???? w i d e  ??'],
    ['US-ASCII', 'e\u0301a\u200d\ufe0fb', 'eab'],
    ['US-ASCII', 'Привет, ΚΟΣΜΕ', 'Privet, KOSME'],
    ['US-ASCII', 'a\u00a0b\u2003c\u3000d', 'a b c  d'],
    ['US-ASCII', '\u009b1m', '\x1b[1m'],
    ['IBM437', '┏━┓╭─╮╔═╗ ░▒▓█ ▁▂▃▄', '┌─┐┌─┐╔═╗ ░▒▓█ __▄▄'],
    ['IBM437', '“é” ≤≥≈√ ● …', '"é" ≤≥≈√ ∙ .'],
    ['IBM437', '♥♦♣♠ ☺', '**** @'],
    ['ISO-8859-1', '┌─┐ “ä” € ß Ł', '+-+ "ä" E ß L'],
    ['ISO-8859-15', '€ Š', '€ Š'],
    ['KOI8-R', 'Привет ─│┌ ● é', 'Привет ─│┌ ∙ e'],
    ['Shift_JIS', '日本 é ─', '日本 e ─'],
    ['windows-1258', 'Tiếng Việt ậ', 'Tiếng Việt ậ'],
    ['PETSCII', '{~}`\\^_|', "(-)'▚↑▁│"],
    ['ATASCII', '{~}`€', "(-)'E"],
    ['GB_1988-80', '$~ ', 'S- '],
  ];
  for (const [charset, letters, shown] of cases) {
    it(`${charset}: ${JSON.stringify(letters)} → ${JSON.stringify(shown)}`, () => {
      const read = decoder(charset);
      assert.equal((read.write(encoder(charset).write(letters)) + read.end()).normalize(), shown);
    });
  }
});
