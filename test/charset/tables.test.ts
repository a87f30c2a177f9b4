/** The sets that no library has, compared with the charts of Unicode. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decoder, encoder } from '../../src/charset/index.ts';
import { machineOf } from '../../src/screen/machines/index.ts';
import { ATASCII_CHART, PETSCII_CHART } from '../support/clients/home-computer.ts';

const decode = (charset: string, ...bytes: number[]): string => {
  const stream = decoder(charset);
  return stream.write(Uint8Array.from(bytes)) + stream.end();
};
const encode = (charset: string, text: string): number[] => [...encoder(charset).write(text)];

describe('PETSCII', () => {
  it('matches the chart, and has RETURN', () => {
    for (let code = 0; code < 256; code++) {
      const expected = code === 13 ? 13 : (PETSCII_CHART.get(code) ?? 0xfffd);
      assert.equal(decode('PETSCII', code).codePointAt(0), expected, `code ${code}`);
    }
  });

  it('is encoded with the codes of the keyboard', () => {
    assert.deepEqual(encode('petscii', 'aZ─\u00a0▘🮖\r'), [0x41, 0xda, 0xc0, 0xa0, 0xbe, 0xde, 13]);
  });

  it('never needs a code with a meaning in Telnet', () => {
    for (const codePoint of PETSCII_CHART.values()) assert.notEqual(machineOf('PETSCII')?.look(codePoint), 255);
  });
});

describe('ATASCII', () => {
  it('matches the chart, and has the end of line', () => {
    for (let code = 0; code < 128; code++) {
      assert.equal(decode('ATASCII', code).codePointAt(0), ATASCII_CHART.get(code) ?? 0xfffd, `code ${code}`);
    }
    assert.equal(decode('ATASCII', 0x9b), '\n');
    assert.deepEqual(encode('atascii', 'aZ♥♠\n'), [0x61, 0x5a, 0, 0x7b, 0x9b]);
  });

  it('has some characters only in reverse video', () => {
    const looks = { '█': 0x120, '▀': 0x115, '▐': 0x119, '▙': 0x10b, '◤': 0x108, '◘': 0x114 };
    for (const [character, look] of Object.entries(looks))
      assert.equal(machineOf('ATASCII')?.look(character.codePointAt(0)!), look, character);
  });
});

describe('Atari ST', () => {
  // Unicode's ATARIST.TXT: the first and the last of each run that is contiguous here or in Unicode.
  const chart: Record<number, number> = {
    ...{ 65: 0x41, 127: 0x7f, 128: 0xc7, 129: 0xfc, 142: 0xc4, 146: 0xc6, 154: 0xdc, 155: 0xa2, 158: 0xdf },
    ...{ 159: 0x192, 160: 0xe1, 164: 0xf1, 169: 0x2310, 175: 0xbb, 176: 0xe3, 178: 0xd8, 180: 0x153, 181: 0x152 },
    ...{ 184: 0xd5, 185: 0xa8, 187: 0x2020, 191: 0x2122, 192: 0x133, 193: 0x132, 194: 0x5d0, 203: 0x5d9, 204: 0x5db },
    ...{ 205: 0x5dc, 206: 0x5de, 207: 0x5e0, 215: 0x5ea, 216: 0x5df, 217: 0x5da, 218: 0x5dd, 219: 0x5e3, 220: 0x5e5 },
    ...{ 221: 0xa7, 222: 0x2227, 223: 0x221e, 224: 0x3b1, 230: 0xb5, 236: 0x222e, 237: 0x3c6, 238: 0x2208 },
    ...{ 240: 0x2261, 244: 0x2320, 245: 0x2321, 251: 0x221a, 252: 0x207f, 253: 0xb2, 254: 0xb3, 255: 0xaf },
  };

  it('matches the chart', () => {
    for (const [code, codePoint] of Object.entries(chart))
      assert.equal(decode('AtariST', Number(code)).codePointAt(0), codePoint, code);
  });

  it('can encode every character that it decodes', () => {
    for (let code = 0; code < 256; code++) assert.deepEqual(encode('atari', decode('atari', code)), [code]);
  });
});

describe('Big5 of Taiwanese bulletin boards', () => {
  // A sentence with characters that only "Unicode At On" has: kana, simplified characters, a heart.
  const sentence = '一小段中文測試♥一小段中文测试♥中国の短いテスト♥';
  const bytes = 'a440a470ac71a4a4a4e5b4fab8d59ddea440a470ac71a4a4a4e584f286499ddea4a483f6c755b575c6eac7c2c7b5c7c49dde';

  it('matches UAO 2.50', () => {
    assert.equal(encoder('big5-uao').write(sentence).toString('hex'), bytes);
    assert.equal(decode('big5bbs', ...Buffer.from(bytes, 'hex')), sentence);
  });

  it('decodes a character with differently coloured halves, in the colour of the first half', () => {
    const apart = Buffer.from('\x1b[31m\xa4\x1b[1;32m\x40!', 'latin1');
    const colourful = decoder('big5-uao', { halvesMayBeApart: true });
    assert.equal(colourful.write(apart), '\x1b[31m一\x1b[1;32m!');
    const two = decoder('big5-uao', { halvesMayBeApart: true });
    assert.equal(
      [...Buffer.from('\xa4\x1b[m\x1b[7m\x40', 'latin1')].map(b => two.write(Uint8Array.of(b))).join(''),
      '一\x1b[m\x1b[7m',
    );
  });

  it('does not wait for a second half if none can follow', () => {
    for (const [input, shown] of [
      ['\xa4\x1b[1A\r\n', '\ufffd\x1b[1A\r\n'],
      ['\xa4\r\n', '\ufffd\r\n'],
      ['\xa4\x1bOP', '\ufffd\x1bOP'],
      [`\xa4\x1b[${'1;'.repeat(40)}mx`, `\ufffd\x1b[${'1;'.repeat(40)}mx`],
    ] as const) {
      const stream = decoder('big5-uao', { halvesMayBeApart: true });
      assert.equal(stream.write(Buffer.from(input, 'latin1')), shown);
    }
    // Typed text is not coloured: ESC is a key.
    const typed = decoder('big5-uao');
    assert.equal(typed.write(Buffer.from('\xa4\x1b[A', 'latin1')), '\ufffd\x1b[A');
  });
});

describe('halves of characters that are coloured differently', () => {
  const cases = [
    ...['Big5', 'Big5-HKSCS', 'CP950'].map(name => [name, '\xb4', '\xfa', '測'] as const),
    ...['GB2312', 'GBK', 'GB18030'].map(name => [name, '\xb2', '\xe2', '测'] as const),
  ];
  for (const [name, lead, trail, character] of cases) {
    it(`are combined in ${name}, wherever they are cut`, () => {
      for (const [input, shown] of [
        [`a${lead}\x1b[1;31m${trail}b`, `a${character}\x1b[1;31mb`],
        [`${lead}\x1b[m\x1b[7m${trail}${lead}${trail}`, `${character}\x1b[m\x1b[7m${character}`],
        [`${lead}\x1b[1A\r\n`, '\ufffd\x1b[1A\r\n'],
        [`${lead}\x1bOP`, '\ufffd\x1bOP'],
        [`${lead}${trail}\x1b[K${lead}\r\n`, `${character}\x1b[K\ufffd\r\n`],
        [`${lead}\x1b[${'1;'.repeat(40)}mx`, `\ufffd\x1b[${'1;'.repeat(40)}mx`],
      ] as const) {
        const bytes = Buffer.from(input, 'latin1');
        for (const size of [1, 2, 3, bytes.length]) {
          const stream = decoder(name, { halvesMayBeApart: true });
          let text = '';
          for (let at = 0; at < bytes.length; at += size) text += stream.write(bytes.subarray(at, at + size));
          assert.equal(text + stream.end(), shown);
        }
      }
      // Typed text is not coloured.
      assert.equal(decoder(name).write(Buffer.from(`${lead}\x1b[A`, 'latin1')), '\ufffd\x1b[A');
    });
  }
});
