/** The options of a client, and those that an active client requests first. */
import { canonicalCharset } from '../charset/index.ts';
import { either, list, nested, type OptionTable, required, text, whole } from '../options.ts';
import { charset, Option, type OptionDefinition, type Speed } from '../protocol/index.ts';
import { machineOf } from '../screen/machines/index.ts';
import { clientTable as tableOf } from '../session/option-table.ts';
import type { Session } from '../session/session.ts';

/** The terminal as the client reports it. Omitted values are not reported. */
export interface ClientTerminal {
  /**
   * The terminal type, or several, the preferred one first (RFC 1091); default `'dumb'`, for which programs send plain
   * text. A MUD client reports its own name, its terminal, and the result of `encodeMtts()` of `telpty/protocol`:
   * `['MyClient', 'XTERM', 'MTTS 13']`.
   */
  readonly type?: string | readonly string[] | undefined;
  /**
   * The width in characters, 0 to 65535, reported together with `rows` (NAWS, RFC 1073); `session.resize()` changes it.
   */
  readonly columns?: number | undefined;
  /** The height in lines, with the same range. */
  readonly rows?: number | undefined;
  /** In bits per second (RFC 1079). */
  readonly speed?: Speed | undefined;
  /** The X display, as in the variable DISPLAY (RFC 1096). */
  readonly display?: string | undefined;
  /** The location of the user, as text for people (RFC 779). */
  readonly location?: string | undefined;
}

const size = whole({ max: 65_535 });
const rate = whole({ max: 0xffff_ffff });

export const clientTerminalOptions = {
  type: either(text(), list(text(), { min: 1 }), { default: 'dumb' }),
  columns: size,
  rows: size,
  speed: nested<Speed>({ transmit: required(rate), receive: required(rate) }),
  display: text(),
  location: text(),
} satisfies OptionTable<ClientTerminal>;

/** The parameters of {@link clientTable}. */
export interface ClientOptions {
  readonly terminal: ClientTerminal;
  readonly environ: ReadonlyMap<string, string>;
  /** The canonical name. */
  readonly encoding: string;
  /** Whether compression is agreed to; default false. */
  readonly compression?: boolean;
  readonly own: readonly OptionDefinition[];
}

/** The options of a client. It agrees to options for which it has a value, when the server asks. */
export function clientTable(options: ClientOptions): OptionDefinition[] {
  const { terminal, environ: variables, encoding, compression = false, own } = options;
  const { type = clientTerminalOptions.type.default, speed, display, location } = terminal;
  return tableOf(
    {
      ...{ types: typeof type === 'string' ? [type] : type, hasSize: hasSize(terminal) },
      ...{ speed, display, location, variables, compression },
      charset: charset({ role: 'client', accept: offered => choose(offered, encoding) }),
    },
    own,
  );
}

/** Whether the size of the window is reported. */
export function hasSize({ columns, rows }: ClientTerminal): boolean {
  return columns !== undefined || rows !== undefined;
}

/**
 * Chooses our own set under any of its names; else UTF-8; else the first supported set, except those of home computers,
 * which have other keys.
 */
function choose(offered: readonly string[], encoding: string): string | undefined {
  const known = offered.filter(name => {
    const canonical = canonicalCharset(name);
    return canonical !== undefined && (canonical === encoding || machineOf(canonical) === undefined);
  });
  const named = (wanted: string) => known.find(name => canonicalCharset(name) === wanted);
  return named(encoding) ?? named('UTF-8') ?? known[0];
}

/** Options that an active client requests at once. A passive client agrees to the same options when the server asks. */
const OPENING = [
  [Option.SGA, 'remote'],
  [Option.TTYPE, 'local'],
  [Option.NAWS, 'local'],
  [Option.NEW_ENVIRON, 'local'],
  [Option.TSPEED, 'local'],
  [Option.XDISPLOC, 'local'],
  [Option.STATUS, 'remote'],
] as const;

/** Requests those of {@link OPENING} that the table allows. */
export function openNegotiation(session: Session, table: readonly OptionDefinition[]): void {
  session.batch(() => {
    for (const [code, side] of OPENING) {
      const definition = table.find(option => option.code === code);
      if (definition?.[side]) session.telnet.request(code, side, true);
    }
  });
}
