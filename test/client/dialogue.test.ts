/** Conversations: lines, patterns, commands, logins; with scripted peers and with real servers. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import iconv from 'iconv-lite';
import { connect, type Session, TelptyError } from '../../src/index.ts';
import { Option } from '../../src/protocol/index.ts';
import { Peer } from '../support/clients/peer.ts';
import { CMD, OPT, type Wire } from '../support/clients/test-client.ts';
import { Telnetd } from '../support/servers/telnetd.ts';
import { startBashServer } from '../support/system/programs.ts';

/** Both ends of a connection. */
async function pair(body: (session: Session, wire: Wire) => Promise<void>, encoding?: string): Promise<void> {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port, encoding });
  try {
    await body(session, await peer.accept());
    assert.equal(session.listenerCount('readable'), 0);
    assert.equal(session.listenerCount('telnet'), 0);
    assert.equal(session.listenerCount('close'), 0);
  } finally {
    session.destroy();
  }
}

test('readUntil: the first match is returned, and text after it is left', () =>
  pair(async (session, wire) => {
    wire.send('one two three');
    const found = await session.readUntil(['three', /t(w)o/]);
    assert.deepEqual(found, { text: 'one two', before: 'one ', match: 'two', groups: ['w'], index: 1 });
    assert.equal((await session.readUntil('three')).text, ' three');
    // Also across packets, and for a reader of the stream.
    const later = session.readUntil('needle');
    wire.send('nee');
    wire.send('dle, haystack');
    assert.equal((await later).text, 'needle');
    const [chunk] = (await once(session, 'data')) as [Buffer];
    assert.equal(chunk.toString(), ', haystack');
  }));

test('readUntil: if a pattern does not match, no text is lost', () =>
  pair(async (session, wire) => {
    wire.send('so far');
    while (session.bytesRead < 'so far'.length) await turn();
    await assert.rejects(session.readUntil('never', { timeout: 50 }), (error: TelptyError) => {
      assert.equal(error.code, 'ERR_TIMEOUT');
      assert.equal(
        error.message,
        'no "never" within 50 ms; the last line received is "so far"; compare the pattern with what was received (text)',
      );
      assert.equal(error.text, 'so far');
      return true;
    });
    const stop = new AbortController();
    const called = assert.rejects(session.readUntil(/no/, { signal: stop.signal }), { name: 'AbortError' });
    stop.abort();
    await called;
    await assert.rejects(session.readUntil('never', { maxLength: 3 }), { code: 'ERR_TOO_LONG', text: 'so far' });
    const first = session.readUntil('far!');
    await assert.rejects(session.readUntil('far'), { code: 'ERR_INVALID_ARGUMENT' });
    wire.send('!');
    assert.equal((await first).text, 'so far!');
    wire.send('the end');
    wire.halfClose();
    await assert.rejects(session.readUntil('never'), { code: 'ERR_SESSION_CLOSED', text: 'the end' });
  }));

test('readUntil: the text received is searched as a whole, and small matches do not read all of it each time', () =>
  pair(async (session, wire) => {
    const line = 'abcdefgh\r\n';
    const count = 10_000;
    wire.send(line.repeat(count));
    while (session.inputLength < count * line.length) await turn();
    const whole = line.repeat(count);
    // `$` is the end of all text received, and of two patterns the one that begins first is found, however long it is.
    assert.equal((await session.readUntil(/\n$/)).text, whole);
    wire.send(`x${'y'.repeat(2_000)}z, ${whole}`);
    while (session.inputLength < whole.length + 2_004) await turn();
    assert.equal((await session.readUntil(['y', `x${'y'.repeat(2_000)}z`])).index, 1);
    assert.equal((await session.readUntil(', ')).text, ', ');
    const { read } = session;
    let bytes = 0;
    session.read = function counted(size?: number): Buffer | null {
      const chunk = read.call(this, size);
      bytes += chunk?.length ?? 0;
      return chunk;
    };
    for (let at = 0; at < 5_000; at++)
      assert.equal((await session.readUntil(at % 2 ? /\n/ : ['h\r\n', /never/])).text, line);
    assert.ok(bytes <= 5_000 * 2_048, `${bytes} bytes`);
  }));

test('readUntil: a flood without a match fails at the limit', () =>
  pair(async (session, wire) => {
    wire.send('x'.repeat(3 * 1024 * 1024));
    await assert.rejects(session.readUntil('never'), (error: TelptyError) => {
      assert.equal(error.code, 'ERR_TOO_LONG');
      assert.ok(error.text!.length < 1.2 * 1024 * 1024);
      return true;
    });
  }));

