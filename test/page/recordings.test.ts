/** Recordings in the page: the list and the player in Chromium. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import bcrypt from 'bcryptjs';
import type { Page } from 'playwright-core';
import type { RecordingEvent } from '../../src/recording/recording.ts';
import { makeRecording } from '../support/recordings.ts';
import { eventually, script, useBrowser, Visit, type VisitOptions, WebHost } from './web-host.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-page-'));
const recordings = join(directory, 'recordings');
const passwordFile = join(directory, 'users');
let host: WebHost;

// Before the hooks of the browser, which look for what is left.
after(async () => {
  await host[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});
const visitors = useBrowser();

const at = (minute: number) => new Date(Date.UTC(2026, 11, 1, 20, minute));
const output = (time: number, data: string): RecordingEvent => ({ time, type: 'output', data });

/** What a recording must not do to the page. */
const HOSTILE = [
  ...['\x1b]2;hostile title\x07', '\x1b]52;c;aGVsbG8=\x07', '\x1b]52;c;?\x07', '\x1b[c', '\x1b[6n', '\x1b[>q', '\x05'],
  ...[
    '\x1bP$qm\x1b\\',
    '\x1b[?1000h\x1b[?1003h',
    '\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07',
    '\x1b[21t',
    '\x07',
  ],
].join('');

const GAME: readonly RecordingEvent[] = [
  output(0, 'a dungeon\r\n'),
  output(1, '\x1b[31mred\x1b[m dragon\r\n'),
  { time: 20, type: 'mark', label: 'the middle' },
  output(20, 'in the middle\r\n'),
  { time: 30, type: 'resize', columns: 100, rows: 30 },
  output(60, '\x1b[2J\x1b[Hthe last screen'),
];

const names = { game: '', hostile: '', broken: '' };

before(async () => {
  const lines = ['ada', 'bob'].map(user => `${user}:${bcrypt.hashSync(user, 4)}\n`);
  writeFileSync(passwordFile, lines.join(''));
  const facts = { user: 'bob', address: '192.0.2.1' };
  names.game = makeRecording(recordings, { started: at(3), session: 3, command: 'game -x', events: GAME, ...facts });
  const hostile = [output(0, `before${HOSTILE}after`), output(600, 'end')];
  names.hostile = makeRecording(recordings, { started: at(2), session: 2, command: 'hostile', events: hostile });
  names.broken = makeRecording(recordings, {
    started: at(1),
    session: 1,
    command: 'cut',
    events: [output(0, 'whole')],
  });
  appendFileSync(join(recordings, names.broken), 'nonsense\n');
  host = await WebHost.start({ passwordFile, recordings, operators: ['ada'] });
  host.program = script('echo hello $REMOTE_USER; read');
});

async function logIn({ page }: Visit, user: string): Promise<void> {
  await page.getByLabel('Name').fill(user);
  await page.getByLabel('Password').fill(user);
  await page.keyboard.press('Enter');
}

/** Opens the page with the list of the recordings. */
async function visitList(options: VisitOptions = {}): Promise<Visit> {
  const visit = await Visit.start(visitors.browser, host, options);
  await logIn(visit, 'ada');
  await visit.expect('hello ada');
  await visit.page.getByRole('button', { name: 'Menu' }).click();
  await visit.page.getByRole('menuitem', { name: 'Recordings' }).click();
  await visit.page.getByText(/^\d+ recordings$/).waitFor();
  return visit;
}

const played = (page: Page): Promise<string> =>
  page.evaluate(`[...document.querySelectorAll('.player .xterm-rows > div')]
    .map(row => row.textContent.replaceAll('\\u00a0', ' ').trimEnd()).join('\\n').trimEnd()`);

async function expectPlayed(page: Page, text: RegExp | string): Promise<void> {
  let screen = '';
  await eventually(async () => {
    screen = await played(page);
    return typeof text === 'string' ? screen.includes(text) : text.test(screen);
  }).catch(cause => {
    throw new Error(`no ${text} in:\n${screen}`, { cause });
  });
}

const rows = (page: Page) => page.getByRole('region', { name: 'List' }).getByRole('listitem');
const time = (page: Page) => page.getByRole('slider', { name: 'Time' });
const seconds = (page: Page) => time(page).evaluate(bar => Number((bar as unknown as { value: string }).value));

