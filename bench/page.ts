/**
 * Measures the page of the gateway against that of ttyd, in Chromium: `npm run bench:page [-- ROUNDS]`.
 *
 * Both pages use xterm.js, with the same font size and scrollback. All times begin with the event of a key in the page.
 * A key is painted when the frame is complete in which the terminal has shown it. Output ends when the page has the
 * title that the program sets after it.
 */
import { type Browser, chromium, type Page } from 'playwright-core';
import { command, Failure } from './lib/failure.ts';
import { prepare } from './lib/prepare.ts';
import { installCleanup } from './lib/processes.ts';
import { kinds, startServer } from './lib/servers.ts';
import { markdownTable, median, medianInterval } from './lib/statistics.ts';

const MEGABYTES = 4;
const KEYS = 100;
const INTERRUPTS = 3;
/** What costs time in xterm.js, the same for both pages: the defaults of telpty. */
const LOOK = { fontSize: 15, scrollback: 10_000, cursorBlink: false } as const;
/** How many times as slow a phone is assumed to be. */
const SLOWDOWN = 4;
const SERVERS = ['telpty-web', 'ttyd'] as const;

type ServerName = (typeof SERVERS)[number];
type Renderer = 'elements' | 'WebGL';
type Measured = Record<string, number>;

/** Runs in the page before its own code: finds out when keys are pressed, shown and painted. */
const INSTRUMENT = `
  window.pressed = 0;
  addEventListener('keydown', event => {
    if (window.pressed === 0 && event.key.length === 1) window.pressed = event.timeStamp;
  }, true);
  window.timeOf = observe => new Promise(resolve => {
    window.pressed = 0;
    const end = () => { if (window.pressed > 0) resolve(performance.now() - window.pressed); };
    observe(end);
  });
  window.paintOf = () => timeOf(end => {
    const { port1, port2 } = new MessageChannel();
    const observer = new MutationObserver(() => {
      if (window.pressed === 0) return;
      observer.disconnect();
      port2.postMessage(0);
    });
    port1.onmessage = () => { port1.close(); end(); };
    observer.observe(document.querySelector('.xterm-rows'), { subtree: true, childList: true, characterData: true });
  });
  window.titleOf = title => timeOf(end => {
    const timer = setInterval(() => {
      if (window.pressed === 0 || !document.title.includes(title)) return;
      clearInterval(timer);
      end();
    });
  });
`;

/** Presses a key, and returns the time until something has happened, in ms. */
async function time(page: Page, key: string, until: string): Promise<number> {
  // The promise of the page must exist before the key.
  await page.evaluate(`window.result = ${until}, undefined`);
  await page.keyboard.press(key);
  return page.evaluate<number>('window.result');
}

async function open(browser: Browser, server: ServerName, port: number, renderer: Renderer): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 800, height: 480 } });
  await page.addInitScript(INSTRUMENT);
  const settings = JSON.stringify(JSON.stringify({ gpu: renderer === 'WebGL', ...LOOK }));
  await page.addInitScript(`localStorage.setItem('telpty.settings', ${settings})`);
  const options = Object.entries({ rendererType: renderer === 'WebGL' ? 'webgl' : 'dom', ...LOOK });
  const query = server === 'ttyd' ? `?${options.map(option => option.join('=')).join('&')}` : '';
  await page.goto(`http://127.0.0.1:${port}/${query}`);
  // The policy of the page does not allow waitForFunction(), which evaluates strings in it.
  while (!(await page.title()).includes('ready')) await page.waitForTimeout(20);
  await page.locator('.xterm textarea').focus();
  return page;
}

/** The p-th part of the values, from 0 to 1. */
const quantile = (values: readonly number[], p: number): number =>
  [...values].sort((one, other) => one - other)[Math.min(values.length - 1, Math.floor(values.length * p))]!;

async function measure(browser: Browser, server: ServerName): Promise<Measured> {
  const kind = kinds.find(({ name }) => name === server)!;
  const measured: Measured = {};
  for (const data of ['ascii', 'ansi'] as const) {
    const purpose = { program: `h-page-${data}${MEGABYTES}`, binary: false, path: 'plain' } as const;
    const running = await startServer(kind, purpose);
    try {
      for (const renderer of ['elements', 'WebGL'] as const) {
        const page = await open(browser, server, running.port, renderer);
        const ms = await time(page, 'F', 'titleOf("F done")');
        measured[`${data === 'ascii' ? 'text' : 'ANSI and UTF-8'} flood, ${renderer}, MB/s`] =
          (MEGABYTES * 2 ** 20) / 1e3 / ms;
        await page.close();
      }
      if (data === 'ansi') continue;
      const page = await open(browser, server, running.port, 'elements');
      const keys: number[] = [];
      while (keys.length < KEYS) keys.push(await time(page, 'abcdefgh'[keys.length % 8]!, 'paintOf()'));
      measured['key to paint, p50, ms'] = quantile(keys, 0.5);
      measured['key to paint, p99, ms'] = quantile(keys, 0.99);
      for (const rate of [1, SLOWDOWN]) {
        const session = await page.context().newCDPSession(page);
        await session.send('Emulation.setCPUThrottlingRate', { rate });
        const times: number[] = [];
        while (times.length < INTERRUPTS) {
          await page.keyboard.press('Y');
          await page.waitForTimeout(1_000);
          times.push(await time(page, 'Control+c', 'titleOf("Y done")'));
          // The next end must change the title.
          await page.evaluate('document.title = ""');
        }
        measured[`^C during "y" to the end of output, ${rate === 1 ? '' : `processor ${rate}× as slow, `}ms`] =
          median(times);
      }
      await page.close();
    } finally {
      await running.stop();
    }
  }
  return measured;
}

async function main(): Promise<void> {
  const rounds = Number(process.argv[2] ?? 6);
  if (!(Number.isInteger(rounds) && rounds > 0)) throw new Failure(`'${process.argv[2]}' is not a number of rounds`, 2);
  prepare(MEGABYTES);
  for (const name of SERVERS) {
    const missing = kinds.find(kind => kind.name === name)!.missing();
    if (missing !== undefined) throw new Failure(`${name}: ${missing}`, 1);
  }
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    chromiumSandbox: false,
    args: ['--enable-unsafe-swiftshader'],
  });
  try {
    const results: Record<ServerName, Measured[]> = { 'telpty-web': [], ttyd: [] };
    for (let round = 0; round < rounds; round++) {
      for (const server of SERVERS) {
        results[server].push(await measure(browser, server));
        process.stderr.write(`${round + 1}/${rounds} ${server}: ${JSON.stringify(results[server].at(-1))}\n`);
      }
    }
    const show = (value: number) => value.toPrecision(3);
    const lines = Object.keys(results.ttyd[0]!).map(row => {
      const [ours, theirs] = SERVERS.map(server => results[server].map(measured => measured[row]!));
      const ratios = ours!.map((value, round) => value / theirs![round]!);
      const interval = medianInterval(ratios) ?? [Math.min(...ratios), Math.max(...ratios)];
      return [
        ...[row, show(median(ours!)), show(median(theirs!))],
        `${show(median(ratios))}× (${interval.map(show).join('–')})`,
      ];
    });
    console.log(markdownTable([['work', ...SERVERS, 'ratio'], ...lines]));
  } finally {
    await browser.close();
  }
}

installCleanup();
await command('bench', main);
