import { accessSync, constants } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The programs the tests drive, and the Debian package that brings each. */
export const PACKAGES = {
  asciinema: 'asciinema',
  bash: 'bash',
  buildah: 'buildah',
  bwrap: 'bubblewrap',
  chromium: 'chromium',
  curl: 'curl',
  faketime: 'faketime',
  fish: 'fish',
  htop: 'htop',
  ip: 'iproute2',
  kermit: 'ckermit',
  less: 'less',
  lintian: 'lintian',
  // With its sources of locales; the program alone is in libc-bin.
  localedef: 'locales',
  mandoc: 'mandoc',
  'musl-gcc': 'musl-tools',
  nc: 'netcat-openbsd',
  nethack: 'nethack-console',
  nmap: 'nmap',
  openssl: 'openssl',
  perl: 'perl',
  plink: 'putty-tools',
  python3: 'python3',
  'qemu-aarch64-static': 'qemu-user-static',
  socat: 'socat',
  strace: 'strace',
  'systemd-analyze': 'systemd',
  'systemd-socket-activate': 'systemd',
  telnet: 'inetutils-telnet',
  'telnet-chatd': 'libtelnet-utils',
  'telnet-client': 'libtelnet-utils',
  'telnet-ssl': 'telnet-ssl',
  tf5: 'tf5',
  tmux: 'tmux',
  'tt++': 'tintin++',
  ttyplay: 'ttyrec',
  ttyrec: 'ttyrec',
  vim: 'vim',
  worm: 'bsdgames',
  zsh: 'zsh',
} as const;

/**
 * What the tests need beside programs: modules of Perl and Python, what an unpacked program is linked with, and what
 * Node.js for arm64 is.
 */
export const FURTHER_PACKAGES = [
  ...['libgensio4', 'libnet-telnet-perl', 'python3-serial', 'python3-twisted'],
  ...['libatomic1-arm64-cross', 'libc6-arm64-cross', 'libgcc-s1-arm64-cross', 'libstdc++6-arm64-cross'],
];

/**
 * Programs of packages that are unpacked, not installed (`.ci/unpack` says why), with their place in the package. The
 * installed busybox of Debian has no telnetd.
 */
export const UNPACKED = {
  busybox: ['busybox-static', 'bin/busybox'],
  'in.telnetd': ['telnetd-ssl', 'usr/sbin/in.telnetd'],
  'linux.uml': ['user-mode-linux', 'usr/bin/linux.uml'],
  ser2net: ['ser2net', 'usr/sbin/ser2net'],
  telnetd: ['inetutils-telnetd', 'usr/sbin/telnetd'],
} as const;

export type Tool = keyof typeof PACKAGES | keyof typeof UNPACKED;

// Not PATH: a developer's own python3 or vim in front of it would be another program than the one the test was written
// for.
const DIRECTORIES = ['/usr/bin', '/bin', '/usr/games', '/usr/local/bin'];
const UNPACKED_DIRECTORY = fileURLToPath(new URL('../../../.cache/debian', import.meta.url));

/**
 * What this machine lacks for a test. `scripts/test.mjs` shows the test as skipped, with the message as the reason, and
 * as failed on CI, where a skipped test would prove nothing.
 */
export class MissingRequirement extends Error {
  // Errors cross from the test's process to the runner's without their class.
  readonly code = 'ERR_MISSING_REQUIREMENT';
}

/** Throws `MissingRequirement` unless the tests run as root. */
export function requireRoot(): void {
  if (process.getuid?.() !== 0) throw new MissingRequirement('needs root');
}

/**
 * The absolute path of a program that a test drives.
 *
 * @throws MissingRequirement if it is not installed.
 */
export function requireTool(name: Tool): string {
  if (name in UNPACKED) {
    const [packageName, place] = UNPACKED[name as keyof typeof UNPACKED];
    const path = `${UNPACKED_DIRECTORY}/${packageName}/${place}`;
    if (isExecutable(path)) return path;
    throw new MissingRequirement(`needs ${name} of ${packageName}: .ci/unpack`);
  }
  const path = DIRECTORIES.map(directory => `${directory}/${name}`).find(isExecutable);
  if (path !== undefined) return path;
  throw new MissingRequirement(`needs ${name}: apt-get install ${PACKAGES[name as keyof typeof PACKAGES]}`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
