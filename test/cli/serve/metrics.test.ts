import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { runCommands } from '../../support/clients/command-lines.ts';
import { Wire, type WireOptions } from '../../support/clients/test-client.ts';
import { isAlive, untilTrue } from '../../support/leaks.ts';
import { ask, metricsUrl, scrape, untilCounted } from '../../support/servers/metrics.ts';
import { startServer, type TestServer } from '../../support/servers/server.ts';

const LIMIT = { timeout: 600_000 };
const XTERM: WireOptions = { ttype: ['xterm'], size: [80, 24] };

describe('--metrics', LIMIT, () => {
  it('counts clients, their outcomes, and every byte', async () => {
    const program = ['/bin/sh', '-c', 'echo ready; read -r how; case $how in k) kill -KILL $$;; *) exit $how;; esac'];
    const args = ['--metrics', '0', '--max-sessions', '2', '--log-level', 'warn'];
    await using server = await startServer([...args, '--session-timeout', '1h'], { program });
    const wires: Wire[] = [];
    for (const how of ['0', '0', '7', 'k']) {
      const wire = await Wire.connect(server.port, XTERM);
      wires.push(wire);
      await wire.expect('ready');
      wire.type(`${how}\r`);
      await wire.untilEnd();
      await wire.close();
    }
    await untilCounted(server, { telpty_sessions: 0 });
    const held = await Promise.all([1, 2].map(() => Wire.connect(server.port, XTERM)));
    for (const wire of held) await wire.expect('ready');
    await untilCounted(server, { telpty_sessions: 2, telpty_programs: 2, telpty_terminals: 2 });
    const turnedAway = await Wire.connect(server.port, XTERM);
    await turnedAway.untilEnd();
    await turnedAway.close();
    // One client requests LOGOUT.
    held[0]!.negotiate(253, 18);
    await held[0]!.untilEnd();
    await held[0]!.close();
    held[1]!.type('1\r');
    await held[1]!.untilEnd();
    await held[1]!.close();
    wires.push(turnedAway, ...held);
    const sum = (of: (wire: Wire) => number) => wires.reduce((total, wire) => total + of(wire), 0);
    const { series } = await untilCounted(server, {
      telpty_sessions: 0,
      telpty_programs: 0,
      telpty_terminals: 0,
      telpty_connections_total: 7,
      'telpty_sessions_total{outcome="exit_zero"}': 2,
      'telpty_sessions_total{outcome="exit_nonzero"}': 2,
      'telpty_sessions_total{outcome="signal"}': 1,
      'telpty_sessions_total{outcome="hangup"}': 1,
      'telpty_sessions_total{outcome="refused"}': 1,
      'telpty_sessions_total{outcome="not_started"}': 0,
      'telpty_sessions_total{outcome="failed"}': 0,
      'telpty_hangups_total{reason="logout"}': 1,
      'telpty_refused_total{reason="too-many-sessions"}': 1,
      telpty_received_bytes_total: sum(wire => wire.sentBytes),
      telpty_sent_bytes_total: sum(wire => wire.raw.length),
      telpty_negotiation_seconds_count: 6,
      telpty_program_start_seconds_count: 6,
      'telpty_queued_bytes{to="client"}': 0,
      'telpty_queued_bytes{to="program"}': 0,
    });
    for (const stat of ['p50', 'p99', 'max'])
      assert.ok(series.get(`telpty_event_loop_delay_seconds{stat="${stat}"}`)! >= 0);
    const positive = ['process_resident_memory_bytes', 'process_heap_bytes', 'process_open_fds', 'process_max_fds'];
    for (const name of positive) assert.ok(series.get(`telpty_${name}`)! > 0, name);
    assert.ok(Math.abs(series.get('telpty_process_start_time_seconds')! - Date.now() / 1_000) < 3_600);
  });

  it('a client that disconnects during negotiation, and a program that cannot be started', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'telpty-metrics-'));
    const file = join(directory, 'program');
    copyFileSync('/bin/true', file);
    const args = ['--metrics', '0', '--negotiation-timeout', '1m'];
    await using server = await startServer(args, { program: [file] });
    server.onStopped(() => rmSync(directory, { recursive: true }));
    const silent = await Wire.connect(server.port, { silent: true });
    await untilCounted(server, { telpty_sessions: 1 });
    silent.socket.resetAndDestroy();
    await untilCounted(server, { 'telpty_sessions_total{outcome="probe"}': 1, telpty_sessions: 0 });
    rmSync(file);
    await using wire = await Wire.connect(server.port, XTERM);
    await wire.untilEnd();
    await wire.close();
    const failed = { 'telpty_sessions_total{outcome="failed"}': 1, telpty_program_start_seconds_count: 0 };
    await untilCounted(server, { ...failed, telpty_sessions: 0 });
  });

  for (const workers of ['1', '2'])
    it(`counts and logs connections that did not become sessions, by address and reason (workers: ${workers})`, async () => {
      const proxies = ['--proxy-protocol', '127.0.0.1/32', '--allow-root-program'];
      const args = ['--metrics', '0', ...proxies, '--log-format', 'json', '--workers', workers];
      await using server = await startServer(args, { program: ['/bin/cat'] });
      const port = server.port;
      const socket = await open(port, 'no header of PROXY\r\n');
      const remote = `127.0.0.1:${socket.localPort}`;
      await new Promise(resolve => socket.once('close', resolve));
      const [line] = await server.waitForLog(/\{.*"refused":.*\}/);
      const { msg, refused, session, remote: told } = JSON.parse(line);
      assert.equal(told, remote);
      assert.equal(session, undefined);
      assert.ok(msg.startsWith(`refused: ${remote}, ${refused}: `), msg);
      await untilCounted(server, { [`telpty_refused_total{reason="${refused}"}`]: 1, telpty_connections_total: 0 });
    });

  it('measures how long keys wait for their output, with and without the fast path', async () => {
    const loop = 'while c=$(dd bs=1 count=1 2>/dev/null) && [ "$c" ]; do sleep 0.05; echo "[$c]"; done';
    const program = ['/bin/sh', '-c', `stty raw -echo; echo ready; ${loop}`];
    for (const more of [[], ['--log-level', 'trace']]) {
      await using server = await startServer(['--metrics', '0', ...more], { program });
      await using wire = await Wire.connect(server.port, XTERM);
      await wire.expect('ready');
      for (const key of 'abcde') {
        wire.type(key);
        await wire.expect(`[${key}]`);
      }
      const { series } = await untilCounted(server, { telpty_key_delay_seconds_count: 5 });
      // The program sleeps for this time, and a sleep is never shorter.
      assert.equal(series.get('telpty_key_delay_seconds_bucket{le="0.05"}'), 0);
      assert.ok(series.get('telpty_key_delay_seconds_sum')! >= 0.25);
      assert.equal(series.get('telpty_key_delay_seconds_bucket{le="+Inf"}'), 5);
      // A paste does not count as a key, and unrequested output does not answer one.
      wire.type('x'.repeat(100));
      await wire.expect('[x]');
      await untilCounted(server, { telpty_key_delay_seconds_count: 5 });
      await wire.close();
      // The remaining output for the paste is discarded.
      await untilCounted(server, { telpty_sessions: 0 });
    }
  });

  it('counts queued bytes: for a client that does not read, for a program that does not', async () => {
    const program = ['/bin/sh', '-c', 'stty raw -echo; echo ready; read -r go; yes | head -c 4000000; sleep 1000'];
    await using server = await startServer(['--metrics', '0'], { program });
    await using wire = await Wire.connect(server.port, XTERM);
    await wire.expect('ready');
    wire.socket.pause();
    wire.type('\n');
    wire.type('z'.repeat(200_000));
    for (const to of ['client', 'program']) {
      for (;;) if ((await scrape(server)).series.get(`telpty_queued_bytes{to="${to}"}`)! > 0) break;
    }
    wire.socket.resetAndDestroy();
    await untilCounted(server, { 'telpty_queued_bytes{to="client"}': 0, 'telpty_queued_bytes{to="program"}': 0 });
  });

  it('/healthz and /readyz: the process lives, and is not ready while it stops', async () => {
    const program = ['/bin/sh', '-c', 'trap "" HUP; echo up; while :; do sleep 1 || exit; done'];
    const server = await startServer(['--metrics', '0', '--kill-timeout', '1m'], { program });
    const wire = await Wire.connect(server.port, XTERM);
    await wire.expect('up');
    const pid = Number((await server.waitForLog(/"pid":(\d+)/))[1]);
    for (const path of ['/healthz', '/readyz']) assert.equal((await ask(server, path)).status, 200, path);
    server.process.kill('SIGTERM');
    await server.waitForLog(/stopping: SIGTERM/);
    const { status, text } = await ask(server, '/readyz');
    assert.deepEqual({ status, text }, { status: 503, text: 'stopping\n' });
    assert.equal((await ask(server, '/healthz')).status, 200);
    assert.equal((await scrape(server)).series.get('telpty_sessions'), 1);
    process.kill(pid, 'SIGKILL');
    await wire.untilEnd();
    await wire.close();
    assert.deepEqual(await server.exited, { code: 0, signal: null });
    await server.stop();
  });
});

