/**
 * The keys of a modern terminal as the codes of a machine: the inverse of {@link Machine.key}, so that a key that is
 * translated to a code by the client, and from the code by the server, is the same key again.
 */
import type { Machine } from './machine.ts';

/** DEL: what the erase key of nearly every terminal sends. */
const ERASE = 0x7f;

/** The codes of a machine by what a terminal sends for the keys: characters, controls, and sequences in both modes. */
export function keyCodes(machine: Machine): ReadonlyMap<string, number> {
  const codes = new Map<string, number>();
  const add = (input: string, code: number) => {
    if (input !== '' && !codes.has(input)) codes.set(input, code);
  };
  const addKey = (code: number) => {
    for (const application of [false, true]) add(machine.key(code, { application, erase: ERASE }), code);
  };
  // Keys such as Return come before Ctrl with a letter; but the space comes from the usual code, not the shifted one.
  const special = Object.keys(machine.keys).map(Number);
  for (const code of special) if (machine.keys[code] !== ' ') addKey(code);
  for (const code of machine.preferredKeys) addKey(code);
  for (let code = 0; code < 0x100; code++) addKey(code);
  return codes;
}
