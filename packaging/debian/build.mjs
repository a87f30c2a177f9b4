#!/usr/bin/env node
/**
 * Builds the Debian package from the packed npm package: `node packaging/debian/build.mjs [--output DIR] [--arch ARCH]
 * [--revision N] telpty-VERSION.tgz`. Prints the path of the .deb file. Needs npm and dpkg-deb, and neither root nor
 * debhelper.
 *
 * The production dependencies are in the package, in /usr/lib/telpty: Debian has some of them, but in other versions.
 * It is a package of one architecture because of the addon.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

/** The architectures with a prebuilt addon, by Debian's names. */
const ADDONS = { amd64: 'linux-x64', arm64: 'linux-arm64' };
const MODULES = 'usr/lib/telpty/node_modules';
/**
 * Files of dependencies that no code loads: settings of their developers, tests, benchmarks, documents, programs in
 * shell.
 */
const UNUSED =
  /(?:^|\/)(?:\.[^/]+|tests?|bench(?:marks?)?|docs|examples?)(?:\/|$)|\.(?:sh|html|md)$(?<!licen[cs]e\.md)/i;
// The variables of Debian's own tools.
const { DEBFULLNAME = 'telpty contributors', DEBEMAIL = 'telpty@localhost' } = process.env;
const MAINTAINER = `${DEBFULLNAME} <${DEBEMAIL}>`;

const { values, positionals } = parseArgs({
  options: {
    output: { type: 'string', default: '.' },
    arch: { type: 'string' },
    revision: { type: 'string', default: '1' },
  },
  allowPositionals: true,
});
const [tarball, ...others] = positionals;
if (tarball === undefined || others.length > 0)
  fail('usage: build.mjs [--output DIR] [--arch ARCH] [--revision N] FILE.tgz', 2);
// The times of files in the package, so that two builds give the same bytes.
const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? Math.floor(statSync(tarball).mtimeMs / 1_000));
const arch = values.arch ?? run('dpkg', ['--print-architecture']).trim();
const addon = ADDONS[arch] ?? fail(`--arch: no addon for '${arch}'; choose ${Object.keys(ADDONS).join(' or ')}`, 2);

const stage = mkdtempSync(join(tmpdir(), 'telpty-deb-'));
try {
  process.stdout.write(`${build()}\n`);
} finally {
  rmSync(stage, { recursive: true, force: true });
}

function build() {
  const root = join(stage, 'root');
  const application = installModules(root);
  const { version } = JSON.parse(read(join(application, 'package.json')));
  const packaging = join(application, 'packaging');
  const put = (from, to) => write(root, to, readFileSync(from));

  const units = join(packaging, 'systemd');
  for (const name of readdirSync(units)) {
    if (/\.(?:service|socket)$/.test(name)) put(join(units, name), `usr/lib/systemd/system/${name}`);
  }
  put(join(units, 'telpty.sysusers'), 'usr/lib/sysusers.d/telpty.conf');
  put(join(packaging, 'telpty.yaml'), 'etc/telpty/telpty.yaml');

  for (const name of readdirSync(join(application, 'man'))) {
    write(root, `usr/share/man/man${name.at(-1)}/${name}.gz`, gzip(readFileSync(join(application, 'man', name))));
  }
  const main = join(application, 'dist/cli/main.js');
  for (const [shell, place] of Object.entries({
    bash: 'bash-completion/completions/telpty',
    zsh: 'zsh/vendor-completions/_telpty',
    fish: 'fish/vendor_completions.d/telpty.fish',
  })) {
    write(root, `usr/share/${place}`, run(process.execPath, [main, 'completion', shell]));
  }
  mkdirSync(join(root, 'usr/bin'));
  symlinkSync(`../lib/telpty/node_modules/telpty/dist/cli/main.js`, join(root, 'usr/bin/telpty'));

  const documents = 'usr/share/doc/telpty';
  for (const name of ['README.md', 'SECURITY.md', 'docs', 'examples']) {
    mkdirSync(join(root, documents), { recursive: true });
    renameSync(join(application, name), join(root, documents, name));
  }
  for (const name of ['grafana', 'prometheus'])
    renameSync(join(packaging, name), join(root, documents, 'examples', name));
  write(root, `${documents}/changelog.gz`, gzip(readFileSync(join(application, 'CHANGELOG.md'))));
  const debianVersion = `${version.replace('-', '~')}-${values.revision}`;
  write(root, `${documents}/changelog.Debian.gz`, gzip(debianChangelog(debianVersion)));
  write(root, `${documents}/copyright`, copyright(join(root, MODULES)));
  for (const name of ['postinst', 'prerm', 'postrm']) put(join(packaging, 'debian', name), `DEBIAN/${name}`);
  put(join(packaging, 'debian', 'lintian-overrides'), 'usr/share/lintian/overrides/telpty');

  for (const name of ['CHANGELOG.md', 'CONTRIBUTING.md', 'man', 'native', 'packaging', 'scripts']) {
    rmSync(join(application, name), { recursive: true, force: true });
  }
  for (const name of readdirSync(join(application, 'prebuilds'))) {
    if (name !== addon) rmSync(join(application, 'prebuilds', name), { recursive: true });
  }
  setModes(root);

  const files = filesOf(root).filter(name => !name.startsWith('DEBIAN/'));
  write(root, 'DEBIAN/conffiles', '/etc/telpty/telpty.yaml\n');
  write(root, 'DEBIAN/md5sums', files.map(name => `${md5(join(root, name))}  ${name}\n`).join(''));
  write(
    root,
    'DEBIAN/control',
    controlFile(
      debianVersion,
      files.map(name => join(root, name)),
    ),
  );
  setModes(join(root, 'DEBIAN'));

  mkdirSync(values.output, { recursive: true });
  const file = resolve(values.output, `telpty_${debianVersion}_${arch}.deb`);
  run('dpkg-deb', ['--build', '--root-owner-group', '-Zxz', root, file]);
  return file;
}

