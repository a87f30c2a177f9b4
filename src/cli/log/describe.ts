/**
 * Telnet commands as text for the log: `sent DO TTYPE`, `received SB NAWS 80x24`. Bytes of the peer are escaped and
 * cut.
 *
 * Only negotiation is shown in full. Subnegotiations of other options are counted, not shown: those of GMCP, for
 * example, carry passwords. The text of a subnegotiation comes from the file of its option, which knows the layout.
 */
import { commandName, Option, optionName, type TraceRecord } from '../../protocol/index.ts';
import type { SubnegotiationWords } from '../../protocol/options/option.ts';
import { statusWords } from '../../protocol/options/status.ts';
import { charsetWords } from '../../protocol/options/terminal/charset.ts';
import { environWords } from '../../protocol/options/terminal/environ-format.ts';
import { inquiryWords } from '../../protocol/options/terminal/inquiry.ts';
import { windowSizeWords } from '../../protocol/options/terminal/window-size.ts';
import { escapeText } from '../../shells/output/escape.ts';

/** Describes one command, negotiation or subnegotiation. */
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
const MAX_TEXT = 80;

const quoted = (bytes: Uint8Array) => `"${escapeText(Buffer.from(bytes).toString('utf8'), MAX_TEXT)}"`;

const WORDS: ReadonlyMap<number, (payload: Uint8Array) => SubnegotiationWords> = new Map([
  [Option.TTYPE, inquiryWords],
  [Option.TSPEED, inquiryWords],
  [Option.XDISPLOC, inquiryWords],
  [Option.NAWS, windowSizeWords],
  [Option.CHARSET, charsetWords],
  [Option.STATUS, statusWords],
  [Option.ENVIRON, environWords],
  [Option.NEW_ENVIRON, environWords],
]);

function describePayload(option: number, payload: Uint8Array): string {
  const words = WORDS.get(option)?.(payload) ?? [`(${payload.length} bytes)`];
  return words.map(word => (typeof word === 'string' ? word : quoted(word))).join(' ');
}

/** Formats bytes as lines of sixteen, in hexadecimal and as printable characters. */
export function* dumpLines(bytes: Uint8Array): Generator<string> {
  for (let offset = 0; offset < bytes.length; offset += 16) {
    const row = Buffer.from(bytes.subarray(offset, offset + 16));
    const hex = row.toString('hex').replace(/..(?=.)/g, '$& ');
    const text = row.toString('latin1').replace(/[^ -~]/g, '.');
    yield `${offset.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${text}`;
  }
}
