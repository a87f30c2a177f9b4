/**
 * Programs of the npm registry that tests need in one version, e.g. released versions of Node.js. Each is installed
 * into .cache/tools once.
 */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const TOOLS = fileURLToPath(new URL('../../.cache/tools/', import.meta.url));

/**
 * Hides the certificates that this machine adds for the registry (NODE_EXTRA_CA_CERTS) from the processes of a test
 * run. Each start of Node.js would read them, and take half as much CPU time again; only npm needs them.
 */
export function hideCertificates() {
  const { NODE_EXTRA_CA_CERTS: file } = process.env;
  if (file === undefined) return;
  process.env.TELPTY_EXTRA_CA_CERTS = file;
  delete process.env.NODE_EXTRA_CA_CERTS;
}

/**
 * This environment for an npm: without what npm hands to its scripts, which another npm must not obey, and with hidden
 * certificates.
 */
export function plainEnvironment() {
  const { TELPTY_EXTRA_CA_CERTS: file, ...rest } = process.env;
  const environment = file === undefined ? rest : { NODE_EXTRA_CA_CERTS: file, ...rest };
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^npm_(?!config_registry)|^INIT_CWD$|^NODE_OPTIONS$/i.test(name)),
  );
}

/** Installs a package, e.g. `npm@12`, and returns its directory. */
export async function tool(spec) {
  const name = spec.slice(0, spec.lastIndexOf('@'));
  const directory = join(TOOLS, spec.replaceAll('/', '+'));
  const installed = join(directory, 'node_modules', name);
  if (existsSync(installed)) return installed;
  mkdirSync(dirname(directory), { recursive: true });
  const temporary = mkdtempSync(`${directory}-`);
  try {
    if (spec.startsWith('node-')) await unpack(spec, join(temporary, 'node_modules', name));
    else await install(spec, temporary);
    // Tests run some of them as another user.
    chmodSync(temporary, 0o755);
    // Another process may have been faster.
    if (!existsSync(installed)) renameSync(temporary, directory);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return installed;
}

async function install(spec, directory) {
  writeFileSync(join(directory, 'package.json'), '{ "private": true }');
  const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--force', '--loglevel=error'];
  await execute('npm', ['install', ...options, spec], { cwd: directory, env: plainEnvironment() });
}

/** Installs a package without dependencies. For the 200 MB of Node.js it takes a third less CPU time. */
async function unpack(spec, directory) {
  mkdirSync(directory, { recursive: true });
  const options = ['--loglevel=error', '--pack-destination', directory];
  const { stdout } = await execute('npm', ['pack', ...options, spec], { env: plainEnvironment() });
  const archive = join(directory, stdout.trim());
  await execute('tar', ['-xzf', archive, '-C', directory, '--strip-components=1', '--no-same-owner']);
  rmSync(archive);
}

/** The directory with the executable of a released Node.js for this system, e.g. of version `22`. */
export async function nodeBin(version) {
  return join(await tool(`node-${process.platform}-${process.arch}@${version}`), 'bin');
}
