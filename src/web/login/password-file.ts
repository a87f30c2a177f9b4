/** Reads a file of users and passwords, as `htpasswd -B` makes it: `NAME:HASH`, one in each line, with bcrypt. */
import { readFileSync } from 'node:fs';
import { TelptyError } from '../../errors.ts';
import { errorText } from '../../native/system-error.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { USER_NAME } from '../options.ts';

/** The hashes of passwords by the names of their users. */
export type Passwords = ReadonlyMap<string, string>;

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
/** The highest cost, as the logarithm of rounds: a check takes 1 s and more. */
const MOST_COST = 14;

/**
 * @throws TelptyError `ERR_RUNTIME` if the file cannot be read, or a line is malformed; the message names the line.
 */
export function readPasswordFile(file: string): Passwords {
  const shown = escapeText(file);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new TelptyError('ERR_RUNTIME', `cannot read ${shown}: ${errorText(cause)}`, { file, cause });
  }
  const passwords = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const problem = take(line, passwords);
    if (problem !== undefined)
      throw new TelptyError('ERR_RUNTIME', `${shown}, line ${index + 1}: ${problem}`, { file });
  }
  if (passwords.size > 0) return passwords;
  throw new TelptyError('ERR_RUNTIME', `${shown} names no user; add one with: htpasswd -B ${shown} NAME`, { file });
}

function take(line: string, passwords: Map<string, string>): string | undefined {
  const colon = line.indexOf(':');
  if (colon < 0) return 'is not NAME:HASH';
  const name = line.slice(0, colon);
  const hash = line.slice(colon + 1);
  const label = escapeText(name, 64);
  if (!USER_NAME.test(name)) return `'${label}' is not a user name (letters, digits and . _ @ + -, at most 64)`;
  if (passwords.has(name)) return `'${label}' is named twice`;
  const [, cost] = BCRYPT.exec(hash) ?? [];
  if (cost === undefined) return `the password of '${label}' is not in bcrypt; set it with htpasswd -B`;
  if (Number(cost) > MOST_COST)
    return `the password of '${label}' has cost ${cost}; use a cost of at most ${MOST_COST}`;
  passwords.set(name, hash);
  return undefined;
}

const costOf = (hash: string) => Number(BCRYPT.exec(hash)?.[1]);

/**
 * The hashes to check for a password that is wrong, the one of the user first. All names cost as much as the most
 * expensive hash in the file. Otherwise the time of the answer would show which users exist, and have a cheap hash.
 *
 * @param hash of the user; `undefined` for an unknown one.
 */
export function hashesToCheck(hash: string | undefined, passwords: Passwords): string[] {
  const [first = '', ...others] = passwords.values();
  const dearest = others.reduce((most, other) => (costOf(other) > costOf(most) ? other : most), first);
  if (hash === undefined) return [dearest];
  const hashes = [hash];
  // Each step of the cost doubles the work, so 2^c + 2^c + 2^(c+1) + … + 2^(m-1) = 2^m.
  for (let cost = costOf(hash); cost < costOf(dearest); cost++) {
    hashes.push(dearest.replace(/(?<=^\$2.\$)\d\d/, String(cost).padStart(2, '0')));
  }
  return hashes;
}
