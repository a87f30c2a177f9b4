/** The settings that decide which clients get a session: `--max-sessions` and the like, `--allow` and `--deny`. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { TelptyError } from '../../errors.ts';
import { errorText } from '../../native/system-error.ts';
import { type Addresses, SessionLimits, sessionLimitsOptions } from '../../shells/guards/session-limits.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { AddressList, normalAddress } from '../../transport/pre-session/address-list.ts';
import { usage } from '../options/usage.ts';
import type { Reloadables } from './reload.ts';
import { optionsFor, type ServeSettings } from './settings.ts';

/**
 * Creates the limits of all sessions of this server.
 *
 * @param reloadables receives the address lists, which a reload reads again. Existing sessions are not affected: an
 *   operator who bans their own address by mistake keeps the session in which they can see that.
 * @throws TelptyError `ERR_RUNTIME` if a list cannot be read, `ERR_USAGE` if an entry is not an address.
 */
export function createSessionLimits(settings: ServeSettings, reloadables?: Reloadables): SessionLimits {
  const sessionLimits = new SessionLimits({ ...optionsFor(sessionLimitsOptions, settings), ...readLists(settings) });
  reloadables?.add({
    name: 'address lists',
    options: ['allow', 'deny'],
    prepare: newer => {
      const lists = readLists(newer);
      return () => sessionLimits.setAddresses(lists);
    },
  });
  return sessionLimits;
}

/** @throws TelptyError `ERR_RUNTIME` if a list cannot be read, `ERR_USAGE` if an entry is not an address. */
export function readLists({ allow, deny }: ServeSettings): { allow?: Addresses; deny?: Addresses } {
  return {
    // A list that is given but empty allows no address: it decides by being given.
    ...(allow.length > 0 ? { allow: readList('--allow', allow.flat()) } : {}),
    ...(deny.length > 0 ? { deny: readList('--deny', deny.flat()) } : {}),
  };
}

/** @param entries addresses, ranges, and names of files after an `@`. */
function readList(option: string, entries: readonly string[]): Addresses {
  const singles = new Set<string>();
  const ranges: string[] = [];
  const add = (entry: string) => {
    if (entry.includes('/')) ranges.push(entry);
    else singles.add(normalAddress(entry));
  };
  for (const entry of entries) {
    if (entry.startsWith('@')) readFile(option, entry.slice(1), add);
    else add(entry);
  }
  const list = AddressList.parse(ranges);
  // Most banned entries are single addresses, thousands of them, and a list of ranges is searched linearly.
  return { has: address => singles.has(address) || list.has(address) };
}

function readFile(option: string, name: string, add: (entry: string) => void): void {
  const shown = escapeText(name);
  const lines = contentOf(option, name, shown).split('\n');
  for (const [index, line] of lines.entries()) {
    const entry = line.replace(/#.*/, '').trim();
    if (entry === '') continue;
    try {
      AddressList.parse([entry]);
    } catch {
      const words = `'${escapeText(entry, 60)}' is neither an IP address nor a range like 10.0.0.0/8`;
      throw usage(`${option}: ${shown}, line ${index + 1}: ${words}`);
    }
    add(entry);
  }
}

function contentOf(option: string, name: string, shown: string): string {
  const file = resolve(name);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const words = `${option}: cannot read ${shown}: ${errorText(error)}`;
    throw new TelptyError('ERR_RUNTIME', words, { file, cause: error });
  }
}
