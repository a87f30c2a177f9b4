/** The page of the web gateway in Chromium: the terminal and its connection. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Session } from '../../src/index.ts';
import { connectWeb } from '../support/clients/web-client.ts';
import { untilTrue } from '../support/leaks.ts';
import { requireTool } from '../support/system/tools.ts';
import { bash, eventually, script, useBrowser, Visit, WebHost } from './web-host.ts';

const visitors = useBrowser();
const { visit, visitShell } = visitors;

describe('the terminal', () => {
  it('shows what is typed and answered, and reports itself as an xterm with the size of the window', async () => {
    await using user = await visitShell({ locale: 'de-AT', timezoneId: 'Europe/Vienna' });
    await user.run('stty size; echo $TERM $COLORTERM $LANG $TZ; echo äöü€');
    const size = await user.page.evaluate<number[]>(
      '[document.querySelectorAll(".xterm-rows > div").length, document.querySelector(".xterm").offsetWidth]',
    );
    const text = await user.screen();
    const [, rows, columns] = /^(\d+) (\d+)$/m.exec(text)!.map(Number);
    assert.equal(rows, size[0]);
    assert(columns! > 75 && columns! < 110, `${columns} columns in ${size[1]} px`);
    assert.match(text, /xterm-256color truecolor .*UTF-8 Europe\/Vienna/);
    assert.match(text, /äöü€/);
    assert.deepEqual(
      [visitors.host.session.terminal.types[0], visitors.host.session.terminal.environ.get('LANG')],
      ['xterm-256color', 'de_AT.UTF-8'],
    );
    assert.deepEqual(user.troubles, []);
  });

  it('passes on a new size of the window', async () => {
    await using user = await visit(script("trap 'stty size' WINCH; stty size; while :; do read -t 0.05; done"));
    await user.expect(/^\d+ \d+$/m);
    const [before] = /^\d+ \d+$/m.exec(await user.screen())!;
    await user.page.setViewportSize({ width: 500, height: 300 });
    await eventually(async () => {
      const sizes = (await user.screen()).match(/^\d+ \d+$/gm) ?? [];
      const [rows = 0, columns = 0] = (sizes.at(-1) ?? '').split(' ').map(Number);
      const [rowsBefore = 0, columnsBefore = 0] = before!.split(' ').map(Number);
      return rows < rowsBefore && columns < columnsBefore * 0.75;
    });
  });

  it('keeps what is typed before the connection is open', async () => {
    await using user = await visit(bash());
    await user.type('echo $((40+2))-ahead\n');
    await user.expect('42-ahead');
  });

  it('runs vim', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-page-'));
    try {
      await using user = await visit({
        command: [requireTool('vim'), '-u', 'NONE', '-N', join(directory, 'file')],
        options: { env: { HOME: directory } },
      });
      await user.expect('~');
      await user.type('ihello');
      await user.press('Enter');
      await user.type('wörld');
      await user.press('Escape');
      await user.press('ArrowUp');
      await user.type('0xAX');
      await user.press('Escape');
      await user.type(':wq\n');
      await user.expect('The program has ended.');
      assert.equal(readFileSync(join(directory, 'file'), 'utf8'), 'elloX\nwörld\n');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('runs htop, which takes function keys and the mouse', async () => {
    await using user = await visit({ command: [requireTool('htop')], options: { env: { HOME: '/nonexistent' } } });
    await user.expect(/F10\s*Quit/);
    await user.press('F1');
    await user.expect('Released under the GNU');
    await user.press('Escape');
    await user.expect(/F10\s*Quit/);
    const rows = (await user.screen()).split('\n');
    const row = rows.findIndex(text => /F10\s*Quit/.test(text));
    await user.moveTo(rows[row]!.indexOf('Quit') + 2, row + 1);
    await user.page.mouse.down();
    await user.page.mouse.up();
    await user.expect('The program has ended.');
  });

  it('reports the mouse by cells', async () => {
    await using user = await visit(script("stty raw -echo; printf '\\e[?1000h\\e[?1006hnow'; head -c 20 | cat -v"));
    await user.expect('now');
    await user.moveTo(10, 5);
    await user.page.mouse.down();
    await user.page.mouse.up();
    await user.expect('now^[[<0;10;5M^[[<0;10;5m');
  });

  it('has the widths of CJK and of emoji that programs expect', async () => {
    const texts = ['漢字', 'ｱ', 'é', '👍', '👨‍👩‍👧', '🇦🇹', '👍🏽', '❤️'];
    const print = texts.map(text => `printf '\\r${text}\\e[6n'; read -rsd R answer; echo " $\{answer#*;}"`).join('\n');
    await using user = await visit(script(`stty -echo -icanon\n${print}\necho end`));
    await user.expect('end');
    const columns = (await user.screen()).match(/\d+$/gm)!.map(Number);
    // The cursor is in the column after the text. ｱ is a halfwidth form.
    assert.deepEqual(columns, [5, 2, 2, 3, 3, 3, 3, 3]);
  });

  it('shows the colours of the theme, and those that a program chooses', async () => {
    const text = "printf '\\e[31mred\\e[0m \\e[38;2;12;200;255mtrue\\e[0m \\e[7minverse\\e[0m'; read";
    for (const [scheme, background, red, inverse] of [
      ['dark', 'rgb(20, 23, 27)', 'rgb(232, 113, 109)', 'rgb(213, 218, 225)'],
      ['light', 'rgb(252, 252, 251)', 'rgb(181, 42, 37)', 'rgb(35, 40, 47)'],
    ] as const) {
      await using user = await visit(script(text), { colorScheme: scheme });
      await user.expect('red true inverse');
      const colors = await user.page.evaluate<Record<string, string[]>>(`Object.fromEntries(
        [...document.querySelectorAll('.xterm-rows span')].map(span => {
          const { color, backgroundColor } = getComputedStyle(span);
          return [span.innerText, [color, backgroundColor]];
        }))`);
      assert.equal(colors.red![0], red, scheme);
      assert.equal(colors.inverse![1], inverse, scheme);
      // In the light theme this blue would not be readable.
      if (scheme === 'dark') assert.equal(colors.true![0], 'rgb(12, 200, 255)');
      else assert.notEqual(colors.true![0], 'rgb(12, 200, 255)');
      const page = await user.page.evaluate('getComputedStyle(document.body).backgroundColor');
      assert.equal(page, background);
    }
  });

  it('draws with WebGL, and the policy and the network see nothing unusual', async () => {
    await using user = await visit(script("printf '\\e[41m%1000s\\e[0m' ''; read"), {
      settings: { gpu: true },
      viewport: { width: 300, height: 160 },
    });
    await user.page.waitForSelector('.xterm-screen canvas');
    // No element has the text: the picture itself is looked at.
    await eventually(async () => {
      const png = await user.page.screenshot({ clip: { x: 40, y: 20, width: 20, height: 20 } });
      const [r, g, b] = await pixelOf(user, png);
      return Math.abs(r! - 181) < 12 && Math.abs(g! - 42) < 12 && Math.abs(b! - 37) < 12;
    });
    assert.deepEqual(user.troubles, []);
  });

  it('draws with elements after the browser has taken WebGL away', async () => {
    await using user = await visit(script('stty -echo; echo before; read; echo after; read'), {
      settings: { gpu: true },
    });
    await user.page.waitForSelector('.xterm-screen canvas');
    await user.page.evaluate(`for (const canvas of document.querySelectorAll('.xterm-screen canvas'))
      canvas.getContext('webgl2')?.getExtension('WEBGL_lose_context').loseContext()`);
    await user.expect('before');
    await user.press('Enter');
    await user.expect('after');
    assert.equal(await user.page.locator('.xterm-screen canvas').count(), 0);
  });
});

/** The colour in the middle of a picture. Chromium reads it, in a page without a policy. */
async function pixelOf({ context }: Visit, png: Buffer): Promise<number[]> {
  const page = await context.newPage();
  try {
    return await page.evaluate(`(async () => {
      const bytes = Uint8Array.from(atob('${png.toString('base64')}'), one => one.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes]));
      const { width, height } = bitmap;
      const context = new OffscreenCanvas(width, height).getContext('2d');
      context.drawImage(bitmap, 0, 0);
      return [...context.getImageData(width / 2, height / 2, 1, 1).data];
    })()`);
  } finally {
    await page.close();
  }
}