test('readUntil: in any character set, cut anywhere, the rest begins where the match ends', async () => {
  for (const encoding of ['UTF-8', 'Shift_JIS', 'GB18030', 'KOI8-R', 'Big5', 'ISO-8859-1']) {
    const letters = encoding === 'ISO-8859-1' ? 'aé§ß' : encoding === 'KOI8-R' ? 'aжЯя' : 'a中日文';
    const extra = ['UTF-8', 'GB18030'].includes(encoding) ? '😀' : '';
    const text = fc.string({ unit: fc.constantFrom(...letters, ...(extra && [extra])), maxLength: 12 });
    await pair(async (session, wire) => {
      await fc.assert(
        fc.asyncProperty(text, text, fc.array(fc.nat(40), { maxLength: 4 }), async (before, after, cuts) => {
          const bytes = iconv.encode(`${before}|${after}#`, encoding);
          let at = 0;
          for (const cut of [...cuts.sort((a, b) => a - b), bytes.length]) {
            wire.type(bytes.subarray(at, cut));
            at = Math.max(at, cut);
          }
          assert.equal((await session.readUntil('|')).before, before);
          assert.equal((await session.readUntil('#')).before, after);
        }),
        { numRuns: 40 },
      );
    }, encoding);
  }
});

test('sendLine: ends in CR LF, or CR under BINARY, and is encoded in the character set', () =>
  pair(async (session, wire) => {
    session.sendLine('naïve\nlines');
    await wire.expect(Buffer.from('na\xefve\r\nlines\r\n', 'latin1'));
    session.sendLine('x', { eol: '\n' });
    await wire.expect(Buffer.from('x\n'));
    wire.negotiate(CMD.DO, OPT.BINARY);
    await session.waitFor({ option: Option.BINARY, side: 'local' });
    session.sendLine('y\xff');
    await wire.expect(Buffer.from('y\xff\xff\r', 'latin1'));
  }, 'latin1'));

test('waitFor: immediate, later, timeout, and a condition that throws', () =>
  pair(async (session, wire) => {
    await session.waitFor({ option: Option.ECHO, side: 'remote', enabled: false });
    const waiting = session.waitFor({ option: Option.ECHO, side: 'remote' });
    wire.negotiate(CMD.WILL, OPT.ECHO);
    await waiting;
    await assert.rejects(session.waitFor({ option: 24, side: 'local' }, { timeout: 20 }), {
      code: 'ERR_TIMEOUT',
      message: 'no TTYPE on the local side within 20 ms',
    });
    await assert.rejects(
      session.waitFor(() => assert.fail('mine')),
      { message: 'mine' },
    );
    await assert.rejects(session.waitFor({ option: 256, side: 'local' }), { code: 'ERR_INVALID_ARGUMENT' });
  }));

test('exec: output of only returns costs no more than other output', () =>
  pair(async (session, wire) => {
    /** The CPU time of a command with this output, in microseconds. */
    const cost = async (text: string, shown: RegExp): Promise<number> => {
      const { user } = process.cpuUsage();
      const output = session.exec('show', { maxLength: 2 << 20 });
      wire.send(text, '\r\nend\r\n$ ');
      assert.match(await output, shown);
      return process.cpuUsage().user - user;
    };
    const ordinary = await cost('x'.repeat(800_000), /^x*\nend\n$/);
    const returns = await cost('\r\0'.repeat(400_000), /^\r*\nend\n$/);
    // Scanning each run of returns from each of its positions took a thousand times as long.
    assert.ok(returns < 50 * ordinary, `${returns} us, ${ordinary} us for ordinary output`);
  }));

test('login: names and passwords are sent as they are asked for, and refusals are recognized', async () => {
  await pair(async (session, wire) => {
    const options = { username: 'ada', password: 'secret' };
    const inside = session.login(options);
    wire.send('\r\nLast login: ');
    wire.send('yesterday\r\nhost login: ');
    await wire.expect('ada\r\n');
    wire.send('Password: ');
    await wire.expect('secret\r\n');
    wire.send('\r\nLast login: today\r\nada@host:~$ ');
    assert.match(await inside, /today\nada@host:~\$ $/);
    wire.send('login: ');
    // After the first refusal, the question is repeated for the second.
    for (const no of ['Login incorrect\r\nlogin: ', 'host login: ']) {
      const outside = assert.rejects(session.login(options), (error: TelptyError) => {
        assert.equal(error.code, 'ERR_LOGIN');
        assert.match(error.text!, /Password: /);
        return true;
      });
      await wire.expect('ada\r\n');
      wire.send('Password: ');
      await wire.expect('secret\r\n');
      wire.send(no);
      await outside;
    }
    const nothing = assert.rejects(session.login({ username: 'ada' }), { code: 'ERR_LOGIN' });
    wire.send('Password: ');
    await nothing;
    const late = assert.rejects(session.login({ ...options, timeout: 50 }), { code: 'ERR_TIMEOUT' });
    await late;
  });
});

