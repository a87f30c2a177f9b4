/** The engine in a browser: the bundle of `telpty/protocol` that a page would use, in Chromium, with all vectors. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Metafile, type Plugin } from 'esbuild';
import { vectorFiles } from '../protocol/support/vector-files.ts';
import { openChromium } from '../support/system/chromium.ts';
import { type Outcome, outcomes } from './outcomes.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Report {
  readonly outcomes?: readonly Outcome[];
  readonly error?: string;
}

/** A bundle of the published files for browsers, imported by the name of the package, as users of npm do. */
async function bundleEngine(code: string): Promise<{ text: string; meta: Metafile }> {
  const result = await build({
    stdin: { contents: code, resolveDir: root },
    bundle: true,
    platform: 'browser',
    format: 'esm',
    minify: true,
    metafile: true,
    write: false,
    // Without this, esbuild applies the paths of tsconfig.json, and bundles src/ instead of the published files.
    tsconfigRaw: {},
  });
  return { text: result.outputFiles[0]!.text, meta: result.metafile };
}

/** The page's script, which imports the engine from the server and not from src/. */
async function bundlePage(): Promise<string> {
  const engineOfServer: Plugin = {
    name: 'engine-of-server',
    setup({ onResolve }) {
      onResolve({ filter: /\/src\/protocol\/index\.ts$/ }, () => ({ path: '/engine.js', external: true }));
    },
  };
  const entry = fileURLToPath(new URL('page.ts', import.meta.url));
  const options = { bundle: true, platform: 'browser', format: 'esm', write: false } as const;
  const result = await build({ ...options, entryPoints: [entry], plugins: [engineOfServer] });
  return result.outputFiles[0]!.text;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
}

test('the bundle of telpty/protocol does not use Node, and has only the files of the engine', async t => {
  const { text, meta } = await bundleEngine("export * from 'telpty/protocol'");
  for (const input of Object.keys(meta.inputs)) assert.match(input, /^(<stdin>|dist\/protocol\/.*|dist\/errors\.js)$/);
  const [output] = Object.values(meta.outputs);
  assert.deepEqual(output!.imports, []);
  assert.doesNotMatch(text, /\bimport\b|\brequire\b|node:|\bprocess\b|\bBuffer\b/);
  // docs/library.md states the size.
  const kilobytes = text.length / 1000;
  t.diagnostic(`${kilobytes.toFixed(1)} kB minified, ${(gzipSync(text).length / 1000).toFixed(1)} kB compressed`);
  assert(kilobytes < 75, `${kilobytes} kB`);
});

test('parts that a page does not use are not in its bundle', async () => {
  const small = await bundleEngine(`
    import { echo, suppressGoAhead, Telnet, terminalType, windowSize } from 'telpty/protocol';
    const options = [echo({ remote: true }), suppressGoAhead({ remote: true }), terminalType({ names: ['XTERM'] })];
    options.push(windowSize({ report: true }));
    globalThis.telnet = new Telnet({ send() {}, data() {}, event() {} }, { options });
  `);
  const { text } = await bundleEngine("export * from 'telpty/protocol'");
  assert(small.text.length < text.length / 2, `${small.text.length} of ${text.length} bytes`);
});

test('the engine has the same results in Chromium as in Node, for every vector', async t => {
  const engine = await bundleEngine("export * from 'telpty/protocol'");
  const files = vectorFiles();
  const served: Readonly<Record<string, readonly [type: string, text: string]>> = {
    '/': ['text/html', '<!doctype html><title>telpty/protocol</title><script type="module" src="/page.js"></script>'],
    '/engine.js': ['text/javascript', engine.text],
    '/page.js': ['text/javascript', await bundlePage()],
    '/vectors.json': ['application/json', JSON.stringify(files)],
  };
  const reports = new EventEmitter<{ report: [body: string, agent: string | undefined] }>();
  const server = createServer((request, response) => {
    if (request.url === '/report') {
      void bodyOf(request).then(body => reports.emit('report', body, request.headers['user-agent']));
      response.end();
      return;
    }
    const [type, text] = served[request.url ?? ''] ?? [];
    response.writeHead(type === undefined ? 404 : 200, { 'content-type': `${type ?? 'text/plain'}; charset=utf-8` });
    response.end(text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const reported = once(reports, 'report');
    await using chromium = openChromium(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const [body, agent] = await Promise.race([reported, chromium.failed]);
    assert.match(agent, /Chrome\//);
    const report = JSON.parse(body) as Report;
    assert.equal(report.error, undefined);
    t.diagnostic(`${report.outcomes?.length} vectors in ${agent}`);
    for (const { file, line, title, ways } of report.outcomes ?? []) {
      for (const [way, { actual, expected }] of Object.entries(ways)) {
        assert.deepEqual(actual, expected, `${file}:${line} ${title}, ${way}`);
      }
    }
    assert.deepEqual(report.outcomes, outcomes(files));
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
