/** The options of the library: docs/library.md and the doc comments have those of the tables, with their defaults. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectOptions } from '../../src/client/connect.ts';
import type { AnyTable } from '../../src/options.ts';
import { recordOptions } from '../../src/recording/record.ts';
import { serverOptions } from '../../src/server/options.ts';
import { observeOptions } from '../../src/session/observing/session-reader.ts';
import { limitOptions } from '../../src/shells/guards/limit.ts';
import { robotCheckOptions } from '../../src/shells/guards/robot-check.ts';
import { ptyShellOptions } from '../../src/shells/program/options.ts';
import { listenOptions, localListenOptions } from '../../src/transport/listen-options.ts';
import { webGatewayOptions } from '../../src/web/options.ts';
import { declaredOptions } from '../support/option-tables.ts';
import { commentsOf, document, table } from './markdown.ts';

const text = document('docs/library.md');

/** The form of a default in documents. Empty if it need not be written. */
function written(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'number' && value > 0) return value.toLocaleString('en-US');
  return value === true ? 'true' : '';
}

/** Allowed cells for defaults for which {@link written} returns an empty string. */
const UNWRITTEN = ['', 'off', 'none'];
/** Defaults that are described as text. */
const IN_WORDS: ReadonlyMap<string, string> = new Map([
  ['requestEnviron', 'LANG, LC_\\*, COLORTERM, DISPLAY, TZ'],
  ['mode', '0o600'],
  ['page', 'the page of telpty'],
  ['port', '23, with TLS 992'],
  ['terminal', "type `'dumb'`"],
]);

/** Used only by `telpty serve`. */
const INTERNAL = ['localUser'];

describe('docs/library.md has the options, and their defaults, of', () => {
  const tables: readonly (readonly [heading: string, options: AnyTable])[] = [
    ['option', serverOptions],
    ['option of `listen()`', listenOptions],
    ['option of `listen({ path })`', localListenOptions],
    ['option of `ptyShell()`', ptyShellOptions],
    ['option of `limit()`', limitOptions],
    ['option of `robotCheck()`', robotCheckOptions],
    ['option of `connect()`', connectOptions],
    ['option of `createWebGateway()`', webGatewayOptions],
    ['option of `observe()`', observeOptions],
    ['option of `record()`', recordOptions],
  ];
  for (const [heading, options] of tables) {
    it(heading.replace(/^option$/, 'createServer()').replace(/^option of /, ''), () => {
      const rows = table(text, heading).flatMap(([names = '', , cell = '']) =>
        names.split('`, `').map(name => ({ name: name.replaceAll('`', ''), cell })),
      );
      const names = Object.keys(options).filter(name => !INTERNAL.includes(name));
      assert.deepEqual(rows.map(({ name }) => name).sort(), names.sort());
      for (const { name, cell } of rows) {
        const value = written(options[name]!.default);
        const expected = cell === IN_WORDS.get(name) || (value === '' ? UNWRITTEN.includes(cell) : cell === value);
        // It is in the table above.
        const isAbove = heading.includes('path') && name === 'backlog';
        assert.ok(expected || isAbove, `${name}: '${cell}' is not its default, ${value}`);
      }
    });
  }
});

describe('the doc comments have the options, and their defaults, of', () => {
  const files = new Map(declaredOptions.map(({ interfaces, file }) => [interfaces.at(-1)!, file]));
  for (const { table: options, interfaces, file } of declaredOptions) {
    const name = interfaces.at(-1)!;
    it(name, () => {
      const comments = new Map(interfaces.flatMap(one => [...commentsOf(files.get(one) ?? file, one)]));
      assert.deepEqual(
        [...comments.keys()].sort(),
        Object.keys(options)
          .filter(option => !INTERNAL.includes(option))
          .sort(),
      );
      for (const [option, comment] of comments) {
        const { default: value } = options[option]!;
        const said = /[Dd]efault:? `?('[^']*'|[\w,]*\w)/.exec(comment)?.[1];
        const known = written(value) || (value === false ? 'false' : undefined);
        const isInWords = IN_WORDS.get(option)?.startsWith(said ?? '') ?? false;
        if (isInWords) continue;
        if (written(value) !== '' || said === 'true' || said === 'false' || /^[\d']/.test(said ?? '')) {
          assert.equal(said, known, `${name}.${option}: ${comment}`);
        }
      }
    });
  }
});
