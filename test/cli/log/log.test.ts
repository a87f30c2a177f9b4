import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { describeRecord, dumpLines } from '../../../src/cli/log/describe.ts';
import { formatAddress, formatBytes, formatDuration } from '../../../src/cli/log/format.ts';
import { createLog } from '../../../src/cli/log/log.ts';
import { SessionLog } from '../../../src/cli/log/session-log.ts';
import type { LogLevel } from '../../../src/cli/serve/settings.ts';
import { Command, Option, type Verb } from '../../../src/protocol/constants.ts';
import type { EndCause } from '../../../src/session/ending.ts';
import type { SessionTrace } from '../../../src/session/observing/observers.ts';
import type { Session } from '../../../src/session/session.ts';

describe('formats', () => {
  it('durations', () => {
    const cases: [number, string][] = [
      [0, '0ms'],
      [850, '850ms'],
      [12_900, '12s'],
      [192_000, '3m12s'],
      [7_500_000, '2h05m'],
      [273_600_000, '3d04h'],
    ];
    for (const [milliseconds, text] of cases) assert.equal(formatDuration(milliseconds), text);
  });
  it('amounts', () => {
    const cases: [number, string][] = [
      [0, '0 B'],
      [999, '999 B'],
      [1_234, '1.2 kB'],
      [9_999, '10 kB'],
      [45_000, '45 kB'],
      [999_600, '1.0 MB'],
      [3_400_000, '3.4 MB'],
      [5e15, '5000 TB'],
    ];
    for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
  });
  it('addresses', () => {
    assert.equal(formatAddress('127.0.0.1', 23), '127.0.0.1:23');
    assert.equal(formatAddress('::1', 23), '[::1]:23');
    assert.equal(formatAddress(undefined, undefined), 'unknown');
  });
});

describe('negotiation as text', () => {
  const sb = (option: number, ...payload: (number | string)[]) =>
    describeRecord({ kind: 'subnegotiation', option, payload: bytes(...payload) });
  const bytes = (...parts: (number | string)[]) =>
    Buffer.concat(parts.map(part => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part))));

  it('commands and negotiations', () => {
    assert.equal(describeRecord({ kind: 'command', command: Command.AYT }), 'AYT');
    const verb: Verb = Command.DO;
    assert.equal(describeRecord({ kind: 'negotiation', verb, option: Option.TTYPE }), 'DO TTYPE');
    assert.equal(describeRecord({ kind: 'negotiation', verb, option: 99 }), 'DO option 99');
  });
  it('subnegotiations', () => {
    assert.equal(sb(Option.TTYPE, 1), 'SB TTYPE SEND');
    assert.equal(sb(Option.TTYPE, 0, 'XTERM'), 'SB TTYPE IS "XTERM"');
    assert.equal(sb(Option.NAWS, 0, 132, 1, 0), 'SB NAWS 132x256');
    assert.equal(sb(Option.CHARSET, 1, ';UTF-8;US-ASCII'), 'SB CHARSET REQUEST ";UTF-8;US-ASCII"');
    assert.equal(sb(Option.CHARSET, 2, 'UTF-8'), 'SB CHARSET ACCEPTED "UTF-8"');
    assert.equal(sb(Option.CHARSET, 3), 'SB CHARSET REJECTED');
    assert.equal(sb(Option.STATUS, 0, 251, 1), 'SB STATUS IS (2 bytes)');
    assert.equal(
      sb(Option.NEW_ENVIRON, 1, 0, 'USER', 3, 'LANG', 3),
      'SB NEW-ENVIRON SEND VAR "USER" USERVAR "LANG" USERVAR',
    );
    assert.equal(sb(Option.NEW_ENVIRON, 0, 3, 'A', 2, 1, 1, 'b'), 'SB NEW-ENVIRON IS USERVAR "A\\x01" = "b"');
  });
  it('escapes what the peer sent, and cuts it', () => {
    assert.equal(sb(Option.TTYPE, 0, '\x1b]0;x\x07\r\n'), 'SB TTYPE IS "\\x1b]0;x\\x07\\x0d\\x0a"');
    assert.ok(sb(Option.TTYPE, 0, 'x'.repeat(10_000)).length < 120);
    assert.ok(
      sb(Option.NEW_ENVIRON, 0, ...Array.from({ length: 999 }, () => [3, 'A'.repeat(99)]).flat()).length < 5_000,
    );
  });
  it('does not show unknown options, or text that does not fit', () => {
    assert.equal(sb(Option.GMCP, 'Char.Login {"password":"secret"}'), 'SB GMCP (32 bytes)');
    assert.equal(sb(Option.NAWS, 0, 80), 'SB NAWS (2 bytes)');
    for (const option of Object.values(Option)) for (const byte of [0, 1, 2, 3, 9]) assert.ok(sb(option, byte));
    for (const option of Object.values(Option)) assert.ok(sb(option));
  });
  it('dumps bytes', () => {
    assert.deepEqual(
      [...dumpLines(Buffer.from('Hello, world\r\n\xff\xfe\x1b', 'latin1'))],
      ['0000  48 65 6c 6c 6f 2c 20 77 6f 72 6c 64 0d 0a ff fe  Hello, world....', `0010  ${'1b'.padEnd(47)}  .`],
    );
    assert.deepEqual([...dumpLines(Buffer.alloc(0))], []);
  });
});

