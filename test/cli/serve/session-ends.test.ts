/** The end of a session in the log and the metrics: the same names, at the right moment. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { END_REASONS, OUTCOMES } from '../../../src/cli/log/exit-fields.ts';
import { OPT, Wire, type WireOptions } from '../../support/clients/test-client.ts';
import { selfSigned } from '../../support/servers/certificates.ts';
import { scrape, untilCounted } from '../../support/servers/metrics.ts';
import { startServer, type TestServer } from '../../support/servers/server.ts';

const LIMIT = { timeout: 600_000 };
const XTERM: WireOptions = { ttype: ['xterm'], size: [80, 24], allowHalfOpen: true };
const directory = mkdtempSync(join(tmpdir(), 'telpty-ends-'));
after(() => rmSync(directory, { recursive: true, force: true }));

interface EndLine {
  readonly msg: string;
  readonly level: number;
  readonly outcome?: string;
  readonly reason?: string;
  readonly exit?: number;
}

/** The lines about ended sessions so far. */
function endsIn(server: TestServer): EndLine[] {
  const lines = server.stderr.split('\n').filter(line => line.startsWith('{'));
  return lines.map(line => JSON.parse(line) as EndLine).filter(({ msg }) => / ended: /.test(msg));
}

const start = (args: string[], script: string) =>
  startServer(['--metrics', '0', '--log-format', 'json', ...args], { program: ['/bin/sh', '-c', script] });

const CAT = 'echo ready; exec cat';
/** The program of a server for tests with different scripts: it runs the line that the client types. */
const TYPED = `stty -echo; echo 'script:'; read -r script; stty echo; eval "$script"`;

/** What ends a session, how, and the names of the end. */
const ends: readonly [
  name: string,
  how: { args?: string[]; script?: string; end: (wire: Wire) => unknown },
  outcome: string,
  reason: string,
][] = [
  ['the program exits', { end: wire => wire.type('\x04') }, 'exit_zero', 'program-exit'],
  [
    'the program fails',
    { script: 'echo ready; read x; exit 3', end: wire => wire.type('\r') },
    'exit_nonzero',
    'program-exit',
  ],
  [
    'the program kills itself',
    { script: 'echo ready; read x; kill -TERM $$', end: w => w.type('\r') },
    'signal',
    'program-signal',
  ],
  ['the client resets', { end: wire => wire.reset() }, 'hangup', 'client-reset'],
  ['the client closes', { end: wire => wire.close() }, 'hangup', 'client-closed'],
  ['the client closes its sending half', { end: wire => wire.halfClose() }, 'hangup', 'client-closed'],
  [
    'the client resets, and the program exits with 0',
    { script: 'trap "exit 0" HUP; echo ready; while :; do sleep 0.05; done', end: wire => wire.reset() },
    'hangup',
    'client-reset',
  ],
  ['the idle timeout', { args: ['--idle-timeout', '1s'], end: () => {} }, 'hangup', 'idle-timeout'],
  ['the session timeout', { args: ['--session-timeout', '1s'], end: () => {} }, 'hangup', 'session-timeout'],
  ['LOGOUT', { end: wire => wire.negotiate(253, OPT.LOGOUT) }, 'hangup', 'logout'],
];

describe('the end of a session', LIMIT, () => {
  let shared: TestServer;
  before(async () => {
    shared = await start([], TYPED);
  });
  after(() => shared.stop());

  /** The counts of ends that are not 0. */
  const counts = async (server: TestServer) =>
    [...(await scrape(server)).series].filter(
      ([series, value]) => /^telpty_(sessions|hangups)_total/.test(series) && value > 0,
    );

  for (const [name, { args, script = CAT, end }, outcome, reason] of ends) {
    it(`is called ${outcome} and ${reason} in log and metrics: ${name}`, async () => {
      await using own = args === undefined ? undefined : await start(args, TYPED);
      const server = own ?? shared;
      const before = new Map(await counts(server));
      const number = endsIn(server).length + 1;
      await using wire = await Wire.connect(server.port, XTERM);
      // A time limit may end the session before its program prints anything.
      if (own === undefined) {
        await wire.expect('script:');
        wire.type(`${script}\r`);
        await wire.expect('ready');
      }
      await end(wire);
      await server.waitForLog(new RegExp(`session ${number} ended`));
      const lines = endsIn(server);
      assert.equal(lines.length, number);
      const line = lines.at(-1);
      assert.deepEqual([line?.outcome, line?.reason], [outcome, reason]);
      await wire.close();
      const counted = [`telpty_sessions_total{outcome="${outcome}"}`];
      if (outcome === 'hangup') counted.push(`telpty_hangups_total{reason="${reason}"}`);
      const added = counted.map(series => [series, (before.get(series) ?? 0) + 1] as const);
      await untilCounted(server, Object.fromEntries(added));
      // And nothing else.
      assert.deepEqual(new Map(await counts(server)), new Map([...before, ...added]));
      await server.assertNoLeaks();
    });
  }

  it('by a shutdown is one, too', async () => {
    const server = await start([], CAT);
    const wire = await Wire.connect(server.port, XTERM);
    await wire.expect('ready');
    await server.stop();
    const [line] = endsIn(server);
    assert.deepEqual([line?.outcome, line?.reason], ['hangup', 'shutdown']);
  });

  for (const workers of ['1', '2']) {
    it(`is logged when the program ends, though the client holds its side open (workers: ${workers})`, async () => {
      await using server = await start(['--workers', workers], 'exit 7');
      await using wire = await Wire.connect(server.port, XTERM);
      await wire.untilEnd();
      await server.waitForLog(/session 1 ended: .*, exit 7/);
      // The server still waits for the client's FIN, for 5 s.
      assert.equal(wire.closed, false);
      assert.equal((await scrape(server)).series.get('telpty_sessions'), 1);
    });
  }

  it('is logged at once if the program cannot be started', async () => {
    const missing = join(directory, 'missing');
    writeFileSync(missing, '#!/no/such/interpreter\n', { mode: 0o755 });
    await using server = await startServer(['--log-format', 'json'], { program: [missing] });
    await using wire = await Wire.connect(server.port, XTERM);
    await wire.untilEnd();
    await server.waitForLog(/session 1 ended/);
    assert.equal(wire.closed, false);
    const [line] = endsIn(server);
    assert.deepEqual([line?.outcome, line?.reason], ['failed', 'start-failed']);
  });

  it('has names that docs/operations.md lists, all of them and no others', () => {
    const docs = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
    const section = docs.slice(docs.indexOf('### How a session ends'), docs.indexOf('## Signals'));
    const names = [...section.matchAll(/^\| `([a-z-]+)`/gm)].map(([, name]) => name!);
    assert.deepEqual(names.sort(), [...END_REASONS].sort());
    for (const outcome of OUTCOMES) assert.match(docs, new RegExp(`\`${outcome}\``));
  });
});