describe('the list of recordings', () => {
  it('is for operators only', async () => {
    await using bob = await Visit.start(visitors.browser, host);
    await logIn(bob, 'bob');
    await bob.expect('hello bob');
    await bob.page.getByRole('button', { name: 'Menu' }).click();
    await bob.page.getByRole('menuitem', { name: 'Settings' }).waitFor();
    assert.equal(await bob.page.getByRole('menuitem', { name: 'Recordings' }).count(), 0);
    await bob.page.evaluate("location.hash = '#recordings'");
    await bob.page.getByText('Only operators of this server can see recordings.').waitFor();
    assert.equal(await rows(bob.page).count(), 0);
    await bob.page.getByRole('button', { name: 'Close' }).click();
    await bob.expect('hello bob');
  });

  it('shows the newest first, searches, and needs no mouse', async () => {
    await using user = await visitList();
    const { page } = user;
    const texts = await rows(page).allInnerTexts();
    assert.match(texts[0]!, /2026[\s\S]*game -x\s+bob\s+192\.0\.2\.1\s+3\s+\d+:\d\d[\d:]*\s+\d+ B/);
    assert.match(texts[1]!, /hostile/);
    assert.match(texts[2]!, /cut/);
    await user.type('bob');
    await page.getByText('1 recording', { exact: true }).waitFor();
    await user.type('xyz');
    await page.getByText('Nothing found.').waitFor();
    await page.getByRole('searchbox').fill('');
    await page.getByText('3 recordings').waitFor();
    await user.press('ArrowDown');
    await user.press('ArrowDown');
    await user.press('ArrowUp');
    await user.press('Enter');
    await expectPlayed(page, 'a dungeon');
    await user.press('q');
    await page.getByText('3 recordings').waitFor();
    const focused = await page.evaluate<string>('document.activeElement.dataset.name');
    assert.equal(focused, names.game);
    await user.press('Escape');
    await user.until("document.querySelector('dialog[open]') === null");
    await user.press('Enter');
    await user.expect('The program has ended.');
  });

  it('has an address, which the browser goes back to', async () => {
    await using user = await visitList();
    const { page } = user;
    await page.getByRole('button', { name: /^Play game -x/ }).click();
    await expectPlayed(page, 'a dungeon');
    assert.equal(new URL(page.url()).hash, `#recordings/${names.game}`);
    await page.goBack();
    await page.getByText('3 recordings').waitFor();
    assert.equal(await page.getByRole('region', { name: 'Player' }).isVisible(), false);
    await page.goBack();
    await user.until("document.querySelector('dialog[open]') === null");
    // A page that begins with a recording starts no program, until it is closed.
    const { length } = host.sessions;
    page.once('dialog', question => question.accept());
    await page.goto(`${host.url}?again#recordings/${names.game}`);
    await expectPlayed(page, 'a dungeon');
    await page.getByRole('heading', { name: 'game -x' }).waitFor();
    assert.equal(host.sessions.length, length);
    await page.getByRole('button', { name: 'Close' }).click();
    await user.expect('hello ada');
    assert.equal(host.sessions.length, length + 1);
  });
});

