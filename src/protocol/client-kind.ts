/**
 * The kind of program at the other end, where it affects what is sent to it.
 *
 * - `'mud'` treats WILL ECHO as a password prompt.
 * - `'microsoft'` is Windows' own telnet, which cannot handle a request for USER.
 * - `'bbs'` draws ANSI art in CP437.
 * - `'minimal'` has practically no terminal.
 * - `'terminal'` is any other client with a name.
 */
export type ClientKind = 'mud' | 'microsoft' | 'bbs' | 'minimal' | 'terminal';

// Matched by prefix, because some clients append a version. From telnetlib3's list of MUD terminals
// (fingerprinting.py), except "portal", which is a prefix of too many names; and Blightmud, from its own ttype.lua.
const MUD_CLIENTS =
  /^(mudlet|[cz]mud|mushclient|atlantis|tintin|tt\+\+|blowtorch|mudrammer|kildclient|beip|savitar|blightmud)/i;
// Its list is ANSI, VT100, VT52, VTNT; telnetlib3 recognises it by the first two as well (server.py, its issue 24).
const MICROSOFT = [/^ansi$/i, /^vt100$/i] as const;
// SyncTERM answers "syncterm" (telnetlib3, fingerprinting.py); the others are terminfo's names for terminals of this
// kind.
const BBS_CLIENTS = /^(syncterm|ansi-bbs|pcansi)/i;
// "network" and "unknown" are BSD's names for an unknown terminal; RFC 1091 also has UNKNOWN. A client without TTYPE
// has no name.
const MINIMAL = /^(dumb|unknown|network|)$/i;

/**
 * The kind of the client, from its terminal types. Call this when they are complete: `ANSI` alone is a terminal, but
 * `ANSI, VT100` is Microsoft's client. An empty list is a client without TTYPE.
 *
 * @param names in the peer's order, without `MTTS n`: the `names` of a `terminal-type` event
 * @param mtts the `mtts` of that event
 */
export function clientKind(names: readonly string[], mtts?: number): ClientKind {
  // Only MUD clients (and proxies for them) answer with MTTS: https://tintin.mudhalla.net/protocols/mtts/.
  if (mtts !== undefined || names.some(name => MUD_CLIENTS.test(name))) return 'mud';
  const first = names[0] ?? '';
  const second = names[1] ?? '';
  if (MICROSOFT[0].test(first) && MICROSOFT[1].test(second)) return 'microsoft';
  if (BBS_CLIENTS.test(first)) return 'bbs';
  return MINIMAL.test(first) ? 'minimal' : 'terminal';
}
