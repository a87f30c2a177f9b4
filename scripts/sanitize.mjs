/**
 * Runs tests of the addon with the compiler's sanitizers: `node scripts/sanitize.mjs [--quick] [address|thread]`,
 * default both. `--quick` leaves out tests of the address sanitizer that take long and show little. Needs Linux and
 * gcc.
 *
 * The addon is built in a copy of the tree below .cache/, so that the build in use stays as it is. spawn.c and child.c
 * are left out: their child runs on the memory of its parent until it executes the program, and leaves frames that a
 * sanitizer still counts as in use. The thread sanitizer leaves out starter.c as well: after such a child it misses
 * what the locks of its thread order. Only the addon is instrumented, not Node.js, so leaks are not looked for.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { BuildError, compileObjects, root, run, sources } from './addon/compile.mjs';
import { hideCertificates } from './lib/tools.mjs';
import { translateAll } from './lib/translate.mjs';

const SANITIZERS = {
  address: {
    flags: ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-fno-omit-frame-pointer', '-g'],
    plainParts: /^(spawn|child)\.c$/,
    library: 'libasan.so',
    env: { ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1', UBSAN_OPTIONS: 'print_stacktrace=1' },
    // Everything that calls the addon, but what starts a Node.js of its own without the sanitizer's library.
    tests: readdirSync(join(root, 'test', 'pty'), { recursive: true, encoding: 'utf8' })
      .filter(
        name =>
          name.endsWith('.test.ts') && !/^(cgroup|process\/start|terminal\/(early-eagain|flood-schedules))/.test(name),
      )
      .map(name => `test/pty/${name}`)
      .concat(
        ['peek', 'tee'].map(name => `test/transport/${name}.test.ts`),
        ['test/session/synch.test.ts'],
        ['flood', 'flood-path', 'observers', 'observer-torture'].map(name => `test/shells/output/${name}.test.ts`),
        ['test/recording/utf8-output.test.ts'],
      ),
  },
  thread: {
    // The version of the code that machines without SSE2 use; the address sanitizer has the other one.
    flags: ['-fsanitize=thread', '-g', '-DTELPTY_NO_SIMD'],
    plainParts: /^(spawn|child|starter)\.c$/,
    library: 'libtsan.so',
    env: {},
    tests: ['test/pty/terminal/flood.test.ts', 'test/transport/tee.test.ts'].concat(
      ['flood-path', 'observers', 'observer-torture'].map(name => `test/shells/output/${name}.test.ts`),
      ['test/recording/utf8-output.test.ts'],
    ),
  },
};

/** What `--quick` leaves out. */
const SLOW = /(output|input|resources|stuck-start|undying|synch)\.test\.ts$/;

const wanted = process.argv.slice(2).filter(word => word !== '--quick');
const isQuick = wanted.length < process.argv.length - 2;
const unknown = wanted.find(name => !Object.hasOwn(SANITIZERS, name));
if (unknown !== undefined) {
  process.stderr.write(`sanitize.mjs: '${unknown}' is not one of ${Object.keys(SANITIZERS).join(', ')}\n`);
  process.exit(2);
}

/** Builds an instrumented addon in a copy of the tree, and returns the copy's directory. */
async function prepare(name, { flags, plainParts }) {
  const copy = join(root, '.cache', 'sanitize', name);
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  await translateAll(['src', 'test']);
  // Translations have the time of their source.
  for (const part of ['src', 'test', 'scripts', 'package.json', 'tsconfig.json', '.cache/typescript'])
    cpSync(join(root, part), join(copy, part), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const isPlain = path => plainParts.test(basename(path));
  const files = sources();
  const compiled = [
    await compileObjects(['gcc', '-pthread'], join(copy, 'plain'), undefined, files.filter(isPlain)),
    await compileObjects(
      ['gcc', '-pthread', ...flags],
      join(copy, 'sanitized'),
      undefined,
      files.filter(path => !isPlain(path)),
    ),
  ];
  const objects = compiled.flatMap(part => part.objects);
  const directory = join(copy, 'native', 'build');
  mkdirSync(directory, { recursive: true });
  await run(['gcc', '-shared', '-pthread', ...flags, ...objects, '-o', join(directory, 'telpty.node')]);
  return copy;
}

/**
 * Whether both accesses of a data race are the addon's. Node.js is not instrumented: what its own locks order, the
 * sweep of buffers by the garbage collector above all, looks like a race.
 */
function isOurs(report) {
  const accesses = report.split('\n\n').slice(0, 2);
  return accesses.every(stack => {
    const frames = stack.split('\n').filter(line => /^ +#\d/.test(line) && !line.includes('libtsan'));
    return frames[0]?.includes('telpty.node') ?? false;
  });
}

async function runTests(name, sanitizer) {
  const copy = await prepare(name, sanitizer);
  const library = (await run(['gcc', `-print-file-name=${sanitizer.library}`])).trim();
  // With more random addresses than it knows, the thread sanitizer of gcc 12 does not start.
  const command = [
    'setarch',
    '-R',
    process.execPath,
    '--import',
    './scripts/lib/typescript.mjs',
    '--test',
    '--test-concurrency=2',
    '--test-timeout=900000',
  ];
  const logs = join(copy, 'reports');
  mkdirSync(logs);
  const TSAN_OPTIONS = `exitcode=0:log_path=${join(logs, 'tsan')}`;
  const env = { ...process.env, ...sanitizer.env, TSAN_OPTIONS, LD_PRELOAD: library };
  const { status } = spawnSync(
    command[0],
    [...command.slice(1), ...sanitizer.tests.filter(file => !isQuick || !SLOW.test(file))],
    {
      cwd: copy,
      stdio: 'inherit',
      env,
    },
  );
  const reports = readdirSync(logs)
    .flatMap(file => readFileSync(join(logs, file), 'utf8').split('=================='))
    .filter(isOurs);
  if (reports.length > 0) throw new BuildError(`${reports.length} data races`, reports.join(''));
  if (status !== 0) throw new BuildError(`tests failed under the ${name} sanitizer`);
}

hideCertificates();
try {
  for (const [name, sanitizer] of Object.entries(SANITIZERS)) {
    if (wanted.length === 0 || wanted.includes(name)) await runTests(name, sanitizer);
  }
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`${error.output}sanitize: ${error.message}\n`);
  process.exitCode = 1;
}
