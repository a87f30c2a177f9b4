import { accessSync, constants } from 'node:fs';

/** The programs the tests drive, and the Debian package that brings each: together `.ci/debian-packages`. */
export const PACKAGES = {
  bash: 'bash',
  chromium: 'chromium',
  htop: 'htop',
  less: 'less',
  nc: 'netcat-openbsd',
  nethack: 'nethack-console',
  openssl: 'openssl',
  perl: 'perl',
  plink: 'putty-tools',
  python3: 'python3',
  telnet: 'inetutils-telnet',
  telnetd: 'inetutils-telnetd',
  tmux: 'tmux',
  'tt++': 'tintin++',
  vim: 'vim',
  worm: 'bsdgames',
} as const;

export type Tool = keyof typeof PACKAGES;

// Not PATH: a developer's own python3 or vim in front of it would be another program than the one the test was written for.
const DIRECTORIES = ['/usr/bin', '/bin', '/usr/games', '/usr/local/bin', '/usr/sbin'];

/**
 * The absolute path of a program that a test drives. A missing one is a failure, here and on CI: a test that is skipped
 * proves nothing.
 */
export function requireTool(name: Tool): string {
  for (const directory of DIRECTORIES) {
    const path = `${directory}/${name}`;
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // look further
    }
  }
  throw new Error(`the test needs ${name}: apt-get install ${PACKAGES[name]}`);
}
