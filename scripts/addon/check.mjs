/**
 * Checks that a prebuilt binary loads wherever Node.js 20.19 or newer runs on its platform.
 *
 * Which symbols a C library has comes from the stub libraries that Zig links against, made from the lists of glibc's
 * and musl's own exports.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { symbols as nodeApiSymbols } from 'node-api-headers';
import { readBinary } from './binary.mjs';
import { run } from './compile.mjs';

const NODE_API_VERSION = 8;
const OLDEST_GLIBC = '2.28';
const NEWEST_GLIBC = '2.40';

const meantExports = new Set([
  'napi_register_module_v1',
  'node_api_module_get_api_version_v1',
  // Every Mach-O library has these two of its linker.
  '_mh_dylib_header',
  '__dso_handle',
]);

/**
 * Symbols that glibc has in more than one version. The loader binds a reference without a version to the oldest one, so
 * each entry says why the oldest is right.
 */
const severalVersions = new Map([['memcpy', 'GLIBC_2.2.5 is memmove: correct, and as fast']]);

/** What Node.js brings: Node-API up to the version that the addon asks for, and libuv. */
function isFromNode(name) {
  if (name.startsWith('uv_')) return true;
  return Object.entries(nodeApiSymbols).some(
    ([version, lists]) =>
      Number(version.slice(1)) <= NODE_API_VERSION &&
      (lists.js_native_api_symbols.includes(name) || lists.node_api_symbols.includes(name)),
  );
}

/** Exports of the C library of a Zig target, all of its libraries together. */
async function librarySymbols(target, zig, cache) {
  const directory = join(cache, 'libc', target);
  if (!existsSync(join(directory, 'o'))) {
    mkdirSync(directory, { recursive: true });
    const source = join(directory, 'empty.c');
    writeFileSync(source, 'int empty;\n');
    const env = { ...process.env, ZIG_GLOBAL_CACHE_DIR: directory, ZIG_LOCAL_CACHE_DIR: directory };
    // Nothing of the compiler's own library is linked: to build it would take ten times as long.
    const command = [zig, 'cc', '-target', target, '-dynamic', '-shared', '-rtlib=none'];
    await run([...command, source, '-o', join(directory, 'empty.so')], env);
  }
  const exports = new Map();
  for (const path of readdirSync(directory, { recursive: true })) {
    if (!/(^|\/)(lib[a-z]+|ld)\.so(\.\d+)?$/.test(String(path))) continue;
    for (const [name, versions] of readBinary(readFileSync(join(directory, String(path)))).exports) {
      exports.set(name, [...(exports.get(name) ?? []), ...versions]);
    }
  }
  return exports;
}

/**
 * @param {string} path @param {{ name: string, target: string }} platform
 * @param {string} zig @param {string} cache
 * @returns {Promise<string[]>} What is wrong, one sentence each; empty if the binary is right.
 */
export async function checkBinary(path, { name, target }, zig, cache) {
  const { needed, imports, exports } = readBinary(readFileSync(path));
  const problems = [];
  for (const symbol of exports.keys()) {
    if (!meantExports.has(symbol)) problems.push(`${symbol} is exported`);
  }
  if (!exports.has('napi_register_module_v1')) problems.push('napi_register_module_v1 is not exported');
  const foreign = [...imports].filter(symbol => !isFromNode(symbol));
  for (const symbol of foreign.filter(symbol => /^(napi|node_api)_/.test(symbol))) {
    problems.push(`${symbol} is newer than Node-API ${NODE_API_VERSION}`);
  }

  if (name.startsWith('darwin')) {
    for (const library of needed.filter(library => library !== '/usr/lib/libSystem.B.dylib'))
      problems.push(`needs ${library}`);
    return problems;
  }

  for (const library of needed) problems.push(`needs ${library}`);
  const [cpu] = target.split('-');
  const musl = await librarySymbols(`${cpu}-linux-musl`, zig, cache);
  const oldest = await librarySymbols(`${cpu}-linux-gnu.${OLDEST_GLIBC}`, zig, cache);
  const newest = await librarySymbols(`${cpu}-linux-gnu.${NEWEST_GLIBC}`, zig, cache);
  for (const symbol of foreign) {
    // The stack protector's guard is exported by the loader itself.
    if (symbol === '__stack_chk_guard') continue;
    if (!musl.has(symbol)) problems.push(`${symbol} is not in musl`);
    if (!oldest.has(symbol)) problems.push(`${symbol} is not in glibc ${OLDEST_GLIBC}`);
    const versions = new Set((newest.get(symbol) ?? []).map(({ version }) => version));
    if (versions.size > 1 && !severalVersions.has(symbol)) {
      problems.push(`${symbol} has the versions ${[...versions].join(', ')} in glibc`);
    }
  }
  return problems;
}
