/**
 * The table of Telnet options that a server and a client of this library support. docs/protocol.md shows it. A new
 * option needs a file in protocol/options/, exports in protocol/index.ts, a row here, vectors in test/vectors/options/,
 * and a row in docs/protocol.md.
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

// The definitions of these options are shared by all sessions, so that a shell finds its handler on any server:
// `session.telnet.handler(linemodeOption)`. A server may have been created with another definition instead; check
// `session.telnet.has(linemodeOption)` first.

/** The default control characters of a terminal, for clients that ask before there is a terminal. */
const USUAL = specialCharactersOf({
  ...{ vintr: 3, vquit: 28, verase: 127, vkill: 21, veof: 4, vstart: 17, vstop: 19, vsusp: 26 },
  ...{ vreprint: 18, vdiscard: 15, vwerase: 23, vlnext: 22 },
});

/** Editing by the client (RFC 1184): off until a shell requests it, since only a shell knows which end echoes. */
export const linemodeOption = linemode({ role: 'server', consent: 'request', usual: USUAL });

/** Whether the client's ^S and ^Q stop and restart its output (RFC 1372): off until a shell requests it. */
export const flowControlOption = flowControl({ remote: 'request' });

/**
 * The state of the options at each end (RFC 859), both ways. `session.telnet.handler(statusOption).ask()` asks the
 * client.
 */
export const statusOption = status({ local: true, remote: true });

/** Marks in the stream (RFC 860): a peer that answers one has read everything that was sent before it. */
export const timingMarkOption = timingMark();

/** The settings of a server that decide which options it has. */
export interface ServerFacts {
  /** The names of the environment variables that clients are asked for. */
  readonly variables: readonly string[];
  readonly charset: OptionDefinition;
  readonly compression: boolean;
}

/** The values that a client can report to its server. Options without a value are refused. */
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
 * ECHO, SGA and flow control are decided by a shell (ECHO and SGA together are the line discipline). A server agrees to
 * them only once the shell requests them. PuTTY asks for SGA on every connection, and does not edit lines if it gets
 * it. Few programs use the speed, the X display and the location, so only clients that offer them are asked for them.
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
  // MCCP2 compresses the output of the server, MCCP3 that of the client.
  {
    server: ({ compression }) => (compression ? mccp2({ local: true }) : undefined),
    client: ({ compression }) => (compression ? mccp2({ remote: true }) : undefined),
  },
  {
    server: ({ compression }) => (compression ? mccp3({ local: true }) : undefined),
    client: ({ compression }) => (compression ? mccp3({ remote: true }) : undefined),
  },
];

/** The options of a server. Options in `own` replace those of the same code. */
export function serverTable(facts: ServerFacts, own: readonly OptionDefinition[]): OptionDefinition[] {
  return combine(
    ROWS.map(({ server }) => server?.(facts)),
    own,
  );
}

/** The options of a client, with the same replacement. A client agrees to them when the server asks. */
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
