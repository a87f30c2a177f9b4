/** The Telnet session with a client. */
import { flag, type OptionTable } from '../options.ts';
import * as values from '../values.ts';

export const sessionOptions = {
  mode: {
    argument: 'character|raw|line',
    parse: values.choice('character', 'raw', 'line'),
    default: 'character',
    help: '`character`: as with ssh; `raw`: for programs that do their own terminal I/O; `line`: for line-oriented programs with clients that edit and echo',
  },
  encoding: {
    argument: 'NAME',
    parse: values.charset,
    default: 'utf-8',
    help: 'character set of clients that negotiate none',
  },
  'program-encoding': {
    argument: 'client|NAME',
    parse: values.programEncoding,
    default: 'client',
    help: '`client`: the program gets the character set of the client and bytes pass unchanged; NAME: the program runs in this set and telpty converts',
  },
  linemode: {
    argument: 'auto|never',
    parse: values.choice('auto', 'never'),
    default: 'auto',
    help: '`auto`: in mode `character`, clients with LINEMODE (RFC 1184) edit lines while the program reads lines; `never`: they do not',
  },
  term: {
    argument: 'NAME',
    parse: values.terminalName,
    default: 'xterm',
    help: 'terminal type if this host knows none that the client names',
  },
  'negotiation-timeout': {
    argument: 'T',
    parse: values.duration(),
    default: '2s',
    help: 'longest wait for terminal type and window size before the program starts; 0: no limit',
  },
  'never-send-ga': { ...flag, help: 'never send IAC GA' },
  compatibility: {
    argument: 'strict|tolerant',
    parse: values.choice('strict', 'tolerant'),
    default: 'strict',
    help: 'if a client requests an option that is already on: `strict` ignores the request (RFC 1143), `tolerant` answers a client that visibly waits',
  },
  compression: { ...flag, help: 'offer MCCP2 and MCCP3, which MUD clients use; never under TLS' },
} as const satisfies OptionTable;
