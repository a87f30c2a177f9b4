/** The page of the web gateway in Chromium: the tools around the terminal, phones, screen readers. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { untilTrue } from '../support/leaks.ts';
import { eventually, script, useBrowser, type Visit, type VisitOptions } from './web-host.ts';

const visitors = useBrowser();
const { visit, visitShell } = visitors;

describe('the tools', () => {
  it('show the title of the program, and the bell', async () => {
    await using user = await visit(
      script("read; printf '\\e]2;a title\\a'; read; printf '\\a'; read; printf '\\a'; read"),
    );
    await user.until("document.title === 'a program'");
    await user.press('Enter');
    await user.until("document.title === 'a title'");
    const rung = user.page.evaluate(`new Promise(resolve => new MutationObserver(resolve).observe(
      document.getElementById('terminal'), { attributes: true, attributeFilter: ['class'] })).then(() => 'rung')`);
    await user.press('Enter');
    assert.equal(await rung, 'rung');
    assert.equal(await user.page.title(), 'a title');
    // In a hidden tab the title shows it, until the user comes back.
    const hide = (isHidden: boolean) =>
      user.page.evaluate(`
        Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      `);
    await hide(true);
    await user.press('Enter');
    await user.until("document.title === '🔔 a title'");
    await hide(false);
    await user.until("document.title === 'a title'");
  });

  it('ring the bell as the settings say: with a flash, with a sound, or not at all', async () => {
    for (const bell of ['flash', 'sound', 'none']) {
      await using user = await visit(script("stty -echo; echo ready; read; printf '\\arung'; read"), {
        settings: { bell },
      });
      await user.expect('ready');
      await user.page.evaluate(`
        window.flashes = 0;
        window.tones = 0;
        new MutationObserver(() => window.flashes++).observe(document.getElementById('terminal'), { attributes: true });
        const { start } = OscillatorNode.prototype;
        OscillatorNode.prototype.start = function () { window.tones++; start.call(this); };
      `);
      await user.press('Enter');
      await user.expect('rung');
      const [flashes, tones] = await user.page.evaluate<[boolean, number]>('[window.flashes > 0, window.tones]');
      assert.deepEqual([flashes, tones], [bell === 'flash', bell === 'sound' ? 1 : 0], bell);
    }
  });

  it('fill the screen and leave it again, by the button and by the menu', async () => {
    await using user = await visitShell();
    await user.page.evaluate('navigator.keyboard.lock = async codes => { window.locked = codes; }');
    await user.page.getByRole('button', { name: 'Full screen' }).click();
    await user.until('document.fullscreenElement === document.documentElement');
    await user.until("window.locked?.join() === 'Escape,KeyW,KeyT,KeyN'");
    await user.run('echo typed');
    assert.match(await user.screen(), /^typed$/m);
    await user.press('Control+Shift+Space');
    await user.page.getByRole('menuitem', { name: 'Leave full screen' }).click();
    await user.until('document.fullscreenElement === null');
    await user.run('echo again');
    assert.match(await user.screen(), /^again$/m);
    assert.deepEqual(user.troubles, []);
  });

  it('search what was shown', async () => {
    await using user = await visitShell();
    await user.run('for i in {1..200}; do echo line $i; done');
    await user.press('Control+Shift+F');
    await user.type('line 1');
    const count = user.page.getByRole('search').locator('output');
    await count.getByText('111 of 111').waitFor();
    await user.press('Enter');
    await count.getByText('110 of 111').waitFor();
    await user.press('Shift+Enter');
    await count.getByText('111 of 111').waitFor();
    await user.page.getByRole('button', { name: 'Previous match' }).click();
    await count.getByText('110 of 111').waitFor();
    await user.page.getByRole('button', { name: 'Next match' }).click();
    await count.getByText('111 of 111').waitFor();
    const text = user.page.getByRole('searchbox');
    await text.fill('LINE 20');
    await count.getByText('2 of 2').waitFor();
    await user.page.getByRole('button', { name: 'Match case' }).click();
    await count.getByText('No match').waitFor();
    await text.fill('');
    await count.filter({ hasText: /^$/ }).waitFor({ state: 'attached' });
    await user.page.getByRole('button', { name: 'Close search' }).click();
    // The search begins with the selection.
    const row = (await user.screen()).split('\n').indexOf('line 199') + 1;
    await user.moveTo(7, row);
    for (const clickCount of [1, 2]) {
      await user.page.mouse.down({ clickCount });
      await user.page.mouse.up({ clickCount });
    }
    await user.press('Control+Shift+F');
    await count.getByText('1 of 1').waitFor();
    assert.equal(await text.inputValue(), '199');
    await user.press('Escape');
    await user.type('echo typed\n');
    await user.expect(/^typed$/m);
  });

  it('save what was shown', async () => {
    await using user = await visitShell();
    await user.run('for i in {1..200}; do echo line $i ü; done; printf "%300s" long');
    const download = user.page.waitForEvent('download');
    await user.press('Control+Shift+S');
    const file = await download;
    assert.match(file.suggestedFilename(), /^a-program-\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d\.txt$/);
    const text = readFileSync((await file.path())!, 'utf8');
    assert.match(text, /line 1 ü\nline 2 ü\n[\s\S]*line 200 ü\n {296}longready\$\n$/);
  });

  it('copy for the user, for a program only after consent, and never read for it', async () => {
    await using user = await visitShell({ permissions: ['clipboard-read', 'clipboard-write'] });
    const clipboard = () => user.page.evaluate('navigator.clipboard.readText()');
    await user.page.evaluate("navigator.clipboard.writeText('private')");
    await user.run(
      "stty -echo -icanon; printf '\\e]52;c;?\\a'; read -rsd $'\\a' answer; stty sane; echo \"<$answer>\" | cat -v",
    );
    assert.match(await user.screen(), /<\^\[\]52;c;>/);
    await user.run("printf '\\e]52;c;aGVsbG8=\\a'");
    const offer = user.page.getByText('The program requests to copy 5 characters to the clipboard.');
    await offer.waitFor();
    assert.equal(await clipboard(), 'private');
    await user.page.getByRole('button', { name: 'Refuse' }).click();
    assert.equal(await clipboard(), 'private');
    await user.run("printf '\\e]52;c;aGVsbG8=\\a'");
    await user.page.getByRole('button', { name: 'Copy' }).click();
    await eventually(async () => (await clipboard()) === 'hello');
    await user.run('echo selected');
    const row = (await user.screen()).split('\n').indexOf('selected') + 1;
    await user.moveTo(3, row);
    for (const clickCount of [1, 2]) {
      await user.page.mouse.down({ clickCount });
      await user.page.mouse.up({ clickCount });
    }
    await user.press('Control+Shift+C');
    await eventually(async () => (await clipboard()) === 'selected');
    await user.press('Control+Shift+V');
    await user.expect(/ready\$ selected/);
    await user.page.mouse.click(400, 400);
    await user.press('Control+Shift+Space');
    await user.page.getByRole('menuitem', { name: 'Copy the screen' }).click();
    await eventually(async () => (await clipboard()) === (await user.screen()).trimEnd());
  });

  it('open links of http and https with Ctrl and a click, and no others', async () => {
    await using user = await visit(
      script(`echo ${'http://127.0.0.1:9/x'}; printf '\\e]8;;javascript:alert(1)\\atext\\e]8;;\\a\\n'; read`),
    );
    await user.expect('text');
    const over = (row: number) => user.moveTo(3, row);
    const click = async () => {
      await user.page.mouse.down();
      await user.page.mouse.up();
    };
    // Each call counts: a page that opens later would be missed.
    await user.page.evaluate(`{
      window.opened = [];
      const { open } = window;
      window.open = (address, ...rest) => {
        window.opened.push(address);
        return open.call(window, address, ...rest);
      };
    }`);
    await over(1);
    await user.page.getByText(/http:\/\/127.0.0.1:9\/x .*click opens it/).waitFor();
    await click();
    await user.page.keyboard.down('Control');
    await over(2);
    await click();
    const opened = user.context.waitForEvent('page');
    await over(1);
    await click();
    await user.page.keyboard.up('Control');
    await opened;
    assert.deepEqual(await user.page.evaluate('window.opened'), ['http://127.0.0.1:9/x']);
  });

  it('keep the settings, which take effect at once', async () => {
    await using user = await visitShell({ colorScheme: 'dark' });
    const { columns } = visitors.host.session.terminal;
    const theme = () => user.page.evaluate('document.documentElement.dataset.theme');
    await user.press('Control+Shift+Space');
    await user.page.getByRole('menuitem', { name: 'Settings' }).click();
    const dialog = user.page.getByRole('dialog', { name: 'Settings' });
    await dialog.getByLabel('Theme').selectOption('High contrast');
    assert.equal(await theme(), 'contrast');
    await dialog.getByLabel('Theme').selectOption('Light');
    await dialog.getByLabel('Font size').fill('30');
    await untilTrue(() => visitors.host.session.terminal.columns! < columns! * 0.6);
    await dialog.getByLabel('Font size').fill('1');
    await user.press('Escape');
    user.page.once('dialog', question => question.accept());
    await user.page.reload();
    await user.expect('ready');
    assert.equal(await theme(), 'light');
    assert(visitors.host.session.terminal.columns! < columns! * 0.6);
    await user.press('Control+Shift+Space');
    await user.page.getByRole('menuitem', { name: 'Settings' }).click();
    await dialog.getByRole('button', { name: 'Reset' }).click();
    assert.equal(await theme(), 'dark');
    // Another tab follows.
    const tab = await user.context.newPage();
    await tab.goto(visitors.host.url);
    await tab.evaluate("localStorage.setItem('telpty.settings', JSON.stringify({ theme: 'light', fontSize: 'x' }))");
    await user.until("document.documentElement.dataset.theme === 'light'");
    await tab.evaluate("localStorage.setItem('telpty.settings', '{')");
    await user.until("document.documentElement.dataset.theme === 'dark'");
    await tab.close();
    await user.page.emulateMedia({ colorScheme: 'light' });
    await user.until("document.documentElement.dataset.theme === 'light'");
    await user.page.emulateMedia({ colorScheme: 'dark', contrast: 'more' });
    await user.until("document.documentElement.dataset.theme === 'contrast'");
    assert.deepEqual(user.troubles, []);
  });
});

/** Moves a finger on the terminal from one height to another. */
async function swipe(user: Visit, from: number, to: number): Promise<void> {
  const touch = await user.context.newCDPSession(user.page);
  const points = (y: number) => [{ x: 200, y }];
  await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: points(from) });
  for (let moved = 20; moved <= Math.abs(to - from); moved += 20)
    await touch.send('Input.dispatchTouchEvent', {
      type: 'touchMove',
      touchPoints: points(from + Math.sign(to - from) * moved),
    });
  await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  await touch.detach();
}

