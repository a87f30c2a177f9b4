/**
 * Options of telpty serve that set options of the library: their ranges and defaults are those of the library, and
 * their values reach it.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OptionSpec } from '../../../src/cli/options/options.ts';
import { serveOptions } from '../../../src/cli/options/serve/index.ts';
import { optionsFor, parseServe } from '../../../src/cli/serve/settings.ts';
import type { AnyRule, AnyTable } from '../../../src/options.ts';
import { recordOptions } from '../../../src/recording/record.ts';
import { serverOptions } from '../../../src/server/options.ts';
import { limitOptions } from '../../../src/shells/guards/limit.ts';
import { robotCheckOptions } from '../../../src/shells/guards/robot-check.ts';
import { sessionLimitsOptions } from '../../../src/shells/guards/session-limits.ts';
import { ptyShellOptions } from '../../../src/shells/program/options.ts';
import { listenOptions, localListenOptions } from '../../../src/transport/listen-options.ts';
import { webGatewayOptions } from '../../../src/web/options.ts';

/** Options whose default for a server on a network differs from the library's. */
const OWN_DEFAULT = ['max-sessions', 'max-negotiating'];
/** Options that the command sets from several settings or from lookups, or does not set. */
const NO_ROW = ['cwd', 'env', 'user', 'userRange', 'limits', 'cgroup', 'argv0', 'locale', 'onStart', 'onReject'];

const tables: Readonly<Record<string, AnyTable>> = {
  ...{ ptyShellOptions, serverOptions, limitOptions, sessionLimitsOptions, robotCheckOptions },
  ...{ listenOptions, localListenOptions, recordOptions, webGatewayOptions },
};
const rows = Object.entries<OptionSpec>(serveOptions).flatMap(([name, spec]) =>
  spec.library === undefined ? [] : [{ name, spec, rule: spec.library }],
);

/** Texts of many kinds; each option accepts some of them. */
const TEXTS = [
  ...['', 'x', 'true', '0', '1', '-1', '-20', '-21', '19', '20', '07', '0777', '777', '1777', '65536', '0.25', '1/60'],
  ...['9007199254740991', '9007199254740992', '2147483647ms', '2147483648ms', '9007199254ms', '3000000h', '5s', '-5s'],
  ...['client', 'latin1', 'cp437', 'petscii', 'klingon', 'vt220', '../x', 'half', 'line', 'never', 'tolerant'],
  ...['SITE', 'LD_PRELOAD', 'a b', '192.0.2.1', '10.0.0.0/8,::1', 'localhost'],
  ...['/', '/term', 'https://play.example.org', 'asciicast', 'ttyrec'],
];

