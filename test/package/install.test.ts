import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { nodeBin, tool } from '../../scripts/lib/tools.mjs';
import { atExit } from '../support/cleanup.ts';
import { requireRoot } from '../support/system/tools.ts';
import { installedProject, Project, ROOT, type RunOptions, TARBALL } from './support.ts';

const QUIET = ['--no-audit', '--no-fund', '--loglevel=error'];

/** Starts the installed command, connects like `nc`, and returns the output of the program. */
async function session(
  node: string,
  project: Project,
  options: RunOptions & { readonly command?: readonly string[] } = {},
): Promise<string> {
  const command = options.command ?? [join(project.directory, 'node_modules', 'telpty', 'dist', 'cli', 'main.js')];
  const server = spawn(node, [...command, 'serve', '--port', '0', '--', '/bin/echo', 'it', 'works'], {
    cwd: project.directory,
    env: { ...process.env, ...options.env } as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid ?? options.uid }),
  });
  const forget = atExit(() => server.kill('SIGKILL'));
  const exited = new Promise(resolve => server.once('exit', resolve));
  let errors = '';
  server.stderr.setEncoding('utf8').on('data', text => {
    errors += text;
  });
  try {
    const port = await new Promise<number>((resolve, reject) => {
      server.stdout.setEncoding('utf8').on('data', text => {
        const found = /^listening telnet:\/\/127\.0\.0\.1:(\d+)$/m.exec(text);
        if (found !== null) resolve(Number(found[1]));
      });
      server.once('exit', () => reject(new Error(`telpty serve ended: ${errors}`)));
      server.once('error', reject);
    });
    const client = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    for await (const chunk of client) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('latin1');
  } finally {
    server.kill('SIGTERM');
    await exited;
    forget();
  }
}

async function npmCli(version: string): Promise<string> {
  return join(await tool(`npm@${version}`), 'bin', 'npm-cli.js');
}

// They mostly wait for the network.
describe('the packed package, installed into an empty project, serves a session', { concurrency: 3 }, () => {
  it('the npm of this Node.js', async () => {
    using project = new Project();
    await project.run(['npm', 'install', ...QUIET, TARBALL]);
    assert.match(await session(process.execPath, project), /it works\r\n/);
  });

  for (const version of ['22', '24', '26']) {
    it(`npm 12 on Node.js ${version}, which runs no install scripts`, async () => {
      using project = new Project();
      const bin = await nodeBin(version);
      const env = { PATH: `${bin}:${process.env.PATH}` };
      const output = await project.run(
        [join(bin, 'node'), await npmCli('12'), 'install', ...QUIET.slice(0, 2), TARBALL],
        {
          env,
        },
      );
      assert.doesNotMatch(output, /telpty.*prepare|install scripts blocked/);
      assert.match(await session(join(bin, 'node'), project, { env }), /it works\r\n/);
    });
  }

  it('npm with --engine-strict on the oldest Node.js in package.json', async () => {
    using project = new Project();
    const [, oldest] = /"node": ">=([\d.]+)"/.exec(readFileSync(join(ROOT, 'package.json'), 'utf8'))!;
    const bin = await nodeBin(`${oldest}.0`);
    const env = { PATH: `${bin}:${process.env.PATH}` };
    await project.run([join(bin, 'node'), await npmCli('11'), 'install', '--engine-strict', ...QUIET, TARBALL], {
      env,
    });
    assert.match(await session(join(bin, 'node'), project, { env }), /it works\r\n/);
  });

  it('npm with --ignore-scripts', async () => {
    using project = new Project();
    await project.run(['npm', 'install', '--ignore-scripts', ...QUIET, TARBALL]);
    assert.match(await session(process.execPath, project), /it works\r\n/);
  });

  it('pnpm', async () => {
    using project = new Project();
    const bin = await nodeBin('24'); // pnpm 12 needs node:sqlite
    const pnpm = join(await tool('pnpm@12'), 'bin', 'pnpm.mjs');
    const store = join(project.directory, '.store');
    await project.run([join(bin, 'node'), pnpm, 'add', '--store-dir', store, `file:${TARBALL}`]);
    assert.match(await session(process.execPath, project), /it works\r\n/);
  });

  it('yarn 1', async () => {
    using project = new Project();
    const yarn = join(await tool('yarn@1'), 'bin', 'yarn.js');
    const cache = join(project.directory, '.cache');
    await project.run([process.execPath, yarn, 'add', '--cache-folder', cache, `file:${TARBALL}`]);
    assert.match(await session(process.execPath, project), /it works\r\n/);
  });

  it('yarn 4 with Plug and Play', async () => {
    using project = new Project();
    const yarn = join(await tool('@yarnpkg/cli-dist@4'), 'bin', 'yarn.js');
    project.write('yarn.lock', '');
    project.write('.yarnrc.yml', 'nodeLinker: pnp\nenableTelemetry: false\nenableGlobalCache: false\n');
    const env = { CI: undefined };
    await project.run([process.execPath, yarn, 'add', `telpty@file:${TARBALL}`], { env });
    assert.match(await session(process.execPath, project, { command: [yarn, 'run', 'telpty'] }), /it works\r\n/);
  });

  it('with no compiler in PATH', async () => {
    using project = new Project();
    const bin = join(project.directory, 'bin');
    mkdirSync(bin);
    for (const path of [process.execPath, '/bin/sh', '/usr/bin/env'])
      symlinkSync(path, join(bin, path.split('/').pop()!));
    const env = { PATH: bin };
    await project.run([process.execPath, await npmCli('11'), 'install', ...QUIET, TARBALL], { env });
    assert.match(await session(process.execPath, project, { env }), /it works\r\n/);
  });

  it('as a user other than root', async () => {
    requireRoot();
    using project = new Project();
    const NOBODY = 65534;
    for (const path of [project.directory, join(project.directory, 'package.json')]) chownSync(path, NOBODY, NOBODY);
    cpSync(TARBALL, join(project.directory, 'telpty.tgz'));
    chmodSync(join(project.directory, 'telpty.tgz'), 0o644);
    const options = {
      uid: NOBODY,
      gid: NOBODY,
      env: { HOME: project.directory, npm_config_cache: join(project.directory, '.npm') },
    };
    await project.run(['npm', 'install', ...QUIET, './telpty.tgz'], options);
    assert.match(await session(process.execPath, project, options), /it works\r\n/);
  });
});

