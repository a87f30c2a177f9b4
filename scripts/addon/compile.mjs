/**
 * Compiles native/ by calling a C compiler directly. Two callers: build.mjs (this machine, for a clone or an
 * unsupported platform) and prebuild.mjs (every platform of the published package).
 *
 * node-gyp was rejected: it needs make and python3, downloads headers where Node.js comes without them, and takes four
 * times as long for the same compiler commands.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const native = join(root, 'native');

/** A build that cannot succeed on this machine. The message is one line that says what to do. */
export class BuildError extends Error {
  /** @param {string} message @param {string} [output] What the compiler printed. */
  constructor(message, output = '') {
    super(message);
    this.output = output;
  }
}

/**
 * Paths of the files that the addon is made from, sorted: C files and headers of native/ and its folders, but build/.
 *
 * @param {string} directory @returns {string[]}
 */
export function sourcesIn(directory) {
  return readdirSync(directory, { withFileTypes: true })
    .flatMap(entry => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return entry.name === 'build' ? [] : sourcesIn(path);
      return /\.[ch]$/.test(entry.name) ? [path] : [];
    })
    .sort();
}

/** Paths of the C files, sorted. */
export function sources() {
  return sourcesIn(native).filter(path => path.endsWith('.c'));
}

/** Directory with `node_api.h` and `uv.h`. Every Node.js from 20 on will do: Node-API and libuv 1 keep their ABI. */
export function findHeaders() {
  const prefix = dirname(dirname(process.execPath));
  const cache =
    process.platform === 'darwin'
      ? join(homedir(), 'Library', 'Caches', 'node-gyp')
      : join(homedir(), '.cache', 'node-gyp');
  const directories = [
    process.env.npm_config_nodedir && join(process.env.npm_config_nodedir, 'include', 'node'),
    join(prefix, 'include', 'node'),
    '/usr/include/node',
    '/usr/local/include/node',
    join(cache, process.versions.node, 'include', 'node'),
  ].filter(directory => directory !== undefined && directory !== '');
  const found = directories.find(directory => ['node_api.h', 'uv.h'].every(file => existsSync(join(directory, file))));
  if (found !== undefined) return found;
  throw new BuildError(
    `no Node.js headers (node_api.h, uv.h) in ${[...new Set(directories)].join(', ')}; ` +
      'install them (Debian: apt-get install libnode-dev) or set npm_config_nodedir=DIR, where DIR/include/node has them',
  );
}

/** Flags of every build. */
export const compilerFlags = [
  '-std=gnu11',
  '-O2',
  '-fPIC',
  '-fvisibility=hidden',
  '-fstack-protector-strong',
  '-Wall',
  '-Wextra',
  '-DNAPI_VERSION=8',
  '-D_GNU_SOURCE',
];

/**
 * Runs a command to its end.
 *
 * @param {string[]} command @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<string>} What it printed.
 */
export function run([file, ...args], env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    let output = '';
    child.stdout.on('data', chunk => {
      output += chunk;
    });
    child.stderr.on('data', chunk => {
      output += chunk;
    });
    child.on('error', error => reject(new BuildError(`${file}: cannot be executed (${error.message})`)));
    child.on('close', (status, signal) => {
      if (status === 0) resolve(output);
      else reject(new BuildError(`${basename(file)} failed (${signal ?? `exit status ${status}`})`, output));
    });
  });
}

/**
 * Compiles sources to object files, as many at a time as there are processors.
 *
 * @param {string[]} compiler The command, with the flags of the target.
 * @param {string} directory Where the object files go; emptied first.
 * @param {NodeJS.ProcessEnv} [env]
 * @param {string[]} [files] Default: all.
 * @returns {Promise<{ objects: string[], warnings: string }>}
 */
export async function compileObjects(compiler, directory, env, files = sources()) {
  const headers = findHeaders();
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const waiting = [...files];
  const objects = [];
  let warnings = '';
  const worker = async () => {
    for (let source = waiting.shift(); source !== undefined; source = waiting.shift()) {
      const object = join(directory, `${basename(source, '.c')}.o`);
      objects.push(object);
      // Headers of Node.js are not ours to change: -isystem keeps their warnings out.
      warnings += await run(
        [...compiler, ...compilerFlags, '-I', native, '-isystem', headers, '-c', source, '-o', object],
        env,
      );
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 8) }, worker));
  return { objects: objects.sort(), warnings };
}
