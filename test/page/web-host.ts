/** A gateway with telpty's page in the test's own process, and a Chromium that opens it. */

import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { createServer, type PtyShellOptions, ptyShell, type Server, type Session } from '../../src/index.ts';
import { preparePty } from '../../src/pty/index.ts';
import { createWebGateway, type WebGateway, type WebGatewayOptions } from '../../src/web/index.ts';
import { assertNoLeaks, holdings } from '../support/leaks.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { requireTool } from '../support/system/tools.ts';

/** What a session runs. */
export interface Program {
  readonly command: readonly [string, ...string[]];
  readonly options?: PtyShellOptions;
}

/** The prompt of {@link bash}: programs do not print it. */
export const PROMPT = 'ready$ ';

/** A shell without the settings of a user. */
export function bash(options: PtyShellOptions = {}): Program {
  const env = { PS1: PROMPT, HISTFILE: '', INPUTRC: '/dev/null', PATH: '/usr/local/bin:/usr/bin:/bin' };
  return {
    command: [requireTool('bash'), '--norc', '--noprofile', '-i'],
    options: { ...options, env: { ...env, ...options.env } },
  };
}

/** A program in the shell's language. */
export function script(text: string, options: PtyShellOptions = {}): Program {
  return { command: [requireTool('bash'), '--norc', '-c', text], options };
}

/** A server with a gateway. */
export class WebHost implements AsyncDisposable {
  /** What the next sessions run. */
  program: Program = bash();
  readonly sessions: Session[] = [];
  readonly #options: Partial<WebGatewayOptions>;
  #server!: Server;
  #gateway!: WebGateway;
  #http!: HttpServer;
  #port = 0;

  private constructor(options: Partial<WebGatewayOptions>) {
    this.#options = options;
  }

  static async start(options: Partial<WebGatewayOptions> = {}): Promise<WebHost> {
    const host = new WebHost(options);
    await host.restart();
    return host;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** The last session that began. */
  get session(): Session {
    return this.sessions.at(-1)!;
  }

  /** Starts the server, on the same port as before. */
  async restart(): Promise<void> {
    this.#server = createServer(session => {
      this.sessions.push(session);
      const [file, ...args] = this.program.command;
      return ptyShell(file, args, this.program.options)(session);
    });
    this.#gateway = createWebGateway({ title: 'a program', ...this.#options, server: this.#server });
    this.#http = createHttpServer((request, response) => {
      if (!this.#gateway.handleRequest(request, response)) response.writeHead(404).end();
    });
    this.#gateway.attach(this.#http);
    this.#http.listen(this.#port, '127.0.0.1');
    await once(this.#http, 'listening');
    this.#port = (this.#http.address() as AddressInfo).port;
  }

  /** Loses the connections, as a network does, and accepts no others. */
  async vanish(): Promise<void> {
    this.#gateway.close();
    for (const session of this.sessions) session.destroy();
    this.#http.closeAllConnections();
    this.#http.close();
    await this.#server.shutdown({ timeout: 5_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vanish();
  }
}

