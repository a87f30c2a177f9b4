/** The units, installed by the commands of packaging/README.md into a copy of this machine's file system. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { commandOf, document } from '../docs/markdown.ts';
import { OverlayRoot } from '../support/system/overlay-root.ts';
import { requireTool } from '../support/system/tools.ts';
import { TARBALL } from './support.ts';

/** The highest exposure that `systemd-analyze security` may report, in tenths: 0 is the best, 100 the worst. */
const MAX_EXPOSURE = '20';
const UNITS = ['telpty.service', 'telpty.socket', 'telpty-unix.socket'];

const text = document('packaging/README.md');
/** A fenced block in a list item, without its indentation. */
const block = (language: string, name: string) => {
  const plain = text.replace(/^ {3}(?=\S)/gm, '');
  return language === 'sh' ? commandOf(plain, name) : commandOf(plain.replaceAll('```ini ', '```sh '), name);
};

describe('the systemd units', { timeout: 600_000 }, () => {
  let root: OverlayRoot;
  before(async () => {
    requireTool('systemd-analyze');
    root = await OverlayRoot.make();
    cpSync(TARBALL, root.path('/root/telpty.tgz'));
  });
  after(() => root?.[Symbol.asyncDispose]());

  /** Writes a drop-in where `systemctl edit` would write it. */
  const edit = (unit: string, content: string) => {
    const file = root.path(`/etc/systemd/system/${unit}.d/override.conf`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  };
  const verify = () => root.run('systemd-analyze', 'verify', ...UNITS);

  it('are installed by the commands of README.md, and enabled', async () => {
    // The packages are already installed, and telpty is the packed one.
    const install = block('sh', 'install')
      .replace(/^apt-get install .*\n/m, '')
      .replace(/(?<=^npm install --global )telpty$/m, '--no-audit --no-fund --prefer-offline /root/telpty.tgz');
    assert.match(install, /telpty\.tgz/, install);
    await root.run('sh', '-euc', install);
    assert.match(await root.run('getent', 'passwd', 'telpty'), /:\/var\/lib\/telpty:\/usr\/sbin\/nologin\n$/);
    await root.run('telpty', 'check', '/etc/telpty/telpty.yaml');
    // systemd does not run here, so units cannot be started.
    await root.run('sh', '-euc', block('sh', 'start').replaceAll('--now ', ''));
    const wanted = ['multi-user.target.wants/telpty.service', 'sockets.target.wants/telpty.socket'];
    const links = root.changes().filter(name => name.includes('.wants/telpty'));
    assert.deepEqual(
      links,
      wanted.map(name => `/etc/systemd/system/${name}`),
    );
  });

  it('are understood by systemd, which finds the program in npm’s global prefix', async () => {
    assert.equal(await verify(), '');
  });

  it('expose little, as systemd rates it', async () => {
    await root.run('systemd-analyze', 'security', '--offline=true', `--threshold=${MAX_EXPOSURE}`, 'telpty.service');
  });

  for (const [name, unit] of [
    ['public', 'telpty.socket'],
    ['root', 'telpty.service'],
  ] as const) {
    it(`are understood with the drop-in '${name}' of README.md`, async () => {
      edit(unit, block('ini', name));
      assert.equal(await verify(), '');
      edit(unit, '');
    });
  }

  it('start telpty in another prefix with the drop-in of README.md', async () => {
    const prefix = '/opt/node';
    const service = readFileSync(root.path('/etc/systemd/system/telpty.service'), 'utf8');
    const [, options] = /^ExecStart=telpty (.*)$/m.exec(service)!;
    const dropIn = block('ini', 'prefix');
    assert.ok(
      dropIn.includes(`ExecStart=${prefix}/bin/telpty ${options}\n`),
      'the options must be those of the service',
    );
    edit('telpty.service', dropIn);
    await assert.rejects(verify(), /\/opt\/node\/bin\/telpty is not executable/);
    await root.run(
      'sh',
      '-euc',
      `mkdir -p ${prefix} && npm install --global --prefix ${prefix} --prefer-offline /root/telpty.tgz`,
    );
    assert.equal(await verify(), '');
    assert.ok(existsSync(root.path(`${prefix}/bin/telpty`)), 'no command');
    edit('telpty.service', '');
  });
});