describe('a paste', () => {
  it('of 1 MB arrives whole', async () => {
    const text = Array.from({ length: 20_000 }, (_, at) => `${at} Zeile mit ü und 漢字, `.padEnd(48, '.')).join('');
    const bytes = Buffer.from(text).length;
    assert(bytes > 1_000_000);
    await using user = await visit(script(`stty raw -echo; printf now; head -c ${bytes} | sha256sum`));
    await user.expect('now');
    await user.paste(text);
    await user.expect(createHash('sha256').update(text).digest('hex'), 240_000);
  });

  it('of several lines needs an answer, unless the program brackets pastes', async () => {
    await using user = await visit(script("stty -icanon -echo; printf 'now\\e[?2004l'; cat -v"));
    await user.expect('now');
    const dialog = user.page.getByRole('dialog', { name: 'Paste 2 lines?' });
    await user.paste('one\r\ntwo\n');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await user.paste('single');
    await user.expect('nowsingle');
    await user.paste('one\ntwo');
    await dialog.waitFor();
    await user.press('Enter');
    await user.expect(/nowsingleone\ntwo/);
    await user.paste('end\x1b[201~\x03');
    await user.expect('twoend[201~');
  });

  it('is bracketed as the program wants it, without a question', async () => {
    await using user = await visit(script("stty raw -echo; printf 'now\\e[?2004h'; head -c 19 | cat -v"));
    await user.expect('now');
    await user.paste('one\ntwo');
    await user.expect('now^[[200~one^Mtwo^[[201~');
  });
});

