/** Screens as SVG images: what is drawn where, and that no output of a program becomes markup. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Screen } from '../../src/screen/screen.ts';
import { DARK, renderSvg, type SvgOptions } from '../../src/screen/svg/index.ts';
import { loadScreens } from '../../src/screen/xterm.ts';

await loadScreens();

const WIDTH = 9;
const HEIGHT = 18;

function draw(output: string, options: SvgOptions = {}, [columns, rows] = [20, 5]): string {
  const screen = new Screen(columns!, rows!);
  try {
    screen.write(output);
    return renderSvg(screen, { showsCursor: false, ...options });
  } finally {
    screen.dispose();
  }
}

interface DrawnText {
  readonly text: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** The texts on the screen, without the one in the title bar. */
function textsOf(svg: string): DrawnText[] {
  return [...svg.slice(svg.indexOf('<g ')).matchAll(/<text ([^>]*)>([^<]*)<\/text>/g)].map(
    ([, list = '', text = '']) => ({
      text,
      attributes: Object.fromEntries([...list.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value])),
    }),
  );
}

/** The paths of a colour. */
function pathOf(svg: string, color: string): string {
  return [...svg.slice(svg.indexOf('<g ')).matchAll(/<path ([^>]*) d="([^"]*)"\/>/g)]
    .filter(([, attributes = '']) => attributes.includes(`"${color}"`))
    .map(([, , data]) => data)
    .join('');
}

const ELEMENTS = new Set(['svg', 'title', 'style', 'rect', 'path', 'circle', 'text', 'g']);

