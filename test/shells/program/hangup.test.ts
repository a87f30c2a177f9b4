/** A program that is hung up while its output is blocked can save its data and is not killed. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { limit, type PtyShellOptions, ptyShell } from '../../../src/index.ts';
import { OPT, type Wire } from '../../support/clients/test-client.ts';
import { childrenOf, untilBlocked, untilTrue } from '../../support/leaks.ts';
import { Host, XTERM } from '../../support/servers/host.ts';
import { requireTool } from '../../support/system/tools.ts';

const LIMIT = { timeout: 600_000 };
const directory = mkdtempSync(join(tmpdir(), 'telpty-hangup-'));
after(() => rmSync(directory, { recursive: true, force: true }));
let files = 0;
const newFile = () => join(directory, `saved-${files++}`);

/** Prints endlessly; at SIGHUP it prints `words` blocks of 4 KiB, writes the file `$1`, prints a line and exits. */
function flood(words: number): string {
  const farewell = `head -c ${words * 4096} /dev/zero | tr "\\0" f`;
  return `trap '${farewell}; echo saved >"$1"; echo goodbye; exit 3' HUP; echo ready; while :; do echo tick; done`;
}

/** SIGKILL would only be sent after the time limit of the test. */
const NEVER: PtyShellOptions = { killTimeout: 600_000 };

const program = () => childrenOf(process.pid).find(({ name }) => /^(sh|dash|bash|vim)/.test(name));

const blocks: Record<string, (wire: Wire) => void> = {
  'its output is stopped by ^S': wire => wire.type('\x13'),
  'its client reads nothing': wire => wire.pause(),
};

const ends: Record<string, (wire: Wire, host: Host) => unknown> = {
  'the client closes': wire => wire.close(),
  'the client resets': wire => wire.reset(),
  'the client closes its sending half': wire => wire.halfClose(),
  'LOGOUT of the client': wire => wire.negotiate(253, OPT.LOGOUT),
  'the idle timeout': () => {},
  'the session timeout': () => {},
  'the shutdown of the server': (_wire, host) => void host.server.shutdown({ timeout: 60_000 }),
};

for (const [how, block] of Object.entries(blocks)) {
  describe(`a program that cannot print because ${how}`, LIMIT, () => {
    for (const [why, end] of Object.entries(ends)) {
      it(`saves its data when it is hung up by ${why}`, async () => {
        const limits = {
          idleTimeout: why === 'the idle timeout' ? 1_500 : 0,
          sessionTimeout: why === 'the session timeout' ? 1_500 : 0,
        };
        const file = newFile();
        const shell = ptyShell('/bin/sh', ['-c', flood(1), 'sh', file], NEVER);
        await using host = await Host.start({ shell: limit(limits)(shell) });
        await using wire = await host.connect({ ...XTERM, allowHalfOpen: true });
        await wire.expect('ready');
        block(wire);
        // On a busy machine a time limit may pass before the program was seen to be blocked.
        let isOver = false;
        const outcome = host.outcome(1, 100_000).finally(() => {
          isOver = true;
        });
        await untilBlocked(program, () => isOver);
        void end(wire, host);
        const { result } = await outcome;
        assert.deepEqual(result, { code: 3, signal: null });
        assert.equal(readFileSync(file, 'utf8'), 'saved\n');
      });
    }
  });
}