/** The output of a device for each command: pieces, with a pause before each except the first. */
type Replies = Record<string, readonly string[]>;

interface DeviceOptions {
  echoes?: boolean;
  /** Resolves at the end of the pause before a piece. */
  pause?: () => Promise<unknown>;
}

/** Plays a device that shows `prompt` and answers commands; returns when the connection has ended. */
async function device(wire: Wire, prompt: string, replies: Replies, options: DeviceOptions = {}): Promise<void> {
  const { echoes = true, pause = () => delay(30) } = options;
  wire.send(prompt);
  for (;;) {
    let line: string;
    try {
      line = (await wire.expect(/[^\n]*\r\n/, 240_000)).trimEnd();
    } catch {
      return;
    }
    if (echoes) wire.send(`${line}\r\n`);
    for (const [index, piece] of (replies[line] ?? [`${line} is done\r\n`]).entries()) {
      if (index > 0) await pause();
      wire.send(piece);
    }
    wire.send(prompt);
  }
}

for (const { prompt, cut } of [
  { prompt: '$ ', cut: '/dev/sda1   20G  9.0G   11G  45% ' },
  { prompt: 'ada@host:~$ ', cut: '<html> ' },
  { prompt: '> ', cut: 'if a > ' },
  { prompt: 'router#\x1b[0m ', cut: 'Copying: 10% ' },
  { prompt: '\x1b[32m[12:00] host# \x1b[0m', cut: 'total: 5$ ' },
  { prompt: '$ ', cut: 'line 1\r\ncost in $ ' },
  { prompt: '> ', cut: 'Ada wrote:\r\n> ' },
  { prompt: '$ ', cut: '$ ' },
  { prompt: 'Router>', cut: '<html> ' },
  { prompt: 'Router(config)#', cut: '100% ' },
]) {
  test(`exec: output cut after ${JSON.stringify(cut)} is complete, at the prompt ${JSON.stringify(prompt)}`, () =>
    pair(async (session, wire) => {
      const playing = device(wire, prompt, { show: [cut, '/\r\nlast line\r\n'] });
      await session.readUntil(prompt);
      const expected = `${cut}/\nlast line\n`.replace(/\r/g, '');
      assert.equal(await session.exec('show'), expected);
      assert.equal(await session.exec('date'), 'date is done\n');
      assert.equal(await session.exec('show'), expected);
      session.destroy();
      await playing;
    }));
}

test('exec: the first command, before a prompt is known, and a prompt that changes', () =>
  pair(async (session, wire) => {
    const playing = device(wire, '~$ ', { 'cd /tmp': ['\r\n/tmp$ '], show: ['5% ', 'of all\r\n'] });
    // Read past readUntil(), so no prompt is known.
    while (session.inputLength === 0) await turn();
    session.read();
    assert.equal(await session.exec('show'), '5% of all\n');
    assert.equal(await session.exec('cd /tmp'), '\n/tmp$ ');
    session.destroy();
    await playing;
  }));

test('exec: a prompt without a space that changes; a colour that ends after a prompt', () =>
  pair(async (session, wire) => {
    const playing = device(wire, 'Router>', { enable: ['Router#'], show: ['host#', 'x\r\n'] });
    await session.readUntil('>');
    assert.equal(await session.exec('date'), 'date is done\n');
    assert.equal(await session.exec('enable'), 'Router#');
    assert.equal(await session.exec('show'), 'host#x\n');
    session.destroy();
    await playing;
  }).then(() =>
    pair(async (session, wire) => {
      wire.send('\x1b[1mhost$ \x1b[0m');
      await session.readUntil('\x1b[0m');
      for (const output of ['one\n', 'two\n']) {
        const result = session.exec('date');
        await wire.expect('date\r\n');
        wire.send(`date\r\n${output}\x1b[1mhost$ `);
        await delay(20);
        wire.send('\x1b[0m');
        assert.equal(await result, output);
      }
    }),
  ));

for (const prompt of ['$ ', /\$ $/, /~\$ /]) {
  test(`exec: several lines return the output of all of them, with the prompt ${prompt}`, () =>
    pair(async (session, wire) => {
      const playing = device(wire, '~$ ', {});
      const output = await session.exec('one\ntwo\nthree', { prompt, timeout: 300_000 });
      assert.deepEqual(output.match(/\w+ is done/g), ['one is done', 'two is done', 'three is done']);
      assert.equal((await session.exec('four', { prompt })).match(/\w+ is done/g)?.join(), 'four is done');
      session.destroy();
      await playing;
    }));
}

