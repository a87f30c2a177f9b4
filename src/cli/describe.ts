/**
 * Telnet in words, for the log: `sent DO TTYPE`, `received SB NAWS 80x24`. What the peer sent is escaped and cut.
 *
 * Only what negotiates is spelled out. Subnegotiations of other options are counted, not shown: GMCP, for one, carries
 * passwords.
 */
import { commandName, Option, optionName, type TraceRecord } from '../protocol/index.ts';
import { escapeText } from '../shells/escape.ts';

/** One command, negotiation or subnegotiation in words. */
export function describeRecord(record: TraceRecord): string {
  switch (record.kind) {
    case 'command':
      return commandName(record.command);
    case 'negotiation':
      return `${commandName(record.verb)} ${optionName(record.option)}`;
    case 'subnegotiation':
      return `SB ${optionName(record.option)} ${describePayload(record.option, record.payload)}`;
  }
}

/** The longest text of the peer in a log line. */
const maxText = 80;
/** At most so many variables are told. */
const maxVariables = 20;

const quoted = (bytes: Uint8Array) => `"${escapeText(Buffer.from(bytes).toString('utf8'), maxText)}"`;
const counted = (bytes: Uint8Array) => `(${bytes.length} bytes)`;

type Describe = (payload: Uint8Array) => string | undefined;

/** IS and SEND, which most options of this kind share (RFC 1091, 1079, 1096). */
const isOrSend: Describe = payload => {
  if (payload[0] === 0) return `IS ${quoted(payload.subarray(1))}`;
  return payload[0] === 1 && payload.length === 1 ? 'SEND' : undefined;
};

const windowSize: Describe = payload => {
  if (payload.length !== 4) return undefined;
  const [width1 = 0, width0 = 0, height1 = 0, height0 = 0] = payload;
  return `${width1 * 256 + width0}x${height1 * 256 + height0}`;
};

/** RFC 2066: the first octet is the command; of a request, the next is what separates the names. */
const charset: Describe = payload => {
  const rest = payload.subarray(1);
  if (payload[0] === 1) return `REQUEST ${quoted(rest)}`;
  if (payload[0] === 2) return `ACCEPTED ${quoted(rest)}`;
  return payload[0] === 3 ? 'REJECTED' : undefined;
};

const status: Describe = payload => {
  if (payload[0] === 1) return 'SEND';
  return payload[0] === 0 ? `IS ${counted(payload.subarray(1))}` : undefined;
};

/** RFC 1572: IS, SEND or INFO; then VAR 0 or USERVAR 3 and a name, VALUE 1 and a value; ESC 2 quotes an octet. */
const environment: Describe = payload => {
  const verb = ['IS', 'SEND', 'INFO'][payload[0] ?? -1];
  if (verb === undefined) return undefined;
  const parts: { kind: number; bytes: number[] }[] = [];
  for (let i = 1; i < payload.length && parts.length <= 2 * maxVariables; i++) {
    const octet = payload[i] ?? 0;
    if (octet === 0 || octet === 1 || octet === 3) parts.push({ kind: octet, bytes: [] });
    else parts.at(-1)?.bytes.push(octet === 2 ? (payload[++i] ?? 0) : octet);
  }
  const words = parts.map(({ kind, bytes }) => {
    const text = quoted(Uint8Array.from(bytes));
    if (kind === 1) return `= ${text}`;
    return `${kind === 0 ? 'VAR' : 'USERVAR'}${bytes.length > 0 ? ` ${text}` : ''}`;
  });
  return [verb, ...words, ...(parts.length > 2 * maxVariables ? ['…'] : [])].join(' ');
};

const describers: ReadonlyMap<number, Describe> = new Map([
  [Option.TTYPE, isOrSend],
  [Option.TSPEED, isOrSend],
  [Option.XDISPLOC, isOrSend],
  [Option.NAWS, windowSize],
  [Option.CHARSET, charset],
  [Option.STATUS, status],
  [Option.ENVIRON, environment],
  [Option.NEW_ENVIRON, environment],
]);

function describePayload(option: number, payload: Uint8Array): string {
  return describers.get(option)?.(payload) ?? counted(payload);
}

/** Bytes as lines of sixteen, in hexadecimal and as what prints of them. */
export function* dumpLines(bytes: Uint8Array): Generator<string> {
  for (let offset = 0; offset < bytes.length; offset += 16) {
    const row = Buffer.from(bytes.subarray(offset, offset + 16));
    const hex = row.toString('hex').replace(/..(?=.)/g, '$& ');
    const text = row.toString('latin1').replace(/[^ -~]/g, '.');
    yield `${offset.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${text}`;
  }
}