describe('--metrics without a descriptor left for more', LIMIT, () => {
  it('answers, and is not ready until one is free', async () => {
    await using server = await startServer(['--metrics', '0'], { program: ['/bin/cat'], descriptors: 100 });
    // More than there are descriptors for: the others wait.
    const wires = await Promise.all(Array.from({ length: 30 }, () => Wire.connect(server.port, XTERM)));
    let answer = await ask(server, '/readyz');
    while (answer.status === 200) answer = await ask(server, '/readyz');
    assert.deepEqual([answer.status, answer.text], [503, 'out of descriptors\n']);
    assert.equal((await ask(server, '/healthz')).status, 200);
    const { series } = await scrape(server);
    assert.equal(series.get('telpty_process_max_fds'), 100);
    await Promise.all(wires.map(wire => wire.close()));
    while ((await ask(server, '/readyz')).status !== 200);
    await untilCounted(server, { telpty_sessions: 0 });
  });
});

describe('the HTTP of --metrics', LIMIT, () => {
  const start = (...args: string[]) => startServer(['--metrics', ...args], { program: ['/bin/cat'] });
  /** For the tests that leave it as they found it. */
  let server: TestServer;
  before(async () => {
    server = await start('0');
  });
  afterEach(() => server.assertNoLeaks());
  after(() => server.stop());

  it('has three pages, for GET and HEAD', async () => {
    assert.match(metricsUrl(server), /^http:\/\/127\.0\.0\.1:\d+\/$/);
    const metrics = await ask(server, '/metrics?name=x');
    assert.equal(metrics.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    const head = await ask(server, '/metrics', { method: 'HEAD' });
    assert.deepEqual([head.status, head.text], [200, '']);
    for (const path of ['/', '/metrics/', '/../etc/passwd', '//metrics', '/healthz.html'])
      assert.equal((await ask(server, path)).status, 404, path);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) {
      const { status, headers } = await ask(server, '/metrics', { method });
      assert.deepEqual([status, headers.allow], [405, 'GET, HEAD'], method);
    }
    assert.doesNotMatch(server.stderr, /error/);
  });

  it('on loopback, answers only to names of loopback', async () => {
    await using server = await start('localhost:0');
    const good = ['localhost', 'LOCALHOST:9100', '127.0.0.1', '127.0.0.1:80', '127.9.9.9', '[::1]', '[::1]:9100'];
    for (const host of good) assert.equal((await ask(server, '/healthz', { headers: { host } })).status, 200, host);
    const bad = [
      'evil.example',
      'evil.example:9100',
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      '[::2]',
      'a b',
    ];
    for (const path of ['/healthz', '/readyz', '/metrics'])
      for (const host of bad) assert.equal((await ask(server, path, { headers: { host } })).status, 403, host);
  });

  it('listens on other addresses only if they are given', async () => {
    await using six = await start('[::1]:0');
    assert.match(metricsUrl(six), /^http:\/\/\[::1\]:\d+\/$/);
    assert.equal((await ask(six, '/healthz')).status, 200);
    // (The next test has a server on all addresses.)
  });

  it('on other addresses, does not answer to names that DNS rebinding could use', async () => {
    for (const where of ['0.0.0.0', '[::]']) {
      await using server = await start(`${where}:0`);
      assert.equal(metricsUrl(server).replace(/\d+\/$/, ''), `http://${where}:`);
      const addresses = ['192.0.2.7', '192.0.2.7:9100', '[2001:db8::1]:9100', '127.0.0.1', '[::1]'];
      const names = ['localhost', 'localhost.', 'LocalHost:9100', hostname(), `${hostname().toUpperCase()}:9100`];
      for (const host of [...addresses, ...names]) {
        assert.equal((await ask(server, '/metrics', { headers: { host } })).status, 200, host);
      }
      const bad = ['evil.example', 'evil.example:9100', '192.0.2.7.evil.example', `${hostname()}.evil.example`];
      for (const path of ['/healthz', '/readyz', '/metrics', '/'])
        for (const host of bad) {
          const { status, text } = await ask(server, path, { headers: { host } });
          assert.equal(status, 403, host);
          assert.match(text, /^the Host header is not a name of this server; .*--metrics/);
        }
    }
  });

  it('cannot be exhausted: many connections, endless requests and garbage do not affect sessions', async () => {
    const port = Number(new URL(metricsUrl(server)).port);
    const sockets = await Promise.all(
      Array.from({ length: 60 }, (_, at) => {
        const text = [
          '',
          'GET /metrics HT',
          `GET /metrics HTTP/1.1\r\nX: ${'y'.repeat(9_000)}`,
          '\xff\xfd\x18\r\n\r\n',
        ][at % 4]!;
        return open(port, text);
      }),
    );
    await using wire = await Wire.connect(server.port, XTERM);
    wire.type('still here\r');
    await wire.expect('still here');
    // Each is closed by the server: at once, or after the time limit.
    await Promise.all(sockets.map(socket => socket.closed || new Promise(resolve => socket.once('close', resolve))));
    assert.equal((await ask(server, '/metrics')).status, 200);
    await wire.close();
    assert.doesNotMatch(server.stderr, /at .*:\d+:\d+/);
  });

  it('a second request on the same connection is not answered', async () => {
    const one = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const socket = await open(Number(new URL(metricsUrl(server)).port), one.repeat(100));
    let text = '';
    socket.on('data', chunk => {
      text += chunk.toString('latin1');
    });
    await new Promise(resolve => socket.once('close', resolve));
    assert.equal(text.match(/^HTTP\/1\.1 200/gm)?.length, 1);
  });

  it('reports in one line why it cannot listen', () => {
    const port = new URL(metricsUrl(server)).port;
    const cases: [value: string, status: number, line: RegExp][] = [
      [port, 1, /^telpty: --metrics: 127\.0\.0\.1:\d+ is already in use \(choose another port\)\n$/],
      ['192.0.2.1:9100', 1, /^telpty: --metrics: 192\.0\.2\.1:9100 is not an address of this machine\n$/],
      ['nowhere', 2, /^telpty: --metrics: 'nowhere' is not \[ADDR:\]PORT [^\n]*\n$/],
      ['::1:9100', 2, /^telpty: --metrics: '::1:9100' is not \[ADDR:\]PORT [^\n]*\n$/],
      ['70000', 2, /^telpty: --metrics: 70000 is not a port \(0 to 65535\)\n$/],
    ];
    const always = ['serve', '--port', '0', '--log-level', 'error'];
    const results = runCommands(cases.map(([value]) => [...always, '--metrics', value, '--', '/bin/cat']));
    for (const [index, [value, status, line]] of cases.entries()) {
      const { stderr, stdout, ...result } = results[index]!;
      assert.equal(result.status, status, value);
      assert.match(stderr, line);
      assert.equal(stdout, '');
    }
  });

  it('with --reuse-port, starts when the previous server has ended', async () => {
    const old = await start('0', '--reuse-port');
    const port = new URL(metricsUrl(old)).port;
    await using next = await start(port, '--reuse-port');
    assert.equal(next.stdout, `listening ${next.url}\n`);
    await next.waitForLog(/metrics: 127\.0\.0\.1:\d+ is in use; metrics start when/);
    const begun = async () => (await scrape(old)).series.get('telpty_process_start_time_seconds');
    const before = await begun();
    await old.stop();
    await untilTrue(() => next.stdout.includes('listening http:'));
    assert.equal(metricsUrl(next), metricsUrl(old));
    assert.notEqual(await begun(), before);
    // It has one descriptor more than at its beginning: a listener.
    await next.stop();
  });
});