test('exec: output whose last line has no end is followed by the known prompt', () =>
  pair(async (session, wire) => {
    const playing = device(wire, 'ada@host:~$ ', { 'printf 100%': ['100%'] });
    await session.readUntil('$ ');
    assert.equal(await session.exec('printf 100%'), '100%');
    assert.equal(await session.exec('date'), 'date is done\n');
    session.destroy();
    await playing;
  }));

/** Pauses of a device that last until `resume()`, which waits for a pause that has not begun. */
function held() {
  const changes = new EventEmitter();
  let begun = 0;
  let ended = 0;
  return {
    async pause(): Promise<void> {
      const count = ++begun;
      changes.emit('change');
      while (ended < count) await once(changes, 'change');
    },
    async resume(): Promise<void> {
      const count = ++ended;
      changes.emit('change');
      while (begun < count) await once(changes, 'change');
    },
  };
}

/** The output of a command before it is given up: nothing, lines, or text that may be a prompt. */
const LINES = 'the first half\r\n';
describe('exec: after a command that was given up', { concurrency: 8 }, () => {
  for (const { name, first = LINES, giveUp } of [
    { name: 'a time-out', giveUp: (session: Session) => session.exec('slow', { timeout: 20 }) },
    {
      name: 'a time-out without output',
      first: '',
      giveUp: (session: Session) => session.exec('slow', { timeout: 20 }),
    },
    {
      name: 'a time-out at text that looks like a prompt',
      first: `${LINES}50% `,
      giveUp: (session: Session) => session.exec('slow', { timeout: 20 }),
    },
    {
      name: 'an abort',
      giveUp: (session: Session) => session.exec('slow', { signal: AbortSignal.timeout(20) }),
    },
    { name: 'too much output', giveUp: (session: Session) => session.exec('slow', { maxLength: 10 }) },
    {
      name: 'a time-out with a pattern that does not match',
      giveUp: (session: Session) => session.exec('slow', { prompt: 'never', timeout: 20 }),
    },
  ]) {
    for (const echoes of [true, false]) {
      test(`${name}: late output is not returned by the next one, ${echoes ? 'with' : 'without'} echo`, () =>
        pair(async (session, wire) => {
          const slow = [first, '\r\nthe second half\r\n'];
          const { pause, resume } = held();
          const playing = device(wire, '$ ', { slow }, { echoes, pause });
          await session.readUntil('$ ');
          await assert.rejects(giveUp(session));
          const one = session.exec('one');
          await resume();
          assert.equal(await one, 'one is done\n');
          assert.equal(await session.exec('two'), 'two is done\n');
          await assert.rejects(giveUp(session));
          await resume();
          // Until the rest has arrived, and the prompt after it.
          do await turn();
          while (session.bytesRead < wire.sentBytes);
          assert.equal(await session.exec('three'), 'three is done\n');
          assert.equal(await session.exec('four'), 'four is done\n');
          session.destroy();
          await playing;
        }));
    }
  }
});

test('exec: if a slow command pauses after text that resembles another prompt, its own prompt is still awaited', () =>
  pair(async (session, wire) => {
    const { pause, resume } = held();
    const playing = device(wire, 'router# ', { copy: ['10% ', '20%\r\n'] }, { pause, echoes: false });
    await session.readUntil('router# ');
    await assert.rejects(session.exec('copy', { timeout: 20 }), { code: 'ERR_TIMEOUT' });
    const date = session.exec('date', { timeout: 300_000 });
    // Text that resembles another prompt counts as one after a second of silence.
    await delay(1_300);
    await resume();
    assert.equal(await date, 'date is done\n');
    session.destroy();
    await playing;
  }));

test('exec: a command is not sent while the prompt of another is outstanding; any call that reads the prompt settles it', () =>
  pair(async (session, wire) => {
    wire.send('router# ');
    await session.readUntil('router# ');
    const shown = assert.rejects(session.exec('show run', { timeout: 50 }), (error: TelptyError) => {
      assert.equal(
        error.message,
        'no prompt within 50 ms; the last line received is " --More-- "; give prompt: /…/ or call findPrompt()',
      );
      assert.match(error.text!, /--More-- $/);
      return true;
    });
    await wire.expect('show run\r\n');
    wire.send('show run\r\ninterface 1\r\n --More-- ');
    await shown;
    await assert.rejects(session.exec('date', { timeout: 50 }), {
      code: 'ERR_TIMEOUT',
      message:
        'no prompt of the command before, so this one was not sent, within 50 ms; the last line received is " --More-- "; call resync()',
    });
    session.write('q');
    await wire.expect('q');
    wire.send('\b\b\b\b\b\b\b\b\b\b          \b\b\b\b\b\b\b\b\b\brouter# ');
    await session.readUntil('router# ');
    const date = session.exec('date');
    await wire.expect('date\r\n');
    wire.send('date\r\nMonday\r\nrouter# ');
    assert.equal(await date, 'Monday\n');
  }));