/** Installs the npm package and its production dependencies, without what only compilers and debuggers read. */
function installModules(root) {
  const place = join(root, dirname(MODULES));
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'package.json'), '{ "private": true }');
  const options = ['--omit=dev', '--ignore-scripts', '--no-package-lock', '--no-bin-links', '--no-audit', '--no-fund'];
  run('npm', ['install', ...options, '--prefer-offline', '--loglevel=error', resolve(tarball)], { cwd: place });
  const modules = join(root, MODULES);
  for (const name of ['@types', 'undici-types', '.package-lock.json'])
    rmSync(join(modules, name), { recursive: true, force: true });
  for (const name of filesOf(modules)) {
    const isOurs = name.startsWith('telpty/');
    if (/\.(?:d\.[cm]?ts|map)$/.test(name) || (!isOurs && UNUSED.test(name))) rmSync(join(modules, name));
  }
  removeEmptyFolders(modules);
  rmSync(join(place, 'package.json'));
  return join(modules, 'telpty');
}

function controlFile(version, files) {
  const kibibytes = files.reduce((sum, file) => sum + Math.ceil(statSync(file).size / 1_024), 0);
  return `Package: telpty
Version: ${version}
Architecture: ${arch}
Maintainer: ${MAINTAINER}
Installed-Size: ${kibibytes}
Depends: nodejs (>= 20.19), libc6 (>= 2.28), systemd | systemd-standalone-sysusers | systemd-sysusers
Suggests: nethack-console
Section: net
Priority: optional
Homepage: https://www.npmjs.com/package/telpty
Description: Telnet server that runs a program for every connection
 Every connection gets its own program on a pseudo-terminal, with the size,
 type and character set of the client's terminal. telpty speaks the whole
 Telnet protocol, and TLS. "telpty connect" is a client.
 .
 The service is installed, but neither enabled nor started: set the program
 in /etc/telpty/telpty.yaml first.
`;
}

function debianChangelog(version) {
  const date = new Date(epoch * 1_000).toUTCString().replace('GMT', '+0000');
  return `telpty (${version}) unstable; urgency=medium

  * See /usr/share/doc/telpty/changelog.gz.

 -- ${MAINTAINER}  ${date}
`;
}

/**
 * A machine-readable copyright file; the licences are those that the packages name, with the holders of their own
 * files.
 */
function copyright(modules) {
  const stanzas = [
    `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: telpty
Source: https://www.npmjs.com/package/telpty`,
  ];
  const texts = new Map();
  const names = readdirSync(modules).flatMap(name =>
    name.startsWith('@') ? readdirSync(join(modules, name)).map(inner => `${name}/${inner}`) : [name],
  );
  for (const name of ['telpty', ...names.filter(name => name !== 'telpty')]) {
    const directory = join(modules, name);
    const { license, author } = JSON.parse(read(join(directory, 'package.json')));
    if (typeof license !== 'string') fail(`${name}: no license in package.json; look it up and name it here`);
    const file = readdirSync(directory).find(entry => /^licen[cs]e(?:[.-](?:md|txt|mit))?$/i.test(entry));
    const text = file === undefined ? '' : read(join(directory, file));
    const holders = [...text.matchAll(/^\W*(copyright (?:\(c\)|©|\d).*)$/gim)].map(([, line]) =>
      line.replace(/^copyright\s*/i, '').trim(),
    );
    if (holders.length === 0)
      holders.push(`authors of ${name}${author === undefined ? '' : `: ${author.name ?? author}`}`);
    const where = name === 'telpty' ? '*' : `${MODULES}/${name}/*`;
    stanzas.push(`Files: ${where}\nCopyright: ${holders.join('\n ')}\nLicense: ${license}`);
    if (!texts.has(license) || texts.get(license) === '') texts.set(license, text);
  }
  for (const [license, text] of texts) {
    const body =
      license === 'Apache-2.0'
        ? 'The text is in /usr/share/common-licenses/Apache-2.0.'
        : text || `See the package for the text of ${license}.`;
    const lines = body
      .trim()
      .split('\n')
      .filter(line => !/^\W*copyright (?:\(c\)|©|\d)/i.test(line));
    stanzas.push(
      `License: ${license}\n${lines.map(line => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`)).join('\n')}`,
    );
  }
  return `${stanzas.join('\n\n')}\n`;
}

function removeEmptyFolders(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) removeEmptyFolders(join(directory, entry.name));
  }
  if (readdirSync(directory).length === 0) rmdirSync(directory);
}

/** 755 for directories and scripts, 644 for all else, whatever umask and npm left. */
function setModes(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) setModes(path);
    else if (entry.isFile()) {
      chmodSync(path, readFileSync(path).subarray(0, 2).toString() === '#!' ? 0o755 : 0o644);
    }
  }
  chmodSync(directory, 0o755);
}

function filesOf(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}

function write(root, name, content) {
  const path = join(root, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** As `gzip -9n`: no name and no time in it. */
function gzip(content) {
  return gzipSync(content, { level: 9 });
}

function md5(path) {
  return createHash('md5').update(readFileSync(path)).digest('hex');
}

function read(path) {
  return readFileSync(path, 'utf8');
}

function run(file, args, options = {}) {
  return execFileSync(file, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
    ...options,
  });
}

function fail(message, status = 1) {
  process.stderr.write(`build.mjs: ${message}\n`);
  process.exit(status);
}
