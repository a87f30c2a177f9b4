/**
 * The table of Telnet options: what a server and a client of this library speak. docs/protocol.md shows it. A new option is a file
 * in protocol/options/, its exports in protocol/index.ts, a row here, vectors in test/vectors/options/, and a row in docs/protocol.md.
 */
import {
  binary,
  echo,
  endOfRecord,
  environ,
  flowControl,
  linemode,
  logout,
  mccp2,
  mccp3,
  newEnviron,
  type OptionDefinition,
  type Speed,
  sendLocation,
  specialCharactersOf,
  status,
  suppressGoAhead,
  terminalSpeed,
  terminalType,
  timingMark,
  windowSize,
  xDisplayLocation,
} from '../protocol/index.ts';

// Options of which one definition serves all sessions, so that a shell can reach its handler whichever server it is in:
// `session.telnet.handler(linemodeOption)`. A server may have been made with another definition instead; ask
// `session.telnet.has(linemodeOption)` first.

/** The control characters of a terminal that nobody has changed, for clients that ask before there is one. */
const USUAL = specialCharactersOf({
  ...{ vintr: 3, vquit: 28, verase: 127, vkill: 21, veof: 4, vstart: 17, vstop: 19, vsusp: 26 },
  ...{ vreprint: 18, vdiscard: 15, vwerase: 23, vlnext: 22 },
});

/** Editing by the client (RFC 1184): off until a shell asks for it, since only a shell knows who echoes. */
export const linemodeOption = linemode({ role: 'server', consent: 'request', usual: USUAL });

/** Whether the client's ^S and ^Q stop and restart its output (RFC 1372): off until a shell asks for it. */
export const flowControlOption = flowControl({ remote: 'request' });

/** How each end sees the options (RFC 859), both ways. `session.telnet.handler(statusOption).ask()` asks the client. */
export const statusOption = status({ local: true, remote: true });

/** Marks in the stream (RFC 860): a peer that answers one has read all that was sent before it. */
export const timingMarkOption = timingMark();

/** What a server asks its clients for. */
export interface ServerFacts {
  /** The names of environment variables. */
  readonly variables: readonly string[];
  readonly charset: OptionDefinition;
  readonly compression: boolean;
}

/** What a client can tell its server. Options without a value to tell are refused. */
export interface ClientFacts {
  readonly types: readonly string[];
  readonly hasSize: boolean;
  readonly speed: Speed | undefined;
  readonly display: string | undefined;
  readonly location: string | undefined;
  readonly variables: ReadonlyMap<string, string>;
  readonly charset: OptionDefinition;
  readonly compression: boolean;
}

interface Row {
  readonly server?: (facts: ServerFacts) => OptionDefinition | undefined;
  readonly client?: (facts: ClientFacts) => OptionDefinition | undefined;
}

const both = { local: true, remote: true };

/**
 * A server agrees to what a shell decides (ECHO, SGA, which together are the line discipline, and flow control) only once the shell
 * requests it: PuTTY asks for SGA wherever it connects, and does not edit lines where it gets it. Few programs use speed, X
 * display and location: a client that offers them is asked, and no other.
 */
const ROWS: readonly Row[] = [
  { server: () => binary(both), client: () => binary(both) },
  { server: () => echo({ local: 'request' }), client: () => echo({ remote: true }) },
  {
    server: () => suppressGoAhead({ local: 'request', remote: true }),
    client: () => suppressGoAhead(both),
  },
  { server: () => terminalType({ collect: true }), client: ({ types }) => terminalType({ names: types }) },
  {
    server: () => windowSize({ receive: true }),
    client: ({ hasSize }) => (hasSize ? windowSize({ report: true }) : undefined),
  },
  {
    server: ({ variables }) => newEnviron({ request: variables }),
    client: ({ variables }) => (variables.size > 0 ? newEnviron({ offer: variables }) : undefined),
  },
  {
    server: ({ variables }) => environ({ request: variables }),
    client: ({ variables }) => (variables.size > 0 ? environ({ offer: variables }) : undefined),
  },
  { server: ({ charset }) => charset, client: ({ charset }) => charset },
  { server: () => statusOption, client: () => statusOption },
  { server: () => timingMarkOption, client: () => timingMarkOption },
  { server: () => endOfRecord(both), client: () => endOfRecord(both) },
  { server: () => logout({ local: true }), client: () => logout({ remote: true }) },
  { server: () => linemodeOption },
  { server: () => flowControlOption },
  {
    server: () => terminalSpeed({ ask: true }),
    client: ({ speed }) => speed && terminalSpeed({ speed }),
  },
  {
    server: () => xDisplayLocation({ ask: true }),
    client: ({ display }) => (display === undefined ? undefined : xDisplayLocation({ display })),
  },
  {
    server: () => sendLocation({ receive: true }),
    client: ({ location }) => (location === undefined ? undefined : sendLocation({ location })),
  },
  // MCCP2 is for what the server sends, MCCP3 for what the client sends.
  {
    server: ({ compression }) => (compression ? mccp2({ local: true }) : undefined),
    client: ({ compression }) => (compression ? mccp2({ remote: true }) : undefined),
  },
  {
    server: ({ compression }) => (compression ? mccp3({ local: true }) : undefined),
    client: ({ compression }) => (compression ? mccp3({ remote: true }) : undefined),
  },
];

/** The options of a server. Those in `own` replace options of the same code. */
export function serverTable(facts: ServerFacts, own: readonly OptionDefinition[]): OptionDefinition[] {
  return combine(
    ROWS.map(({ server }) => server?.(facts)),
    own,
  );
}

/** The options of a client, likewise: it agrees to them when the server asks. */
export function clientTable(facts: ClientFacts, own: readonly OptionDefinition[]): OptionDefinition[] {
  return combine(
    ROWS.map(({ client }) => client?.(facts)),
    own,
  );
}

function combine(
  table: readonly (OptionDefinition | undefined)[],
  own: readonly OptionDefinition[],
): OptionDefinition[] {
  const replaced = new Set(own.map(({ code }) => code));
  return [...table.filter(option => option !== undefined && !replaced.has(option.code)), ...own] as OptionDefinition[];
}
