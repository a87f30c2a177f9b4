/** `telpty play` and `telpty render` as commands: in a real terminal, over Telnet, and from a script. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { TtyrecEncoder } from '../../../src/recording/ttyrec.ts';
import { runCommands } from '../../support/clients/command-lines.ts';
import { Terminal } from '../../support/clients/tmux.ts';
import { assertNothingHeld } from '../../support/leaks.ts';
import { CLI, startServer } from '../../support/servers/server.ts';
import { requireTool } from '../../support/system/tools.ts';

const TIMEOUT = { timeout: 600_000 };

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'telpty-play-'));
});
after(() => rmSync(directory, { recursive: true }));
after(assertNothingHeld);

function file(name: string, contents: string | Uint8Array, age = 0): string {
  const path = join(directory, name);
  writeFileSync(path, contents);
  const time = new Date(Date.now() - age * 1000);
  utimesSync(path, time, time);
  return path;
}

const play = (...args: readonly string[]) => [process.execPath, CLI, 'play', ...args];

function telpty(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const V2 = '{"version":2,"width":40,"height":5}\n[0,"o","in v2"]\n[600,"o","later"]\n';
const V3 = '{"version":3,"term":{"cols":40,"rows":5}}\n[0,"o","in v3"]\n[600,"o","later"]\n';
const frames = new TtyrecEncoder();
const TTYREC = Buffer.concat([
  frames.begin({ columns: 40, rows: 5 }),
  frames.event({ time: 0, type: 'output', data: 'in ttyrec' }),
  frames.event({ time: 600, type: 'output', data: 'later' }),
]);

describe('telpty play', () => {
  for (const [name, contents] of [
    ['v2', V2],
    ['v3', V3],
    ['ttyrec', TTYREC],
  ] as const) {
    for (const isCompressed of [false, true]) {
      it(`plays ${name}${isCompressed ? ', compressed' : ''}, jumps in it and ends`, TIMEOUT, async () => {
        const path = file(`${name}${isCompressed}`, isCompressed ? gzipSync(contents) : contents);
        await using terminal = await Terminal.start(play(path));
        await terminal.waitFor(new RegExp(`^in ${name}`));
        await terminal.keys('Space');
        await terminal.waitFor(/paused/);
        await terminal.keys('End');
        await terminal.waitFor(new RegExp(`^in ${name}later[\\s\\S]*paused  10:00 / 10:00`));
        await terminal.type('0');
        await terminal.waitFor(new RegExp(`^in ${name}\n[\\s\\S]*paused  0:00`));
        await terminal.type('q');
        assert.equal(await terminal.exitStatus(), 0);
        assert.equal(await terminal.capture(), '');
      });
    }
  }

  it('leaves the last screen and a reset terminal at the end', TIMEOUT, async () => {
    const output = '\\u001b[?1049h\\u001b[?25l\\u001b[?1000h\\u001b[31mred\\u001b[2;4r\\u001b(0';
    const path = file('end', `{"version":2,"width":40,"height":5}\n[0,"o","${output}"]\n`);
    await using terminal = await Terminal.start(play(path));
    assert.equal(await terminal.exitStatus(), 0);
    assert.equal(await terminal.capture(), 'red');
    assert.equal(await terminal.flags('alternate_on', 'cursor_flag', 'mouse_any_flag', 'wrap_flag'), '0 1 0 1');
    await terminal.untilModes('icanon', 'echo', 'isig');
  });

  it('prints the place where a file is broken, after it has played up to there', TIMEOUT, async () => {
    const path = file('broken.cast', `${V2.replace('600', '0.01')}nonsense\n`);
    await using terminal = await Terminal.start(play(path));
    assert.equal(await terminal.exitStatus(), 1);
    assert.equal(await terminal.capture(), 'in v2later\ntelpty: broken.cast:4: not an event [seconds, type, data]');
  });

  for (const [signal, status] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    it(`resets the terminal at ${signal}`, TIMEOUT, async () => {
      await using terminal = await Terminal.start(play(file('signal', V2)));
      await terminal.waitFor(/^in v2/);
      process.kill(terminal.pid, signal);
      assert.equal(await terminal.exitStatus(), status);
      assert.equal(await terminal.flags('alternate_on', 'cursor_flag'), '0 1');
      await terminal.untilModes('icanon', 'echo', 'isig');
    });
  }

  it('shortens pauses to the limit in the recording', TIMEOUT, async () => {
    const path = file('limited-play.cast', V2.replace('"height"', '"idle_time_limit":0.1,"height"'));
    await using terminal = await Terminal.start(play(path));
    assert.equal(await terminal.exitStatus(), 0);
    assert.equal(await terminal.capture(), 'in v2later');
  });

  it('restores the terminal at ^Z, and goes on after it', TIMEOUT, async () => {
    await using terminal = await Terminal.start(['bash', '--norc', '-i']);
    await terminal.waitFor(/\$|#/);
    await terminal.type(`${play(file('stopped', V2)).join(' ')}\r`);
    await terminal.waitFor(/^in v2/);
    await terminal.keys('C-z');
    await terminal.waitFor(/Stopped/);
    assert.equal(await terminal.flags('alternate_on'), '0');
    await terminal.type('fg\r');
    await terminal.waitFor(/^in v2/);
    await terminal.type('q');
    await terminal.waitFor(/fg\n[\s\S]*[$#]$/);
    assert.equal(await terminal.flags('alternate_on'), '0');
  });

  it('lists a directory, plays the picked recording, and returns to the list', TIMEOUT, async () => {
    const list = mkdtempSync(join(directory, 'list-'));
    const name = (text: string) => join(list.slice(directory.length + 1), text);
    file(name('old.cast'), V2.replace('"height"', '"command":"nethack","env":{"TERM":"vt100"},"height"'), 100);
    file(name('new.ttyrec'), TTYREC);
    file(name('broken.cast'), `${V2.replace('600', '0')}nonsense\n`, 200);
    file(name('other.txt'), 'text');
    // None of these can be played, and none may be waited for.
    symlinkSync('loop.cast', join(list, 'loop.cast'));
    symlinkSync('/', join(list, 'directory.cast'));
    spawnSync('mkfifo', [join(list, 'fifo.cast')]);
    await using terminal = await Terminal.start(play(list));
    await terminal.waitFor(/new\.ttyrec\n.*10:00 .* nethack {2}vt100 {2}old\.cast\n.*0:00\? .*broken\.cast\n/);
    await terminal.keys('Down', 'Enter');
    await terminal.waitFor(/^in v2/);
    await terminal.type('q');
    await terminal.waitFor(/2 of 3/);
    await terminal.keys('Down', 'Enter');
    await terminal.waitFor(/broken\.cast:4: not an event/);
    await terminal.type('q');
    assert.equal(await terminal.exitStatus(), 0);
    const { status, stdout } = telpty('play', list);
    assert.deepEqual([status, stdout.match(/\S+\.\S+$/gm)], [0, ['new.ttyrec', 'old.cast', 'broken.cast']]);
  });

  it('lists the recordings of a server by the time and session of their names', TIMEOUT, async () => {
    const list = mkdtempSync(join(directory, 'server-'));
    const add = (time: string, session: number, program: string, part = '') =>
      file(
        join(list.slice(directory.length + 1), `2026-12-01T${time}Z-session-${session}.cast${part}`),
        V3.replace('{', `{"timestamp":1764622800,"command":"${program}",`),
        session,
      );
    add('20-15-03', 9, 'vi');
    add('20-15-03', 10, 'nethack');
    add('21-00-00', 1, 'angband', '.1-1.part');
    await using terminal = await Terminal.start(play(list), { cols: 120, env: { TZ: 'UTC' } });
    const lines = [
      '2025-12-01 21:00 +10:00\\+ +\\d+B +1  angband  2026-12-01T21-00-00Z-session-1',
      '2025-12-01 21:00 +10:00 +\\d+B +10  nethack  2026-12-01T20-15-03Z-session-10',
      '2025-12-01 21:00 +10:00 +\\d+B +9  vi  2026-12-01T20-15-03Z-session-9',
    ];
    await terminal.waitFor(new RegExp(lines.map(line => `${line}.*\n`).join('')));
    await terminal.keys('q');
    assert.equal(await terminal.exitStatus(), 0);
  });

  it('finds one of thousands of recordings by its program, and returns to the search', TIMEOUT, async () => {
    const list = mkdtempSync(join(directory, 'thousands-'));
    for (let session = 1; session <= 3_000; session++) {
      const name = `2026-12-01T20-15-03Z-session-${session}.cast`;
      const program = session === 7 ? 'Angband' : 'nethack';
      writeFileSync(join(list, name), V3.replace('{', `{"command":"${program}",`));
    }
    await using terminal = await Terminal.start(play(list), { cols: 120 });
    await terminal.waitFor(/session-3000\.[\s\S]*1 of 3000/);
    await terminal.type('/angbandd');
    await terminal.keys('BSpace');
    await terminal.waitFor(/Angband .*session-7\.\S*\n\s*\/angband$/, 40_000);
    await terminal.keys('Enter');
    await terminal.waitFor(/1 of 1 with angband/);
    await terminal.keys('Enter');
    await terminal.waitFor(/^in v3/);
    await terminal.type('q');
    await terminal.waitFor(/1 of 1 with angband/);
    await terminal.type('/session-2999');
    await terminal.keys('Enter', 'Enter');
    await terminal.waitFor(/^in v3/);
    await terminal.type('q');
    await terminal.waitFor(/1 of 1 with session-2999/);
    await terminal.type('/');
    await terminal.keys('Enter');
    await terminal.waitFor(/2 of 3000/);
    await terminal.keys('C-c');
    assert.equal(await terminal.exitStatus(), 0);
  });

  it('waits for an event in the far future without warnings', TIMEOUT, async () => {
    const path = file('future', V2.replace('600', '4294967295'));
    await using terminal = await Terminal.start(play(path));
    await terminal.waitFor(/^in v2/);
    // A timer cannot wait for 136 years: Node.js warns.
    await terminal.keys('Space');
    await terminal.waitFor(/paused {2}0:0\d \/ 1193046:28:15/);
    await terminal.keys('Space');
    await terminal.type('q');
    assert.equal(await terminal.exitStatus(), 0);
    assert.equal(await terminal.history(), '');
  });

  it('is served to each client, in its size', TIMEOUT, async () => {
    await using server = await startServer(['--', ...play(file('served', V2))]);
    const telnet = [requireTool('telnet'), '127.0.0.1', String(server.port)];
    await using terminal = await Terminal.start(telnet, { cols: 50, rows: 4 });
    await terminal.waitFor(/^in v2[\s\S]*40x5 in 50x4/);
    await terminal.type('q');
    await terminal.waitFor(/Connection closed/);
  });

  it('plays what asciinema records', TIMEOUT, async () => {
    const path = join(directory, 'asciinema.cast');
    spawnSync(requireTool('asciinema'), ['rec', '-q', '-c', 'printf "from asciinema"', path], {
      env: { ...process.env, HOME: directory, LANG: 'C.UTF-8' },
    });
    await using terminal = await Terminal.start(play(path));
    assert.equal(await terminal.exitStatus(), 0);
    assert.match(await terminal.capture(), /^from asciinema/);
  });

  it('plays what ttyrec records', TIMEOUT, async () => {
    const path = join(directory, 'program.ttyrec');
    const program = join(directory, 'program');
    writeFileSync(program, '#!/bin/sh\nprintf "from ttyrec"\n');
    chmodSync(program, 0o755);
    const recorder = await Terminal.start([requireTool('ttyrec'), '-e', program, path]);
    await recorder.exitStatus();
    await recorder.close();
    await using terminal = await Terminal.start(play(path));
    assert.equal(await terminal.exitStatus(), 0);
    assert.match(await terminal.capture(), /^from ttyrec/);
  });

  it('refuses what it cannot do in one line', () => {
    const path = file('plain', V2);
    const refused: [args: string[], status: number, message: string][] = [
      [[path], 1, 'play: standard output is not a terminal (telpty render makes an image)'],
      [[], 2, 'play: no FILE given (telpty play [options] FILE|DIR)'],
      [[path, path], 2, 'play: too many arguments (telpty play [options] FILE|DIR)'],
      [[path, '--speed', '0'], 2, "--speed: '0' is not a speed (0.01 to 1000; 2 is twice as fast)"],
      [[path, '--at', '1:75'], 2, "--at: '1:75' is not a time (write 1:30, 1:02:03, 90s)"],
    ];
    assert.deepEqual(
      runCommands(refused.map(([args]) => ['play', ...args])),
      refused.map(([, status, message]) => ({ status, stdout: '', stderr: `telpty: ${message}\n` })),
    );
  });
});

describe('telpty render', () => {
  it('draws a screen with --at, and an animation without it', () => {
    const path = file('render.cast', V2);
    const still = telpty('render', path, '--at', '1s', '--title', 'a <title>');
    assert.equal(still.status, 0);
    assert.match(still.stdout, />a &lt;title&gt;<.*>in v2</s);
    assert.doesNotMatch(still.stdout, /animate|later/);
    const output = join(directory, 'out.svg');
    const animation = telpty('render', path, '--idle-limit', '1s', '--output', output);
    assert.deepEqual(animation, { status: 0, stdout: '', stderr: '' });
    assert.match(readFileSync(output, 'utf8'), /<animate attributeName="href"[^>]* dur="3s"/);
  });

  it('shortens pauses to the limit in the recording, unless another one is given', () => {
    const path = file('limited.cast', V2.replace('"height"', '"idle_time_limit":2,"height"'));
    const limits = [[], ['--idle-limit', '1s'], ['--idle-limit', '0']];
    const results = runCommands(limits.map(args => ['render', path, ...args]));
    assert.deepEqual(
      results.map(({ stdout }) => / dur="(\w+)"/.exec(stdout)?.[1]),
      ['4s', '3s', '602s'],
    );
  });

  it('draws up to the place where a file is broken, then prints it', () => {
    const { status, stdout, stderr } = telpty('render', file('broken.cast', `${V2}nonsense\n`));
    assert.deepEqual(
      [status, stderr.split('\n').at(-2)],
      [1, 'telpty: broken.cast:4: not an event [seconds, type, data]'],
    );
    assert.match(stdout, /in v2later.*<\/svg>\n$/s);
  });

  it('refuses options that exclude each other', () => {
    const { status, stderr } = telpty('render', 'a', '--at', '1s', '--from', '2s');
    assert.equal(status, 2);
    assert.match(stderr, /^telpty: --at: makes a still image, and --from is for an animation/);
  });
});