/** The ways in which a health check connects and closes without a byte. */
const probes: Record<string, (socket: Socket) => void> = {
  'connects and closes': socket => socket.destroy(),
  'closes when it was sent something': socket => socket.once('data', () => socket.destroy()),
  'closes its sending half, then all': socket => {
    socket.end();
    socket.once('data', () => socket.destroy());
  },
  'resets when it was sent something': socket => socket.once('data', () => socket.resetAndDestroy()),
};

function visit(port: number, probe: (socket: Socket) => void): Promise<void> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => probe(socket));
    socket.on('error', () => {}).once('close', () => resolve());
  });
}

describe('a health check', LIMIT, () => {
  let files = 0;
  /** A server whose program creates a file. */
  const startMarked = async (args: string[]) => {
    const mark = join(directory, `mark-${files++}`);
    const server = await start(args, `echo started >>${mark}; ${CAT}`);
    return { server, mark };
  };

  for (const args of [[], ['--workers', '2'], ['--robot-check']]) {
    it(`starts no program and is a probe, however it connects and closes ${args.join(' ')}`, async () => {
      const { server, mark } = await startMarked(args);
      await using _ = server;
      for (const [name, probe] of Object.entries(probes)) {
        for (let count = 0; count < 5; count++) await visit(server.port, probe);
        // (A connection that is reset before it is accepted becomes no session.)
        await untilCounted(server, { telpty_sessions: 0 });
        let unlike = 1;
        while (unlike !== 0) {
          const { series } = await scrape(server);
          unlike = series.get('telpty_connections_total')! - series.get('telpty_sessions_total{outcome="probe"}')!;
          await delay(50);
        }
        assert.ok(!existsSync(mark), name);
        assert.doesNotMatch(server.stderr, /started|ended|refused/, name);
      }
    });
  }

  it('is in the log at debug', async () => {
    await using server = await start(['--log-level', 'debug'], CAT);
    await visit(server.port, probes['closes when it was sent something']!);
    await server.waitForLog(/session 1 ended: .*probe/);
    const [line] = endsIn(server);
    assert.deepEqual([line?.level, line?.outcome, line?.reason], [20, 'probe', 'probe']);
  });

  it('of a TLS port and of a port behind a proxy is one, too', async () => {
    using certificate = selfSigned('DNS:localhost');
    const tls = ['--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile];
    for (const args of [tls, ['--proxy-protocol', '127.0.0.1/32', '--allow-root-program']]) {
      const { server, mark } = await startMarked(args);
      await using _ = server;
      await visit(server.port, socket => socket.destroy());
      await untilCounted(server, { 'telpty_refused_total{reason="probe"}': 1 });
      assert.ok(!existsSync(mark));
      assert.doesNotMatch(server.stderr, /refused/);
    }
  });

  it('of a proxy itself (PROXY LOCAL) is one, too', async () => {
    const { server, mark } = await startMarked(['--proxy-protocol', '127.0.0.1/32', '--allow-root-program']);
    await using _ = server;
    // Version 2, command LOCAL, no addresses.
    const local = Buffer.from('\r\n\r\n\0\r\nQUIT\n\x20\0\0\0', 'latin1');
    await visit(server.port, socket => {
      socket.write(local);
      socket.once('data', () => socket.destroy());
    });
    await untilCounted(server, { 'telpty_sessions_total{outcome="probe"}': 1 });
    assert.ok(!existsSync(mark));
  });

  it('is not a client that only reads: it is served', async () => {
    const { server, mark } = await startMarked(['--negotiation-timeout', '1h']);
    await using _ = server;
    await using wire = await Wire.connect(server.port, { silent: true, allowHalfOpen: true });
    wire.halfClose();
    await wire.expect('ready');
    await wire.untilEnd();
    assert.ok(existsSync(mark));
    assert.equal((await scrape(server)).series.get('telpty_sessions_total{outcome="probe"}'), 0);
  });
});
