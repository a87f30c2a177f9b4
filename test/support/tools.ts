import { accessSync, constants } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The programs the tests drive, and the Debian package that brings each. */
export const PACKAGES = {
  bash: 'bash',
  bwrap: 'bubblewrap',
  chromium: 'chromium',
  curl: 'curl',
  faketime: 'faketime',
  htop: 'htop',
  ip: 'iproute2',
  kermit: 'ckermit',
  less: 'less',
  // With its sources of locales; the program alone is in libc-bin.
  localedef: 'locales',
  nc: 'netcat-openbsd',
  nethack: 'nethack-console',
  nmap: 'nmap',
  openssl: 'openssl',
  perl: 'perl',
  plink: 'putty-tools',
  python3: 'python3',
  socat: 'socat',
  'systemd-analyze': 'systemd',
  'systemd-socket-activate': 'systemd',
  telnet: 'inetutils-telnet',
  'telnet-chatd': 'libtelnet-utils',
  'telnet-client': 'libtelnet-utils',
  'telnet-ssl': 'telnet-ssl',
  tf5: 'tf5',
  tmux: 'tmux',
  'tt++': 'tintin++',
  vim: 'vim',
  worm: 'bsdgames',
} as const;

/** What the tests need beside programs: modules of Perl and Python, and what an unpacked program is linked with. */
export const FURTHER_PACKAGES = ['libgensio4', 'libnet-telnet-perl', 'python3-serial', 'python3-twisted'];

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

// Not PATH: a developer's own python3 or vim in front of it would be another program than the one the test was written for.
const DIRECTORIES = ['/usr/bin', '/bin', '/usr/games', '/usr/local/bin'];
const UNPACKED_DIRECTORY = fileURLToPath(new URL('../../.cache/debian', import.meta.url));

/**
 * The absolute path of a program that a test drives. A missing one is a failure, here and on CI: a test that is skipped
 * proves nothing.
 */
export function requireTool(name: Tool): string {
  if (name in UNPACKED) {
    const [packageName, place] = UNPACKED[name as keyof typeof UNPACKED];
    const path = `${UNPACKED_DIRECTORY}/${packageName}/${place}`;
    if (isExecutable(path)) return path;
    throw new Error(`the test needs ${name} of ${packageName}: .ci/unpack`);
  }
  const path = DIRECTORIES.map(directory => `${directory}/${name}`).find(isExecutable);
  if (path !== undefined) return path;
  throw new Error(`the test needs ${name}: apt-get install ${PACKAGES[name as keyof typeof PACKAGES]}`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
