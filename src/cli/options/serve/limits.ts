/** Which clients get a session, how many, and for how long. */
import { limitOptions as limits } from '../../../shells/guards/limit.ts';
import * as library from '../library.ts';
import { flag, type OptionTable } from '../options.ts';
import * as values from '../values.ts';

export const limitOptions = {
  allow: {
    argument: 'CIDR,...|@FILE',
    parse: values.addresses,
    repeatable: true,
    help: 'accept only clients from these addresses and ranges; @FILE has one in each line, and SIGHUP reads it again',
  },
  deny: {
    argument: 'CIDR,...|@FILE',
    parse: values.addresses,
    repeatable: true,
    help: 'reject clients from these addresses and ranges, even if allowed; @FILE as for `--allow`',
  },
  'local-user': {
    argument: 'same|any',
    parse: values.choice('same', 'any'),
    defaultWords: 'same without PROGRAM, else any',
    help: 'local users that may connect; `same`: only the user that the server runs as can connect, and no other machine can (Linux)',
  },
  'max-sessions': {
    ...library.count(limits.maxSessions),
    default: '1000',
    help: 'concurrent sessions; further clients get a message and are closed; 0: no limit',
  },
  'max-per-ip': {
    ...library.count(limits.maxPerAddress),
    defaultWords: 'off',
    help: 'concurrent sessions per address or IPv6 network (/64); further clients get a message and are closed',
  },
  'connect-rate': {
    argument: 'N',
    ...library.setsWithDefault(limits.connectRate, values.rate, String),
    defaultWords: 'off',
    help: 'sustained rate of new connections per second from one address or IPv6 network (/64); 0.1: one in ten seconds',
  },
  'max-negotiating': {
    ...library.count(limits.maxNegotiating),
    default: '512',
    help: 'concurrent connections whose program does not run yet; further clients get a message and are closed; 0: no limit',
  },
  'robot-check': {
    ...flag,
    help: 'start the program only for terminals that report their cursor position, or after the user has typed two given words',
  },
  'idle-timeout': {
    ...library.duration(limits.idleTimeout),
    defaultWords: 'off',
    help: 'end a session without input after this time',
  },
  'session-timeout': {
    ...library.duration(limits.sessionTimeout),
    defaultWords: 'off',
    help: 'end any session after this time',
  },
} as const satisfies OptionTable;
