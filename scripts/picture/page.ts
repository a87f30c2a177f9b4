/**
 * Makes the pictures of docs/web.md: `npm run picture:page` opens the page of the web gateway in Chromium, with a real
 * program, and writes docs/web-desktop.png and docs/web-phone.png. It needs chromium, nethack and vim.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { createServer, ptyShell } from '../../src/index.ts';
import { createWebGateway } from '../../src/web/index.ts';
import { GAME } from './game.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'telpty-picture-'));
const env = { HOME: home, LANG: 'C.UTF-8', PATH: '/usr/local/bin:/usr/bin:/bin:/usr/games', NETHACKOPTIONS: GAME };
const script = join(home, 'dice.py');
writeFileSync(
  script,
  `#!/usr/bin/env python3
"""Rolls dice: dice.py 2d6"""
import random
import sys


def roll(dice: str) -> list[int]:
    count, sides = dice.split("d")
    return [
        random.randint(1, int(sides))
        for _ in range(int(count or 1))
    ]


if __name__ == "__main__":
    rolled = roll(sys.argv[1])
    print(*rolled, "=", sum(rolled))
`,
);

/** The elements of the page that have the text of the terminal. */
const shown = (page: Page, text: string) => page.locator('.xterm-rows > div', { hasText: text }).first();

/** Takes a picture of the page while it shows a program. */
async function take(
  name: string,
  [file, ...args]: readonly [string, ...string[]],
  options: BrowserContextOptions,
  use: (page: Page) => Promise<void>,
): Promise<void> {
  const server = createServer({ shell: ptyShell(file, args, { env }) });
  const gateway = createWebGateway({ server, title: file });
  const http = createHttpServer((request, response) => void gateway.handleRequest(request, response));
  gateway.attach(http);
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', chromiumSandbox: false });
  try {
    const context = await browser.newContext(options);
    // Text as elements is found in the page, and a cursor that blinks would differ from picture to picture.
    const settings = JSON.stringify({ gpu: false, cursorBlink: false });
    await context.addInitScript(`localStorage.setItem('telpty.settings', '${settings}')`);
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${(http.address() as AddressInfo).port}/`);
    await use(page);
    await page.screenshot({ path: join(root, 'docs', `${name}.png`) });
  } finally {
    await browser.close();
    gateway.close();
    http.close();
    await server.shutdown({ timeout: 1_000 });
  }
}

try {
  const desktop = { viewport: { width: 1_000, height: 520 }, colorScheme: 'dark' } as const;
  await take('web-desktop', ['nethack'], desktop, async page => {
    await shown(page, 'Valkyrie').or(shown(page, 'Hello Ada')).first().waitFor();
    await page.keyboard.press('Control+Shift+Space');
    await page.getByRole('menuitem', { name: 'Settings' }).waitFor();
  });
  const phone = {
    viewport: { width: 390, height: 640 },
    hasTouch: true,
    isMobile: true,
    colorScheme: 'light',
  } as const;
  await take('web-phone', ['vim', '-u', 'NONE', '-N', '+syntax on', script], phone, async page => {
    await shown(page, 'sum(rolled)').waitFor();
    await page.getByRole('button', { name: 'Control', exact: true }).tap();
  });
} finally {
  rmSync(home, { recursive: true });
}
