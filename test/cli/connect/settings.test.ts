import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { caret, escapeCharacter } from '../../../src/cli/connect/options.ts';
import { type ConnectSettings, parseConnect } from '../../../src/cli/connect/settings.ts';
import { TelptyError } from '../../../src/errors.ts';

const defaults: ConnectSettings = {
  host: 'example.test',
  port: undefined,
  tls: undefined,
  encoding: undefined,
  ansiKeys: false,
  mode: 'auto',
  term: undefined,
  escapeKey: 0x1d,
  sendEnv: [],
  compression: false,
  keepAlive: 0,
  keepAliveTimeout: 0,
  reconnect: false,
  alwaysWill: [],
  alwaysDo: [],
  record: undefined,
  recordFormat: 'asciicast',
};

describe('telpty connect: settings', () => {
  const read: [args: string, settings: Partial<ConnectSettings>][] = [
    ['example.test', {}],
    ['example.test 6023', { port: 6023 }],
    ['[::1] 23', { host: '::1', port: 23 }],
    ['--tls example.test', { tls: { caFile: undefined, verify: true } }],
    ['--tls --tls-ca ca.pem example.test', { tls: { caFile: 'ca.pem', verify: true } }],
    ['--tls --tls-no-verify example.test', { tls: { caFile: undefined, verify: false } }],
    ['--encoding cp437 --mode line --term vt100 example.test', { encoding: 'IBM437', mode: 'line', term: 'vt100' }],
    ['--encoding c64 example.test', { encoding: 'PETSCII' }],
    ['--encoding atascii --ansi-keys example.test', { encoding: 'ATASCII', ansiKeys: true }],
    ['--compression example.test', { compression: true }],
    ['--keep-alive 30s example.test', { keepAlive: 30_000 }],
    ['--keep-alive 30s --keep-alive-timeout 20s example.test', { keepAlive: 30_000, keepAliveTimeout: 20_000 }],
    ['--record x.cast example.test', { record: 'x.cast' }],
    ['--record x --record-format ttyrec example.test', { record: 'x', recordFormat: 'ttyrec' }],
    ['--escape ~ --send-env LANG --send-env USER example.test', { escapeKey: 0x7e, sendEnv: ['LANG', 'USER'] }],
    [
      '--always-will gmcp,New_Environ,91 --always-do 0 --always-will=naws h',
      { host: 'h', alwaysWill: [201, 39, 91, 31], alwaysDo: [0] },
    ],
    ['--reconnect example.test', { reconnect: true }],
    ['--escape none -- example.test', { escapeKey: undefined }],
  ];
  for (const [args, settings] of read) {
    it(args, () => assert.deepEqual(parseConnect(args.split(' ')), { ...defaults, ...settings }));
  }
  it('accepts --help', () => assert.equal(parseConnect(['--help']), 'help'));

  const refused: [args: string, message: RegExp][] = [
    ['', /^connect: no HOST given/],
    ['a b c', /^PORT: |^connect: too many arguments/],
    ['example.test 70000', /^PORT: 70000 is not a port/],
    ['example.test 0', /^PORT: 0 is not a port to connect to/],
    ['example.test --tls', /^connect: --tls after HOST: options come first \(telpty connect \[options\] HOST/],
    ['example.test 992 --tls --tls-ca=c.pem', /^connect: --tls, --tls-ca after HOST: options come first/],
    ['example.test -x', /^connect: too many arguments .* options come first/],
    ['ex/ample', /^HOST: /],
    ['example.test:6023', /^HOST: the port is a separate argument: write `telpty connect example\.test 6023`$/],
    [
      '--tls example.test:992',
      /^HOST: the port is a separate argument: write `telpty connect --tls example\.test 992`$/,
    ],
    [':23', /^HOST: :23: the host is missing before the port$/],
    ['telnet://:23', /^HOST: telnet:\/\/:23: the host is missing before the port$/],
    ['[::1]:23', /^HOST: the port is a separate argument: write `telpty connect ::1 23`$/],
    ['telnet://ada@example.test:23/', /^HOST: a URL is not a host: write `telpty connect example\.test 23`$/],
    ['telnets://example.test', /^HOST: a URL is not a host: write `telpty connect --tls example\.test`$/],
    ['--tls-ca ca.pem example.test', /^--tls-ca: needs --tls/],
    ['--tls-no-verify example.test', /^--tls-no-verify: needs --tls/],
    ['--tls --tls-no-verify --tls-ca x example.test', /^--tls-ca: has no effect/],
    ['--mode raw example.test', /^--mode: /],
    ['--always-will GCMP h', /^--always-will: 'GCMP' is not a Telnet option \(did you mean GMCP\?\)$/],
    ['--always-do 256 h', /^--always-do: '256' is not a Telnet option \(write a name such as GMCP, or a number/],
    ['--always-do ECHO, h', /^--always-do: '' is not a Telnet option/],
    ['--keep-alive-timeout 5s example.test', /^--keep-alive-timeout: needs --keep-alive$/],
    ['--escape ^^^ example.test', /^--escape: is not a key/],
    ['--encoding klingon example.test', /^--encoding: /],
    ['--send-env A=B example.test', /^--send-env: /],
  ];
  for (const [args, message] of refused) {
    it(`refuses '${args}'`, () => {
      assert.throws(
        () => parseConnect(args.split(' ').filter(Boolean)),
        error => error instanceof TelptyError && error.code === 'ERR_USAGE' && message.test(error.message),
      );
    });
  }
  it('accepts keys in the notation of stty', () => {
    for (const [text, byte] of [
      ['^]', 0x1d],
      ['^?', 0x7f],
      ['^@', 0],
      ['^a', 1],
      ['~', 0x7e],
    ] as const) {
      assert.equal(escapeCharacter(text), byte);
      assert.equal(caret(byte).toLowerCase(), text);
    }
  });
});
