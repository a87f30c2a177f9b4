/** Builds the C programs and the data files, where they are missing or older than their source. */
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Failure } from './failure.ts';
import { binary, build, certificate, data, logs, native, telpty } from './paths.ts';

const programs: Readonly<Record<string, readonly string[]>> = {
  leash: ['leash.c'],
  inetd: ['inetd.c'],
  floor: ['floor.c'],
  hosted: ['hosted.c'],
  datagen: ['datagen.c'],
  load: readdirSync(native('load'))
    .filter(name => name.endsWith('.c'))
    .map(name => `load/${name}`),
};
const headers = ['records.h', 'load/load.h'];
const libraries: Readonly<Record<string, readonly string[]>> = { floor: ['-lutil'] };

const modified = (file: string): number => statSync(file).mtimeMs;

/**
 * The smallest program there is has no C library (see native/tiny.c). For a processor that it does not know there is
 * h-echo, which is greater.
 */
const small: readonly string[] = [
  ...['-static', '-nostdlib', '-ffreestanding', '-fno-stack-protector', '-fno-asynchronous-unwind-tables'],
  ...['-Wl,-z,noseparate-code', '-Wl,--build-id=none'],
];

/** Builds what the bench needs, with data files of the given size in MiB. */
export function prepare(megabytes: number): void {
  if (process.platform !== 'linux') throw new Failure('needs Linux: it reads /proc and drives epoll', 1);
  if (!existsSync(telpty)) throw new Failure('telpty is not built: npm run compile', 1);
  for (const directory of ['bin', 'data', 'log']) mkdirSync(join(build, directory), { recursive: true });
  for (const [name, sources] of Object.entries(programs)) compile(name, sources);
  if (process.arch === 'x64' || process.arch === 'arm64') compile('tiny', ['tiny.c'], small);
  if (!existsSync(certificate)) makeCertificate();
  for (const kind of ['ascii', 'ansi', 'bin']) generate(kind, megabytes);
  const hosted = ['h-echo', 'h-flood', 'h-multi', 'h-hello', 'h-tail'];
  const cats = ['cat-ascii', 'cat-ansi', 'catraw-bin'].map(kind => `h-${kind}${megabytes}`);
  const pages = ['ascii', 'ansi'].map(kind => `h-page-${kind}${megabytes}`);
  for (const name of [...hosted, ...cats, ...pages]) link(name, 'hosted');
  link('h-tiny', existsSync(binary('tiny')) ? 'tiny' : 'hosted');
  for (const name of readdirSync(logs)) rmSync(join(logs, name));
}

/** For the rows with TLS; without openssl they are left out. */
function makeCertificate(): void {
  const file = `${certificate}.new`;
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const args = [
    'req',
    '-x509',
    ...key,
    '-subj',
    '/CN=localhost',
    '-days',
    '3650',
    '-keyout',
    file,
    '-out',
    `${file}.crt`,
  ];
  if (spawnSync('openssl', args, { stdio: 'ignore' }).status !== 0) return;
  appendFileSync(file, readFileSync(`${file}.crt`));
  rmSync(`${file}.crt`);
  renameSync(file, certificate);
}

function link(name: string, target: string): void {
  rmSync(binary(name), { force: true });
  symlinkSync(target, binary(name));
}

function compile(name: string, sources: readonly string[], flags: readonly string[] = []): void {
  const target = binary(name);
  const files = sources.map(native);
  const newest = Math.max(...[...files, ...headers.map(native)].map(modified));
  if (existsSync(target) && modified(target) > newest) return;
  const compiler = process.env.CC || 'cc';
  const args = ['-O2', '-Wall', '-Wextra', ...flags, '-o', `${target}.new`, ...files, ...(libraries[name] ?? [])];
  const { error, status, stderr } = spawnSync(compiler, args, { encoding: 'utf8' });
  if (error) throw new Failure(`no C compiler '${compiler}' (Debian: apt-get install build-essential)`, 1);
  if (status !== 0) throw new Failure(`cannot compile ${name}: ${stderr.trim().split('\n')[0]}`, 1);
  renameSync(`${target}.new`, target);
}

function generate(kind: string, megabytes: number): void {
  const target = data(`${kind}${megabytes}`);
  if (existsSync(target) && modified(target) > modified(binary('datagen'))) return;
  const { status } = spawnSync(binary('datagen'), [kind, String(megabytes * 2 ** 20), `${target}.new`]);
  if (status !== 0) throw new Failure(`cannot write ${dirname(target)}`, 1);
  renameSync(`${target}.new`, target);
}
