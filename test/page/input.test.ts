/** The page of the web gateway in Chromium: keys, input methods, the mouse, fingers, and the ways to paste. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually, script, useBrowser, type Visit, type VisitOptions } from './web-host.ts';

const visitors = useBrowser();
const { visit, visitShell } = visitors;

/** Shows each byte that it receives. */
const SHOW_INPUT = script('stty raw -echo; printf now; cat -v');
/** The same for text. */
const SHOW_TEXT = script('stty raw -echo; printf now; cat');
const CLIPBOARD = ['clipboard-read', 'clipboard-write'];
const PHONE: VisitOptions = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const LANDSCAPE = { width: 844, height: 390 };

/** Presses and releases a key with modifiers, as Chromium reports it: Alt is 1, Ctrl is 2. */
async function pressRaw(user: Visit, modifiers: number, key: string, code: string): Promise<void> {
  const debug = await user.context.newCDPSession(user.page);
  const event = { modifiers, windowsVirtualKeyCode: code.charCodeAt(3), key, code };
  await debug.send('Input.dispatchKeyEvent', { ...event, type: 'keyDown', text: key, unmodifiedText: key });
  await debug.send('Input.dispatchKeyEvent', { ...event, type: 'keyUp' });
  await debug.detach();
}

/** Makes the page believe that it runs on another system. */
async function pretendPlatform(user: Visit, platform: string): Promise<void> {
  await user.context.addInitScript(
    `Object.defineProperty(navigator, 'platform', { value: '${platform}', configurable: true })`,
  );
  user.page.removeAllListeners('dialog').once('dialog', question => void question.accept());
  await user.page.reload();
}

/** The middle of a row of the terminal, at its beginning. */
const startOf = (user: Visit, row: number) =>
  user.page.evaluate<[x: number, y: number]>(`(() => {
    const { left, top, height } = document.querySelector('.xterm-rows > div:nth-child(${row})').getBoundingClientRect();
    return [left + 20, top + height / 2];
  })()`);

async function openMenuItem({ page }: Visit, name: string): Promise<void> {
  await page.keyboard.press('Control+Shift+Space');
  await page.getByRole('menuitem', { name }).click();
}

describe('the keyboard', () => {
  it('types what input methods, dead keys and emoji pickers compose', async () => {
    await using user = await visit(SHOW_TEXT);
    await user.expect('now');
    const debug = await user.context.newCDPSession(user.page);
    const compose = async (...texts: string[]) => {
      for (const text of texts) {
        const { length } = text;
        await debug.send('Input.imeSetComposition', { text, selectionStart: length, selectionEnd: length });
      }
    };
    await compose('に', 'にほ', 'にほん');
    // A text that is not complete is shown, and not sent.
    await user.page.locator('.composition-view.active', { hasText: 'にほん' }).waitFor();
    assert.match(await user.screen(), /^now\s*$/);
    await debug.send('Input.insertText', { text: '日本' });
    await user.expect('now日本');
    // The keyboard of a phone composes each word.
    await compose('h', 'he', 'hel', 'hell', 'hello');
    await debug.send('Input.insertText', { text: 'hello ' });
    await user.type('x');
    await user.expect('now日本hello x');
    await compose('´');
    await debug.send('Input.insertText', { text: 'é' });
    await user.expect('now日本hello xé');
    await debug.send('Input.insertText', { text: '👍🏽' });
    await user.expect('now日本hello xé👍🏽');
    assert.deepEqual(user.troubles, []);
  });

  it('types the characters of AltGr, which is Ctrl and Alt on Windows', async () => {
    await using user = await visit(SHOW_TEXT);
    await user.expect('now');
    await pressRaw(user, 0, '€', 'KeyE');
    await user.expect('now€');
    await pretendPlatform(user, 'Win32');
    await user.expect(/now$/m);
    await pressRaw(user, 3, '@', 'KeyQ');
    await user.expect('now@');
  });

  it('sends the keys that browsers and other pages use themselves', async () => {
    await using user = await visit(SHOW_INPUT);
    await user.expect('now');
    for (const key of ['F1', 'F5', 'F12', 'Shift+Tab', 'Control+f', 'Control+p', 'Control+s', 'Control+v', 'Control+/'])
      await user.press(key);
    await user.expect('now^[OP^[[15~^[[24~^[[Z^F^P^S^V^_');
    await user.page.keyboard.down('Control');
    await user.page.keyboard.down('Shift');
    await user.press('ArrowLeft');
    await user.expect('^_^[[1;6D');
  });

  it('scrolls with Shift and Page Up, and new output does not move what is read', async () => {
    await using user = await visitShell();
    await user.run('for i in {1..200}; do echo line $i; done');
    await user.press('Shift+PageUp');
    await eventually(async () => !/ready/.test(await user.screen()));
    const before = await user.screen();
    const { received } = user;
    visitors.host.session.write('news\r\n'.repeat(20));
    await eventually(async () => user.received > received);
    await user.page.evaluate('new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))');
    assert.equal(await user.screen(), before);
    await user.type('typed');
    await user.expect(/news\ntyped$/m);
  });
});

