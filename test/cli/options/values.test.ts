import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import * as values from '../../../src/cli/options/values.ts';
import { TelptyError } from '../../../src/errors.ts';

interface Table {
  readonly parse: (text: string) => unknown;
  readonly good: readonly (readonly [text: string, value: unknown])[];
  readonly bad: readonly string[];
}

const never = Number.POSITIVE_INFINITY;
const tables: Record<string, Table> = {
  port: {
    parse: values.port,
    good: [
      ['0', 0],
      ['6023', 6023],
      ['65535', 65535],
    ],
    bad: ['', '65536', '70000', '-1', '1.5', '0x17', '1e3', 'telnet', ' 23', '23 ', '٢٣', '000023'],
  },
  endpoint: {
    parse: values.endpoint,
    good: [
      ['9100', { host: '127.0.0.1', port: 9100 }],
      ['0', { host: '127.0.0.1', port: 0 }],
      ['192.0.2.1:80', { host: '192.0.2.1', port: 80 }],
      ['[::1]:9100', { host: '::1', port: 9100 }],
      ['localhost:0', { host: 'localhost', port: 0 }],
    ],
    bad: ['', ':', ':9100', '::1:9100', '[::1]', '127.0.0.1', '127.0.0.1:', '1:2:3', '[]:1', 'a b:1', '65536', '9100 '],
  },
  duration: {
    parse: values.duration(),
    good: [
      ['0', 0],
      ['0s', 0],
      ['500ms', 500],
      ['30s', 30_000],
      ['10m', 600_000],
      ['2h', 7_200_000],
      ['1.5s', 1_500],
      ['596h', 596 * 3_600_000],
    ],
    bad: [
      '',
      '5',
      'soon',
      '-1s',
      '1',
      '00',
      's',
      '1d',
      '1 s',
      '1S',
      '1s2',
      '1h30m',
      '597h',
      '1e3s',
      '.5s',
      '99999999999999h',
    ],
  },
  'long duration': {
    parse: values.duration(Number.MAX_SAFE_INTEGER),
    good: [['8760h', 8760 * 3_600_000]],
    bad: ['999999999999h'],
  },
  size: {
    parse: values.size,
    good: [
      ['0', 0],
      ['4096', 4096],
      ['64K', 65_536],
      ['64k', 65_536],
      ['1M', 1_048_576],
      ['2G', 2_147_483_648],
    ],
    bad: ['', 'K', '1KB', '1.5M', '-1', '64 K', '9999999T', '1P'],
  },
  integer: {
    parse: values.integer(1, 10),
    good: [
      ['1', 1],
      ['10', 10],
    ],
    bad: ['0', '11', '', '-1', '1.0', 'a', '99999999999999999'],
  },
  boolean: {
    parse: values.boolean,
    good: [
      ['true', true],
      ['false', false],
    ],
    bad: ['', 'yes', 'no', '1', 'TRUE'],
  },
  choice: { parse: values.choice('a', 'b'), good: [['b', 'b']], bad: ['', 'c', 'A', 'toString'] },
  charset: {
    parse: values.charset,
    good: [
      ['utf-8', 'UTF-8'],
      ['latin1', 'ISO-8859-1'],
      ['cp437', 'IBM437'],
    ],
    bad: ['klingon', '', 'hex', 'utf-16'],
  },
  'program encoding': {
    parse: values.programEncoding,
    good: [
      ['client', 'client'],
      ['utf-8', 'UTF-8'],
      ['big5bbs', 'Big5-UAO'],
      ['atari', 'ATARI-ST'],
    ],
    bad: ['Client', 'klingon', '', 'petscii', 'atascii', 'hex'],
  },
  terminal: {
    parse: values.terminalName,
    good: [
      ['xterm-256color', 'xterm-256color'],
      ['VT100', 'VT100'],
    ],
    bad: ['', '../x', '-x', 'a b', 'a/b'],
  },
  host: {
    parse: values.host,
    good: [
      ['127.0.0.1', '127.0.0.1'],
      ['::', '::'],
      ['[::1]', '::1'],
      ['fe80::1%eth0', 'fe80::1%eth0'],
      ['localhost', 'localhost'],
    ],
    bad: ['', 'a b', 'http://x', '\n', '[]'],
  },
  env: {
    parse: values.envAssignment,
    good: [
      ['A=b', ['A', 'b']],
      ['A=', ['A', '']],
      ['A=b=c d', ['A', 'b=c d']],
      ['LD_PRELOAD=/x.so', ['LD_PRELOAD', '/x.so']],
    ],
    bad: ['', 'A', '=b', '1A=b', 'A B=c', 'A-B=c', 'A=\0'],
  },
  'accept-env': {
    parse: values.acceptableEnvName,
    good: [['USER', 'USER']],
    bad: ['', 'LD_PRELOAD', 'PATH', 'A=b', 'BASH_ENV', 'http_proxy', 'a b'],
  },
  umask: {
    parse: values.umask,
    good: [
      ['077', 0o77],
      ['0027', 0o27],
      ['7', 7],
      ['0', 0],
    ],
    bad: ['', '8', '1777', '00777', '0o77', '-1', '7 ', 'u=rwx'],
  },
  nice: {
    parse: values.signed(-20, 19),
    good: [
      ['10', 10],
      ['-20', -20],
      ['+5', 5],
    ],
    bad: ['', '20', '-21', '1.5', '--1', '1e1', 'low'],
  },
  'cgroup-limit': {
    parse: values.cgroupLimit,
    good: [
      ['memory=256M', ['memory', 268_435_456]],
      ['swap=0', ['swap', 0]],
      ['memory=unlimited', ['memory', never]],
      ['pids=64', ['pids', 64]],
      ['cpu=50%', ['cpu', 0.5]],
      ['cpu=1.5%', ['cpu', 0.015]],
      ['memory.high=200M', ['memory.high', '200M']],
      ['io.max=8:0 rbps=1000', ['io.max', '8:0 rbps=1000']],
    ],
    bad: [
      ...['', 'memory', 'memory=', '=1', 'memory=1%', 'pids=0', 'pids=1K', 'cpu=2', 'cpu=0.5%', 'cpu=%', 'toString=1'],
      ...['cgroup.procs=1', 'memory/max=1', '../x.y=1', 'a.b=\n', 'a.=1', '.a=1', 'pids.max=1\n2'],
    ],
  },
  rlimit: {
    parse: values.resourceLimit,
    good: [
      ['cpu=60', ['cpu', [60, 60]]],
      ['cpu=1m:2h', ['cpu', [60, 7_200]]],
      ['as=512M', ['as', [536_870_912, 536_870_912]]],
      ['nofile=256:512', ['nofile', [256, 512]]],
      ['core=0', ['core', [0, 0]]],
      ['stack=8M:unlimited', ['stack', [8_388_608, never]]],
      ['nproc=unlimited', ['nproc', [never, never]]],
    ],
    bad: [
      '',
      'cpu',
      'cpu=',
      'cpu=x',
      'speed=1',
      'nofile=64K',
      'nofile=2:1',
      'as=unlimited:1',
      'cpu=1:2:3',
      '=1',
      'toString=1',
      'cpu=-1',
    ],
  },
};

for (const [name, { parse, good, bad }] of Object.entries(tables)) {
  describe(name, () => {
    for (const [text, value] of good) it(`accepts '${text}'`, () => assert.deepEqual(parse(text), value));
    for (const text of bad) it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => parse(text), isOneLine));
    it('returns a value or throws one line of ERR_USAGE, whatever the text (property)', () => {
      fc.assert(
        fc.property(fc.string({ unit: 'binary' }), text => {
          try {
            parse(text);
          } catch (error) {
            assert.ok(isOneLine(error));
          }
        }),
      );
    });
  });
}

function isOneLine(error: unknown): boolean {
  assert.ok(error instanceof TelptyError);
  assert.equal(error.code, 'ERR_USAGE');
  assert.match(error.message, /^[^\p{Cc}]{1,220}$/u);
  return true;
}
