/**
 * Builds the addon for this machine: `node scripts/addon/build.mjs [--force] [--strict]`.
 *
 * Does nothing if what native/build/ holds was made from the same sources with the same command. `CC`, `CFLAGS` and
 * `LDFLAGS` are respected; `--strict` makes warnings errors.
 */
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { BuildError, compileObjects, compilerFlags, findHeaders, native, run, sourcesIn } from './compile.mjs';

const directory = join(native, 'build');
const output = join(directory, 'telpty.node');
const stamp = join(directory, 'stamp');

const words = text => (text ?? '').split(/\s+/).filter(word => word !== '');

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The command from `CC`, or the first C compiler in PATH. */
function findCompiler() {
  const wanted = words(process.env.CC);
  const names = wanted.length > 0 ? [wanted[0]] : ['cc', 'gcc', 'clang'];
  for (const name of names) {
    const paths = name.includes('/') ? [name] : pathDirectories().map(directory => join(directory, name));
    if (paths.some(isExecutable)) return [name, ...wanted.slice(1)];
  }
  const advice = {
    darwin: 'xcode-select --install',
    linux: 'Debian: apt-get install gcc libc6-dev; Alpine: apk add gcc musl-dev',
  };
  throw new BuildError(
    `no C compiler: ${names.join(', ')} not found in PATH; install one${advice[process.platform] ? ` (${advice[process.platform]})` : ''} or set CC`,
  );
}

function pathDirectories() {
  return (process.env.PATH ?? '').split(delimiter).filter(part => part !== '');
}

/** What the result depends on. */
function fingerprint(commands) {
  const hash = createHash('sha256').update(JSON.stringify(commands));
  for (const path of sourcesIn(native)) hash.update(`${relative(native, path)}\0`).update(readFileSync(path));
  return hash.digest('hex');
}

const targetFlags =
  process.platform === 'darwin'
    ? {
        compile: ['-mmacosx-version-min=11.0'],
        link: ['-bundle', '-undefined', 'dynamic_lookup', '-mmacosx-version-min=11.0'],
      }
    : {
        compile: ['-pthread', '-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2'],
        link: ['-shared', '-pthread', '-Wl,-z,relro,-z,now,-z,noexecstack'],
      };

async function build({ force, strict }) {
  const compiler = [
    ...findCompiler(),
    ...targetFlags.compile,
    ...words(process.env.CFLAGS),
    ...(strict ? ['-Werror'] : []),
  ];
  const linker = [...findCompiler(), ...targetFlags.link, ...words(process.env.CFLAGS), ...words(process.env.LDFLAGS)];
  const print = fingerprint([compiler, linker, compilerFlags, findHeaders()]);
  const isCurrent = existsSync(output) && existsSync(stamp) && readFileSync(stamp, 'utf8') === print;
  if (isCurrent && !force) return;

  mkdirSync(directory, { recursive: true });
  // Two builds at once do not disturb each other, and a server that runs keeps the file it has mapped.
  const temporary = join(directory, `tmp-${process.pid}`);
  try {
    const { objects, warnings } = await compileObjects(compiler, temporary);
    process.stderr.write(warnings);
    const linked = join(temporary, 'telpty.node');
    await run([...linker, ...objects, '-o', linked]);
    rmSync(stamp, { force: true });
    renameSync(linked, output);
    writeFileSync(stamp, print);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

const flags = process.argv.slice(2);
const unknown = flags.find(flag => flag !== '--force' && flag !== '--strict');
if (unknown !== undefined) {
  process.stderr.write(`build.mjs: ${unknown}: unknown option; --force and --strict are known\n`);
  process.exit(2);
}
if (process.platform === 'win32') {
  // Everything except hosting programs works without the addon.
  process.stderr.write(
    'telpty: the addon is not built on Windows; everything except hosting programs works without it\n',
  );
} else {
  try {
    await build({ force: flags.includes('--force'), strict: flags.includes('--strict') });
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    process.stderr.write(`${error.output}telpty: cannot build the addon: ${error.message}\n`);
    process.exitCode = 1;
  }
}
