/**
 * The names that clients use for their terminals, and the names of the same terminals in terminfo: pure policy, no I/O.
 *
 * RFC 1091 takes its names from the Assigned Numbers (RFC 1700: `DEC-VT220`, `WYSE-50`), in any case. GNU telnet sends
 * TERM in capitals. MUD clients send the names of MTTS (`XTERM-TRUECOLOR`). Terminfo's names are case-sensitive and
 * mostly lower case.
 */

/** The only names that are looked up. All are file names without a directory; `.` and `..` are rejected below. */
const NAME = /^[A-Za-z0-9._+-]{1,40}$/;

/** Why a text is not a terminal type; `undefined` if it is one. The same rules apply to the operator's default. */
export function terminalNameRefusal(name: string): string | undefined {
  if (name.length > 40) return 'longer than 40 characters';
  if (name.startsWith('-')) return "begins with '-', as an option does";
  if (name.includes('..')) return "has '..', as a path does";
  return NAME.test(name) && !name.startsWith('.') ? undefined : 'not only letters, digits and . _ + -';
}

/**
 * Names of lines instead of terminals, which carry no information: UNKNOWN is from RFC 1091, the others are in
 * terminfo.
 */
const UNSPECIFIC = new Set(['unknown', 'network', 'arpanet', 'dialup', 'ethernet', 'switch']);

/** Whether this is the name that a client sends if it does not know its terminal. */
export function isUnspecific(name: string): boolean {
  return UNSPECIFIC.has(name.toLowerCase());
}

/**
 * Terminal types that are replaced by `ansi`. The terminfo entries of the first two contain padding delays, which
 * appear as garbage or delays on everything except the real terminal. `vtnt` (Microsoft's) has no entry at all.
 */
const BECOMES_ANSI = new Set(['vt100', 'vt52', 'vtnt']);

/** Other names of the same terminal, lower case, in the order in which they are tried. */
const ALIASES: ReadonlyMap<string, readonly string[]> = new Map([
  ['vt200', ['vt220']],
  ['vt300', ['vt320']],
  ['vt400', ['vt420']],
  ['vt500', ['vt520']],
  ['sco-ansi', ['scoansi']],
  ['pc-ansi', ['pcansi']],
  ['ansi.sys', ['pcansi', 'ansi']],
  ['ansi-bbs', ['ansi']],
  ['adm-3a', ['adm3a']],
  ['lsi-adm-3a', ['adm3a']],
  ['apple_terminal', ['nsterm']],
  ['ghostty', ['xterm-ghostty']],
  ['xterm-ghostty', ['ghostty']],
  ['kitty', ['xterm-kitty']],
  // The names of the MUD Terminal Type Standard that terminfo does not have.
  ['ansi-256color', ['ansi']],
  ['ansi-truecolor', ['ansi']],
  ['vt100-256color', ['vt100']],
  ['vt100-truecolor', ['vt100']],
  ['xterm-truecolor', ['xterm-256color', 'xterm']],
  ['eterm', ['Eterm']],
  ['eterm-color', ['Eterm-color']],
  ['eterm-256color', ['Eterm-256color', 'Eterm-color']],
]);

/** The manufacturers' prefixes of the Assigned Numbers, and their form in terminfo. */
const MAKERS: readonly (readonly [RegExp, string])[] = [
  [/^dec-?vt-?(?=\d)/, 'vt'],
  [/^vt-(?=\d)/, 'vt'],
  [/^wyse-?(?=\d)/, 'wy'],
  [/^televideo-?(?=\d)/, 'tvi'],
  [/^hp-(?=\d)/, 'hp'],
  [/^ibm-(?=\d)/, 'ibm'],
];

/**
 * The names under which terminfo may list the terminal that a client calls `name`, best first. `name` must be valid.
 */
export function terminfoNames(name: string): readonly string[] {
  const lower = name.toLowerCase();
  const names = [lower, name];
  const maker = MAKERS.find(([prefix]) => prefix.test(lower));
  const usual = maker === undefined ? lower : lower.replace(...maker);
  names.push(usual, ...(ALIASES.get(usual) ?? []));
  // GNU screen appends the name of the outer terminal after the dot.
  if (lower.startsWith('screen.')) names.push('screen');
  return [...new Set(names.map(each => (BECOMES_ANSI.has(each) ? 'ansi' : each)))];
}

/** The name to use if it is unknown which names the host has. */
export function likelyTerminfoName(name: string): string {
  const lower = name.toLowerCase();
  const maker = MAKERS.find(([prefix]) => prefix.test(lower));
  const usual = maker === undefined ? lower : lower.replace(...maker);
  return BECOMES_ANSI.has(usual) ? 'ansi' : usual;
}

/**
 * The first of a client's names that the host knows, in the form of terminfo.
 *
 * @param names as received from the client, in the order of its TTYPE cycle.
 * @param knows whether terminfo has an entry; `undefined` if that is unknown.
 */
export function firstKnownTerminal(
  names: readonly string[],
  knows: (name: string) => boolean | undefined,
): string | undefined {
  for (const name of names) {
    if (terminalNameRefusal(name) !== undefined || isUnspecific(name)) continue;
    const known = terminfoNames(name).find(each => knows(each) === true);
    if (known !== undefined) return known;
  }
  return undefined;
}
