/**
 * The words of a vector's `with` line, and the option that each adds to the table. Any function of telpty/protocol that
 * defines an option is such a word, with its argument as JSON: `sendLocation={"receive":true}`. The words below are
 * shorter.
 */
import * as protocol from '../../../src/protocol/index.ts';
import {
  aardwolf,
  atcp,
  binary,
  charset,
  comPort,
  defineOption,
  echo,
  endOfRecord,
  environ,
  flowControl,
  gmcp,
  linemode,
  logout,
  mccp2,
  mccp3,
  msdp,
  msp,
  mssp,
  mxp,
  newEnviron,
  Option,
  type OptionDefinition,
  type SpecialCharacterSettings,
  sendLocation,
  status,
  suppressGoAhead,
  terminalSpeed,
  terminalType,
  timingMark,
  windowSize,
  xDisplayLocation,
  zmp,
} from '../../../src/protocol/index.ts';

const both = { local: true, remote: true };
const list = (value: string) => value.split(',').filter(Boolean);
const pairs = (value: string) => new Map(list(value).map(pair => pair.split(':') as [string, string]));
/**
 * `EC:127,XOFF:19!,AYT:-,SYNCH:?` with `!` for CANTCHANGE, `-` for no character at present, `?` for DEFAULT, `x` for
 * NOSUPPORT.
 */
const octetsByName = (value: string): SpecialCharacterSettings =>
  Object.fromEntries(
    [...pairs(value)].map(([name, octet]) => {
      if (octet === '-') return [name, null];
      if (octet === '?') return [name, { level: 'DEFAULT' }];
      if (octet === 'x') return [name, { level: 'NOSUPPORT' }];
      if (octet.endsWith('!')) return [name, { level: 'CANTCHANGE', value: Number.parseInt(octet, 10) }];
      return [name, Number(octet)];
    }),
  );
const accept = (known: string[]) => (names: readonly string[]) =>
  names.find(name => known.some(k => k.toLowerCase() === name.toLowerCase()));

/** The answers to the marks that `timing-mark-later` was asked for, in the order of the requests. */
export const markAnswers: (() => void)[] = [];

const WORDS: Readonly<Record<string, (value: string) => OptionDefinition>> = {
  binary: () => binary(both),
  echo: () => echo({ local: true }),
  'echo-both': () => echo(both),
  'echo-request': () => echo({ local: 'request' }),
  sga: () => suppressGoAhead(both),
  eor: () => endOfRecord(both),
  logout: () => logout(both),
  'ttype-collect': () => terminalType({ collect: true }),
  'ttype-names': value => terminalType({ names: list(value) }),
  'naws-receive': () => windowSize({ receive: true }),
  'naws-report': () => windowSize({ report: true }),
  'new-environ-request': value => newEnviron({ request: list(value) }),
  'new-environ-offer': value => newEnviron({ offer: pairs(value) }),
  'environ-request': value => environ({ request: list(value) }),
  'environ-offer': value => environ({ offer: pairs(value) }),
  'charset-server': value => charset({ role: 'server', request: list(value), accept: accept(list(value)) }),
  'charset-client': value => charset({ role: 'client', request: list(value), accept: accept(list(value)) }),
  'charset-accept': value => charset({ role: 'client', accept: accept(list(value)) }),
  'charset-nothing': () => charset({ role: 'client' }),
  status: () => status(both),
  'timing-mark': () => timingMark(),
  // The answers are sent by `! answer <number of the request>`.
  'timing-mark-later': () => {
    markAnswers.length = 0;
    return timingMark({ onRequest: answer => markAnswers.push(answer) });
  },
  'linemode-server': value => linemode({ role: 'server', characters: octetsByName(value) }),
  'linemode-usual': value => linemode({ role: 'server', usual: octetsByName(value) }),
  // A server that always sets TRAPSIG, and never sets LIT_ECHO.
  'linemode-strict': () => linemode({ role: 'server', accept: mode => ({ ...mode, trapsig: true, litEcho: false }) }),
  'linemode-client': value => linemode({ role: 'client', characters: octetsByName(value) }),
  'linemode-import': () => linemode({ role: 'client' }),
  // A client that cannot expand tabs, and prefers not to trap signals, which it is not allowed to decide.
  'linemode-poor': () =>
    linemode({ role: 'client', characters: {}, accept: mode => ({ ...mode, trapsig: false, softTab: false }) }),
  'linemode-forward': () => linemode({ role: 'client', characters: {}, forwardmask: true }),
  'lflow-control': () => flowControl({ remote: true }),
  'lflow-obey': () => flowControl({ local: true }),
  'tspeed-ask': () => terminalSpeed({ ask: true }),
  'tspeed-is': () => terminalSpeed({ speed: { transmit: 38_400, receive: 9_600 } }),
  'xdisploc-ask': () => xDisplayLocation({ ask: true }),
  'xdisploc-is': value => xDisplayLocation({ display: value }),
  'sndloc-receive': () => sendLocation({ receive: true }),
  'sndloc-is': value => sendLocation({ location: value }),
  mccp1: () => defineOption(Option.MCCP1, both),
  gmcp: () => defineOption(Option.GMCP, both),
  'com-port-server': value => comPort({ role: 'server', ...(value && { signature: value }) }),
  'com-port-client': value => comPort({ role: 'client', ...(value && { signature: value }) }),
  'gmcp-json': () => gmcp(both),
  msdp: () => msdp(both),
  'mssp-provide': value => mssp({ provide: () => Object.fromEntries(pairs(value)) }),
  'mssp-receive': () => mssp({ remote: true }),
  zmp: () => zmp(both),
  atcp: () => atcp(both),
  mxp: () => mxp(both),
  msp: () => msp(both),
  aardwolf: () => aardwolf(both),
  'mccp2-server': () => mccp2({ local: true }),
  'mccp2-client': () => mccp2({ remote: true }),
  'mccp3-server': () => mccp3({ local: true }),
  'mccp3-client': () => mccp3({ remote: true }),
  exopl: () => defineOption(Option.EXOPL, both),
};

