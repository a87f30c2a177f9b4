/** Asking a server for what it counts. */
import { type IncomingHttpHeaders, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { PATIENCE_MS } from '../patience.ts';
import type { TestServer } from './server.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Where a server answers, of its `listening http://…` line. */
export function metricsUrl(server: TestServer): string {
  const [, url] = /^listening (http:\/\/\S+)$/m.exec(server.stdout) ?? [];
  if (url === undefined) throw new Error(`no http in ${JSON.stringify(server.stdout)}`);
  return url;
}

/** One request, on a connection of its own. */
export function ask(
  server: TestServer,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    // (A path as it is, which a URL would make tidy.)
    const sent = request(metricsUrl(server), { agent: false, path, ...options }, response => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', chunk => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

/**
 * What a scrape gives: series with their labels, and the names and types of all metrics, also of those without a
 * series.
 */
export interface Scrape {
  readonly series: ReadonlyMap<string, number>;
  readonly types: ReadonlyMap<string, string>;
}

/** @throws where a line is none of Prometheus' text format. */
export function parseScrape(text: string): Scrape {
  const series = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, type] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? [];
    if (name !== undefined) types.set(name, type!);
    if (line === '' || line.startsWith('# ')) continue;
    const [, key, value] = /^([a-z_]+(?:\{(?:[a-z]+="[^"\\]*",?)+\})?) (\S+)$/.exec(line) ?? [];
    if (key === undefined || series.has(key)) throw new Error(`not a sample, or twice: ${line}`);
    series.set(key, Number(value));
  }
  return { series, types };
}

export async function scrape(server: TestServer): Promise<Scrape> {
  const { status, text } = await ask(server, '/metrics');
  if (status !== 200) throw new Error(`${status}: ${text}`);
  return parseScrape(text);
}

/** Scrapes until all these series have these values. */
export async function untilCounted(
  server: TestServer,
  expected: Readonly<Record<string, number>>,
  timeout = PATIENCE_MS,
): Promise<Scrape> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const found = await scrape(server);
    const wrong = Object.entries(expected).filter(([key, value]) => found.series.get(key) !== value);
    if (wrong.length === 0) return found;
    if (Date.now() > deadline) {
      const lines = wrong.map(([key, value]) => `${key} is ${found.series.get(key)}, not ${value}`);
      throw new Error(`after ${timeout} ms:\n  ${lines.join('\n  ')}`);
    }
    await delay(50);
  }
}