function parsed({ parse }: OptionSpec, text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** The value in the library's form. */
const problemOf = (rule: AnyRule, { repeatable }: OptionSpec, value: unknown) =>
  rule.problem(repeatable ? [value] : value, 'value');

describe('an option that sets a library option has its default:', () => {
  for (const { name, spec, rule } of rows) {
    it(name, () => {
      const value = spec.repeatable ? [] : spec.default === undefined ? undefined : spec.parse(spec.default);
      if (OWN_DEFAULT.includes(name)) assert.notDeepEqual(value, rule.default);
      // Both are the same character set.
      else if (name === 'encoding') assert.equal(value, 'UTF-8');
      else assert.deepEqual(value, rule.default);
      assert.ok(value === undefined || rule.problem(value, name) === undefined, name);
    });
  }
});

describe('an option that sets a library option has its range:', () => {
  for (const { name, spec, rule } of rows) {
    it(name, () => {
      const values = TEXTS.map(text => [text, parsed(spec, text)] as const).filter(([, value]) => value !== undefined);
      assert.ok(values.length > 0 && values.length < TEXTS.length, `${values.length} of the texts are taken`);
      for (const [text, value] of values) assert.equal(problemOf(rule, spec, value), undefined, text);
      const { words } = rule as { readonly words?: readonly string[] };
      if (words !== undefined) assert.deepEqual((spec.parse as { words?: unknown }).words, words);
      const { min, max } = rule as { readonly min?: number; readonly max?: number };
      if (min === undefined || max === undefined || max > Number.MAX_SAFE_INTEGER) return;
      const written = (value: number) =>
        spec.argument === 'T'
          ? `${value}ms`
          : spec.argument === 'OCTAL' || spec.argument === 'MODE'
            ? `0${value.toString(8)}`
            : String(value);
      // (A duration has at most twelve digits.)
      const most = spec.argument === 'T' ? Math.min(max, 999_999_999_999) : max;
      for (const value of [Math.max(min, spec.argument === 'MODE' ? 0o100 : min), most]) {
        assert.equal(parsed(spec, written(value)), value, written(value));
      }
      for (const value of [min - 1, max + 1]) assert.equal(parsed(spec, written(value)), undefined, written(value));
    });
  }
});

it('a library row that an option names is one option of each function', () => {
  for (const { name, rule } of rows) {
    const found = Object.entries(tables).flatMap(([table, options]) =>
      Object.keys(options)
        .filter(option => options[option] === rule)
        .map(option => ({ table, option })),
    );
    assert.ok(found.length > 0, `--${name} sets no option`);
    assert.equal(new Set(found.map(({ table }) => table)).size, found.length, `--${name}: ${JSON.stringify(found)}`);
  }
});

it('each option of ptyShell is set by one option, or listed as not set', () => {
  const set = Object.keys(optionsFor(ptyShellOptions, settings([])));
  assert.deepEqual([...set, ...NO_ROW].sort(), Object.keys(ptyShellOptions).sort());
});

function settings(argv: readonly string[]) {
  const read = parseServe(argv, { environment: {} });
  assert.ok(read !== 'help', 'it is the help');
  return read;
}

it('values of the command line reach the library', () => {
  const given = settings([
    ...['--mode=line', '--linemode=never', '--encoding=cp437', '--program-encoding=utf-8', '--term=vt220'],
    ...['--negotiation-timeout=3s', '--never-send-ga', '--accept-env=SITE', '--size-env', '--umask=077', '--nice=5'],
    ...['--no-new-privs', '--kill-timeout=4s', '--linger=6s', '--compatibility=tolerant', '--compression'],
    ...['--keep-alive=30s', '--keep-alive-timeout=20s'],
    ...['--max-sessions=7', '--max-per-ip=8', '--connect-rate=0.5', '--max-negotiating=9', '--idle-timeout=10m'],
    ...['--session-timeout=2h', '--allow=192.0.2.1', '--deny=192.0.2.2'],
  ]);
  assert.deepEqual(optionsFor(ptyShellOptions, given), {
    ...{ mode: 'line', linemode: 'never', encoding: 'IBM437', programEncoding: 'UTF-8', term: 'vt220' },
    ...{ negotiationTimeout: 3_000, neverSendGa: true, acceptEnv: ['SITE'], sizeEnv: true, umask: 0o77, nice: 5 },
    ...{ noNewPrivs: true, killTimeout: 4_000, linger: 6_000 },
  });
  assert.deepEqual(optionsFor(serverOptions, given), {
    ...{
      encoding: 'IBM437',
      compatibility: 'tolerant',
      compression: true,
      keepAlive: 30_000,
      keepAliveTimeout: 20_000,
    },
  });
  const numbers = { maxSessions: 7, maxPerAddress: 8, connectRate: 0.5, maxNegotiating: 9 };
  // Lists of addresses may be files, which are read before.
  assert.deepEqual(optionsFor(sessionLimitsOptions, given), numbers);
  assert.deepEqual(optionsFor(limitOptions, given), { ...numbers, idleTimeout: 600_000, sessionTimeout: 7_200_000 });
  assert.deepEqual(optionsFor(robotCheckOptions, given), { negotiationTimeout: 3_000 });
});