describe('the player', () => {
  async function visitPlayer(name: string, options: VisitOptions = {}): Promise<Visit> {
    const user = await visitList(options);
    await user.page.getByRole('button', { name: new RegExp(`^Play ${name}`) }).click();
    return user;
  }

  it('has the keys of telpty play', async () => {
    await using user = await visitPlayer('game');
    const { page } = user;
    await expectPlayed(page, /red dragon$/);
    await user.press(' ');
    await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
    await user.press('.');
    await user.press('.');
    await expectPlayed(page, /in the middle$/);
    await user.press('Home');
    await expectPlayed(page, /^a dungeon$/);
    await user.press(']');
    await expectPlayed(page, /in the middle$/);
    assert.equal(Math.floor(await seconds(page)), 20);
    await user.press('ArrowLeft');
    await eventually(async () => Math.floor(await seconds(page)) === 15);
    await user.press('+');
    await user.press('+');
    await page.getByText('4×').waitFor();
    await user.press('-');
    await page.getByText('2×').waitFor();
    await user.press('9');
    await eventually(async () => Math.floor(await seconds(page)) === 54);
    await user.press('End');
    await expectPlayed(page, /^the last screen$/);
    // Its size, too, is that of the recording.
    await user.until("document.querySelectorAll('.player .xterm-rows > div').length === 30");
    await user.press(' ');
    await page.getByRole('button', { name: 'Play again' }).waitFor();
    await user.press(' ');
    // The next line may follow before this is looked at.
    await expectPlayed(page, /^a dungeon/);
    await user.press('q');
    await page.getByText('3 recordings').waitFor();
  });

  it('has a bar with the time, and a limit for pauses', async () => {
    await using user = await visitPlayer('game');
    const { page } = user;
    await expectPlayed(page, /red dragon$/);
    await eventually(async () => (await time(page).getAttribute('max')) === '60');
    await time(page).fill('25');
    await expectPlayed(page, /in the middle$/);
    // The screen may be drawn before the bar, and a slow machine plays on meanwhile.
    const later = /^(0:(2[5-9]|[3-5]\d)|1:00) of 1:00$/;
    await eventually(async () => later.test((await time(page).getAttribute('aria-valuetext'))!));
    await page.getByRole('combobox', { name: 'Longest pause' }).selectOption('At most 1 s');
    await page.getByRole('button', { name: 'Faster' }).click();
    await expectPlayed(page, /^the last screen$/);
    await page.getByRole('button', { name: 'Play again' }).waitFor();
    await page.getByText('At the end').waitFor({ state: 'attached' });
    assert.deepEqual(user.troubles, []);
  });

  it('shows the text of a recording, and lets it do nothing else', async () => {
    await using user = await visitPlayer('hostile', { permissions: ['clipboard-read', 'clipboard-write'] });
    const { page } = user;
    await page.evaluate("navigator.clipboard.writeText('private')");
    const { session } = host;
    const received: string[] = [];
    session.on('data', bytes => received.push(String(bytes)));
    await expectPlayed(page, 'before');
    assert.equal(await played(page), 'beforelinkafter');
    // A click would be reported to the program, if the mode for that had been set.
    await page.locator('.player .xterm-screen').click();
    assert.equal(await page.title(), 'a program');
    assert.equal(await page.evaluate('navigator.clipboard.readText()'), 'private');
    assert.equal(await page.locator('.player .enable-mouse-events').count(), 0);
    assert.equal(await page.locator('#notice').isVisible(), false);
    assert.deepEqual(received, []);
    assert.deepEqual(user.troubles, []);
  });

  it('says where a recording is broken, after it has played the part before', async () => {
    await using user = await visitPlayer('cut');
    const { page } = user;
    await expectPlayed(page, 'whole');
    await page
      .getByRole('alert')
      .getByText('The recording is broken at line 3: not an event [seconds, type, data]')
      .waitFor();
  });

  it('stays where the rest cannot be read, and continues when it can', async () => {
    const events = Array.from({ length: 100 }, (_, index) =>
      output(index, `${'x'.repeat(20_000)}\r\n${index} end\r\n`),
    );
    const name = makeRecording(recordings, { started: at(9), session: 9, command: 'long', events });
    const path = join(recordings, name);
    try {
      await using user = await Visit.start(visitors.browser, host);
      await logIn(user, 'ada');
      await user.expect('hello ada');
      // The first piece is read, and no other.
      await user.page.route(`**/recordings/${name}`, async route => {
        const isFirst = (await route.request().headerValue('range'))?.startsWith('bytes=0-');
        await (isFirst ? route.continue() : route.fulfill({ status: 404 }));
      });
      await user.page.evaluate(`location.hash = '#recordings/${name}'`);
      await expectPlayed(user.page, /^0 end$/m);
      await user.press('End');
      await user.page.getByRole('alert').getByText('This recording does not exist, or was deleted.').waitFor();
      await expectPlayed(user.page, /^2\d end$/m);
      await user.page.unroute(`**/recordings/${name}`);
      // It is back: the next attempt continues.
      await user.press(' ');
      await eventually(async () => (await time(user.page).getAttribute('max')) === '99');
      await user.press('End');
      await expectPlayed(user.page, /^99 end$/m);
      await user.press('q');
      const row = user.page.getByRole('button', { name: /^Play long/ });
      await row.waitFor();
      rmSync(path);
      await row.click();
      await user.page.getByRole('alert').getByText('This recording does not exist, or was deleted.').waitFor();
      await user.press('q');
      await row.waitFor();
    } finally {
      rmSync(path, { force: true });
    }
  });

  it('fits on a phone, with buttons for its keys', async () => {
    const phone = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true };
    await using user = await visitPlayer('game', phone);
    const { page } = user;
    await expectPlayed(page, 'a dungeon');
    for (const viewport of [phone.viewport, { width: 780, height: 390 }]) {
      await page.setViewportSize(viewport);
      await eventually(async () => {
        const { x, y, width, height } = (await page.locator('.player .xterm-screen').boundingBox())!;
        const controls = (await page.locator('.player .controls').boundingBox())!;
        const fits = x >= 0 && x + width <= viewport.width && y + height <= controls.y;
        // It is as wide or as high as possible.
        const isLarge = width > viewport.width * 0.8 || height > (controls.y - 60) * 0.8;
        return fits && isLarge && Math.round(controls.y + controls.height) === viewport.height;
      });
      const buttons = await page.getByRole('toolbar', { name: 'Player' }).getByRole('button').all();
      assert.equal(buttons.length, 6);
      for (const button of buttons) {
        const { x, width, height } = (await button.boundingBox())!;
        assert(width >= 30 && height >= 36 && x >= 0 && x + width <= viewport.width);
      }
    }
    await page.getByRole('button', { name: 'Pause' }).tap();
    await page.getByRole('button', { name: 'Next mark' }).tap();
    await expectPlayed(page, /in the middle$/);
    await page.getByRole('button', { name: 'All recordings' }).tap();
    await page.getByText('3 recordings').waitFor();
    await user.until("(body => body.scrollWidth === body.clientWidth)(document.querySelector('.recordings .body'))");
  });

  it('has names for everything', async () => {
    await using user = await visitPlayer('game');
    await expectPlayed(user.page, 'a dungeon');
    await user.page.getByRole('button', { name: 'Pause' }).waitFor();
    const tree = await user.page.getByRole('dialog').ariaSnapshot();
    for (const line of [
      /dialog "game -x"/,
      /region "Player":/,
      /group "Recorded terminal. Space pauses, q closes."/,
      /slider "Time"/,
      /toolbar "Player":\s+- button "Pause"/,
      /status "Speed": 1×/,
    ])
      assert.match(tree, line);
    const nameless =
      await user.page.evaluate(`[...document.querySelectorAll('dialog button, dialog input, dialog select')]
      .filter(each => !each.getAttribute('aria-label') && !each.innerText.trim()).length`);
    assert.equal(nameless, 0);
  });
});
