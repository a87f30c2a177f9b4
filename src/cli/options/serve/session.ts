/** The Telnet session with a client. */
import { serverOptions } from '../../../server/options.ts';
import { ptyShellOptions } from '../../../shells/program/options.ts';
import * as library from '../library.ts';
import type { OptionTable } from '../options.ts';
import * as values from '../values.ts';

export const sessionOptions = {
  mode: {
    ...library.choice(ptyShellOptions.mode),
    help: '`character`: as with ssh; `raw`: for programs that do their own terminal I/O; `line`: for line-oriented programs with clients that edit and echo',
  },
  encoding: {
    argument: 'NAME',
    ...library.text(ptyShellOptions.encoding, values.charset),
    help: 'character set of clients that negotiate none',
  },
  'program-encoding': {
    argument: 'client|NAME',
    ...library.text(ptyShellOptions.programEncoding, values.programEncoding),
    help: '`client`: the program gets the character set of the client and bytes pass unchanged; NAME: the program runs in this set and telpty converts',
  },
  linemode: {
    ...library.choice(ptyShellOptions.linemode),
    help: '`auto`: in mode `character`, clients with LINEMODE (RFC 1184) edit lines while the program reads lines; `never`: they do not',
  },
  term: {
    argument: 'NAME',
    ...library.text(ptyShellOptions.term, values.terminalName),
    help: 'terminal type if this host knows none of the types that the client sends',
  },
  'negotiation-timeout': {
    ...library.duration(ptyShellOptions.negotiationTimeout),
    help: 'longest wait for terminal type and window size before the program starts; 0: no limit',
  },
  'never-send-ga': { ...library.flag(ptyShellOptions.neverSendGa), help: 'never send IAC GA' },
  compatibility: {
    ...library.choice(serverOptions.compatibility),
    help: 'if a client requests an option that is already on: `strict` ignores the request (RFC 1143), `tolerant` answers a client that visibly waits',
  },
  'keep-alive': {
    ...library.duration(serverOptions.keepAlive),
    help: 'send IAC NOP to a client that speaks Telnet after this time without output; 0: never',
  },
  'keep-alive-timeout': {
    ...library.duration(serverOptions.keepAliveTimeout),
    help: '`--keep-alive` asks for TIMING-MARK in place of NOP; a client that has answered one and then stays silent for this time is lost; 0: NOP',
  },
  compression: {
    ...library.flag(serverOptions.compression),
    help: 'offer MCCP2 and MCCP3, which MUD clients use; never under TLS',
  },
} as const satisfies OptionTable;
