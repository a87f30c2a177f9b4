/** The Debian package: built from the packed npm package, then installed, used, removed and purged. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { nodeBin } from '../../scripts/lib/tools.mjs';
import { atExit } from '../support/cleanup.ts';
import { Wire } from '../support/clients/test-client.ts';
import { childrenOf } from '../support/leaks.ts';
import { OpenSocket } from '../support/servers/service-manager.ts';
import { OverlayRoot } from '../support/system/overlay-root.ts';
import { requireTool } from '../support/system/tools.ts';
import { Project, ROOT, TARBALL } from './support.ts';

const BUILD = join(ROOT, 'packaging/debian/build.mjs');
/** For lintian: a package that is not uploaded to Debian closes no bug there, and its maintainer has no address. */
const NOT_FOR_UPLOAD = 'bogus-mail-host,bogus-mail-host-in-debian-changelog,initial-upload-closes-no-bugs';
/**
 * Databases, logs and locks of dpkg, of man-db, of systemd's tools and of the user database, and files of the program
 * itself.
 */
const BOOKKEEPING = /^\/(?:var\/(?:lib\/dpkg|log|cache\/man|games)\/|etc\/\.pwd\.lock$|run\/systemd\/)/;
/** The user remains, as for other packages of Debian. */
const USER = ['group', 'group-', 'gshadow', 'gshadow-', 'passwd', 'passwd-', 'shadow', 'shadow-'].map(
  name => `/etc/${name}`,
);
const UNITS = ['telpty.service', 'telpty.socket', 'telpty-unix.socket'];

describe('the Debian package', { timeout: 600_000 }, () => {
  let root: OverlayRoot;
  const project = new Project({});
  after(() => project[Symbol.dispose]());
  after(() => root?.[Symbol.asyncDispose]());

  /** Registers a version of the package `nodejs` as installed: Debian 12 has 18, other systems use another source. */
  const setNodeVersion = (version: string) => {
    const database = root.path('/var/lib/dpkg/status');
    const others = readFileSync(database, 'utf8').replace(/^Package: nodejs\n(?:.+\n)+\n/m, '');
    const fields = `Version: ${version}\nArchitecture: all\nMaintainer: telpty\nDescription: Node.js`;
    writeFileSync(database, `${others}\nPackage: nodejs\nStatus: install ok installed\n${fields}\n`);
  };

  let file: string;
  before(async () => {
    root = await OverlayRoot.make();
    file = (await project.run([process.execPath, BUILD, TARBALL])).trim();
    cpSync(file, root.path('/root/telpty.deb'));
  });

  it('has only the addon of its architecture, and passes lintian', async () => {
    const listed = await project.run(['dpkg-deb', '--contents', file]);
    assert.deepEqual(listed.match(/(?<=prebuilds\/)[^/]+(?=\/telpty\.node$)/gm), [
      `${process.platform}-${process.arch}`,
    ]);
    const options = ['--fail-on', 'error,warning', '--suppress-tags', NOT_FOR_UPLOAD, '--tag-display-limit', '0'];
    await project.run([requireTool('lintian'), '--allow-root', ...options, file]);
  });

  it('is not configured with a Node.js older than 20.19', async () => {
    setNodeVersion('18.20.4');
    await assert.rejects(root.run('dpkg', '--install', '/root/telpty.deb'), /nodejs \(>= 20\.19\)/);
    await root.run('dpkg', '--purge', 'telpty');
  });

  let unchanged: string[];
  it('is installed, with its user, manual pages, completions and units', async () => {
    setNodeVersion('24.0.0');
    cpSync(join(await nodeBin('24'), 'node'), root.path('/usr/bin/node'));
    unchanged = root.changes();
    await root.run('dpkg', '--install', '/root/telpty.deb');
    assert.equal(await root.run('dpkg', '--verify', 'telpty'), '');
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    assert.equal(await root.run('telpty', '--version'), `${version}\n`);
    assert.match(await root.run('getent', 'passwd', 'telpty'), /:\/var\/lib\/telpty:\/usr\/sbin\/nologin\n$/);
    for (const page of ['telpty', 'telpty-serve', 'telpty-connect', 'telpty-play', 'telpty-render', 'telpty.yaml']) {
      assert.match(await root.run('man', '--where', page), new RegExp(`/${page}\\.\\d\\.gz\n$`));
    }
    const share = '/usr/share';
    await root.run('bash', '-n', `${share}/bash-completion/completions/telpty`);
    await root.run(requireTool('zsh'), '-n', `${share}/zsh/vendor-completions/_telpty`);
    await root.run(requireTool('fish'), '--no-execute', `${share}/fish/vendor_completions.d/telpty.fish`);
    assert.equal(await root.run('systemd-analyze', 'verify', ...UNITS), '');
    const enabled = root.changes().filter(name => /\.wants\/telpty/.test(name));
    assert.deepEqual(enabled, [], 'no unit may be enabled before a program is configured');
  });

  it('serves its program as the unit starts it, on the socket of a service manager', async () => {
    const unit = readFileSync(root.path('/usr/lib/systemd/system/telpty.service'), 'utf8');
    const [, line = ''] = /^ExecStart=(.*)$/m.exec(unit) ?? [];
    // No control group is delegated here.
    const words = line.replace(/ --cgroup.*/, '').split(' ');
    assert.deepEqual(words, ['telpty', 'serve', '--config', '/etc/telpty/telpty.yaml']);
    using free = await OpenSocket.open();
    const { port } = free;
    free[Symbol.dispose]();
    const user = [
      'setpriv',
      '--reuid=telpty',
      '--regid=telpty',
      '--groups=games',
      '--no-new-privs',
      '--bounding-set=-all',
    ];
    const activate = ['/usr/bin/systemd-socket-activate', '--listen', `127.0.0.1:${port}`, ...user];
    const [command, ...args] = root.command([...activate, ...words, '--metrics', '0']);
    const server: ChildProcess = spawn(command!, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const forget = atExit(() => server.kill('SIGKILL'));
    let log = '';
    await new Promise<void>((resolve, reject) => {
      server.stderr!.setEncoding('utf8').on('data', (text: string) => {
        log += text;
        if (log.includes('Listening on')) resolve();
      });
      server.once('exit', () => reject(new Error(`it ended: ${log}`)));
    });
    const wire = await Wire.connect(port, { ttype: ['xterm'], size: [80, 24] });
    await wire.expect(/Shall I pick|Who are you/);
    const exited = once(server, 'exit');
    // nsenter does not forward signals. The server waits for its sessions (drain-timeout).
    process.kill(childrenOf(server.pid!)[0]!.pid, 'SIGTERM');
    await wire.close();
    assert.deepEqual(await exited, [0, null], log);
    forget();
  });

  it('keeps its configuration when it is removed, and leaves only its user when it is purged', async () => {
    // These are actions of the administrator and of systemd.
    await root.run('systemctl', 'enable', ...UNITS);
    await root.run('sh', '-c', 'mkdir -p /var/lib/telpty && echo state >/var/lib/telpty/state');
    await root.run('dpkg', '--remove', 'telpty');
    const left = () => root.changes().filter(name => !unchanged.includes(name) && !BOOKKEEPING.test(name));
    assert.deepEqual(
      left().filter(name => name.startsWith('/usr') || name.startsWith('/etc/telpty')),
      ['/etc/telpty/', '/etc/telpty/telpty.yaml'],
    );
    await root.run('dpkg', '--purge', 'telpty');
    assert.deepEqual(
      left().filter(name => /telpty/.test(name)),
      [],
    );
    assert.deepEqual(
      left().filter(name => !USER.includes(name)),
      [],
    );
  });
});