it('a git dependency, which npm builds in a clone, is packed with the addon of this machine', async () => {
  using clone = new Project({});
  const configuration = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  for (const name of [...configuration, 'scripts', 'native', 'dist']) {
    cpSync(join(ROOT, name), join(clone.directory, name), { recursive: true, preserveTimestamps: true });
  }
  // Copies would be newer than dist/, and would cause a build of it.
  for (const name of ['src', 'web']) symlinkSync(join(ROOT, name), join(clone.directory, name));
  // The same call as npm's before it packs the clone: `postprepare`, with this variable.
  await clone.run(['npm', 'run', 'postprepare'], { env: { _PACOTE_NO_PREPARE_: 'git+file:///clone' } });
  const listed = await clone.run(['npm', 'pack', '--dry-run', '--ignore-scripts']);
  assert.match(listed, new RegExp(`prebuilds/${process.platform}-${process.arch}/telpty\\.node`));
  assert.match(listed, /dist\/cli\/main\.js/);
});

it('without an addon, the error names the platform, the supported ones, and the command that builds it', async () => {
  using project = installedProject();
  const installed = join(project.directory, 'node_modules', 'telpty');
  cpSync(join(installed, 'prebuilds'), join(project.directory, 'saved'), { recursive: true });
  await project.run(['rm', '-r', join(installed, 'prebuilds')]);
  const serve = [process.execPath, join(installed, 'dist', 'cli', 'main.js'), 'serve', '--port', '0', '--', 'true'];
  const error = await project.run(serve).then(
    () => assert.fail('it started'),
    (reason: Error) => reason.message,
  );
  const platform = `${process.platform}-${process.arch}`;
  assert.match(error, new RegExp(`pseudo-terminals are not available on ${platform}: .*linux-arm64.*darwin-arm64`));
  const [, command] = /to build it, run: node (\S+)/.exec(error)!;
  await project.run([process.execPath, command!]);
  assert.match(await session(process.execPath, project), /it works\r\n/);
  assert.ok(existsSync(dirname(command!)) && readdirSync(join(installed, 'native', 'build')).includes('telpty.node'));
});
