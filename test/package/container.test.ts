/**
 * packaging/container/Containerfile, built by buildah from a base image that is made here. It runs like in a container
 * engine: in separate namespaces, with the user, the environment and the command in the image.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { nodeBin, tool } from '../../scripts/lib/tools.mjs';
import { atExit } from '../support/cleanup.ts';
import { childrenOf, processes, untilTrue } from '../support/leaks.ts';
import { requireRoot, requireTool } from '../support/system/tools.ts';
import { Project, ROOT, TARBALL } from './support.ts';

interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[] | null;
  readonly ExposedPorts: Readonly<Record<string, unknown>>;
  readonly Healthcheck: { readonly Test: readonly string[] };
}

/** The setup of a container by kernel and engine: its own /proc and terminals, and a loopback interface. */
const SETUP = `set -e
root=$1 user=$2
shift 2
ip link set lo up
mount -t tmpfs tmpfs "$root/dev"
mkdir "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
for name in null zero urandom tty; do
  : >"$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
mount -t proc proc "$root/proc"
exec env -i "$IMAGE_ENV" chroot --userspec="$user" "$root" "$@"`;

describe('the container image', { timeout: 600_000 }, () => {
  const project = new Project({});
  after(() => project[Symbol.dispose]());
  const buildah = async (...words: string[]) => {
    const storage = [
      '--root',
      join(project.directory, 'storage'),
      '--runroot',
      join(project.directory, 'run'),
      '--storage-driver',
      'vfs',
    ];
    return (await project.run([requireTool('buildah'), ...storage, ...words])).trim();
  };
  const build = (...words: string[]) =>
    buildah('build', '--isolation', 'chroot', '--layers=false', '--pull=never', '--format', 'docker', ...words);

  /** Replaces node:24-trixie-slim: Node.js with its libraries, npm, a shell, and the user `node`. */
  const makeBase = async () => {
    const root = join(project.directory, 'base');
    const put = (from: string, to: string) => {
      mkdirSync(dirname(join(root, to)), { recursive: true });
      copyFileSync(from, join(root, to));
    };
    const busybox = requireTool('busybox');
    put(busybox, '/bin/busybox');
    for (const name of ['sh', 'env', 'sleep', 'setsid', 'id', 'touch']) symlinkSync('busybox', join(root, 'bin', name));
    mkdirSync(join(root, 'usr/bin'), { recursive: true });
    symlinkSync('/bin/env', join(root, 'usr/bin/env'));
    const node = join(await nodeBin('24'), 'node');
    put(node, '/usr/local/bin/node');
    const libraries = execFileSync('ldd', [node], { encoding: 'utf8' }).match(/\/\S+(?= \()/g)!;
    for (const library of libraries) put(library, library);
    cpSync(await tool('npm@11'), join(root, 'usr/local/lib/node_modules/npm'), { recursive: true });
    symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
    for (const name of ['tmp', 'proc', 'dev', 'root', 'home/node']) mkdirSync(join(root, name), { recursive: true });
    project.write('base/etc/passwd', 'root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n');
    // The build uses npm's cache, filled when the package was installed for this tier, and needs no network.
    project.write('base/root/.npmrc', 'offline=true\n');
    project.write('Base', 'FROM scratch\nCOPY base /\n');
    await build('--file', 'Base', '--tag', 'localhost/node', '.');
    rmSync(root, { recursive: true });
  };

  let config: ImageConfig;
  let root: string;
  before(async () => {
    requireRoot();
    await makeBase();
    mkdirSync(join(project.directory, 'context'));
    copyFileSync(TARBALL, join(project.directory, 'context', 'telpty-0.0.0.tgz'));
    const cache = (await project.run(['npm', 'config', 'get', 'cache'])).trim();
    const options = [
      '--build-arg',
      'NODE=localhost/node',
      '--volume',
      `${cache}:/root/.npm`,
      '--tag',
      'localhost/telpty',
    ];
    await build(...options, '--file', join(ROOT, 'packaging/container/Containerfile'), 'context');
    const inspected = await buildah('inspect', '--type', 'image', 'localhost/telpty');
    config = (JSON.parse(inspected) as { Docker: { config: ImageConfig } }).Docker.config;
    root = await buildah('mount', await buildah('from', '--pull=never', 'localhost/telpty'));
  });

  /** Starts the image's entry point with arguments instead of its CMD. */
  const start = async (...args: string[]) => {
    const namespaces = ['--mount', '--propagation', 'private', '--pid', '--net', '--fork', '--kill-child'];
    const words = [...namespaces, 'sh', '-c', SETUP, 'sh', root, config.User, ...config.Entrypoint, ...args];
    const container = spawn('unshare', words, {
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', IMAGE_ENV: config.Env[0]! },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let log = '';
    const exited = once(container, 'exit').finally(atExit(() => container.kill('SIGKILL')));
    container.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    return { container, exited, init: () => childrenOf(container.pid!)[0]!.pid, log: () => log };
  };

  it('has an unprivileged user by number, and its port', () => {
    assert.equal(config.User, '1000:1000');
    assert.deepEqual(Object.keys(config.ExposedPorts), ['6023/tcp']);
  });

  it('without a program it exits with a message that names the remedy', async () => {
    const { exited, log } = await start(...(config.Cmd ?? []));
    assert.deepEqual(await exited, [2, null], log());
    assert.match(log(), /PROGRAM/);
  });

  it('as pid 1 it serves a program, is healthy, reaps orphans, and stops at SIGTERM', async () => {
    const script =
      '(setsid sleep 0.1 &); id -u; touch /usr/x 2>/dev/null || echo read-only; echo begun; read line; echo "got $line"';
    const { exited, init, log } = await start('--', '/bin/sh', '-c', script);
    await untilTrue(() => /serving \/bin\/sh/.test(log()));
    const pid = init();
    const inside = ['--target', String(pid), '--net'];

    const client = spawn('nsenter', [...inside, requireTool('nc'), '127.0.0.1', '6023'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const clientEnded = once(client, 'exit').finally(atExit(() => client.kill('SIGKILL')));
    let text = '';
    client.stdout.setEncoding('latin1').on('data', (data: string) => {
      text += data;
    });
    await untilTrue(() => text.includes('begun'));
    assert.match(text, /1000\r\nread-only\r\nbegun/);

    const [kind, ...check] = config.Healthcheck.Test;
    assert.equal(kind, 'CMD');
    const enter = [
      ...inside,
      '--mount',
      '--pid',
      'env',
      '-i',
      config.Env[0]!,
      'chroot',
      `--userspec=${config.User}`,
      root,
    ];
    await project.run(['nsenter', ...enter, ...check]);

    await untilTrue(() => processes().every(({ ppid, name }) => ppid !== pid || name !== 'sleep'));
    process.kill(pid, 'SIGTERM');
    assert.deepEqual(await exited, [0, null], log());
    // nc sends until its input ends, even after the server has closed.
    client.stdin.end();
    await clientEnded;
    assert.match(log(), /"session":1/);
  });

  it('is not healthy without a server', async () => {
    const [, ...check] = config.Healthcheck.Test;
    const namespace = ['--net', 'env', '-i', config.Env[0]!, 'chroot', `--userspec=${config.User}`, root];
    await assert.rejects(project.run(['unshare', ...namespace, ...check]), /Command failed/);
  });
});