describe('--metrics with --workers', LIMIT, () => {
  const program = ['/bin/sh', '-c', 'echo "up $PPID"; while read -r how; do [ "$how" = end ] && exit 0; done'];
  const start = (...args: string[]) =>
    startServer(['--metrics', '0', '--workers', '2', '--kill-timeout', '50ms', ...args], { program });
  const workerOf = async (wire: Wire) => Number((await wire.expect(/up \d+\r\n/)).match(/\d+/)![0]);

  it('are added up, and the counts of a worker stay after its death', async () => {
    await using server = await start();
    await untilCounted(server, { telpty_workers: 2, telpty_sessions: 0, telpty_worker_ends_total: 0 });
    for (let visits = 0; visits < 4; visits++) {
      const wire = await Wire.connect(server.port, XTERM);
      await wire.expect('up ');
      wire.type('end\r');
      await wire.untilEnd();
      await wire.close();
    }
    const ended = { 'telpty_sessions_total{outcome="exit_zero"}': 4 };
    await untilCounted(server, { ...ended, telpty_sessions: 0 });
    const wires = await Promise.all([1, 2, 3, 4].map(() => Wire.connect(server.port, XTERM)));
    const workers = await Promise.all(wires.map(workerOf));
    const counted = { telpty_connections_total: 8, telpty_program_start_seconds_count: 8 };
    const each = { 'telpty_worker_sessions{worker="1"}': 2, 'telpty_worker_sessions{worker="2"}': 2 };
    const before = await untilCounted(server, { ...ended, ...counted, ...each, telpty_sessions: 4 });
    process.kill(workers[0]!, 'SIGKILL');
    const after = await untilCounted(server, {
      ...ended,
      ...counted,
      'telpty_sessions_total{outcome="lost"}': 2,
      telpty_sessions: 2,
      telpty_programs: 2,
      telpty_workers: 2,
      telpty_worker_ends_total: 1,
    });
    for (const [name, type] of before.types) {
      if (type === 'gauge') continue;
      const of = [...before.series].filter(([key]) => key.startsWith(name));
      for (const [key, value] of of) assert.ok(after.series.get(key)! >= value, `${key} went back`);
    }
    // Later ones are added.
    await using last = await Wire.connect(server.port, XTERM);
    await last.expect('up ');
    await untilCounted(server, { telpty_connections_total: 9, telpty_program_start_seconds_count: 9 });
    await Promise.all([last, ...wires].map(wire => wire.close()));
    await untilCounted(server, { telpty_sessions: 0 });
    // (The replaced worker is a child that the server did not have at the beginning.)
    await server.stop();
  });

  it('a worker that hangs does not delay the scrape, and keeps its last counts', async () => {
    await using server = await start();
    const wires = await Promise.all([1, 2].map(() => Wire.connect(server.port, XTERM)));
    const workers = await Promise.all(wires.map(workerOf));
    await untilCounted(server, { telpty_sessions: 2 });
    process.kill(workers[0]!, 'SIGSTOP');
    try {
      for (let scrapes = 0; scrapes < 3; scrapes++) {
        const { series } = await scrape(server);
        assert.equal(series.get('telpty_sessions'), 2);
        assert.equal(series.get('telpty_connections_total'), 2);
      }
      assert.equal((await ask(server, '/readyz')).status, 200);
    } finally {
      process.kill(workers[0]!, 'SIGCONT');
    }
    await Promise.all(wires.map(wire => wire.close()));
    await untilCounted(server, { telpty_sessions: 0 });
  });

  it('is not ready while no worker serves', async () => {
    await using server = await start();
    const wires = await Promise.all([1, 2].map(() => Wire.connect(server.port, XTERM)));
    const workers = await Promise.all(wires.map(workerOf));
    for (const pid of workers) process.kill(pid, 'SIGKILL');
    for (;;) {
      const { status, text } = await ask(server, '/readyz');
      if (status === 503) {
        assert.equal(text, 'no worker serves\n');
        break;
      }
      // It may have been replaced before the request.
      for (const [, pid] of server.stderr.matchAll(/is back, pid (\d+)/g))
        if (isAlive(Number(pid))) process.kill(Number(pid), 'SIGKILL');
    }
    assert.equal((await ask(server, '/healthz')).status, 200);
    while ((await ask(server, '/readyz')).status !== 200);
    await Promise.all(wires.map(wire => wire.close()));
    await server.stop();
  });
});

/** A connection on which `text` has been sent; the caller checks what happens to it. */
function open(port: number, text: string): Promise<Socket> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(text, 'latin1');
      resolve(socket);
    });
    socket.on('error', () => resolve(socket));
    socket.resume();
  });
}
