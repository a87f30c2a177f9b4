/** The words of a vector's `with` line: what each puts into the table of options. */
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
  gmcp,
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
  status,
  suppressGoAhead,
  terminalType,
  timingMark,
  windowSize,
  zmp,
} from '../../../src/protocol/index.ts';

const both = { local: true, remote: true };
const list = (value: string) => value.split(',').filter(Boolean);
const pairs = (value: string) => new Map(list(value).map(pair => pair.split(':') as [string, string]));
const accept = (known: string[]) => (names: readonly string[]) =>
  names.find(name => known.some(k => k.toLowerCase() === name.toLowerCase()));

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
  mccp1: () => defineOption(Option.MCCP1, both),
  gmcp: () => defineOption(Option.GMCP, both),
  'com-port-server': value => comPort({ role: 'server', ...(value && { signature: value }) }),
  'com-port-client': value => comPort({ role: 'client', ...(value && { signature: value }) }),
  'gmcp-json': () => gmcp(both),
  msdp: () => msdp(both),
  'mssp-provide': value => mssp({ provide: () => Object.fromEntries(pairs(value)) }),
  'mssp-receive': () => mssp({ receive: true }),
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

/** The definition that a word such as `ttype-names=XTERM,VT100` means. */
export function definitionOf(word: string): OptionDefinition {
  const [name, value = ''] = word.split('=');
  const make = WORDS[name!];
  if (make === undefined) throw new Error(`no such word: ${word}`);
  return make(value);
}
