/** Who may have a session, and for how long. */
import { flag, type OptionTable } from '../options.ts';
import * as values from '../values.ts';

export const limitOptions = {
  allow: {
    argument: 'CIDR,...|@FILE',
    parse: values.addresses,
    repeatable: true,
    help: 'let in these addresses and ranges, and nobody else; a file has one in each line; read anew at SIGHUP',
  },
  deny: {
    argument: 'CIDR,...|@FILE',
    parse: values.addresses,
    repeatable: true,
    help: 'do not let in these addresses and ranges, allowed or not; likewise',
  },
  'local-user': {
    argument: 'same|any',
    parse: values.choice('same', 'any'),
    defaultWords: 'same without PROGRAM, else any',
    help: 'which users of this machine may connect: same: only the one that the server runs as, and nobody else (Linux)',
  },
  'max-sessions': {
    argument: 'N',
    parse: values.integer(0),
    default: '1000',
    help: 'sessions at a time; more are told so and closed; 0: any number',
  },
  'max-per-ip': {
    argument: 'N',
    parse: values.integer(0),
    default: '0',
    defaultWords: 'off',
    help: 'sessions at a time from one address, or one IPv6 network (/64); more are told so and closed',
  },
  'connect-rate': {
    argument: 'N',
    parse: values.rate,
    default: '0',
    defaultWords: 'off',
    help: 'new connections a second from one address, or one IPv6 network (/64), at length; 0.1: one in ten seconds',
  },
  'max-negotiating': {
    argument: 'N',
    parse: values.integer(0),
    default: '512',
    help: 'connections at a time whose program does not run yet; more are told so and closed; 0: any number',
  },
  'robot-check': {
    ...flag,
    help: 'only terminals that say where their cursor is get the program, and people who type two words',
  },
  'idle-timeout': {
    argument: 'T',
    parse: values.duration(Number.MAX_SAFE_INTEGER),
    default: '0',
    defaultWords: 'off',
    help: 'end a session without input for so long',
  },
  'session-timeout': {
    argument: 'T',
    parse: values.duration(Number.MAX_SAFE_INTEGER),
    default: '0',
    defaultWords: 'off',
    help: 'end a session after so long',
  },
} as const satisfies OptionTable;
