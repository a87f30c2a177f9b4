import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { refuseRootProgram, warnOfExposure } from '../../src/cli/exposure.ts';
import { parseServe, type ServeSettings } from '../../src/cli/settings.ts';
import type { User } from '../../src/pty/users.ts';
import { CLI, startServer } from '../support/server.ts';

const ROOT = { uid: 0 };
const OTHER = { uid: 1000 };
const NOBODY = { user: { uid: 65_534 } as User };
const OWN = { user: undefined };

function settings(...args: string[]): ServeSettings {
  const parsed = parseServe([...args, 'cat']);
  assert.ok(parsed !== 'help');
  return parsed;
}

/** What is warned of. */
function missing(host: string, args: string[], found: typeof NOBODY | typeof OWN, own: typeof ROOT): string[] {
  const lines: string[][] = [];
  const log = { warn: (fields: { missing: string[] }) => void lines.push(fields.missing) };
  warnOfExposure(host, settings(...args), found, log as never, own);
  assert.ok(lines.length <= 1);
  return (lines[0] ?? []).map(words => /\((.*)\)/.exec(words)![1]!);
}

describe('a port that others can reach', () => {
  const robots = '--max-per-ip, --connect-rate, --robot-check, --allow';

  it('is warned of: no TLS, no guard, root', () => {
    assert.deepEqual(missing('0.0.0.0', [], OWN, ROOT), ['--tls-cert', robots, '--user']);
    assert.deepEqual(missing('::', [], OWN, OTHER), ['--tls-cert', robots]);
    assert.deepEqual(missing('192.0.2.1', [], NOBODY, ROOT), ['--tls-cert', robots]);
    const guards = [['--max-per-ip', '3'], ['--connect-rate', '1'], ['--robot-check'], ['--allow', '10.0.0.0/8']];
    for (const guard of guards) assert.deepEqual(missing('::', guard, NOBODY, ROOT), ['--tls-cert']);
  });

  it('is no matter on loopback', () => {
    for (const host of ['127.0.0.1', '::1', 'localhost']) {
      assert.deepEqual(missing(host, [], OWN, ROOT), []);
      refuseRootProgram(host, settings(), OWN, ROOT);
    }
  });

  it('gets no program that runs as root, unless that is asked for', () => {
    const error = {
      code: 'ERR_USAGE',
      message: /whoever connects would have a program that runs as root: name its user/,
    };
    const root = { user: { uid: 0 } as User };
    assert.throws(() => refuseRootProgram('0.0.0.0', settings(), OWN, ROOT), error);
    assert.throws(() => refuseRootProgram('example.com', settings(), root, ROOT), error);
    assert.throws(() => refuseRootProgram('::', settings('--robot-check'), OWN, ROOT), error);
    refuseRootProgram('0.0.0.0', settings('--allow-root-program'), OWN, ROOT);
    refuseRootProgram('0.0.0.0', settings(), NOBODY, ROOT);
    refuseRootProgram('0.0.0.0', settings(), OWN, OTHER);
  });

  it('in earnest: one line, exit 2, nothing is listening; else one warning', { timeout: 60_000 }, async () => {
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) {
      const argv = [CLI, 'serve', '--port', '0', '--host', '0.0.0.0', '--log-level', 'silent', 'cat'];
      const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8', timeout: 20_000 });
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, /^telpty: --host: 0\.0\.0\.0 is not loopback, .*--allow-root-program\n$/);
    }
    await using server = await startServer(['--host', '0.0.0.0', '--allow-root-program'], { program: ['/bin/cat'] });
    const [line] = await server.waitForLog(/others can connect to 0\.0\.0\.0: .*/);
    assert.equal(/--user/.test(line), isRoot);
  });
});