test('exec: unread input is not part of the output', () =>
  pair(async (session, wire) => {
    const playing = device(wire, 'router# ', {});
    await session.readUntil('router# ');
    wire.send('\r\n*Mar 1 00:00:01: %LINK-3-UPDOWN: up\r\nrouter# ');
    while (session.inputLength < 40) await turn();
    assert.equal(await session.exec('date'), 'date is done\n');
    wire.send('\r\n*Mar 1 00:00:02: %LINK-3-UPDOWN: down\r\n');
    while (session.inputLength < 40) await turn();
    assert.equal(await session.exec('date'), 'date is done\n');
    session.destroy();
    await playing;
  }));

test('exec: a prompt pattern that matches too early does not shift later outputs', () =>
  pair(async (session, wire) => {
    const playing = device(wire, '> ', { 'cat page': ['<html> ', '<body>\r\n</html>\r\n'] });
    await session.readUntil('> ');
    const prompt = '> ';
    assert.equal(await session.exec('cat page', { prompt }), '<html');
    assert.equal(await session.exec('date', { prompt }), 'date is done\n');
    assert.equal(await session.exec('time', { prompt }), 'time is done\n');
    session.destroy();
    await playing;
  }));

test('exec: a command that cannot be run is not sent', () =>
  pair(async (session, wire) => {
    wire.send('$ ');
    await session.readUntil('$ ');
    const first = session.exec('first');
    await assert.rejects(session.exec('second'), { code: 'ERR_INVALID_ARGUMENT' });
    await assert.rejects(session.exec('third', { signal: AbortSignal.abort(new Error('called off')) }), TelptyError);
    await wire.expect('first\r\n');
    wire.send('first\r\n$ ');
    assert.equal(await first, '');
    await assert.rejects(session.exec('fourth', { signal: AbortSignal.abort(new Error('called off')) }), {
      message: 'called off',
    });
    await assert.rejects(session.exec('fifth', { prompt: '' }), { code: 'ERR_INVALID_ARGUMENT' });
    session.sendLine('last');
    await wire.expect('last\r\n');
    assert.doesNotMatch(wire.raw.bytes.toString('latin1'), /second|third|fourth|fifth/);
  }));

