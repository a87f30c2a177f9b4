/** What a client speaks, and what it says first if it is told to. */
import { canonicalCharset } from '../charset/index.ts';
import { either, list, nested, type OptionTable, required, text, whole } from '../options.ts';
import { charset, Option, type OptionDefinition, type Speed } from '../protocol/index.ts';
import { machineOf } from '../screen/machines/index.ts';
import { clientTable as tableOf } from '../session/option-table.ts';
import type { Session } from '../session/session.ts';

/** What the client tells about its terminal. What is left out is not told. */
export interface ClientTerminal {
  /**
   * The terminal type, or several, the preferred first (RFC 1091); default `'dumb'`, for which programs send plain text.
   * A MUD client says its own name, its terminal, and what `encodeMtts()` of `telpty/protocol` makes: `['MyClient', 'XTERM', 'MTTS 13']`.
   */
  readonly type?: string | readonly string[] | undefined;
  /** The width in characters, 0 to 65535, told together with `rows` (NAWS, RFC 1073); `session.resize()` tells another. */
  readonly columns?: number | undefined;
  /** The height in lines, likewise. */
  readonly rows?: number | undefined;
  /** In bits a second (RFC 1079). */
  readonly speed?: Speed | undefined;
  /** The X display, as in the variable DISPLAY (RFC 1096). */
  readonly display?: string | undefined;
  /** Where the user is, for people (RFC 779). */
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

/** What {@link clientTable} makes a table of. */
export interface ClientOptions {
  readonly terminal: ClientTerminal;
  readonly environ: ReadonlyMap<string, string>;
  /** Canonical name. */
  readonly encoding: string;
  /** Whether compression is agreed to; default false. */
  readonly compression?: boolean;
  readonly own: readonly OptionDefinition[];
}

/** The options of a client: it agrees to what it has a value for when the server asks. */
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

/** Whether the size of the window is to be told. */
export function hasSize({ columns, rows }: ClientTerminal): boolean {
  return columns !== undefined || rows !== undefined;
}

/** Our own set under whatever name; else UTF-8; else the first that is known, but that of a home computer, which has other keys. */
function choose(offered: readonly string[], encoding: string): string | undefined {
  const known = offered.filter(name => {
    const canonical = canonicalCharset(name);
    return canonical !== undefined && (canonical === encoding || machineOf(canonical) === undefined);
  });
  const named = (wanted: string) => known.find(name => canonicalCharset(name) === wanted);
  return named(encoding) ?? named('UTF-8') ?? known[0];
}

/** What an active client asks for at once: what it would agree to if the server asked. */
const OPENING = [
  [Option.SGA, 'remote'],
  [Option.TTYPE, 'local'],
  [Option.NAWS, 'local'],
  [Option.NEW_ENVIRON, 'local'],
  [Option.TSPEED, 'local'],
  [Option.XDISPLOC, 'local'],
  [Option.STATUS, 'remote'],
] as const;

/** Asks for {@link OPENING}, as far as the table has it. */
export function openNegotiation(session: Session, table: readonly OptionDefinition[]): void {
  session.batch(() => {
    for (const [code, side] of OPENING) {
      const definition = table.find(option => option.code === code);
      if (definition?.[side]) session.telnet.request(code, side, true);
    }
  });
}