describe('on a phone', () => {
  const phone: VisitOptions = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

  it('a bar has the keys that its keyboard lacks', async () => {
    await using user = await visit(script('stty raw -echo; printf "now"; cat -v'), phone);
    await user.expect('now');
    const key = (name: string) =>
      user.page.getByRole('toolbar', { name: 'Keys' }).getByRole('button', { name, exact: true });
    for (const name of ['Escape', 'Tab', 'Control C', 'Up', 'Left', 'Enter']) await key(name).tap();
    await user.expect(/now\^\[\s*\^C\^\[\[A\^\[\[D\^M/);
    await user.page.locator('.xterm').tap();
    await key('Control').tap();
    assert.equal(await key('Control').getAttribute('aria-pressed'), 'true');
    await user.type('ab');
    await user.expect('^Ab');
    assert.equal(await key('Control').getAttribute('aria-pressed'), 'false');
    await key('Alt').tap();
    await user.type('x');
    await key('Control').tap();
    await key('Right').tap();
    await user.expect('^[x^[[1;5C');
  });

  it('the terminal and the bar fill the screen, and turning it resizes the terminal', async () => {
    await using user = await visitShell(phone);
    const box = async (selector: string) => (await user.page.locator(selector).boundingBox())!;
    for (const { width, height } of [phone.viewport!, { width: 844, height: 390 }]) {
      await user.page.setViewportSize({ width, height });
      await eventually(async () => {
        const [terminal, screen, keys] = [await box('#terminal'), await box('.xterm-screen'), await box('#keys')];
        const cell = screen.height / visitors.host.session.terminal.rows!;
        return (
          [terminal.x, terminal.y, terminal.width, keys.width].join() === [0, 0, width, width].join() &&
          terminal.height === keys.y &&
          keys.y + keys.height === height &&
          screen.width <= width &&
          terminal.height - screen.height < cell + 8
        );
      });
    }
  });

  it('a finger scrolls what was shown', async () => {
    await using user = await visitShell(phone);
    await user.page.locator('.xterm').tap();
    await user.run('for i in {1..200}; do echo line $i; done');
    assert.match(await user.screen(), /line 200/);
    await swipe(user, 200, 600);
    await eventually(async () => /line \d+$/.test((await user.screen()).trimEnd()));
    // How far the text rolls on depends on the speed.
    await eventually(async () => {
      await swipe(user, 600, 200);
      return (await user.screen()).trimEnd().endsWith('ready$');
    });
  });

  it('a finger scrolls in a program: by arrow keys, or by mouse reports if it wants them', async () => {
    await using user = await visitShell(phone);
    await user.page.locator('.xterm').tap();
    await user.type('seq 200 | less\n');
    await user.expect(/^1\n2\n/);
    await swipe(user, 600, 200);
    await eventually(async () => !/^[1-9]\n/.test(await user.screen()));
    await user.type('q');
    await user.expect(/ready\$\s*$/);
    await user.type("printf '\\e[?1000h\\e[?1006h'; cat -v\n");
    await swipe(user, 600, 200);
    await user.expect('^[[<65;');
    await swipe(user, 200, 600);
    await user.expect('^[[<64;');
  });
});

describe('without a mouse, and without a screen', () => {
  it('the page has names for everything', async () => {
    await using user = await visitShell();
    const tree = await user.page.locator('body').ariaSnapshot();
    for (const line of [
      /button "Turn on screen reader mode"/,
      /toolbar "Tools":\s+- button "Search"\s+- button "Full screen"\s+- button "Menu"/,
      /main "Terminal"/,
      /textbox "Terminal input. Ctrl\+Shift\+Space opens the menu."/,
    ])
      assert.match(tree, line);
    const nameless = await user.page.evaluate(`[...document.querySelectorAll('button, input, select, textarea')]
      .filter(each => !each.getAttribute('aria-label') && !each.innerText.trim() && each.labels?.length === 0).length`);
    assert.equal(nameless, 0);
  });

  it('the menu opens, moves and closes by keys, and the focus returns', async () => {
    await using user = await visitShell();
    const focused = () => user.page.evaluate('document.activeElement.innerText || document.activeElement.className');
    await user.press('Control+Shift+Space');
    assert.match(String(await focused()), /^Copy the screen/);
    await user.press('ArrowDown');
    assert.match(String(await focused()), /^Paste/);
    await user.press('ArrowUp');
    await user.press('ArrowUp');
    assert.match(String(await focused()), /^Keys/);
    const outline = await user.page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
    assert.equal(outline, 'solid');
    await user.press('Enter');
    await user.page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await user.press('Escape');
    await user.type('echo typed\n');
    await user.expect(/^typed$/m);
    // Its button closes it, too.
    const button = user.page.getByRole('button', { name: 'Menu' });
    // The tools are back when the mouse moves.
    await user.page.mouse.move(200, 200);
    await button.click();
    await user.page.getByRole('menu').waitFor();
    await button.click();
    await user.page.getByRole('menu').waitFor({ state: 'hidden' });
    await user.press('Control+Shift+Space');
    await user.press('Escape');
    await user.type('echo again\n');
    await user.expect(/^again$/m);
    // At once, and not in a later event: keys in between would be lost.
    await user.press('Control+Shift+Space');
    const pressed = "new KeyboardEvent('keydown', { key: 'Escape', bubbles: true })";
    await user.page.evaluate(`document.activeElement.dispatchEvent(${pressed}), window.after = document.activeElement`);
    assert.match(String(await user.page.evaluate('after.className')), /xterm-helper-textarea/);
  });

  it('the screen reader mode has the lines of the terminal, and the output is announced', async () => {
    await using user = await visitShell();
    await user.page.evaluate("document.activeElement.blur(); document.getElementById('screen-reader').focus()");
    assert((await user.page.locator('#screen-reader').boundingBox())!.width > 50);
    await user.press('Enter');
    await user.type('echo $((40+2))-spoken\n');
    await user.page.getByRole('listitem').getByText('42-spoken').waitFor();
    await user.page.locator('.live-region[aria-live=assertive]').getByText('42-spoken').waitFor();
    assert.equal(await user.page.locator('#screen-reader').isVisible(), false);
  });
});
