/**
 * What sort of program the peer is, as far as it matters to what it is sent.
 * `'mud'`: takes WILL ECHO for a password prompt. `'microsoft'`: Windows' own telnet, thrown by a question for USER.
 * `'bbs'`: draws ANSI art in CP437. `'minimal'`: no terminal to speak of. `'terminal'`: anything else with a name.
 */
export type ClientKind = 'mud' | 'microsoft' | 'bbs' | 'minimal' | 'terminal';

// By the beginning of the name: some put a version behind it. From telnetlib3's list of MUD terminals (fingerprinting.py),
// but for "portal", which begins too many names; and Blightmud, from its own ttype.lua.
const MUD_CLIENTS =
  /^(mudlet|[cz]mud|mushclient|atlantis|tintin|tt\+\+|blowtorch|mudrammer|kildclient|beip|savitar|blightmud)/i;
// Its list is ANSI, VT100, VT52, VTNT; telnetlib3 knows it by the first two as well (server.py, its issue 24).
const MICROSOFT = [/^ansi$/i, /^vt100$/i] as const;
// SyncTERM answers "syncterm" (telnetlib3, fingerprinting.py); the others are terminfo's names for what such terminals do.
const BBS_CLIENTS = /^(syncterm|ansi-bbs|pcansi)/i;
// "network" and "unknown" are BSD's names for no knowledge, RFC 1091 has UNKNOWN too; a client without TTYPE has no name.
const MINIMAL = /^(dumb|unknown|network|)$/i;

/**
 * The kind of the client, from its terminal types. Call it when they are complete: `ANSI` alone is a terminal, and
 * `ANSI, VT100` is Microsoft's client; no names at all are a client without TTYPE.
 *
 * @param names in the peer's order, without `MTTS n`: the `names` of a `terminal-type` event
 * @param mtts the `mtts` of that event
 */
export function clientKind(names: readonly string[], mtts?: number): ClientKind {
  // None but MUD clients (and proxies for them) answer with MTTS: https://tintin.mudhalla.net/protocols/mtts/.
  if (mtts !== undefined || names.some(name => MUD_CLIENTS.test(name))) return 'mud';
  const first = names[0] ?? '';
  const second = names[1] ?? '';
  if (MICROSOFT[0].test(first) && MICROSOFT[1].test(second)) return 'microsoft';
  if (BBS_CLIENTS.test(first)) return 'bbs';
  return MINIMAL.test(first) ? 'minimal' : 'terminal';
}