/** Waits until a session sends nothing while another client receives megabytes. @returns how much it has sent. */
async function untilStopped(session: Session): Promise<number> {
  visitors.host.program = script('exec yes');
  await using other = await connectWeb(Number(new URL(visitors.host.url).port), { silent: true });
  let last = -1;
  for (let turn = 1; session.bytesWritten > last; turn++) {
    assert(turn < 25, 'the output does not stop');
    last = session.bytesWritten;
    await other.untilData(turn * 4_000_000);
  }
  return last;
}

/**
 * ^C has ended `seq -f %08.0f`. The displayed output may end between CR and LF: then ^C overwrites the beginning of a
 * line.
 */
const INTERRUPTED = /\^C(\d{6})?\s*ready\$\s*$/;

describe('a flood', () => {
  it('leaves the page responsive, and ^C ends it', async () => {
    await using user = await visitShell();
    // Lines of 10 bytes, which say how much is shown.
    await user.type('seq -f %08.0f 99999999\n');
    await untilTrue(() => user.received > 4_000_000);
    const { received } = user;
    const shown = Number((await user.screen()).match(/^\d{8}$/gm)!.at(-1)) * 10;
    assert(received - shown < 1_000_000, `${received - shown} bytes wait in the page`);
    // Frames are drawn, and scripts run, while the flood goes on.
    await user.page.evaluate('new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))');
    const before = user.received;
    await user.press('Control+C');
    await user.expect(INTERRUPTED, 240_000);
    // What was under way, and no more: the server waits for the terminal, not for the network.
    assert(user.received - before < 600_000, `${user.received - before} bytes after ^C`);
    await user.run('echo $((40+2))');
    assert.match(await user.screen(), /^42$/m);
  });

  it('has pauses between the frames of a slow page, few timers, and a scroll bar that follows', async () => {
    await using user = await visit(script('stty -echo; echo ready; read; seq 60000; echo end; read'));
    await user.expect('ready');
    await user.page.evaluate(`(() => {
      const { requestAnimationFrame, setTimeout } = window;
      let end = 0;
      window.counted = { timers: 0, pauses: [] };
      window.setTimeout = (...all) => (counted.timers++, setTimeout(...all));
      // Each frame takes 30 ms more.
      window.requestAnimationFrame = draw => requestAnimationFrame(time => {
        const start = performance.now();
        counted.pauses.push(start - end);
        while (performance.now() < start + 30);
        draw(time);
        end = performance.now();
      });
    })()`);
    await user.press('Enter');
    await user.expect(/^end$/m);
    const [timers, pauses] = await user.page.evaluate<[number, number[]]>('[counted.timers, counted.pauses]');
    assert(timers < 6_000, `${timers} timers for 60,000 lines`);
    // Other work on the machine only makes pauses longer.
    const long = pauses.filter(pause => pause >= 45);
    assert(long.length > pauses.length / 2, `pauses between frames: ${pauses.map(Math.round)} ms`);
    await eventually(() =>
      user.page.evaluate<boolean>(`(() => {
        const [bar, slider] = ['', ' > .slider'].map(one =>
          document.querySelector('.xterm .scrollbar.vertical' + one).getBoundingClientRect());
        return slider.top > bar.top && Math.abs(slider.bottom - bar.bottom) <= 2;
      })()`),
    );
  });

  it('keeps the selection drawn where the text moves to, until it ends', async () => {
    await using user = await visit(script('stty -echo; seq 100; echo word; while read; do echo more; done'));
    await user.expect('word');
    const top = () =>
      user.page.evaluate<number | undefined>(
        'document.querySelector(".xterm-selection div")?.getBoundingClientRect().top',
      );
    await user.page
      .locator('.xterm-rows > div', { hasText: 'word' })
      .dblclick({ position: { x: 5, y: 5 }, force: true });
    await eventually(async () => (await top()) !== undefined);
    const before = (await top())!;
    await visitors.host.session.write('\r\nnext\r\n');
    await eventually(async () => (await top())! < before);
    // A key ends it.
    await user.press('Enter');
    await eventually(async () => (await top()) === undefined);
  });

  it('stops while the page cannot work, and goes on after that', async () => {
    await using user = await visit(script('exec yes'));
    await untilTrue(() => user.received > 200_000);
    const { session } = visitors.host;
    const debug = await user.context.newCDPSession(user.page);
    await debug.send('Debugger.enable');
    await debug.send('Debugger.pause');
    // The rest of the window, and then nothing.
    const last = await untilStopped(session);
    await debug.send('Debugger.resume');
    await untilTrue(() => session.bytesWritten > last + 1_000_000);
  });

  it('stops while the terminal cannot display it, although the page receives it', async () => {
    await using user = await visit(script('exec yes'));
    await untilTrue(() => user.received > 200_000);
    const { session } = visitors.host;
    const release = await user.holdTimers();
    const stopped = await untilStopped(session);
    await release();
    await untilTrue(() => session.bytesWritten > stopped + 1_000_000);
  });

  it('is not displayed any more after ^C, as far as it is still in the page', async () => {
    await using user = await visitShell();
    const { session } = visitors.host;
    // Lines of 10 bytes, which say how much is shown.
    const shown = async () => Number((await user.screen()).match(/^\d{8}$/gm)?.at(-1) ?? 0) * 10;
    await user.type('seq -f %08.0f 99999999\n');
    await untilTrue(() => user.received > 200_000);
    const release = await user.holdTimers();
    const sent = await untilStopped(session);
    await user.page.evaluate('new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))');
    const before = await shown();
    assert(sent - before > 24_000, `only ${sent - before} bytes are in the page`);
    await user.press('Control+C');
    await untilTrue(() => user.dataMarks > 0);
    await release();
    await user.expect(INTERRUPTED);
    const download = user.page.waitForEvent('download');
    await user.press('Control+Shift+S');
    const saved = readFileSync((await (await download).path())!, 'utf8');
    const after = saved.match(/^\d{8}$/gm)!.filter(line => Number(line) * 10 > before).length * 10;
    // The piece that xterm.js had already, and what the terminal printed after it had discarded its output.
    assert(after < 17_000, `${after} bytes displayed after ^C`);
  });
});

