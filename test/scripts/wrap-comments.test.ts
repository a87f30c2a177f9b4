/** scripts/texts/wrap.mjs: comments over the column limit are wrapped, and nothing else changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { wrapComments } from '../../scripts/texts/wrap.mjs';

const LONG = 'word '.repeat(30).trim();

test('a long line comment, a long one-line block and a long paragraph are wrapped to 120 columns', () => {
  const source = `  // ${LONG}\n  /** ${LONG} */\n  /**\n   * short\n   *\n   * ${LONG}\n   * and the rest\n   */\n`;
  const wrapped = wrapComments(source);
  assert.ok(
    wrapped.split('\n').every(line => line.length <= 120),
    wrapped,
  );
  assert.match(wrapped, /^ {2}\/\*\*\n {3}\* word/m);
  assert.match(wrapped, /^ {3}\* short\n {3}\*\n {3}\* word/m);
});

test('lists, tags, code blocks, directives, strings and comments after code stay as they are', () => {
  const kept = [
    `// biome-ignore lint/x: ${LONG}`,
    `const x = 1; // ${LONG}`,
    `const text = '// ${LONG}';`,
    `/**\n *     code ${LONG}\n */`,
    `/**\n * \`\`\`\n * ${LONG}\n * \`\`\`\n */`,
    `/**\n * | ${LONG} |\n */`,
  ];
  for (const source of kept) assert.equal(wrapComments(source), source);
  const list = wrapComments(`/**\n * - ${LONG}\n * - two\n * @param x ${LONG}\n */`);
  assert.match(list, /^ \* {3}word.*\n \* - two\n \* @param x word/m);
});

test('links and code spans are not broken', () => {
  const wrapped = wrapComments(
    `// ${'x'.repeat(100)} ({@link Server.listen the method}), \`a b c d e f g h i j\` ${LONG}`,
  );
  assert.match(wrapped, /\{@link Server\.listen the method\}\),/);
  assert.match(wrapped, /`a b c d e f g h i j`/);
});

test('no word is lost, and a second pass changes nothing', () => {
  const word = fc.stringMatching(/^[a-z'().,{}-]{1,24}$/).filter(text => !/^[-*|@]/.test(text));
  const lines = fc.array(fc.array(word, { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(lines, fc.constantFrom('block', 'line'), (paragraph, kind) => {
      const texts = paragraph.map(words => words.join(' '));
      const source =
        kind === 'line'
          ? texts.map(text => `  // ${text}`).join('\n')
          : `  /**\n${texts.map(text => `   * ${text}`).join('\n')}\n   */`;
      const words = (text: string) => text.split(/\s+/).filter(one => !/^(?:\/\/|\/\*\*|\*|\*\/)?$/.test(one));
      const wrapped = wrapComments(source);
      assert.deepEqual(words(wrapped), words(source));
      assert.equal(wrapComments(wrapped), wrapped);
    }),
  );
});