describe('the mouse', () => {
  it('is reported beyond column 95 in the oldest encoding, which is not text', async () => {
    const program = script("stty raw -echo; printf '\\e[?1000hnow'; head -c 6 | od -An -tx1");
    await using user = await visit(program, { viewport: { width: 1_400, height: 300 } });
    await user.expect('now');
    await user.moveTo(130, 3);
    await user.page.mouse.down();
    await user.page.mouse.up();
    await user.expect(/now\s+1b 5b 4d 20 a2 23/);
  });

  it('selects with Shift in a program that uses it, and the selection is copied', async () => {
    const text = script("stty raw -echo; printf '\\e[?1000h\\e[?1006hselected text\\r\\n'; cat -v");
    await using user = await visit(text, { permissions: CLIPBOARD });
    await user.expect('selected text');
    await user.page.keyboard.down('Shift');
    await user.moveTo(1, 1);
    await user.page.mouse.down();
    await user.moveTo(9, 1);
    await user.page.mouse.up();
    await user.page.keyboard.up('Shift');
    await user.press('Control+Shift+C');
    await eventually(async () => (await user.page.evaluate('navigator.clipboard.readText()')) === 'selected');
    await openMenuItem(user, 'Copy');
    // The next click is reported again.
    await user.moveTo(2, 5);
    await user.page.mouse.down();
    await user.page.mouse.up();
    await user.expect(/text\n\^\[\[<0;2;5M\^\[\[<0;2;5m/);
  });

  it('shows how a link is opened on this system', async () => {
    await using user = await visit(script('echo http://127.0.0.1:9/x; read'));
    for (const [platform, hint] of [
      ['Linux x86_64', /^http:\/\/127.0.0.1:9\/x +\(Ctrl\+click opens it\)$/],
      ['MacIntel', /^http:\/\/127.0.0.1:9\/x +\(⌘\+click opens it\)$/],
    ] as const) {
      await pretendPlatform(user, platform);
      await user.expect('http');
      await user.moveTo(3, 1);
      const link = user.page.locator('#link:visible');
      await link.waitFor();
      assert.match((await link.textContent())!, hint);
      await user.moveTo(3, 8);
      await link.waitFor({ state: 'detached' });
    }
  });
});

describe('a paste', () => {
  it('comes from keys, from the menu, and from text that is dropped', async () => {
    await using user = await visit(SHOW_INPUT, { permissions: CLIPBOARD });
    await user.expect('now');
    await user.page.evaluate("navigator.clipboard.writeText('<copied>')");
    await user.press('Control+Shift+V');
    await user.expect('now<copied>');
    await user.press('Shift+Insert');
    await user.expect('now<copied><copied>');
    await openMenuItem(user, 'Paste');
    await user.expect('now<copied><copied><copied>');
    const drop = (type: string, data: string) =>
      user.page.evaluate(`{
        const dataTransfer = new DataTransfer();
        dataTransfer.setData('${type}', '${data}');
        const init = { dataTransfer, bubbles: true, cancelable: true };
        document.querySelector('.xterm-screen').dispatchEvent(new DragEvent('drop', init));
      }`);
    await drop('image/png', 'not text');
    await drop('text/plain', '<dropped>');
    await user.expect('now<copied><copied><copied><dropped>');
    await user.type('typed');
    await user.expect('<dropped>typed');
  });

  it('needs a field where the page cannot read the clipboard', async () => {
    await using user = await visit(SHOW_INPUT);
    await user.expect('now');
    await openMenuItem(user, 'Paste');
    const dialog = user.page.getByRole('dialog', { name: 'Paste' });
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await openMenuItem(user, 'Paste');
    await dialog.getByLabel('Text to paste').fill('text');
    await dialog.getByRole('button', { name: 'Send to the terminal' }).click();
    await user.expect('nowtext');
    await user.type('typed');
    await user.expect('nowtexttyped');
  });

  it('is asked about as the settings say', async () => {
    const question = { name: 'Paste 2 lines?' };
    const protects = script("stty raw -echo; printf 'now\\e[?2004h'; cat -v");
    await using careful = await visit(protects, { settings: { pasteQuestion: 'always' } });
    await careful.expect('now');
    await careful.paste('one\ntwo');
    await careful.page.getByRole('dialog', question).getByRole('button', { name: 'Paste' }).click();
    await careful.expect('now^[[200~one^Mtwo^[[201~');
    await using bold = await visit(SHOW_INPUT, { settings: { pasteQuestion: 'never' } });
    await bold.expect('now');
    await bold.paste('one\ntwo');
    await bold.expect('nowone^Mtwo');
  });
});

describe('a program that copies', () => {
  it('may do it without a question, or not at all, as the settings say', async () => {
    const copies = script("read; printf '\\e]52;c;w7zmvKI=\\adone'; read");
    for (const [programCopy, expected] of [
      ['allow', 'ü漢'],
      ['never', 'private'],
    ] as const) {
      await using user = await visit(copies, { permissions: CLIPBOARD, settings: { programCopy } });
      await user.page.evaluate("navigator.clipboard.writeText('private')");
      await user.press('Enter');
      await user.expect('done');
      await eventually(async () => (await user.page.evaluate('navigator.clipboard.readText()')) === expected);
      assert.equal(await user.page.locator('#notice').isVisible(), false);
    }
  });
});

describe('on a phone', () => {
  const key = (user: Visit, name: string) =>
    user.page.getByRole('toolbar', { name: 'Keys' }).getByRole('button', { name, exact: true });

  it('two taps lock a modifier, a key that is held repeats, and arrows follow the mode of the program', async () => {
    await using user = await visit(script("stty raw -echo; printf '\\e[?1hnow'; cat -v"), PHONE);
    await user.expect('now');
    await key(user, 'Up').tap();
    await user.expect('now^[OA');
    await user.page.locator('.xterm').tap();
    await key(user, 'Control').tap();
    await key(user, 'Control').tap();
    // It looks so, too.
    await user.until(`(({ backgroundColor, borderTopColor }) => backgroundColor === borderTopColor)(
      getComputedStyle(document.querySelector('#keys [aria-pressed=true]')))`);
    await user.type('ab');
    await user.expect('^[OA^A^B');
    await key(user, 'Control').tap();
    await user.type('c');
    await user.expect('^A^Bc');
    const { x, y } = (await key(user, 'Down').boundingBox())!;
    await user.page.mouse.move(x + 5, y + 5);
    await user.page.mouse.down();
    await user.expect('c^[OB^[OB^[OB');
    await user.page.mouse.up();
    // It has stopped: no arrow follows.
    await key(user, 'Control C').tap();
    await user.type('end');
    // The terminal may have broken the line anywhere.
    await user.expect(/O\n?B\n?\^\n?C\n?e\n?n\n?d\s*$/);
  });

  it('the bar pastes and opens the menu, and neither opens the keyboard', async () => {
    await using user = await visit(SHOW_INPUT, { ...PHONE, permissions: CLIPBOARD });
    await user.expect('now');
    await user.page.evaluate("navigator.clipboard.writeText('copied')");
    const isKeyboardOpen = () => user.page.evaluate("document.activeElement.matches('textarea')");
    assert.equal(await isKeyboardOpen(), false);
    await key(user, 'Paste').tap();
    await user.expect('nowcopied');
    assert.equal(await isKeyboardOpen(), false);
    for (const viewport of [PHONE.viewport!, LANDSCAPE]) {
      await user.page.setViewportSize(viewport);
      await key(user, 'Menu').tap();
      const menu = user.page.getByRole('menu');
      await menu.waitFor();
      await eventually(async () => {
        const [box, bar] = [(await menu.boundingBox())!, (await user.page.locator('#keys').boundingBox())!];
        return box.y >= 0 && box.x >= 0 && box.x + box.width <= viewport.width && box.y + box.height <= bar.y;
      });
      await key(user, 'Menu').tap();
      await menu.waitFor({ state: 'hidden' });
      assert.equal(await isKeyboardOpen(), false);
    }
  });

  it('a tap opens a link, and leaves nothing in the picture', async () => {
    const links = "echo http://127.0.0.1:9/x; printf '\\e]8;;http://127.0.0.1:9/y\\atext\\e]8;;\\a\\n'; read";
    await using user = await visit(script(links), PHONE);
    await user.expect('text');
    for (const row of [1, 2]) {
      const opened = user.context.waitForEvent('page');
      await user.page.touchscreen.tap(...(await startOf(user, row)));
      await (await opened).close();
      assert.equal(await user.page.locator('#link').isVisible(), false);
    }
  });
});
