/** The notation of test/vectors/README.txt: conversion of octets and events from and to text. */
import {
  Command,
  commandName,
  type LinemodeMode,
  Option,
  optionName,
  type TelnetEvent,
  type TelnetEvents,
} from '../../../src/protocol/index.ts';

const SUBCOMMANDS: Readonly<Record<string, number>> = {
  NUL: 0,
  LF: 10,
  CR: 13,
  IS: 0,
  SEND: 1,
  INFO: 2,
  VAR: 0,
  VALUE: 1,
  ESC: 2,
  USERVAR: 3,
  REQUEST: 1,
  ACCEPTED: 2,
  REJECTED: 3,
  'TTABLE-IS': 4,
  'TTABLE-REJECTED': 5,
  'TTABLE-ACK': 6,
  MODE: 1,
  FORWARDMASK: 2,
  SLC: 3,
  OFF: 0,
  ON: 1,
  'RESTART-ANY': 2,
  'RESTART-XON': 3,
};
const byName = (names: Readonly<Record<string, number>>): ReadonlyMap<string, number> =>
  new Map(Object.entries(names).map(([name, code]) => [name.replaceAll('_', '-'), code]));
const commands = byName(Command);
const options = byName(Option);
const BEFORE_OPTION = new Set(['WILL', 'WONT', 'DO', 'DONT', 'SB']);

/** Octets from names, two-digit hexadecimal numbers, "literals" (JSON, ISO 8859-1) and x<count>, which repeats. */
export function octets(text: string): Uint8Array {
  const out: number[] = [];
  let last: number[] = [];
  let before = '';
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|\S+/g)) {
    if (token === '#') break;
    if (/^x\d+$/.test(token)) {
      for (let times = Number(token.slice(1)); times > 1; times--) for (const octet of last) out.push(octet);
      continue;
    }
    last = octetsOf(token, before);
    for (const octet of last) out.push(octet);
    before = token;
  }
  return Uint8Array.from(out);
}

function octetsOf(token: string, before: string): number[] {
  if (token.startsWith('"')) return [...(JSON.parse(token) as string)].map(letter => letter.charCodeAt(0));
  if (/^[0-9A-F]{2}$/.test(token) && !(token === 'DO' || token === 'EC' || token === 'AO'))
    return [parseInt(token, 16)];
  const optionFirst = BEFORE_OPTION.has(before);
  const code = (optionFirst ? options.get(token) : undefined) ?? commands.get(token) ?? options.get(token);
  const found = code ?? SUBCOMMANDS[token];
  if (found === undefined) throw new Error(`no such octet: ${token}`);
  return [found];
}

/** The octets as one line of text that is readable and unambiguous. */
export function literal(bytes: Uint8Array): string {
  return JSON.stringify(Array.from(bytes, byte => String.fromCharCode(byte)).join('')).replace(
    /[\x7f-\xff]/g,
    letter => `\\u00${letter.charCodeAt(0).toString(16)}`,
  );
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0').toUpperCase()).join(' ');
}

/** Formatters of events that have a shorter form than JSON. */
type Formats = { [T in keyof TelnetEvents]?: (event: TelnetEvents[T]) => string };

const text = (value: string | undefined) => (value === undefined ? 'none' : JSON.stringify(value));

const literalText = (value: string) => `text ${JSON.stringify(value)}`;
const modes = (mode: LinemodeMode) =>
  Object.entries(mode)
    .filter(([, on]) => on)
    .map(([name]) => name)
    .join(',') || 'none';

const FORMATS: Formats = {
  command: e => commandName(e.command),
  option: e => `${optionName(e.option)} ${e.side} ${e.enabled ? 'enabled' : 'disabled'}`,
  subnegotiation: e => `${optionName(e.option)} ${literal(e.payload)}`,
  'terminal-type': e =>
    [
      text(e.name),
      `names=${e.names.join(',')}`,
      e.mtts === undefined ? '' : `mtts=${e.mtts}`,
      e.complete ? 'complete' : '',
    ]
      .filter(Boolean)
      .join(' '),
  'window-size': e => `${e.columns}x${e.rows}`,
  environment: e =>
    [
      optionName(e.option),
      e.kind,
      ...e.variables.map(
        v =>
          `${v.kind} ${JSON.stringify(v.name).slice(1, -1)}${v.value === undefined ? '' : `=${JSON.stringify(v.value)}`}`,
      ),
      `pending=${e.pending}`,
    ].join(' '),
  charset: e => `${text(e.charset)} by ${e.by}`,
  status: e => e.options.map(o => `${optionName(o.option)} ${o.side} ${o.enabled ? 'on' : 'off'}`).join(', '),
  'timing-mark': e => `by ${e.by}${e.supported ? '' : ' unsupported'}`,
  logout: e => e.side,
  'com-port': e => `${e.command} ${e.value === undefined ? 'none' : JSON.stringify(e.value)}`,
  gmcp: e =>
    `${e.name} ${e.data === undefined ? (e.text === '' ? 'none' : literalText(e.text)) : JSON.stringify(e.data)}`,
  msdp: e => e.variables.map(v => `${v.name}=${JSON.stringify(v.value)}`).join(' '),
  mssp: e => [...e.variables].map(([name, values]) => `${name}=${values.join('|')}`).join(' '),
  zmp: e => [e.command, ...e.args].map(part => JSON.stringify(part)).join(' '),
  atcp: e => `${e.name} ${JSON.stringify(e.text)}`,
  mxp: () => '',
  aardwolf: e => `${e.channel} ${e.value}`,
  compression: e => `${optionName(e.option)} ${e.direction}`,
  linemode: e => `${modes(e.mode)} by ${e.by}`,
  'special-characters': e =>
    e.changed
      .map(
        c =>
          `${c.name}=${c.level}${c.value === null ? '' : `:${c.value}`}${c.flushIn ? '+in' : ''}${c.flushOut ? '+out' : ''}`,
      )
      .join(' '),
  forwardmask: e => `${e.characters === undefined ? 'none' : e.characters.join(',') || 'empty'} by ${e.by}`,
  'flow-control': e => `${e.enabled ? 'on' : 'off'} restart=${e.restart ?? 'unset'}`,
  'terminal-speed': e => `${e.transmit},${e.receive}`,
  'x-display-location': e => e.display,
  warning: e => (e.option === undefined ? e.code : `${e.code} ${optionName(e.option)}`),
};

/** One line for one event, without the message of a warning. */
export function describe(event: TelnetEvent): string {
  const format = FORMATS[event.type] as ((event: TelnetEvent) => string) | undefined;
  const { type, ...fields } = event;
  return `${type} ${format === undefined ? JSON.stringify(fields) : format(event)}`.trim();
}