describe('a program that is hung up while its client reads nothing', LIMIT, () => {
  it('saves its data although it prints megabytes first', async () => {
    const file = newFile();
    await using host = await Host.start({ shell: ptyShell('/bin/sh', ['-c', flood(2_000), 'sh', file], NEVER) });
    await using wire = await host.connect(XTERM);
    await wire.expect('ready');
    wire.pause();
    await untilBlocked(program);
    const [session] = host.server.sessions;
    session!.hangup('test');
    assert.deepEqual((await host.outcome(1, 240_000)).result, { code: 3, signal: null });
    assert.equal(readFileSync(file, 'utf8'), 'saved\n');
  });

  it('delivers everything to a client that reads again, including its final output', async () => {
    const file = newFile();
    await using host = await Host.start({ shell: ptyShell('/bin/sh', ['-c', flood(2), 'sh', file], NEVER) });
    await using wire = await host.connect(XTERM);
    await wire.expect('ready\r\n');
    wire.pause();
    await untilBlocked(program);
    const [session] = host.server.sessions;
    session!.hangup('test');
    await untilTrue(() => existsSync(file));
    wire.resume();
    await wire.untilEnd(240_000);
    assert.match(wire.text(), /^ready\r\n(tick\r\n)*(tick\r?)?f{8192}goodbye\r\n$/);
  });

  it('releases its slot, and its connection is closed soon after', async () => {
    const script = 'trap "" HUP; echo ready; while :; do echo tick; done';
    const shell = limit({ maxSessions: 1 })(ptyShell('/bin/sh', ['-c', script], { killTimeout: 300 }));
    await using host = await Host.start({ shell });
    await using wire = await host.connect(XTERM);
    await wire.expect('ready');
    wire.pause();
    await untilBlocked(program);
    const [session] = host.server.sessions;
    const before = performance.now();
    session!.hangup('test');
    for (let isRefused = true; isRefused; await delay(50)) {
      await using next = await host.connect(XTERM);
      await next.until(() => /ready|too many/.test(next.text()));
      isRefused = next.text().includes('too many');
    }
    await untilTrue(() => !host.server.sessions.has(session!), 240_000);
    // An ordinary end waits 30 s for a client that reads nothing.
    assert.ok(performance.now() - before < 25_000);
  });
});

describe('common programs', LIMIT, () => {
  const PROMPT = 'ready$ ';
  const env = { PS1: PROMPT, INPUTRC: '/dev/null', HOME: directory };

  it('bash saves its history after ^S, whether the client closes, resets or the server stops', async () => {
    const histories = mkdtempSync(join(directory, 'bash-'));
    const script = `HISTFILE=${histories}/$$ exec bash --norc --noprofile -i`;
    for (const [round, end] of [ends['the client closes'], ends['the client resets'], undefined].entries()) {
      const shell = ptyShell('/bin/sh', ['-c', script], { ...NEVER, env, linger: 100 });
      await using host = await Host.start({ shell });
      const wires = await Promise.all(Array.from({ length: 5 }, () => host.connect(XTERM)));
      for (const wire of wires) {
        await wire.expect(PROMPT);
        wire.type('echo remember me\r');
        await wire.expect(/\rremember me\r\n/);
        await wire.expect(PROMPT);
        const [session] = [...host.server.sessions].filter(({ remotePort }) => remotePort === wire.socket.localPort);
        const before = session!.bytesRead;
        wire.type('\x13echo x\r');
        await untilTrue(() => session!.bytesRead > before);
        void end?.(wire, host);
      }
      if (end === undefined) await host.server.shutdown({ timeout: 60_000 });
      await host.outcome(5, 240_000);
      const kept = readdirSync(histories).map(name => readFileSync(join(histories, name), 'utf8'));
      assert.equal(kept.length, 5 * (round + 1));
      for (const text of kept) assert.match(text, /^echo remember me\n/);
    }
  });

  it('vim preserves the text of a buffer that was never written', async () => {
    const vim = requireTool('vim');
    const file = newFile();
    const args = ['-u', 'NONE', '-i', 'NONE', '--cmd', 'set swapfile updatecount=0 directory=.', file];
    await using host = await Host.start({ shell: ptyShell(vim, args, { ...NEVER, env, cwd: directory }) });
    await using wire = await host.connect(XTERM);
    await wire.until(() => wire.text().includes('[New'));
    wire.type('iunsaved text\x1b');
    await wire.expect('unsaved text');
    // Draws endlessly.
    wire.type(':set updatecount=200 | while 1 | redraw! | endwhile\r');
    wire.pause();
    await untilBlocked(program);
    void host.server.shutdown({ timeout: 60_000 });
    assert.notEqual(((await host.outcome(1, 240_000)).result as { signal: string }).signal, 'SIGKILL');
    const recovered = newFile();
    execFileSync(vim, ['-u', 'NONE', '-i', 'NONE', '-es', '-r', file, '-c', `w! ${recovered}`, '-c', 'qa!'], {
      cwd: directory,
      stdio: 'ignore',
    });
    assert.equal(readFileSync(recovered, 'utf8'), 'unsaved text\n');
  });
});
