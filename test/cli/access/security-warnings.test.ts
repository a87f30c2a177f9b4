import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import {
  refuseRootProgram,
  warnOfLocalRootProgram,
  warnOfMissingGuards,
  warnOfSharedPort,
} from '../../../src/cli/serve/security-warnings.ts';
import { parseServe, type ServeSettings } from '../../../src/cli/serve/settings.ts';
import type { User } from '../../../src/pty/users.ts';
import { CLI, startServer } from '../../support/servers/server.ts';

const ROOT = { uid: 0 };
const OTHER = { uid: 1000 };
const NOBODY = { user: { uid: 65_534 } as User };
const OWN = { user: undefined };

function settings(...args: string[]): ServeSettings {
  const parsed = parseServe([...args, 'cat']);
  assert.ok(parsed !== 'help');
  return parsed;
}

/** The warnings. */
function missing(host: string, args: string[], found: typeof NOBODY | typeof OWN, own: typeof ROOT): string[] {
  const lines: string[][] = [];
  const log = { warn: (fields: { missing: string[] }) => void lines.push(fields.missing) };
  warnOfMissingGuards(host, settings(...args), found, log as never, own);
  assert.ok(lines.length <= 1);
  return (lines[0] ?? []).map(words => /\((.*)\)/.exec(words)![1]!);
}

describe('a port that other machines can reach', () => {
  const robots = '--max-per-ip, --connect-rate, --robot-check, --allow';

  it('is logged with warnings: no TLS, no guard, root', () => {
    assert.deepEqual(missing('0.0.0.0', [], OWN, ROOT), ['--tls-cert', robots, '--user']);
    assert.deepEqual(missing('::', [], OWN, OTHER), ['--tls-cert', robots]);
    assert.deepEqual(missing('192.0.2.1', [], NOBODY, ROOT), ['--tls-cert', robots]);
    const guards = [['--max-per-ip', '3'], ['--connect-rate', '1'], ['--robot-check'], ['--allow', '10.0.0.0/8']];
    for (const guard of guards) assert.deepEqual(missing('::', guard, NOBODY, ROOT), ['--tls-cert']);
  });

  it('is not warned about as root if each session has its own user id', () => {
    const range = ['--user-range', '70000-70009'];
    assert.deepEqual(missing('0.0.0.0', range, OWN, ROOT), ['--tls-cert', robots]);
    refuseRootProgram('0.0.0.0', settings(...range), OWN, ROOT);
    refuseRootProgram('127.0.0.1', settings(...range, '--proxy-protocol', '::1'), OWN, ROOT);
  });

  it('gets no warning on loopback', () => {
    for (const host of ['127.0.0.1', '::1', 'localhost']) {
      assert.deepEqual(missing(host, [], OWN, ROOT), []);
      refuseRootProgram(host, settings(), OWN, ROOT);
    }
  });

  it('gets no program that runs as root, unless that is requested', () => {
    const error = {
      code: 'ERR_USAGE',
      message: /clients would get a program that runs as root: name its user/,
    };
    const root = { user: { uid: 0 } as User };
    assert.throws(() => refuseRootProgram('0.0.0.0', settings(), OWN, ROOT), error);
    assert.throws(() => refuseRootProgram('example.com', settings(), root, ROOT), error);
    assert.throws(() => refuseRootProgram('::', settings('--robot-check'), OWN, ROOT), error);
    refuseRootProgram('0.0.0.0', settings('--allow-root-program'), OWN, ROOT);
    refuseRootProgram('0.0.0.0', settings(), NOBODY, ROOT);
    refuseRootProgram('0.0.0.0', settings(), OWN, OTHER);
  });

  it('is one that a proxy forwards to, loopback or not', () => {
    const error = { code: 'ERR_USAGE', message: /^--proxy-protocol: .* runs as root: name its user/ };
    for (const host of ['127.0.0.1', '::1', 'localhost', '::ffff:127.0.0.1']) {
      for (const range of ['127.0.0.1', '127.0.0.0/8', '::1', '10.0.0.0/8']) {
        const proxies = ['--proxy-protocol', range];
        assert.throws(() => refuseRootProgram(host, settings(...proxies), OWN, ROOT), error);
        refuseRootProgram(host, settings(...proxies), OWN, OTHER);
        refuseRootProgram(host, settings(...proxies), NOBODY, ROOT);
        refuseRootProgram(host, settings(...proxies, '--allow-root-program'), OWN, ROOT);
        assert.deepEqual(missing(host, proxies, OWN, ROOT), ['--tls-cert', robots, '--user']);
      }
    }
  });

  it('that is shared is warned about if the programs could listen on it', () => {
    const warned = (args: string[], found: typeof NOBODY | typeof OWN, own: typeof ROOT) => {
      const lines: unknown[] = [];
      warnOfSharedPort(settings(...args), found, { warn: (line: unknown) => void lines.push(line) } as never, own);
      return lines.length;
    };
    assert.equal(warned(['--reuse-port'], OWN, ROOT), 1);
    assert.equal(warned(['--reuse-port'], OWN, OTHER), 1);
    assert.equal(warned(['--reuse-port'], { user: { uid: OTHER.uid } as User }, OTHER), 1);
    assert.equal(warned(['--reuse-port'], NOBODY, ROOT), 0);
    assert.equal(warned(['--reuse-port', '--user-range', '70000-70009'], OWN, ROOT), 0);
    assert.equal(warned([], OWN, ROOT), 0);
  });

  it('end to end: one line, exit 2, nothing listens; else one warning', { timeout: 600_000 }, async () => {
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) {
      const argv = [CLI, 'serve', '--port', '0', '--host', '0.0.0.0', '--log-level', 'silent', 'cat'];
      const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8', timeout: 300_000 });
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, /^telpty: --host: 0\.0\.0\.0 is not loopback, .*--allow-root-program\n$/);
      const behind = [CLI, 'serve', '--port', '0', '--proxy-protocol', '127.0.0.1', '--log-level', 'silent', 'cat'];
      const proxied = spawnSync(process.execPath, behind, { encoding: 'utf8', timeout: 300_000 });
      assert.deepEqual([proxied.status, proxied.stdout], [2, '']);
      assert.match(proxied.stderr, /^telpty: --proxy-protocol: .*--allow-root-program\n$/);
    }
    await using server = await startServer(['--host', '0.0.0.0', '--allow-root-program'], { program: ['/bin/cat'] });
    const [line] = await server.waitForLog(/other machines can connect to 0\.0\.0\.0: .*/);
    assert.equal(/--user/.test(line), isRoot);
    await using six = await startServer(['--host', '::', '--allow-root-program'], { program: ['/bin/cat'] });
    await six.waitForLog(/other machines can connect to \[::\]: no encryption:/);
    assert.doesNotMatch(six.stderr, /:::/);
    const proxies = ['--proxy-protocol', '127.0.0.1', '--allow-root-program', '--reuse-port'];
    await using proxied = await startServer(proxies, { program: ['/bin/cat'] });
    await proxied.waitForLog(/other machines can connect through the proxies 127\.0\.0\.1: no encryption:/);
    await proxied.waitForLog(/--reuse-port: the programs run as the server's own user/);
  });
});

