/** The page of the web gateway in Chromium: text that keys do not produce alone, at any moment and in any order. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CDPSession } from 'playwright-core';
import { script, useBrowser, type Visit, type VisitOptions } from './web-host.ts';

const { visit } = useBrowser();

/** Shows each byte that it receives. */
const SHOW_INPUT = script('stty raw -echo; printf now; cat -v');
/** The same for text. */
const SHOW_TEXT = script('stty raw -echo; printf now; cat');
const PHONE: VisitOptions = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const SCREEN_READER: VisitOptions = { settings: { screenReader: true } };

/** An input method, as Chromium sees it. */
class InputMethod {
  readonly #debug: CDPSession;

  private constructor(debug: CDPSession) {
    this.#debug = debug;
  }

  static async of({ context, page }: Visit): Promise<InputMethod> {
    return new InputMethod(await context.newCDPSession(page));
  }

  /** Shows texts that are not complete, one after the other. */
  async compose(...texts: string[]): Promise<void> {
    for (const text of texts) {
      const { length } = text;
      await this.#debug.send('Input.imeSetComposition', { text, selectionStart: length, selectionEnd: length });
    }
  }

  /** Ends the composition with a text, or inserts one. */
  async commit(text: string): Promise<void> {
    await this.#debug.send('Input.insertText', { text });
  }

  /** Takes a key, which does this then. */
  async takeKey(effect: () => Promise<unknown>): Promise<void> {
    const key = { key: 'Unidentified', code: '', windowsVirtualKeyCode: 229 };
    await this.#debug.send('Input.dispatchKeyEvent', { ...key, type: 'rawKeyDown' });
    await effect();
    await this.#debug.send('Input.dispatchKeyEvent', { ...key, type: 'keyUp' });
  }
}

const keyOfBar = (user: Visit, name: string) =>
  user.page.getByRole('toolbar', { name: 'Keys' }).getByRole('button', { name, exact: true });

describe('in a page that is slow', () => {
  for (const [key, shown] of [
    ['x', 'x'],
    ['X', 'X'],
    ['Enter', '^M'],
    ['Control+c', '^C'],
    ['Control+/', '^_'],
    ['Alt+b', '^[b'],
  ] as const) {
    it(`a composed text is sent completely before ${key}`, async () => {
      await using user = await visit(SHOW_INPUT);
      await user.expect('now');
      const method = await InputMethod.of(user);
      await method.compose('h', 'hell', 'hello');
      const release = await user.holdTimers();
      await method.commit('hello ');
      await user.press(key);
      await release();
      await user.type('.');
      await user.expect(`nowhello ${shown}.`);
    });
  }

  it('texts that are composed one after the other are sent once, in their order', async () => {
    await using user = await visit(SHOW_INPUT);
    await user.expect('now');
    const method = await InputMethod.of(user);
    const release = await user.holdTimers();
    await method.compose('o', 'one');
    await method.commit('one ');
    await method.compose('t', 'two');
    await method.commit('two ');
    await method.commit('3');
    await user.press('Enter');
    await method.compose('f', 'four');
    await method.commit('four');
    await release();
    await user.type('.');
    await user.expect('nowone two 3^Mfour.');
  });

  it('keys that an input method takes are sent before the next key', async () => {
    await using user = await visit(SHOW_INPUT);
    await user.expect('now');
    const method = await InputMethod.of(user);
    const release = await user.holdTimers();
    for (const digit of '123') await method.takeKey(() => method.commit(digit));
    await user.press('Enter');
    await method.takeKey(() => method.commit('4'));
    await method.takeKey(async () => {
      await method.compose('f', 'five');
    });
    await method.commit('five');
    await release();
    await user.type('.');
    await user.expect('now123^M4five.');
  });

  it('what such a key deletes and replaces is sent', async () => {
    await using user = await visit(SHOW_INPUT);
    await user.expect('now');
    const method = await InputMethod.of(user);
    const release = await user.holdTimers();
    const replace = (from: number, to: number, text: string) =>
      user.page.evaluate(`document.activeElement.setRangeText('${text}', ${from}, ${to}, 'end')`);
    await method.takeKey(() => method.commit('teh 👍'));
    await method.takeKey(() => replace(1, 6, 'he '));
    await user.press('Enter');
    await method.takeKey(() => method.commit('4'));
    await method.takeKey(() => replace(0, 1, ''));
    await release();
    await user.type('.');
    await user.expect('nowteh M-pM-^_M-^QM-^M^?^?^?^?he ^M4^?.');
  });

  it('a text that was composed before the page loses the focus is sent', async () => {
    await using user = await visit(SHOW_INPUT);
    await user.expect('now');
    const method = await InputMethod.of(user);
    const release = await user.holdTimers();
    await method.compose('hello');
    await method.commit('hello ');
    await user.page.evaluate('document.activeElement.blur()');
    await release();
    await user.expect('nowhello');
  });
});

describe('a key during a composition', () => {
  it('is sent after what was composed, which is not sent again', async () => {
    await using user = await visit(SHOW_INPUT);
    await user.expect('now');
    const method = await InputMethod.of(user);
    await method.compose('h', 'hello');
    await user.press('Escape');
    await user.expect('nowhello^[');
    await method.compose('w', 'world');
    await method.commit('world');
    await user.type('.');
    await user.expect('nowhello^[world.');
  });

  it('comes from the key bar also', async () => {
    await using user = await visit(SHOW_INPUT, PHONE);
    await user.expect('now');
    await user.page.locator('.xterm').tap();
    const method = await InputMethod.of(user);
    await method.compose('h', 'hello');
    await keyOfBar(user, 'Up').tap();
    await user.expect('nowhello^[[A');
    await keyOfBar(user, 'Control').tap();
    await method.compose('c');
    await user.expect('^[[A^C');
    await method.compose('e', 'end');
    await method.commit('end');
    await user.expect('^[[A^Cend');
  });
});

describe('text that is inserted without a key', () => {
  for (const [mode, options] of [
    ['with a screen reader', SCREEN_READER],
    ['without one', {}],
  ] as const) {
    it(`is sent once, and so are keys, ${mode}`, async () => {
      await using user = await visit(SHOW_TEXT, options);
      await user.expect('now');
      await user.page.keyboard.insertText('👍🏽 dictated');
      await user.expect('now👍🏽 dictated');
      await user.type('aA1é');
      await user.page.keyboard.insertText('b');
      await user.page.keyboard.down('Shift');
      await user.page.keyboard.insertText('漢');
      await user.type('C');
      await user.page.keyboard.up('Shift');
      const method = await InputMethod.of(user);
      await method.takeKey(() => method.commit('2'));
      await method.compose('w', 'word');
      await method.commit('word');
      await user.type('.');
      await user.expect('now👍🏽 dictatedaA1éb漢C2word.');
      assert.deepEqual(user.troubles, []);
    });
  }
});
