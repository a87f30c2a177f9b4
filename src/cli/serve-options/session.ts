/** What is spoken with clients. */
import { flag, type OptionTable } from '../options.ts';
import * as values from '../values.ts';

export const sessionOptions = {
  mode: {
    argument: 'character|raw|line',
    parse: values.choice('character', 'raw', 'line'),
    default: 'character',
    help: 'character: as ssh does; raw: for programs that do their own terminal I/O; line: for clients that edit and echo',
  },
  encoding: {
    argument: 'NAME',
    parse: values.charset,
    default: 'utf-8',
    help: "the client's character set where it negotiates none",
  },
  'program-encoding': {
    argument: 'client|NAME',
    parse: values.programEncoding,
    default: 'client',
    help: "client: programs are told the client's set and bytes pass; a name: they run in that set and telpty converts",
  },
  linemode: {
    argument: 'auto|never',
    parse: values.choice('auto', 'never'),
    default: 'auto',
    help: 'in mode character: whether clients that can (RFC 1184) edit lines while the program wants lines',
  },
  term: {
    argument: 'NAME',
    parse: values.terminalName,
    default: 'xterm',
    help: 'the terminal type where the client names none that this host knows',
  },
  'negotiation-timeout': {
    argument: 'T',
    parse: values.duration(),
    default: '2s',
    help: 'longest wait for terminal type and window size before the program starts',
  },
  'never-send-ga': { ...flag, help: 'never send IAC GA' },
  compatibility: {
    argument: 'strict|tolerant',
    parse: values.choice('strict', 'tolerant'),
    default: 'strict',
    help: 'a client that asks again for what is on: strict ignores it (RFC 1143), tolerant answers a client that visibly waits',
  },
  compression: { ...flag, help: 'offer compression to clients that know MCCP2 and MCCP3; never under TLS' },
} as const satisfies OptionTable;