describe('a program that runs as root on loopback', () => {
  const warnings = (args: string[], found: typeof NOBODY | typeof OWN, own: typeof ROOT, program = ['cat']) => {
    const lines: string[] = [];
    const parsed = parseServe([...args, ...program]);
    assert.ok(parsed !== 'help');
    const log = { warn: (_fields: unknown, line: string) => void lines.push(line) };
    warnOfLocalRootProgram(parsed.host, parsed, found, log as never, own);
    return lines;
  };
  const todo = 'name its user (--user), admit only root (--local-user same), or confirm it (--allow-root-program)';

  it('is logged with a warning: every local user gets it', () => {
    const everyone = [`every user of this machine gets a program that runs as root: ${todo}`];
    assert.deepEqual(warnings([], OWN, ROOT), everyone);
    assert.deepEqual(warnings(['--host', '::1'], { user: { uid: 0 } as User }, ROOT), everyone);
    assert.deepEqual(warnings(['--socket', '/run/x.sock'], OWN, ROOT), everyone);
    const browsers = ['--port', 'none', '--web', '8080'];
    assert.deepEqual(warnings(browsers, OWN, ROOT), everyone);
    assert.deepEqual(warnings([...browsers, '--socket', '/run/x.sock'], OWN, ROOT), everyone);
    const socket = [`every user who can connect to the UNIX socket gets a program that runs as root: ${todo}`];
    for (const open of [
      ['--socket', '/run/x.sock', '--socket-mode', '0660'],
      ['--socket', '/run/x.sock', '--socket-mode', '0602'],
      ['--socket', '@x'],
    ]) {
      assert.deepEqual(warnings(['--port', 'none', ...open], OWN, ROOT), socket);
    }
  });

  it('is not warned about if its user is different, if only root can connect, or if that is confirmed', () => {
    assert.deepEqual(warnings([], OWN, OTHER), []);
    assert.deepEqual(warnings([], NOBODY, ROOT), []);
    assert.deepEqual(warnings(['--user-range', '70000-70009'], OWN, ROOT), []);
    assert.deepEqual(warnings(['--local-user', 'same'], OWN, ROOT), []);
    assert.deepEqual(warnings(['--allow-root-program'], OWN, ROOT), []);
    assert.deepEqual(warnings(['--port', 'none', '--socket', '/run/x.sock'], OWN, ROOT), []);
  });

  it('is not warned about twice', () => {
    // The login shell has a warning of its own.
    assert.deepEqual(warnings(['--local-user', 'any'], OWN, ROOT, []), []);
    // Other machines are more than other users.
    assert.deepEqual(warnings(['--host', '0.0.0.0'], OWN, ROOT), []);
    assert.deepEqual(warnings(['--proxy-protocol', '127.0.0.1'], OWN, ROOT), []);
  });

  it('end to end: one line, which --allow-root-program omits', { timeout: 600_000 }, async () => {
    const line = /"level":40[^\n]*every user of this machine gets a program that runs as root/g;
    for (const [args, expected] of [
      [[], process.geteuid?.() === 0 ? 1 : 0],
      [['--workers', '2'], process.geteuid?.() === 0 ? 1 : 0],
      [['--allow-root-program'], 0],
    ] as const) {
      await using server = await startServer([...args, '--log-format', 'json'], { program: ['/bin/cat'] });
      await server.waitForLog(/connect with: telnet/);
      assert.equal([...server.stderr.matchAll(line)].length, expected, server.stderr);
    }
  });
});
