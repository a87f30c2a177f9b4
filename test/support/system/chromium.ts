import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atExit } from '../cleanup.ts';
import { untilTrue } from '../leaks.ts';
import { requireTool } from './tools.ts';

const FLAGS = [
  // CI runs as root, where Chromium's own sandbox refuses to; the one page it loads is ours.
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
  // It connects only to the page's server.
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic'],
  ...['--disable-default-apps', '--disable-extensions', '--metrics-recording-only', '--no-proxy-server'],
];

/** A running Chromium; `await using` ends it and leaves nothing. */
export interface Chromium extends AsyncDisposable {
  /** Rejects if it ends by itself, with what it said. */
  readonly failed: Promise<never>;
}

/** Chromium without a window on a page, with a profile of its own that goes with it. */
export function openChromium(url: string): Chromium {
  const profile = mkdtempSync(join(tmpdir(), 'telpty-chromium-'));
  // A group of its own: Chromium is a dozen processes.
  const browser = spawn(requireTool('chromium'), [...FLAGS, `--user-data-dir=${profile}`, url], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    // Files outside its profile are written there, too.
    env: { ...process.env, HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile, TMPDIR: profile },
  });
  let said = '';
  browser.stderr.setEncoding('utf8').on('data', text => {
    said += text;
  });
  /** Signals all of its processes; false where there are none. */
  const signal = (name: NodeJS.Signals | 0): boolean => {
    try {
      return process.kill(-browser.pid!, name);
    } catch {
      return false;
    }
  };
  const clean = () => {
    signal('SIGKILL');
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  };
  const forget = atExit(clean);
  const gone = once(browser, 'close');
  const failed = gone.then(([code]) => Promise.reject(new Error(`chromium ended with ${code}:\n${said}`)));
  failed.catch(() => {});
  return {
    failed,
    async [Symbol.asyncDispose]() {
      signal('SIGKILL');
      await gone;
      await untilTrue(() => !signal(0));
      clean();
      forget();
    },
  };
}