/** Waits until `holds` returns true. */
export async function eventually(holds: () => Promise<boolean>, timeout = PATIENCE_MS): Promise<void> {
  const end = performance.now() + timeout;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not true within ${timeout} ms: ${holds}`);
    await delay(50);
  }
}

/** Starts Debian's Chromium. CI runs as root, where its own sandbox refuses to; the pages are ours. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: requireTool('chromium'),
    chromiumSandbox: false,
    timeout: PATIENCE_MS,
    // WebGL without a graphics card.
    args: ['--enable-unsafe-swiftshader'],
  });
}

/** How a page is opened. */
export interface VisitOptions extends BrowserContextOptions {
  /**
   * Settings of the page, as it stores them. Without `gpu` the terminal consists of elements, whose text is readable.
   */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** A violation of the Content-Security-Policy, an error of the page, or a request for another server. */
export type Trouble = string;

const DATA_MARK = Buffer.of(255, 242);

const bare = (text: string) => text.replaceAll(/\s/g, '');

/** A browser of one user with the page. */
export class Visit implements AsyncDisposable {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly troubles: Trouble[] = [];
  /** The sizes of the messages received from the server. */
  received = 0;
  /** The number of messages with a Data Mark (RFC 854). */
  dataMarks = 0;

  readonly #host: WebHost;

  private constructor(host: WebHost, context: BrowserContext, page: Page) {
    this.#host = host;
    this.context = context;
    this.page = page;
  }

  static async start(browser: Browser, host: WebHost, options: VisitOptions = {}): Promise<Visit> {
    const { settings, ...more } = options;
    const context = await browser.newContext({ viewport: { width: 800, height: 480 }, ...more });
    context.setDefaultTimeout(PATIENCE_MS);
    await context.addInitScript(`
      localStorage.getItem('telpty.settings') ??
        localStorage.setItem('telpty.settings', ${JSON.stringify(JSON.stringify({ gpu: false, cursorBlink: false, ...settings }))});
      addEventListener('securitypolicyviolation', event =>
        console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample));
    `);
    const visit = new Visit(host, context, await context.newPage());
    visit.#observe();
    await visit.page.goto(host.url);
    return visit;
  }

  #observe(): void {
    const { page, troubles } = this;
    const { host } = new URL(this.#host.url);
    page.on('pageerror', error => troubles.push(String(error.stack ?? error)));
    page.on('console', message => {
      if (message.type() === 'error') troubles.push(message.text());
    });
    page.on('request', request => {
      if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).host !== host)
        troubles.push(`request for ${request.url()}`);
    });
    page.on('websocket', socket =>
      socket.on('framereceived', ({ payload }) => {
        this.received += payload.length;
        if (Buffer.from(payload).includes(DATA_MARK)) this.dataMarks++;
      }),
    );
  }

  /** The text of the screen. */
  screen(): Promise<string> {
    return this.page.evaluate(`[...document.querySelectorAll('.xterm-rows > div')]
      .map(row => row.textContent.replaceAll('\\u00a0', ' ').trimEnd()).join('\\n')`);
  }

  /** Waits until the screen has this text. */
  async expect(text: string | RegExp, timeout?: number): Promise<void> {
    let screen = '';
    try {
      await eventually(async () => {
        screen = await this.screen();
        return typeof text === 'string' ? screen.includes(text) : text.test(screen);
      }, timeout);
    } catch (error) {
      throw new Error(`no ${text} on the screen:\n${screen}`, { cause: error });
    }
  }

  /** Waits until an expression of the page is true. */
  until(expression: string): Promise<void> {
    return eventually(async () => (await this.page.evaluate(expression)) === true);
  }

  /**
   * Stops timers without a time, in which xterm.js processes output and what input methods have composed. Everything
   * else in the page goes on, as in a page that is slow.
   *
   * @returns a function that lets it go on.
   */
  async holdTimers(): Promise<() => Promise<void>> {
    await this.page.evaluate(`{
      const start = window.setTimeout;
      const held = [];
      window.setTimeout = (run, ms, ...rest) => ms ? start(run, ms, ...rest) : held.push(run);
      window.releaseTimers = () => {
        window.setTimeout = start;
        for (const run of held) start(run);
      };
    }`);
    return () => this.page.evaluate('releaseTimers()');
  }

  /** Moves the mouse to the middle of a cell of the terminal, counted from 1. */
  async moveTo(column: number, row: number): Promise<void> {
    const [x, y] = await this.page.evaluate<[number, number]>(`(() => {
      const { left, top, height } = document.querySelector('.xterm-rows > div:nth-child(${row})').getBoundingClientRect();
      const width = parseFloat(getComputedStyle(document.querySelector('.xterm-rows')).width) / ${this.#host.session.terminal.columns};
      return [left + (${column} - 0.5) * width, top + height / 2];
    })()`);
    await this.page.mouse.move(x, y, { steps: 3 });
  }

  type(text: string): Promise<void> {
    return this.page.keyboard.type(text);
  }

  press(keys: string): Promise<void> {
    return this.page.keyboard.press(keys);
  }

  /** Runs a command in {@link bash}, and waits for the next prompt. */
  async run(command: string): Promise<void> {
    const line = `clear; ${command}`;
    await this.type(line);
    // Before that, the last prompt could be mistaken for the next one. (A long line wraps.)
    await eventually(async () => bare(await this.screen()).endsWith(bare(line)));
    await this.type('\n');
    await this.expect(/^(?![\s\S]*clear;)[\s\S]*ready\$\s*$/);
  }

  /** Pastes a text, as the browser does at its key or in its menu. */
  async paste(text: string): Promise<void> {
    await this.page.evaluate(
      `{
        const clipboardData = new DataTransfer();
        clipboardData.setData('text/plain', ${JSON.stringify(text)});
        const init = { clipboardData, bubbles: true, cancelable: true };
        document.querySelector('.xterm textarea').dispatchEvent(new ClipboardEvent('paste', init));
      }`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.close();
  }
}

/** The browser and the server of a test file. */
export interface Visitors {
  readonly browser: Browser;
  readonly host: WebHost;
  /** Opens the page in a browser of its own; its program is `program`. */
  visit(program: Program, options?: VisitOptions): Promise<Visit>;
  /** Opens the page with a shell, and waits until it is ready. */
  visitShell(options?: VisitOptions): Promise<Visit>;
}

/** Starts a browser and a server before the tests of a file, and ends them after it; then nothing may be left. */
export function useBrowser(): Visitors {
  let browser: Browser | undefined;
  let host: WebHost | undefined;
  preparePty();
  const holdingsBefore = holdings(process.pid);
  before(async () => {
    browser = await launchChromium();
    host = await WebHost.start();
  });
  after(async () => {
    await browser?.close();
    await host?.[Symbol.asyncDispose]();
    await assertNoLeaks(process.pid, holdingsBefore);
  });
  const visit = (program: Program, options?: VisitOptions) => {
    host!.program = program;
    return Visit.start(browser!, host!, options);
  };
  return {
    get browser() {
      return browser!;
    },
    get host() {
      return host!;
    },
    visit,
    async visitShell(options) {
      const user = await visit(bash(), options);
      await user.expect(/ready\$\s*$/);
      return user;
    },
  };
}