/** Fails unless it is well-formed XML of the elements that the renderer uses. Returns their names. */
function elementsOf(svg: string): string[] {
  assert.doesNotMatch(svg, /[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u, 'a character is not text');
  const names: string[] = [];
  const open: string[] = [];
  let at = 0;
  for (const tag of svg.matchAll(/<(\/?)([a-z]+)((?: [\w:-]+="[^"<&]*")*)(\/?)>/g)) {
    const between = svg.slice(at, tag.index);
    assert.match(between, /^(?:[^<>&]|&(?:amp|lt|gt|quot|#39);)*$/, 'text is not escaped');
    at = tag.index + tag[0].length;
    const [, isEnd, name = '', , isEmpty] = tag;
    if (isEnd) assert.equal(open.pop(), name, 'the elements are not nested');
    else {
      assert.ok(ELEMENTS.has(name), `there is an element ${name}`);
      names.push(name);
      if (!isEmpty) open.push(name);
    }
  }
  assert.equal(svg.slice(at), '\n');
  assert.deepEqual(open, []);
  return names;
}

describe('the SVG image of a screen', () => {
  it('has text in the columns of its cells', () => {
    const [first, second] = textsOf(draw('ab cd     ef'));
    assert.deepEqual([first?.text, first?.attributes.x, first?.attributes.textLength], ['ab cd', '0', `${5 * WIDTH}`]);
    assert.deepEqual([second?.text, second?.attributes.x], ['ef', `${10 * WIDTH}`]);
  });

  it('has rows at the height of a line', () => {
    const [first, second] = textsOf(draw('a\r\nb'));
    assert.equal(Number(second?.attributes.y) - Number(first?.attributes.y), HEIGHT);
  });

  it('places characters that are not in every font separately, in the middle of their columns', () => {
    const drawn = textsOf(draw('a日b→e\u0301'));
    assert.deepEqual(
      drawn.map(({ text, attributes }) => [text, attributes.class, attributes.x]),
      [
        ['a', undefined, '0'],
        ['日', 'm', `${2 * WIDTH}`],
        ['b', undefined, `${3 * WIDTH}`],
        ['→', 'm', `${4.5 * WIDTH}`],
        ['e\u0301', 'm', `${5.5 * WIDTH}`],
      ],
    );
  });

  it('has the 16 colours of the palette, the 256 of xterm, and RGB', () => {
    const fills = textsOf(
      draw('\x1b[31ma\x1b[91mb\x1b[38;5;16mc\x1b[38;5;110md\x1b[38;5;244me\x1b[38;2;1;2;3mf\x1b[mg'),
    ).map(({ attributes }) => attributes.fill);
    assert.deepEqual(fills, [
      ...[DARK.palette[1], DARK.palette[9], '#000000', '#87afd7', '#808080', '#010203', DARK.foreground],
    ]);
  });

  it('draws bold, italic and dim text, and bold text in the first eight colours as bright', () => {
    const [bold, italic, dim, bright] = textsOf(draw('\x1b[1ma\x1b[0;3mb\x1b[0;2mc\x1b[0;1;32md'));
    assert.equal(bold?.attributes.class, 'b');
    assert.equal(italic?.attributes.class, 'i');
    assert.ok(![undefined, DARK.foreground].includes(dim?.attributes.fill), `dim is ${dim?.attributes.fill}`);
    assert.deepEqual([bright?.attributes.class, bright?.attributes.fill], ['b', DARK.palette[10]]);
  });

  it('draws inverse text with the colours exchanged, and hidden text not at all', () => {
    const svg = draw('\x1b[7;31;44mab\x1b[0;8mcd');
    assert.deepEqual(
      textsOf(svg).map(({ text, attributes }) => [text, attributes.fill]),
      [['ab', DARK.palette[4]]],
    );
    assert.equal(pathOf(svg, DARK.palette[1]!), `M0 0H${2 * WIDTH}V${HEIGHT}H0z`);
  });

  it('joins the backgrounds of neighbours', () => {
    assert.equal(pathOf(draw('\x1b[41ma b\x1b[m c'), DARK.palette[1]!), `M0 0H${3 * WIDTH}V${HEIGHT}H0z`);
  });

  it('draws lines under, through and over text, spaces included', () => {
    for (const attribute of [4, 9, 53]) {
      const line = pathOf(draw(`\x1b[${attribute};32ma b`), DARK.palette[2]!);
      assert.equal([...line.matchAll(/M/g)].length, 3, `SGR ${attribute}: ${line}`);
    }
  });

  it('draws lines and blocks as shapes that reach the edges of their cells', () => {
    const svg = draw('\x1b[32m│\x1b[33m─\x1b[34m█\x1b[35m▒');
    assert.deepEqual(textsOf(svg), []);
    assert.equal(pathOf(svg, DARK.palette[2]!), `M4 0H5V10H4zM4 9H5V${HEIGHT}H4z`);
    assert.equal(pathOf(svg, DARK.palette[3]!), `M13 9H${2 * WIDTH}V10H13zM${WIDTH} 9H14V10H${WIDTH}z`);
    assert.equal(pathOf(svg, DARK.palette[4]!), `M${2 * WIDTH} 0H${3 * WIDTH}V${HEIGHT}H${2 * WIDTH}z`);
    assert.match(svg, new RegExp(`fill="${DARK.palette[5]}" opacity="0.5"`));
  });

  it('draws every line and block character as a shape', () => {
    for (let code = 0x2500; code < 0x25a0; code++) {
      const svg = draw(`\x1b[32m${String.fromCharCode(code)}`);
      assert.deepEqual(textsOf(svg), [], `U+${code.toString(16)}`);
      assert.match(pathOf(svg, DARK.palette[2]!), /^M/, `U+${code.toString(16)}`);
    }
  });

  it('draws the cursor unless the program has hidden it', () => {
    const cursor = `M${WIDTH} 0H${2 * WIDTH}V${HEIGHT}H${WIDTH}z`;
    assert.equal(pathOf(draw('a', { showsCursor: undefined }), DARK.foreground), cursor);
    assert.equal(pathOf(draw('a\x1b[?25l', { showsCursor: undefined }), DARK.foreground), '');
    const [, under] = textsOf(draw('ab\b', { showsCursor: true }));
    assert.deepEqual([under?.text, under?.attributes.fill], ['b', DARK.background]);
  });

  it('has the title of the program, or a given one, and a description', () => {
    assert.match(draw('\x1b]2;vim\x07'), /<title>vim<\/title>[\s\S]*>vim<\/text>/);
    assert.match(draw('\x1b]2;vim\x07', { title: 'x', description: 'y' }), /<title>y<\/title>[\s\S]*>x<\/text>/);
    assert.match(draw(''), /<title>terminal<\/title>/);
  });

  it('is the same for the same output', () => {
    const output = 'a\x1b[31mb日│\x1b[7mc';
    assert.equal(draw(output), draw(output));
  });
});

describe('hostile output in an SVG image', () => {
  const markup = `</text><script>alert('1')</script>]]>&amp;<!--"<![CDATA[`;

  it('is text, on the screen and in the title', () => {
    const svg = draw(`${markup}\x1b]2;${markup}\x07`, {}, [80, 3]);
    assert.ok(!elementsOf(svg).includes('script'), 'there is a script');
    assert.match(svg, /&lt;\/text&gt;&lt;script&gt;alert\(&#39;1&#39;\)&lt;\/script&gt;\]\]&gt;&amp;amp;/);
  });

  it('leaves no control, format or forbidden character in the image', () => {
    const characters = '\x00\x01\x08\x0b\x7f\x85\x9b\u202e\u2066\u2028\ufeff\ufffe\uffff\ud800x\udc00\u{e0041}';
    elementsOf(draw(`a${characters}b`, { title: `a${characters}b`, description: characters }));
    elementsOf(draw(`\x1b]2;a${characters}b\x07`));
  });

  it('cannot make an image that is not well-formed', () => {
    const pieces = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.constantFrom(
        markup,
        '\x1b[7m',
        '\x1b[1;31m',
        '\x1b]2;',
        '\x07',
        '\x1b[H',
        '日',
        '\x1b(0',
        'qqx',
        '\u0301',
        '\x1b[K',
      ),
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), all => {
        elementsOf(draw(all.join(''), { showsCursor: true }));
      }),
      { numRuns: 200 },
    );
  });
});