/** The definition for a word such as `ttype-names=XTERM,VT100`. */
export function definitionOf(word: string): OptionDefinition {
  const [name = '', value = ''] = word.split(/=(.*)/s);
  const make = WORDS[name];
  if (make !== undefined) return make(value);
  const define = (protocol as Readonly<Record<string, unknown>>)[name];
  if (typeof define !== 'function') throw new Error(`no such word: ${word}`);
  return define(...(value === '' ? [] : [JSON.parse(value)])) as OptionDefinition;
}

/** A server that supports every option. */
export const SERVER_WORDS: readonly string[] = [
  'binary',
  'echo',
  'sga',
  'eor',
  'logout',
  'ttype-collect',
  'naws-receive',
  'new-environ-request=USER,LANG,DISPLAY',
  'environ-request=USER,TERM',
  'charset-server=UTF-8,ISO-8859-1',
  'status',
  'timing-mark',
  'linemode-server=EC:127,IP:3,XOFF:19!,AYT:x,FORW1:-',
  'lflow-control',
  'tspeed-ask',
  'xdisploc-ask',
  'sndloc-receive',
  'mccp1',
  'gmcp',
  'com-port-server=telpty',
  'msdp',
  'mssp-provide=NAME:Test',
  'zmp',
  'atcp',
  'mxp',
  'msp',
  'aardwolf',
  'mccp2-server',
  'mccp3-server',
];

/** Its client. */
export const CLIENT_WORDS: readonly string[] = [
  'binary',
  'echo-both',
  'sga',
  'eor',
  'logout',
  'ttype-names=XTERM,VT100',
  'naws-report',
  'new-environ-offer=USER:joe,LANG:C',
  'environ-offer=USER:joe',
  'charset-client=ISO-8859-1,UTF-8',
  'status',
  'timing-mark',
  'gmcp-json',
  'com-port-client',
  'msdp',
  'mssp-receive',
  'zmp',
  'atcp',
  'mxp',
  'aardwolf',
  'mccp2-client',
  'mccp3-client',
  'linemode-client=EC:8,IP:3,XOFF:5!,AYT:?,FORW1:10',
  'lflow-obey',
  'tspeed-is',
  'xdisploc-is=host:0',
  'sndloc-is=Lab',
];

/** Limits that a few octets reach. */
export const TIGHT = {
  subnegotiationBytes: 10,
  terminalTypes: 3,
  optionChanges: 3,
  variables: 2,
  variableValueBytes: 3,
  mudValues: 3,
  mudDepth: 1,
};