describe('exec: an echo', { concurrency: 5 }, () => {
  for (const { name, echo, output = 'a result\r\n', command = 'hostname' } of [
    { name: 'no echo: a line that ends like the command', echo: '', output: 'myhostname\r\nsecond\r\n' },
    { name: 'no echo: a line that contains the command', echo: '', output: 'x=get x\r\n', command: 'get x' },
    { name: 'no echo: a short command', echo: '', output: '41\r\nvalue\r\n', command: '1' },
    {
      name: 'no echo: a later line that equals the command',
      echo: '',
      output: 'Commands:\r\nhelp\r\n',
      command: 'help',
    },
    { name: 'no echo: the letters on two lines', echo: '', output: 'a\r\nb\r\n', command: 'ab' },
    { name: 'no echo: the letters apart', echo: '', output: 'a b\r\n', command: 'ab' },
    {
      name: 'no echo: a line that ends like the command after a mark',
      echo: '',
      output: 'cost in $ 5\r\n',
      command: '5',
    },
    { name: 'no echo: a Return alone, and a line that looks like a prompt', echo: '', output: '45% \r\n', command: '' },
    { name: 'no echo: a Return alone', echo: '', output: 'menu\r\n1 exit\r\n', command: '' },
    { name: 'a plain echo', echo: 'hostname\r\n' },
    { name: 'an echo, then an equal line', echo: 'hostname\r\n', output: 'hostname\r\n' },
    { name: 'CR CR LF', echo: 'hostname\r\r\n' },
    { name: 'CR CR LF among the output', echo: 'hostname\r\r\n', output: 'one\r\r\r\ntwo\r\nthree\r\r\n' },
    { name: 'colours', echo: '\x1b[1mhost\x1b[0mname\x1b[K\r\n' },
    { name: 'keys that are redrawn', echo: 'h\bho\bos\bst\b\b\b\bhostname\r\n' },
    { name: 'a prompt that is redrawn', echo: '\r$ hostname\x1b[K\r\n' },
    { name: 'a return alone', echo: '\r\n', command: '' },
    {
      name: 'a row wrapped by a blank and a return',
      command: 'echo aaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbb | wc -w',
      echo: 'echo aaaaaaaaaaaaaaaaaaaa bbbbbbbb \rbbbbb | wc -w\r\n',
    },
    {
      name: 'a row wrapped at a blank of the command',
      command: 'echo aaaaaaaaaaaaaaaaaaaa bbbbbbbb | wc -w',
      echo: 'echo aaaaaaaaaaaaaaaaaaaa bbbbbbbb \r| wc -w\r\n',
    },
    {
      name: 'a row wrapped by a line end',
      command: 'echo aaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbb | wc -w',
      echo: 'echo aaaaaaaaaaaaaaaaaaaa bbbbbbbb\r\nbbbbb | wc -w\r\n',
    },
    {
      name: 'the end of a long row after a mark',
      command: 'echo aaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbb | wc -w',
      echo: '$ echo aaaaaaaaaaaaaaaaaaa\r<aaaaaaaaa bbbbbbbbbbbbb | wc -w\r\n',
    },
    { name: 'two lines at once', command: 'one\ntwo', echo: 'one\r\ntwo\r\n' },
  ]) {
    test(`is removed from the output, and nothing else: ${name}`, () =>
      pair(async (session, wire) => {
        const prompt = '$ ';
        wire.send(prompt);
        await session.readUntil(prompt);
        for (const pieces of [1, 4]) {
          const result = session.exec(command);
          await wire.expect(`${command.replace(/\n/g, '\r\n')}\r\n`);
          const said = `${echo}${output}${prompt}`;
          for (let n = 0; n < pieces; n++) {
            wire.send(said.slice((n * said.length) / pieces, ((n + 1) * said.length) / pieces));
            await turn();
          }
          assert.equal(await result, output.replace(/\r/g, ''));
        }
        const whole = session.exec(command, { stripEcho: false });
        await wire.expect(`${command.replace(/\n/g, '\r\n')}\r\n`);
        wire.send(`${echo}${output}${prompt}`);
        assert.equal(await whole, `${echo}${output}`.replace(/\r+\n/g, '\n'));
      }));
  }
});

describe('login: questions', { concurrency: 10 }, () => {
  for (const question of [
    ...[
      'login: ',
      'host login: ',
      'Login as: ',
      'login as:',
      'Login Name: ',
      'Username: ',
      'Username> ',
      'username:',
      'USERNAME> ',
    ],
    ...[
      'Account: ',
      'Account> ',
      'User Name: ',
      'Username(1-32 chars):',
      'Username (1-32 chars): ',
      'User: ',
      'user name : ',
    ],
    ...[
      'Enter username: ',
      'Enter your user name> ',
      'User ID: ',
      'Userid:',
      'Logon: ',
      'UserName:\t',
      'Username [admin]: ',
    ],
    ...['\x1b[1;32mUsername\x1b[0m: ', '\x1b[33mlogin:\x1b[0m ', 'Username:\x07 ', '\rUsername: ', 'Please login: '],
  ]) {
    for (const secret of [
      'Password: ',
      'Password for ada:',
      'Passcode: ',
      'PASSWORD> ',
      "ada's password: ",
      'Password(1-16 chars):',
      'Pwd: ',
      'PIN: ',
      'Enter your PIN (4 digits): ',
      'PIN code for ada:',
    ]) {
      if (secret !== 'Password: ' && !/^(?:Username> |login: )$/.test(question)) continue;
      test(`${JSON.stringify(question)} and ${JSON.stringify(secret)} are questions, not prompts`, () =>
        pair(async (session, wire) => {
          const inside = session.login({ username: 'ada', password: 'secret' });
          wire.send('\r\nTerminal server\r\n\r\n', question);
          await wire.expect('ada\r\n');
          wire.send('\r\n', secret);
          await wire.expect('secret\r\n');
          wire.send('\r\nLocal> ');
          assert.match(await inside, /\nLocal> $/);
          const shown = session.exec('show');
          await wire.expect('show\r\n');
          wire.send('show\r\nports\r\nLocal> ');
          assert.equal(await shown, 'ports\n');
        }));
    }
  }
});