/** The part of a session that the log reads. */
function fakeSession(facts: Partial<Session> = {}, cause?: EndCause): Session & { trace: SessionTrace | undefined } {
  return Object.assign(new EventEmitter(), {
    id: 12,
    remoteAddress: '127.0.0.1',
    remotePort: 51234,
    bytesRead: 1_200,
    bytesWritten: 45_000,
    age: 192_000,
    terminal: { columns: 100, rows: 30 },
    link: { fastPath: {}, ending: { cause } },
    ...facts,
  }) as unknown as Session & { trace: SessionTrace | undefined };
}

function logAt(level: LogLevel, format: 'pretty' | 'json' = 'pretty') {
  const lines: string[] = [];
  const log = createLog({ level, format, sink: line => void lines.push(line) });
  return { lines, sessionLog: new SessionLog(log, 'bash') };
}

const program = {
  pid: 77,
  file: '/bin/bash',
  args: [],
  term: 'xterm-256color',
  columns: 80,
  rows: 24,
  negotiationTime: 3,
  startTime: 1,
};
/** A pretty line without its time. */
const untimed = (line: string | undefined) => line?.replace(/^\[[-\d]+ [:.\d]+\] /, '');

describe('the lines of a session', () => {
  it('report its start and its end', () => {
    const { lines, sessionLog } = logAt('info');
    const session = fakeSession();
    sessionLog.hooks.onStart(session, program);
    sessionLog.ended(session, { result: { code: 0, signal: null } });
    assert.deepEqual(lines.map(untimed), [
      'INFO: session 12 started: 127.0.0.1:51234 bash, xterm-256color 100x30, pid 77\n',
      'INFO: session 12 ended: 127.0.0.1:51234 bash, xterm-256color 100x30, 3m12s, in 1.2 kB, out 45 kB, exit 0\n',
    ]);
  });
  it('report how it ended', () => {
    const { lines, sessionLog } = logAt('info');
    const session = fakeSession({ hangupReason: 'idle-timeout' }, 'idle-timeout');
    sessionLog.hooks.onStart(session, program);
    sessionLog.ended(session, { result: { code: null, signal: 'SIGHUP' } });
    sessionLog.ended(fakeSession(), { result: { code: null, signal: null } });
    sessionLog.ended(fakeSession(), { error: new Error("cannot start 'x': no such file\r\n") });
    sessionLog.ended(fakeSession(), { result: { refused: 'too-many-sessions' } });
    assert.match(lines[1] ?? '', /, killed by SIGHUP \(idle-timeout\)\n$/);
    assert.match(lines[2] ?? '', / no program, 3m12s, in 1\.2 kB, out 45 kB, not started \(client-closed\)\n$/);
    assert.match(lines[3] ?? '', /ERROR: .*, cannot start 'x': no such file\\x0d\\x0a\n$/);
    assert.match(lines[4] ?? '', /session 12 refused: 127\.0\.0\.1:51234, too-many-sessions\n$/);
  });
  it('have fields in JSON', () => {
    const { lines, sessionLog } = logAt('info', 'json');
    const session = fakeSession();
    sessionLog.hooks.onStart(session, program);
    sessionLog.ended(session, { result: { code: 3, signal: null } });
    const { time, msg, ...fields } = JSON.parse(lines[1] ?? '');
    assert.match(time, /^\d{4}-\d\d-\d\dT/);
    assert.match(msg, /^session 12 ended: /);
    const expected = {
      level: 30,
      session: 12,
      remote: '127.0.0.1:51234',
      duration: 192_000,
      bytesIn: 1_200,
      bytesOut: 45_000,
    };
    assert.deepEqual(fields, { ...expected, exit: 3, outcome: 'exit_nonzero', reason: 'program-exit' });
  });
  it('name rejected variables of the client, up to a limit', () => {
    const { lines, sessionLog } = logAt('info');
    const rejected = Array.from({ length: 100 }, (_, i) => ({ name: `N${i}`, value: 'v', reason: 'not asked for' }));
    sessionLog.hooks.onReject(fakeSession(), rejected);
    assert.match(lines[0] ?? '', /: N0="v" \(not asked for\), N1=.*, and 92 more\n$/);
  });
  it('report negotiation at debug, and bytes only at trace', () => {
    const record = { kind: 'negotiation', verb: Command.DO, option: Option.TTYPE } as const;
    const typed = Buffer.from('secret');
    for (const level of ['info', 'debug', 'trace'] as const) {
      const { lines, sessionLog } = logAt(level);
      const session = fakeSession();
      sessionLog.connected(session);
      session.trace?.telnet?.('sent', record);
      session.trace?.bytes?.('received', typed);
      session.emit('data', typed);
      const text = lines.join('');
      assert.equal(text.includes('session 12: sent DO TTYPE'), level !== 'info');
      assert.equal(text.includes('secret'), level === 'trace');
      assert.equal(text.includes('73 65 63 72 65 74'), level === 'trace');
    }
  });
});