describe('the connection', () => {
  it('asks before a running program is left, and a reload starts another', async () => {
    await using user = await visitShell();
    const { session } = visitors.host;
    const asked = user.page.waitForEvent('dialog');
    await user.type('echo before\n');
    await user.expect(/^before$/m);
    const reloaded = user.page.reload();
    const dialog = await asked;
    assert.equal(dialog.type(), 'beforeunload');
    await dialog.accept();
    await reloaded;
    await user.expect(/ready\$\s*$/);
    assert.doesNotMatch(await user.screen(), /before/);
    assert.notEqual(visitors.host.session, session);
    await untilTrue(() => session.closed);
  });

  it('that was lost is made again, after pauses, and a key shortens them', async () => {
    await using host = await WebHost.start();
    await using user = await Visit.start(visitors.browser, host);
    await user.expect(/ready\$\s*$/);
    await user.type("printf '\\e[?1049h\\e[?1000h\\e[5;5Hfull'; sleep 1000\n");
    await user.expect(/^\s*full/m);
    await host.vanish();
    const notice = user.page.getByRole('status').filter({ hasText: 'attempt' });
    await notice.getByText(/The server cannot be reached.*Next attempt in \d+ s/).waitFor();
    await user.expect('[The connection was lost.]');
    assert.doesNotMatch(await user.screen(), /^\s*full/m);
    await host.restart();
    await user.press('Enter');
    await user.expect(/lost.\]\s*ready\$\s*$/);
    assert.equal(await user.page.locator('#notice').isVisible(), false);
    await host.vanish();
    await notice.waitFor();
    await host.restart();
    // Without a key, by itself.
    await user.expect(/lost.\]\s*ready\$[\s\S]*lost.\]\s*ready\$\s*$/);
    await user.run('echo $((40+2))');
    assert.match(await user.screen(), /^42$/m);
  });

  it('is tried again after growing pauses of at most 30 s', async () => {
    await using host = await WebHost.start();
    await using user = await Visit.start(visitors.browser, host);
    await user.expect(/ready\$\s*$/);
    const { clock } = user.page;
    await clock.install();
    await clock.pauseAt(Date.now() + 60_000);
    // No pause is longer or shorter than the others of its kind.
    await user.page.evaluate('Math.random = () => 0.5');
    await host.vanish();
    for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
      await user.page.getByText(`Next attempt in ${seconds} s.`).waitFor();
      await clock.runFor(seconds * 1_000 - 1);
      assert.match((await user.page.locator('#notice').textContent())!, /Next attempt in 1 s\./);
      await clock.runFor(1);
    }
    await user.page.getByText('Next attempt in 30 s.').waitFor();
    await host.restart();
    // The network is back: it does not wait for the end of the pause.
    await user.page.evaluate("dispatchEvent(new Event('online'))");
    await clock.resume();
    await user.expect(/lost.\]\s*ready\$\s*$/);
  });

  it('says why it has ended, and whether another attempt is made', async () => {
    for (const [reason, text] of [
      ['idle-timeout', 'The session was idle for too long, and was ended.'],
      ['session-timeout', 'The session has reached its longest duration, and was ended.'],
      ['refused', 'The server does not accept more sessions now.'],
      ['shutdown', 'The server was stopped.'],
    ] as const) {
      await using user = await visit(script("trap '' HUP; echo hello; read"));
      await user.expect('hello');
      visitors.host.session.hangup(reason);
      const again = reason === 'shutdown' ? 'Next attempt in' : 'Press Enter to start again.';
      await user.page.getByText(`${text} ${again}`).waitFor();
      await user.expect(`[${text}]`);
    }
  });

  it('begins with none of the modes that the last program has set', async () => {
    const modes = '\\e[?1049h\\e[?1h\\e[?1000h\\e[?1006h\\e[?2004h\\e[?25l\\e[?7l\\e(0\\e[31m\\e[2;3r';
    await using user = await visit(script(`printf '${modes}'; echo wait; read`));
    // A line-drawing character for each letter.
    await user.expect('┬');
    await user.press('Enter');
    await user.page.getByText('The program has ended. Press Enter to start again.').waitFor();
    visitors.host.program = script('stty raw -echo; echo; printf "<next>"; cat -v');
    await user.press('Enter');
    await user.expect('<next>');
    await user.moveTo(3, 3);
    await user.page.mouse.down();
    await user.page.mouse.up();
    await user.paste('pasted');
    await user.press('ArrowUp');
    await user.expect('<next>pasted^[[A');
    const color = await user.page.evaluate(`getComputedStyle(
      [...document.querySelectorAll('.xterm-rows span')].find(({ textContent }) => textContent.includes('next'))).color`);
    assert.equal(color, 'rgb(35, 40, 47)');
    await user.page.locator('.xterm-cursor').waitFor();
  });

  it('whose program has ended is not made again until the user wants it', async () => {
    await using user = await visit(script('echo hello; read'));
    await user.expect('hello');
    await user.page.clock.install();
    const { length } = visitors.host.sessions;
    await user.press('Enter');
    await user.page.getByText('The program has ended. Press Enter to start again.').waitFor();
    await user.page.clock.fastForward('01:00:00');
    await user.expect('[The program has ended.]');
    assert.equal(visitors.host.sessions.length, length);
    await user.press('Enter');
    await user.expect(/ended.\]\s*hello/);
    assert.equal(visitors.host.sessions.length, length + 1);
    // Nothing is lost if the page is left now.
    await user.press('Enter');
    await user.page.getByRole('button', { name: 'Start again' }).click();
    await user.expect(/hello[\s\S]*hello[\s\S]*hello/);
  });

  it('edits and shows lines itself for a program that does not echo', async () => {
    await using user = await visit(
      script('echo lines; while read -r line; do echo "got $line"; done', { mode: 'line' }),
    );
    await user.expect('lines');
    await user.type('wrongg');
    await user.expect('wrongg');
    await user.press('Backspace');
    await user.expect(/wrong\s/);
    await user.press('Control+U');
    await user.type('漢x');
    await user.press('Backspace');
    await user.press('Backspace');
    await user.type('right\n');
    await user.expect(/^right\s+got right/m);
  });

  it('needs the name and the password where the gateway wants them', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-page-'));
    const { writeFileSync } = await import('node:fs');
    const { hashSync } = await import('bcryptjs');
    writeFileSync(join(directory, 'users'), `ada:${hashSync('secret', 4)}\n`);
    try {
      await using secured = await WebHost.start({ passwordFile: join(directory, 'users') });
      secured.program = script('echo hello $REMOTE_USER; read');
      await using user = await Visit.start(visitors.browser, secured);
      const dialog = user.page.getByRole('dialog', { name: 'a program' });
      await dialog.getByLabel('Name').fill('ada');
      await dialog.getByLabel('Password').fill('wrong');
      await user.press('Enter');
      await dialog.getByRole('alert').getByText('The name or the password is wrong.').waitFor();
      await dialog.getByLabel('Password').fill('secret');
      await dialog.getByRole('button', { name: 'Log in' }).click();
      await user.expect('hello ada');
      await user.page.reload();
      await user.expect('hello ada');
      await user.page.getByRole('button', { name: 'Menu' }).click();
      const asked: string[] = [];
      user.page.on('dialog', question => {
        asked.push(question.type());
        void question.accept();
      });
      await user.page.getByRole('menuitem', { name: 'Log out (ada)' }).click();
      await dialog.getByLabel('Name').waitFor();
      // Logging out is the wish to leave.
      assert.deepEqual(asked, []);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