test('login: reports of logins, banners and cut lines are neither questions nor prompts', () =>
  pair(async (session, wire) => {
    const inside = session.login({ username: 'ada', password: 'secret' });
    for (const piece of [
      'Last login: ',
      'Mon Dec 1 10:',
      '00\r\nLast failed login: ',
      'never\r\n',
      'RX pin: ',
      '3\r\n/home, the last pwd: ',
      '/\r\n',
      'Disk 45% ',
      'full\r\n',
    ]) {
      wire.send(piece);
      // A question for a name counts after 100 ms.
      await delay(piece.endsWith('login: ') ? 150 : 20);
    }
    wire.send('Authorized users only. Your account: ');
    await delay(20);
    wire.send('see the policy.\r\nlogin: ');
    await wire.expect('ada\r\n');
    wire.send('\r\nPassword: ');
    await wire.expect('secret\r\n');
    wire.send('\r\nLast login: Mon Dec  1 10:00\r\nYour password will expire: soon\r\nhost# ');
    assert.match(await inside, /soon\nhost# $/);
    assert.equal(wire.raw.bytes.toString('latin1'), 'ada\r\nsecret\r\n');
  }));

describe('login: neither a report nor a refusal', { concurrency: 10 }, () => {
  for (const { name = 'login: ', secret = 'Password: ' } of [
    { name: 'Username (will time out in 60 s): ' },
    { name: 'Username (last used: bob)> ' },
    { name: 'Login failed 0 times. Login: ' },
    { secret: 'Password (will not be shown): ' },
    { secret: 'Password must be typed blind. Password: ' },
  ]) {
    test(`the explanation of a question is not a report: ${JSON.stringify([name, secret])}`, () =>
      pair(async (session, wire) => {
        const inside = session.login({ username: 'ada', password: 'secret' });
        wire.send(name);
        await wire.expect('ada\r\n');
        wire.send('\r\n', secret);
        await wire.expect('secret\r\n');
        wire.send('\r\nLocal> ');
        assert.match(await inside, /\nLocal> $/);
      }));
  }

  for (const greeting of [
    'There have been 3 invalid login attempts since Monday.\r\n',
    'Last login failed: never\r\n',
    'Unauthorized access denied.\r\n',
    'Access denied to unauthorized persons\r\n',
    '0 incorrect passwords\r\n',
  ]) {
    test(`a greeting is not a refusal: ${JSON.stringify(greeting)}`, () =>
      pair(async (session, wire) => {
        const inside = session.login({ username: 'ada', password: 'secret' });
        wire.send('login: ');
        await wire.expect('ada\r\n');
        wire.send('\r\nPassword: ');
        await wire.expect('secret\r\n');
        // Cut at a position where it may still be a refusal.
        const cut = /(?:login|failed|denied|passwords)\b/.exec(greeting)!;
        const at = cut.index + cut[0].length;
        wire.send('\r\n', greeting.slice(0, at));
        await delay(20);
        wire.send(greeting.slice(at), 'host# ');
        assert.match(await inside, /\nhost# $/);
      }));
  }
});

test('login: a prompt without a space, and a greeting that ends like one', () =>
  pair(async (session, wire) => {
    const inside = session.login({ username: 'ada', password: 'secret' });
    wire.send('<<Welcome>>');
    await delay(1_100);
    wire.send('\r\nUsername:');
    await wire.expect('ada\r\n');
    wire.send('\r\nPassword:');
    await wire.expect('secret\r\n');
    wire.send('\r\nRouter>');
    assert.match(await inside, /\nRouter>$/);
    const shown = session.exec('show');
    await wire.expect('show\r\n');
    wire.send('show\r\nports\r\nRouter>');
    assert.equal(await shown, 'ports\n');
  }));

test('login: a given question is not a match of a given prompt', async () => {
  for (const prompt of [/[\w-]+> $/, /^.*> $/m, /> $/]) {
    await pair(async (session, wire) => {
      const questions = { loginPrompt: 'Username> ', passwordPrompt: /Password> ?$/ };
      const inside = session.login({ username: 'ada', password: 'secret', prompt, ...questions });
      wire.send('Enter Username> ');
      await wire.expect('ada\r\n');
      wire.send('\r\nPassword> ');
      await wire.expect('secret\r\n');
      wire.send('\r\nLocal> ');
      assert.match(await inside, /\nLocal> $/);
    });
  }
});

test('login: given patterns take precedence over the defaults, wherever they match', async () => {
  const told = { username: 'ada', password: 'secret' };
  await pair(async (session, wire) => {
    const inside = session.login({ ...told, loginPrompt: 'Name> ', passwordPrompt: /Word> $/, prompt: /^go: /m });
    wire.send('login: none\r\n$ \r\nName> ');
    await wire.expect('ada\r\n');
    wire.send('$ \r\nWord> ');
    await wire.expect('secret\r\n');
    wire.send('> \r\ngo: login: ');
    assert.match(await inside, /\ngo: $/);
  });
  await pair(async (session, wire) => {
    const refused = assert.rejects(session.login({ ...told, failure: 'no way' }), { code: 'ERR_LOGIN' });
    wire.send('Username> ');
    await wire.expect('ada\r\n');
    wire.send('no way\r\nmenu> ');
    await refused;
  });
});

test('readUntil, exec, login: a character set agreed meanwhile decodes the following text, from the exact byte', async () => {
  const agree = (wire: Wire, name: string): void => {
    wire.subnegotiate(OPT.CHARSET, Buffer.from(`\x01;${name}`, 'latin1'));
  };
  const agreed = (session: Session, name: string) => session.waitFor(({ encoding }) => encoding === name);
  await pair(async (session, wire) => {
    wire.negotiate(CMD.WILL, OPT.CHARSET);
    const welcome = session.readUntil('login: ');
    wire.send('café ');
    agree(wire, 'GBK');
    wire.send(iconv.encode('欢迎 login: ', 'gbk'));
    assert.equal((await welcome).text, 'café 欢迎 login: ');
    // It changes twice without a reader; the unread text is decoded in the set of its bytes.
    wire.send(iconv.encode('欢迎|欢', 'gbk'));
    agree(wire, 'KOI8-R');
    wire.send(iconv.encode('привет|', 'koi8-r'));
    await agreed(session, 'KOI8-R');
    wire.send(iconv.encode('ещё#', 'koi8-r'));
    assert.equal((await session.readUntil('|')).text, '欢迎|');
    await assert.rejects(session.readUntil('never', { timeout: 50 }), { text: '欢привет|ещё#' });
    assert.equal((await session.readUntil('|')).text, '欢привет|');
    assert.equal((await session.readUntil('#')).text, 'ещё#');
    // In the middle of a character.
    const cut = session.readUntil('!');
    agree(wire, 'UTF-8');
    wire.send(Buffer.from('zu €', 'utf8').subarray(0, -1));
    agree(wire, 'ISO-8859-1');
    wire.send(Buffer.from('\xe9t\xe9!', 'latin1'));
    assert.equal((await cut).text, 'zu \ufffdété!');
    const output = session.exec('show', { prompt: '$ ' });
    await wire.expect('show\r\n');
    wire.send(Buffer.from('show\r\n\xe9', 'latin1'));
    agree(wire, 'UTF-8');
    wire.send(Buffer.from('é\r\n$ '));
    assert.equal(await output, 'éé\n');
    // A set that the application assigns applies to unread text.
    wire.send(iconv.encode('й?', 'koi8-r'));
    while (session.inputLength < 2) await turn();
    session.terminal.charset = 'KOI8-R';
    assert.equal((await session.readUntil('?')).text, 'й?');
    const inside = session.login({ username: 'ада', prompt: '> ' });
    wire.send(iconv.encode('имя login: ', 'koi8-r'));
    await wire.expect(iconv.encode('ада\r\n', 'koi8-r'));
    agree(wire, 'UTF-8');
    wire.send(Buffer.from('привет> '));
    assert.equal(await inside, 'имя login: привет> ');
  });
});

for (const { name, start } of [
  { name: 'telpty', start: () => startBashServer() },
  { name: 'GNU telnetd', start: () => Telnetd.start('/bin/sh -i') },
  { name: 'busybox telnetd', start: () => Telnetd.start('/bin/sh', 'busybox') },
]) {
  test(`exec: output without echo and prompt, with ${name}`, async () => {
    await using server = await start();
    const session = await connect({ port: server.port });
    try {
      await session.readUntil(/[$#] $/);
      assert.equal(await session.exec('echo one; echo two'), 'one\ntwo\n');
      assert.equal(await session.exec('true'), '');
      assert.equal(await session.exec(`echo ${'long '.repeat(40)}| wc -w`), '40\n');
      assert.equal(await session.exec('echo héé'), 'héé\n');
      // Only after the question: text typed before it may still be taken as keys, without a line end.
      const prompt = /(?<=\n)answer: $/;
      assert.equal(await session.exec('printf "answer: "; read -r answer', { prompt }), '');
      assert.equal(await session.exec('mine', { stripEcho: true }), '');
      assert.equal(await session.exec('echo "$answer"'), 'mine\n');
      session.sendLine('exit');
      await assert.rejects(session.readUntil('never'), { code: 'ERR_SESSION_CLOSED' });
    } finally {
      session.destroy();
    }
  });
}
